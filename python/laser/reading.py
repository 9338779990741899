"""Which settings of the command a round outside of the command reads: what it would not read is refused or told.

The list is the core's own: a setting is read where changing it changes the algorithm.
"""

from __future__ import annotations

import functools
import math
import operator
import warnings
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from laser.budget import plain_power
from laser.native import EXIT_CONFIGURATION, EXIT_USAGE, core, error, is_flag, pairs

GIVEN = ("method", "workers", "seed", "power")  # read, though no part of the algorithm
MOST_SEED = 2**64 - 1
OF_TRAINING = "it belongs to the training loop and the optimizer, which are yours"
HINTS = {  # by group of the option list, or by setting
    "learning_rate": "that of your optimizer, torch.optim.SGD(model.parameters(), lr=0.1); laser.Training has it",
    "epochs": "rounds= of laser.Simulator; elsewhere the training loop is yours",
    "training": OF_TRAINING,
    "model": "the model is yours",
    "shards": "the data are yours: give each rank its part",
    "local": "steps between two rounds are yours: send w - w_i, or let laser.Simulator make them",
    "machine": "torch decides where and how it computes, torch.set_num_threads and .to(device)",
    "links": "the step is yours: add the noise of a broadcast to it",
    "power_policy": "power may be a function of the round: power=laser.power.schedule('linear_up', rounds, 1e4).__getitem__",
    "power_period": "power may be a function of the round",
    "power_levels": "power may be a function of the round: power=laser.power.schedule('custom', 3, 1e4, [1, 2, 3]).__getitem__",
    "power_exponent": "power may be a function of the round: power=laser.power.schedule('power_law', rounds, 1e4).__getitem__",
    "gradient_clip": "torch.nn.utils.clip_grad_norm_ before the step",
}


@functools.cache
def groups() -> dict[str, tuple[str, bool]]:
    """The group of every setting, and whether a round reads it, by name."""
    return {name: (group, read or name in GIVEN) for name, group, read in core.setting_groups()}


def check_read(settings: Mapping[str, Any], reader: str) -> None:
    """Raises Error naming the first setting that no round reads; names that are unknown are left to the core.

    settings: by name.
    reader: what messages call the round.
    """
    for name in settings:
        group, read = groups().get(name, ("", True))
        if not read:
            hint = HINTS.get(name) or HINTS.get(group) or OF_TRAINING
            raise error(EXIT_CONFIGURATION, f"{name} = {settings[name]} would have no effect: {reader} does not read it. "
                        f"HINT: {hint}")


def tell_without_effect(given: Mapping[str, Any], settings: Mapping[str, Any], reader: str, stacklevel: int,
                        more: tuple[str, ...] = ()) -> None:
    """Warns where one of the `given` settings has no effect beside the other `settings`.

    given: settings as the caller gave them.
    settings: those that the round is made of.
    reader: what messages call the round.
    stacklevel: of the warning, as for warnings.warn.
    more: "name = value" of further ones without effect.
    """
    idle = [text for text in core.without_effect(pairs({**settings, **given})) if text.split(" = ")[0] in given]
    idle += more
    if idle:
        warnings.warn(f"laser: {reader} has no use for {', '.join(idle)} with method, channel and compressor as they are",
                      stacklevel=stacklevel + 1)


def channel_named(channel: Any) -> Any:
    """The channel, which may be called "none" where it is "noiseless".

    channel: a name or a part of one's own.
    """
    return "noiseless" if isinstance(channel, str) and channel == "none" else channel


def check_seed(seed: object) -> int:
    """A whole number from 0 to 2^64 - 1. Raises Error (configuration) for anything else.

    seed: anything.
    """
    number = whole_number(seed)
    if number is None or not 0 <= number <= MOST_SEED:
        raise error(EXIT_CONFIGURATION, f"seed = {seed!r} must be a whole number from 0 to {MOST_SEED} (2^64 - 1). HINT: seed=1")
    return number


def check_whole(name: str, value: object, least: int) -> int:
    """A whole number that is `least` or more. Raises Error (configuration) for anything else.

    name: what messages call it.
    value: anything.
    least: the smallest that fits.
    """
    number = whole_number(value)
    if number is None or number < least:
        raise error(EXIT_CONFIGURATION, f"{name} = {value!r} must be a whole number, {least} or more. HINT: {name}={max(least, 1)}, an int")
    return number


