"""Times a training step of DDP with its own all-reduce, torch's powerSGD_hook and laser_hook, in alternation, in one
process: what is timed is arithmetic and overhead, not a network. With --device cuda until all is done there, under NCCL.

    build/python/bin/python bench/ddp_hook.py [--steps 30] [--width 1024] [--device cuda]
"""

import argparse
import statistics
import tempfile
import time

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.algorithms.ddp_comm_hooks import powerSGD_hook as powersgd
from torch.nn.parallel import DistributedDataParallel

import laser


def make(width: int, hook: str, device: str) -> DistributedDataParallel:
    torch.manual_seed(1)
    layers = [layer for _ in range(4) for layer in (nn.Linear(width, width), nn.ReLU())]
    ddp = DistributedDataParallel(nn.Sequential(*layers, nn.Linear(width, 10)).to(device))
    if hook == "powerSGD_hook":
        state = powersgd.PowerSGDState(None, matrix_approximation_rank=4, start_powerSGD_iter=2)
        ddp.register_comm_hook(state, powersgd.powerSGD_hook)
    elif hook.startswith("laser"):
        channel = "none" if "none" in hook else "awgn"
        ddp.register_comm_hook(laser.LaserState(ddp, rank=4, power=1e4, channel=channel), laser.laser_hook)
    return ddp


def step(ddp: DistributedDataParallel, batch: torch.Tensor) -> float:
    if batch.is_cuda:
        torch.cuda.synchronize()
    begin = time.perf_counter()
    ddp.zero_grad()
    nn.functional.cross_entropy(ddp(batch), torch.zeros(len(batch), dtype=torch.long, device=batch.device)).backward()
    if batch.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.NamedTemporaryFile() as store:
        dist.init_process_group("nccl" if given.device == "cuda" else "gloo", store=dist.FileStore(store.name, 1), rank=0, world_size=1)
        names = ["all-reduce", "powerSGD_hook", "laser_hook, channel none", "laser_hook, awgn"]
        models = {name: make(given.width, name.replace("_hook, channel", "").replace("laser_hook", "laser"), given.device) for name in names}
        batch = torch.randn(given.batch_size, given.width, device=given.device)
        for _ in range(4):  # exact iterations and rebuilt buckets
            for ddp in models.values():
                step(ddp, batch)
        times: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(given.steps):
            for name, ddp in models.items():
                times[name].append(step(ddp, batch))
        print(f"| step with | over the all-reduce step ({1e3 * statistics.median(times[names[0]]):.3g} ms on {given.device}) |\n|---|---|")
        for name in names:
            ratios = [a / b for a, b in zip(times[name], times[names[0]])]
            print(f"| {name} | {statistics.median(ratios):.2f} |")


if __name__ == "__main__":
    main()
