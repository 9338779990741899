"""Reads the folders that ``laser train`` and ``laser sweep`` leave behind. Needs nothing but Python.

    run = laser.load_run("runs/mine")
    pandas.DataFrame(run.epochs).plot("epoch", "test_accuracy")
    pandas.DataFrame(run.record() for run in laser.load_runs("runs/sweep"))
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclasses.dataclass
class Run:
    folder: Path
    configuration: dict  # every setting, typed as in config.toml
    versions: dict[str, str]
    epochs: list[dict]  # one flat record an epoch; "energy" is a list with one number a worker
    summary: dict  # status "unfinished" where there is no summary yet

    @property
    def status(self) -> str:
        return self.summary["status"]

    def record(self) -> dict:
        """Settings and summary in one flat record: a line of a table of runs."""
        flat = {name: value for name, value in self.summary.items() if name != "configuration"}
        return {"folder": str(self.folder), **self.configuration, **flat}


def load_run(folder: str | Path) -> Run:
    """One run. A last line that was cut off while it was written is left out. Raises FileNotFoundError where there is no
    run, ValueError naming file and line where one is damaged."""
    folder = Path(folder)
    if not (folder / "config.toml").is_file():
        raise FileNotFoundError(f"{folder} holds no run: it has no config.toml")
    summary_file = folder / "summary.json"
    summary = _json(_text(summary_file), summary_file) if summary_file.is_file() else {"status": "unfinished"}
    metrics = folder / "metrics.jsonl"
    lines = _text(metrics).split("\n") if metrics.is_file() else [""]
    if lines.pop() and summary["status"] == "completed":
        raise ValueError(f"{metrics}: the last line has no end")
    epochs = [_json(line, f"{metrics} line {number}") for number, line in enumerate(lines, 1)]
    versions = folder / "versions.json"
    return Run(folder, tomllib.loads(_text(folder / "config.toml")),
               _json(_text(versions), versions) if versions.is_file() else {}, epochs, summary)


def load_runs(folder: str | Path) -> list[Run]:
    """Every run at or below a folder, by path."""
    found = sorted(path.parent for path in Path(folder).rglob("config.toml"))
    if not found:
        raise FileNotFoundError(f"there is no run at or below {folder}")
    return [load_run(path) for path in found]


def _text(file: Path) -> str:
    """A record, which is UTF-8 whatever the locale says; its lines end as they were written."""
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise ValueError(f"{file}: not UTF-8 ({problem})") from problem


def _json(text: str, where) -> dict:
    try:
        value = json.loads(text)
    except ValueError as problem:
        raise ValueError(f"{where}: {problem}") from problem
    if not isinstance(value, dict):
        raise ValueError(f"{where}: not a record")
    return value
