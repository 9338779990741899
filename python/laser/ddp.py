"""The DDP communication hook: gradients cross a noisy channel instead of being all-reduced.

    state = laser.LaserState(ddp, rank=4, power=1e4)
    ddp.register_comm_hook(state, laser.laser_hook)

The budget of a round is shared over all tensors, so the round runs when the last bucket is ready; until then the hook
only collects. Every exchange is made there, blocking, in one order on all ranks: however DDP cuts or re-cuts its buckets,
the result is the same. What lasts between rounds (each rank's error memory, the shared factors) is kept by parameter name.
Gradients of any floating type, on any device, are sent as float32 from the CPU.
"""

import json
import math
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
import torch.distributed as dist

from laser.native import core, error, pairs
from laser.processes import Processes

EXIT_CONFIGURATION = 3
EXIT_DATA = 4
EXIT_NON_FINITE = 5
FORMAT = "laser ddp 1"
POSITION = ("iteration", "skips", "numbers", "rank", "ranks", "setup")  # of a state, beside its tensors
SHARD = "laser-{iteration:08d}-rank-{rank:04d}-of-{ranks:04d}.safetensors"


class LaserState:
    """The state of ``laser_hook`` on one rank.

    model: the DDP module, or the module inside; its parameters' names are the keys of everything that lasts.
    process_group: of the data-parallel ranks, each of which is one worker; None: all.
    rank: of the low-rank factors.
    power: energy that each worker spends on a round in units of the noise variance, or a function of the round's number.
    channel: a channel of ``laser.channels.names()``, or "none": nothing is lost or limited, and with method "laser" the
        hook is PowerSGD.
    seed: names the noise and the first factors; the same on all ranks.
    start_iter: iterations of exact averaging before the first round.
    min_compression_rate: a matrix is factored if its factors have at most 1/rate of its numbers.
    error_feedback: whether a worker keeps what it could not send (local memory).
    warm_start: whether factors start from those of the round before.
    on_nonfinite: what happens on every rank when a gradient of any rank is NaN or infinite. "skip": all gradients are
        zero, and memory and factors stay as they were (see ``protect``); "pass": all gradients are NaN, which a
        GradScaler expects; "stop": Error naming rank, tensor and iteration.
    method: a method of the paper: laser, zsgd, signum, randomk, sketch, adsgd, sgd.
    transport: alternating, two_phase or one_shot; None: two_phase (PowerSGD's order) where the channel is "none",
        alternating elsewhere.
    timeout: seconds that an exchange waits for the slowest rank; None: torch.distributed's own.
    settings: any other setting of the command that says what a round does, such as allocation or receiver.
    """

    def __init__(self, model: torch.nn.Module, process_group=None, rank: int = 4,
                 power: float | Callable[[int], float] = 10e3, channel: str = "awgn", seed: int = 1, start_iter: int = 2,
                 min_compression_rate: float = 2.0, error_feedback: bool = True, warm_start: bool = True,
                 on_nonfinite: str = "skip", method: str = "laser", transport: str | None = None,
                 timeout: float | None = None, **settings):
        if on_nonfinite not in ("skip", "pass", "stop"):
            raise error(EXIT_CONFIGURATION, f"on_nonfinite = '{on_nonfinite}' is unknown; choose skip, pass or stop")
        _refuse_sharded(model)
        module = model.module if isinstance(model, torch.nn.parallel.DistributedDataParallel) else model
        self._parameters = {name: p for name, p in module.named_parameters() if p.requires_grad and p.numel() > 0}
        if not self._parameters:
            raise error(EXIT_CONFIGURATION, "the model has no parameter that is trained")
        self.processes = Processes(process_group, timeout)
        self.power = power
        self.start_iter = start_iter
        self.on_nonfinite = on_nonfinite
        self.iteration = 0  # backward passes so far
        self.skipped = False  # whether the last one was skipped on all ranks
        self.skips = 0
        self.report: dict = {}  # of the last round: energy [k], symbols
        self._numbers = [0, 0]  # before and after compression

        noiseless = channel in ("none", "noiseless") or method == "sgd"
        self._settings = {"method": method, "workers": self.processes.workers, "seed": seed, "rank": rank,
                          "warm_start": warm_start, "compress": "always",
                          "transport": transport or ("two_phase" if noiseless else "alternating"),
                          "channel": "noiseless" if noiseless else channel, **settings}
        if not noiseless and not callable(power):
            self._settings["power"] = power
        if not error_feedback:
            self._settings["feedback"] = "none"
        self._make_aggregator(rank, min_compression_rate)
        self._places, at = {}, 0  # of a parameter: its first number and how many
        for p in self._parameters.values():
            self._places[id(p)] = (at, p.numel())
            at += p.numel()
        self._bank = torch.zeros(1, at)
        self._open: list = []  # buckets of the backward pass under way

    # -- what lasts ---------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict:
        """What this rank needs to go on exactly: "memory/<parameter>" of its own error memory, "shared/<parameter>/..." of
        the factors, and the position. The tensors are copies."""
        return {**self._core.state(), "iteration": self.iteration, "skips": self.skips, "numbers": list(self._numbers),
                "rank": self.processes.first_worker, "ranks": self.processes.workers, "setup": self._setup()}

    def load_state_dict(self, state: Mapping) -> None:
        """Restores what ``state_dict`` returned on the same rank of as many. Raises Error (exit code 4) where it is of
        another rank, model or setting, and then changes nothing."""
        self._check_fits(state)
        self._core.load_state({name: tensor for name, tensor in state.items() if isinstance(tensor, torch.Tensor)})
        self.iteration, self.skips, self._numbers = state["iteration"], state["skips"], list(state["numbers"])

    def save(self, folder: str | Path) -> Path:
        """Writes this rank's shard of the present iteration (safetensors with checksums, whole or not at all) and removes
        its shards before the last one. Call it on every rank."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        state = self.state_dict()
        tensors = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
        texts = {name: json.dumps(state[name]) for name in POSITION}
        path = folder / self._shard(self.iteration)
        core.write_tensors(str(path), tensors, texts | {"format": FORMAT})
        for old in self._shards(folder)[:-2]:
            (folder / self._shard(old)).unlink(missing_ok=True)
        return path

    def load(self, folder: str | Path) -> int:
        """Restores the last iteration of which every rank's shard is there, and returns it; 0, with nothing done, where
        there is none. Call it on every rank."""
        folder = Path(folder)
        there = self._shards(folder)
        latest = self.processes.gather(torch.tensor([there[-1] if there else 0])).min().item()
        if latest == 0:
            return 0
        path = folder / self._shard(latest)
        tensors, texts = core.read_tensors(str(path))
        if texts.get("format") != FORMAT or any(name not in texts for name in POSITION):
            raise error(EXIT_DATA, f"{path} is not the shard of a LaserState")
        self.load_state_dict(tensors | {name: json.loads(texts[name]) for name in POSITION})
        return latest

    # -- for people ---------------------------------------------------------------------------------------------------

    def compression_stats(self) -> tuple[float, int, int]:
        """How many times fewer numbers were sent so far than there are in the gradients; both counts, of one worker."""
        before, after = self._numbers
        return (before / after if after else 0.0), before, after

    def protect(self, optimizer: torch.optim.Optimizer) -> None:
        """Makes ``optimizer.step()`` do nothing after a skipped round, also where momentum or weight decay would move the
        weights without a gradient."""

        def forget_gradients(opt, args, kwargs):
            if self.skipped:
                for group in opt.param_groups:
                    for p in group["params"]:
                        p.grad = None

        optimizer.register_step_pre_hook(forget_gradients)

    # -- a backward pass ----------------------------------------------------------------------------------------------

    def take(self, bucket: dist.GradBucket) -> torch.futures.Future:
        """Collects a bucket; at the last one all are filled with the estimate. What ``laser_hook`` calls."""
        if bucket.index() == 0:
            self._open = []
            self._bank.zero_()  # of a parameter in no bucket the gradient is zero
        buffer, spans = bucket.buffer(), []
        for p, gradient in zip(bucket.parameters(), bucket.gradients()):
            if p.numel() == 0:
                continue
            if id(p) not in self._places:
                raise error(EXIT_CONFIGURATION, "DDP hands over a parameter that the model of LaserState does not have. "
                            "HINT: LaserState(ddp, ...) with the module that the hook is registered at")
            at, size = self._places[id(p)]
            self._bank[0, at : at + size].copy_(gradient.detach().reshape(-1))
            spans.append((gradient, at, size))
        future = torch.futures.Future(devices=[buffer.device] if buffer.is_cuda else None)
        self._open.append((future, buffer, spans))
        if bucket.is_last():
            self._close()
        return future

    def _close(self) -> None:
        estimate = self._exchange()
        opened, self._open = self._open, []
        self.iteration += 1
        for future, buffer, spans in opened:
            for gradient, at, size in spans:
                gradient.copy_(estimate[at : at + size].view(gradient.shape))
            future.set_result(buffer)

    def _exchange(self) -> torch.Tensor:
        bad = self._nonfinite()
        self.skipped = bad is not None
        if bad is not None:
            return self._after_nonfinite(*bad)
        size = self._bank.shape[1]
        if self.iteration < self.start_iter:
            mean = self._bank[0].clone()
            self.processes.sum_flat(mean)
            self._count(size)
            return mean.div_(self.processes.workers)
        number = self.iteration - self.start_iter
        power = self.power(number) if callable(self.power) else self.power
        estimate = self._core.round(number, float(power), self._bank)
        self.report = self._core.report()
        self._count(self.report["symbols"])
        return estimate

    def _nonfinite(self) -> tuple[int, int] | None:
        """The first rank with a gradient that is not finite, and its first such tensor: the same on every rank."""
        own = -1.0
        if not math.isfinite(self._bank.sum().item()):  # a sum may overflow, so look closer
            for index, (at, size) in enumerate(self._places.values()):
                if not torch.isfinite(self._bank[0, at : at + size]).all():
                    own = float(index)
                    break
        for rank, index in enumerate(self.processes.gather_rows([own], 1)):
            if index >= 0:
                return rank, int(index)
        return None

    def _after_nonfinite(self, rank: int, index: int) -> torch.Tensor:
        text = (f"the gradient of '{list(self._parameters)[index]}' at rank {rank} is not finite in iteration "
                f"{self.iteration}")
        if self.on_nonfinite == "stop":
            raise error(EXIT_NON_FINITE, text + ". HINT: lower the learning rate, or on_nonfinite='skip'")
        self.skips += 1
        if self.processes.first_worker == 0:
            warnings.warn(f"laser: {text}; all ranks skip it", stacklevel=2)
        return torch.full((self._bank.shape[1],), 0.0 if self.on_nonfinite == "skip" else math.nan)

    # -- setting up ---------------------------------------------------------------------------------------------------

    def _make_aggregator(self, rank: int, min_compression_rate: float) -> None:
        shapes, factored = [], 0
        for name, p in self._parameters.items():
            shape = list(p.shape) or [1]
            if core.compression_saves(shape, rank, min_compression_rate):
                factored += 1
            else:
                shape = [p.numel()]  # vectors are sent as they are
            shapes.append((name, shape))
        low_rank = core.settings(pairs(self._settings))["compressor"] == "low_rank"
        if low_rank and factored == 0:
            warnings.warn(f"laser: no tensor of the model is worth factoring at rank {rank} and min_compression_rate "
                          f"{min_compression_rate}; all are sent as they are", stacklevel=3)
            self._settings |= {"compressor": "identity", "feedback": "none"}
        self._shapes = shapes if low_rank else [(name, list(p.shape) or [1]) for name, p in self._parameters.items()]
        self._core = core.Aggregator(self._shapes, pairs(self._settings), self.processes)

    def _count(self, sent: int) -> None:
        self._numbers[0] += self._bank.shape[1]
        self._numbers[1] += sent

    def _setup(self) -> dict:
        """What a saved state must agree in."""
        settings = {name: str(value) for name, value in self._settings.items() if name != "power"}
        return {"settings": settings, "shapes": [[name, shape] for name, shape in self._shapes],
                "start_iter": self.start_iter}

    def _check_fits(self, state: Mapping) -> None:
        mine = {"rank": self.processes.first_worker, "ranks": self.processes.workers, "setup": self._setup()}
        for key, value in mine.items():
            if key not in state:
                raise error(EXIT_DATA, f"the saved state has no '{key}': it is not of a LaserState")
            if state[key] == value:
                continue
            if key != "setup":
                raise error(EXIT_DATA, f"the saved state is of rank {state['rank']} of {state['ranks']}, this is rank "
                            f"{mine['rank']} of {mine['ranks']}: error memories can't be moved to another number of ranks")
            theirs = state[key]
            for part in value:
                if theirs.get(part) != value[part]:
                    raise error(EXIT_DATA, f"the saved state is of other {part}: {_difference(theirs.get(part), value[part])}")

    def _shard(self, iteration: int) -> str:
        return SHARD.format(iteration=iteration, rank=self.processes.first_worker, ranks=self.processes.workers)

    def _shards(self, folder: Path) -> list[int]:
        """Iterations of which this rank has a shard."""
        tail = self._shard(0)[len("laser-00000000") :]
        found = (re.fullmatch(r"laser-(\d{8})" + re.escape(tail), path.name) for path in folder.glob("laser-*"))
        return sorted(int(match[1]) for match in found if match)


def laser_hook(state: LaserState, bucket: dist.GradBucket) -> torch.futures.Future[torch.Tensor]:
    """For ``ddp.register_comm_hook(state, laser.laser_hook)``."""
    return state.take(bucket)


def bf16_wrapper(hook):
    """The hook on gradients rounded to bfloat16: what the exact iterations send is half as large, and what is collected is
    a rounded gradient; factors and memories stay float32."""

    def rounded(state: LaserState, bucket: dist.GradBucket) -> torch.futures.Future[torch.Tensor]:
        exact = bucket.buffer()
        bucket.set_buffer(exact.to(torch.bfloat16))

        def back(future):
            exact.copy_(future.value())
            return exact

        return hook(state, bucket).then(back)

    return rounded


def _refuse_sharded(model: torch.nn.Module) -> None:
    from torch.distributed.fsdp import FullyShardedDataParallel

    try:
        from torch.distributed.fsdp import FSDPModule
    except ImportError:  # before torch 2.6
        FSDPModule = FullyShardedDataParallel
    if any(isinstance(part, (FullyShardedDataParallel, FSDPModule)) for part in model.modules()):
        raise error(EXIT_CONFIGURATION, "the model is sharded by FSDP: no rank has whole gradient matrices to factor. HINT: "
                    "use DistributedDataParallel; docs/pytorch.md, 'Sharded models'")


def _difference(theirs, mine) -> str:
    if isinstance(mine, dict) and isinstance(theirs, dict):
        for name in {**theirs, **mine}:
            if theirs.get(name) != mine.get(name):
                return f"{name} was {theirs.get(name)}, is {mine.get(name)}"
    if isinstance(mine, list) and isinstance(theirs, list):
        for one, other in zip(theirs, mine):
            if one != other:
                return f"{one[0]} {one[1]} was where {other[0]} {other[1]} is"
        return f"{len(theirs)} tensors were saved, the model has {len(mine)}"
    return f"{theirs} was saved, {mine} is asked for"
