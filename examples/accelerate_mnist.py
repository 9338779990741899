"""accelerate with LASER: a small network on MNIST. What LASER adds ends in `# laser`.

    torchrun --nproc-per-node 2 examples/accelerate_mnist.py
"""

import argparse
from pathlib import Path

import mnist
import torch
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import laser  # laser
from laser.integrations.accelerate import attach  # laser

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=20000, help="training images to use")
    given = parser.parse_args()
    torch.manual_seed(1)
    accelerator = Accelerator(cpu=not torch.cuda.is_available())
    images, labels = mnist.load(ROOT / "data" / "mnist", "train")
    loader = DataLoader(TensorDataset(images[: given.limit], labels[: given.limit]), 128, shuffle=True)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
    model, optimizer, loader = accelerator.prepare(model, torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9), loader)
    state = laser.LaserState(rank=4, power=1e4)  # laser
    attach(accelerator, state, model, optimizer)  # laser
    for batch, target in loader:
        optimizer.zero_grad()
        accelerator.backward(nn.functional.cross_entropy(model(batch), target))
        optimizer.step()
    if accelerator.is_main_process:
        images, labels = (part.to(accelerator.device) for part in mnist.load(ROOT / "data" / "mnist", "t10k"))
        with torch.no_grad():
            accuracy = 100 * (accelerator.unwrap_model(model)(images).argmax(1) == labels).float().mean().item()
        print(f"test accuracy {accuracy:.2f} %, numbers sent: one in {state.compression_stats()[0]:.1f}")  # laser
    accelerator.end_training()


if __name__ == "__main__":
    main()
