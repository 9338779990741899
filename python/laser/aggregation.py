"""One round over the air, for gradients that are already there; and the simulator's runs.

Settings are those of the command (``laser.settings()`` lists them), by keyword: method, rank, transport, compressor, feedback,
allocation, receiver, channel and so on. The numbers are the command's: same settings, same seed, same bits.
"""

from __future__ import annotations

import dataclasses
import math
import threading
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar, overload

import torch

from laser import budget, parts
from laser import reading
from laser.device_round import DeviceRound, place_of
from laser.native import EXIT_CONFIGURATION, EXIT_DATA, EXIT_USAGE, NotCopied, core, error, next_step, pairs
from laser.saved import check_setup, check_state, text_tensor

Estimate = TypeVar("Estimate")
FLOATING = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


@dataclasses.dataclass(repr=False)
class Outcome(Generic[Estimate]):
    """What a round gives: the server's estimate of the mean gradient, and what it cost."""

    estimate: Estimate  # a tensor, or one a name; arrays of numpy where arrays came in
    energy: list[float]  # [k] that each worker sent, noise variance 1
    symbols: int  # channel uses
    unheard: bool = False  # whether no worker was heard: then there is no estimate, and no step should be made
    memory_ratio: float | None = None  # the rest only where a diagnosis was asked for
    influence: float | None = None  # lambda
    quality: float | None = None  # delta
    budget_use: float = 0.0  # most that a worker sent of what it may
    noise_energy: float | None = None  # ||estimate - estimate without noise||^2, likewise of a diagnosis, and the two below
    sent_ratio: float | None = None  # energy sent over that of the gradients that came in
    waiting_rounds: float | None = None  # ||memory||^2 / ||gradients||^2: rounds of gradient that wait

    @classmethod
    def of(cls, estimate: Estimate, report: dict[str, Any], unheard: bool) -> Outcome[Estimate]:
        """What is made of a round's estimate and its report.

        estimate: of the round.
        report: the core's, a dict.
        unheard: whether no worker was heard.
        """
        return cls(estimate, report["energy"], report["symbols"], unheard, report.get("memory_ratio"), report.get("lambda"),
                   report.get("delta"), report["budget_use"], report.get("noise_energy"), report.get("sent_ratio"),
                   report.get("waiting_rounds"))

    def __repr__(self) -> str:
        shown = {"heard": not self.unheard, "symbols": self.symbols, "energy": f"{sum(self.energy) / len(self.energy):.6g} a worker"}
        known = {"lambda": self.influence, "delta": self.quality, "memory_ratio": self.memory_ratio}
        shown |= {name: f"{value:.4g}" for name, value in known.items() if value is not None}
        return f"Outcome({', '.join(f'{name} = {value}' for name, value in shown.items())})"


