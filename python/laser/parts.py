"""Parts of a round of one's own: a compressor, a channel, a feedback, a receiver or an allocation.

An object of a class below is accepted wherever the name of a part is: ``laser.Aggregator(shapes, workers=8,
compressor=Mine())``, ``laser.LaserState(ddp, channel=Mine())``, ``laser.Training(task="mnist", feedback=Mine())``. A part
keeps nothing between rounds (one object may serve several rounds at once); what lasts is ``initial_state`` of a compressor,
and the error memory, which belongs to the round. ``laser.testing`` has the laws that parts obey. docs/parts.md has an
example of each.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch

from laser.native import EXIT_CONFIGURATION, EXIT_USAGE, core, error, is_flag


@dataclasses.dataclass(frozen=True)
class Exchange:
    """What a part is told of the tensor and the round that it is asked about."""

    name: str  # of the tensor; "" for a channel
    rows: int  # m
    columns: int  # n
    round: int  # 0 for the first
    tensor: int  # its number in the model
    state: dict[str, torch.Tensor]  # of the compressor, as of the last round: the same at the server and all workers
    seed: int = dataclasses.field(repr=False)

    def random(self, unit: int = 0) -> torch.Generator:
        """Random numbers for this round and tensor, the same at the server and at all workers, others for another ``unit``:
        ``torch.randn(8, generator=exchange.random())``. They follow from the run's seed, so that a run that is resumed goes
        on with what it would have drawn.

        unit: a whole number from 0 to 2^32 - 1 that names the draw; 0 by default. Raises Error (usage) for anything
            else.
        """
        if not isinstance(unit, int) or not 0 <= unit < 2**32:
            raise error(EXIT_USAGE, f"unit = {unit!r} must be a whole number from 0 to 2^32 - 1. HINT: exchange.random(1)")
        word = core.part_word(self.seed, self.round, self.tensor, unit)
        return torch.Generator().manual_seed(word - 2**64 if word >= 2**63 else word)


class Compressor:
    """What workers send instead of their gradients.

    ``encode`` turns the messages [K, m, n] of the K workers that are computed here into symbols [K, D], each worker's from
    its own message alone. The channel brings the server the workers' mean with noise, [D]; ``decode`` turns it into the
    estimate [m, n] of the mean message. What a worker would have got across by itself, which error feedback takes from its
    memory, is ``decode`` of its own symbols, unless ``own`` says otherwise. Tensors of one dimension are m x 1 matrices.

    Four class attributes say what holds. What would let a compressor into more rounds is False until it is said; what makes the laws of
    ``laser.testing`` look harder is True until it is denied. Each is True or False, and anything else is refused.

    linear: (False) the estimate is linear in the messages, encode and decode both, given state and random numbers: no rounding, no signs.
        Receivers with a ``weight`` and feedback="hold" refuse a compressor that does not say so.
    exact: (False) without noise the estimate is the mean of the messages.
    scales: (True) the estimate grows and shrinks with what is received. That of signs does not: deny it there, and receivers that scale or
        weigh are refused.
    splits: (True) what a worker alone gets across and what it keeps add up to its message. Only the laws read it.
    """

    linear = False
    exact = False
    scales = True
    splits = True

    def applies(self, rows: int, columns: int) -> bool:
        """Whether a tensor is compressed; if not it is sent as it is, and workers have no memory of it.

        rows: m of the tensor.
        columns: n of the tensor; 1 where it has one dimension.
        """
        return rows > 1 and columns > 1

    def initial_state(self, exchange: Exchange) -> dict[str, torch.Tensor]:
        """What the server and all workers have in common before the first round, such as a factor to start from.

        exchange: of the tensor before its first round.
        """
        return {}

    def encode(self, messages: torch.Tensor, exchange: Exchange) -> torch.Tensor:
        """Symbols [K, D] for messages [K, m, n], which must not be changed.

        messages: [K, m, n], K the workers of this process, float32 or float64, on the CPU.
        exchange: what is known of tensor and round.
        """
        raise NotImplementedError

    def decode(self, received: torch.Tensor, exchange: Exchange) -> torch.Tensor | tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The estimate [m, n] from what was received, [D]; or that and the state from here on.

        received: [D], the workers' mean with noise.
        exchange: what is known of tensor and round; its state is the one to go on from.
        """
        raise NotImplementedError

    def own(self, symbols: torch.Tensor, exchange: Exchange) -> torch.Tensor:
        """[K, m, n] what each worker would have got across by itself without noise. Write it where there is a quicker way
        than ``decode`` for each.

        symbols: [K, D] as ``encode`` made them.
        exchange: what is known of tensor and round.
        """
        raise NotImplementedError


