"""One method in one contest of an arena: what is agreed beforehand, the search of a step size, and what counts (laser.arena)."""

from __future__ import annotations

import dataclasses
import math
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from laser.arena_plan import COMMON, Contest, DATA, Plan, SCHEMA, air_of, said_of, shapes_of


@dataclasses.dataclass(frozen=True)
class Contestant:
    """A method by name with settings beside it, or parts of one's own."""

    name: str
    settings: dict[str, Any]
    parts: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def method(self) -> str:
        return str(self.settings.get("method", "laser"))

    def file(self) -> str:
        """The name of its results' file."""
        kept = "".join(c if c.isalnum() or c in "-_" else "-" for c in self.name)
        return f"{kept}.json"


def contestant(text: str) -> Contestant:
    """"zsgd", or "zsgd:server_rule=polar,momentum=0.5": a method and settings beside it. Raises Error where there is none.

    text: METHOD, or METHOD:key=value,...
    """
    from laser.native import EXIT_USAGE, core, error, pairs

    method, _, rest = text.partition(":")
    settings: dict[str, Any] = {"method": method}
    for item in filter(None, rest.split(",")):
        key, equals, value = item.partition("=")
        if not equals:
            raise error(EXIT_USAGE, f"'{item}' of '{text}' is not of the form key=value. HINT: laser:server_rule=polar")
        settings[key] = value
    core.settings(pairs(settings))  # unknown names and values are told here
    return Contestant(text, settings)


def terms(plan: Plan, contest: Contest, one: Contestant, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | str:
    """Channel uses a round of a method, its power and its epochs in a contest; or why it has no place in it.

    plan: of the arena.
    contest: of the plan.
    one: the method.
    shapes: of the tensors of the contest's model.
    """
    import torch

    from laser.aggregation import Aggregator
    from laser.native import EXIT_CONFIGURATION, Error, core

    read = {"method"} | {name for name, _, is_read in core.setting_groups() if is_read}  # what a round reads
    channel = air_of(contest, one.method)
    if channel is None:
        return f"it is made for another air than {contest.air}"
    size = sum(math.prod(shape) for shape in shapes.values())
    settings = {**{name: value for name, value in COMMON.items() if name in ("rank", "compression_factor")}, "channel": channel}
    if "channel" in one.parts:
        del settings["channel"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # settings that this method does not read
        own = {name: value for name, value in one.settings.items() if name in read}
        try:
            aggregator = Aggregator(dict(shapes), workers=2, power=1.0, **{**settings, **own}, **one.parts)
        except Error as problem:
            if problem.exit_code != EXIT_CONFIGURATION:
                raise
            return str(problem)  # as a projection that is too large for the model
        uses = [aggregator.round({name: torch.randn(2, *shape, generator=torch.Generator().manual_seed(t))
                                  for name, shape in shapes.items()}).symbols for t in range(2)]
    symbols = sum(uses) / len(uses)
    power, epochs = plan.power[contest.task], plan.epochs[contest.task]
    if contest.equal != "energy":
        power *= symbols / size
    if contest.equal == "airtime":
        wanted = plan.air_epochs[contest.task] * size / symbols
        if wanted < 0.75:
            return "a single epoch of it takes more air than there is"
        epochs = min(max(1, math.floor(wanted + 0.5)), plan.most_epochs[contest.task])
    return {"symbols": symbols, "power": power, "epochs": epochs, "channel": channel}


def _value(text: Any) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def compete(plan: Plan, contest: Contest, one: Contestant) -> dict[str, Any]:
    """Chooses a step size on held-out data and trains with it; returns the result of one method in one contest, as it is filed.

    plan: of the arena.
    contest: of the plan.
    one: the method.
    """
    began = time.monotonic()
    result: dict[str, Any] = {"schema": SCHEMA, "contest": contest.name, "method": one.name, "settings": {
        name: str(value) for name, value in one.settings.items()}, "parts": {
        role: f"{type(part).__module__}.{type(part).__qualname__}" for role, part in one.parts.items()}}
    agreed = terms(plan, contest, one, shapes_of(contest.task))
    if isinstance(agreed, str):
        return {**result, "absent": agreed}
    training = _trainer(contest, one, agreed)
    tried, chosen = _search(plan, training, int(agreed["epochs"]))
    accuracies, uses, use = [], 0.0, 0.0
    for seed in range(1, plan.seeds + 1):
        run = training(learning_rate=chosen, seed=seed)
        accuracies.append(_advance(run, run.rounds))
        if accuracies[-1] is not None:
            uses, use = run.symbols, max(use, run.budget_use)
    return {**result, **agreed, "uses_measured": uses, "budget_use": use, "tried": [tried[rate] for rate in plan.rates],
            "rate": chosen, "at_edge": chosen in (plan.rates[0], plan.rates[-1]), "accuracy": accuracies,
            "seconds": round(time.monotonic() - began, 1)}


def _trainer(contest: Contest, one: Contestant, agreed: Mapping[str, Any]) -> Callable[..., Any]:
    """What makes a training of the method under the contest's terms, with further settings."""
    from laser.aggregation import Training

    base: dict[str, Any] = {**COMMON, **said_of(contest.task), **DATA[contest.data], "verify_data": False, "threads": 1,
                            "epochs": int(agreed["epochs"]), "power": agreed["power"]}
    if "channel" not in one.parts:
        base["channel"] = agreed["channel"]

    def training(**settings: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Training(**{**base, **settings, **one.settings}, **one.parts)

    return training


def _advance(run: Any, rounds: int) -> float | None:
    """The accuracy after so many rounds in all; None where training has diverged."""
    from laser.native import EXIT_NON_FINITE, Error

    try:
        run.advance(rounds - run.rounds_done)
    except Error as problem:
        if problem.exit_code != EXIT_NON_FINITE:
            raise
        return None
    accuracy = float(run.accuracy)
    return accuracy if math.isfinite(accuracy) else None


def _search(plan: Plan, training: Callable[..., Any], epochs: int) -> tuple[dict[float, dict[str, Any]], float]:
    """What every step size of the grid reached on held-out data, the best of them to the end; and the best of all."""
    first = max(1, math.floor(plan.first_share * epochs + 0.5))
    tried: dict[float, dict[str, Any]] = {}
    going: dict[float, Any] = {}  # the best so far, which may go on
    for rate in plan.rates:
        run = training(learning_rate=rate, seed=1, validation=plan.held_out)
        accuracy = _advance(run, first * run.rounds // epochs)
        tried[rate] = {"rate": rate, "epochs": first, "accuracy": accuracy}
        if accuracy is not None:
            going[rate] = run
        if len(going) > plan.keep:
            del going[min(reversed(going), key=lambda other: tried[other]["accuracy"])]

    def order(rate: float) -> float:
        accuracy = tried[rate]["accuracy"]
        return -1.0 if accuracy is None else accuracy

    finalists = sorted(plan.rates, key=order, reverse=True)[: plan.keep]
    if first < epochs:
        for rate, run in going.items():
            tried[rate] = {"rate": rate, "epochs": epochs, "accuracy": _advance(run, run.rounds)}
    return tried, max(finalists, key=order)
