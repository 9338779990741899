"""One round over the air, for gradients that are already there; and the simulator's runs.

Settings are those of the command (``laser train --help``): method, rank, transport, feedback, allocation, receiver,
channel and so on, by keyword. The numbers are the command's: same settings, same seed, same bits.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import torch

from laser.native import core, pairs


@dataclasses.dataclass
class Outcome:
    """What a round gives: the server's estimate of the mean gradient, and what it cost."""

    estimate: torch.Tensor | dict[str, torch.Tensor]
    energy: list[float]  # [k] that each worker sent, noise variance 1
    symbols: int  # channel uses
    memory_ratio: float | None = None  # the rest only where a diagnosis was asked for
    influence: float | None = None  # lambda
    quality: float | None = None  # delta


class Aggregator:
    """The round with what lasts between rounds: error memories and factors.

    ``shapes`` maps the names of the parameter tensors to their shapes; tensors with two dimensions or more are
    matrices (the first dimension by the others).
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], workers: int, power: float = 1.0, **settings):
        self._shapes = {name: tuple(shape) for name, shape in shapes.items()}
        self._workers = workers
        self._power = power
        noisy = {} if settings.get("channel") == "noiseless" or settings.get("method") == "sgd" else {"power": power}
        self._double = bool(settings.pop("double_precision", False))
        self._core = core.Aggregator([(name, list(shape) or [1]) for name, shape in self._shapes.items()],
                                     pairs(settings | noisy | {"workers": workers}), None, self._double)
        self.rounds = 0

    def round(self, gradients: Mapping[str, torch.Tensor], power: float | None = None,
              diagnose: bool = False) -> Outcome:
        """One round; ``gradients`` maps every name to [k, ...], a row for each worker."""
        kind = torch.float64 if self._double else torch.float32
        rows = []
        for name, shape in self._shapes.items():
            tensor = gradients[name]
            if tuple(tensor.shape) != (self._workers, *shape):
                raise ValueError(f"the gradients of '{name}' have shape {tuple(tensor.shape)}, "
                                 f"not {(self._workers, *shape)}")
            rows.append(tensor.detach().to("cpu", kind).reshape(self._workers, -1))
        flat = self._core.round(self.rounds, self._power if power is None else power, torch.cat(rows, 1), diagnose)
        self.rounds += 1
        estimate, at = {}, 0
        for name, shape in self._shapes.items():
            size = rows[len(estimate)].shape[1]
            estimate[name] = flat[at : at + size].view(shape).to(gradients[name].device)
            at += size
        report = self._core.report()
        return Outcome(estimate, report["energy"], report["symbols"], report.get("memory_ratio"),
                       report.get("lambda"), report.get("delta"))

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Everything that the rounds to come depend on."""
        return self._core.state() | {"rounds": torch.tensor(self.rounds)}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Restores what ``state_dict`` returned; raises Error where it does not fit."""
        self._core.load_state({name: tensor for name, tensor in state.items() if name != "rounds"})
        self.rounds = int(state["rounds"])


def aggregate(gradients: torch.Tensor | Mapping[str, torch.Tensor], power: float = 1.0, diagnose: bool = False,
              **settings) -> Outcome:
    """The server's estimate of the mean of k workers' gradients after a single round over the air.

    ``gradients`` is [k, ...] or maps names to such tensors; ``power`` is the energy of each worker for all of it, in
    units of the noise variance.

    >>> laser.aggregate(torch.randn(16, 64, 32), power=1e4, method="laser", rank=2).estimate.shape
    torch.Size([64, 32])
    """
    single = isinstance(gradients, torch.Tensor)
    named = {"gradient": gradients} if single else gradients
    workers = next(iter(named.values())).shape[0]
    aggregator = Aggregator({name: tensor.shape[1:] for name, tensor in named.items()}, workers, power,
                            double_precision=all(tensor.dtype == torch.float64 for tensor in named.values()), **settings)
    outcome = aggregator.round(named, diagnose=diagnose)
    if single:
        outcome.estimate = outcome.estimate["gradient"]
    return outcome


class Training:
    """A run of the simulator, round by round, without files: ``Training(task="mnist", workers=4, rank=2)``."""

    def __init__(self, **settings):
        self._core = core.Training(pairs(settings))
        self.rounds = self._core.rounds
        self.shapes = {name: tuple(shape) for name, shape in self._core.shapes}

    def advance(self, rounds: int = 1) -> None:
        """So many rounds more; raises Error where training diverges."""
        self._core.advance(rounds)

    @property
    def rounds_done(self) -> int:
        return self._core.rounds_done

    @property
    def accuracy(self) -> float:
        """Percent, at the last evaluation (after each epoch)."""
        return self._core.accuracy

    def parameters(self) -> dict[str, torch.Tensor]:
        """The weights by name."""
        flat, result, at = self._core.state()["parameters"], {}, 0
        for name, shape in self.shapes.items():
            size = int(torch.Size(shape).numel())
            result[name] = flat[at : at + size].view(shape)
            at += size
        return result

    def state_dict(self) -> dict[str, torch.Tensor]:
        return self._core.state()

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        self._core.load_state(dict(state))