class Channel:
    """How scaled symbols of k workers become what the server hears, y = sum_i h_i a_i s_i + Z, Z ~ N(0, 1) a symbol.

    Without methods of its own it is the paper's channel. ``noisy`` (True): without noise there is no power limit.
    ``shares_power`` (False): the budget holds for all workers together.
    """

    noisy = True
    shares_power = False

    def gains(self, workers: int, exchange: Exchange) -> Sequence[float]:
        """[k] the gains h_i of this round, or of a tensor where ``fading_draw="tensor"``; a worker with 0 stays silent and
        keeps its message. Drawn from ``exchange.random()``.

        workers: k.
        exchange: what is known of the round.
        """
        return [1.0] * workers

    def scale(self, gains: Sequence[float], norms: Sequence[float],
              energies: Sequence[float]) -> tuple[Sequence[float], float]:
        """The amplitudes a_i [k] and the factor that the server multiplies what it hears with, for a group of symbols of
        which worker i's have the norm ``norms[i]`` and may cost ``energies[i]``: (a_i norms[i])^2 <= energies[i]. The weights
        factor h_i a_i should add up to 1, at least on average. Workers with norm 0 have nothing to send, those with gain 0
        are not heard.

        gains: [k] the h_i, 0 or more.
        norms: [k] of the workers' symbols, 0 or more.
        energies: [k] the most that each may spend, in units of the noise variance.
        """
        amplitude = min(energy**0.5 / norm for gain, norm, energy in zip(gains, norms, energies) if gain and norm)
        heard = sum(gain * amplitude for gain in gains)
        return [amplitude if gain else 0.0 for gain in gains], 1 / heard


@dataclasses.dataclass(frozen=True)
class Arrived:
    """What a feedback is told: what the server made of the round."""

    _own: Callable[[], torch.Tensor]
    estimate: torch.Tensor  # [m, n] the server's, with noise
    weight: float  # that the receiver gave it
    heard: torch.Tensor  # [K, 1, 1] bools: whose message arrived; the others keep theirs whatever ``update`` says

    @property
    def own(self) -> torch.Tensor:
        """[K, m, n] what each worker would have got across by itself without noise."""
        return self._own()


class Feedback:
    """What workers keep of a round for the next one, in which they send e_i + g_i.

    ``everywhere`` (False): also of tensors that are sent as they are. ``weighs`` (False): it keeps what a receiver's weight
    left out, and cannot go with a receiver that scales.
    """

    everywhere = False
    weighs = False

    def update(self, messages: torch.Tensor, arrived: Arrived) -> torch.Tensor:
        """The memories e_i [K, m, n] from the messages M_i [K, m, n]; LASER's is ``messages - arrived.own``.

        messages: [K, m, n] M_i = e_i + g_i.
        arrived: what the server made of them.
        """
        raise NotImplementedError


class Receiver:
    """What the server does to what it heard; write one of the two methods."""

    def scale(self, received: torch.Tensor, noise_std: torch.Tensor) -> torch.Tensor:
        """The received symbols [C, D] of a tensor, scaled: C groups that crossed the channel with a scale each (one, or one
        a column of a factor) of D symbols; ``noise_std`` [C, 1] is the deviation of the noise in a symbol of each.

        received: [C, D] as decoded.
        noise_std: [C, 1], above 0 where there is noise.
        """
        return received

    def weight(self, noise: float, energies: list[float]) -> float:
        """The weight of a tensor's estimate: ``noise`` is the energy of the noise in what was received, ``energies`` are
        those of the messages of the workers that were heard. Workers know both.

        noise: in units of the message's square, 0 or more.
        energies: one number a worker that was heard, ||M_i||^2.
        """
        return 1.0


@dataclasses.dataclass(frozen=True)
class Blocks:
    """What one worker knows of the B tensors of a round before it sends them; each a tensor [B] of doubles."""

    raw_norms: torch.Tensor  # of the uncompressed messages, ||M_i||
    sent_norms: torch.Tensor  # of what is sent of them, N_i
    symbols: torch.Tensor  # D of each; with 0 the tensor takes no part
    held: torch.Tensor  # rounds that its symbols are held: 1, but with feedback="hold" its cycle


class Allocation:
    """How a worker shares its energy over the tensors of a model (docs/specification.md, section 3.2)."""

    def weights(self, blocks: Blocks) -> Sequence[float] | torch.Tensor:
        """The weights w [B] of the tensors, at least 0, in any unit: a tensor gets w / sum(w) of this worker's energy, and the
        server tells all workers the mean of what they would give it. Where all are 0 the tensors share alike.

        blocks: what this worker knows of its tensors, each [B].
        """
        raise NotImplementedError


ROLES: dict[str, type] = {"compressor": Compressor, "feedback": Feedback, "receiver": Receiver, "channel": Channel,
                          "allocation": Allocation}
