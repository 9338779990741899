"""Processor time of a round of laser.Simulator on MNIST: all workers at once (vmap), one by one, and the command's own task, in
alternation, in one process and one thread.

    OMP_NUM_THREADS=1 build/python/bin/python bench/simulator.py [--rounds 8] [--batch-size 128]
"""

import argparse
import statistics
import sys
import time
import warnings
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

import laser

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "examples"))
import mnist  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8, help="of a turn; there are seven turns")
    parser.add_argument("--batch-size", type=int, default=128)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    inputs, targets = mnist.load(ROOT / "data" / "mnist", "train")
    settings = {"workers": 16, "power": 1e3, "rank": 2, "batch_size": arguments.batch_size}

    def simulator(**more):
        torch.manual_seed(1)
        model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
        return laser.Simulator(model, functional.cross_entropy, (inputs.flatten(1), targets), rounds=10**6, **settings, **more)

    at_once, one_by_one, quick, every = simulator(), simulator(vectorize=False), simulator(diagnose=False), simulator(diagnose=True)
    command = laser.Training(task="mnist_mlp", epochs=100, **settings)
    everyone = range(16)
    cases = {"command": lambda t: command.advance(),
             "Simulator": lambda t: at_once.advance(),
             "Simulator, diagnose=False": lambda t: quick.advance(),
             "Simulator, diagnose=True": lambda t: every.advance(),
             "Simulator, one by one": lambda t: one_by_one.advance(),
             "gradients alone, all at once": lambda t: at_once._work.messages(t, everyone),
             "gradients alone, one by one": lambda t: one_by_one._work.messages(t, everyone)}
    times: dict[str, list[float]] = {name: [] for name in cases}
    for turn in range(8):  # the first warms up
        for name, step in cases.items():
            start = time.process_time()
            for t in range(arguments.rounds):
                step(turn * arguments.rounds + t)
            times[name].append((time.process_time() - start) / arguments.rounds * 1e3)
    for name, each in times.items():
        each = each[1:]
        print(f"{name:30} {statistics.median(each):7.1f} ms  ({min(each):.1f} to {max(each):.1f})")
    for above, below in (("Simulator", "command"), ("Simulator, diagnose=False", "command"),
                         ("Simulator", "Simulator, diagnose=False"), ("Simulator, diagnose=True", "Simulator, diagnose=False"),
                         ("Simulator, one by one", "Simulator"),
                         ("gradients alone, one by one", "gradients alone, all at once")):
        ratios = [a / b for a, b in zip(times[above][1:], times[below][1:])]
        print(f"{above} over {below}: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
