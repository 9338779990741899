"""Test accuracy of an MLP 784-128-10 on the bundled MNIST over power, for the transports of LASER and for Z-SGD: 4 workers of 64 images,
400 rounds, SGD with step 0.05 and momentum 0.9. Means and standard deviations over the seeds; about ten minutes on a core for all.

    build/python/bin/python bench/transports.py [--powers 100 1000] [--seeds 1 2 3]
"""

import argparse
import statistics
import sys
import warnings
from pathlib import Path

import torch
from torch import nn

import laser
from laser import budget
from laser.native import core, pairs

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "examples"))
import mnist  # noqa: E402

CASES: dict[str, dict] = {"alternating": {"rank": 4}, "two_phase": {"rank": 4, "transport": "two_phase"}, "zsgd": {"method": "zsgd"}}
WORKERS = 4


def model_of(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))


def accuracy(train, test, power: float, seed: int, settings: dict) -> float | None:
    """In percent, after the last round; None where training diverged."""
    model = model_of(seed)
    run = laser.Simulator(model, nn.functional.cross_entropy, train, WORKERS, power=power, rounds=400, batch_size=64, test=test,
                          evaluate_every=400, seed=seed, optimizer=torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9),
                          progress=False, ema_decay=0, diagnose=False, **settings)
    try:
        return run.run()[-1].accuracy
    except laser.Error:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--powers", type=float, nargs="+", default=[10, 30, 100, 1e3, 1e4, 1e5])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    train, test = (mnist.load(ROOT / "data" / "mnist", part) for part in ("train", "t10k"))
    shapes = [(name, list(p.shape)) for name, p in model_of(1).named_parameters()]
    print(f"| P | {' | '.join(f'`{name}`' for name in CASES)} |\n|{'---|' * (len(CASES) + 1)}")
    for power in given.powers:
        cells = []
        for settings in CASES.values():
            found = [accuracy(train, test, power, seed, settings) for seed in given.seeds]
            kept = [value for value in found if value is not None]
            spread = f" ± {statistics.stdev(kept):.1f}" if len(kept) > 1 else ""
            cell = f"{statistics.mean(kept):.1f}{spread}" if len(kept) == len(found) else f"diverged ({len(found) - len(kept)} of {len(found)})"
            whole = {"workers": WORKERS, "compress": "always", **settings}
            ratio = budget.ratio_of(power, core.symbols_a_round(shapes, pairs(whole)))
            told = ", told" if budget.doubt(power, shapes, whole, WORKERS) else ""
            cells.append(f"{cell} ({ratio:.0f} dB{told})")
        print(f"| {power:g} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
