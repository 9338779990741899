# %% [markdown]
# # Over-the-air federated learning with fading
#
# Ten clients whose data differ, some steps at home before each transmission, a channel that fades: the setting of most papers on
# over-the-air federated learning. Three things change against the first two tutorials: rounds are few, messages are differences of
# models, and not everyone is heard.

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

(inputs, targets), test = ((inputs.flatten(1), targets) for inputs, targets in (load(ROOT / "data" / "mnist", part) for part in ("train", "t10k")))
train = inputs[:20000], targets[:20000]


def run(label, quiet=True, **settings):
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
    with warnings.catch_warnings():
        if quiet:
            warnings.simplefilter("ignore")
        simulator = laser.Simulator(model, nn.functional.cross_entropy, train, workers=10, rounds=40, batch_size=32,
                                    sharding="dirichlet", concentration=0.3, local_steps=10, local_learning_rate=0.05, test=test,
                                    evaluate_every=5, per_client=True, progress=False, **settings)
    records = simulator.run()
    last = records[-1]
    print(f"{label:24} {last.accuracy:5.1f} %, clients {last.client_accuracy_mean:5.1f} % on average, {last.client_accuracy_worst:5.1f} % the worst")
    return records


# %% [markdown]
# With `local_learning_rate` the message is `w - w_i`, what `local_steps` of SGD changed. The server's optimizer is SGD with step
# size 1 then, which is FedAvg; another optimizer of torch makes it FedAvgM or FedAdam, `proximal` FedProx. `dirichlet` draws each
# class's shares for the clients: the smaller `concentration`, the more the clients differ.

# %%
records = {"sgd, no noise": run("no noise", method="sgd"), "zsgd": run("zsgd", method="zsgd", power=10),
           "laser": run("laser, rank 4", quiet=False, rank=4, power=10)}

# %% [markdown]
# LASER loses to raw gradients, and its warning said why: 40 rounds are little more than one lag of its memory. What its factors do not
# carry waits at the clients for about as long as the run lasts. The warning names a higher rank. Sending both factors in every round
# (`two_phase`) halves the lag too, and the warning does not name it here; look why.

# %%
records["laser, rank 32"] = run("laser, rank 32", rank=32, power=10)
records["laser, rank 16, both"] = run("laser, rank 16, two_phase", rank=16, transport="two_phase", power=10)
axes = laser.plot(records)
axes.set_ylim(60, 95)
plt.show()

# %% [markdown]
# The rank helps. One factor of rank 32 and both of rank 16 have the same lag and the same number of symbols, and yet one factor at a time
# does better: a symbol is far below 0 dB here, and the second phase of `two_phase` builds on a first one that noise has nearly drowned.
# That is when the warning leaves it out.
#
# ## Fading
#
# `csit`: each client knows its gain and inverts it, and the deepest fade of the ten costs everyone. `csit_trunc` leaves those out that
# are in a deep fade; they keep their message. `csir`: only the server knows the gains, and everyone sends with full power. All of it costs
# power, so there is more here.

# %%
faded = {"no fading": run("zsgd, no fading", method="zsgd", power=300)}
for channel in ("csit", "csit_trunc", "csir"):
    faded[channel] = run(f"zsgd, {channel}", method="zsgd", power=300, channel=channel)
axes = laser.plot(faded)
plt.show()

# %% [markdown]
# ## Who pays, and who is served
#
# A mean hides clients. The records have accuracy, loss and energy of each, and their worst, worst tenth and mean.

# %%
last = faded["csit_trunc"][-1]
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
left.bar(range(10), last.client_accuracy, color="#0072B2")
left.set(xlabel="Client", ylabel="Accuracy on its own examples (%)", ylim=(0, 100))
right.bar(range(10), last.client_energy, color="#C1272D")
right.set(xlabel="Client", ylabel="Energy spent, noise variance 1")
plt.show()

# %% [markdown]
# `participation=0.3` lets three of ten clients take part in a round, `asleep="drop"` empties the memory of those that sleep.
# `docs/simulator.md` has all of it, with measured numbers.
