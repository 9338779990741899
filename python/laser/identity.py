"""What sets a state apart from all others: its random streams, and the run that its shards are of."""

from __future__ import annotations

import hashlib
import secrets
import weakref
from collections.abc import Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from laser.native import EXIT_CONFIGURATION, EXIT_DATA, error
from laser.processes import NOT_A_MEMBER, Processes
from laser.reading import difference
from laser.shards import Folder

MOST_RUNS = 20  # of a history that are remembered
_live: weakref.WeakSet[Identity] = weakref.WeakSet()  # of this process


class Identity:
    """stream: "" for the first state of a job, whose numbers are those of the command; else the number among those that live
    at once, and the first rank of its group. No two states have the same: where two groups share a rank it numbers them, and
    where they share none their first ranks differ; unless one is asked for. runs: this run, and before it those that it went on
    from, each with the number of the save at which it was left (-1: none that is known)."""

    def __init__(self, state: Any, seed: int, stream: int | None = None):
        self.name: str = state.name
        processes: Processes = state.processes
        self.number = 0
        taken = max((one.number for one in _live if one.name == self.name), default=-1)
        told = processes.gather(torch.tensor([taken + 1, secrets.randbits(48)], device="cpu")).view(-1, 2)
        self.number = int(told[:, 0].max())
        self.runs: list[tuple[str, int]] = [(f"{int(told[0, 1]):012x}", -1)]
        first = processes.ranks[0]
        own = "" if not self.name and self.number == 0 and first == 0 else f"{self.name}/{self.number}/{first}"
        self.stream = own if stream is None else str(stream) if stream else ""
        self.seed = self.seed_of(seed, self.stream)
        _live.add(self)

    @staticmethod
    def seed_of(seed: int, stream: str) -> int:
        if not stream:
            return seed
        return int.from_bytes(hashlib.sha256(f"{seed}/{stream}".encode()).digest()[:8], "big")

    @property
    def run(self) -> str:
        return self.runs[-1][0]

    def place(self, iteration: int) -> tuple[int, str, str]:
        """Where a state stands, which must be the same on all ranks: its iteration, the run that was loaded, its streams."""
        return iteration, self.runs[-2][0] if len(self.runs) > 1 else "", self.stream

    def go_on_from(self, stream: str, runs: list[tuple[str, int]], iteration: int, save: int) -> None:
        """Another run begins, the same on all ranks, which differs from what else went on from there."""
        text = f"{self.run}/{runs[-1][0]}/{iteration}"
        self.stream = stream
        before = [(str(run), int(left)) for run, left in runs]
        before[-1] = (before[-1][0], save)
        self.runs = [*before, (hashlib.sha256(text.encode()).hexdigest()[:12], -1)][-MOST_RUNS:]

    def check_alone(self, folder: Folder) -> None:
        """Raises Error where another state of this process saves into the folder under the same name."""
        theirs = {run for one in _live if one is not self and one.name == self.name for run, _ in one.runs}
        theirs -= {run for run, _ in self.runs}
        if any(shard.run in theirs for shard in folder.own()):
            raise error(EXIT_CONFIGURATION, f"another LaserState of this process saves into {folder.path}. HINT: a folder for "
                        "each, or LaserState(..., name='decoder')")


def mark_of(place: tuple[int, str, str]) -> float:
    """A number that is another for another place, exact in 64 bits of floating point."""
    return float(int.from_bytes(hashlib.sha256(repr(place).encode()).digest()[:6], "big"))


def check_same_ranks(modules: list[DistributedDataParallel], processes: Processes) -> None:
    """Raises Error where a state averages over other ranks than the DDP modules that hold its parameters."""
    averaged = [sorted(dist.get_process_group_ranks(module.process_group)) for module in modules]
    if averaged and processes.ranks not in averaged:
        raise error(EXIT_CONFIGURATION, f"LaserState averages over ranks {processes.ranks}, and DDP over ranks {averaged[0]}. HINT: "
                    "LaserState(ddp, ...), not the module inside, takes DDP's own process_group")


def check_same_place(processes: Processes, place: tuple[int, str, str]) -> None:
    """Raises the same Error on all ranks, which stand at different places."""
    everyone = processes.gather_objects(place)
    for rank, theirs in enumerate(everyone):
        for what, first, other in zip(("iterations", "runs that were loaded", "random streams"), everyone[0], theirs):
            if first != other:
                raise error(EXIT_DATA, f"ranks 0 and {rank} are at different {what}: {first or 'none'} and {other or 'none'}. "
                            "HINT: load and load_state_dict are called on every rank, for the same iteration")


def check_same_group(ddp: DistributedDataParallel | None,
                     group: dist.ProcessGroup | None) -> dist.ProcessGroup | None:
    """The group of the model's ranks. Raises Error where another one is asked for."""
    if ddp is None:
        return group
    if group is not None and group is not NOT_A_MEMBER and dist.is_initialized():
        asked, own = dist.get_process_group_ranks(group), dist.get_process_group_ranks(ddp.process_group)
        if sorted(asked) != sorted(own):
            raise error(EXIT_CONFIGURATION, f"process_group has ranks {asked}, and DDP averages over ranks {own}. HINT: leave "
                        "process_group out, or give it to DistributedDataParallel")
    return ddp.process_group


def check_same_everywhere(processes: Processes, setup: Mapping[str, Any]) -> None:
    """Raises the same Error on all ranks where they do not agree in what a state is made of."""
    digest = hashlib.sha256(repr(sorted(setup.items())).encode()).digest()
    told = processes.gather(torch.tensor(list(digest), dtype=torch.uint8, device="cpu")).view(-1, len(digest))
    if (told == told[0]).all():
        return
    everyone = processes.gather_objects(dict(setup))
    first = everyone[0]
    for rank, theirs in enumerate(everyone):
        for part, value in first.items():
            if theirs[part] != value:
                raise error(EXIT_CONFIGURATION, f"ranks 0 and {rank} have different {part}: "
                            f"{difference(value, theirs[part])}. HINT: LaserState is made alike on all ranks")