def check_flag(name: str, value: object) -> bool:
    """True or False, of Python or of numpy; what merely counts as one of them (0, "no") raises Error (configuration).

    name: what messages call it.
    value: anything.
    """
    if not is_flag(value):
        raise error(EXIT_CONFIGURATION, f"{name} = {value!r} must be True or False. HINT: {name}=True or {name}=False")
    return bool(value)


def whole_number(value: Any) -> int | None:
    """The whole number of Python, numpy or a tensor of one; None for anything else.

    value: anything.
    """
    if is_flag(value):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def check_positive(name: str, value: object) -> float:
    """A finite number above 0. Raises Error (configuration) for anything else.

    name: what messages call it.
    value: anything.
    """
    number = real_number(value)
    if not (math.isfinite(number) and number > 0):
        raise error(EXIT_CONFIGURATION, f"{name} = {value!r} must be a number above 0. HINT: {name}=0.1, say")
    return number


def check_power(power: object, round_number: int | None = None) -> float:
    """A budget that is fixed is above 0; one of a function may be 0 in a round, which nobody hears then. Raises
    Error (configuration) for anything else.

    power: anything.
    round_number: of a function's budget; None: it is fixed.
    """
    number = real_number(power)
    least_fits = number > 0 if round_number is None else number >= 0
    if not (math.isfinite(number) and least_fits):
        where = "" if round_number is None else f" in round {round_number}"
        raise error(EXIT_CONFIGURATION, f"power = {power!r}{where} must be a number above 0. HINT: for exact communication "
                    "set channel='none'")
    return number


def power_in(function: Callable[[int], float], round_number: int) -> float:
    """What a function says for a round. Raises Error (configuration) where it fails, or says what no budget is.

    function: of the round, from 0.
    round_number: the round.
    """
    try:
        power = function(round_number)
    except Exception as problem:
        raise error(EXIT_CONFIGURATION, f"power has nothing for round {round_number} ({type(problem).__name__}: {problem}). "
                    "HINT: a schedule has as many budgets as there are rounds") from problem
    return check_power(power, round_number)


def real_number(value: Any) -> float:
    """The number of Python, numpy or a tensor of one; NaN for anything else, for flags and for texts.

    value: anything.
    """
    if is_flag(value) or isinstance(value, (str, bytes, bytearray)):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return math.nan


def numbers_of(name: str, values: Any, least: float = -math.inf) -> list[float]:
    """A list of finite numbers that are `least` or more.

    name: what messages call it.
    values: numbers of Python, numpy or torch.
    least: the smallest that fits. Raises Error (configuration) for anything else.
    """
    listed = [real_number(one) for one in values] if isinstance(values, Iterable) and not isinstance(values, (str, bytes)) else [math.nan]
    if not all(math.isfinite(one) and one >= least for one in listed):
        bound = "" if least == -math.inf else f", {least:g} or more"
        raise error(EXIT_CONFIGURATION, f"{name} = {values!r} must be a list of finite numbers{bound}. HINT: {name}=[1.0, 2.0], say")
    return listed


def check_mapping(tensors: Any) -> Mapping[str, Any]:
    """Tensors or shapes by name.

    tensors: a mapping of one name or more. Returns it. Raises Error (usage, configuration) for anything else.
    """
    if not isinstance(tensors, Mapping):
        raise error(EXIT_USAGE, f"{type(tensors).__name__} does not map names to tensors. HINT: a dict")
    if not tensors:
        raise error(EXIT_CONFIGURATION, "there is no tensor to send. HINT: at least one")
    for name in tensors:
        if not isinstance(name, str):
            raise error(EXIT_USAGE, f"{name!r} is no name of a tensor. HINT: names are texts")
    return tensors


