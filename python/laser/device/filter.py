"""What a worker puts in the place of its gradient, by torch's own operations: src/laser/aggregate/message_filter.hpp says it.

    u <- beta u + (1 - beta) g,     m = (u + nu (g - u)) A,     A = (n S + delta I)^-p

with S the worker's own running mean of g^T g / |g|^2. What a round changes is set aside until ``keep`` says whether the round
met finite numbers only. Nothing waits for the device but the rounds in which A is formed, the tenth, fortieth and so on
(``preconditioner_refresh``): torch's eigh tells the host there whether it converged.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import torch

from laser.device.compressor import Layer

LONGEST_BLOCK, SAMPLE_EVERY, GROWTH = 1024, 5, 4
Restored = Callable[[str, tuple[int, ...], torch.dtype], torch.Tensor]


def lead_of(lead: str, average: float, cycle: int) -> float:
    """nu of a tensor whose symbols are held `cycle` rounds (docs/swept.md, T3)."""
    if average == 0:
        return 0.0
    return min(1.0, cycle * (1 - average)) if lead == "auto" else float(lead)


def is_refreshed(rounds: int, first: int) -> bool:
    """Whether preconditioners are formed at the end of `rounds` rounds: after `first`, 4 `first`, 16 `first` and so on."""
    while rounds > first and rounds % GROWTH == 0:
        rounds //= GROWTH
    return rounds == first


@dataclasses.dataclass
class _Block:
    """Numbers `first` to `first + size` of the long side of tensor number `tensor`."""

    name: str
    tensor: int
    first: int
    size: int
    moments: torch.Tensor | None = None  # [K, b, b] the sum of samples of trace 1
    preconditioner: torch.Tensor | None = None  # [K, b, b]


class MessageFilter:
    """The filter of the K workers here, over all tensors.

    cycles: of each tensor, how many rounds a symbol of it is held.
    """

    def __init__(self, settings: Mapping[str, str], layers: Sequence[Layer], cycles: Sequence[int], wide: torch.dtype,
                 device: torch.device, kind: torch.dtype):
        self._layers, self._wide, self._kind = layers, wide, kind
        self._average = float(settings["worker_momentum"])
        self._power, self._floor = float(settings["preconditioner_power"]), float(settings["preconditioner_floor"])
        self._first_refresh = int(settings["preconditioner_refresh"])
        leads = [lead_of(settings["lead"], self._average, cycle) for cycle in cycles]
        self._lead: torch.Tensor | None = None  # [d]
        if any(leads):
            sizes = torch.tensor([layer.size for layer in layers])
            self._lead = torch.repeat_interleave(torch.tensor(leads, dtype=torch.float64), sizes).to(kind).to(device)
        self._momentum: torch.Tensor | None = None
        self._blocks: list[_Block] = []
        if settings["preconditioner"] != "none":
            for index, layer in enumerate(layers):
                self._blocks += self._cut(index, layer)
        self.active = self._average != 0 or settings["preconditioner"] != "none"
        self._next: tuple[torch.Tensor | None, list[tuple[torch.Tensor | None, torch.Tensor | None]]] = None, []

    @staticmethod
    def _cut(index: int, layer: Layer) -> list[_Block]:
        if len(layer.shape) < 2:
            return []
        length = max(layer.rows, layer.columns)
        size = -(-length // -(-length // LONGEST_BLOCK))
        return [_Block(f"{layer.name}/{first}", index, first, min(size, length - first)) for first in range(0, length, size)]

    def _along(self, flat: torch.Tensor, layer: Layer) -> torch.Tensor:
        """[K, short side, long side] of the tensor."""
        matrix = flat[:, layer.offset : layer.offset + layer.size].view(-1, layer.rows, layer.columns)
        return matrix if layer.columns >= layer.rows else matrix.transpose(1, 2)

    def apply(self, index: int, asleep: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
        """[K, d] messages from gradients; 0 of those that are `asleep` [K, 1], of whom nothing else changes."""
        momentum, messages = self._momentum, gradients
        if self._average:
            before = torch.zeros_like(gradients) if momentum is None else momentum
            momentum = torch.where(asleep, before, before * self._average + gradients * (1 - self._average))
            messages = momentum
            if self._lead is not None:
                messages = torch.lerp(messages, gradients, self._lead)
        messages = torch.where(asleep, torch.zeros_like(gradients), messages)
        if self._blocks:
            messages = self._preconditioned(messages)
        moments = [self._sampled(index, block, asleep, gradients) for block in self._blocks]
        fresh = is_refreshed(index + 1, self._first_refresh)
        self._next = momentum, [(sum_, self._formed(sum_) if fresh and sum_ is not None else block.preconditioner)
                                for block, sum_ in zip(self._blocks, moments)]
        return messages

    def _preconditioned(self, messages: torch.Tensor) -> torch.Tensor:
        parts = []
        for index, layer in enumerate(self._layers):
            whole = self._along(messages, layer)
            products = [whole[:, :, block.first : block.first + block.size] @ block.preconditioner
                        for block in self._blocks if block.tensor == index and block.preconditioner is not None]
            if products:  # all blocks of a tensor have one, or none has
                whole = torch.cat(products, 2)
            if layer.columns < layer.rows:
                whole = whole.transpose(1, 2)
            parts.append(whole.reshape(whole.shape[0], -1))
        return torch.cat(parts, 1)

    def _sampled(self, index: int, block: _Block, asleep: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor | None:
        """The sum of samples, with g^T g / |g|^2 of every worker that has a gradient."""
        if index % SAMPLE_EVERY:
            return block.moments
        part = self._along(gradients, self._layers[block.tensor])[:, :, block.first : block.first + block.size]
        norm = torch.linalg.vector_norm(part, dim=(1, 2), keepdim=True, dtype=self._wide)
        counts = ~asleep.unsqueeze(2) & (norm != 0)
        unit = torch.where(counts, part / torch.where(counts, norm, torch.ones_like(norm)).to(part.dtype), torch.zeros_like(part))
        sample = unit.transpose(1, 2) @ unit
        return sample if block.moments is None else block.moments + sample

    def _formed(self, moments: torch.Tensor) -> torch.Tensor:
        """A of every worker; the unit matrix where there is no sample, or one that is not finite."""
        size = moments.shape[-1]
        samples = moments.diagonal(dim1=1, dim2=2).sum(1).view(-1, 1, 1)  # each has the trace 1
        unit = torch.eye(size, dtype=moments.dtype, device=moments.device).expand_as(moments)
        fine = (samples > 0) & moments.isfinite().all(2, keepdim=True).all(1, keepdim=True)
        mean = torch.where(fine, moments * (size / torch.where(fine, samples, torch.ones_like(samples))), unit)
        values, vectors = torch.linalg.eigh(mean)
        powers = (values.clamp(min=0) + self._floor) ** -self._power
        return torch.where(fine, (vectors * powers.unsqueeze(1)) @ vectors.transpose(1, 2), unit)

    def keep(self, ok: torch.Tensor) -> None:
        """Takes over what the last ``apply`` made of a round that was `ok`, a bool on the device."""
        momentum, blocks = self._next
        self._next = None, []
        if momentum is not None:
            self._momentum = self._chosen(ok, momentum, self._momentum)
        for block, (moments, preconditioner) in zip(self._blocks, blocks):
            if moments is not None and moments is not block.moments:
                block.moments = self._chosen(ok, moments, block.moments)
            if preconditioner is not None and preconditioner is not block.preconditioner:
                unit = torch.eye(block.size, dtype=preconditioner.dtype, device=preconditioner.device)
                old = unit.expand_as(preconditioner) if block.preconditioner is None else block.preconditioner
                block.preconditioner = torch.where(ok, preconditioner, old)

    @staticmethod
    def _chosen(ok: torch.Tensor, now: torch.Tensor, before: torch.Tensor | None) -> torch.Tensor:
        return torch.where(ok, now, torch.zeros_like(now) if before is None else before)

    def state(self) -> dict[str, torch.Tensor]:
        """What lasts, each with a row a worker here: "momentum" [K, d], "second_moment/<tensor>/<block>" and
        "preconditioner/<tensor>/<block>" [K, b, b]; copies."""
        result = {} if self._momentum is None else {"momentum": self._momentum.clone()}
        for block in self._blocks:
            if block.moments is not None:
                result[f"second_moment/{block.name}"] = block.moments.clone()
            if block.preconditioner is not None:
                result[f"preconditioner/{block.name}"] = block.preconditioner.clone()
        return result

    def restored(self, state: Mapping[str, torch.Tensor], workers: int, restored: Restored) -> Callable[[], None]:
        """Checks what ``state`` returned, of `workers` workers here, and returns what takes it over; what it lacks begins anew."""

        def found(name: str, shape: tuple[int, ...]) -> torch.Tensor | None:
            return restored(name, shape, self._kind) if name in state else None

        size = self._layers[-1].offset + self._layers[-1].size
        momentum = found("momentum", (workers, size)) if self._average else None
        blocks = [(found(f"second_moment/{block.name}", (workers, block.size, block.size)),
                   found(f"preconditioner/{block.name}", (workers, block.size, block.size))) for block in self._blocks]

        def take() -> None:
            self._momentum = momentum
            for block, (moments, preconditioner) in zip(self._blocks, blocks):
                block.moments, block.preconditioner = moments, preconditioner

        return take
