"""A small CNN on MNIST's digits, trained by 16 simulated workers over the air: python examples/own_model.py"""

from pathlib import Path

import torch
from torch import nn

import laser
from mnist import load

DATA = Path(__file__).resolve().parents[1] / "data" / "mnist"

torch.manual_seed(1)
model = nn.Sequential(nn.Conv2d(1, 8, 5, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 5, stride=2), nn.ReLU(), nn.Flatten(),
                      nn.Linear(256, 10))
simulator = laser.Simulator(model, nn.functional.cross_entropy, load(DATA, "train"), workers=16, method="laser", power=1e4, rank=8,
                            rounds=60, batch_size=32, test=load(DATA, "t10k"), evaluate_every=20,
                            optimizer=torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9))
print(simulator)
for record in simulator:
    if "accuracy" in record:
        print(f"round {record.round}: accuracy {record.accuracy:.1f} %, SNR {record.snr_db:.1f} dB, lambda {record['lambda']:.3g}")
