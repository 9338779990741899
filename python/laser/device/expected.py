"""Norms that are expected of symbols before a round begins, by torch's own operations: src/laser/aggregate/expected_norms.hpp says it
(spec 1.2; COTAF, arXiv 2009.12787)."""

from __future__ import annotations

import torch

_KEPT = 0.9  # of a mean square when another round is added to it


def expected_norms(squares: torch.Tensor | None, groups: int, like: torch.Tensor) -> torch.Tensor:
    """[G] to scale groups by, for all workers alike: roots of the largest mean squares [k, G] so far, 0 where nothing is known."""
    if squares is None or squares.shape[1] != groups:
        return torch.zeros(groups, dtype=like.dtype, device=like.device)
    return squares.amax(0).sqrt()


def mean_squares(squares: torch.Tensor | None, norms: torch.Tensor, active: torch.Tensor) -> torch.Tensor:
    """[k, G] with this round's norms in them: u <- 0.9 u + 0.1 norm^2 of those that are `active` [k], from the first square on."""
    before = torch.zeros_like(norms) if squares is None or squares.shape != norms.shape else squares
    now = norms.square()
    with_now = torch.where(before > 0, _KEPT * before + (1 - _KEPT) * now, now)
    return torch.where(active.unsqueeze(1), with_now, before)
