"""Reads the folders that ``laser train`` and ``laser sweep`` leave behind. Needs nothing but Python.

    laser.records("runs/sweep").pivot_table("test_accuracy", "epoch", "method").plot()
    run = laser.load_run("runs/mine")
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    import pandas


@dataclasses.dataclass(repr=False)
class Run:
    """A run as its folder holds it."""

    folder: Path
    configuration: dict[str, Any]  # every setting, typed as in config.toml
    versions: dict[str, str]
    epochs: list[dict[str, Any]]  # one flat record an epoch; "energy" is a list with one number a worker
    summary: dict[str, Any]  # status "unfinished" where there is no summary yet

    @property
    def status(self) -> str:
        status: str = self.summary["status"]
        return status

    def record(self) -> dict[str, Any]:
        """Settings and summary in one flat record: a line of a table of runs."""
        flat = {name: value for name, value in self.summary.items() if name != "configuration"}
        return {"folder": str(self.folder), **self.configuration, **flat}

    def __repr__(self) -> str:
        facts = [str(self.configuration.get("method", "?")), str(self.configuration.get("task", "?")), self.status, f"{len(self.epochs)} epochs"]
        facts += [f"{name} {value:.4g}" for name in ("power", "final_accuracy", "final_loss", "perplexity")
                  if isinstance(value := self.summary.get(name), (int, float))]
        return f"Run('{self.folder}': {', '.join(facts)})"

    def numbers(self) -> dict[str, float]:
        """What the summary has in numbers."""
        return {name: float(value) for name, value in self.summary.items()
                if isinstance(value, (int, float)) and not isinstance(value, bool)}


def load_run(folder: str | Path) -> Run:
    """One run. A last line that was cut off while it was written is left out. Raises FileNotFoundError where there is no
    run, ValueError naming file and line where one is damaged.

    folder: of the run: with its config.toml.
    """
    folder = _path(folder)
    if not (folder / "config.toml").is_file():
        raise FileNotFoundError(f"{folder} holds no run: it has no config.toml. HINT: the folder of one run, as laser.Simulator(folder=...) "
                                "and the command write it; laser.load_runs takes one with several")
    summary_file = folder / "summary.json"
    summary = _json(_text(summary_file), summary_file) if summary_file.is_file() else {"status": "unfinished"}
    metrics = folder / "metrics.jsonl"
    lines = _text(metrics).split("\n") if metrics.is_file() else [""]
    if lines.pop() and summary["status"] == "completed":
        raise ValueError(f"{metrics}: the last line has no end: the file was cut off. HINT: train the run anew")
    epochs = [_json(line, f"{metrics} line {number}") for number, line in enumerate(lines, 1)]
    versions = folder / "versions.json"
    return Run(folder, tomllib.loads(_text(folder / "config.toml")),
               _json(_text(versions), versions) if versions.is_file() else {}, epochs, summary)


def load_runs(folder: str | Path) -> list[Run]:
    """Every run at or below a folder, by path. Raises FileNotFoundError where there is none, else as ``load_run``.

    folder: of a run, or one that has runs in it at any depth.
    """
    found = sorted(path.parent for path in _path(folder).rglob("config.toml"))
    if not found:
        raise FileNotFoundError(f"there is no run at or below {folder}. HINT: name a folder that laser.Simulator(folder=...) or the "
                                "command wrote")
    return [load_run(path) for path in found]


def epoch_rows(run: Run, name: str = "") -> list[dict[str, Any]]:
    """A flat record for each epoch: its name, what the epoch measured, and every setting. Settings that an epoch has a quantity of the
    same name for (power, learning_rate) are called power_setting, ...; "energy" is the mean over the workers.

    run: of ``load_run``.
    name: in the column "run"; empty: the run's folder.
    """
    rows = []
    for epoch in run.epochs:
        flat = {key: value for key, value in epoch.items() if not isinstance(value, (list, dict))}
        if epoch.get("energy"):
            flat["energy"] = sum(epoch["energy"]) / len(epoch["energy"])
        flat |= {f"spectrum/{tensor}": share for tensor, share in epoch.get("spectrum", {}).items()}
        settings = {f"{key}_setting" if key in flat else key: value for key, value in run.configuration.items()}
        rows.append({"run": name or str(run.folder), **flat, **settings})
    return rows


def records(folder: str | Path) -> pandas.DataFrame:
    """Every epoch of every run at or below a folder as a pandas DataFrame, with the settings beside them (``epoch_rows``). Raises
    ImportError where pandas is missing, else as ``load_runs``.

    folder: of a run, or one that has runs in it at any depth.
    """
    try:
        import pandas
    except ImportError as problem:
        raise ImportError(f"laser.records needs pandas. HINT: {sys.executable} -m pip install pandas") from problem
    return pandas.DataFrame([row for run in load_runs(folder) for row in epoch_rows(run)])


def _path(folder: str | Path) -> Path:
    if not isinstance(folder, (str, os.PathLike)):
        raise TypeError(f"folder is of type {type(folder).__name__}. HINT: the folder of a run, 'runs/mine'")
    return Path(folder)


def _text(file: Path) -> str:
    """A record, which is UTF-8 whatever the locale says; its lines end as they were written."""
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise ValueError(f"{file}: not UTF-8 ({problem})") from problem


def _json(text: str, where: object) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as problem:
        raise ValueError(f"{where}: {problem}") from problem
    if not isinstance(value, dict):
        raise ValueError(f"{where}: not a record")
    return value
