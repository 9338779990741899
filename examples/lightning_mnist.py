"""Lightning with LASER: a small network on MNIST, on processes of this machine. What LASER adds ends in `# laser`.

    python examples/lightning_mnist.py --processes 2
"""

import argparse
from pathlib import Path

import lightning.pytorch as lightning
import mnist
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import laser  # laser
from laser.integrations.lightning import LaserCallback  # laser

ROOT = Path(__file__).resolve().parents[1]


class Classifier(lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))

    def training_step(self, batch, number):
        return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--limit", type=int, default=20000, help="training images to use")
    given = parser.parse_args()
    torch.manual_seed(1)
    images, labels = mnist.load(ROOT / "data" / "mnist", "train")
    loader = DataLoader(TensorDataset(images[: given.limit], labels[: given.limit]), 128, shuffle=True)
    state = laser.LaserState(rank=4, power=1e4)  # laser
    model = Classifier()
    trainer = lightning.Trainer(accelerator="cpu", devices=given.processes, strategy="ddp", max_epochs=1, logger=False,
                                enable_checkpointing=False, enable_progress_bar=False, callbacks=[LaserCallback(state)])  # laser
    trainer.fit(model, loader)
    if trainer.is_global_zero:
        images, labels = mnist.load(ROOT / "data" / "mnist", "t10k")
        with torch.no_grad():
            accuracy = 100 * (model.net(images).argmax(1) == labels).float().mean().item()
        print(f"test accuracy {accuracy:.2f} %, numbers sent: one in {state.compression_stats()[0]:.1f}")  # laser


if __name__ == "__main__":
    main()
