"""Times PyTorch's own powerSGD_hook on request, for `laser bench`.

    python powersgd_peer.py < requests

The first line is {"sizes": [[m, n], ...], "rank": r, "threads": t}: the parameter tensors of a model, n = 1 for vectors.
After "ready", every line "run" is answered by the seconds of one pass of the hook over all buckets of 25 MB, in the
order in which DDP would fill them. One process, so the all-reduce copies nothing: what is timed is the arithmetic.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


class Bucket:
    """What the hook asks of a GradBucket."""

    def __init__(self, index: int, tensors: list[torch.Tensor], last: bool):
        import torch

        self._index = index
        self._last = last
        self._buffer = torch.cat([tensor.reshape(-1) for tensor in tensors])
        self._gradients = []
        offset = 0
        for tensor in tensors:
            self._gradients.append(self._buffer[offset : offset + tensor.numel()].view_as(tensor))
            offset += tensor.numel()

    def index(self) -> int:
        return self._index

    def buffer(self) -> torch.Tensor:
        return self._buffer

    def gradients(self) -> list[torch.Tensor]:
        return self._gradients

    def is_last(self) -> bool:
        return self._last


def make_buckets(sizes: list[list[int]]) -> list[Bucket]:
    import torch

    torch.manual_seed(0)
    groups: list[list[torch.Tensor]] = [[]]
    held = 0
    for rows, columns in reversed(sizes):
        tensor = 1e-3 * torch.randn(rows, columns) if columns > 1 else 1e-3 * torch.randn(rows)
        if groups[-1] and held + 4 * tensor.numel() > 25 * 2**20:
            groups.append([])
            held = 0
        groups[-1].append(tensor)
        held += 4 * tensor.numel()
    return [Bucket(i, group, i == len(groups) - 1) for i, group in enumerate(groups)]


def main() -> int:
    setup = json.loads(sys.stdin.readline())
    import torch
    import torch.distributed as dist
    from torch.distributed.algorithms.ddp_comm_hooks import powerSGD_hook as powersgd

    torch.set_num_threads(setup["threads"])
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    buckets: list[Any] = make_buckets(setup["sizes"])
    state = powersgd.PowerSGDState(None, matrix_approximation_rank=setup["rank"], start_powerSGD_iter=2,
                                   min_compression_rate=1)
    state.iter = 2
    start = [bucket.buffer().clone() for bucket in buckets]
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() != "run":
            break
        for bucket, gradients in zip(buckets, start):  # the hook overwrites the gradients with its estimate
            bucket.buffer().copy_(gradients)
        begin = time.perf_counter()
        for bucket in buckets:
            powersgd.powerSGD_hook(state, bucket).wait()
        print(time.perf_counter() - begin, flush=True)
    return 0


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # Gloo's threads would abort an orderly exit
