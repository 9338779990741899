"""What holds for the parts of the compiled core, from its own lists (lists.json, which scripts/write_lists.py writes): the settings that
each reads and its traits. For the package without compiled code."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import Any

LISTS: dict[str, Any] = json.loads((pathlib.Path(__file__).parent / "lists.json").read_text(encoding="utf-8"))

GIVEN = ("method", "power", "workers", "seed")  # settings that a round reads, though no part of the algorithm


def traits(role: str, values: Mapping[str, str]) -> dict[str, Any]:
    """What holds for the part that plays a role."""
    return dict(LISTS["facts"][role][values[role]]["traits"])


def compressor_traits(values: Mapping[str, str]) -> dict[str, Any]:
    """What holds for the compressor: of one with transports, for the transport."""
    return traits("compressor", values) or traits("transport", values)


def reads(role: str, values: Mapping[str, str], name: str) -> bool:
    """Whether the part that plays a role reads the setting."""
    return name in LISTS["facts"][role][values[role]]["reads"]


def compressor_reads(values: Mapping[str, str], name: str) -> bool:
    """Whether the compressor, or its transport, reads the setting."""
    return reads("compressor", values, name) or (reads("compressor", values, "transport") and reads("transport", values, name))


# Settings that only some parts read, by role.
_OF_SOME = {role: {name for part in parts.values() for name in part["reads"]} for role, parts in LISTS["facts"].items()}


def used(name: str, v: Mapping[str, str]) -> bool:
    """Whether a setting has an effect beside the others."""
    if (name in _OF_SOME["compressor"] | _OF_SOME["transport"] and not compressor_reads(v, name)) or any(
            name in _OF_SOME[role] and not reads(role, v, name) for role in ("feedback", "receiver", "channel")):
        return False
    air = traits("channel", v)
    numbers: bool = air["noisy"] and not air["digital"]  # and not bits
    rules: dict[str, bool] = {
        "lead": v["worker_momentum"] != "0",
        **dict.fromkeys(("preconditioner_power", "preconditioner_floor", "preconditioner_refresh"), v["preconditioner"] != "none"),
        "channel_mode": numbers, "allocation": numbers, "fill_budget": numbers, "precoding": numbers,
        "power": air["noisy"], "power_shares": air["noisy"],
        "fading_draw": air["fades"], "phase_error": air["aligned"], "timing_error": air["aligned"],
        "peak_ratio": numbers and not air["as_energies"],
    }
    return rules.get(name, True)
