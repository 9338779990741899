"""Writes the folder of a run as the command does, so that ``laser report``, ``laser.load_run`` and the event files read it.

    config.toml       every setting       versions.json   what it ran with
    metrics.jsonl     a line an evaluation; a resumed run cuts it back to its checkpoint
    rounds.jsonl      a line a round, likewise
    summary.json      written when the run ends, also when it is interrupted
    checkpoint.safetensors

The format is that of src/laser/record/schema.hpp; keys that the command does not know are left alone by it.
"""

from __future__ import annotations

import datetime
import json
import math
import os
from pathlib import Path
from typing import Any

import torch

from laser import _build
from laser.native import EXIT_DATA, EXIT_USAGE, core, error

EXIT_IO = 6
CHECKPOINT, METRICS, ROUNDS, SUMMARY = "checkpoint.safetensors", "metrics.jsonl", "rounds.jsonl", "summary.json"
FORMAT = "laser simulator 1"


class RunFolder:
    """The folder of one run; while it is open nobody else writes there."""

    def __init__(self, path: str | Path, settings: dict[str, Any], seed: int, resume: bool):
        if not isinstance(path, (str, os.PathLike)):
            raise error(EXIT_USAGE, f"folder is of type {type(path).__name__}. HINT: folder='runs/mine'")
        self.path = Path(path)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise error(EXIT_IO, f"{self.path}: can't be made a folder: {problem.strerror}. HINT: another folder, which may be written "
                        "to") from problem
        begun = (self.path / "config.toml").exists() or (self.path / SUMMARY).exists()
        if begun and not resume:
            raise error(EXIT_IO, f"{self.path} already holds a run. HINT: resume=True goes on with it, or choose another folder")
        self._files = {name: open(self.path / name, "a+b") for name in (METRICS, ROUNDS)}  # noqa: SIM115, held until close()
        _lock(self._files[METRICS], self.path)
        self.resumes = begun
        if not begun:
            _write(self.path / "versions.json", _json({
                "laser": _build.VERSION, "torch": torch.__version__, "threads": str(torch.get_num_threads()), "seed": str(seed),
                "command": "laser.Simulator", "started": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")}))
            self.configure(settings)

    def configure(self, settings: dict[str, Any]) -> None:
        """The settings; with them the run has begun."""
        lines = ["# A run of laser.Simulator: model, data and loss are Python's."]
        lines += [f"{name} = {json.dumps(value)}" for name, value in settings.items() if value is not None]
        _write(self.path / "config.toml", "\n".join(lines) + "\n")

    def append(self, name: str, record: dict[str, Any]) -> None:
        file = self._files[name]
        file.write((json.dumps(_finite(record)) + "\n").encode())
        file.flush()

    def save(self, tensors: dict[str, torch.Tensor], texts: dict[str, str]) -> None:
        """A checkpoint; the lines before it are on the disk first."""
        for file in self._files.values():
            os.fsync(file.fileno())
        sizes = {name: file.seek(0, os.SEEK_END) for name, file in self._files.items()}
        wide = {name: _wide(tensor) for name, tensor in tensors.items()}
        types = {name: str(tensor.dtype)[len("torch."):] for name, tensor in tensors.items() if wide[name] is not tensor}
        core.write_tensors(str(self.path / CHECKPOINT), wide,
                           {**texts, "format": FORMAT, "bytes": json.dumps(sizes), "types": json.dumps(types)})

    def restore(self) -> tuple[dict[str, torch.Tensor], dict[str, str], list[dict[str, Any]]] | None:
        """The checkpoint and the rounds until then; None where there is none yet, and the run begins anew."""
        sizes = {METRICS: 0, ROUNDS: 0}
        found = None
        if (self.path / CHECKPOINT).exists():
            found = core.read_tensors(str(self.path / CHECKPOINT))
            if found[1].get("format") != FORMAT:
                raise error(EXIT_DATA, f"{self.path / CHECKPOINT}: not of laser.Simulator of this version. HINT: another folder; "
                            "a run of the command is gone on with by the command")
            sizes = json.loads(found[1]["bytes"])
            for name, kind in json.loads(found[1]["types"]).items():
                found[0][name] = found[0][name].to(getattr(torch, kind))
        for name, file in self._files.items():
            if file.seek(0, os.SEEK_END) < sizes[name]:
                raise error(EXIT_DATA, f"{self.path / name} is shorter than when the checkpoint was made: lines were lost. HINT: "
                            "start anew in another folder")
        if found is None:
            self.cut(sizes)
            return None
        file = self._files[ROUNDS]
        file.seek(0)
        return (*found, [json.loads(line) for line in file.read(sizes[ROUNDS]).splitlines()])

    def cut(self, sizes: dict[str, int] | None = None, texts: dict[str, str] | None = None) -> None:
        """Takes back what was written after the checkpoint, once that has been loaded."""
        sizes = json.loads(texts["bytes"]) if texts is not None else sizes or {}
        for name, size in sizes.items():
            self._files[name].truncate(size)
        (self.path / SUMMARY).unlink(missing_ok=True)  # a run without a summary goes on

    def finish(self, summary: dict[str, Any]) -> None:
        for file in self._files.values():
            os.fsync(file.fileno())
        _write(self.path / SUMMARY, _json({"schema": 1, **_finite(summary)}))

    def close(self) -> None:
        for file in self._files.values():
            file.close()


def flat_state(prefix: str, state: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """A state_dict with its tensors taken out: what is left is JSON, with the names of tensors in their places."""
    if isinstance(state, torch.Tensor):
        tensors[prefix] = state.detach()
        return {"tensor": prefix}
    if isinstance(state, dict):
        return {"items": [[key, flat_state(f"{prefix}/{key}", value, tensors)] for key, value in state.items()]}
    if isinstance(state, (list, tuple)):
        return {"list": [flat_state(f"{prefix}/{i}", value, tensors) for i, value in enumerate(state)]}
    if state is None or isinstance(state, (bool, int, float, str)):
        return {"value": state}
    raise error(EXIT_DATA, f"'{prefix}' of the state to be saved is of type {type(state).__name__}. HINT: tensors, numbers, texts, "
                "lists and dicts; or run without folder")


def whole_state(flat: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """What ``flat_state`` was given."""
    if "tensor" in flat:
        return tensors[flat["tensor"]]
    if "items" in flat:
        return {key: whole_state(value, tensors) for key, value in flat["items"]}
    if "list" in flat:
        return [whole_state(value, tensors) for value in flat["list"]]
    return flat["value"]


def _wide(tensor: torch.Tensor) -> torch.Tensor:
    """In a type that checkpoints hold, without loss."""
    if tensor.dtype in (torch.float32, torch.float64, torch.bfloat16, torch.int64):
        return tensor
    return tensor.float() if tensor.is_floating_point() else tensor.long()


def _finite(value: Any) -> Any:
    """JSON has no numbers that are not finite: null, as in the command's records."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items() if one is not None}
    return [_finite(one) for one in value] if isinstance(value, (list, tuple)) else value


def _json(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"


def _write(path: Path, text: str) -> None:
    """All of it or nothing."""
    beside = path.with_name(path.name + ".new")
    with open(beside, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def _lock(file: Any, path: Path) -> None:
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise error(EXIT_IO, f"another process works on the run in {path}. HINT: wait for it or end it; resume=True then goes "
                    "on where it was") from None
