#!/usr/bin/env python3
"""One step of the ResNet18 (forward and backward, float, channels-last) in our program and in PyTorch eager, in turn.

    python bench/resnet18_step.py build/bench/resnet18_step [--width 64] [--batch 128] [--workers 1] [--steps 7] ...

Both sides get the same parameters, images and labels; the losses of the first step must agree. The program prints the
medians and their ratio (below 1: ours is faster). Build it with: ninja -C build bench_resnet18_step
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class ResNet18(nn.Module):
    """As it is usually written for 32 x 32 images; parameters() is in the order of our layout."""

    def __init__(self, classes, width):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.stages = nn.Sequential()
        inputs = width
        for stage in range(4):
            outputs = width << stage
            self.stages.append(Block(inputs, outputs, 1 if stage == 0 else 2))
            self.stages.append(Block(outputs, outputs, 1))
            inputs = outputs
        self.linear = nn.Linear(inputs, classes)

    def forward(self, x):
        x = self.stages(F.relu(self.bn1(self.conv1(x))))
        return self.linear(F.avg_pool2d(x, 4).flatten(1))


def eager(arguments, path):
    """PyTorch's step as a function: returns seconds and the mean loss."""
    model = ResNet18(10, arguments.width)
    with open(path, "rb") as file:
        with torch.no_grad():
            for tensor in model.parameters():
                tensor.copy_(torch.from_numpy(np.fromfile(file, np.float32, tensor.numel())).view(tensor.shape))
        batches = []
        for _ in range(arguments.workers):
            images = np.fromfile(file, np.float32, arguments.batch * 3 * 32 * 32).reshape(-1, 3, 32, 32)
            labels = np.fromfile(file, np.int64, arguments.batch)
            batches.append((torch.from_numpy(images).to(memory_format=torch.channels_last), torch.from_numpy(labels)))
    model = model.to(memory_format=torch.channels_last)

    def step():
        start = time.perf_counter()
        losses = []
        for images, labels in batches:
            model.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            losses.append(loss.item())
        return time.perf_counter() - start, sum(losses) / len(losses)

    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch", type=int, default=128, help="images of one worker")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--steps", type=int, default=7, help="measured steps, after one that warms up")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--mode", choices=["parallel", "sequential"], default="parallel",
                        help="our workers: one thread each, or one after the other on all threads")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.NamedTemporaryFile() as shared:
        command = [arguments.program, *map(str, (arguments.width, arguments.batch, arguments.workers,
                                                 arguments.threads)), arguments.mode, shared.name]
        # OMP_WAIT_POLICY: idle threads of the waiting side must not spin on the cores of the other.
        environment = dict(os.environ, OMP_WAIT_POLICY="passive")
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                              env=environment) as process:
            if process.stdout.readline().strip() != "ready":
                sys.exit("the program did not start")

            def ours():
                process.stdin.write("\n")
                process.stdin.flush()
                return tuple(map(float, process.stdout.readline().split()))

            theirs = eager(arguments, shared.name)
            pairs = [(ours(), theirs()) for _ in range(1 + arguments.steps)]
            process.stdin.close()
    (_, loss), (_, reference) = pairs[0]
    if abs(loss - reference) > 1e-4 * abs(reference):
        sys.exit(f"not the same work: loss {loss} and {reference}")
    mine, other = (statistics.median(pair[side][0] for pair in pairs[1:]) for side in (0, 1))
    print(f"width {arguments.width}, {arguments.workers} x {arguments.batch} images, {arguments.threads} threads "
          f"({arguments.mode}), {arguments.steps} steps in turn: laser {mine:.4f} s, PyTorch {torch.__version__} "
          f"{other:.4f} s, ratio {mine / other:.3f}; first loss {loss:.6f} and {reference:.6f}")


if __name__ == "__main__":
    if "OMP_WAIT_POLICY" not in os.environ:  # read by OpenMP when it is loaded
        os.execve(sys.executable, [sys.executable, *sys.argv], dict(os.environ, OMP_WAIT_POLICY="passive"))
    main()
