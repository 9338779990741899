"""The channels: how scaled symbols of k workers become one received block, y = sum h_i x_i + Z."""

from __future__ import annotations

from typing import Any

from laser import reading
from laser.native import EXIT_CONFIGURATION, core, error


def names() -> dict[str, str]:
    """Every channel with a sentence.

    >>> laser.channels.names()["awgn"]
    "noisy multiple-access channel y = sum x_i + Z (the paper's)"
    """
    return {name: sentence for role, name, sentence, _ in core.part_rows() if role == "channel"}


def superpose(channel: str, norms: list[float], energy: float, seed: int = 1, round: int = 0) -> dict[str, Any]:
    """The scales of one block by name: what every worker multiplies its symbols with (``amplitude``), the gains of the air
    (``gain``), what the server multiplies with (``receive_scale``), the noise of a decoded symbol (``noise_std``), and
    whether anything was ``received``; amplitude and gain are [k] (spec 1.2, 1.3). ``norms`` [k] are the workers' norms of the
    block, ``energy`` the most that any of them spends on it. Raises Error (configuration) for another channel.

    channel: a name of ``laser.channels.names()``.
    norms: [k] of the workers' symbols in the block, 0 or more.
    energy: the most that a worker spends on the block, above 0, in units of the noise variance.
    seed: of the gains, 0 to 2^64 - 1; 1 by default.
    round: whose gains are drawn, from 0.

    >>> scales = laser.channels.superpose("awgn", norms=[1.0, 2.0], energy=16.0)
    >>> scales["amplitude"], scales["receive_scale"], scales["noise_std"]
    ([2.0, 2.0], 0.25, 0.25)
    """
    listed = reading.numbers_of("norms", norms, 0.0)
    if not listed:
        raise error(EXIT_CONFIGURATION, "norms has no worker. HINT: norms=[1.0, 2.0], one a worker")
    return core.superpose(channel, listed, reading.check_positive("energy", energy), reading.check_seed(seed),
                          reading.check_whole("round", round, 0))