_METHODS = {"compressor": ("encode", "decode"), "feedback": ("update",), "receiver": (), "channel": (), "allocation": ("weights",)}


def part(role: str, value: Any) -> Any:
    """An object that plays the role, from one or from its class. Raises Error where it does not fit.

    role: compressor, feedback, receiver, channel or allocation.
    value: the object or the class.
    """
    if role not in ROLES:
        raise error(EXIT_USAGE, f"there is no role {role!r}. HINT: {', '.join(ROLES)}")
    base = ROLES[role]
    if isinstance(value, type) and issubclass(value, base):
        try:
            value = value()
        except TypeError as problem:
            raise error(EXIT_CONFIGURATION, f"{role} = {value.__name__}: the class needs arguments ({problem}). HINT: an object "
                        "of it") from problem
    if isinstance(value, str):
        raise error(EXIT_CONFIGURATION, f"'{value}' is a name, and here a {role} of your own is asked for: a class or an object. "
                    f"HINT: class Mine(laser.{base.__name__}), as docs/parts.md has it; the package's parts are checked by its own tests")
    if not isinstance(value, base):
        raise error(EXIT_CONFIGURATION, f"{role} = {value!r} is neither a name nor a laser.{base.__name__}. HINT: class "
                    f"Mine(laser.{base.__name__}), as docs/parts.md has it, or one of {', '.join(names(role))}")
    for flag in (name for name, default in vars(base).items() if isinstance(default, bool)):
        if not is_flag(getattr(value, flag)):
            raise error(EXIT_CONFIGURATION, f"{role} = {type(value).__name__} has {flag} = {getattr(value, flag)!r}. HINT: {flag} = True or "
                        f"{flag} = False")
    _check_methods(role, type(value), base)
    for method in _METHODS[role]:
        if getattr(type(value), method) is getattr(base, method):
            raise error(EXIT_CONFIGURATION, f"{role} = {type(value).__name__} has no {method}(). HINT: docs/parts.md")
    return value


def _check_methods(role: str, kind: type, base: type) -> None:
    """Raises Error for a method that is nearly one of the role's, and where there is none, or one too many."""
    own = {name for one in kind.__mro__[: kind.__mro__.index(base)] for name in vars(one) if not name.startswith("_")}
    known = [name for name in vars(base) if not name.startswith("_")]
    for name in sorted(own - set(known)):
        near = difflib.get_close_matches(name, known, 1, 0.75)
        if near and callable(getattr(kind, name)) and near[0] not in own:
            raise error(EXIT_CONFIGURATION, f"{role} = {kind.__name__} has {name}(), which nothing calls. HINT: {near[0]}()")
    written = own & set(known)
    if role == "receiver" and {"scale", "weight"} <= written:
        raise error(EXIT_CONFIGURATION, f"receiver = {kind.__name__} has scale() and weight(). HINT: one of them")
    if kind is not base and not written and role in ("receiver", "channel"):
        raise error(EXIT_CONFIGURATION, f"{role} = {kind.__name__} has none of {', '.join(known)}. HINT: docs/parts.md")


def names(role: str) -> list[str]:
    """The parts of the tables.

    role: any of ``laser.listing.rows``.
    """
    return [name for owner, name, _, _ in core.part_rows() if owner == role]


@functools.cache
def _facts() -> dict[str, Any]:
    return core.part_facts()


def traits(role: str, name: str) -> dict[str, Any]:
    """What holds for a part of the tables; of a compressor with transports nothing, since it holds for each of them.

    role: of the part.
    name: of the part.
    """
    return dict(_facts()[role][name]["traits"])


def reads(role: str, name: str) -> list[str]:
    """The settings that a part of the tables reads and others need not.

    role: of the part.
    name: of the part.
    """
    return list(_facts()[role][name]["reads"])


def split(settings: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings for the command's list, and the objects that play a role in the place of a name.

    settings: by name, with objects among them. Raises Error (configuration) for an object that does not fit.
    """
    plain, objects = dict(settings), {}
    for role in ROLES:
        if role in plain and not isinstance(plain[role], str):
            objects[role] = part(role, plain.pop(role))
    if "compressor" in objects:
        plain["compressor"] = "identity"  # so that settings of other compressors are told to have no effect
    return plain, objects


def noisy(objects: dict[str, Any], channel: str) -> bool:
    """Whether the channel, one of one's own or that of the name, needs power.

    objects: parts of one's own by role.
    channel: a name, where none of them is a channel.
    """
    return bool(objects["channel"].noisy) if "channel" in objects else bool(traits("channel", channel)["noisy"])


def called(objects: dict[str, Any]) -> dict[str, str]:
    """The qualified names of parts, as records have them.

    objects: parts of one's own by role.
    """
    return {role: f"{type(value).__module__}.{type(value).__qualname__}" for role, value in objects.items()}
