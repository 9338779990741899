"""A plain PyTorch DDP script: ResNet18 (of CIFAR) on CIFAR-10, or on made-up images where the data are not there. The four
lines that end in `# laser` are all that LASER needs.

    laser data fetch cifar10
    torchrun --nproc-per-node 4 examples/ddp_resnet.py --data ~/.cache/laser/data/cifar10
    torchrun --nproc-per-node 2 examples/ddp_resnet.py --width 8 --steps 20
"""

import argparse
import os
import tarfile
from pathlib import Path

import numpy
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import laser  # laser


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


def resnet18(width: int, classes: int) -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    inputs = width
    for stage in range(4):
        for place in range(2):
            layers.append(Block(inputs, width << stage, 2 if stage > 0 and place == 0 else 1))
            inputs = width << stage
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes))


def load(folder: str | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Images [n, 3, 32, 32] and labels of the training set, from cifar-10-binary.tar.gz or its files."""
    if folder is None:
        generator = torch.Generator().manual_seed(1)
        return torch.randn(512, 3, 32, 32, generator=generator), torch.randint(10, (512,), generator=generator)
    path = Path(folder).expanduser()
    archive = path / "cifar-10-binary.tar.gz"
    if archive.is_file():
        with tarfile.open(archive) as tar:
            parts = [tar.extractfile(f"cifar-10-batches-bin/data_batch_{i}.bin").read() for i in range(1, 6)]
    else:
        parts = [next(path.rglob(f"data_batch_{i}.bin")).read_bytes() for i in range(1, 6)]
    records = torch.from_numpy(numpy.frombuffer(b"".join(parts), dtype=numpy.uint8).copy()).view(-1, 3073)
    images = records[:, 1:].float().div_(255).view(-1, 3, 32, 32)
    images -= torch.tensor([0.4914, 0.4822, 0.4465]).view(3, 1, 1)
    return images.div_(torch.tensor([0.247, 0.2435, 0.2616]).view(3, 1, 1)), records[:, 0].long()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of CIFAR-10 in its binary form")
    parser.add_argument("--width", type=int, default=64, help="channels of the first stage")
    parser.add_argument("--steps", type=int, default=391)
    parser.add_argument("--batch-size", type=int, default=32, help="of each process")
    parser.add_argument("--power", type=float, default=1e5, help="energy of each process and round, noise variance 1")
    parser.add_argument("--rank", type=int, default=4)
    given = parser.parse_args()
    dist.init_process_group("gloo")
    torch.manual_seed(1)
    images, labels = load(given.data)
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if torch.cuda.is_available() else torch.device("cpu")
    ddp = DistributedDataParallel(resnet18(given.width, 10).to(device))
    state = laser.LaserState(ddp, rank=given.rank, power=given.power)  # laser
    ddp.register_comm_hook(state, laser.laser_hook)  # laser
    optimizer = torch.optim.SGD(ddp.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-4)
    drawn = torch.Generator().manual_seed(1000 + dist.get_rank())
    for step in range(given.steps):
        chosen = torch.randint(len(images), (given.batch_size,), generator=drawn)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(ddp(images[chosen].to(device)), labels[chosen].to(device))
        loss.backward()
        optimizer.step()
        if dist.get_rank() == 0 and (step + 1) % 10 == 0:
            print(f"step {step + 1}: loss {loss.item():.3f}")
    if dist.get_rank() == 0:
        print("numbers sent: one in {:.1f}".format(state.compression_stats()[0]))  # laser
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
