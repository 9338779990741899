"""Budgets of a round as tensors: the table of the allocations, and how a tensor's energy is split, on the device of the norms.

What is said here is said in src/laser/power for plain numbers; energies are in units of the noise variance.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import torch

_SECTIONS, _SEARCHES, _INVERSE_STEPS, _MEAN_LOG_SLOPE = 32, 11, 24, 2.5  # 32^-11 of the bracket is its last bit


@dataclasses.dataclass
class Known:
    """What allocations go by: norms of messages and of what is sent [k, B], numbers of symbols [B] and the rounds that they are
    held [B]."""

    raw: torch.Tensor
    sent: torch.Tensor
    symbols: torch.Tensor
    held: torch.Tensor


@dataclasses.dataclass(frozen=True)
class Allocation:
    """What a worker's shares of its budget are proportional to (spec 3.2)."""

    of: Callable[[Known], torch.Tensor]  # [B] or [k, B]
    squared: bool = False
    by_dimension: bool = False  # times the root of the numbers that are sent until they are sent again
    by_messages: bool = False  # asks for their norms

    def shares(self, known: Known) -> torch.Tensor:
        """[k, B] of every worker over the blocks."""
        share = self.of(known).expand_as(known.sent)
        largest = share.amax(1, keepdim=True)
        share = torch.where(largest > 0, share / largest, share)
        if self.squared:
            share = share.square()
        if self.by_dimension:
            share = share * (known.symbols * known.held).sqrt()
        total = share.sum(1, keepdim=True)
        return torch.where(total > 0, share / total, torch.full_like(share, 1 / share.shape[1]))


def _alike(known: Known) -> torch.Tensor:
    return torch.ones_like(known.symbols)


def _raw(known: Known) -> torch.Tensor:
    return known.raw


def _sent(known: Known) -> torch.Tensor:
    return known.sent


def _symbols(known: Known) -> torch.Tensor:
    return known.symbols


def _root_of_symbols(known: Known) -> torch.Tensor:
    return known.symbols.sqrt()


ALLOCATIONS: dict[str, Allocation] = {
    "uniform": Allocation(_alike), "norm": Allocation(_raw, by_messages=True), "norm2": Allocation(_raw, squared=True, by_messages=True),
    "comp_norm": Allocation(_sent), "comp_norm2": Allocation(_sent, squared=True), "sqrt_dim": Allocation(_root_of_symbols),
    "param": Allocation(_symbols), "param2": Allocation(_symbols, squared=True), "norm_dim": Allocation(_sent, by_dimension=True)}


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
