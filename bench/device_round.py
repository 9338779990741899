"""The round by torch's own operations beside the compiled one, in alternation: on the CPU processor time of a round, on another device
time until it is done there, the compiled round with the copies to the CPU and back that it needs then. Without a compiled core its
column is left out.

    build/python/bin/python bench/device_round.py [--device cuda]
"""

import argparse
import statistics
import time
import warnings

import torch

from laser.device_round import DeviceRound
from laser.native import COMPILED, core, pairs

CASES: dict[str, dict] = {"laser": {"rank": 4}, "laser, two_phase": {"rank": 4, "transport": "two_phase"}, "zsgd": {"method": "zsgd"},
         "randomk": {"method": "randomk", "compression_factor": 0.1}}


def measured(one, number: int, gradients: list[torch.Tensor], device: torch.device, copied: bool) -> float:
    """Seconds of a round: of the processor on the CPU, of the clock elsewhere."""
    if device.type == "cpu":
        start = time.process_time()
        one.round(number, 1e4, gradients)
        return time.process_time() - start
    torch.cuda.synchronize()
    start = time.perf_counter()
    if copied:
        one.round(number, 1e4, [gradient.cpu() for gradient in gradients]).to(device)
    else:
        one.round(number, 1e4, gradients)
    torch.cuda.synchronize()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--tensors", type=int, default=1, help="matrices of 512 x 4608")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    device = torch.device(given.device)
    if device.type == "cpu":
        torch.set_num_threads(1)
    shapes = [(f"weight{i}", [512, 4608]) for i in range(given.tensors)]
    gradients = [torch.randn(1, 512, 4608, device=device) for _ in shapes]
    columns = ["compiled"] * COMPILED + ["by torch's operations"]
    print(f"| round of one worker on {device} | {' | '.join(columns)} |{' ratio |' * COMPILED}\n|{'---|' * (len(columns) + 1 + COMPILED)}")
    for name, settings in CASES.items():
        whole = pairs({"workers": 1, **settings})
        rounds = [core.Aggregator(shapes, whole, None, False, 1, {})] if COMPILED else []
        rounds.append(DeviceRound(shapes, core.settings(whole), 1, 1, device))
        times: list[list[float]] = [[] for _ in rounds]
        for number in range(given.repeats + 2):  # two to warm up
            for place, (one, own) in enumerate(zip(rounds, times)):
                own.append(measured(one, number, gradients, device, COMPILED and place == 0))
        medians = [1e3 * statistics.median(own[2:]) for own in times]
        ratio = f" {medians[-1] / medians[0]:.2g} |" if COMPILED else ""
        print(f"| `{name}` | {' | '.join(f'{one:.3g} ms' for one in medians)} |{ratio}", flush=True)


if __name__ == "__main__":
    main()
