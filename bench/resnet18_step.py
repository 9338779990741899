#!/usr/bin/env python3
"""One step of the ResNet18 (forward and backward, float, channels-last) in our program and in PyTorch eager, in turn.

    cmake --build build/release --target bench_resnet18_step
    python bench/resnet18_step.py build/release/bench/resnet18_step [--width 64] [--batch 128] [--workers 1] ...

Both sides get the same parameters, images and labels; losses and norms of the gradients of the first step must agree.
Prints the medians and quartiles of the times, and of their ratio step by step (below 1: ours is faster).
"""
import argparse
import os
import statistics
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import in_turn


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
        count = arguments.workers * arguments.batch
        images = torch.from_numpy(np.fromfile(file, np.float32, count * 3 * 32 * 32)).view(count, 3, 32, 32)
        labels = torch.from_numpy(np.fromfile(file, np.int64, count))
    images = images.to(memory_format=torch.channels_last)
    batches = list(zip(images.split(arguments.batch), labels.split(arguments.batch)))
    model = model.to(memory_format=torch.channels_last)

    def step():
        losses, gradients = [], []
        start = time.perf_counter()
        for images, labels in batches:
            model.zero_grad()  # the next worker gets tensors of its own: the trainer needs all gradients
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            losses.append(loss.item())
            gradients.append([parameter.grad for parameter in model.parameters()])
        seconds = time.perf_counter() - start
        norms = [torch.cat([g.flatten() for g in gradient]).norm().item() for gradient in gradients]
        return seconds, sum(losses) / len(losses), *norms

    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch", type=int, default=128, help="images of one worker")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--steps", type=int, default=7, help="measured steps, after one that warms up")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    numbers = (arguments.width, arguments.batch, arguments.workers, arguments.threads)
    pairs = in_turn.pairs_of_steps(arguments.program, numbers, lambda path: eager(arguments, path), arguments.steps)
    for mine, other in zip(pairs[0][0][1:], pairs[0][1][1:], strict=True):  # the loss, then norms of gradients
        if abs(mine - other) > 1e-3 * abs(other):
            sys.exit(f"not the same work: {mine} and {other}")
    ours, theirs, ratios = zip(*((m[0], o[0], m[0] / o[0]) for m, o in pairs[1:]))

    def spread(values, digits=4):
        low, middle, high = statistics.quantiles(values, n=4)
        return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"

    print(f"width {arguments.width}, {arguments.workers} x {arguments.batch} images, {arguments.threads} threads, "
          f"{arguments.steps} steps in turn: laser {spread(ours)} s, PyTorch {torch.__version__} {spread(theirs)} s, "
          f"ratio {spread(ratios, 3)}; loss {pairs[0][0][1]:.6f} and {pairs[0][1][1]:.6f}, "
          f"norm {pairs[0][0][2]:.6f} and {pairs[0][1][2]:.6f}")


if __name__ == "__main__":
    in_turn.with_passive_waits()
    main()
