"""The round by torch's own operations, on the device of the gradients: the fallback where no kernel is, and their oracle.

It is the round of src/laser/aggregate: gradients -> message filter -> error feedback -> compress -> allocate power -> channel ->
decode -> estimate, with the same parts, the same addressed noise and the same names of what lasts, so that a state goes from one to
the other. Nothing in it waits for the device: energies, shares and noise levels are tensors, and what a round tells about
itself is read when ``report`` is asked. One process holds all k workers, or each of k processes holds one; then a pass makes
one exchange (exchange). That is 1 exchange a round, 2 with two_phase and where workers send what a matched prediction
leaves (prediction=matched), and 1 more where a diagnosis is asked for.

Its parts, each on the one before it: what lasts (state), messages and what is kept of them (memories), what is on
the air (sending), what is received (receiving), and here the round as a whole.

Numbers agree with the compiled round to rounding, not to the bit. refusals says what is left to that one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.distributed as dist

from laser.device import random
from laser.device.compressor import Context
from laser.device.memories import RoundState
from laser.device.receiving import Receiving
from laser.device.refusals import refusal, refused
from laser.errors import EXIT_CONFIGURATION, EXIT_NON_FINITE, error

__all__ = ["DeviceRound", "place_of", "refusal"]


def place_of(tensors: Sequence[torch.Tensor], settings: Mapping[str, str], parts: Mapping[str, Any]) -> torch.device | None:
    """The device that a round of these tensors is computed on: their own where they share one that is not the CPU and this
    round takes the settings, else None, the CPU."""
    devices = {tensor.device for tensor in tensors}
    if len(devices) != 1 or refusal(settings, parts):
        return None
    device = devices.pop()
    return None if device.type in ("cpu", "meta") else device


class DeviceRound(Receiving):
    """A round with what lasts between rounds, on one device.

    shapes: names and shapes of the tensors, in order; they are what the flat vectors of ``round`` consist of.
    settings: of every setting of the command that a round reads its text, as ``core.settings`` gives them.
    workers: k. group: of k processes, each of which holds worker ``first_worker``; None: this process holds all.
    Raises Error (exit code 3) for settings that refusals does not list, and for a trace of gains that does not fit (4).
    """

    def __init__(self, shapes: Sequence[tuple[str, Sequence[int]]], settings: Mapping[str, str], workers: int, seed: int,
                 device: torch.device | str = "cpu", double_precision: bool = False,
                 group: dist.ProcessGroup | None = None, first_worker: int = 0):
        not_taken = refused(settings)
        if not_taken:
            raise error(EXIT_CONFIGURATION, f"{not_taken[1]}. HINT: leave {not_taken[0]} out, or gradients on the CPU and a laser that "
                        "is built for this torch")
        place, kind = torch.device(device), torch.float64 if double_precision else torch.float32
        if double_precision and place.type == "mps":
            raise error(EXIT_CONFIGURATION, "MPS has no numbers of 64 bits. HINT: parameters of float32")
        wide = torch.float32 if place.type == "mps" else torch.float64
        context = Context(seed, place, kind, wide, random.Normals(seed, place))
        super().__init__(shapes, settings, context, workers if group is None else 1, workers, first_worker, group)
        self._last: RoundState | None = None
        self._diagnosis: dict[str, torch.Tensor] = {}

    # -- the round ----------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def round(self, index: int, power: float, gradients: torch.Tensor | Sequence[torch.Tensor], diagnose: bool = False) -> torch.Tensor:
        """The server's estimate [d] of the mean of the workers' gradients, [K, d] or of every tensor [K, ...], on their device.
        Where a number is not finite the estimate is NaN and nothing that lasts has changed; ``report`` then raises Error."""
        if not isinstance(gradients, torch.Tensor):
            gradients = torch.cat([gradient.reshape(self.local, -1) for gradient in gradients], 1)
        if gradients.is_meta or self.device.type in ("cpu", "cuda", "xpu"):
            with torch.autocast(self.device.type if self.device.type != "meta" else "cpu", enabled=False):
                return self._round(index, power, gradients, diagnose)
        return self._round(index, power, gradients, diagnose)

    def round_into(self, index: int, power: float, gradients: Sequence[torch.Tensor], estimate: Sequence[torch.Tensor],
                   looked: tuple[int, float] | None = None) -> None:
        """The same into places of the caller's, which may be those of the gradients."""
        flat, at = self.round(index, power, gradients), 0
        for place in estimate:
            place.copy_(flat[at : at + place.numel()].view(place.shape))
            at += place.numel()

    def look(self, gradients: Sequence[torch.Tensor]) -> tuple[int, float]:
        """Of the first worker here: the first tensor that is not finite, or -1, and the largest magnitude. Waits for the
        device, once."""
        peaks = torch.stack([gradient[0].abs().amax() for gradient in gradients]).tolist()
        bad = next((index for index, peak in enumerate(peaks) if not math.isfinite(peak)), -1)
        return bad, math.inf if bad >= 0 else max(peaks)

    def _round(self, index: int, power: float, gradients: torch.Tensor, diagnose: bool) -> torch.Tensor:
        if gradients.shape != (self.local, self.size) or gradients.dtype != self.kind:
            raise error(EXIT_CONFIGURATION, f"the gradients are {tuple(gradients.shape)} of {gradients.dtype}, and this round "
                        f"is made for {(self.local, self.size)} of {self.kind}")
        return self._run(self._begin(index, power, diagnose), gradients)

    def _run(self, state: RoundState, gradients: torch.Tensor) -> torch.Tensor:
        """One round, Algorithm 1 for any parts (spec 2.5): a line a step, those of src/laser/aggregate/aggregator.cpp."""
        inputs = self._form_inputs(state, gradients)  # g_i, or the average that a worker sends in its place
        self._form_messages(state, inputs)  # M_i = e_i + g_i
        for number, share in enumerate(self._pass_shares):
            sent = self._encode(state, number, state.power * share)  # c_i, and sums and norms of all
            if sent is not None:
                self._allocate(state, sent)  # P_b,i, and the scales
                self._cross_channel(state, sent)  # y = sum_i h_i a_i c_i + Z
                self._decode(state, sent)  # the estimate that y makes
        estimate = self._weigh(state)  # times the receiver's weight, 0 where nothing arrived
        if state.diagnosed:
            self._diagnosis = self._diagnose(state, gradients)
        self._update_memories(state)  # e_i = M_i - what the worker got across
        self._conclude(state, estimate)  # what the report is made of
        return estimate

    def _begin(self, index: int, power: float, diagnose: bool) -> RoundState:
        awake, present = self._air.presence(index)
        draws = len(self._tensors) if self._air.draws_per_tensor else 1
        links = [self._air.draw(index, layer, present) for layer in range(draws)]
        lost = not torch.equal(present, awake)  # both of the host
        sent = [self._air.draw(index, layer, awake) for layer in range(draws)] if lost else []
        count = len(self._tensors)
        never = torch.zeros((), dtype=torch.bool, device=self.device)
        energy = torch.zeros(self.workers, dtype=self.wide, device=self.device)
        state = RoundState(index, power, diagnose, links, sent, awake, ~never, energy,
                           [tensor.shared for tensor in self._tensors], [never] * count)
        state.silent_known = {l for l in range(count) if not state.link(l).heard or (self._channel.noisy and power <= 0)}
        if self._digital:
            state.symbols = self._digital.uses(index)
        return state

    def _form_inputs(self, state: RoundState, gradients: torch.Tensor) -> torch.Tensor:
        if not self._filter.active and bool(state.awake.all()):
            return gradients
        return self._filter.apply(state.index, self._on_device(~state.awake[self._mine]).unsqueeze(1), gradients)

    def _form_messages(self, state: RoundState, inputs: torch.Tensor) -> None:
        rounding = self._rounding_words(state.index)
        for l, tensor in enumerate(self._tensors):
            layer = tensor.layer
            part = inputs[:, layer.offset : layer.offset + layer.size].view(self.local, layer.rows, layer.columns)
            state.messages.append(self._message(tensor, part, rounding.get(l)))
            tensor.compressor.begin(state.index, tensor.shared)

    def _weigh(self, state: RoundState) -> torch.Tensor:
        """The estimate [d]: 0 where nothing arrived, NaN where the round met a number that is not finite, else weighted."""
        estimate = torch.empty(self.size, dtype=self.kind, device=self.device)
        none = torch.zeros((), dtype=self.kind, device=self.device)
        for l, tensor in enumerate(self._tensors):
            layer, found, weight = tensor.layer, state.estimates[l], state.weights[l]
            place = estimate[layer.offset : layer.offset + layer.size].view(layer.rows, layer.columns)
            factor = torch.ones_like(none) if weight is None else weight.to(self.kind)
            factor = torch.where(state.ok, torch.where(state.silent[l], none, factor), torch.full_like(none, math.nan))
            if found is None:
                place.copy_((none * factor).expand_as(place))
            else:
                torch.mul(found, factor, out=place)
            state.estimates[l] = place
            clean = state.clean[l]
            if clean is not None:
                state.clean[l] = clean * factor
        return estimate

    def _conclude(self, state: RoundState, estimate: torch.Tensor) -> None:
        state.peaks = torch.stack([estimate[t.layer.offset : t.layer.offset + t.layer.size].abs().amax() for t in self._tensors])
        state.messages, state.estimates, state.clean, state.shared, state.held = [], [], [], [], {}
        self._last = state

    # -- for the host -------------------------------------------------------------------------------------------------

    @property
    def sent_bytes(self) -> int:
        """That this rank's exchanges have handed to the network, as a ring of all ranks sends them."""
        return self._exchange.sent_bytes

    @property
    def exchanges(self) -> int:
        """All-reduces so far."""
        return self._exchange.count

    def sum(self, numbers: torch.Tensor) -> None:
        """Adds numbers over the processes, in place."""
        self._exchange.sum(numbers)

    @property
    def unheard(self) -> bool:
        """Whether nobody was heard in the last round: it follows from the draws, and no device is waited for."""
        assert self._last is not None
        return not any(link.heard for link in self._last.links)

    @property
    def symbols(self) -> int:
        """Channel uses of the last round."""
        assert self._last is not None
        return self._last.symbols

    @property
    def finite(self) -> torch.Tensor:
        """A bool on the device: whether the last round met finite numbers only."""
        assert self._last is not None
        return self._last.ok

    def report(self) -> dict[str, Any]:
        """What the last round tells about itself: energy [k], symbols, unheard, and a diagnosis where it was asked for.
        Waits for the device. Raises Error (exit code 5) naming tensor, worker and round where a number was not finite."""
        state = self._last
        assert state is not None
        energy, fine = state.energy.tolist(), bool(state.ok)
        if not fine:
            self._raise_non_finite(state)
        use = self._channel.budget_use(energy, [state.power * share for share in self._shares])
        assert state.peaks is not None
        result: dict[str, Any] = {"energy": energy, "symbols": state.symbols, "unheard": self.unheard, "budget_use": use,
                                  "largest": state.peaks.tolist()}
        if state.diagnosed:
            result |= self._told(self._diagnosis)
        return result

    def _raise_non_finite(self, state: RoundState) -> None:
        for norms, whose in state.norms:
            for worker, row in enumerate(norms.tolist()):
                for l, norm in zip(whose, row):
                    if not math.isfinite(norm):
                        raise error(EXIT_NON_FINITE, f"the message of tensor '{self._tensors[l].layer.name}' at worker {worker} "
                                    f"is not finite in round {state.index}. HINT: lower learning_rate, raise power, or try "
                                    "feedback=none")
        raise error(EXIT_NON_FINITE, f"the noise of round {state.index} cannot be written in {self.kind}. HINT: raise power")
