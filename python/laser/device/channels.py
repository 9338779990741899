"""The table of the channels by torch's own operations: what src/laser/channel is for the compiled round (spec 1.2 to 1.5).

A channel draws its links on the host, and says there with which weights workers are heard. How groups of symbols cross, their
amplitudes, what the server multiplies with and the noise, it says on the device of their norms, which never leave it; energies
are in units of the noise variance. The base class adds up over gains of 1; each channel says what differs.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import torch

from laser import facts
from laser.device.links import Link, cell_gains, combined, complex_normals, modulus
from laser.device.trace import read_trace
from laser.errors import EXIT_CONFIGURATION, EXIT_DATA, error

RAYLEIGH_MEAN = 0.88622692545275801365  # sqrt(pi) / 2


@dataclasses.dataclass
class GroupLinks:
    """Links of the groups of symbols, on the device."""

    gain: torch.Tensor  # [k, G] or [k, 1]
    active: torch.Tensor  # likewise, bools
    air_noise: torch.Tensor  # [G] or [1]
    heard: torch.Tensor  # [G] or [1], bools


@dataclasses.dataclass
class Scales:
    """How groups of symbols cross the air: amplitudes a_i [k, G], what the server multiplies with [G], the deviation of the noise
    in a decoded symbol [G], whether there is a decoded block [G], and what a worker spends where its symbols do not tell it, as
    where they are bits, [k, G]."""

    amplitude: torch.Tensor
    receive: torch.Tensor
    noise: torch.Tensor
    received: torch.Tensor
    spent: torch.Tensor | None = None

    def energy(self, norms: torch.Tensor) -> torch.Tensor:
        """[k] what the workers spend on symbols of norms [k, G]."""
        return ((self.amplitude * norms).square() if self.spent is None else self.spent).sum(1)


class Groups:
    """Groups that are to cross: norms N_i [k, G], which are roots of sums of |s| where numbers travel as energies, and the
    energies [k, G] that they may cost."""

    def __init__(self, links: GroupLinks, norms: torch.Tensor, energies: torch.Tensor):
        self.links, self.norms, self.energies = links, norms, energies
        self.none = torch.zeros_like(norms[0])
        self.sends = links.active & (norms != 0)
        something = self.sends.any(0)
        powered = (~self.sends | (energies > 0)).all(0)
        self.received = links.heard & ~(something & ~powered)
        self.live = something & self.received
        self.count = links.active.sum(0).clamp(min=1).to(norms.dtype)  # of those that transmit

    @property
    def most(self) -> torch.Tensor:
        """[k, G] the amplitudes that spend the energies, each alone."""
        return self.energies.sqrt() / torch.where(self.sends, self.norms, torch.ones_like(self.norms))

    def least(self, each: torch.Tensor) -> torch.Tensor:
        """[G] of [k, G], over those that have something to send."""
        return torch.where(self.sends, each, torch.full_like(each, math.inf)).amin(0)


class Channel:
    """One channel; settings: of every setting of a round its text."""

    by_norms = False  # whether weights follow from the norms of what is sent
    antennas = 0  # of a receiver that combines several, so that no phase is compensated

    def __init__(self, settings: Mapping[str, str], seed: int, workers: int):
        self.seed, self.workers = seed, workers
        of = facts.traits("channel", settings)
        self.noisy, self.digital, self.as_energies = bool(of["noisy"]), bool(of["digital"]), bool(of["as_energies"])
        self.fades, self.aligned = bool(of["fades"]), bool(of["aligned"])
        self.uses = int(of["uses"])  # real symbols of the air that a number takes
        self.turns = False  # whether its gains turn symbols

    def draw(self, index: int, layer: int, present: torch.Tensor) -> Link:
        """The gains of a round, or of a tensor in it. Raises Error (exit code 4) where a trace has no such round."""
        return Link(torch.ones(self.workers, dtype=torch.float64), present)

    def weights(self, link: Link) -> torch.Tensor:
        """[k] the weights of the workers in what is decoded: receive scale x gain that is met x amplitude, in which the scale
        that all have in common cancels. Not asked where weights follow from norms."""
        return link.active.to(torch.float64) / link.count

    def superpose(self, links: GroupLinks, norms: torch.Tensor, energies: torch.Tensor) -> Scales:
        """Scales of all groups from their norms [k, G] and the energies [k, G] that they may cost (spec 1.2, 1.3, 1.5)."""
        groups = Groups(links, norms, energies)
        scale = self.scale(groups)
        amplitude = torch.where(links.active & groups.live, self.amplitude(groups, scale), torch.zeros_like(norms))
        receive = torch.where(groups.live, self.receive(groups, scale), groups.none)
        return Scales(amplitude, receive, torch.where(groups.live, receive * self.air_noise(links), groups.none), groups.received)

    def scale(self, groups: Groups) -> torch.Tensor:
        """[G] what all workers' amplitudes have in common."""
        return groups.least(groups.most)

    def amplitude(self, groups: Groups, scale: torch.Tensor) -> torch.Tensor:
        """[k, G]."""
        return scale.expand_as(groups.norms)

    def receive(self, groups: Groups, scale: torch.Tensor) -> torch.Tensor:
        """[G] what the server multiplies with."""
        return 1 / (groups.count * scale)

    def air_noise(self, links: GroupLinks) -> torch.Tensor:
        """[G] or [1] the deviation of what the air adds to a symbol."""
        return links.air_noise

    def growth(self, spent: torch.Tensor, may: torch.Tensor, active: torch.Tensor) -> torch.Tensor:
        """By how much all energies can grow before the first worker spends what it may, from what each spends and may [k] and who
        transmits (spec 3.2, S2)."""
        return torch.where(spent > 0, may / spent, torch.full_like(spent, math.inf)).amin(0)

    def budget_use(self, spent: Sequence[float], budgets: Sequence[float]) -> float:
        """The largest part that a worker has spent of its budget."""
        return max((one / budget for one, budget in zip(spent, budgets) if budget > 0 and math.isfinite(budget)), default=0.0)


