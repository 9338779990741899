"""The table of the feedbacks by torch's own operations: what src/laser/feedback is for the compiled round (spec 2.3; docs/beyond.md).

A feedback says what is left of a worker's message M_i, or that server and workers hold the estimate instead.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from laser import facts
from laser.device.compressor import Compressor


class Feedback:
    """Keeps nothing: the base of the others. settings: of every setting of a round its text."""

    predicts = False  # whether workers send what their prediction leaves
    prediction = ""
    matches = False  # whether the prediction is chosen by the messages

    def __init__(self, settings: Mapping[str, str], wide: torch.dtype):
        self.wide = wide
        of = facts.traits("feedback", settings)
        self.remembers, self.holds, self.weighs = bool(of["remembers"]), bool(of["holds"]), bool(of["weighs"])
        self.residual = bool(of["residual"])  # whether what is kept is all that the compressor leaves

    def factors(self, compressor: Compressor) -> tuple[torch.Tensor, torch.Tensor] | None:
        """What is taken from the message as a product, where it is one."""
        return None

    def left(self, compressor: Compressor, message: torch.Tensor, estimate: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
        """[K, m, n] of the messages, where `share` [K, 1, 1] of what arrived is taken from each."""
        return message


class Local(Feedback):
    """What a worker alone did not get across."""

    def factors(self, compressor: Compressor) -> tuple[torch.Tensor, torch.Tensor] | None:
        return compressor.own_factors()

    def left(self, compressor: Compressor, message: torch.Tensor, estimate: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
        return message - compressor.own(message) * share


class Weighted(Local):
    """The same times the receiver's weight, which comes with the share."""


class DecodedMean(Feedback):
    """What the server did not make of it."""

    def left(self, compressor: Compressor, message: torch.Tensor, estimate: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
        return message - estimate * share


class Fitted(Feedback):
    """A part of what the best multiple of the own reconstruction leaves (docs/arena.md)."""

    def __init__(self, settings: Mapping[str, str], wide: torch.dtype):
        super().__init__(settings, wide)
        self._strength = float(settings["feedback_strength"])

    def left(self, compressor: Compressor, message: torch.Tensor, estimate: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
        own = compressor.own(message)
        wide = own.to(self.wide)
        energy = wide.square().sum((1, 2), keepdim=True)
        some = energy > 0
        alpha = torch.where(some, (wide * message).sum((1, 2), keepdim=True) / torch.where(some, energy, torch.ones_like(energy)),
                            torch.zeros_like(energy))
        left = (message - own * alpha.to(message.dtype)) * self._strength
        return torch.where(share != 0, left, message)


class Hold(Feedback):
    """Nothing is left over: the estimate is held, and may be predicted."""

    def __init__(self, settings: Mapping[str, str], wide: torch.dtype):
        super().__init__(settings, wide)
        self.prediction = settings["prediction"]
        self.matches = self.prediction == "matched"
        self.predicts = self.matches or float(self.prediction) != 0


FEEDBACKS: dict[str, type[Feedback]] = {"none": Feedback, "local": Local, "decoded": DecodedMean, "weighted": Weighted, "hold": Hold,
                                        "fitted": Fitted}
