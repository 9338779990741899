"""A DDP script that goes on where it was left, with any number of processes: start it again with fewer or more.

    torchrun --nproc-per-node 4 examples/elastic_mnist.py --folder F   # interrupt it at any time, then
    torchrun --nproc-per-node 2 examples/elastic_mnist.py --folder F

Under torchrun's elastic launch (--nnodes 1:4 --max-restarts 3) the same happens by itself: all processes are started again, with the
number that is left. A step averages over 256 images, whatever the number of processes.
"""

import argparse
import os
from pathlib import Path

import mnist
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import laser

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="for checkpoints, seen by all processes")
    parser.add_argument("--steps", type=int, default=400, help="of the whole training, all starts together")
    parser.add_argument("--save-every", type=int, default=20, help="steps")
    parser.add_argument("--power", type=float, default=1e4, help="energy of each process and round, noise variance 1")
    given = parser.parse_args()
    dist.init_process_group("gloo")
    rank, ranks = dist.get_rank(), dist.get_world_size()
    torch.manual_seed(1)
    images, labels = mnist.load(ROOT / "data" / "mnist", "train")
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    ddp = DistributedDataParallel(model)
    state = laser.LaserState(ddp, rank=4, power=given.power)
    ddp.register_comm_hook(state, laser.laser_hook)
    optimizer = torch.optim.SGD(ddp.parameters(), lr=0.05, momentum=0.9)

    checkpoint, step = given.folder / "model.pt", 0
    if checkpoint.is_file():
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        step = state.load(given.folder, iteration=saved["step"], reshard=True)  # of as many ranks as there were
    if rank == 0:
        print(f"{ranks} processes go on at step {step}", flush=True)
    while step < given.steps:
        chosen = torch.randint(len(images), (256,), generator=torch.Generator().manual_seed(step))[rank::ranks]
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(ddp(images[chosen]), labels[chosen])
        loss.backward()
        optimizer.step()
        step += 1
        if step % given.save_every == 0:
            state.save(given.folder)  # every rank its memory, then the first one what all have in common
            dist.barrier()
            dist.all_reduce(loss.detach_())
            if rank == 0:
                torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, f"{checkpoint}.part")
                os.replace(f"{checkpoint}.part", checkpoint)
                print(f"step {step}: loss {loss.item() / ranks:.3f}", flush=True)
    if rank == 0:
        images, labels = mnist.load(ROOT / "data" / "mnist", "t10k")
        with torch.no_grad():
            print(f"test accuracy {100 * (model(images).argmax(1) == labels).float().mean().item():.2f} %")
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