def check_shape(name: str, shape: Any) -> tuple[int, ...]:
    """The dimensions of a tensor.

    name: of the tensor.
    shape: whole numbers of 1 or more; () for a single number. Raises Error (configuration) for anything else.
    """
    try:
        sizes = tuple(map(whole_number, shape))
    except TypeError:
        sizes = (None,)
    if isinstance(shape, str) or any(size is None or size < 1 for size in sizes):
        raise error(EXIT_CONFIGURATION, f"'{name}' has shape {shape}, and a round needs numbers to send. HINT: dimensions of "
                    "1 or more, such as (64, 32); leave out tensors without elements")
    return tuple(size for size in sizes if size is not None)


def difference(theirs: Any, mine: Any) -> str:
    """Where two settings, lists of shapes or values part.

    theirs: what was saved.
    mine: what is there.
    """
    if isinstance(mine, dict) and isinstance(theirs, dict):
        for name in {**theirs, **mine}:
            if theirs.get(name) != mine.get(name):
                return f"{name} was {theirs.get(name)}, is {mine.get(name)}"
    if isinstance(mine, list) and isinstance(theirs, list):
        for one, other in zip(theirs, mine):
            if one != other:
                return f"{one[0]} {one[1]} was where {other[0]} {other[1]} is"
        return f"{len(theirs)} tensors were saved, the model has {len(mine)}"
    return f"{theirs} was saved, {mine} is asked for"


class SharedBudget:
    """A budget that several states spend together: ``LaserState(ddp, power=budget)`` for each of them.

    power: energy that each worker spends on one round of all of them ("40dB" is 10,000), or a function of the round's number. Each
        state has the part of it that its parameters are of all of theirs.

    >>> budget = laser.SharedBudget(1e4)
    >>> encoder, decoder = laser.LaserState(power=budget), laser.LaserState(power=budget)  # each for a DDP module, attach(ddp)
    """

    def __init__(self, power: float | str | Callable[[int], float] = 1e4):
        self.power: float | Callable[[int], float] = power if callable(power) else check_power(plain_power(power))
        self._members: weakref.WeakSet[Power] = weakref.WeakSet()  # of the states that are there

    def join(self, member: Power) -> None:
        """Counts a state's budget among those that share this one, for as long as the state is there.

        member: the budget of a state.
        """
        self._members.add(member)

    def of(self, member: Power, round_number: int) -> float:
        """The part of a round's budget that a state has: in proportion to the numbers of its parameters.

        member: the budget of a state.
        round_number: from 0.
        """
        whole = power_in(self.power, round_number) if callable(self.power) else self.power
        return whole * member.size / sum(one.size for one in self._members)


class Power:
    """The budget of a state: a number, a function of the round, or a part of a shared one.

    power: a number, a function of the round (from 0), a ``SharedBudget``, or None: 1e4.
    size: numbers in the gradients of the state. Raises Error (configuration) for what is no budget.
    """

    def __init__(self, power: float | Callable[[int], float] | SharedBudget | None, size: int):
        self._shared = power if isinstance(power, SharedBudget) else None
        self.size = size
        self._function = power if callable(power) else None
        self._fixed = 0.0 if self._shared or self._function else check_power(1e4 if power is None else power)

    def take_part(self) -> None:
        """In a shared budget, once nothing can refuse the state any more: one that is not there takes no share."""
        if self._shared:
            self._shared.join(self)

    def of(self, round_number: int) -> float:
        """The budget of a round; before the first one nothing is spent.

        round_number: from 0, below it before the first round.
        """
        if round_number < 0:
            return 0.0
        if self._shared:
            return self._shared.of(self, round_number)
        return power_in(self._function, round_number) if self._function else self._fixed

    def agree(self, powers: list[float]) -> float:
        """One budget from those of all ranks. Ranks with more states have smaller parts of a shared budget, and the smallest
        keeps to it everywhere. Raises Error (configuration) where ranks have different powers that are not shared.

        powers: one a rank.
        """
        if self._shared is None and len(set(powers)) > 1:
            raise error(EXIT_CONFIGURATION, f"the ranks have different powers: {powers}. HINT: a power that is a function "
                        "must give all ranks the same")
        return min(powers)

    def text(self) -> str:
        """What ranks compare: equal for budgets that are given alike."""
        if self._shared:
            return "a shared budget"
        return "a function" if self._function else repr(float(self._fixed))
