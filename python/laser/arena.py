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
import json
import math
import multiprocessing
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from laser import arena_results as results
from laser.arena_contest import Contestant as Contestant, compete as compete, contestant as contestant, terms as terms
from laser.arena_plan import ALL_TASKS, COMMON, Contest as Contest, METHODS, Plan as Plan, SLOW, TASKS, check_options, said_of
from laser.arena_plan import EQUAL as EQUAL, plan_of as plan_of, shapes_of as shapes_of
from laser.messages import complain


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


def _check_places(plan: Plan, contestants: Sequence[Contestant], say: Callable[[str], None]) -> None:
    """Refuses a method that fits nowhere, which is a mistake; of one that fits somewhere it is told where it does not."""
    from laser.native import EXIT_CONFIGURATION, error

    for one in contestants:
        agreed = [terms(plan, contest, one, shapes_of(contest.task)) for contest in plan.contests]
        reasons = {contest.name: text for contest, text in zip(plan.contests, agreed) if isinstance(text, str)}
        if len(reasons) == len(agreed):
            raise error(EXIT_CONFIGURATION, f"{one.name} has no place in any contest: {next(iter(reasons.values()))}. HINT: a method that "
                        f"fits the model and the air, of {', '.join(METHODS[:3])} ...")
        for text in dict.fromkeys(reasons.values()):
            where = [name for name, reason in reasons.items() if reason == text]
            say(f"left out: {one.name} in {where[0]}{f' and {len(where) - 1} more' if len(where) > 1 else ''}: {text}")


def _compute(root: Path, plan: Plan, contestants: Sequence[Contestant], at_once: int, say: Callable[[str], None]) -> None:
    """Whatever the folder has no result of, in processes of their own."""
    todo = [(contest, one, path) for contest in plan.contests for one in contestants
            if not results.is_there(path := results.place(root, contest, one), one)]
    if not todo:
        return
    before = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # read where the processes begin
    try:
        with ProcessPoolExecutor(at_once, multiprocessing.get_context("spawn")) as pool:
            waiting = {pool.submit(results.compute_apart, plan, *one) for one in todo}
            for number, done in enumerate(as_completed(waiting), 1):
                say(f"{number}/{len(todo)} {results.line(done.result())}")
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


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
        raise error(results.EXIT_IO, f"{root} already holds a run. HINT: choose another folder")
    _check_places(plan, contestants, say)
    say(estimate(plan, contestants, at_once))
    if dry_run:
        return {}
    results.start(root, plan, resume)
    if not folder:
        say(f"results go to {root}")
    _compute(root, plan, contestants, at_once, say)
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
    plan = results.read_plan(root)
    objects = {role: value for role, value in given.items() if role in parts.ROLES and not isinstance(value, str)}
    one = Contestant(name, {key: value for key, value in given.items() if key not in objects}, objects)
    for number, contest in enumerate(plan.contests, 1):
        path = results.place(root, contest, one)
        if not results.is_there(path, one):
            say(f"{number}/{len(plan.contests)} {results.line(results.compute(plan, contest, one, path))}")
    return arena_report.write(root)


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