class Noiseless(Channel):
    def superpose(self, links: GroupLinks, norms: torch.Tensor, energies: torch.Tensor) -> Scales:
        something, none = (links.active & (norms != 0)).any(0), torch.zeros_like(norms[0])
        amplitude = torch.where(links.active & something, torch.ones_like(norms), torch.zeros_like(norms))
        return Scales(amplitude, none, none, links.heard.expand_as(something))

    def budget_use(self, spent: Sequence[float], budgets: Sequence[float]) -> float:
        return 0.0


class SumPower(Channel):
    """One budget for all workers together."""

    def scale(self, groups: Groups) -> torch.Tensor:
        active, norms, energies = groups.links.active, groups.norms, groups.energies
        squares = torch.where(active, norms.square(), torch.zeros_like(norms)).sum(0)
        return (torch.where(active, energies, torch.zeros_like(energies)).sum(0) / squares).sqrt()

    def growth(self, spent: torch.Tensor, may: torch.Tensor, active: torch.Tensor) -> torch.Tensor:
        return torch.where(active, may, torch.zeros_like(may)).sum() / spent.sum()

    def budget_use(self, spent: Sequence[float], budgets: Sequence[float]) -> float:
        return sum(spent) / sum(budgets) if sum(budgets) else 0.0


class Saturating(Channel):
    by_norms = True

    def scale(self, groups: Groups) -> torch.Tensor:
        return torch.where(groups.sends, groups.most, torch.zeros_like(groups.norms))  # of each worker its own

    def receive(self, groups: Groups, scale: torch.Tensor) -> torch.Tensor:
        return 1 / scale.sum(0)


class Rayleigh(Channel):
    """Gains are the moduli of CN(0, 1)."""

    def draw(self, index: int, layer: int, present: torch.Tensor) -> Link:
        return Link(modulus(self.seed, index, layer, self.workers), present)


