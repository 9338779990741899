"""The laws of the parts, over one of your own: those that ``make test`` runs over all parts of the package.

    laser.testing.check_compressor(Mine)

raises ``AssertionError`` with every law that does not hold and what was found; it takes seconds.
"""

from __future__ import annotations

from typing import Any

from laser.native import core
from laser.parts import part


def problems(role: str, value: Any) -> list[tuple[str, str, str, str]]:
    """What the laws find: (law, the sentence that it says, what was found, the round that it was found in)."""
    return core.check_part(role, part(role, value))


def _check(role: str, value: Any) -> None:
    found = problems(role, value)
    if found:
        laws: dict[str, list[tuple[str, str, str]]] = {}  # one thing may be found under many laws
        for law, sentence, what, where in found:
            laws.setdefault(what.split("\n\nAt:")[0], []).append((law, sentence, where))
        lines = [f"{under[0][0]} ({under[0][1]}), in {under[0][2]}: {what}" + (f" (likewise under {len(under) - 1} more)" if under[1:] else "")
                 for what, under in laws.items()]
        name = value.__name__ if isinstance(value, type) else type(value).__name__
        raise AssertionError(f"the {role} {name}, {len(lines)} finding{'s' if lines[1:] else ''}:\n  " + "\n  ".join(lines))


def check_compressor(compressor: Any) -> None:
    """Raises AssertionError where a law of compressors does not hold: budgets, finiteness, units, linearity where it is
    claimed, messages left alone, several processes, saving and loading."""
    _check("compressor", compressor)


def check_channel(channel: Any) -> None:
    """Likewise for a channel: budgets of unlike workers, weights that add up to 1, fresh draws, lost messages."""
    _check("channel", channel)


def check_feedback(feedback: Any) -> None:
    """Likewise for a feedback: what was not heard is kept, what arrived is not sent twice."""
    _check("feedback", feedback)


def check_receiver(receiver: Any) -> None:
    """Likewise for a receiver: without noise it changes nothing, with little power all stays finite."""
    _check("receiver", receiver)
