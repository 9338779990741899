"""What the round by torch's own operations computes, setting by setting: what it does not know it refuses.

A setting that is not listed here, and a value that is not, is one that this round would leave out: the compiled round has it, or
will have it. So both are refused by name, and nothing is computed that was not meant.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from laser.device.channels import CHANNELS
from laser.device.compress import COMPRESSORS, LOW_RANK, TRANSPORTS
from laser.device.elementwise import DECODERS
from laser.device.feedback import FEEDBACKS
from laser.device.power import ALLOCATIONS
from laser.device.receivers import RECEIVERS
from laser.facts import GIVEN, LISTS

_FLAG = ("true", "false")
CHOICES: dict[str, tuple[str, ...]] = {  # settings that are one of a few, and those of them that are computed
    "compressor": (LOW_RANK, *COMPRESSORS), "transport": tuple(TRANSPORTS), "warm_start": _FLAG, "compress": ("saves", "always"),
    "column_mode": ("common", "sqrt_kappa"), "canonical": _FLAG, "rank_allocation": ("sqrt_kappa", "opt"),
    "decoder": tuple(DECODERS), "feedback": tuple(FEEDBACKS), "receiver": tuple(RECEIVERS),
    "preconditioner": ("none", "second_moment"), "equal_norms": _FLAG,
    "memory": ("float32", "bfloat16"), "channel": tuple(CHANNELS), "channel_mode": ("fast",), "allocation": tuple(ALLOCATIONS), "fill_budget": _FLAG,
    "precoding": ("norms", "expected"),
    "access": ("time_division", "sum_capacity"), "fading_draw": ("round", "tensor"), "exchange": ("fast",)}
NUMBERS = frozenset((  # and those that are numbers, or words that are read as numbers are
    "rank", "phase_share", "factor_step", "magnitude_share", "compression_factor", "feedback_strength", "receiver_exponent",
    "worker_momentum", "lead", "preconditioner_power", "preconditioner_floor", "preconditioner_refresh", "prediction", "power",
    "least_gain", "antennas", "channel_error", "path_loss_exponent", "shadowing_db", "phase_error", "timing_error", "peak_ratio", "gains",
    "air_rank", "scale_bits", "power_shares", "participation", "loss_rate"))
REFUSED = {  # values that the compiled round alone has, and why
    ("channel_mode", "physical"): "it forms and measures what each worker transmits, a check of the compiled round",
    ("exchange", "exact"): "it promises the bits of one process, which only the compiled round has",
}


@functools.cache
def _defaults() -> Mapping[str, str]:
    """Of every setting that a round reads, what it is where nobody says anything."""
    return {name: str(one["default"]) for name, one in LISTS["settings"].items() if one["round"] and name not in GIVEN}


def refused(settings: Mapping[str, str]) -> tuple[str, str] | None:
    """The first setting that is not computed here, and a sentence that says so; None where all are."""
    for name, known in CHOICES.items():
        value = settings[name]
        if value not in known:
            reason = REFUSED.get((name, value), f"the round of torch's operations has {', '.join(known)}")
            return name, f"{name} = {value} is not computed on a device: {reason}"
    for name, default in _defaults().items():
        if name not in CHOICES and name not in NUMBERS and settings.get(name, default) != default:
            return name, f"{name} = {settings[name]} is not computed on a device: the round of torch's operations does not know it"
    return None


def refusal(settings: Mapping[str, str], parts: Mapping[str, Any]) -> str | None:
    """Why these settings cannot be computed here; None where they can."""
    found = refused(settings)
    if found:
        return found[1]
    for role, part in parts.items():
        return (f"{role} = {type(part).__name__} is one of your own, which is asked on the host: it is not computed on a "
                "device")
    return None
