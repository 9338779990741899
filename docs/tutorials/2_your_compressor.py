# %% [markdown]
# # Your own compressor against LASER
#
# A compressor of your own is two functions: what a worker sends, and what the server makes of what it heard. The budget, the noise,
# error feedback and checkpoints are the package's. You write one, let the laws look at it, and race it.

# %%
import sys
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn

import laser

ROOT = next(folder for folder in [Path.cwd(), *Path.cwd().parents] if (folder / "examples" / "mnist.py").exists())
sys.path.insert(0, str(ROOT / "examples"))
from mnist import load

train, test = ((inputs.flatten(1), targets) for inputs, targets in (load(ROOT / "data" / "mnist", part) for part in ("train", "t10k")))

# %% [markdown]
# The channel adds up what all workers send at once, so all must send *the same kind of thing*: the same places, or the same
# projection. `exchange.random()` is a generator that is equal at all workers and the server, and fresh every round.
#
# This one sends some rows of the matrix, drawn anew in each round. A row of the first layer's gradient is what one hidden unit wants.

# %%
class Rows(laser.Compressor):
    """A random part of the rows, the same at all workers."""

    linear = True  # the estimate is linear in the messages

    def __init__(self, part=8):
        self.part = part  # one row in so many

    def rows(self, exchange):
        return torch.randperm(exchange.rows, generator=exchange.random())[: max(1, exchange.rows // self.part)]

    def encode(self, messages, exchange):  # [K, m, n] -> [K, D]
        return messages[:, self.rows(exchange)].flatten(1)

    def decode(self, received, exchange):  # [D] -> [m, n]
        estimate = received.new_zeros(exchange.rows, exchange.columns)
        estimate[self.rows(exchange)] = received.view(-1, exchange.columns)
        return estimate


laser.testing.check_compressor(Rows)  # the laws that the package's own obey

# %% [markdown]
# No complaint: it keeps its budget, reads no messages that are not its own, survives zeros and huge numbers, and gives the same bits
# after saving and loading. Whether it *trains* well the laws do not know.

# %%
def run(label, power=10, **settings):
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
    with warnings.catch_warnings():  # of the lag, which the first tutorial is about
        warnings.simplefilter("ignore")
        simulator = laser.Simulator(model, nn.functional.cross_entropy, train, workers=16, power=power, rounds=300, batch_size=32,
                                    test=test, evaluate_every=25, progress=False, **settings)
    records = simulator.run()
    symbols = sum(record.symbols for record in records) / len(records)
    print(f"{label:22} {records[-1].accuracy:5.1f} %  {symbols:8.0f} symbols a round  "
          f"lambda {records[-1]['lambda']:.3g}  delta {records[-1].delta:.2f}")
    return records


records = {"laser": run("laser", rank=2), "rows of ours": run("rows of ours", compressor=Rows()), "zsgd": run("zsgd", method="zsgd"),
           "randomk": run("randomk", method="randomk", compression_factor=0.125)}

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.2), layout="constrained")
laser.plot(records, "accuracy", axes=left)
laser.plot(records, "accuracy", axes=right, over="symbols_so_far")
right.set_xscale("log")
plt.show()

# %% [markdown]
# On the left is what a round brings, on the right what a channel use brings. Our rows lose, to LASER and to raw gradients. Why? `delta`, the
# part of the message's energy that gets through a compressor, is small for all three that compress: what is left stays in the memory and
# has its turn later. What differs is `lambda`, the noise over the signal. At the same power, who sends fewer symbols has more energy
# for each.

# %%
axes = laser.plot(records, "lambda")
plt.show()

# %% [markdown]
# Ideas to try: rows by turns in place of random ones; the largest rows of the *last* estimate, kept in `exchange.state`;
# `feedback="none"`. `docs/parts.md` has channels, feedbacks and receivers of one's own.
