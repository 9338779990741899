"""The channels: how scaled symbols of k workers become one received block, y = sum h_i x_i + Z."""

from __future__ import annotations

from typing import Any

from laser.native import core


def names() -> dict[str, str]:
    """Every channel with a sentence."""
    return {name: sentence for role, name, sentence, _ in core.part_rows() if role == "channel"}


def superpose(channel: str, norms: list[float], energy: float, seed: int = 1, round: int = 0) -> dict[str, Any]:
    """Scales of one block: what every worker multiplies its symbols with (``amplitude``), the gains of the air
    (``gain``), what the server multiplies with (``receive_scale``), the noise of a decoded symbol (``noise_std``), and
    whether anything was ``received``; amplitude and gain are [k] (spec 1.2, 1.3). ``norms`` [k] are the workers' norms of the
    block, ``energy`` the most that any of them spends on it. Raises Error (configuration) for another channel."""
    return core.superpose(channel, list(map(float, norms)), energy, seed, round)
