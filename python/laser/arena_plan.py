"""What an arena consists of: contests, methods, and what all of them go through (laser.arena).

docs/arena.md tells what is equal in which contest.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

SCHEMA = 1
TASKS = ("mnist", "mnist_mlp")
# What is said of a task beside its name. In the long one few images a round make many rounds, 34 lags of LASER's error memory.
SAID: dict[str, dict[str, Any]] = {"mnist_mlp_long": {"task": "mnist_mlp", "batch_size": 16}}
ALL_TASKS = (*TASKS, *SAID)
DATA: dict[str, dict[str, Any]] = {"iid": {"sharding": "iid"}, "dirichlet": {"sharding": "dirichlet", "concentration": 0.3}}
EQUAL = ("energy", "power", "airtime")
DIGITAL = ("ddsgd", "digital_qsgd", "digital_powersgd")  # bits at the capacity of the air without fading
# What a method meets in the air where it is not what all meet: REED needs phases that nobody knows, and A-DSGD's own format
# workers that send at full power.
AIRS: dict[str, dict[str, str]] = {"awgn": {"": "awgn", "adsgd_pilot": "saturating", **dict.fromkeys(DIGITAL, "digital")},
                                   "rayleigh": {"": "csit_trunc", "reed": "reed"}}
ONLY_IN = {"reed": "rayleigh", **dict.fromkeys(DIGITAL, "awgn")}
SLOW = ("adsgd_pilot",)  # minutes a training: not in a first look unless asked for
METHODS = ("laser", "laser_matched", "laser_momentum", "laser:server_rule=polar", "laser:server_rule=polar,rule_acts_on=received",
           "otalc", "zsgd", "zsgd_matched", "zsgd_momentum", "zsgd_adaptive", "zsgd:server_rule=polar", "zsgd:server_rule=sign",
           "signum", "signum_momentum", "efobda", "randomk", "sketch", "agetopk", "adsgd", "adsgd_pilot", "reed", "cotaf",
           "cotaf:local_steps=3,local_learning_rate=0.05", *DIGITAL,
           "swept:equal_norms=true,preconditioner=none", "laser:optimizer=adamw,second_moment=factored",
           "laser:power_policy=power_law,power_exponent=0.8")
COMMON = {"workers": 16, "batch_size": 128, "rank": 2, "compression_factor": 0.1, "weight_decay": 1e-4}


@dataclasses.dataclass(frozen=True)
class Contest:
    """Where methods meet: task, data ("iid" or "dirichlet"), air ("awgn" or "rayleigh") and what is equal."""

    task: str
    data: str
    air: str
    equal: str

    @property
    def name(self) -> str:
        return f"{self.task}_{self.data}_{self.air}_{self.equal}"


@dataclasses.dataclass(frozen=True)
class Plan:
    """What all methods go through. power: energy a worker and round of the contests at equal energy, by task; the transmit
    power of the others is that of raw gradients at this energy, power / d a channel use. epochs: by task. air_epochs: of raw
    gradients where the air time is equal, most_epochs: the most that a method which sends little may have there. rates: the
    grid; first_share: of the epochs after which the best keep of them go on. held_out: share of the training data that
    chooses."""

    contests: tuple[Contest, ...]
    power: dict[str, float]
    epochs: dict[str, int]
    air_epochs: dict[str, int]
    most_epochs: dict[str, int]
    rates: tuple[float, ...]
    first_share: float = 0.25
    keep: int = 3
    held_out: float = 0.1
    seeds: int = 3

    def to_json(self) -> dict[str, Any]:
        """What plan.json holds."""
        return {"schema": SCHEMA, **dataclasses.asdict(self)}

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Plan:
        """The plan that ``to_json`` told.

        value: of plan.json, read as JSON.
        """
        whole = {name: entry for name, entry in value.items() if name != "schema"}
        whole["contests"] = tuple(Contest(**one) for one in whole["contests"])
        whole["rates"] = tuple(whole["rates"])
        return Plan(**whole)


def _grid(lowest: float, highest: float, count: int) -> tuple[float, ...]:
    step = (highest / lowest) ** (1 / (count - 1))
    return tuple(float(f"{lowest * step**i:.3g}") for i in range(count))


def plan_of(quick: bool = False, seeds: int | None = None, tasks: Sequence[str] = TASKS, power_scale: float = 1.0,
            epochs: int | None = None) -> Plan:
    """The plan of a whole arena, or of a first look: the linear model, the two kinds of data and of air at once, fewer rounds,
    step sizes twice as far apart. The long task has one contest: alike data over awgn at equal energy.

    quick: True for a first look; False by default.
    seeds: runs whose test accuracy counts; None: 3, or 2 where quick.
    tasks: names of ALL_TASKS; "mnist" and "mnist_mlp" by default.
    power_scale: multiplies the energies of all contests; 1 by default.
    epochs: of all contests but those at equal air time; None: 20 and 5, or 5 where quick.
    """
    contests = tuple(Contest(task, data, air, equal) for task in tasks for equal in EQUAL for data in DATA for air in AIRS
                     if task not in SAID or (data, air, equal) == ("iid", "awgn", "energy"))
    if quick:
        contests = tuple(one for one in contests if one.task == "mnist" and (one.data == "iid") == (one.air == "awgn"))
        return Plan(contests, {"mnist": power_scale}, {"mnist": epochs or 5}, {"mnist": 2}, {"mnist": 10}, _grid(1e-4, 1.0, 5), keep=2,
                    seeds=seeds or 2)
    long = [task for task in tasks if task in SAID]  # plans that were made without it stay as they are
    return Plan(contests, {"mnist": power_scale, "mnist_mlp": 10 * power_scale, **dict.fromkeys(long, power_scale)},
                {"mnist": epochs or 20, "mnist_mlp": epochs or 5, **dict.fromkeys(long, epochs or 16)}, {"mnist": 4, "mnist_mlp": 1},
                {"mnist": 40, "mnist_mlp": 10}, _grid(1e-4, 1.0, 9), seeds=seeds or 3)


def said_of(task: str) -> dict[str, Any]:
    """The settings that make a task of the arena.

    task: one of ALL_TASKS.
    """
    return {"task": task, **SAID.get(task, {})}


def shapes_of(task: str) -> dict[str, tuple[int, ...]]:
    """The shapes of the tensors of a task's model, by name.

    task: one of ALL_TASKS.
    """
    if task == "mnist":
        return {"linear.weight": (10, 784), "linear.bias": (10,)}
    return {"hidden.weight": (128, 784), "hidden.bias": (128,), "output.weight": (10, 128), "output.bias": (10,)}


def air_of(contest: Contest, method: str) -> str | None:
    """The channel that a method meets in a contest; None where it has no place in it.

    contest: of the plan.
    method: its name.
    """
    if ONLY_IN.get(method, contest.air) != contest.air:
        return None
    airs = AIRS[contest.air]
    return airs.get(method, airs[""])


def check_options(methods: Any, tasks: Any, power_scale: Any, counts: Mapping[str, Any], nowhere: bool) -> None:
    """Refuses options of ``laser.arena.run`` that fit no plan.

    methods, tasks: lists of names, or None for methods.
    power_scale: a number above 0.
    counts: whole numbers of 1 or more by name, or None.
    nowhere: whether an arena is to go on without a folder. Raises Error (usage, configuration) with the first that does not fit.
    """
    from laser import reading
    from laser.native import EXIT_CONFIGURATION, EXIT_USAGE, error

    if nowhere:
        raise error(EXIT_CONFIGURATION, "which arena is to go on? HINT: its folder, such as 'runs/arena'")
    for name, count in counts.items():
        if count is not None:
            reading.check_whole(name, count, 1)
    reading.check_positive("power_scale", power_scale)
    for name, given, known in (("methods", methods, METHODS), ("tasks", tasks, ALL_TASKS)):
        if given is not None and (isinstance(given, str) or not all(isinstance(one, str) for one in given)):
            raise error(EXIT_USAGE, f"{name} = {given!r} is no list of names. HINT: {name}={list(known[:2])}")
    for task in tasks:
        if task not in ALL_TASKS:
            raise error(EXIT_CONFIGURATION, f"task '{task}' is unknown. HINT: {', '.join(ALL_TASKS)}")