class Aggregator(NotCopied):
    """The round with what lasts between rounds: error memories and factors.

    shapes: of the parameter tensors, by name; those with two dimensions or more are matrices (the first dimension by the others).
    workers: k, rows of every gradient.
    power: energy of each worker and round in units of the noise variance, "10dB" is 10; None: 1.
    snr_db: in its place the ratio P / symbols in decibels, -200 to 200; None: power counts.
    double_precision: whether rounds compute in float64, which float64 gradients need; False by default.
    settings: any other setting that a round reads (``laser.settings()``), such as method, rank, channel or seed; channel may also be
        "none", which is "noiseless". compressor, feedback, receiver, channel and allocation may be objects of your own
        (``laser.Compressor`` and its sisters).

    Gradients that share a device other than the CPU are computed there, by laser.device_round, but for the settings that it leaves to the
    compiled round. Raises Error (usage, configuration) for names, shapes and settings that do not fit.

    >>> aggregator = laser.Aggregator({"weight": (64, 32), "bias": (64,)}, workers=4, power="40dB", rank=2)
    >>> gradients = {"weight": torch.randn(4, 64, 32), "bias": torch.randn(4, 64)}
    >>> aggregator.round(gradients).estimate["weight"].shape
    torch.Size([64, 32])
    >>> aggregator
    Aggregator(2 tensors of 2112 numbers, workers = 4, compressor = low_rank, feedback = local, channel = awgn, rounds = 1)
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], workers: int, power: float | str | None = None,
                 double_precision: bool = False, snr_db: float | None = None, **settings: Any):
        power = budget.plain_power(power)
        reading.check_read(settings, "the round")
        if "channel" in settings:
            settings["channel"] = reading.channel_named(settings["channel"])
        self._shapes = {name: reading.check_shape(name, shape) for name, shape in reading.check_mapping(shapes).items()}
        self._workers = reading.check_whole("workers", workers, 1)
        seed = reading.check_seed(settings.pop("seed", 1))
        settings, objects = parts.split(settings)
        given = settings if power is None else {**settings, "power": reading.check_power(power)}
        settings = {**given, "workers": self._workers}
        reading.tell_without_effect(given, settings, "the round", 3)
        whole = core.settings(pairs(settings))
        self._noisy = parts.noisy(objects, whole["channel"])
        self.parts = parts.called(objects)  # of one's own, by qualified name
        matrices = [(name, list(shape) or [1]) for name, shape in self._shapes.items()]
        if snr_db is not None:
            power = budget.power_at(snr_db, power, matrices, settings, objects)
            if not self._noisy:
                raise error(EXIT_CONFIGURATION, f"snr_db = {snr_db} would have no effect: the channel is noiseless. HINT: leave it out")
        self._power = 1.0 if power is None else float(power)
        read = {name: whole[name] for name, (_, is_read) in reading.groups().items() if is_read and name not in reading.GIVEN}
        self._setup = {**read, **self.parts, "workers": str(self._workers), "seed": str(seed)}
        self._double = reading.check_flag("double_precision", double_precision)
        self._matrices = matrices
        self._core = core.Aggregator(self._matrices, pairs(settings), None, self._double, seed, objects)
        self._whole, self._objects, self._seed = whole, objects, seed
        self._elsewhere: DeviceRound | None = None  # in the place of the core while gradients are on another device
        self.rounds = 0
        self._lock = threading.Lock()

    def round(self, gradients: Mapping[str, torch.Tensor], power: float | str | None = None,
              diagnose: bool = False) -> Outcome[dict[str, torch.Tensor]]:
        """What came out of one round; ``gradients`` maps every name to [k, ...], a row for each worker, as tensors or arrays of numpy: read where
        they are if they are of float32 (float64 with ``double_precision``), on the CPU and row by row. Each estimate [...] is of their
        type, on their device, an array where an array came in, and stays what it is however many rounds follow; memory of one
        that nobody holds any more is used again. ``power``: energy of each worker in this round, in units of the noise variance.
        ``diagnose`` fills in what Outcome marks so. Raises Error (usage, configuration) for gradients and powers that do not fit,
        and Error (non-finite) naming worker, tensor and round; nothing has changed then.

        gradients: by name, [k, ...] each.
        power: energy of each worker in this round, in units of the noise variance ("10dB" is 10); None: that of the Aggregator.
        diagnose: True measures lambda, delta and the memory too, and takes longer; False by default.
        """
        diagnose = reading.check_flag("diagnose", diagnose)
        power = budget.plain_power(power)
        if power is not None:
            power = reading.check_power(power, self.rounds)
            if not self._noisy:
                raise error(EXIT_CONFIGURATION, f"power = {power} would have no effect: the channel is noiseless. HINT: leave "
                            "it out")
        given = {name: _tensor(name, value) for name, value in reading.check_mapping(gradients).items()}
        for name in given.keys() ^ self._shapes.keys():
            what = "is not one of the tensors" if name in given else "has no gradient"
            raise error(EXIT_CONFIGURATION, f"'{name}' {what}. HINT: the tensors are {', '.join(self._shapes)}")
        kind = torch.float64 if self._double else torch.float32
        device = place_of(list(given.values()), self._whole, self._objects)
        rows = []
        for name, shape in self._shapes.items():
            tensor = given[name]
            if tuple(tensor.shape) != (self._workers, *shape):
                rows_fit = tensor.dim() > 0 and tensor.shape[0] == self._workers
                instead = f"{shape} behind them, as told first" if rows_fit else f"one row for each of the {self._workers} workers"
                raise error(EXIT_CONFIGURATION, f"the gradients of '{name}' have shape {tuple(tensor.shape)}, not "
                            f"{(self._workers, *shape)}. HINT: {instead}")
            if tensor.dtype == torch.float64 and not self._double:
                raise error(EXIT_CONFIGURATION, f"the gradients of '{name}' are float64 and would be rounded. HINT: "
                            "Aggregator(..., double_precision=True), or gradients in float32")
            rows.append(_rows(tensor, self._workers, kind, device))
        if not self._lock.acquire(blocking=False):
            raise error(EXIT_USAGE, "another thread is in a round of this Aggregator. HINT: one after the other")
        try:
            one = self._round_on(device)
            flat = one.round(self.rounds, self._power if power is None else power, rows, diagnose)
            report = one.report()  # raises where a round on a device met a number that is not finite
            self.rounds += 1
        finally:
            self._lock.release()
        estimate, at = {}, 0
        for name, shape in self._shapes.items():
            size = math.prod(shape)
            estimate[name] = flat[at : at + size].view(shape).to(given[name].device, given[name].dtype)
            at += size
        _tell_overflow(estimate, report["largest"])
        unheard = report["unheard"] or (self._noisy and power == 0)
        plain: dict[str, Any] = {name: one if isinstance(gradients[name], torch.Tensor) else one.numpy() for name, one in estimate.items()}
        return Outcome.of(plain, report, unheard)

    def forget(self, workers: Sequence[int]) -> None:
        """Empties the memories of some workers, by number: what they kept back is lost, as that of a client which leaves. Raises Error
        (configuration) for a number that no worker has.

        workers: their numbers, 0 to k - 1, as a list.
        """
        if not isinstance(workers, Iterable):
            raise error(EXIT_USAGE, f"workers = {workers!r} is no list. HINT: forget([{workers!r}])")
        rows = [reading.check_whole("workers", worker, 0) for worker in workers]
        if rows and max(rows) >= self._workers:
            raise error(EXIT_CONFIGURATION, f"there is no worker {max(rows)}. HINT: 0 to {self._workers - 1}")
        state = self._lasting()
        # e = memory - left^T right of a bfloat16 memory, whose factors under "pending/" are a worker's own where they have three dimensions.
        own = [tensor for name, tensor in state.items() if name.startswith("memory/") or name == "momentum"
               or (name.startswith("pending/") and tensor.dim() == 3)]
        if rows and own:
            for tensor in own:
                tensor[rows] = 0
            self._now.load_state(state)

    def __repr__(self) -> str:
        size = sum(math.prod(shape) for shape in self._shapes.values())
        names = {name: self._setup[name] for name in ("compressor", "feedback", "channel") if name in self._setup}
        return (f"Aggregator({len(self._shapes)} tensors of {size} numbers, workers = {self._workers}, "
                f"{', '.join(f'{name} = {value}' for name, value in names.items())}, rounds = {self.rounds})")

    def _round_on(self, device: torch.device | None) -> Any:
        """The round for gradients on a device (None: the CPU), with what lasts of the one before."""
        if (None if self._elsewhere is None else self._elsewhere.device) == device:
            return self._now
        state = self._lasting()
        if device is None:
            self._core.load_state(state)
            self._elsewhere = None
            return self._core
        made = DeviceRound(self._matrices, self._whole, self._workers, self._seed, device, self._double)
        made.load_state(state)
        self._elsewhere = made
        return made

    @property
    def _now(self) -> Any:
        """The round that has what lasts."""
        return self._core if self._elsewhere is None else self._elsewhere

    def _lasting(self) -> dict[str, torch.Tensor]:
        if self._elsewhere is None:
            return self._core.state()
        return {name: tensor.cpu() for name, tensor in self._elsewhere.state().items()}

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Everything that the rounds to come depend on, on the CPU."""
        return self._lasting() | {"rounds": torch.tensor(self.rounds, device="cpu"), "setup": text_tensor(self._setup)}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Restores what ``state_dict`` returned, also with another power; raises Error where it is of other settings or does not
        fit, and then changes nothing.

        state: of an Aggregator of the same shapes, settings and seed.
        """
        tensors = check_state(state, "an Aggregator", ("rounds", "setup"))
        rounds = tensors.pop("rounds")
        if rounds.numel() != 1 or rounds.dtype != torch.int64 or int(rounds) < 0:
            raise error(EXIT_DATA, f"the saved state has rounds = {rounds.tolist()}, which is no number of rounds. HINT: what "
                        "state_dict() returned, unchanged")
        check_setup(tensors.pop("setup"), self._setup)
        with next_step("what state_dict() of an Aggregator of the same shapes and settings returned"):
            self._now.load_state(tensors)
        self.rounds = int(rounds)


@overload
def aggregate(gradients: torch.Tensor, power: float | str | None = None, diagnose: bool = False,
              **settings: Any) -> Outcome[torch.Tensor]: ...
@overload
def aggregate(gradients: Mapping[str, torch.Tensor], power: float | str | None = None, diagnose: bool = False,
              **settings: Any) -> Outcome[dict[str, torch.Tensor]]: ...
def aggregate(gradients: torch.Tensor | Mapping[str, torch.Tensor], power: float | str | None = None, diagnose: bool = False,
              **settings: Any) -> Outcome[Any]:
    """The server's estimate of the mean of k workers' gradients after a single round over the air.

    ``gradients`` is [k, ...] or maps names to such tensors (or arrays of numpy); ``power`` is the energy of each worker for
    all of it, in units of the noise variance, 1 where it is not given ("10dB" is 10, ``snr_db`` may stand in its place). Where a
    tensor is float64 the round computes in float64; each estimate has the type of its gradients. Raises Error as ``Aggregator`` and its
    ``round`` do.

    gradients: one tensor or array [k, ...], or several by name.
    power: energy of each worker in units of the noise variance; None: 1.
    diagnose: True measures lambda, delta and the memory too.
    settings: any that a round reads (``laser.settings()``), ``snr_db`` and ``double_precision``.

    >>> laser.aggregate(torch.randn(16, 64, 32), power=1e4, method="laser", rank=2).estimate.shape
    torch.Size([64, 32])
    """
    single = not isinstance(gradients, Mapping)
    named: Mapping[str, Any] = {"gradient": gradients} if single else reading.check_mapping(gradients)
    tensors = {name: _tensor(name, value) for name, value in named.items()}
    first, tensor = next(iter(tensors.items()))
    if tensor.dim() == 0:
        raise error(EXIT_CONFIGURATION, f"'{first}' is a single number. HINT: [k, ...], a row for each of k workers")
    if settings.pop("workers", tensor.shape[0]) != tensor.shape[0]:
        raise error(EXIT_CONFIGURATION, f"workers is not the number of rows of '{first}', {tensor.shape[0]}. HINT: leave it out")
    settings.setdefault("double_precision", any(one.dtype == torch.float64 for one in tensors.values()))
    aggregator = Aggregator({name: tuple(one.shape[1:]) for name, one in tensors.items()}, tensor.shape[0], power, **settings)
    outcome: Outcome[Any] = aggregator.round(named, diagnose=diagnose)
    if single:
        outcome.estimate = outcome.estimate["gradient"]
    return outcome


def _rows(tensor: torch.Tensor, workers: int, kind: torch.dtype, device: torch.device | None) -> torch.Tensor:
    """[k, d] with the numbers of each row side by side, on the round's device (None: the CPU); no copy where they are."""
    rows = tensor.detach().to(device or "cpu", kind).resolve_neg().reshape(workers, -1)
    return rows if rows.shape[1] == 1 or rows.stride(1) == 1 else rows.contiguous()


