"""Links of a round, on the host: who takes part, over which gains, and what is not as it should be about them (spec 1.3).

Both ends of a link draw its gains from the stream, so no device is asked. What is said here is said in src/laser/channel for
the compiled round.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import torch

from laser import device_random as random
from laser.device_power import FADES, RAYLEIGH_MEAN
from laser.device_trace import Trace, read_trace
from laser.native import EXIT_CONFIGURATION, EXIT_DATA, error

PRESENCE_LAYER = 2**24 - 1
CHANNELS = (*FADES, "awgn", "noiseless", "sum_power", "saturating", "trace", "digital")
_KNOWN = ("csit", "csit_trunc", "csir")  # whose gains are estimated, of workers spread over a cell
_NO_ROUND = 0xFFFFFFFF
_PHASES, _DELAYS = 2**20, 2**20 + 1  # units of streams
_INNER = 0.01  # square of the radius of a cell that is left out, over that of the cell


@dataclasses.dataclass
class Link:
    """One draw of a channel, on the host: gains h_i [k] as they are known, behind the receiver's combining, who transmits [k],
    and the deviation of what the air adds. `met` [k] is what symbols meet where that is another gain, `phase` [k] in radians and
    `delay` [k] in symbol durations what is left after synchronisation; None: nothing."""

    gain: torch.Tensor
    active: torch.Tensor
    air_noise: float = 1.0
    met: torch.Tensor | None = None
    phase: torch.Tensor | None = None
    delay: torch.Tensor | None = None

    @property
    def heard(self) -> bool:
        return any(self.active.tolist())  # of the host: no device waits


def awake(seed: int, round_number: int, workers: int, participation: float) -> torch.Tensor:
    """[k] who takes part: round(participation k) workers, at least one (aggregate/presence.hpp)."""
    if participation >= 1:
        return torch.ones(workers, dtype=torch.bool)
    scaled = participation * workers
    wanted = min(max(math.floor(scaled + 0.5), 1), workers)
    drawn = random.words(seed, round_number, (random.FADING, PRESENCE_LAYER, 0, workers), "cpu").tolist()
    order, chosen = list(range(workers)), [False] * workers
    for i in range(wanted):
        j = i + (drawn[i] * (workers - i) >> 32)
        order[i], order[j] = order[j], order[i]
        chosen[order[i]] = True
    return torch.tensor(chosen)


def without_losses(seed: int, round_number: int, present: torch.Tensor, loss_rate: float) -> torch.Tensor:
    """[k] those of the present whose message is not lost."""
    if loss_rate <= 0:
        return present
    lost = random.uniforms(seed, round_number, (random.FADING, PRESENCE_LAYER, 1, len(present))) < loss_rate
    return present & ~lost


def _normals(seed: int, round_number: int, layer: int, unit: int, count: int) -> torch.Tensor:
    """[count] N(0, 1) of a stream, float64, by Box and Muller from pairs of its words."""
    drawn = random.uniforms(seed, round_number, (random.FADING, layer, unit, 2 * count)).view(-1, 2)
    return (-2 * drawn[:, 0].log()).sqrt() * (2 * math.pi * drawn[:, 1]).cos()


def cell_gains(seed: int, workers: int, exponent: float, shadowing_db: float) -> torch.Tensor:
    """[k] root of the mean received power of workers that are uniform on a ring, path loss r^-exponent, times log-normal
    shadowing; 1 on average, and the same in every round (docs/channels.md)."""
    half, spread = exponent / 2, shadowing_db * math.log(10) / 10
    area = -math.log(_INNER) if half == 1 else (1 - _INNER ** (1 - half)) / (1 - half)
    mean = area / (1 - _INNER) * math.exp(spread * spread / 2)
    square = _INNER + (1 - _INNER) * random.uniforms(seed, _NO_ROUND, (random.FADING, 0, 0, workers))
    shadow = (spread * _normals(seed, _NO_ROUND, 0, 1, workers)).exp()
    return (square**-half * shadow / mean).sqrt()


class Air:
    """The channel of a round, on the host.

    settings: of every setting of a round its text. Raises Error (exit codes 3, 4) where a trace is missing or does not fit.
    """

    def __init__(self, settings: Mapping[str, str], seed: int, workers: int):
        self.channel, self.seed, self.workers = settings["channel"], seed, workers
        self.antennas, self._least_gain = int(settings["antennas"]), float(settings["least_gain"])
        self._participation, self._loss_rate = float(settings["participation"]), float(settings["loss_rate"])
        known = self.channel in _KNOWN
        self._error = float(settings["channel_error"]) if known else 0.0
        exponent, shadowing = (float(settings[name]) if known else 0.0 for name in ("path_loss_exponent", "shadowing_db"))
        self._cell = cell_gains(seed, workers, exponent, shadowing) if exponent or shadowing else None
        self._together = settings["access"] == "sum_capacity"
        self.noisy, self.digital, self.as_energies = self.channel != "noiseless", self.channel == "digital", self.channel == "reed"
        self.uses = 4 if self.as_energies else 1  # real symbols of the air that a number takes
        self._trace: Trace | None = None
        if self.channel == "trace":
            if not settings["gains"]:
                raise error(EXIT_CONFIGURATION, "channel = 'trace' needs the file of its gains. HINT: gains=FILE")
            self._trace = read_trace(settings["gains"])
            if self._trace.workers != workers:
                raise error(EXIT_DATA, f"{self._trace.name} has the gains of {self._trace.workers} workers, and the run has {workers}. "
                            f"HINT: workers={self._trace.workers}, or another trace")
            if self._trace.antennas and (float(settings["phase_error"]) or float(settings["timing_error"])):
                raise error(EXIT_CONFIGURATION, f"{self._trace.name} has antennas, whose phases nobody compensates: no error is left of "
                            "them. HINT: without phase_error and timing_error")
        aligned = self.channel not in ("noiseless", "blind_mimo", "reed", "digital") and not (self._trace and self._trace.antennas)
        self._phase_error, self._timing_error = (float(settings[name]) if aligned else 0.0 for name in ("phase_error", "timing_error"))
        self.peak_ratio = float(settings["peak_ratio"]) if self.noisy and not self.digital and not self.as_energies else 0.0
        self.draws_per_tensor = settings["fading_draw"] == "tensor" and self.channel in FADES

    @property
    def turns(self) -> bool:
        """Whether symbols meet phases."""
        return bool(self._error or self._phase_error or self._timing_error)

    def presence(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """[k] who takes part in a round, and of them those whose message is not lost."""
        here = awake(self.seed, index, self.workers, self._participation)
        return here, without_losses(self.seed, index, here, self._loss_rate)

    def draw(self, index: int, layer: int, present: torch.Tensor) -> Link:
        """The gains of a round, or of a tensor in it. Raises Error (exit code 4) where a trace has no such round."""
        link = self._draw(index, layer, present)
        if self._phase_error:
            phase = self._phase_error * _normals(self.seed, index, layer, _PHASES, self.workers)
            link.phase = phase if link.phase is None else link.phase + phase
        if self._timing_error:
            link.delay = self._timing_error * _normals(self.seed, index, layer, _DELAYS, self.workers)
        return link

    def _draw(self, index: int, layer: int, present: torch.Tensor) -> Link:
        workers, channel = self.workers, self.channel
        if self._trace is not None:
            return self._traced(index, present)
        if channel == "blind_mimo":
            antennas = []
            for antenna in range(self.antennas):
                drawn = random.uniforms(self.seed, index, (random.FADING, layer, antenna, 2 * workers)).view(-1, 2)
                antennas.append(torch.polar((-drawn[:, 0].log()).sqrt(), 2 * math.pi * drawn[:, 1]))
            return _combined(antennas, present)
        if channel not in FADES:
            return Link(torch.ones(workers, dtype=torch.float64), present, 0.0 if self.digital else 1.0)
        link = Link((-random.uniforms(self.seed, index, (random.FADING, layer, 0, workers)).log()).sqrt(), present)
        if self._error:  # h = estimate + e with e ~ CN(0, error) independent of it
            link.gain = link.gain * math.sqrt(1 - self._error)
            drawn = random.uniforms(self.seed, index, (random.FADING, layer, 1, 2 * workers)).view(-1, 2)
            met = link.gain + torch.polar((-self._error * drawn[:, 0].log()).sqrt(), 2 * math.pi * drawn[:, 1])
            link.met, link.phase = met.abs(), met.angle()
        if self._cell is not None:
            link.gain = link.gain * self._cell
            link.met = None if link.met is None else link.met * self._cell
        if channel == "csit_trunc":
            link.active = present & (link.gain >= self._least_gain)
        return link

    def _traced(self, index: int, present: torch.Tensor) -> Link:
        trace = self._trace
        assert trace is not None
        if index >= trace.rounds:
            raise error(EXIT_DATA, f"{trace.name} has the gains of {trace.rounds} rounds, and the run needs {index + 1}. HINT: a longer "
                        "trace, or fewer epochs")
        row = trace.gains[index]  # [k, antennas]
        size = row.abs().sum(1)
        active = present & (size != 0)
        if not trace.antennas:
            return Link(size, active)
        link = _combined(row.unbind(1), active)
        if link.air_noise == 0:  # they cancel each other: there is no pilot to go by
            link.active = torch.zeros_like(active)
        return link

    def weights(self, link: Link) -> torch.Tensor:
        """[k] the weights of the workers in what is decoded: receive scale x gain that is met x amplitude, in which the scale
        that all have in common cancels. Not asked of `saturating`, where they follow from norms."""
        active = link.active.to(torch.float64)
        count = max(float(active.sum()), 1.0)
        met = link.gain if link.met is None else link.met
        if self.channel in ("csir", "trace"):
            known = (active * link.gain).sum()
            return active * met / known if link.heard else active
        if self.channel == "stat":
            return active * met / (count * RAYLEIGH_MEAN)
        if self.channel == "blind_mimo":
            return active * met / (self.antennas * count)
        if self.channel in ("csit", "csit_trunc"):
            return active * met / (link.gain * count)
        return active / count

    def bits(self, link: Link, symbols: float, energies: list[float]) -> list[float]:
        """[k] bits that each worker gets across a digital link in `symbols` uses that all have together, each with its energy
        (spec 1.5); 0 for those that do not send."""
        active = link.active.tolist()
        turns = sum(active)
        total = sum(energy for energy, sends in zip(energies, active) if sends)
        found = []
        for energy, sends in zip(energies, active):
            whole = total if self._together else turns * energy
            found.append(symbols / (2 * turns) * math.log1p(whole / symbols) / math.log(2.0) if sends else 0.0)
        return found


def _combined(antennas: list[torch.Tensor] | tuple[torch.Tensor, ...], active: torch.Tensor) -> Link:
    """What a receiver that knows only the sum of the gains, from a common pilot, makes of its antennas (spec 1.3)."""
    gain, pilots = torch.zeros(len(active), dtype=torch.float64), 0.0
    for own in antennas:
        pilot = own[active].sum()
        pilots += float(pilot.abs().square())
        gain += (pilot.conj() * own).real
    return Link(gain, active, math.sqrt(pilots))
