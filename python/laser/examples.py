"""Whose examples are whose, and which of them a worker sees in a step: a function of seed, step and worker, as in the command.

The spreading is the core's own: with the same seed, batch and number of workers the batches are those of ``laser train``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.utils.data import ConcatDataset, Dataset, TensorDataset, default_collate

from laser.native import EXIT_CONFIGURATION, EXIT_USAGE, core, error
from laser.reading import real_number

SHARDINGS = ("iid", "sorted", "dirichlet")
MOST_CLASSES = 256
WANTED = "HINT: (inputs, targets) as tensors or arrays, or a map-style torch.utils.data.Dataset of such pairs"


class Examples:
    """Pairs of inputs and targets that can be asked for by number: tensors, or a data set that makes them when asked."""

    def __init__(self, data: Any, what: str = "data"):
        self._dataset: Any = None
        if isinstance(data, TensorDataset):
            data = data.tensors
        if isinstance(data, (tuple, list)) and len(data) == 2 and all(_is_array(part) for part in data):
            self.inputs, self.targets = (torch.as_tensor(part) for part in data)
            if self.inputs.dim() == 0 or self.targets.dim() == 0 or len(self.inputs) != len(self.targets):
                raise error(EXIT_CONFIGURATION, f"{what}: inputs of shape {tuple(self.inputs.shape)} and targets of shape "
                            f"{tuple(self.targets.shape)}. HINT: as many targets as inputs, [n, ...] each")
            self.count = len(self.inputs)
        elif isinstance(data, Dataset) and hasattr(data, "__len__"):
            self._dataset, self.count = data, len(data)
            if self.count and not (isinstance(data[0], (tuple, list)) and len(data[0]) == 2):
                raise error(EXIT_CONFIGURATION, f"{what}: an element of {type(data).__name__} is no pair. {WANTED}")
        else:
            raise error(EXIT_USAGE, f"{what} is of type {type(data).__name__}. {WANTED}")
        if self.count == 0:
            raise error(EXIT_CONFIGURATION, f"{what} has no examples. {WANTED}")

    def __len__(self) -> int:
        return self.count

    @property
    def drawn(self) -> bool:
        """Whether an example may be another one each time it is asked for, as with random crops."""
        return self._dataset is not None

    def batch(self, numbers: torch.Tensor, device: torch.device) -> tuple[Any, Any]:
        """Inputs and targets of the examples of these numbers [b], on the device."""
        if self._dataset is None:
            return self.inputs[numbers].to(device), self.targets[numbers].to(device)
        inputs, targets = default_collate([self._dataset[number] for number in numbers.tolist()])
        return inputs.to(device), targets.to(device)

    def labels(self) -> torch.Tensor:
        """[n] the classes, whole numbers below 256."""
        if self._dataset is None:
            labels = self.targets
        else:
            known = getattr(self._dataset, "targets", None)
            labels = torch.as_tensor(known if known is not None else [int(pair[1]) for pair in self._dataset])
        if labels.dim() != 1 or labels.is_floating_point() or int(labels.min()) < 0 or int(labels.max()) >= MOST_CLASSES:
            raise error(EXIT_CONFIGURATION, f"targets of type {labels.dtype} and shape {tuple(labels.shape)} are no classes to "
                        f"spread by. HINT: whole numbers [n] from 0 to {MOST_CLASSES - 1}, or sharding='iid', or one data set a "
                        "worker")
        return labels


class Shards:
    """The examples of k workers, and their batches.

    ``data`` is one data set, spread by ``sharding`` (iid, sorted by label, dirichlet: class shares drawn for each worker with
    ``concentration`` alpha), or a list of one data set a worker.
    """

    def __init__(self, data: Any, workers: int, batch_size: int, seed: int, sharding: str, concentration: float):
        self.own = isinstance(data, (list, tuple)) and len(data) > 0 and not _is_array(data[0])
        if sharding not in SHARDINGS:
            raise error(EXIT_CONFIGURATION, f"sharding = {sharding!r} is unknown. HINT: {', '.join(SHARDINGS)}, or one data set a "
                        "worker")
        if self.own:
            if len(data) != workers:
                raise error(EXIT_CONFIGURATION, f"{len(data)} data sets for {workers} workers. HINT: one a worker, or one for all "
                            "of them with a sharding")
            if sharding != "iid":
                raise error(EXIT_CONFIGURATION, f"sharding = '{sharding}' with one data set a worker. HINT: leave it out, they "
                            "are spread already")
            each = [Examples(one, f"data of worker {i}") for i, one in enumerate(data)]
            self.examples = _joined(each)
            self._sharding = core.Sharding([len(one) for one in each], batch_size, seed)
        else:
            self.examples = Examples(data)
            alpha = real_number(concentration)
            if not 0 < alpha <= 1e6:
                raise error(EXIT_CONFIGURATION, f"concentration = {concentration!r} must be above 0, 1e6 at most. HINT: 0.3, smaller for "
                            "workers that differ more")
            labels = torch.zeros(len(self.examples)) if sharding == "iid" else self.examples.labels()
            self._sharding = core.Sharding(labels.to(torch.uint8), sharding, alpha, 0.0, workers, batch_size, seed)
        self.workers = workers
        self.batch_size = min(batch_size, self._sharding.shard_size)
        self.steps_per_epoch: int = self._sharding.rounds_per_epoch
        self._orders: dict[int, torch.Tensor] = {}
        self._epoch = -1

    def numbers(self, worker: int, step: int) -> torch.Tensor:
        """[b] which examples a worker sees in its step, counted from 0; the last batch of an epoch may be short, at all
        workers alike."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._orders, self._epoch = {}, epoch
        if worker not in self._orders:
            self._orders[worker] = self._sharding.epoch_order(epoch, worker)
        return self._orders[worker][place * self.batch_size : (place + 1) * self.batch_size]

    def shard(self, worker: int) -> torch.Tensor:
        """All examples of a worker, by number."""
        return self._sharding.shard(worker)


def _joined(each: Sequence[Examples]) -> Examples:
    if any(one.drawn for one in each):
        return Examples(ConcatDataset([one._dataset if one.drawn else TensorDataset(one.inputs, one.targets) for one in each]))
    try:
        return Examples((torch.cat([one.inputs for one in each]), torch.cat([one.targets for one in each])))
    except (RuntimeError, TypeError) as problem:
        raise error(EXIT_CONFIGURATION, f"the workers' data sets don't fit together ({problem}). HINT: examples of one shape and "
                    "type at all workers") from problem


def _is_array(value: Any) -> bool:
    return isinstance(value, torch.Tensor) or type(value).__module__.split(".")[0] == "numpy"
