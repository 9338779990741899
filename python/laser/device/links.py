"""Links of a round, on the host, and the draws that they are made of: who takes part, and gains (spec 1.3).

Both ends of a link draw its gains from the stream, so no device is asked. What is said here is said in src/laser/channel for
the compiled round.
"""

from __future__ import annotations

import dataclasses
import math

import torch

from laser.device import random

PRESENCE_LAYER = 2**24 - 1
_NO_ROUND = 0xFFFFFFFF
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

    @property
    def loudness(self) -> torch.Tensor:
        """[k] the gains of those that transmit, and 0."""
        return self.gain * self.active

    @property
    def heard_gain(self) -> torch.Tensor:
        """[k] the gains that symbols meet."""
        return self.gain if self.met is None else self.met

    @property
    def count(self) -> float:
        """Of those that transmit, at least 1."""
        return max(float(self.active.sum()), 1.0)


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


def normals(seed: int, round_number: int, layer: int, unit: int, count: int) -> torch.Tensor:
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
    shadow = (spread * normals(seed, _NO_ROUND, 0, 1, workers)).exp()
    return (square**-half * shadow / mean).sqrt()


def modulus(seed: int, round_number: int, layer: int, workers: int) -> torch.Tensor:
    """[k] the modulus of CN(0, 1)."""
    return (-random.uniforms(seed, round_number, (random.FADING, layer, 0, workers)).log()).sqrt()


def complex_normals(seed: int, round_number: int, layer: int, unit: int, workers: int, variance: float = 1.0) -> torch.Tensor:
    """[k] CN(0, variance)."""
    drawn = random.uniforms(seed, round_number, (random.FADING, layer, unit, 2 * workers)).view(-1, 2)
    return torch.polar((-variance * drawn[:, 0].log()).sqrt(), 2 * math.pi * drawn[:, 1])


def combined(antennas: list[torch.Tensor] | tuple[torch.Tensor, ...], active: torch.Tensor) -> Link:
    """What a receiver that knows only the sum of the gains, from a common pilot, makes of its antennas (spec 1.3)."""
    gain, pilots = torch.zeros(len(active), dtype=torch.float64), 0.0
    for own in antennas:
        pilot = own[active].sum()
        pilots += float(pilot.abs().square())
        gain += (pilot.conj() * own).real
    return Link(gain, active, math.sqrt(pilots))
