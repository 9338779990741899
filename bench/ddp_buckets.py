"""How often a run with many buckets ends: torch's powerSGD_hook and laser_hook, two Gloo ranks, a 6-layer network of width
256 with buckets of 0.5 MB, 8 steps. A run that has not ended after 20 s counts as hanging.

    build/python/bin/python bench/ddp_buckets.py [--runs 6]
"""

import argparse
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "python"))

import torch
from jobs import Job
from torch import nn
from torch.distributed.algorithms.ddp_comm_hooks import powerSGD_hook as powersgd
from torch.nn.parallel import DistributedDataParallel

import laser


def steps(rank: int, hook: str, zero: bool) -> bool:
    warnings.simplefilter("ignore")
    torch.manual_seed(1)
    model = nn.Sequential(*[layer for _ in range(6) for layer in (nn.Linear(256, 256), nn.ReLU())])
    ddp = DistributedDataParallel(model, bucket_cap_mb=100 if zero else 0.5)
    if hook == "powerSGD_hook":
        ddp.register_comm_hook(powersgd.PowerSGDState(None, 1, start_powerSGD_iter=2), powersgd.powerSGD_hook)
    else:
        ddp.register_comm_hook(laser.LaserState(ddp, rank=1, channel="none"), laser.laser_hook)
    for step in range(8):
        ddp.zero_grad()
        batch = torch.randn(16, 256, generator=torch.Generator().manual_seed(10 * step + rank))
        (ddp(batch).square().mean() * (0.0 if zero else 1.0)).backward()
    return all(bool(p.grad.isfinite().all()) for p in model.parameters())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=6)
    given = parser.parse_args()
    print("| hook | ended | failed | hanging | gradients of zero stay finite (one rank) |\n|---|---|---|---|---|")
    for hook in "powerSGD_hook", "laser_hook":
        ended = failed = hanging = 0
        for _ in range(given.runs):
            job = Job(2, steps, hook, False).join(20)
            hanging += bool(job.hanging)
            failed += not job.hanging and any(job.codes)
            ended += not any(job.codes)
        finite = Job(1, steps, hook, True).join(20).results[0]
        print(f"| {hook} | {ended} of {given.runs} | {failed} | {hanging} | {'yes' if finite else 'no'} |")


if __name__ == "__main__":
    main()
