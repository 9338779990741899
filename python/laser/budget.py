"""The budget of a round as it may be given, a number, decibels or the SNR of a symbol, and whether training can learn from what arrives
at it. Words and messages are those of the command."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from laser import parts
from laser.native import EXIT_CONFIGURATION, core, error, is_flag, pairs

MOST_DECIBELS = 200
_ROUNDING = 1e-9  # as far apart may power and snr_db be that say the same
# Where both are above this a run is told that it can hardly learn: of lambda, and of lambda times lag. The MLP of docs/pytorch.md ended
# at 91 % at P = 100 (1.4 and 77) and at 22 % at P = 30 (4.7 and 257).
LARGE_INFLUENCE = 3.0
LARGE_NOISE = 200.0
# Channels that add up what all workers send, with weights that are equal and amplitudes that are known: there lambda is D / (P k^2) at its
# least. No trait of a channel tells that: "saturating" and "csir" have the traits of these, and other weights.
_EQUAL_WEIGHTS = ("awgn", "csit", "sum_power")


def plain_power(power: Any) -> Any:
    """Decibels, "10dB", as a number, 10; all else as it is. Raises Error where it is none."""
    if not isinstance(power, str) or not power.lower().endswith("db"):
        return power
    text = power[:-2].rstrip(" ").removeprefix("+")
    try:
        ratio = 10 ** (float(text) / 10) if text.strip() == text and text[:1] != "+" and "_" not in text else math.nan
    except (ValueError, OverflowError):
        ratio = math.nan
    if not math.isfinite(ratio):
        raise error(EXIT_CONFIGURATION, f"power = '{power}' is not a number of decibels. HINT: power=10dB, which is 10")
    return ratio


def check_ratio(snr_db: Any) -> float:
    """Decibels of signal over noise in a symbol, -200 to 200."""
    try:
        ratio = math.nan if is_flag(snr_db) or isinstance(snr_db, (bytes, bytearray)) else float(snr_db)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        ratio = math.nan
    if math.isnan(ratio):
        raise error(EXIT_CONFIGURATION, f"snr_db = '{snr_db}' is not a number")
    if not -MOST_DECIBELS <= ratio <= MOST_DECIBELS:
        raise error(EXIT_CONFIGURATION, f"snr_db = {snr_db} is out of range: it must be at least -{MOST_DECIBELS}, at most {MOST_DECIBELS}")
    return ratio


def power_at(snr_db: Any, power: Any, shapes: Sequence[tuple[str, Sequence[int]]], settings: dict[str, Any], own: dict[str, Any]) -> float:
    """P that gives the symbols of a round, D on average, the ratio ``snr_db`` (decibels): D x 10^(snr_db / 10). ``power`` may say the
    same, and nothing else; ``own`` are parts of one's own."""
    ratio = check_ratio(snr_db)
    if "compressor" in own:
        raise error(EXIT_CONFIGURATION, "snr_db needs to know how many symbols are sent, which a compressor of your own "
                    "tells in its rounds only. HINT: power = 10 ** (snr_db / 10) * symbols")
    implied = 10 ** (ratio / 10) * core.symbols_a_round([(name, list(shape)) for name, shape in shapes], pairs(settings))
    power = plain_power(power)
    agrees = isinstance(power, (int, float)) and not is_flag(power) and abs(power - implied) <= _ROUNDING * implied
    if power is not None and not agrees:
        said = f"{power:g}" if isinstance(power, (int, float)) else "a function" if callable(power) else "a shared budget"
        raise error(EXIT_CONFIGURATION, f"power = {said} and snr_db = {snr_db} are both given, and contradict each other: method = "
                    f"{settings.get('method', 'laser')} has power = {implied:g} at that ratio. HINT: leave one of them out, or "
                    "snr_db= takes it back")
    return float(implied)


def ratio_of(power: float, symbols: float) -> float | None:
    """Decibels of P / D; None where nothing is sent."""
    return 10 * math.log10(power / symbols) if power > 0 and symbols > 0 and math.isfinite(power) else None


def doubt(power: float, shapes: Sequence[tuple[str, Sequence[int]]], settings: dict[str, Any], workers: int) -> str | None:
    """A sentence where noise leaves little to learn from, or None.

    A round sends D symbols for each worker: at its least, where all gradients are equal, lambda is D / (P k^2) (spec 6). The memory
    keeps a gradient for `lag` rounds (spec 5.3), so that what is sent of it, and the noise in proportion to that, may have `lag` times
    its energy: lambda x lag is the noise energy of a step over that of a gradient. The theorem's condition A5, lambda <= delta / 20 at
    most, asks for 1/20 of it, since delta is 1 / lag; training is more patient, but not without end."""
    whole = core.settings(pairs(settings))
    receiver = parts.traits("receiver", whole["receiver"])
    if receiver["scales"] or receiver["weighs"] or whole["channel"] not in _EQUAL_WEIGHTS or not _sends_whole_or_factors(whole["compressor"]):
        return None  # weights or signs bound a step, or lambda is another one
    tensors, flat = [(name, list(shape)) for name, shape in shapes], pairs(settings)
    symbols = core.symbols_a_round(tensors, flat)
    influence = symbols / (power * workers**2)
    lag = core.memory_lag(tensors, flat) or 1.0
    if influence <= LARGE_INFLUENCE or influence * lag <= LARGE_NOISE:
        return None
    lags = f", and the error memory lags {lag:.0f} rounds" if lag > 1 else ""
    enough = 5 * power * influence * lag / LARGE_NOISE
    return (f"this run can hardly learn: at P = {power:g} (SNR {ratio_of(power, symbols):.1f} dB a symbol) lambda, noise over signal, is "
            f"{influence:.3g} at best{lags}: a step may carry {influence * lag:.3g} times the energy of a gradient as noise. HINT: power = "
            f"{_rounded_up(enough):g} or more, more workers, or a learning rate lower by as much")


def _sends_whole_or_factors(compressor: str) -> bool:
    """Whether messages cross as they are, all of them, or as the factors of one of the transports."""
    reads, traits = parts.reads("compressor", compressor), parts.traits("compressor", compressor)
    return "transport" in reads or (not reads and bool(traits["linear"]))


def _rounded_up(value: float) -> float:
    """To one digit."""
    unit = 10.0 ** math.floor(math.log10(value))
    return math.ceil(value / unit - 1e-9) * unit

