"""The DDP communication hook: gradients cross a noisy channel instead of being all-reduced.

    state = laser.LaserState(ddp, rank=4, power=1e4)
    ddp.register_comm_hook(state, laser.laser_hook)

The budget of a round is shared over all tensors, so the round runs when the last bucket is ready; until then the hook
only collects. Every exchange is made there, blocking, in one order on all ranks: however DDP cuts or re-cuts its buckets,
the result is the same. What lasts between rounds (each rank's error memory, the shared factors) is kept by parameter name.
Gradients on the CPU go through the compiled round and a Gloo group; those on another device stay there, go through
laser.device_round, and are added up in DDP's own group. They are sent as float64 where a parameter has 64 bits, else as
float32.
"""

# No "from __future__ import annotations": DDP looks at the annotations of its hooks.
import gc
import math
import warnings
from collections.abc import Callable
from typing import Any, cast

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from laser import budget, parts, reading, shards
from laser.ddp_saving import Saving
from laser.device_round import DeviceRound, place_of
from laser.gradients import Gradients, Part, matrix_shape
from laser.identity import Identity, check_same_everywhere, check_same_group, check_same_place, check_same_ranks, mark_of
from laser.native import EXIT_CONFIGURATION, EXIT_NON_FINITE, EXIT_USAGE, core, error, pairs
from laser.processes import Processes, check_seconds
from laser.protection import Protection


