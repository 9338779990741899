"""What lasts of a Simulator: as a dict, and in the folder of a run (laser.run_folder has its format)."""

from __future__ import annotations

import atexit
import hashlib
import json
import math
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from laser import reading, run_folder
from laser.aggregation import Aggregator
from laser.local_work import LocalWork, Tensors
from laser.native import EXIT_DATA, EXIT_USAGE, error
from laser.simulator_records import OR_NONE, Record


class Saving:
    """The part of a Simulator that saves and restores it, and sums a run up."""

    model: torch.nn.Module
    optimizer: torch.optim.Optimizer
    scheduler: Any
    method: str
    seed: int
    rounds: int
    rounds_done: int
    shapes: dict[str, tuple[int, ...]]
    parts: dict[str, str]
    lag: float | None
    records: list[Record]
    _aggregator: Aggregator
    _work: LocalWork
    _average: Tensors
    _remaining: float
    _spent: list[float]
    _since: list[Record]
    _evaluations: list[dict[str, Any]]
    _setup: dict[str, Any]
    _seconds: float
    _saved: int
    _checkpoint_at: float
    _failed: str
    _power: reading.Power | None
    _folder: run_folder.RunFolder | None

    def state_dict(self) -> dict[str, Any]:
        """Everything that the rounds to come depend on: tensors by name, and under "rest" a text."""
        tensors: dict[str, torch.Tensor] = {}
        rest = {"model": run_folder.flat_state("model", self.model.state_dict(), tensors),
                "optimizer": run_folder.flat_state("optimizer", self.optimizer.state_dict(), tensors),
                "scheduler": None if self.scheduler is None else
                run_folder.flat_state("scheduler", self.scheduler.state_dict(), tensors),
                "rounds_done": self.rounds_done, "remaining": self._remaining, "spent": self._spent, "since": len(self._since),
                "evaluations": self._evaluations, "setup": self._setup, "seconds": self._seconds}
        for prefix, part in (("aggregator", self._aggregator.state_dict()), ("average", self._average),
                             ("statistics", self._work.statistics)):
            tensors |= {f"{prefix}/{name}": tensor for name, tensor in part.items()}
        return {**{name: tensor.detach().to("cpu").contiguous().clone() for name, tensor in tensors.items()}, "rest": json.dumps(rest)}

    def load_state_dict(self, state: Mapping[str, Any], records: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Restores what ``state_dict`` returned: all that follows is bit for bit what would have followed. ``records``: those
        until then, which are kept where they are not given. Raises Error (data) for a state of other settings or another version.

        state: of a Simulator of the same settings, model and optimizer.
        records: of the rounds until then; None: those that are there.
        """
        try:
            rest = json.loads(state["rest"])
        except (KeyError, TypeError, ValueError):
            raise error(EXIT_DATA, "this is no state of a Simulator of this version. HINT: what state_dict() returned") from None
        if rest["setup"] != self._setup:
            raise error(EXIT_DATA, f"the saved state is of other settings: {reading.difference(rest['setup'], self._setup)}. HINT: the "
                        "settings that it was made with")
        tensors = {name: tensor for name, tensor in state.items() if name != "rest"}

        def below(prefix: str) -> dict[str, torch.Tensor]:
            return {name[len(prefix) + 1 :]: tensor for name, tensor in tensors.items() if name.startswith(prefix + "/")}

        self._aggregator.load_state_dict(below("aggregator"))
        self.model.load_state_dict(run_folder.whole_state(rest["model"], tensors))
        self.optimizer.load_state_dict(run_folder.whole_state(rest["optimizer"], tensors))
        if self.scheduler is not None and rest["scheduler"] is not None:
            self.scheduler.load_state_dict(run_folder.whole_state(rest["scheduler"], tensors))
        self._average = {name: tensor.to(self._work.device).clone() for name, tensor in below("average").items()}
        for name, rows in below("statistics").items():
            self._work.statistics[name].copy_(rows)
        self.rounds_done, self._remaining, self._spent = rest["rounds_done"], rest["remaining"], rest["spent"]
        self._evaluations, self._seconds = rest["evaluations"], rest["seconds"]
        if records is not None:
            self.records = [Record({**dict.fromkeys(OR_NONE), **one}) for one in records]
        self.records = self.records[: self.rounds_done]
        self._since = self.records[len(self.records) - rest["since"] :] if rest["since"] else []

    def _open(self, folder: str | Path | None, resume: bool) -> run_folder.RunFolder | None:
        if folder is None:
            if resume:
                raise error(EXIT_USAGE, "resume=True without a folder. HINT: folder='runs/mine'")
            return None
        opened = run_folder.RunFolder(folder, self._configuration(), self.seed, resume)
        try:
            if opened.resumes:
                found = opened.restore()
                if found is not None:
                    tensors, texts, rounds = found
                    self.load_state_dict({**tensors, "rest": texts["rest"]}, rounds)
                    if self.rounds_done < self.rounds:
                        opened.cut(texts=texts)
                    self._saved = self.rounds_done
                opened.configure(self._configuration())
        except BaseException:
            opened.close()
            raise
        atexit.register(_save_last, weakref.ref(self))
        return opened

    def save(self) -> None:
        """Checkpoint and summary into the folder, where there is one and anything was done since. It is called where iterating
        ends, however it does."""
        if self._folder is None or (self._saved == self.rounds_done and not self._failed):
            return
        if not self._failed:
            state = self.state_dict()
            self._folder.save({name: value for name, value in state.items() if name != "rest"}, {"rest": state["rest"]})
        self._folder.finish(self.summary())
        self._saved, self._checkpoint_at = self.rounds_done, time.monotonic()
        if self._failed or self.rounds_done >= self.rounds:  # nothing more is written
            self._folder.close()
            self._folder = None

    def summary(self) -> dict[str, Any]:
        """What a report is made of, as in summary.json."""
        status = "failed" if self._failed else "completed" if self.rounds_done >= self.rounds else "interrupted"
        lines = self._evaluations
        best = [line["ema_accuracy"] for line in lines if math.isfinite(line["ema_accuracy"] or math.nan)]
        hashed = hashlib.sha256()
        for name, p in self.model.named_parameters():
            if name in self.shapes:
                hashed.update(p.detach().to("cpu").contiguous().flatten().view(torch.uint8).numpy().tobytes())
        done = max(1, self.rounds_done)
        return {"status": status, "reason": self._failed, "method": self.parts.get("compressor", self.method), "task": self._task,
                "power": self._power.of(max(0, self.rounds_done - 1)) if self._power else None, "seed": self.seed,
                "epochs": len(lines), "rounds": self.rounds_done,
                "final_accuracy": lines[-1]["test_accuracy"] if lines else math.nan,
                "best_ema_accuracy": max(best) if best else math.nan, "final_loss": lines[-1]["test_loss"] if lines else math.nan,
                "budget_use": max((one["budget_use"] for one in self.records), default=0.0),
                "symbols_per_round": sum(one["symbols"] for one in self.records) / done,
                "dense_symbols": float(sum(math.prod(shape) for shape in self.shapes.values())), "memory_lag": self.lag,
                "seconds": self._seconds, "weights_hash": hashed.hexdigest()[:16],
                "configuration": {name: str(value) for name, value in self._configuration().items()}}

    @property
    def _task(self) -> str:
        return f"{type(self.model).__name__} in Python"

    def _configuration(self) -> dict[str, Any]:
        """Settings as config.toml and the report have them."""
        setup = {name: value for name, value in self._setup.items() if name != "tensors"}
        return {**setup, "task": self._task, "rounds": self.rounds, "learning_rate": float(self.optimizer.param_groups[0]["lr"])}


def _save_last(simulator: weakref.ref[Saving]) -> None:
    """Where the program ends in the middle of a loop over the rounds."""
    one = simulator()
    if one is not None:
        one.save()