class Stat(Rayleigh):
    def weights(self, link: Link) -> torch.Tensor:
        return link.active.to(torch.float64) * link.heard_gain / (link.count * RAYLEIGH_MEAN)

    def receive(self, groups: Groups, scale: torch.Tensor) -> torch.Tensor:
        return super().receive(groups, scale) / RAYLEIGH_MEAN


class Reed(Rayleigh):
    """Of energies: receiving divides by their scale, and noise is that of |z|^2 - |z'|^2, z and z' of two real symbols each, where
    nothing is sent. Weights are not asked: loudness is gain squared."""

    def receive(self, groups: Groups, scale: torch.Tensor) -> torch.Tensor:
        return super().receive(groups, scale) / scale

    def air_noise(self, links: GroupLinks) -> torch.Tensor:
        return math.sqrt(8) * links.air_noise.square()


class Estimated(Rayleigh):
    """Gains are known up to an error, of workers that are spread over a cell."""

    def __init__(self, settings: Mapping[str, str], seed: int, workers: int):
        super().__init__(settings, seed, workers)
        self._error = float(settings["channel_error"])
        self.turns = self._error != 0
        exponent, shadowing = (float(settings[name]) for name in ("path_loss_exponent", "shadowing_db"))
        self._cell = cell_gains(seed, workers, exponent, shadowing) if exponent or shadowing else None

    def draw(self, index: int, layer: int, present: torch.Tensor) -> Link:
        link = super().draw(index, layer, present)
        if self._error:  # h = estimate + e with e ~ CN(0, error) independent of it
            link.gain = link.gain * math.sqrt(1 - self._error)
            met = link.gain + complex_normals(self.seed, index, layer, 1, self.workers, self._error)
            link.met, link.phase = met.abs(), met.angle()
        if self._cell is not None:
            link.gain = link.gain * self._cell
            link.met = None if link.met is None else link.met * self._cell
        return link


class Csit(Estimated):
    def weights(self, link: Link) -> torch.Tensor:
        return link.active.to(torch.float64) * link.heard_gain / (link.gain * link.count)

    def scale(self, groups: Groups) -> torch.Tensor:
        return groups.least(groups.most * groups.links.gain)

    def amplitude(self, groups: Groups, scale: torch.Tensor) -> torch.Tensor:
        return scale / groups.links.gain


class CsitTrunc(Csit):
    def __init__(self, settings: Mapping[str, str], seed: int, workers: int):
        super().__init__(settings, seed, workers)
        self._least_gain = float(settings["least_gain"])

    def draw(self, index: int, layer: int, present: torch.Tensor) -> Link:
        link = super().draw(index, layer, present)
        link.active = present & (link.gain >= self._least_gain)
        return link


class KnownSum(Channel):
    """The receiver divides by the sum of the gains that it knows."""

    def weights(self, link: Link) -> torch.Tensor:
        active = link.active.to(torch.float64)
        return active * link.heard_gain / (active * link.gain).sum() if link.heard else active

    def receive(self, groups: Groups, scale: torch.Tensor) -> torch.Tensor:
        gain = groups.links.gain
        return 1 / (scale * torch.where(groups.links.active, gain, torch.zeros_like(gain)).sum(0))


class Csir(KnownSum, Estimated):
    pass


class Trace(KnownSum):
    """Gains of a file. Raises Error (exit codes 3, 4) where it is missing or does not fit."""

    def __init__(self, settings: Mapping[str, str], seed: int, workers: int):
        super().__init__(settings, seed, workers)
        if not settings["gains"]:
            raise error(EXIT_CONFIGURATION, "channel = 'trace' needs the file of its gains. HINT: gains=FILE")
        self._trace = read_trace(settings["gains"])
        self.antennas = self._trace.antennas
        if self._trace.workers != workers:
            raise error(EXIT_DATA, f"{self._trace.name} has the gains of {self._trace.workers} workers, and the run has {workers}. "
                        f"HINT: workers={self._trace.workers}, or another trace")
        if self.antennas and (float(settings["phase_error"]) or float(settings["timing_error"])):
            raise error(EXIT_CONFIGURATION, f"{self._trace.name} has antennas, whose phases nobody compensates: no error is left of "
                        "them. HINT: without phase_error and timing_error")
        self.aligned = self.aligned and not self.antennas

    def draw(self, index: int, layer: int, present: torch.Tensor) -> Link:
        trace = self._trace
        if index >= trace.rounds:
            raise error(EXIT_DATA, f"{trace.name} has the gains of {trace.rounds} rounds, and the run needs {index + 1}. HINT: a longer "
                        "trace, or fewer epochs")
        row = trace.gains[index]  # [k, antennas]
        size = row.abs().sum(1)
        active = present & (size != 0)
        if not self.antennas:
            return Link(size, active)
        link = combined(row.unbind(1), active)
        if link.air_noise == 0:  # they cancel each other: there is no pilot to go by
            link.active = torch.zeros_like(active)
        return link


