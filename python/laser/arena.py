"""The arena: methods against each other on equal terms, one of your own among them.

    laser arena laser zsgd otalc --quick --out runs/arena              the command, for methods by name
    laser.arena.run("runs/arena", ["laser", "zsgd"], quick=True)       the same from Python
    laser.arena.enter("runs/arena", "mine", compressor=Mine())         a method of your own into an arena that has run

A contest is a task, the workers' data, the air, and what is equal: the energy a worker and round, the transmit power (energy
a channel use), or the air time (channel uses in all, at equal transmit power: who sends less a round has more rounds). In
every contest every method goes through the same: all step sizes of one grid for a few epochs on training data of which a part
is held out, the best of them on to the end, and the best of these again on all data with several seeds, whose test accuracy
counts. Every method's result is a file of its own; what is there already is not computed again.

docs/arena.md says what came out. The report is laser.arena_report's.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import math
import multiprocessing
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from laser.arena_plan import ALL_TASKS, COMMON, Contest, DATA, METHODS, Plan, SCHEMA, SLOW, TASKS, air_of, check_options, plan_of, said_of
from laser.arena_plan import EQUAL as EQUAL, shapes_of
from laser.messages import complain

EXIT_IO = 6


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


# -- one method in one contest ----------------------------------------------------------------------------------------


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
    """Chooses a step size on held-out data and trains with it: the result of one method in one contest, as it is filed.

    plan: of the arena.
    contest: of the plan.
    one: the method.
    """
    from laser.aggregation import Training
    from laser.native import EXIT_NON_FINITE, Error

    began = time.monotonic()
    base: dict[str, Any] = {**COMMON, **said_of(contest.task), **DATA[contest.data], "verify_data": False, "threads": 1}
    result: dict[str, Any] = {"schema": SCHEMA, "contest": contest.name, "method": one.name, "settings": {
        name: str(value) for name, value in one.settings.items()}, "parts": {
        role: f"{type(part).__module__}.{type(part).__qualname__}" for role, part in one.parts.items()}}

    def training(**settings: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Training(**{**base, **settings, **one.settings}, **one.parts)

    agreed = terms(plan, contest, one, shapes_of(contest.task))
    if isinstance(agreed, str):
        return {**result, "absent": agreed}
    epochs = int(agreed["epochs"])
    base |= {"epochs": epochs, "power": agreed["power"]}
    if "channel" not in one.parts:
        base["channel"] = agreed["channel"]

    def advance(run: Any, rounds: int) -> float | None:
        """The accuracy after so many rounds in all; None where training has diverged."""
        try:
            run.advance(rounds - run.rounds_done)
        except Error as problem:
            if problem.exit_code != EXIT_NON_FINITE:
                raise
            return None
        return _value(run.accuracy)

    first = max(1, math.floor(plan.first_share * epochs + 0.5))
    tried: dict[float, dict[str, Any]] = {}
    going: dict[float, Any] = {}  # the best so far, which may go on
    for rate in plan.rates:
        run = training(learning_rate=rate, seed=1, validation=plan.held_out)
        accuracy = advance(run, first * run.rounds // epochs)
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
            tried[rate] = {"rate": rate, "epochs": epochs, "accuracy": advance(run, run.rounds)}
    going.clear()
    chosen = max(finalists, key=order)
    accuracies, uses, use = [], 0.0, 0.0
    for seed in range(1, plan.seeds + 1):
        run = training(learning_rate=chosen, seed=seed)
        accuracies.append(advance(run, run.rounds))
        if accuracies[-1] is not None:
            uses, use = run.symbols, max(use, run.budget_use)
    return {**result, **agreed, "uses_measured": uses, "budget_use": use, "tried": [tried[rate] for rate in plan.rates],
            "rate": chosen, "at_edge": chosen in (plan.rates[0], plan.rates[-1]), "accuracy": accuracies,
            "seconds": round(time.monotonic() - began, 1)}


# -- a folder of results ----------------------------------------------------------------------------------------------


def _write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".laser-", delete=False, encoding="utf-8") as file:
        file.write(json.dumps(value, indent=1) + "\n")
    os.replace(file.name, path)


def _read_plan(folder: Path) -> Plan:
    from laser.native import EXIT_DATA, error

    try:
        return Plan.from_json(json.loads((folder / "plan.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError) as problem:
        raise error(EXIT_DATA, f"{folder}: no arena ({type(problem).__name__}). HINT: "
                    f"laser.arena.run({str(folder)!r}, quick=True) makes one") from problem


def _open(folder: Path, plan: Plan, resume: bool) -> None:
    from laser.native import EXIT_CONFIGURATION, error

    if not (folder / "plan.json").exists():
        _write(folder / "plan.json", plan.to_json())
        return
    if not resume:
        raise error(EXIT_IO, f"{folder} already holds an arena. HINT: resume=True goes on with it, or choose another folder")
    if _read_plan(folder) != plan:
        raise error(EXIT_CONFIGURATION, f"{folder} holds an arena of another plan. HINT: another folder, or the same options as then")


def _identity(one: Contestant) -> str:
    text = json.dumps([sorted((name, str(value)) for name, value in one.settings.items()), sorted(
        (role, type(part).__qualname__) for role, part in one.parts.items())])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _place(folder: Path, contest: Contest, one: Contestant) -> Path:
    return folder / "runs" / contest.name / one.file()


def _is_there(path: Path, one: Contestant) -> bool:
    try:
        identity: object = json.loads(path.read_text(encoding="utf-8")).get("identity")
        return identity == _identity(one)
    except (OSError, ValueError):
        return False


def _job(plan: Plan, contest: Contest, one: Contestant, path: str) -> dict[str, Any]:
    """Also in a process of its own."""
    import torch

    torch.set_num_threads(1)
    result = {**compete(plan, contest, one), "identity": _identity(one)}
    _write(Path(path), result)
    return result


def estimate(plan: Plan, contestants: Sequence[Contestant], jobs: int) -> str:
    """What an arena costs, in words: trainings, epochs, and the time as a few rounds of two methods of it take it here.

    plan: of the arena.
    contestants: its methods.
    jobs: trainings at once.
    """
    from laser.aggregation import Training

    seconds, rounds = {}, {}
    for task in dict.fromkeys(one.task for one in plan.contests):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            took = []
            for method in ("laser", "zsgd"):
                run = Training(**{**COMMON, **said_of(task)}, method=method, power=1.0, epochs=1, threads=1, verify_data=False)
                run.advance(2)
                start = time.monotonic()
                run.advance(8)
                took.append((time.monotonic() - start) / 8)
            seconds[task], rounds[task] = sum(took) / 2, run.rounds
    trainings, total, needed = 0, 0, 0.0
    for contest in plan.contests:
        for one in contestants:
            agreed = terms(plan, contest, one, shapes_of(contest.task))
            if isinstance(agreed, str):
                continue
            epochs = agreed["epochs"]
            first = max(1, math.floor(plan.first_share * epochs + 0.5))
            own = len(plan.rates) * first + min(plan.keep, len(plan.rates)) * (epochs - first) + plan.seeds * epochs
            trainings += len(plan.rates) + plan.seeds
            total += own
            needed += own * rounds[contest.task] * seconds[contest.task] * 1.4  # evaluations, and methods that take longer
    return (f"{len(plan.contests)} contests, {len(contestants)} methods: {trainings} trainings, {total} epochs in all; about "
            f"{max(1, round(needed / 60 / jobs))} minutes with {jobs} at once")


def run(folder: str | Path | None = None, methods: Sequence[str] | None = None, quick: bool = False, *, seeds: int | None = None,
        tasks: Sequence[str] = TASKS, power_scale: float = 1.0, epochs: int | None = None,
        only: str = "", jobs: int | None = None, resume: bool = False, dry_run: bool = False,
        tell: Callable[[str], None] | None = None) -> dict[str, Any]:
    """Lets methods compete and writes the report; returns its summary (laser.arena_report).

    folder: for results and report; by default runs/arena-DATE-TIME.
    methods: names of ``laser.methods()``, with settings beside them where wanted
        ("zsgd:server_rule=polar"); all of METHODS by default.
    quick: True for a first look; False by default.
    seeds: runs whose test accuracy counts; None: 3, or 2 where quick.
    tasks: names of laser.arena.ALL_TASKS; "mnist" and "mnist_mlp" by default.
    power_scale: multiplies the energies of all contests; 1 by default.
    epochs: of all contests but those at equal air time; None: 20 and 5, or 5 where quick.
    only: contests whose name contains this text; all by default.
    jobs: trainings at once; None: one a core.
    resume: True goes on in a folder; False by default.
    dry_run: True tells only what it would cost.
    tell: is told the cost and each result in a line; by default stderr.

    Raises Error for methods, folders and settings that do not fit. A run that diverges is a result.
    """
    from laser.native import EXIT_CONFIGURATION, error

    say = tell or (lambda text: print(text, file=sys.stderr, flush=True))
    check_options(methods, tasks, power_scale, {"seeds": seeds, "epochs": epochs, "jobs": jobs}, resume and not folder)
    plan = plan_of(quick, seeds, tasks, power_scale, epochs)
    if only:
        plan = dataclasses.replace(plan, contests=tuple(one for one in plan.contests if only in one.name))
    if not plan.contests:
        raise error(EXIT_CONFIGURATION, f"no contest has '{only}' in its name. HINT: " + ", ".join(
            one.name for one in plan_of(quick, seeds, tasks).contests[:4]) + " ...")
    names = methods or [name for name in METHODS if not (quick and name in SLOW)]
    contestants = [contestant(text) for text in dict.fromkeys(names)]
    at_once = jobs or os.cpu_count() or 1
    root = Path(folder) if folder else Path("runs") / time.strftime("arena-%Y%m%d-%H%M%S")
    if (root / "config.toml").exists():
        raise error(EXIT_IO, f"{root} already holds a run. HINT: choose another folder")
    for one in contestants:  # what fits nowhere is a mistake; what fits somewhere is told where it does not
        agreed = [terms(plan, contest, one, shapes_of(contest.task)) for contest in plan.contests]
        reasons = {contest.name: text for contest, text in zip(plan.contests, agreed) if isinstance(text, str)}
        if len(reasons) == len(agreed):
            raise error(EXIT_CONFIGURATION, f"{one.name} has no place in any contest: {next(iter(reasons.values()))}. HINT: a method that "
                        f"fits the model and the air, of {', '.join(METHODS[:3])} ...")
        for text in dict.fromkeys(reasons.values()):
            where = [name for name, reason in reasons.items() if reason == text]
            say(f"left out: {one.name} in {where[0]}{f' and {len(where) - 1} more' if len(where) > 1 else ''}: {text}")
    say(estimate(plan, contestants, at_once))
    if dry_run:
        return {}
    _open(root, plan, resume)
    if not folder:
        say(f"results go to {root}")
    todo = [(contest, one) for contest in plan.contests for one in contestants
            if not _is_there(_place(root, contest, one), one)]
    if todo:
        before = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # read where the processes begin
        try:
            with ProcessPoolExecutor(at_once, multiprocessing.get_context("spawn")) as pool:
                waiting = {pool.submit(_job, plan, contest, one, str(_place(root, contest, one))) for contest, one in todo}
                for number, done in enumerate(as_completed(waiting), 1):
                    say(f"{number}/{len(todo)} {line(done.result())}")
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
    from laser import arena_report

    return arena_report.write(root)


def enter(folder: str | Path, name: str, *, tell: Callable[[str], None] | None = None, **given: Any) -> dict[str, Any]:
    """Lets a method of one's own compete in all contests of an arena and writes the report anew; returns its summary.

    folder: of the arena.
    name: that the method has in the report.
    tell: is told each result in a line; by default stderr.
    given: parts (compressor, channel, feedback, receiver, allocation: objects of laser.Compressor ... or names) and settings, as of
        ``laser.Training``: ``laser.arena.enter("runs/arena", "halves", compressor=Halves())``. What a method leaves out is
        LASER's.

    Contests that it has been in already, by this name with the same settings and classes, are not run again. Raises Error (data) where the
    folder has no arena, and as ``laser.Training`` does.
    """
    from laser import arena_report, parts

    say = tell or (lambda text: print(text, file=sys.stderr, flush=True))
    root = Path(folder)
    plan = _read_plan(root)
    objects = {role: value for role, value in given.items() if role in parts.ROLES and not isinstance(value, str)}
    one = Contestant(name, {key: value for key, value in given.items() if key not in objects}, objects)
    for number, contest in enumerate(plan.contests, 1):
        path = _place(root, contest, one)
        if not _is_there(path, one):
            result = {**compete(plan, contest, one), "identity": _identity(one)}
            _write(path, result)
            say(f"{number}/{len(plan.contests)} {line(result)}")
    return arena_report.write(root)


def line(result: Mapping[str, Any]) -> str:
    """A result in a line.

    result: of ``compete``.
    """
    if "absent" in result:
        return f"{result['contest']} {result['method']}: {result['absent']}"
    known = [value for value in result["accuracy"] if value is not None]
    shown = f"{sum(known) / len(known):.2f} %" if len(known) == len(result["accuracy"]) else "diverges"
    return (f"{result['contest']} {result['method']}: {shown} at the step size {result['rate']:g}, {result['epochs']} epochs, "
            f"{result['seconds']:.0f} s")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command's arena; returns its exit code.

    arguments: of the command line; None: those of the process.
    """
    parser = argparse.ArgumentParser("laser arena", description="Methods against each other on equal terms: docs/arena.md")
    parser.add_argument("methods", nargs="*", metavar="METHOD", help="or METHOD:key=value,...; all of the field by default")
    parser.add_argument("--out", metavar="DIR", help="folder for results and report (default: runs/arena-DATE-TIME)")
    parser.add_argument("--quick", action="store_true", help="a first look: the linear model, few rounds, a coarse grid")
    parser.add_argument("--seeds", type=int, help="runs whose test accuracy counts (default: 3, or 2 with --quick)")
    parser.add_argument("--task", action="append", choices=ALL_TASKS,
                        help="this task alone; may be repeated (default: mnist and mnist_mlp)")
    parser.add_argument("--power-scale", type=float, default=1.0, help="multiplies the energies of all contests (default: 1)")
    parser.add_argument("--epochs", type=int, help="of all contests but those at equal air time (default: 20 and 5, or 5 with --quick)")
    parser.add_argument("--only", default="", metavar="TEXT", help="contests with this text in their name")
    parser.add_argument("--jobs", type=int, help="trainings at once (default: as many as there are cores)")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted one in --out, or add methods to it")
    parser.add_argument("--dry-run", action="store_true", help="tell what it would cost and stop")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    a = parser.parse_args(arguments)
    for name in ("seeds", "jobs", "epochs"):
        if getattr(a, name) is not None and getattr(a, name) < 1:
            parser.error(f"--{name} is {getattr(a, name)}: it must be at least 1")
    if not (math.isfinite(a.power_scale) and a.power_scale > 0):
        parser.error(f"--power-scale is {a.power_scale}: it must be above 0")
    from laser.native import Error

    try:
        summary = run(a.out, a.methods or None, a.quick, seeds=a.seeds, tasks=a.task or TASKS, power_scale=a.power_scale, epochs=a.epochs,
                      only=a.only, jobs=a.jobs, resume=a.resume, dry_run=a.dry_run)
    except Error as problem:
        complain(str(problem.args[0]), "laser arena")  # in the words of the command
        return int(problem.exit_code)
    except KeyboardInterrupt:
        print("laser: interrupted. HINT: the same command with --resume goes on", file=sys.stderr)
        return 130
    if a.dry_run:
        return 0
    from laser import arena_report

    print(json.dumps(summary, indent=1) if a.json else arena_report.to_text(summary))
    return 0


if __name__ == "__main__":
    sys.exit(main())