class LaserState(Saving):
    """The state of ``laser_hook`` on one rank.

    model: the DDP module, or the module inside; its parameters' names are the keys of everything that lasts. Of the DDP
        module its process group and the parameters that it ignores are taken too. None: the state is made before group and
        model, and bound by ``attach(ddp)`` or at the first bucket of the module that it is registered at.
    process_group: of the data-parallel ranks, each of which is one worker; None: DDP's own, or all where it is not given.
    rank: of the low-rank factors; None: 4.
    power: energy that each worker spends on a round in units of the noise variance, a function of the round's number, or a
        ``laser.SharedBudget`` of several states; "40dB" is 10,000, which is None's too.
    snr_db: in its place the ratio of P to the symbols of a round in decibels, -200 to 200, as the command's.
    channel: a channel of ``laser.channels.names()``, or "none": nothing is lost or limited, and with method "laser" the
        hook is PowerSGD. None: the method's, which is "awgn" for all but "sgd".
    seed: 0 .. 2^64 - 1, names the noise and the first factors; the same on all ranks. States that live at once in a process,
        or in groups that share no rank, have streams of their own, whatever their seeds.
    start_iter: iterations of exact averaging before the first round: they cost no power, and ``report`` says "exact".
    min_compression_rate: a matrix is factored if its factors have at most 1/rate of its numbers; None: 2.
    error_feedback: whether a worker keeps what it could not send (local memory); None: as the method has it.
    warm_start: whether factors start from those of the round before; None: yes.
    on_nonfinite: what happens on every rank when a gradient of any rank is NaN or infinite; memory and factors stay as they
        were. "pass": all gradients are NaN, as a GradScaler expects; "skip": all are zero; "stop": Error naming rank, tensor
        and iteration. ``protect`` makes an optimizer leave out such a step.
    method: a row of the command's table of methods, which ``laser.methods()`` lists, such as laser, zsgd or swept.
    transport: alternating, two_phase, one_shot or parallel; None: two_phase (PowerSGD's order) where the channel is "none",
        alternating elsewhere.
    timeout: seconds that an exchange waits for the slowest rank; None: torch.distributed's own.
    name: of the state, where several save into one folder.
    stream: number of its random streams, 0 for those of the command. States with the same stream and seed have the same
        noise. None: one that no other state has.
    settings: any other setting of the command that a round reads, such as allocation or receiver. Error where it would not.
        compressor, feedback, receiver, channel and allocation may be objects of one's own (``laser.Compressor`` and its sisters).

    Raises Error (configuration) for values that do not fit, or that differ between ranks.
    """

    def __init__(self, model: torch.nn.Module | None = None, process_group: dist.ProcessGroup | None = None, rank: int | None = None,
                 power: float | str | Callable[[int], float] | reading.SharedBudget | None = None, channel: str | parts.Channel | None = None,
                 seed: int = 1, start_iter: int = 2, min_compression_rate: float | None = None,
                 error_feedback: bool | None = None, warm_start: bool | None = None, on_nonfinite: str = "pass",
                 method: str = "laser", transport: str | None = None, timeout: float | None = None,
                 name: str | None = None, stream: int | None = None, snr_db: float | None = None, **settings: Any):
        power = budget.plain_power(power)
        if snr_db is not None:
            snr_db = budget.check_ratio(snr_db)
        if on_nonfinite not in ("skip", "pass", "stop"):
            raise error(EXIT_CONFIGURATION, f"on_nonfinite = '{on_nonfinite}' is unknown. HINT: 'skip', 'pass' or 'stop'")
        self.start_iter = reading.check_whole("start_iter", start_iter, 0)
        self.on_nonfinite = on_nonfinite
        self.name = shards.check_name(name)
        self._seed = reading.check_seed(seed)
        stream = None if stream is None else reading.check_whole("stream", stream, 0)
        if error_feedback is not None:
            error_feedback = reading.check_flag("error_feedback", error_feedback)
        if min_compression_rate is not None:
            min_compression_rate = reading.check_positive("min_compression_rate", min_compression_rate)
        reading.check_read(settings, "LaserState")
        self._given: dict[str, Any] = {
            "rank": rank, "power": power, "channel": channel, "seed": seed, "start_iter": start_iter,
            "min_compression_rate": min_compression_rate, "error_feedback": error_feedback, "warm_start": warm_start,
            "on_nonfinite": on_nonfinite, "method": method, "transport": transport, "timeout": timeout, "name": name,
            "stream": stream, "snr_db": snr_db, **settings}  # what a pickled state is made anew of
        self.iteration = 0  # backward passes so far
        self.skips = 0  # of them, those without an estimate: not finite, or heard by nobody
        # Of the last one: energy [k], symbols, wire_bytes, exact, unheard; over a noisy channel power and snr_db (10 log10(P / symbols)),
        # and after diagnose() lambda, delta, memory_ratio and what else a diagnosis finds.
        self.report: dict[str, Any] = {}
        self._numbers = [0, 0]  # before and after compression
        self._protection = Protection()
        self._open: list[tuple[torch.futures.Future[torch.Tensor], torch.Tensor, list[Part]]] = []  # buckets of the backward pass under way
        self._looked_for_ddp = self._told_overflow = self._told_doubt = False
        self._diagnosed = False  # whether the next round is to be
        self._bound = False
        self._waiting: Any = None  # a saved state, for the model to come
        if model is not None:
            self._bind(model, process_group)
        else:
            self._check_settings(method, rank, power, channel, warm_start, transport, timeout, settings)
        if model is None and process_group is not None:
            raise error(EXIT_CONFIGURATION, "process_group without a model. HINT: give it to attach(), or DDP's own is taken")

    @staticmethod
    def _check_settings(method: str, rank: Any, power: Any, channel: Any, warm_start: Any, transport: Any, timeout: Any,
                        settings: dict[str, Any]) -> None:
        """What is wrong whatever the model is told at once, also where the model comes later."""
        check_seconds(timeout)
        reading.Power(power, 1)
        given = {"rank": rank, "channel": reading.channel_named(channel), "warm_start": warm_start, "transport": transport, **settings}
        plain, _ = parts.split({name: value for name, value in given.items() if value is not None})
        core.settings(pairs({"method": method, "compress": "always", **plain}))

    def _bind(self, model: torch.nn.Module, process_group: dist.ProcessGroup | None) -> None:
        given = dict(self._given)
        for name in ("seed", "start_iter", "on_nonfinite", "name"):
            del given[name]
        rank, power, channel, transport = (given.pop(name) for name in ("rank", "power", "channel", "transport"))
        warm_start, error_feedback = given.pop("warm_start"), given.pop("error_feedback")
        min_compression_rate, method = given.pop("min_compression_rate"), given.pop("method")
        timeout, stream, snr_db, settings = given.pop("timeout"), given.pop("stream"), given.pop("snr_db"), given
        least_rate = 2.0 if min_compression_rate is None else min_compression_rate
        if channel is not None and not isinstance(channel, str):
            settings["channel"], channel = channel, None
        settings, self._parts = parts.split(settings)
        self._gradients = Gradients(model)
        self.processes = Processes(check_same_group(self._gradients.ddp, process_group), timeout)
        if settings.pop("workers", self.processes.workers) != self.processes.workers:
            raise error(EXIT_CONFIGURATION, f"workers is not the number of ranks, {self.processes.workers}: each is one "
                        "worker. HINT: leave it out")
        self._protection.bind(self._gradients)
        given = {key: value for key, value in {"rank": rank, "warm_start": warm_start, "transport": transport,
                                               "channel": reading.channel_named(channel), **settings}.items() if value is not None}
        self._settings = {"method": method, "workers": self.processes.workers, "compress": "always", **given}
        plain = core.settings(pairs(self._settings))
        self._noisy = parts.noisy(self._parts, plain["channel"])
        read = parts.reads("compressor", plain["compressor"])
        if "transport" in read:
            self._settings = {"rank": 4, "transport": "alternating" if self._noisy else "two_phase"} | self._settings
        if error_feedback is False:
            if settings.get("feedback", "none") != "none":
                raise error(EXIT_CONFIGURATION, f"error_feedback = False and feedback = {settings['feedback']} exclude each "
                            "other. HINT: one of them")
            self._settings["feedback"] = "none"
        self._power = reading.Power(power, self._gradients.size)
        if isinstance(power, (int, float)):
            given["power"] = self._settings["power"] = power
        idle = [text for text, is_idle in (
            ("power", power is not None and not self._noisy and "power" not in given),
            ("snr_db", snr_db is not None and not self._noisy),
            ("min_compression_rate", min_compression_rate is not None and "compress" not in read),
            ("error_feedback", error_feedback is True and plain["feedback"] == "none")) if is_idle]
        if self.processes.first_worker == 0:
            reading.tell_without_effect(given, self._settings, "LaserState", 4, tuple(idle))
        self._shapes = self._choose_shapes(least_rate)
        if snr_db is not None and self._noisy:
            power = self._settings["power"] = budget.power_at(snr_db, power, self._shapes, self._settings, self._parts)
            self._power = reading.Power(power, self._gradients.size)
        check_same_everywhere(self.processes, {**self._setup(), "power": self._power.text(), "stream": stream})
        self._identity = Identity(self, self._seed, stream)
        self._device = place_of(list(self._gradients.parameters.values()), self._whole(), self._parts)  # None: the CPU
        self._core = self._make_core(self._identity.seed)
        self._gradients.device = self._device or torch.device("cpu")
        self._bounds: list[float] | None = None  # of the last estimates' magnitudes, where they are known
        self._power.take_part()
        self._bound = True
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            self.load_state_dict(*waiting)

    def attach(self, model: torch.nn.Module, process_group: dist.ProcessGroup | None = None) -> None:
        """Binds a state that was made without a model, on every rank; ``register_comm_hook`` is still to be called, where no
        framework does it. Raises Error (usage) where it has a model already.

        model: the DDP module, or the module inside.
        process_group: of the data-parallel ranks; None: DDP's own.
        """
        if self._bound:
            raise error(EXIT_USAGE, "this LaserState has a model. HINT: a state of its own for each model")
        self._bind(model, process_group)

    def __reduce__(self) -> tuple[Any, ...]:
        """A pickled or copied state has no model: what it was made of and what lasts go into the new one, which is bound like
        any that is made before its model, on the same rank."""
        return _unpickled, (self._given, self.state_dict() if self._bound else None)

    # -- for people ---------------------------------------------------------------------------------------------------

    @property
    def skipped(self) -> bool:
        """Whether the last backward pass left no estimate on any rank: gradients that are not finite, or a round that nobody
        heard."""
        return self._protection.skipped

    @property
    def run(self) -> str:
        """Names this run in its shards; loading begins another one."""
        return self._identity.run

    def diagnose(self) -> None:
        """Asks for a diagnosis of the next round: ``report`` then has, beside the rest, "lambda" (noise energy over that of the noiseless
        estimate), "delta" (1 - ||M - C(M)||^2 / ||M||^2), "memory_ratio" (mean over the ranks of ||e_i|| / ||g_i||), "noise_energy",
        and from the compiled round "sent_ratio" and "waiting_rounds" (spec 2.5; [LASER, equation 5]). One rank may ask alone. The
        round is the same one, bit for bit, and takes longer; exact averages are not diagnosed."""
        self._diagnosed = True

    def compression_stats(self) -> tuple[float, int, int]:
        """How many times fewer numbers were sent so far than there are in the gradients; both counts, of one worker."""
        before, after = self._numbers
        return (before / after if after else 0.0), before, after

    def protect(self, optimizer: Any) -> None:
        """Makes ``optimizer.step()`` leave this model's weights alone after a skipped round, also where momentum or weight
        decay would move them without a gradient. Takes an optimizer inside of what a framework puts around it too.

        optimizer: of torch.optim over the model's parameters, or what a framework puts around it. Raises Error (configuration) for anything
            else.
        """
        self._protection.protect(optimizer)

    def attach_scaler(self, scaler: torch.amp.GradScaler) -> None:
        """Keeps the memory in the gradients' own units while a GradScaler changes the scale of the loss.

        scaler: a torch.amp.GradScaler. Raises Error (configuration) for anything else.
        """
        self._protection.attach_scaler(scaler)

    # -- a backward pass ----------------------------------------------------------------------------------------------

    def take(self, bucket: dist.GradBucket) -> torch.futures.Future[torch.Tensor]:
        """Collects a bucket; at the last one all are filled with the estimate, which the round writes over the gradients that it
        has read there. Returns a future of the bucket's buffer, there with the last bucket. What ``laser_hook`` calls.

        bucket: of DDP, with gradients of this rank. Raises Error as a round does: for gradients that are not finite where
            on_nonfinite="stop".
        """
        if not self._bound:
            self._bind(module_of(bucket), None)
        if bucket.index() == 0:
            self._open = []
        buffer = bucket.buffer()
        parts = self._gradients.read(bucket)
        future: torch.futures.Future[torch.Tensor] = torch.futures.Future(devices=[buffer.device] if buffer.is_cuda else None)
        self._open.append((future, buffer, parts))
        if bucket.is_last():
            self._close()
        return future

    def _close(self) -> None:
        opened, self._open = self._open, []
        everything = sorted((part for _, _, parts in opened for part in parts), key=lambda part: part.index)
        self._gradients.check_all_there(everything)
        sent_before = self._sent_bytes
        self._bounds = None
        self._exchange([part.numbers for part in everything])
        self.report["wire_bytes"] = self._sent_bytes - sent_before
        self.iteration += 1
        for future, buffer, own in opened:
            for part in own:
                part.hand_back()
            self._tell_overflow(own)
            future.set_result(buffer)

    @property
    def _sent_bytes(self) -> int:
        return self.processes.sent_bytes + (self._core.sent_bytes if isinstance(self._core, DeviceRound) else 0)

    def _tell_overflow(self, parts: list[Part]) -> None:
        """An estimate that leaves the range of its gradients, which were finite: all ranks have it alike, and go on with it as
        under plain DDP."""
        if self._told_overflow or self.skipped:
            return
        for one in parts:
            part = one.bucket
            if self._bounds is not None and self._bounds[one.index] <= torch.finfo(part.dtype).max:
                continue  # most of the time: then there is nothing to look through
            if not math.isfinite(part.sum().item()) and not torch.isfinite(part).all():
                self._told_overflow = True
                name = list(self._gradients.parameters)[one.index]
                if self.processes.first_worker == 0:
                    warnings.warn(f"laser: what was received for '{name}' in iteration {self.iteration - 1} is out of the range "
                                  f"of {part.dtype}: its gradient is infinite. HINT: smaller gradients, more power, or parameters of float32",
                                  stacklevel=3)
                return

    def _exchange(self, numbers: list[torch.Tensor]) -> None:
        """The estimate in the place of this rank's gradients ``numbers``, of every parameter [1, ...]."""
        number = self.iteration - self.start_iter
        if not self._looked_for_ddp:
            self._looked_for_ddp = True
            check_same_ranks(self._gradients.modules_of_ddp(), self.processes)
        place = self._identity.place(self.iteration)
        scale = self._protection.scale(self.iteration, self.processes.first_worker == 0)
        looked = self._core.look(numbers)
        rows = self.processes.gather_rows([float(looked[0]), self._power.of(number), scale, mark_of(place), float(self._diagnosed)], 5)
        if len(set(rows[3::5])) > 1:
            check_same_place(self.processes, place)
        for rank, index in enumerate(rows[0::5]):
            if index >= 0:
                return self._after_nonfinite(rank, int(index), numbers)
        power = self._power.agree(rows[1::5])
        if len(set(rows[2::5])) > 1:
            raise error(EXIT_CONFIGURATION, f"the loss has different scales on the ranks: {rows[2::5]}. HINT: one "
                        "GradScaler a rank, each given to attach_scaler, with the same settings")
        if number < 0:
            self._average(numbers)
            self._count(self._gradients.size)
            self._protection.heard(self.iteration)
            self.report = {"exact": True, "energy": [0.0] * self.processes.workers, "symbols": self._gradients.size,
                           "unheard": False}
            return
        if scale != 1.0:
            for gradient in numbers:
                gradient.div_(scale)
            looked = (looked[0], looked[1] / scale)
        self._tell_doubt(power)
        if any(rows[4::5]):  # one rank's wish is all ranks'
            self._diagnosed = False
            estimate = self._core.round(number, power, numbers, True)
            for place_of_one, (at, size) in zip(numbers, self._gradients.places.values(), strict=True):
                place_of_one.copy_(estimate[at : at + size].view(place_of_one.shape))
        else:
            self._core.round_into(number, power, numbers, numbers, looked)
        self.report = {"exact": False, **self._core.report()}
        if self._noisy:
            self.report |= {"power": power, "snr_db": budget.ratio_of(power, self.report["symbols"])}
        self._bounds = [scale * bound for bound in self.report.pop("largest")]
        self._count(self.report["symbols"])
        self.report["unheard"] = self.report["unheard"] or (self._noisy and power == 0)
        if self.report["unheard"]:
            self.skips += 1
            self._protection.skip(f"nobody was heard in iteration {self.iteration}, so all gradients are zero",
                                  self.processes.first_worker == 0)
        else:
            self._protection.heard(self.iteration)
        if scale != 1.0:
            for estimate in numbers:
                estimate.mul_(scale)

    def _tell_doubt(self, power: float) -> None:
        """Once, before the first round."""
        if self._told_doubt:
            return
        self._told_doubt = True
        if self.processes.first_worker == 0 and self._noisy and power > 0 and not self._parts:
            text = budget.doubt(power, self._shapes, self._whole(), self.processes.workers)
            if text is not None:
                warnings.warn(f"laser: {text}", stacklevel=2)

    def _average(self, numbers: list[torch.Tensor]) -> None:
        """The exact mean over the ranks."""
        if self.processes.workers == 1:
            return
        mean = torch.cat([gradient.reshape(-1) for gradient in numbers])
        if isinstance(self._core, DeviceRound):
            self._core.sum(mean)
        else:
            self.processes.sum_flat(mean)
        mean.div_(self.processes.workers)
        for gradient, (at, size) in zip(numbers, self._gradients.places.values(), strict=True):
            gradient.copy_(mean[at : at + size].view(gradient.shape))

    def _after_nonfinite(self, rank: int, index: int, numbers: list[torch.Tensor]) -> None:
        text = (f"the gradient of '{list(self._gradients.parameters)[index]}' at rank {rank} is not finite in iteration "
                f"{self.iteration}")
        if self.on_nonfinite == "stop":
            raise error(EXIT_NON_FINITE, text + ". HINT: lower the learning rate, or on_nonfinite='skip'")
        self.skips += 1
        self.report = {"exact": False, "energy": [0.0] * self.processes.workers, "symbols": 0, "unheard": False}
        filled = 0.0 if self.on_nonfinite == "skip" else math.nan
        self._protection.skip(f"{text}; all ranks skip it, with gradients of {filled:g}", self.processes.first_worker == 0,
                              always=not self._protection.scaled)
        for gradient in numbers:
            gradient.fill_(filled)

    # -- setting up ---------------------------------------------------------------------------------------------------

    def _choose_shapes(self, least_rate: float) -> list[tuple[str, list[int]]]:
        """What the round takes each parameter for: a matrix, or a vector that is sent as it is."""
        shapes = {name: matrix_shape(p) for name, p in self._gradients.parameters.items()}
        if "compress" in parts.reads("compressor", self._whole()["compressor"]):
            rank = int(self._settings["rank"])
            saves = {name: core.compression_saves(shape, rank, least_rate) for name, shape in shapes.items()}
            shapes = {name: shape if saves[name] else [math.prod(shape)] for name, shape in shapes.items()}
            if not any(saves.values()):
                if self.processes.first_worker == 0:
                    warnings.warn(f"laser: no tensor of the model is worth factoring at rank {rank} and min_compression_rate "
                                  f"{least_rate}; all are sent as they are", stacklevel=3)
                self._settings |= {"compressor": "identity", "feedback": "none"}
        return list(shapes.items())

    def _whole(self) -> dict[str, str]:
        """Every setting, with its text."""
        return core.settings(pairs(self._settings))

    def _make_core(self, seed: int) -> Any:
        double = self._gradients.kind == torch.float64
        if self._device is not None:
            alone = self.processes.workers == 1
            return DeviceRound(self._shapes, self._whole(), self.processes.workers, seed, self._device, double,
                               None if alone else self.processes.model_group, self.processes.first_worker)
        return core.Aggregator(self._shapes, pairs(self._settings), self.processes, double, seed, self._parts)

    def _count(self, sent: int) -> None:
        self._numbers[0] += self._gradients.size
        self._numbers[1] += sent

    def _setup(self) -> dict[str, Any]:
        """What a saved state must agree in, and the ranks among each other."""
        settings = {name: str(value) for name, value in self._settings.items() if name != "power"}
        settings |= parts.called(self._parts) | {"seed": str(self._seed)}
        return {"settings": settings, "shapes": [[name, shape] for name, shape in self._shapes],
                "start_iter": self.start_iter, "numbers": str(self._gradients.kind)}



