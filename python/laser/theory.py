"""The paper's formulas: channel influence factors and data volumes. m x n is the matrix, r the rank, ``power`` the energy
per worker and round in units of the noise variance."""

from __future__ import annotations

from collections.abc import Mapping

from laser.native import core

signal_to_noise = core.signal_to_noise
influence_uncompressed = core.influence_uncompressed
influence_one_shot_bound = core.influence_one_shot_bound
influence_bound_ratio = core.influence_bound_ratio
influence_two_phase = core.influence_two_phase
influence_alternating_even = core.influence_alternating_even
influence_alternating_odd = core.influence_alternating_odd
influence_random_k = core.influence_random_k
influence_workers = core.influence_workers
influence_workers_equal = core.influence_workers_equal
influence_workers_orthogonal = core.influence_workers_orthogonal
influence_downlink = core.influence_downlink
influence_total = core.influence_total
factor_influence_bound = core.factor_influence_bound
rank_influence_bound = core.rank_influence_bound


def data_volume(shapes: Mapping[str, tuple[int, ...]], scheme: str, rank: int = 4,
                compression_factor: float = 0.2) -> dict:
    """What one worker sends per round: symbols, bytes, and how many times less than the gradient. ``scheme`` is one of
    zsgd, signum, randomk, sketch, adsgd, laser_two_phase, laser_one_shot, laser_alt_even, laser_alt_odd."""
    return core.data_volume([(name, list(shape)) for name, shape in shapes.items()], scheme, rank, compression_factor)
