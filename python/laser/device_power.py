"""Budgets and scales of a round as tensors: allocation, factor split and channels, on the device of the norms.

What is said here is said in src/laser/power and src/laser/channel for plain numbers; energies are in units of the noise
variance. Gains are drawn on the host, where both ends know them from the stream; norms and energies never leave the device.
"""

from __future__ import annotations

import dataclasses
import math

import torch

from laser import device_random as random

RAYLEIGH_MEAN = 0.88622692545275801365  # sqrt(pi) / 2
PRESENCE_LAYER = 2**24 - 1
_SECTIONS, _SEARCHES, _INVERSE_STEPS, _MEAN_LOG_SLOPE = 32, 11, 24, 2.5  # 32^-11 of the bracket is its last bit

FADES = ("csit", "csit_trunc", "csir", "stat", "blind_mimo", "reed")  # channels with a draw of gains a round or a tensor


# -- links ------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Link:
    """One draw of a channel, on the host: gains h_i [k] behind the receiver's combining, who transmits [k], and the
    deviation of what the air adds."""

    gain: torch.Tensor
    active: torch.Tensor
    air_noise: float = 1.0

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


def draw_link(channel: str, seed: int, round_number: int, layer: int, present: torch.Tensor, least_gain: float,
              antennas: int) -> Link:
    """The gains of a round, or of a tensor in it (spec 1.3)."""
    workers = len(present)
    if channel == "blind_mimo":
        gain, pilots = torch.zeros(workers, dtype=torch.float64), 0.0
        for antenna in range(antennas):
            drawn = random.uniforms(seed, round_number, (random.FADING, layer, antenna, 2 * workers)).view(-1, 2)
            own = torch.polar((-drawn[:, 0].log()).sqrt(), 2 * math.pi * drawn[:, 1])
            pilot = own[present].sum()
            pilots += float(pilot.abs().square())
            gain += (pilot.conj() * own).real
        return Link(gain, present, math.sqrt(pilots))
    if channel in ("csit", "csit_trunc", "csir", "stat"):
        gain = (-random.uniforms(seed, round_number, (random.FADING, layer, 0, workers)).log()).sqrt()
        return Link(gain, present & (gain >= least_gain) if channel == "csit_trunc" else present)
    return Link(torch.ones(workers, dtype=torch.float64), present)


def weights(channel: str, link: Link, antennas: int) -> torch.Tensor | None:
    """[k] the weights of the workers in what is decoded, on the host: receive scale x h_i x a_i, in which the common scale
    cancels. None for `saturating`, where they follow from norms."""
    active = link.active.to(torch.float64)
    count = max(float(active.sum()), 1.0)
    if channel == "saturating":
        return None
    if channel == "csir":
        heard = active * link.gain
        return heard / heard.sum() if link.heard else heard
    if channel == "stat":
        return active * link.gain / (count * RAYLEIGH_MEAN)
    if channel == "blind_mimo":
        return active * link.gain / (antennas * count)
    return active / count


@dataclasses.dataclass
class Scales:
    """How groups of symbols cross the air: amplitudes a_i [k, G], the deviation of the noise in a decoded symbol [G], and
    whether there is a decoded block [G]."""

    amplitude: torch.Tensor
    noise: torch.Tensor
    received: torch.Tensor


@dataclasses.dataclass
class GroupLinks:
    """Links of the groups of symbols, on the device."""

    gain: torch.Tensor  # [k, G] or [k, 1]
    active: torch.Tensor  # likewise, bools
    air_noise: torch.Tensor  # [G] or [1]
    heard: torch.Tensor  # [G] or [1], bools


def superpose(channel: str, links: GroupLinks, norms: torch.Tensor, energies: torch.Tensor, antennas: int) -> Scales:
    """Scales of all groups from the norms N_i [k, G] and the energies [k, G] that they may cost (spec 1.2, 1.3)."""
    active, gain = links.active, links.gain
    sends = active & (norms != 0)
    something = sends.any(0)
    if channel == "noiseless":
        amplitude = torch.where(active & something, torch.ones_like(norms), torch.zeros_like(norms))
        return Scales(amplitude, torch.zeros_like(norms[0]), links.heard.expand_as(something))
    powered = (~sends | (energies > 0)).all(0)
    received = links.heard & ~(something & ~powered)
    live = something & received
    count = active.sum(0).clamp(min=1).to(norms.dtype)
    safe = torch.where(sends, norms, torch.ones_like(norms))
    most = energies.sqrt() / safe
    if channel == "saturating":
        amplitude = torch.where(sends & live, most, torch.zeros_like(most))
        receive = 1 / amplitude.sum(0)
    else:
        if channel == "sum_power":
            squares = torch.where(active, norms.square(), torch.zeros_like(norms)).sum(0)
            scale = (torch.where(active, energies, torch.zeros_like(energies)).sum(0) / squares).sqrt()
        else:
            if channel in ("csit", "csit_trunc"):
                most = most * gain
            scale = torch.where(sends, most, torch.full_like(most, math.inf)).amin(0)
        amplitude = scale / gain if channel in ("csit", "csit_trunc") else scale.expand_as(norms)
        amplitude = torch.where(active & live, amplitude, torch.zeros_like(amplitude))
        receive = 1 / (count * scale)
        if channel == "csir":
            receive = 1 / (scale * torch.where(active, gain, torch.zeros_like(gain)).sum(0))
        elif channel == "stat":
            receive = receive / RAYLEIGH_MEAN
        elif channel == "blind_mimo":
            receive = receive / antennas
    noise = torch.where(live, receive * links.air_noise, torch.zeros_like(receive))
    return Scales(amplitude, noise, received)


