"""What workers keep of a round for the next one, by torch's own operations: the end of a round.

A worker wants to get M_i = e_i + g_i across; afterwards e_i is what the feedback leaves of it (spec 2.3). Nothing that lasts
changes where the round met a number that is not finite, which only the device knows: so both are there, and it chooses.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import torch

from laser.device import random
from laser.device.compressor import Context
from laser.device.exchange import Exchange
from laser.device.links import Link
from laser.device.state import Lasting, TensorState


@dataclasses.dataclass
class RoundState:
    """A round under way. Lists have an entry for each tensor."""

    index: int
    power: float
    diagnosed: bool
    links: list[Link]  # one, or one a tensor
    sent: list[Link]  # likewise with those whose message is lost; empty where none is
    awake: torch.Tensor  # [k] bool, of the host: who computes a gradient
    ok: torch.Tensor  # bool: all that was met is finite
    energy: torch.Tensor  # [k]
    shared: list[dict[str, torch.Tensor]]
    silent: list[torch.Tensor]  # bool: nothing arrived though there was something to send
    estimates: list[torch.Tensor | None] = dataclasses.field(init=False)
    clean: list[torch.Tensor | None] = dataclasses.field(init=False)
    weights: list[torch.Tensor | None] = dataclasses.field(init=False)
    messages: list[torch.Tensor] = dataclasses.field(default_factory=list)
    raw: torch.Tensor | None = None  # [k, T] norms of messages
    held: dict[int, torch.Tensor] = dataclasses.field(default_factory=dict)  # of tensors: what is held from here on
    squares: dict[tuple[int, int], torch.Tensor] = dataclasses.field(default_factory=dict)  # of tensors and passes: from here on
    norms: list[tuple[torch.Tensor, list[int]]] = dataclasses.field(default_factory=list)  # [k, columns] exchanged, and whose
    silent_known: set[int] = dataclasses.field(default_factory=set)  # of the draws alone
    symbols: int = 0
    peaks: torch.Tensor | None = None  # the largest magnitudes of estimates

    def __post_init__(self) -> None:
        count = len(self.silent)
        self.estimates, self.clean, self.weights = [None] * count, [None] * count, [None] * count

    def link(self, tensor: int) -> Link:
        return self.links[0 if len(self.links) == 1 else tensor]

    def transmitting(self, tensor: int) -> Link:
        """Whose transmissions cost energy, heard or not."""
        return self.sent[0 if len(self.sent) == 1 else tensor] if self.sent else self.link(tensor)


class Memories(Lasting):
    """What lasts, with how it becomes messages and what is kept of them, for the workers `first_worker` and on of k."""

    def __init__(self, shapes: Sequence[tuple[str, Sequence[int]]], settings: Mapping[str, str], context: Context, local: int,
                 workers: int, first_worker: int, exchange: Exchange):
        super().__init__(shapes, settings, context, local, workers)
        self.seed, self.first_worker = context.seed, first_worker
        self._mine, self._exchange = slice(first_worker, first_worker + local), exchange

    def _message(self, tensor: TensorState, gradient: torch.Tensor, rounding: torch.Tensor | None) -> torch.Tensor:
        """M_i = e_i + g_i, [K, m, n]."""
        if tensor.memory is None and rounding is None:
            return gradient
        memory = torch.zeros_like(gradient) if tensor.memory is None else tensor.memory.to(self.kind)
        if tensor.pending is not None:
            left, right = tensor.pending
            memory = memory - left.transpose(-1, -2) @ right
        message = memory + gradient
        if rounding is None:
            return message
        # Up or down at random: half a word is added to the bits that bfloat16 leaves out.
        bits = message.view(torch.int32)
        rounded = ((bits.to(torch.int64) + rounding) & ~0xFFFF).to(torch.int32).view(torch.float32)
        return torch.where(message.isfinite(), rounded, message)

    def _rounding_words(self, index: int) -> dict[int, torch.Tensor]:
        """[K, m, n] the 16 random bits of each number of a bfloat16 memory."""
        if self._memory_kind != torch.bfloat16:
            return {}
        found = {}
        for l, tensor in enumerate(self._tensors):
            if not self._remembers(tensor):
                continue
            layer, rows = tensor.layer, []
            for worker in range(self.first_worker, self.first_worker + self.local):
                drawn = random.words(self.seed, index, (random.ROUNDING, l, worker, -(-layer.size // 2)), self.device)
                rows.append(torch.stack((drawn & 0xFFFF, drawn >> 16), 1).view(-1)[: layer.size])
            found[l] = torch.stack(rows).view(self.local, layer.rows, layer.columns)
        return found

    def _share(self, state: RoundState, l: int) -> torch.Tensor:
        """[K, 1, 1] how much of what arrived each worker takes from its message: 0 where it was not heard."""
        share = self._on_device(state.link(l).active[self._mine].to(self.kind)).view(-1, 1, 1)
        weight = state.weights[l]
        if self._feedback.weighs and weight is not None:
            share = share * weight.to(self.kind)
        return torch.where(state.silent[l] | ~state.ok, torch.zeros_like(share), share)

    def _rest(self, state: RoundState, l: int) -> torch.Tensor:
        """[K, m, n] what is left of the messages."""
        estimate = state.estimates[l]
        assert estimate is not None
        return self._feedback.left(self._tensors[l].compressor, state.messages[l], estimate, self._share(state, l))

    def _update_memories(self, state: RoundState) -> None:
        """e_i = M_i - what the worker got across; nothing changes where the round met a number that is not finite."""
        for l, tensor in enumerate(self._tensors):
            if self._remembers(tensor):
                self._keep_memory(state, l, tensor)
            arrived = state.ok & ~state.silent[l]
            tensor.shared = {name: torch.where(arrived, value, tensor.shared[name])
                             for name, value in state.shared[l].items()}
            if l in state.held:
                now = state.held[l]
                tensor.held = torch.where(arrived, now, torch.zeros_like(now) if tensor.held is None else tensor.held)
        for (l, number), now in state.squares.items():
            before = self._tensors[l].squares.get(number)
            if before is None or before.shape != now.shape:
                before = torch.zeros_like(now)
            self._tensors[l].squares[number] = torch.where(state.ok, now, before)
        self._filter.keep(state.ok)

    def _keep_memory(self, state: RoundState, l: int, tensor: TensorState) -> None:
        message, share, compressor = state.messages[l], self._share(state, l), tensor.compressor
        before = torch.zeros_like(message) if tensor.memory is None else tensor.memory
        factors, pending = None, None
        if l not in state.silent_known:
            factors = self._feedback.factors(compressor)
            if factors is not None:
                left, right = (torch.where(state.ok, one, torch.zeros_like(one)) for one in factors)
                left, right = (left * share, right) if left.dim() == 3 else (left, right * share)
                if self._memory_kind == torch.bfloat16:  # rounded once a round, so this product waits for the next one
                    pending = left.expand(self.local, -1, -1), right.expand(self.local, -1, -1)
                else:
                    sides = left.expand(self.local, -1, -1).transpose(1, 2), right.expand(self.local, -1, -1)
                    message = torch.baddbmm(message, *sides, alpha=-1)
            else:
                message = self._rest(state, l)
        kept = tensor.pending
        if pending is not None or kept is not None:
            zero = tuple(torch.zeros_like(one) for one in (pending or kept or ()))
            left, right = (torch.where(state.ok, now, old) for now, old in zip(pending or zero, kept or zero))
            tensor.pending = left, right
        tensor.memory = torch.where(state.ok, message, before.to(message.dtype)).to(self._memory_kind)

    def _diagnose(self, state: RoundState, gradients: torch.Tensor) -> dict[str, torch.Tensor]:
        """Ratio of memory to gradient, lambda, delta and what waits, before anything is kept (aggregate/aggregator_state.cpp)."""
        zero = torch.zeros((), dtype=self.wide, device=self.device)
        message, residual, signal, noise, come_in = zero, zero, zero, zero, zero
        own_memory = torch.zeros(self.local, dtype=self.wide, device=self.device)
        here = self._on_device(state.awake[self._mine])
        squares = torch.where(here.unsqueeze(1), gradients.to(self.wide).square(), zero)  # what those who sleep have has not come in
        for l, tensor in enumerate(self._tensors):
            estimate, clean, layer = state.estimates[l], state.clean[l], tensor.layer
            if estimate is not None and clean is not None:
                signal = signal + clean.to(self.wide).square().sum()
                noise = noise + (estimate - clean).to(self.wide).square().sum()
            if not tensor.compressed or l in state.silent_known:
                continue
            arrived = (~state.silent[l]).to(self.wide)
            assert state.raw is not None
            message = message + arrived * state.raw[:, l].square().sum()
            come_in = come_in + arrived * squares[:, layer.offset : layer.offset + layer.size].sum()
            if self._remembers(tensor):
                own_memory = own_memory + arrived * self._rest(state, l).to(self.wide).square().sum((1, 2))
            if not self._feedback.residual:
                own = tensor.compressor.own(state.messages[l])
                residual = residual + arrived * (state.messages[l] - own).to(self.wide).square().sum()
        came = squares.sum(1)
        ratio = torch.where(came > 0, (own_memory / torch.where(came > 0, came, torch.ones_like(came))).sqrt(),
                            torch.zeros_like(came))
        if self._feedback.residual:
            residual = own_memory.sum()
        row = self._exchange.sum_row(torch.stack((ratio.sum(), residual, own_memory.sum(), come_in)))
        cleaned = [~state.silent[l] for l, clean in enumerate(state.clean) if clean is not None]
        return {"cleaned": torch.stack(cleaned).any() if cleaned else zero, "memory_ratio": row[0] / int(state.awake.sum()),
                "residual": row[1], "waiting": row[2], "come_in": row[3], "message": message, "signal": signal, "noise": noise}

    def _told(self, found: Mapping[str, torch.Tensor]) -> dict[str, float]:
        """What a report says of a diagnosis; waits for the device."""
        number = {name: float(value) for name, value in found.items()}
        result = {}
        if self._feedback.remembers:
            result["memory_ratio"] = number["memory_ratio"]
        if number["come_in"] > 0 and self._feedback.remembers:
            result["waiting_rounds"] = number["waiting"] / number["come_in"]
        if number["message"] > 0:
            result["delta"] = 1 - number["residual"] / number["message"]
            if number["come_in"] > 0:
                result["sent_ratio"] = (number["message"] - number["residual"]) / number["come_in"]
        if number["cleaned"]:
            result["noise_energy"] = number["noise"]
        if number["signal"] > 0:
            result["lambda"] = number["noise"] / number["signal"]
        return result
