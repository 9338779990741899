"""The round by torch's own operations beside the compiled one, on the CPU: processor time of a round, in alternation.

    build/python/bin/python bench/device_round.py
"""

import argparse
import statistics
import time
import warnings

import torch

from laser.device_round import DeviceRound
from laser.native import core, pairs

CASES: dict[str, dict] = {"laser": {"rank": 4}, "laser, two_phase": {"rank": 4, "transport": "two_phase"}, "zsgd": {"method": "zsgd"},
         "randomk": {"method": "randomk", "compression_factor": 0.1}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--tensors", type=int, default=1, help="matrices of 512 x 4608")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    shapes = [(f"weight{i}", [512, 4608]) for i in range(given.tensors)]
    gradients = [torch.randn(1, 512, 4608) for _ in shapes]
    print("| round of one worker | compiled | by torch's operations | ratio |\n|---|---|---|---|")
    for name, settings in CASES.items():
        whole = pairs({"workers": 1, **settings})
        rounds = [core.Aggregator(shapes, whole, None, False, 1, {}), DeviceRound(shapes, core.settings(whole), 1, 1)]
        times: list[list[float]] = [[], []]
        for number in range(given.repeats + 2):  # two to warm up
            for one, own in zip(rounds, times):
                start = time.process_time()
                one.round(number, 1e4, gradients)
                own.append(time.process_time() - start)
        compiled, here = (1e3 * statistics.median(own[2:]) for own in times)
        print(f"| `{name}` | {compiled:.0f} ms | {here:.0f} ms | {here / compiled:.1f} |")


if __name__ == "__main__":
    main()
