"""Times rounds from Python beside the floor `M += a g`, in alternation, in one process, by the processor time of one thread.

    build/python/bin/python bench/python_rounds.py [--layout resnet18|gpt2] [--workers 1] [--pairs 7] [--json FILE]

Contenders: the C++ round on a bank that is there already ("core"), `laser.Aggregator`, and with one worker `laser_hook` and
torch's `powerSGD_hook`, both on one rank, on buckets of 25 MB as DDP would fill them. A number is the median over pairs of rounds,
since an alternating round does two things in turn, over the median of the floor. No network is in these numbers.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.algorithms.ddp_comm_hooks import powerSGD_hook as powersgd

import laser
from laser.native import core

RANK, POWER = 4, 10.0


def resnet18() -> dict[str, tuple[int, ...]]:
    """As it is usually written for 32 x 32 images: 11.2 M parameters."""
    shapes: dict[str, tuple[int, ...]] = {"conv1": (64, 3, 3, 3), "bn1.weight": (64,), "bn1.bias": (64,)}
    inputs = 64
    for stage in range(4):
        outputs = 64 << stage
        for block in range(2):
            name = f"stage{stage}.{block}"
            shapes[f"{name}.conv1"] = (outputs, inputs, 3, 3)
            shapes[f"{name}.conv2"] = (outputs, outputs, 3, 3)
            if inputs != outputs:
                shapes[f"{name}.shortcut"] = (outputs, inputs, 1, 1)
            for norm in ("bn1", "bn2", "bn3")[: 2 + (inputs != outputs)]:
                shapes |= {f"{name}.{norm}.weight": (outputs,), f"{name}.{norm}.bias": (outputs,)}
            inputs = outputs
    return shapes | {"linear.weight": (10, 512), "linear.bias": (10,)}


def gpt2() -> dict[str, tuple[int, ...]]:
    """GPT-2 small with tied embeddings: 124 M parameters."""
    width = 768
    shapes: dict[str, tuple[int, ...]] = {"wte": (50257, width), "wpe": (1024, width)}
    for layer in range(12):
        for name, outputs, inputs in ("qkv", 3 * width, width), ("proj", width, width), ("fc", 4 * width, width), ("out", width, 4 * width):
            shapes |= {f"h{layer}.{name}.weight": (outputs, inputs), f"h{layer}.{name}.bias": (outputs,)}
        for name in "ln1", "ln2":
            shapes |= {f"h{layer}.{name}.weight": (width,), f"h{layer}.{name}.bias": (width,)}
    return shapes | {"ln.weight": (width,), "ln.bias": (width,)}


class Bucket:
    """What hooks ask of DDP's GradBucket."""

    def __init__(self, index: int, parameters: list[nn.Parameter], last: bool):
        self._index, self._parameters, self._last = index, parameters, last
        self._buffer = torch.cat([1e-3 * torch.randn(p.numel()) for p in parameters])
        self.start = self._buffer.clone()

    def index(self) -> int:
        return self._index

    def buffer(self) -> torch.Tensor:
        return self._buffer

    def parameters(self) -> list[nn.Parameter]:
        return self._parameters

    def gradients(self) -> list[torch.Tensor]:
        parts = self._buffer.split([p.numel() for p in self._parameters])
        return [part.view_as(p) for part, p in zip(parts, self._parameters)]

    def is_last(self) -> bool:
        return self._last


def buckets_of(parameters: list[nn.Parameter]) -> list[Bucket]:
    groups: list[list[nn.Parameter]] = [[]]
    for p in reversed(parameters):
        if groups[-1] and sum(one.numel() for one in groups[-1]) + p.numel() > 25 * 2**18:
            groups.append([])
        groups[-1].append(p)
    return [Bucket(i, group, i + 1 == len(groups)) for i, group in enumerate(groups)]


def contenders(shapes: dict[str, tuple[int, ...]], workers: int, only: str) -> dict:
    size = sum(torch.Size(shape).numel() for shape in shapes.values())
    bank = 1e-3 * torch.randn(workers, size)
    aside = torch.zeros_like(bank)
    made: dict = {"floor": (lambda: None, lambda: aside.add_(bank, alpha=1e-6))}
    settings = {"method": "laser", "rank": str(RANK), "workers": str(workers), "power": str(POWER)}
    lists = [(name, list(shape)) for name, shape in shapes.items()]

    if "core" in only:
        own = core.Aggregator(lists, list(settings.items()), None, False, 1)
        counts = [0]
        sizes = [torch.Size(shape).numel() for shape in shapes.values()]
        rows, places = list(bank.split(sizes, 1)), list(torch.empty(size).split(sizes))

        def core_round():
            own.round_into(counts[0], POWER, rows, places)
            counts[0] += 1

        made["core"] = (lambda: None, core_round)
    if "aggregator" in only:
        aggregator = laser.Aggregator(shapes, workers, power=POWER, rank=RANK)
        gradients, at = {}, 0
        for name, shape in shapes.items():
            numbers = torch.Size(shape).numel()
            gradients[name] = bank[:, at : at + numbers].reshape(workers, *shape).clone()
            at += numbers
        last: list = [None]

        def aggregator_round():
            last[0] = aggregator.round(gradients)  # held until the next one, as in a training loop

        made["aggregator"] = (lambda: None, aggregator_round)
    model = nn.Module()
    for name, shape in shapes.items():
        model.register_parameter(name.replace(".", "_"), nn.Parameter(torch.empty(shape)))

    def hooked(hook, state):
        buckets = buckets_of(list(model.parameters()))

        def start():  # a hook overwrites the gradients with its estimate
            for bucket in buckets:
                bucket.buffer().copy_(bucket.start)

        def run():
            futures = [hook(state, bucket) for bucket in buckets]
            for future in futures:
                future.wait()

        return start, run

    if workers == 1 and "hook" in only:
        made["hook"] = hooked(laser.laser_hook, laser.LaserState(model, rank=RANK, power=POWER, start_iter=0))
    if workers == 1 and "powersgd" in only:
        state = powersgd.PowerSGDState(None, matrix_approximation_rank=RANK, start_powerSGD_iter=2, min_compression_rate=1)
        state.iter = 2
        made["powersgd"] = hooked(powersgd.powerSGD_hook, state)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layout", choices=("resnet18", "gpt2"), default="resnet18")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--only", default="core,aggregator,hook,powersgd")
    parser.add_argument("--json", help="file for the numbers")
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    times: dict[str, list[float]] = {}
    with tempfile.NamedTemporaryFile() as store:
        dist.init_process_group("gloo", store=dist.FileStore(store.name, 1), rank=0, world_size=1)
        made = contenders(resnet18() if given.layout == "resnet18" else gpt2(), given.workers, given.only)
        for pair in range(given.pairs + 1):  # the first one warms up
            for name, (start, run) in made.items():
                spent = 0.0
                for _ in range(2):
                    start()
                    begin = time.thread_time()
                    run()
                    spent += time.thread_time() - begin
                if pair > 0:
                    times.setdefault(name, []).append(spent / 2)
    floor = statistics.median(times["floor"])
    row = {name: {"ms": 1e3 * statistics.median(values), "floors": statistics.median(values) / floor} for name, values in times.items()}
    print(f"{given.layout}, {given.workers} workers, {given.pairs} pairs")
    for name, values in row.items():
        print(f"  {name:12} {values['ms']:9.2f} ms  {values['floors']:6.2f} floors")
    if given.json:
        Path(given.json).write_text(json.dumps({"layout": given.layout, "workers": given.workers, **row}, indent=1) + "\n")


if __name__ == "__main__":
    main()