def _tell_overflow(estimate: Mapping[str, torch.Tensor], largest: list[float]) -> None:
    """Of finite gradients the estimate may still leave the range of their type."""
    for (name, tensor), bound in zip(estimate.items(), largest, strict=True):
        if bound <= torch.finfo(tensor.dtype).max:  # most of the time: then there is nothing to look through
            continue
        if not math.isfinite(tensor.sum().item()) and not tensor.isfinite().all():
            warnings.warn(f"laser: the estimate of '{name}' is out of the range of {tensor.dtype}. HINT: smaller gradients, more "
                          "power, or gradients in float64", stacklevel=3)
            return


def _tensor(name: str, value: object) -> torch.Tensor:
    """Gradients as a tensor: what is one, or an array of numpy."""
    if not isinstance(value, torch.Tensor):
        if type(value).__module__.split(".")[0] != "numpy":
            raise error(EXIT_USAGE, f"'{name}' is of type {type(value).__name__}. HINT: a torch.Tensor or an array of numpy")
        if getattr(value, "mask", None) is not None:
            raise error(EXIT_USAGE, f"'{name}' is a masked array, and a round sends every number. HINT: .filled(0)")
        try:
            value = torch.as_tensor(value, device="cpu")
        except (TypeError, ValueError) as problem:
            raise error(EXIT_USAGE, f"'{name}' can't be a tensor ({problem}). HINT: numbers of floating point") from problem
    if value.layout != torch.strided or value.is_nested:
        layout = "nested" if value.is_nested else value.layout
        raise error(EXIT_CONFIGURATION, f"the gradients of '{name}' have layout {layout}. HINT: .to_dense()")
    if value.is_meta:
        raise error(EXIT_CONFIGURATION, f"the gradients of '{name}' are on the device 'meta', without numbers. HINT: .to('cpu') "
                    "before they are computed")
    if value.dtype not in FLOATING:
        hint = "torch.view_as_real" if value.is_complex() else ".float()"
        raise error(EXIT_CONFIGURATION, f"the gradients of '{name}' are of type {value.dtype}, and a round sends real numbers "
                    f"of floating point. HINT: {hint}")
    return value


