"""The folder of an arena: its plan, and a file for every method in every contest (laser.arena)."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from laser.arena_contest import Contestant, compete
from laser.arena_plan import Contest, Plan

EXIT_IO = 6


def write(path: Path, value: Any) -> None:
    """Files a value as JSON; what stood there before stands until all of it is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".laser-", delete=False, encoding="utf-8") as file:
        file.write(json.dumps(value, indent=1) + "\n")
    os.replace(file.name, path)


def read_plan(folder: Path) -> Plan:
    """The plan of the arena in a folder. Raises Error (data) where there is none."""
    from laser.native import EXIT_DATA, error

    try:
        return Plan.from_json(json.loads((folder / "plan.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError) as problem:
        raise error(EXIT_DATA, f"{folder}: no arena ({type(problem).__name__}). HINT: "
                    f"laser.arena.run({str(folder)!r}, quick=True) makes one") from problem


def start(folder: Path, plan: Plan, resume: bool) -> None:
    """Files the plan, or makes sure that the folder's arena is to go on and has this one. Raises Error (io, configuration)."""
    from laser.native import EXIT_CONFIGURATION, error

    if not (folder / "plan.json").exists():
        write(folder / "plan.json", plan.to_json())
        return
    if not resume:
        raise error(EXIT_IO, f"{folder} already holds an arena. HINT: resume=True goes on with it, or choose another folder")
    if read_plan(folder) != plan:
        raise error(EXIT_CONFIGURATION, f"{folder} holds an arena of another plan. HINT: another folder, or the same options as then")


def identity(one: Contestant) -> str:
    """What tells a method's settings and classes from others of its name."""
    text = json.dumps([sorted((name, str(value)) for name, value in one.settings.items()), sorted(
        (role, type(part).__qualname__) for role, part in one.parts.items())])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def place(folder: Path, contest: Contest, one: Contestant) -> Path:
    """The file of a method's result in a contest."""
    return folder / "runs" / contest.name / one.file()


def is_there(path: Path, one: Contestant) -> bool:
    """Whether the file holds a result of this method with these settings and classes."""
    try:
        found: object = json.loads(path.read_text(encoding="utf-8")).get("identity")
        return found == identity(one)
    except (OSError, ValueError):
        return False


def compute(plan: Plan, contest: Contest, one: Contestant, path: Path) -> dict[str, Any]:
    """The result of a method in a contest, which is filed there."""
    result = {**compete(plan, contest, one), "identity": identity(one)}
    write(path, result)
    return result


def compute_apart(plan: Plan, contest: Contest, one: Contestant, path: Path) -> dict[str, Any]:
    """The same in a process of its own, which takes one core."""
    import torch

    torch.set_num_threads(1)
    return compute(plan, contest, one, path)


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
