#!/usr/bin/env python3
"""One step of GPT-2 (forward and backward, float, CPU) in our program and in PyTorch eager, in turn.

    python bench/gpt2_step.py build/bench/gpt2_step [--layers 12] [--width 768] [--heads 12] [--length 512] [--steps 5] ...

Both sides get the same parameters and tokens; the losses of the first step must agree. PyTorch's is the paper's model as it
is usually written: nn.Linear without bias, fused attention, cross_entropy, gradients set to None before each step. The
program prints the medians and their ratio (below 1: ours is faster). Build it with: ninja -C build bench_gpt2_step
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
    """Modules in the order of our layout."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln_1 = nn.LayerNorm(width, bias=False)
        self.c_attn = nn.Linear(width, 3 * width, bias=False)
        self.c_proj = nn.Linear(width, width, bias=False)
        self.ln_2 = nn.LayerNorm(width, bias=False)
        self.c_fc = nn.Linear(width, 4 * width, bias=False)
        self.mlp_c_proj = nn.Linear(4 * width, width, bias=False)

    def forward(self, x):
        n, length, width = x.shape
        q, k, v = (t.view(n, length, self.heads, -1).transpose(1, 2) for t in self.c_attn(self.ln_1(x)).split(width, 2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.c_proj(y.transpose(1, 2).reshape(n, length, width))
        return x + self.mlp_c_proj(F.gelu(self.c_fc(self.ln_2(x))))


class Gpt2(nn.Module):
    def __init__(self, layers, width, heads, context=512, vocabulary=50304):
        super().__init__()
        self.wte = nn.Embedding(vocabulary, width)
        self.wpe = nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.ln_f = nn.LayerNorm(width, bias=False)

    def forward(self, ids):
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        return F.linear(self.ln_f(self.blocks(x)), self.wte.weight)


def eager(arguments, path):
    """PyTorch's step as a function: returns seconds, those of all threads on the processor, and the loss."""
    model = Gpt2(arguments.layers, arguments.width, arguments.heads)
    shape = (arguments.sequences, arguments.length)
    with open(path, "rb") as file:
        with torch.no_grad():
            for tensor in model.parameters():
                tensor.copy_(torch.from_numpy(np.fromfile(file, np.float32, tensor.numel())).view(tensor.shape))
        inputs, targets = (torch.from_numpy(np.fromfile(file, np.int64, shape[0] * shape[1])).view(shape) for _ in "it")

    def step():
        start, clock = time.perf_counter(), time.process_time()
        model.zero_grad()
        loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        loss.backward()
        value = loss.item()
        return time.perf_counter() - start, time.process_time() - clock, value

    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--heads", type=int, default=12)
    parser.add_argument("--length", type=int, default=512, help="tokens of a sequence")
    parser.add_argument("--sequences", type=int, default=1)
    parser.add_argument("--steps", type=int, default=5, help="measured steps, after one that warms up")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    numbers = (arguments.layers, arguments.width, arguments.heads, arguments.length,
               arguments.sequences, arguments.threads)
    pairs = in_turn.pairs_of_steps(arguments.program, numbers, lambda path: eager(arguments, path), arguments.steps)
    loss, reference = pairs[0][0][2], pairs[0][1][2]
    if abs(loss - reference) > 1e-4 * abs(reference):
        sys.exit(f"not the same work: loss {loss} and {reference}")
    print(f"{arguments.layers} layers of width {arguments.width}, {arguments.sequences} x {arguments.length} tokens, "
          f"{arguments.threads} threads, {arguments.steps} steps in turn; first loss {loss:.6f} and {reference:.6f}")
    for index, kind in enumerate(("elapsed", "processor")):  # the second is steadier on a busy machine
        mine, other = (statistics.median(pair[side][index] for pair in pairs[1:]) for side in (0, 1))
        ratios = sorted(pair[0][index] / pair[1][index] for pair in pairs[1:])
        print(f"{kind}: laser {mine:.3f} s, PyTorch {torch.__version__} {other:.3f} s, ratio {mine / other:.3f} "
              f"(pairs {ratios[0]:.3f} to {ratios[-1]:.3f})")


if __name__ == "__main__":
    in_turn.with_passive_waits()
    main()
