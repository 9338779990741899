"""What a Simulator says of its model: loss and accuracy, of the test set and of each client."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.func import functional_call

from laser import run_folder
from laser.examples import Examples, Shards
from laser.local_work import LocalWork, Tensors
from laser.native import EXIT_NON_FINITE, EXIT_USAGE, error
from laser.simulator_records import DIAGNOSED, Record, spread

AT_ONCE = 4096  # examples of an evaluation that are computed together


class Evaluating:
    """The part of a Simulator that evaluates."""

    model: torch.nn.Module
    loss: Callable[[Any, Any], torch.Tensor]
    workers: int
    rounds_done: int
    per_client: bool
    _tests: list[Examples]
    _shards: Shards
    _work: LocalWork
    _average: Tensors
    _spent: list[float]
    _since: list[Record]
    _evaluations: list[dict[str, Any]]
    _folder: run_folder.RunFolder | None

    def average(self) -> Tensors:
        """Weights, averaged over the rounds, by name."""
        raise NotImplementedError

    def evaluate(self, data: Any = None, weights: Mapping[str, torch.Tensor] | None = None) -> dict[str, float]:
        """Mean loss and, of a classifier, accuracy in percent, on ``data`` or on ``test``; of other ``weights`` where they are
        given, by name. The accuracy is NaN where the targets are no classes. Raises Error (usage) where there are no data.

        data: (inputs, targets) or a Dataset of pairs; None: the ``test`` of the Simulator.
        weights: tensors by name in place of the model's own, such as ``average()``; None: the model's.
        """
        if data is None and not self._tests:
            raise error(EXIT_USAGE, "there is nothing to evaluate with. HINT: Simulator(..., test=(inputs, targets)), or "
                        "evaluate((inputs, targets))")
        sets = self._tests if data is None else [Examples(data, "data to evaluate with")]
        counts = [len(one) for one in sets]
        found = [self._score(one, torch.arange(len(one)), weights) for one in sets]
        return {name: sum(n * one[name] for n, one in zip(counts, found)) / sum(counts) for name in ("accuracy", "loss")}

    def _score(self, examples: Examples, numbers: torch.Tensor, weights: Mapping[str, torch.Tensor] | None = None
               ) -> dict[str, float]:
        was_training = self.model.training
        self.model.eval()
        loss, right = 0.0, 0
        known = True
        try:
            with torch.no_grad():
                for some in numbers.split(AT_ONCE):
                    inputs, targets = examples.batch(some, self._work.device)
                    outputs = functional_call(self.model, dict(weights), (inputs,)) if weights else self.model(inputs)
                    loss += float(self.loss(outputs, targets)) * len(some)
                    known = known and _are_classes(outputs, targets)
                    if known:
                        right += int((outputs.argmax(1) == targets).sum())
        finally:
            self.model.train(was_training)
        count = len(numbers)
        per_example = math.prod(targets.shape[1:]) if known else 1
        return {"accuracy": 100.0 * right / (count * per_example) if known else math.nan, "loss": loss / count}

    def _end_epoch(self, record: Record) -> None:
        """Evaluates, and writes a line as the command does after an epoch."""
        k, n = self.workers, len(self._since)
        line: dict[str, Any] = {"epoch": len(self._evaluations) + 1, "round": self.rounds_done, "learning_rate": record["learning_rate"],
                                "train_loss": sum(one["loss"] for one in self._since) / n, "test_loss": math.nan,
                                "test_accuracy": math.nan, "ema_accuracy": math.nan, "power": record["power"] or 0.0,
                                "budget_use": max(one["budget_use"] for one in self._since),
                                "energy": [sum(one["energy"][i] for one in self._since) / n for i in range(k)],
                                "symbols": sum(one["symbols"] for one in self._since) / n}
        for name in DIAGNOSED:
            known = [one[name] for one in self._since if one[name] is not None]
            if known:
                line[name] = sum(known) / len(known)
        if self._tests:
            raw = self.evaluate()
            record["accuracy"], record["test_loss"] = raw["accuracy"], raw["loss"]
            if self._average:
                record["ema_accuracy"] = self.evaluate(weights=self.average())["accuracy"]
            line |= {"test_loss": raw["loss"], "test_accuracy": raw["accuracy"], "ema_accuracy": record.get("ema_accuracy", math.nan)}
        if self.per_client:
            each = ([self._score(one, torch.arange(len(one))) for one in self._tests] if len(self._tests) > 1 else
                    [self._score(self._shards.examples, self._shards.shard(i)) for i in range(k)])
            for name, values in (("accuracy", [one["accuracy"] for one in each]), ("loss", [one["loss"] for one in each]),
                                 ("energy", list(self._spent))):
                record[f"client_{name}"] = values
                for what, value in spread(values, name != "accuracy").items():
                    record[f"client_{name}_{what}"] = value
            line |= {name: value for name, value in record.items() if name.startswith("client_")}
        self._since = []
        self._evaluations.append(line)
        if self._folder is not None:
            self._folder.append(run_folder.METRICS, line)
        if self._tests and not math.isfinite(line["test_loss"]):
            raise error(EXIT_NON_FINITE, f"training diverged: the test loss is not finite after round {self.rounds_done}. HINT: lower "
                        "the learning rate or raise power")


def _are_classes(outputs: Any, targets: Any) -> bool:
    return (isinstance(outputs, torch.Tensor) and isinstance(targets, torch.Tensor) and not targets.is_floating_point()
            and outputs.dim() == targets.dim() + 1 and outputs.shape[0] == targets.shape[0])
