"""Power over time, over tensors, and between the factors of a matrix. Energies are in units of the noise variance."""

from __future__ import annotations

from typing import Any

from laser import reading
from laser.native import EXIT_CONFIGURATION, core, error, next_step


def schedule(policy: str, periods: int, average: float, custom: list[float] | None = None, exponent: float = 0.8) -> list[float]:
    """Budgets [periods] with mean ``average`` (spec 3.1; [LASER, Section 4.2]): constant, linear_up, linear_down, step_up, step_down,
    power_law (in proportion to (t + 1)^exponent) or custom, with relative sizes [periods]. Raises Error (configuration) for another
    policy and for sizes that do not fit.

    policy: one of the names above.
    periods: how many budgets, 1 or more.
    average: their mean, energy a worker and round, above 0.
    custom: relative sizes [periods] for the policy "custom"; None for the others.
    exponent: of "power_law", 0.8 by default.

    >>> laser.power.schedule("custom", 4, 100.0, custom=[1, 1, 2, 4])
    [50.0, 50.0, 100.0, 200.0]
    """
    with next_step("help(laser.power.schedule) has the policies and what each needs"):
        return core.power_schedule(policy, reading.check_whole("periods", periods, 1), reading.check_positive("average", average),
                                   reading.numbers_of("custom", custom or []), reading.check_positive("exponent", exponent))


def shares(allocation: str, raw_norms: list[list[float]], sent_norms: list[list[float]],
           symbols: list[int]) -> list[list[float]]:
    """How each worker divides its budget over the blocks, [k][blocks], each row adding up to 1 (spec 3.2); the norms of messages and of
    what is sent of them are [k][blocks] too, ``symbols`` [blocks]. Raises Error (configuration) for another allocation or shapes that
    do not fit.

    allocation: a value of the setting ``allocation``.
    raw_norms: [k][blocks] of the messages, 0 or more.
    sent_norms: [k][blocks] of what is sent of them, 0 or more.
    symbols: [blocks] channel uses of each block.

    >>> laser.power.shares("comp_norm", raw_norms=[[4.0, 1.0]], sent_norms=[[3.0, 1.0]], symbols=[100, 10])
    [[0.75, 0.25]]
    """
    raw_norms, sent_norms = ([reading.numbers_of(name, row, 0.0) for row in rows] for name, rows in (("raw_norms", raw_norms),
                                                                                                     ("sent_norms", sent_norms)))
    told = [len(raw_norms), *map(len, raw_norms), *map(len, sent_norms)]
    if told != [len(sent_norms), *[len(symbols)] * (2 * len(raw_norms))]:
        raise error(EXIT_CONFIGURATION, f"the norms are not those of as many workers, each with {len(symbols)} blocks. HINT: [k][blocks], and "
                    "a number of symbols for each block")
    with next_step("laser.settings()['allocation'] lists the allocations"):
        flat = core.block_shares(allocation, [n for row in raw_norms for n in row], [n for row in sent_norms for n in row],
                                 [reading.check_whole("symbols", one, 1) for one in symbols])
    width = len(symbols)
    return [flat[i : i + width] for i in range(0, len(flat), width)]


def split_between_factors(m: int, n: int, energy: float) -> dict[str, float]:
    """The best split of the energy of a rank-one term [m, n] between its two columns (Lemma 7; spec 3.3): ``left_energy`` and
    ``right_energy``, which add up to ``energy``, ``amplification``, and ``influence``, the lambda that results. Raises
    Error (configuration) unless sizes are at least 1 and the energy is above 0.

    m, n: rows and columns.
    energy: P of the term, above 0.

    >>> split = laser.power.split_between_factors(64, 64, energy=100.0)
    >>> split["left_energy"], split["right_energy"], round(split["influence"], 4)
    (50.0, 50.0, 4.1984)
    """
    return core.split_between_factors(*_sizes(m, n), reading.check_positive("energy", energy))


def split_over_ranks(m: int, n: int, energy: float, kappa: list[float], optimal: bool = False) -> dict[str, Any]:
    """Divides an energy over rank-one terms of energies ``kappa`` [r] (Lemma 8, or the exact optimum; spec 3.4), then between their
    columns; returns the lists ``energies``, ``left_energies`` and ``right_energies`` [r], and ``influence``. Raises Error (configuration) as
    ``split_between_factors``.

    m, n: rows and columns.
    energy: P of all terms together, above 0.
    kappa: [r] energies of the terms, 0 or more, 1 to min(m, n) of them.
    optimal: True: the exact optimum in place of Lemma 8's split; False by default.

    >>> split = laser.power.split_over_ranks(64, 64, energy=100.0, kappa=[9.0, 1.0])
    >>> split["energies"]
    [75.0, 25.0]
    """
    with next_step("kappa=[9.0, 1.0], an energy for each of 1 to min(m, n) terms"):
        return core.split_over_ranks(*_sizes(m, n), reading.check_positive("energy", energy), reading.numbers_of("kappa", kappa, 0.0),
                                     reading.check_flag("optimal", optimal))


def _sizes(m: int, n: int) -> tuple[int, int]:
    return reading.check_whole("m", m, 1), reading.check_whole("n", n, 1)