class BlindMimo(Channel):
    def __init__(self, settings: Mapping[str, str], seed: int, workers: int):
        super().__init__(settings, seed, workers)
        self.antennas = int(settings["antennas"])

    def draw(self, index: int, layer: int, present: torch.Tensor) -> Link:
        return combined([complex_normals(self.seed, index, layer, antenna, self.workers) for antenna in range(self.antennas)], present)

    def weights(self, link: Link) -> torch.Tensor:
        return link.active.to(torch.float64) * link.heard_gain / (self.antennas * link.count)

    def receive(self, groups: Groups, scale: torch.Tensor) -> torch.Tensor:
        return super().receive(groups, scale) / self.antennas


class Digital(Channel):
    def __init__(self, settings: Mapping[str, str], seed: int, workers: int):
        super().__init__(settings, seed, workers)
        self._together = settings["access"] == "sum_capacity"

    def draw(self, index: int, layer: int, present: torch.Tensor) -> Link:
        return Link(torch.ones(self.workers, dtype=torch.float64), present, 0.0)

    def superpose(self, links: GroupLinks, norms: torch.Tensor, energies: torch.Tensor) -> Scales:
        groups = Groups(links, norms, energies)
        sent = (links.active & groups.live).expand_as(norms)
        return Scales(sent.to(norms.dtype), torch.where(groups.live, 1 / groups.count, groups.none), groups.none, groups.received,
                      torch.where(sent, energies, torch.zeros_like(energies)))

    def bits(self, link: Link, symbols: float, energies: list[float]) -> list[float]:
        """[k] bits that each worker gets across in `symbols` uses that all have together, each with its energy (spec 1.5); 0 for
        those that do not send."""
        active = link.active.tolist()
        turns = sum(active)
        total = sum(energy for energy, sends in zip(energies, active) if sends)
        found = []
        for energy, sends in zip(energies, active):
            whole = total if self._together else turns * energy
            found.append(symbols / (2 * turns) * math.log1p(whole / symbols) / math.log(2.0) if sends else 0.0)
        return found


CHANNELS: dict[str, type[Channel]] = {"awgn": Channel, "noiseless": Noiseless, "csit": Csit, "csit_trunc": CsitTrunc, "csir": Csir,
                                      "stat": Stat, "blind_mimo": BlindMimo, "reed": Reed, "sum_power": SumPower,
                                      "saturating": Saturating, "trace": Trace, "digital": Digital}


def superpose_with_losses(channel: Channel, heard: GroupLinks, sent: GroupLinks | None, norms: torch.Tensor,
                          energies: torch.Tensor) -> Scales:
    """Scales where messages are lost: all choose their amplitudes before anyone knows whose, and the server scales by those that
    it heard."""
    scales = channel.superpose(heard, norms, energies)
    if sent is None:
        return scales
    before = channel.superpose(sent, norms, energies)
    both = (scales.amplitude > 0) & (before.amplitude > 0)
    ratio = torch.where(both, scales.amplitude / before.amplitude, torch.zeros_like(norms)).amax(0)
    larger = torch.where(ratio > 0, ratio, torch.ones_like(ratio))
    if channel.as_energies:
        larger = larger.square()
    return Scales(before.amplitude, scales.receive * larger, scales.noise * larger, scales.received, before.spent)
