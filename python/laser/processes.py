"""The processes of a torch.distributed job as the collective of the C++ round: each holds one worker.

All exchanges are blocking, on the CPU, in one order on every rank, in a Gloo group of their own that nothing else uses.
Sums are made in rank order, so a result depends on the number of ranks and on nothing else. A rank that dies is named:
its peers' connections break at once, and they look up which process is gone.
"""

import datetime
import os
import socket
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from laser.native import EXIT_CONFIGURATION, EXIT_USAGE, error
from laser.reading import check_positive

EXIT_WORKER_LOST = 7
MOST_SECONDS = 1e8  # three years
NOT_A_MEMBER: object = dist.GroupMember.NON_GROUP_MEMBER  # stands for a group, and torch types it as a number
_all_gather = getattr(dist, "all_gather_single", None) or dist.all_gather_into_tensor  # the name before torch 2.13


class Processes:
    """process_group: of the ranks that take part; None: all. sent_bytes: what this rank has handed to the network so far, as
    the algorithms of the collectives send it."""

    def __init__(self, process_group: dist.ProcessGroup | None = None, timeout: float | None = None):
        if not dist.is_initialized():
            raise error(EXIT_USAGE, "torch.distributed is not initialised. HINT: dist.init_process_group('gloo') comes first")
        wait = check_seconds(timeout)
        group = process_group or dist.group.WORLD
        assert group is not None
        if group is NOT_A_MEMBER:
            raise error(EXIT_USAGE, f"rank {dist.get_rank()} is not in process_group. HINT: LaserState is made on its ranks only")
        self.ranks: list[int] = sorted(dist.get_process_group_ranks(group))  # in the order of their workers
        _agree_on_names(group)
        self._group: dist.ProcessGroup = dist.new_group(self.ranks, backend="gloo", timeout=wait, use_local_synchronization=True)
        self.model_group: dist.ProcessGroup = group  # that of the model's own averages, on its devices
        self.sent_bytes = 0
        self.workers: int = dist.get_world_size(self._group)
        self.first_worker: int = dist.get_rank(self._group)
        self._members = self._meet()

    @property
    def group(self) -> dist.ProcessGroup:
        """The Gloo group of these exchanges."""
        return self._group

    def sum(self, tensors: list[torch.Tensor]) -> None:
        """Adds every tensor over the ranks, in place, all in one exchange."""
        if self.workers == 1 or not tensors:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        self.sum_flat(flat)
        at = 0
        for tensor in tensors:
            tensor.copy_(flat[at : at + tensor.numel()].view(tensor.shape))
            at += tensor.numel()

    def sum_flat(self, flat: torch.Tensor) -> None:
        """Adds a contiguous vector over the ranks, in place."""
        if self.workers == 1:
            return
        self.sent_bytes += 2 * (self.workers - 1) * -(-flat.numel() // self.workers) * flat.element_size()
        if self.workers == 2:  # a + b = b + a, bit for bit: any order is rank order
            self._guard(lambda: dist.all_reduce(flat, group=self._group))
            return
        # Every rank adds up its own part in rank order, then all share the sums.
        part = -(-flat.numel() // self.workers)
        sent = torch.zeros(part * self.workers, dtype=flat.dtype, device="cpu")
        sent[: flat.numel()] = flat
        heard = torch.empty_like(sent)
        self._guard(lambda: dist.all_to_all_single(heard, sent, group=self._group))
        rows = heard.view(self.workers, part)
        total = rows[0].clone()
        for row in rows[1:]:
            total += row
        self._guard(lambda: _all_gather(sent, total, group=self._group))
        flat.copy_(sent[: flat.numel()])

    def gather_rows(self, local: list[float], columns: int) -> list[float]:
        """The numbers of every rank, in rank order."""
        if self.workers == 1:
            return local
        return self.gather(torch.tensor(local, dtype=torch.float64, device="cpu")).tolist()

    def gather(self, row: torch.Tensor) -> torch.Tensor:
        """[k * n] of the ranks' vectors [n]."""
        self.sent_bytes += (self.workers - 1) * row.numel() * row.element_size()
        rows = torch.empty(self.workers * row.numel(), dtype=row.dtype, device="cpu")
        self._guard(lambda: _all_gather(rows, row, group=self._group))
        return rows

    def gather_objects(self, own: object) -> list[Any]:
        """What each rank says, in rank order: for setting up and for checkpoints, not for rounds."""
        told: list[Any] = [None] * self.workers
        self._guard(lambda: dist.all_gather_object(told, own, group=self._group))
        return told

    def _meet(self) -> list[tuple[bool, int]]:
        """Of every rank: whether it is on this machine, and its process."""
        host = zlib.crc32(_machine().encode())
        rows = self.gather(torch.tensor([host, os.getpid()], device="cpu")).view(self.workers, 2).tolist()
        return [(there == host, process) for there, process in rows]

    def _guard(self, exchange: Callable[[], object]) -> None:
        try:
            exchange()
        except RuntimeError as problem:  # the connection to a peer broke, or it did not answer in time
            raise error(EXIT_WORKER_LOST, f"{self._lost()}; rank {self.first_worker} ends as well. HINT: start the job "
                        f"again from its last checkpoint (torch.distributed says: {_first_line(problem)})") from problem

    def _lost(self) -> str:
        deadline = time.monotonic() + 3.0  # a connection may break before its process has quite gone
        while True:
            states = [(rank, process, _process_state(process)) for rank, (here, process) in enumerate(self._members) if here]
            gone = [f"{rank} (process {process})" for rank, process, state in states if state in "ZX"]
            stopped = [f"{rank} (process {process})" for rank, process, state in states if state in "Tt"]
            if gone or stopped or time.monotonic() > deadline:
                break
            time.sleep(0.02)
        self._let_go()
        if gone:
            return f"lost rank {' and rank '.join(gone)}"
        if stopped:
            return f"no answer from rank {' and rank '.join(stopped)}, which is stopped"
        elsewhere = [str(rank) for rank, (here, _) in enumerate(self._members) if not here]
        return f"lost a rank on another machine (one of {', '.join(elsewhere)})" if elsewhere else "lost a connection"

    def _let_go(self) -> None:
        """Breaks the connections to all others, which wait for this rank: they learn of it now, while the ranks that
        live can still be told from the one that does not."""
        try:
            self._group.abort()
        except (AttributeError, RuntimeError):
            pass


def check_seconds(timeout: float | None) -> datetime.timedelta | None:
    """The time that exchanges wait.

    timeout: seconds, 0.001 to 1e8; None: that of torch.distributed. Raises Error (configuration) for anything else.
    """
    if timeout is None:
        return None
    seconds = check_positive("timeout", timeout)
    if not 1e-3 <= seconds <= MOST_SECONDS:
        raise error(EXIT_CONFIGURATION, f"timeout = {timeout!r} must be from 0.001 to {MOST_SECONDS:g} seconds. HINT: timeout=600, or None "
                    "for that of torch.distributed")
    return datetime.timedelta(seconds=seconds)


def _agree_on_names(group: dist.ProcessGroup) -> None:
    """torch names a group after its ranks and the number of groups that the process has, so ranks that are in different
    numbers of groups would wait for each other under different names: those with fewer make some of their own."""
    counts: list[Any] = [None] * dist.get_world_size(group)
    dist.all_gather_object(counts, _groups(), group=group)
    while _groups() < max(counts):
        dist.new_group([dist.get_rank()], backend="gloo", use_local_synchronization=True)


def _groups() -> int:
    return len(dist.distributed_c10d._world.pg_names)


def _machine() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id")
    return socket.gethostname() + (boot.read_text() if boot.is_file() else "")


def _process_state(process: int) -> str:
    """The letter of /proc: Z and X are dead, T is stopped; X for a process that is not there."""
    try:
        return Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()[0].decode()
    except OSError:
        return "X"


def _first_line(problem: Exception) -> str:
    text = str(problem).strip()
    return text.splitlines()[0] if text else type(problem).__name__
