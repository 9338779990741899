"""The laws of the parts, over one of your own: those that ``make test`` runs over all parts of the package.

    laser.testing.check_compressor(Mine)

raises ``AssertionError`` with every law that does not hold and what was found; it takes seconds.
"""

from __future__ import annotations

from typing import Any

from laser.native import core
from laser.parts import part


def problems(role: str, value: Any) -> list[tuple[str, str, str, str]]:
    """What the laws find: (law, the sentence that it says, what was found, the round that it was found in).

    role: "compressor", "channel", "feedback", "receiver" or "allocation".
    value: a class of one's own that needs no arguments, or an object of it.

    >>> class Half(laser.Receiver):  # without noise a receiver changes nothing, and this one does
    ...     def weight(self, noise, energies):
    ...         return 0.5
    >>> sorted({law for law, *_ in laser.testing.problems("receiver", Half)})
    ['WithoutNoiseNothingChanges']
    """
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
    claimed, messages left alone, several processes, saving and loading.

    compressor: a class of one's own that needs no arguments, or an object of it.

    >>> class Whole(laser.Compressor):
    ...     linear = exact = True
    ...     def encode(self, messages, exchange):
    ...         return messages.flatten(1)
    ...     def decode(self, received, exchange):
    ...         return received.view(exchange.rows, exchange.columns)
    >>> laser.testing.check_compressor(Whole)
    """
    _check("compressor", compressor)


def check_channel(channel: Any) -> None:
    """Raises AssertionError where a law of channels does not hold: budgets of unlike workers, weights that add up to 1, fresh
    draws, lost messages.

    channel: a class of one's own that needs no arguments, or an object of it.

    >>> class Uneven(laser.Channel):
    ...     def gains(self, workers, exchange):
    ...         return torch.rand(workers, generator=exchange.random()).add(0.5).tolist()
    >>> laser.testing.check_channel(Uneven)
    """
    _check("channel", channel)


def check_feedback(feedback: Any) -> None:
    """Raises AssertionError where a law of feedbacks does not hold: what was not heard is kept, what arrived is not sent twice.

    feedback: a class of one's own that needs no arguments, or an object of it.

    >>> class Local(laser.Feedback):
    ...     def update(self, messages, arrived):
    ...         return messages - arrived.own
    >>> laser.testing.check_feedback(Local)
    """
    _check("feedback", feedback)


def check_receiver(receiver: Any) -> None:
    """Raises AssertionError where a law of receivers does not hold: without noise it changes nothing, with little power all stays
    finite.

    receiver: a class of one's own that needs no arguments, or an object of it.

    >>> class Matched(laser.Receiver):
    ...     def weight(self, noise, energies):
    ...         signal = sum(energies) / len(energies) ** 2
    ...         return signal / (signal + noise) if signal else 1.0
    >>> laser.testing.check_receiver(Matched)
    """
    _check("receiver", receiver)


def check_allocation(allocation: Any) -> None:
    """Raises AssertionError where a law of allocations does not hold: shares are at least 0 and add up to 1 whatever the norms,
    neither their unit nor other workers matter, zeros stay finite.

    allocation: a class of one's own that needs no arguments, or an object of it.

    >>> class LeastNoise(laser.Allocation):
    ...     def weights(self, blocks):
    ...         return blocks.sent_norms * blocks.symbols.sqrt()
    >>> laser.testing.check_allocation(LeastNoise)
    """
    _check("allocation", allocation)
