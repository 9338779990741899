"""Budgets and scales of a round as tensors: allocation, factor split and channels, on the device of the norms.

What is said here is said in src/laser/power and src/laser/channel for plain numbers; energies are in units of the noise
variance. Gains are drawn on the host (device_links); norms and energies never leave the device.
"""

from __future__ import annotations

import dataclasses
import math

import torch

RAYLEIGH_MEAN = 0.88622692545275801365  # sqrt(pi) / 2
FADES = ("csit", "csit_trunc", "csir", "stat", "blind_mimo", "reed")  # channels with a draw of gains a round or a tensor
_SECTIONS, _SEARCHES, _INVERSE_STEPS, _MEAN_LOG_SLOPE = 32, 11, 24, 2.5  # 32^-11 of the bracket is its last bit

ALLOCATIONS = ("uniform", "norm", "norm2", "comp_norm", "comp_norm2", "sqrt_dim", "param", "param2", "norm_dim")


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


@dataclasses.dataclass
class GroupLinks:
    """Links of the groups of symbols, on the device."""

    gain: torch.Tensor  # [k, G] or [k, 1]
    active: torch.Tensor  # likewise, bools
    air_noise: torch.Tensor  # [G] or [1]
    heard: torch.Tensor  # [G] or [1], bools


def superpose(channel: str, links: GroupLinks, norms: torch.Tensor, energies: torch.Tensor, antennas: int) -> Scales:
    """Scales of all groups from the norms N_i [k, G], which are roots of sums of |s| where numbers travel as energies, and the
    energies [k, G] that they may cost (spec 1.2, 1.3, 1.5)."""
    active, gain = links.active, links.gain
    sends = active & (norms != 0)
    something = sends.any(0)
    none = torch.zeros_like(norms[0])
    if channel == "noiseless":
        amplitude = torch.where(active & something, torch.ones_like(norms), torch.zeros_like(norms))
        return Scales(amplitude, none, none, links.heard.expand_as(something))
    powered = (~sends | (energies > 0)).all(0)
    received = links.heard & ~(something & ~powered)
    live = something & received
    count = active.sum(0).clamp(min=1).to(norms.dtype)
    if channel == "digital":
        sent = (active & live).expand_as(norms)
        return Scales(sent.to(norms.dtype), torch.where(live, 1 / count, none), none, received,
                      torch.where(sent, energies, torch.zeros_like(energies)))
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
        if channel in ("csir", "trace"):
            receive = 1 / (scale * torch.where(active, gain, torch.zeros_like(gain)).sum(0))
        elif channel == "stat":
            receive = receive / RAYLEIGH_MEAN
        elif channel == "blind_mimo":
            receive = receive / antennas
        elif channel == "reed":
            receive = receive / scale
    receive = torch.where(live, receive, none)
    # Of energies: that of |z|^2 - |z'|^2, z and z' of two real symbols each, where nothing is sent.
    noise = math.sqrt(8) * links.air_noise.square() if channel == "reed" else links.air_noise
    return Scales(amplitude, receive, torch.where(live, receive * noise, none), received)


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
    if channel == "reed":
        larger = larger.square()
    return Scales(before.amplitude, scales.receive * larger, scales.noise * larger, scales.received, before.spent)


# -- budgets ----------------------------------------------------------------------------------------------------------


def block_shares(allocation: str, raw: torch.Tensor, sent: torch.Tensor, symbols: torch.Tensor, held: torch.Tensor) -> torch.Tensor:
    """Shares [k, B] of every worker's budget over the blocks (spec 3.2), from the norms of messages and of what is sent
    [k, B], the numbers of symbols [B] and the rounds that they are held [B]."""
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
        share = share * (symbols * held).sqrt()
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
