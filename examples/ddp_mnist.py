"""A plain PyTorch DDP script: a small network on MNIST. The four lines that end in `# laser` are all that LASER needs.

    torchrun --nproc-per-node 4 examples/ddp_mnist.py
    torchrun --nproc-per-node 4 examples/ddp_mnist.py --plain      # exact averages instead
"""

import argparse
from pathlib import Path

import mnist
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

import laser  # laser

ROOT = Path(__file__).resolve().parents[1]


def accuracy(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    with torch.no_grad():
        return 100 * (model(images).argmax(1) == labels).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=128, help="of each process")
    parser.add_argument("--power", type=float, default=1e4, help="energy of each process and round, noise variance 1")
    parser.add_argument("--rank", type=int, default=4)
    parser.add_argument("--limit", type=int, default=60000, help="training images to use")
    parser.add_argument("--plain", action="store_true", help="DDP's own exact averages")
    given = parser.parse_args()
    dist.init_process_group("gloo")
    torch.manual_seed(1)
    images, labels = mnist.load(ROOT / "data" / "mnist", "train")
    data = TensorDataset(images[: given.limit], labels[: given.limit])
    sampler = DistributedSampler(data, seed=1)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    ddp = DistributedDataParallel(model)
    if not given.plain:
        state = laser.LaserState(ddp, rank=given.rank, power=given.power)  # laser
        ddp.register_comm_hook(state, laser.laser_hook)  # laser
    optimizer = torch.optim.SGD(ddp.parameters(), lr=0.05, momentum=0.9)
    for epoch in range(given.epochs):
        sampler.set_epoch(epoch)
        for batch, target in DataLoader(data, given.batch_size, sampler=sampler):
            optimizer.zero_grad()
            nn.functional.cross_entropy(ddp(batch), target).backward()
            optimizer.step()
        if dist.get_rank() == 0:
            print(f"epoch {epoch + 1}: test accuracy {accuracy(model, *mnist.load(ROOT / 'data' / 'mnist', 't10k')):.2f} %")
    if dist.get_rank() == 0 and not given.plain:
        print("numbers sent: one in {:.1f}".format(state.compression_stats()[0]))  # laser
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
