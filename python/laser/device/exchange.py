"""What the processes of a round tell each other: sums of symbols, and the norms of all workers, in one all-reduce of

    [ the worker's weighted symbols | k rows of norms, of which this worker fills its own ]
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.distributed as dist


class NormTable:
    """Norms that are exchanged in a pass: columns of the workers here, [K, columns], and by what they say where they lie."""

    def __init__(self) -> None:
        self.whose: list[int] = []  # of each column: which tensor it is of
        self._rows: list[torch.Tensor] = []
        self._places: dict[str, slice] = {}

    def put(self, what: str, whose: Sequence[int], rows: Sequence[torch.Tensor]) -> None:
        """Columns of the tensors `whose`, in parts [K] or [K, columns]."""
        first = len(self.whose)
        self.whose += whose
        self._rows += [part if part.dim() == 2 else part.unsqueeze(1) for part in rows]
        self._places[what] = slice(first, len(self.whose))

    def own(self) -> torch.Tensor | None:
        """[K, columns] of the workers here; None where nothing is asked."""
        return torch.cat(self._rows, 1) if self._rows else None

    def of(self, what: str, whole: torch.Tensor) -> torch.Tensor | None:
        """[k, columns] of the whole table that say this; None where nothing does."""
        return whole[:, self._places[what]] if what in self._places else None


class Exchange:
    """All-reduces of the k workers, each of which a process of `group` holds; without one, all are here and nothing is sent."""

    def __init__(self, group: dist.ProcessGroup | None, workers: int, first_worker: int, kind: torch.dtype, wide: torch.dtype,
                 device: torch.device):
        self._group, self._workers, self._first_worker = group, workers, first_worker
        self._kind, self._wide, self._device = kind, wide, device
        self.sent_bytes = 0  # that are handed to the network, as a ring of all ranks sends them
        self.count = 0

    def together(self, flats: list[torch.Tensor], rows: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        """The sums of flat vectors over the processes, and the norms of all workers, [k, columns]."""
        if self._group is None:
            return flats, rows
        columns, symbols = rows.shape[1], sum(len(flat) for flat in flats)
        buffer = torch.zeros(symbols + self._workers * columns, dtype=self._kind, device=self._device)
        if flats:
            buffer[:symbols] = torch.cat(flats)
        at = symbols + self._first_worker * columns
        buffer[at : at + columns] = rows[0].to(self._kind)
        self._all_reduce(buffer)
        norms = buffer[symbols:].view(self._workers, columns).to(self._wide)
        return list(buffer[:symbols].split([len(flat) for flat in flats])), norms

    def gather(self, rows: torch.Tensor) -> torch.Tensor:
        """[k, columns] the rows of all workers, from those of the workers here."""
        if self._group is None:
            return rows
        whole = torch.zeros(self._workers, rows.shape[1], dtype=self._wide, device=self._device)
        whole[self._first_worker] = rows[0]
        self._all_reduce(whole)
        return whole

    def sum(self, numbers: torch.Tensor) -> None:
        """Adds numbers over the processes, in place."""
        if self._group is not None:
            self._all_reduce(numbers)

    def sum_row(self, row: torch.Tensor) -> torch.Tensor:
        """The sum of a row of numbers over the processes."""
        if self._group is None:
            return row
        whole = row.to(self._kind)
        self._all_reduce(whole)
        return whole.to(self._wide)

    def _all_reduce(self, buffer: torch.Tensor) -> None:
        self.count += 1
        self.sent_bytes += 2 * (self._workers - 1) * -(-buffer.numel() // self._workers) * buffer.element_size()
        dist.all_reduce(buffer, group=self._group)