def superpose_with_losses(channel: str, heard: GroupLinks, sent: GroupLinks | None, norms: torch.Tensor,
                          energies: torch.Tensor, antennas: int) -> Scales:
    """As above where messages are lost: all choose their amplitudes before anyone knows whose, and the server scales by
    those that it heard."""
    scales = superpose(channel, heard, norms, energies, antennas)
    if sent is None:
        return scales
    before = superpose(channel, sent, norms, energies, antennas)
    both = (scales.amplitude > 0) & (before.amplitude > 0)
    ratio = torch.where(both, scales.amplitude / before.amplitude, torch.zeros_like(norms)).amax(0)
    larger = torch.where(ratio > 0, ratio, torch.ones_like(ratio))
    return Scales(before.amplitude, scales.noise * larger, scales.received)


# -- budgets ----------------------------------------------------------------------------------------------------------


def block_shares(allocation: str, raw: torch.Tensor, sent: torch.Tensor, symbols: torch.Tensor) -> torch.Tensor:
    """Shares [k, B] of every worker's budget over the blocks (spec 3.2), from the norms of messages and of what is sent
    [k, B] and the numbers of symbols [B]."""
    if allocation in ("norm", "norm2"):
        share = raw
    elif allocation in ("comp_norm", "comp_norm2", "norm_dim"):
        share = sent
    else:
        one = {"uniform": torch.ones_like(symbols), "sqrt_dim": symbols.sqrt()}.get(allocation, symbols)
        share = one.expand_as(sent)
    largest = share.amax(1, keepdim=True)
    share = torch.where(largest > 0, share / largest, share)
    if allocation.endswith("2"):
        share = share.square()
    if allocation == "norm_dim":
        share = share * symbols.sqrt()
    total = share.sum(1, keepdim=True)
    return torch.where(total > 0, share / total, torch.full_like(share, 1 / share.shape[1]))


def split_by_norm(energies: torch.Tensor, norms: torch.Tensor, members: torch.Tensor, block: torch.Tensor) -> torch.Tensor:
    """Energies [G] of groups: every worker divides its energy for a block ([k, B]) over the block's groups in proportion to
    their norms [k, G], and the server averages. `members` [G, B] is 1 where a group belongs to a block, `block` [G] says
    to which."""
    total = norms @ members
    even = (1 / members.sum(0)).expand_as(total)
    share = torch.where(total[:, block] > 0, norms / total[:, block], even[:, block])
    return (energies[:, block] * share).mean(0)


def _between_factors(m: int, n: int, energy: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Lemma 7: the energies of a rank-one term's two columns."""
    left, right = (1 + energy / m).sqrt(), (1 + energy / n).sqrt()
    return energy * (right / (left + right)), energy * (left / (left + right))


def _log_gain(m: int, n: int, energy: torch.Tensor) -> torch.Tensor:
    left, right = _between_factors(m, n, energy)
    return torch.log1p(m / left) + math.log(n) - 2 * right.log()


def split_factor_pair(energies: torch.Tensor, norms: torch.Tensor, m: int, n: int, optimal: bool) -> torch.Tensor:
    """Energies [2 r] of the columns of P and of Q: every worker's energy [k] over the rank-one terms (Lemma 8, or the least
    noise), then between their columns (Lemma 7), averaged; norms [k, 2 r]."""
    rank = norms.shape[1] // 2
    root = norms[:, :rank] * norms[:, rank:]  # sqrt(kappa)
    largest = root.amax(1, keepdim=True)
    some = (largest > 0) & (energies > 0).unsqueeze(1)
    root = torch.where(some, root / torch.where(some, largest, torch.ones_like(largest)), torch.ones_like(root))
    energy = torch.where(some, energies.unsqueeze(1), torch.ones_like(largest))
    own = energy * root / root.sum(1, keepdim=True)
    if optimal:
        own = _optimal_energies(m, n, energy, root.square(), own)
    zero = own == 0
    left, right = _between_factors(m, n, torch.where(zero, torch.ones_like(own), own))
    keep = some & ~zero
    both = torch.cat((torch.where(keep, left, torch.zeros_like(left)), torch.where(keep, right, torch.zeros_like(right))), 1)
    return both.mean(0)


def _optimal_energies(m: int, n: int, energy: torch.Tensor, kappa: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
    """Of the multiplier at which all kappa_j (-f*'(P_j)) agree (spec 3.4): a search of fixed length that tries many
    multipliers at once, each by a damped fixed point in log P."""
    used = kappa > 0
    log_kappa = torch.where(used, kappa, torch.ones_like(kappa)).log()
    top = kappa.log().amax(1, keepdim=True)
    low = top + _log_gain(m, n, energy)  # [k, 1]; here the energies add up to too much, at `high` to too little
    high = top + _log_gain(m, n, energy / kappa.shape[1])
    steps = torch.arange(1, _SECTIONS, device=kappa.device, dtype=kappa.dtype).view(-1, 1, 1) / _SECTIONS
    log_energy = torch.where(used, first, torch.ones_like(first)).log().expand(_SECTIONS - 1, -1, -1)
    for _ in range(_SEARCHES):
        tried = low + (high - low) * steps  # [S, k, 1], ascending
        for _ in range(_INVERSE_STEPS):
            log_energy = log_energy + (log_kappa + _log_gain(m, n, log_energy.exp()) - tried) / _MEAN_LOG_SLOPE
        total = torch.where(used, log_energy.exp(), torch.zeros_like(log_energy)).sum(2, keepdim=True)
        above = total > energy
        low = torch.maximum(low, torch.where(above, tried, low).amax(0))
        high = torch.minimum(high, torch.where(above, high, tried).amin(0))
    found = log_energy[(_SECTIONS - 1) // 2]
    result = torch.where(used, found.exp(), torch.zeros_like(kappa))
    return energy * result / result.sum(1, keepdim=True)