def module_of(bucket: dist.GradBucket) -> DistributedDataParallel:
    """The DDP module that a bucket is of. Raises Error (usage) where there is none.

    bucket: as a hook is given it.
    """
    mine = {id(p) for p in bucket.parameters()}
    for one in gc.get_objects():
        if issubclass(type(one), DistributedDataParallel) and any(id(p) in mine for p in one.parameters()):
            return cast(DistributedDataParallel, one)
    raise error(EXIT_USAGE, "no DistributedDataParallel holds the parameters of this bucket. HINT: state.attach(ddp)")


def _unpickled(given: dict[str, Any], state: dict[str, Any] | None) -> LaserState:
    made = LaserState(**given)
    if state is not None:
        made.load_state_dict(state)
    return made


def laser_hook(state: LaserState, bucket: dist.GradBucket) -> torch.futures.Future[torch.Tensor]:
    """For ``ddp.register_comm_hook(state, laser.laser_hook)``.

    state: of this rank.
    bucket: of DDP. Returns a future of its mean gradients, as received. Raises Error (usage) for another state.
    """
    if not isinstance(state, LaserState):
        raise error(EXIT_USAGE, f"state is of type {type(state).__name__}. HINT: ddp.register_comm_hook(laser.LaserState(ddp), laser.laser_hook)")
    return state.take(bucket)


def bf16_wrapper(hook: Callable[[LaserState, dist.GradBucket], torch.futures.Future[torch.Tensor]]
                 ) -> Callable[[LaserState, dist.GradBucket], torch.futures.Future[torch.Tensor]]:
    """The hook on gradients rounded to bfloat16; what is sent, factors and memories stay float32.

    hook: ``laser_hook``, or one with its arguments. Returns a hook. Raises Error (usage) for what can not be called.
    """

    if not callable(hook):
        raise error(EXIT_USAGE, f"hook is of type {type(hook).__name__}. HINT: laser.bf16_wrapper(laser.laser_hook)")

    def rounded(state: LaserState, bucket: dist.GradBucket) -> torch.futures.Future[torch.Tensor]:
        exact = bucket.buffer()
        bucket.set_buffer(exact.to(torch.bfloat16))

        def back(future: torch.futures.Future[torch.Tensor]) -> torch.Tensor:
            exact.copy_(future.value())
            return exact

        return hook(state, bucket).then(back)

    return rounded