class Training(NotCopied):
    """A run of the simulator, round by round, without files: ``Training(task="mnist", workers=4, rank=2)``.

    settings: any of ``laser.settings(reader="run")``; compressor, channel, feedback, receiver and allocation may be objects of your own.
        Raises Error (usage, configuration, data) for what does not fit.
    """

    def __init__(self, **settings: Any):
        settings, objects = parts.split(settings)
        self.parts = parts.called(objects)  # of one's own, by qualified name
        self._core = core.Training(pairs(settings), objects)
        for note in self._core.notes:
            warnings.warn(f"laser: {note}", stacklevel=2)
        self.rounds = self._core.rounds
        self.shapes = {name: tuple(shape) for name, shape in self._core.shapes}

    def advance(self, rounds: int = 1) -> None:
        """So many rounds more; raises Error where training diverges.

        rounds: how many more, 0 or more; 1 by default.
        """
        self._core.advance(reading.check_whole("rounds", rounds, 0))

    @property
    def rounds_done(self) -> int:
        return self._core.rounds_done

    @property
    def accuracy(self) -> float:
        """Percent, at the last evaluation (after each epoch)."""
        return self._core.accuracy

    @property
    def symbols(self) -> float:
        """Channel uses a round, mean over the epochs that are done."""
        return self._core.symbols

    @property
    def budget_use(self) -> float:
        """The most of its budget that a worker spent in a round."""
        return self._core.budget_use

    def parameters(self) -> dict[str, torch.Tensor]:
        """The weights by name."""
        flat, result, at = self._core.state()["parameters"], {}, 0
        for name, shape in self.shapes.items():
            size = int(torch.Size(shape).numel())
            result[name] = flat[at : at + size].view(shape)
            at += size
        return result

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Everything that the rounds to come depend on."""
        return self._core.state() | {"setup": text_tensor(self._core.course)}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Restores what ``state_dict`` returned; raises Error where it is of other settings or does not fit.

        state: of a Training of the same settings.
        """
        tensors = check_state(state, "a Training", ("setup",))
        check_setup(tensors.pop("setup"), self._core.course)
        with next_step("what state_dict() of a Training of the same settings returned"):
            self._core.load_state(tensors)
