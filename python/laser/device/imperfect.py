"""The air of a round, on the host: its channel, who takes part, and what is not as it should be about the links (docs/channels.md)."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from laser.device.channels import CHANNELS
from laser.device.links import Link, awake, normals, without_losses

_PHASES, _DELAYS = 2**20, 2**20 + 1  # units of streams


class Air:
    """The links of all rounds.

    settings: of every setting of a round its text. Raises Error (exit codes 3, 4) where a trace is missing or does not fit.
    """

    def __init__(self, settings: Mapping[str, str], seed: int, workers: int):
        self.channel = CHANNELS[settings["channel"]](settings, seed, workers)
        self.seed, self.workers = seed, workers
        self._participation, self._loss_rate = float(settings["participation"]), float(settings["loss_rate"])
        channel = self.channel
        self._phase_error, self._timing_error = (float(settings[name]) if channel.aligned else 0.0 for name in ("phase_error", "timing_error"))
        numbers = channel.noisy and not channel.digital and not channel.as_energies
        self.peak_ratio = float(settings["peak_ratio"]) if numbers else 0.0
        self.draws_per_tensor = settings["fading_draw"] == "tensor" and channel.fades
        self.turns = bool(channel.turns or self._phase_error or self._timing_error)  # whether symbols meet phases

    def presence(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """[k] who takes part in a round, and of them those whose message is not lost."""
        here = awake(self.seed, index, self.workers, self._participation)
        return here, without_losses(self.seed, index, here, self._loss_rate)

    def draw(self, index: int, layer: int, present: torch.Tensor) -> Link:
        """The links of a round, or of a tensor in it. Raises Error (exit code 4) where a trace has no such round."""
        link = self.channel.draw(index, layer, present)
        if self._phase_error:
            phase = self._phase_error * normals(self.seed, index, layer, _PHASES, self.workers)
            link.phase = phase if link.phase is None else link.phase + phase
        if self._timing_error:
            link.delay = self._timing_error * normals(self.seed, index, layer, _DELAYS, self.workers)
        return link
