"""Power over time, over tensors, and between the factors of a matrix. Energies are in units of the noise variance."""

from __future__ import annotations

from laser.native import core


def schedule(policy: str, periods: int, average: float, custom: list[float] | None = None, exponent: float = 0.8) -> list[float]:
    """Budgets of all periods with mean ``average``: constant, linear_up, linear_down, step_up, step_down,
    power_law (in proportion to (t + 1)^exponent) or custom."""
    return core.power_schedule(policy, periods, average, custom or [], exponent)


def shares(allocation: str, raw_norms: list[list[float]], sent_norms: list[list[float]],
           symbols: list[int]) -> list[list[float]]:
    """How each worker divides its budget over the blocks, [k][blocks]; the norms are [k][blocks] too."""
    flat = core.block_shares(allocation, [n for row in raw_norms for n in row], [n for row in sent_norms for n in row],
                             list(symbols))
    width = len(symbols)
    return [flat[i : i + width] for i in range(0, len(flat), width)]


def split_between_factors(m: int, n: int, energy: float) -> dict:
    """The best split of one rank-one term between its two columns (Lemma 7), with the influence that results."""
    return core.split_between_factors(m, n, energy)


def split_over_ranks(m: int, n: int, energy: float, kappa: list[float], optimal: bool = False) -> dict:
    """Over rank-one terms of energies ``kappa`` (Lemma 8, or the exact optimum), then between their columns."""
    return core.split_over_ranks(m, n, energy, list(map(float, kappa)), optimal)
