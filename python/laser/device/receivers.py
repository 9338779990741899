"""The table of the receivers by torch's own operations: what src/laser/receive is for the compiled round (spec 1.4; docs/beyond.md)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import torch

from laser import facts


@dataclasses.dataclass
class Heard:
    """What the server has of a block [C, D]: with noise, without, and the deviations of the noise [C]."""

    noisy: torch.Tensor
    exact: torch.Tensor
    deviation: torch.Tensor

    @property
    def noise(self) -> torch.Tensor:
        """[C] energies that the noise is expected to have."""
        return self.noisy.shape[1] * self.deviation.square()


class Receiver:
    """Takes what it hears as it is: `unbiased`, the base of the others. settings: of every setting of a round its text."""

    asks_exact = False  # whether it is told what is heard without noise

    def __init__(self, settings: Mapping[str, str], wide: torch.dtype):
        self.wide = wide
        of = facts.traits("receiver", settings)
        self.scales, self.weighs = bool(of["scales"]), bool(of["weighs"])

    def scaled(self, heard: Heard) -> torch.Tensor:
        """[C, D] every group times its weight."""
        return heard.noisy * self.group_weights(heard).to(heard.noisy.dtype).unsqueeze(1)

    def group_weights(self, heard: Heard) -> torch.Tensor:
        """[C]."""
        return torch.ones_like(heard.deviation)

    def weight(self, active: torch.Tensor, norms: torch.Tensor, heard: Sequence[Heard]) -> torch.Tensor | None:
        """Of a tensor's estimate, from the norms [k, C] of what those who are `active` [k, 1] sent; None: 1."""
        return None


class Mmse(Receiver):
    """Groups by their shares of signal, as far as what is heard tells it."""

    def group_weights(self, heard: Heard) -> torch.Tensor:
        signal, noise = heard.noisy.to(self.wide).square().sum(1), heard.noise
        weight = torch.where(signal > 0, (1 - noise / signal).clamp(min=0), torch.zeros_like(signal))
        return torch.where(noise == 0, torch.ones_like(weight), weight)


class MmseGenie(Receiver):
    """Groups by their shares of signal, which it is told."""

    asks_exact = True

    def group_weights(self, heard: Heard) -> torch.Tensor:
        signal, noise = heard.exact.to(self.wide).square().sum(1), heard.noise
        weight = signal / (signal + noise)
        return torch.where(noise == 0, torch.ones_like(weight), weight)


class Matched(Receiver):
    """(1 + noise / signal)^-a."""

    def __init__(self, settings: Mapping[str, str], wide: torch.dtype):
        super().__init__(settings, wide)
        self._exponent = float(settings["receiver_exponent"])

    def weight(self, active: torch.Tensor, norms: torch.Tensor, heard: Sequence[Heard]) -> torch.Tensor | None:
        noise = torch.stack([one.noisy.shape[1] * one.deviation.square().sum() for one in heard]).sum()
        signal = torch.where(active, norms.square(), torch.zeros_like(norms)).sum()
        some = signal > 0
        mean = torch.where(some, signal, torch.ones_like(signal)) / active.sum().clamp(min=1)
        return torch.where(some, (1 + noise / mean) ** -self._exponent, torch.ones_like(signal))


RECEIVERS: dict[str, type[Receiver]] = {"unbiased": Receiver, "mmse": Mmse, "mmse_genie": MmseGenie, "matched": Matched}
