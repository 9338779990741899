"""What lasts between rounds by torch's own operations, under the names of the compiled round, so that a state goes from one to
the other: error memories, held estimates, shared factors, and what the message filter keeps."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import torch

from laser.device.compress import check_low_rank, kind_of, make
from laser.device.compressor import Compressor, Context, Layer
from laser.device.feedback import FEEDBACKS
from laser.device.filter import MessageFilter
from laser.facts import traits
from laser.errors import EXIT_DATA, error


@dataclasses.dataclass
class TensorState:
    """What lasts of a parameter tensor: e_i = memory - left^T right of `pending`, which only a bfloat16 memory has, and the
    estimate that server and workers hold. `squares` of a pass are mean squares of the norms of its groups, where they are expected."""

    layer: Layer
    compressor: Compressor
    compressed: bool
    shared: dict[str, torch.Tensor]
    memory: torch.Tensor | None = None  # [K, m, n]
    pending: tuple[torch.Tensor, torch.Tensor] | None = None
    held: torch.Tensor | None = None  # [m, n]
    squares: dict[int, torch.Tensor] = dataclasses.field(default_factory=dict)  # [k, G]


class Lasting:
    """The tensors of a model with what lasts of them, for the `local` workers of a process.

    shapes: names and shapes of the tensors, in order. settings: of every setting of a round its text.
    """

    def __init__(self, shapes: Sequence[tuple[str, Sequence[int]]], settings: Mapping[str, str], context: Context, local: int, workers: int):
        self.settings, self.local, self.workers = dict(settings), local, workers
        self._expects = settings["precoding"] == "expected" and bool(traits("channel", settings)["noisy"])
        self.device, self.kind, self.wide = context.device, context.kind, context.wide
        self._tensors: list[TensorState] = []
        at = 0
        for index, (name, shape) in enumerate(shapes):
            layer = Layer(name, tuple(shape), index, at)
            at += layer.size
            compressor = make(settings, layer, context)
            self._tensors.append(TensorState(layer, compressor, kind_of(settings).applies(layer, settings), compressor.initial_state()))
        self.size = at
        check_low_rank(settings, [tensor.layer for tensor in self._tensors])
        self._feedback = FEEDBACKS[settings["feedback"]](settings, self.wide)
        self._memory_kind = torch.bfloat16 if settings["memory"] == "bfloat16" else self.kind
        layers, cycles = [tensor.layer for tensor in self._tensors], [self._held_rounds(tensor) for tensor in self._tensors]
        self._filter = MessageFilter(settings, layers, cycles, self.wide, self.device, self.kind)

    def _remembers(self, tensor: TensorState) -> bool:
        return self._feedback.remembers and (self._feedback.weighs or tensor.compressed)

    def _holds(self, tensor: TensorState) -> bool:
        """Whether server and workers hold its estimate, of which a round replaces what it sends (docs/beyond.md)."""
        return self._feedback.holds and (self._feedback.predicts or not tensor.compressor.exact)

    def _held_rounds(self, tensor: TensorState) -> int:
        return tensor.compressor.cycle if self._holds(tensor) else 1

    def _on_device(self, tensor: torch.Tensor) -> torch.Tensor:
        if self.device.type == "mps" and tensor.dtype == torch.float64:
            tensor = tensor.float()
        return tensor.to(self.device, non_blocking=True)

    def state(self) -> dict[str, torch.Tensor]:
        """Everything that lasts, under the names of the compiled round, on this device; the tensors are copies."""
        result = self._filter.state()
        for tensor in self._tensors:
            name = tensor.layer.name
            if tensor.memory is not None:
                result[f"memory/{name}"] = tensor.memory.clone()
            if tensor.held is not None:
                result[f"held/{name}"] = tensor.held.clone()
            for number, squares in tensor.squares.items():
                result[f"expected/{name}/{number}"] = squares.clone()
            if tensor.pending is not None:
                result[f"pending/{name}/left"], result[f"pending/{name}/right"] = (one.clone() for one in tensor.pending)
            for key, value in tensor.shared.items():
                result[f"shared/{name}/{key}"] = value.clone()
        return result

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Restores what ``state`` returned, of this round or of the compiled one. Raises Error (exit code 4) where a tensor
        is missing, of another shape or type, or not finite, and then changes nothing."""

        def restored(name: str, shape: tuple[int, ...], kind: torch.dtype) -> torch.Tensor:
            value = state.get(name)
            if value is None or tuple(value.shape) != shape or value.dtype != kind:
                raise error(EXIT_DATA, f"the saved state has no tensor '{name}' of the right shape and type")
            if not value.is_meta and not bool(value.isfinite().all()):
                raise error(EXIT_DATA, f"the saved state's tensor '{name}' is not finite. HINT: one saved earlier")
            return value.detach().to(self.device, copy=True).contiguous()

        take_filter = self._filter.restored(state, self.local, restored)
        found, passes = [], max(tensor.compressor.passes for tensor in self._tensors) if self._expects else 0
        for tensor in self._tensors:
            layer = tensor.layer
            name, held = f"memory/{layer.name}", f"held/{layer.name}"
            fresh = TensorState(layer, tensor.compressor, tensor.compressed, {})
            if name in state:
                fresh.memory = restored(name, (self.local, layer.rows, layer.columns), self._memory_kind)
            if held in state and self._holds(tensor):
                fresh.held = restored(held, (layer.rows, layer.columns), self.kind)
            for number in range(passes):
                expected = state.get(f"expected/{layer.name}/{number}")
                if expected is not None and expected.dim() == 2:
                    shape = self.workers, expected.shape[1]
                    fresh.squares[number] = restored(f"expected/{layer.name}/{number}", shape, self.wide)
            if f"pending/{layer.name}/left" in state:
                parts = []
                for side, size in (("left", layer.rows), ("right", layer.columns)):
                    pending = f"pending/{layer.name}/{side}"
                    given = state.get(pending)
                    rank = given.shape[-2] if given is not None and given.dim() >= 2 else 0
                    own = given is not None and given.dim() == 3
                    parts.append(restored(pending, (self.local, rank, size) if own else (rank, size), self.kind))
                fresh.pending = parts[0], parts[1]
            fresh.shared = {key: restored(f"shared/{layer.name}/{key}", tuple(value.shape), self.kind)
                            for key, value in tensor.shared.items()}
            if fresh.pending is not None and fresh.memory is not None and self._memory_kind != torch.bfloat16:
                fresh.memory, fresh.pending = fresh.memory - fresh.pending[0].transpose(-1, -2) @ fresh.pending[1], None
            found.append(fresh)
        take_filter()
        self._tensors = found
