"""The round by torch's own operations, on the device of the gradients: the fallback where no kernel is, and their oracle.

It is the round of src/laser/aggregate: gradients -> error feedback -> compress -> allocate power -> channel -> decode ->
estimate, with the same parts, the same addressed noise and the same names of what lasts, so that a state goes from one to
the other. Nothing in it waits for the device: energies, shares and noise levels are tensors, and what a round tells about
itself is read when ``report`` is asked. One process holds all k workers, or each of k processes holds one; then a pass makes
one exchange, an all-reduce of

    [ the worker's weighted symbols | k rows of norms, of which this worker fills its own ]

in which the sum of the symbols and the norms of all workers arrive together: the weights of all channels but one do not
depend on norms, and that one (saturating) divides afterwards. That is 1 exchange a round, 2 with two_phase, and 1 more where
a diagnosis is asked for.

Numbers agree with the compiled round to rounding, not to the bit. ``REFUSED`` says what is left to that one.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.distributed as dist

from laser import device_power as power_of
from laser import device_random as random
from laser.device_compress import Compressor, Context, Decoded, Identity, Layer, applies, check_low_rank, make
from laser.device_compress import orthonormal_rows
from laser.native import EXIT_CONFIGURATION, EXIT_DATA, EXIT_NON_FINITE, error

REFUSED = {  # settings that this round does not take, and why
    ("channel_mode", "physical"): "it forms and measures what each worker transmits, a check of the compiled round",
    ("exchange", "exact"): "it promises the bits of one process, which only the compiled round has",
    ("channel", "trace"): "its gains are read by the compiled round",
    ("channel", "digital"): "its bits are counted by the compiled round",
    ("compressor", "top_k_mean"): "it is made for channel=digital, which is the compiled round's",
    ("compressor", "sweep"): "its rotations are the compiled round's",
    ("feedback", "hold"): "the estimate that all hold is the compiled round's",
    ("preconditioner", "second_moment"): "second moments are the compiled round's",
    ("channel", "reed"): "numbers travel as energies, which only the compiled round forms",
    ("compressor", "top_k_pilot"): "only the compiled round has it",
    ("compressor", "age_top_k"): "only the compiled round has it",
    ("feedback", "fitted"): "only the compiled round has it",
    ("transport", "parallel"): "only the compiled round has it",
    ("equal_norms", "true"): "norms are made equal by the compiled round",
}
PERFECT = ("channel_error", "path_loss_exponent", "shadowing_db", "phase_error", "timing_error", "peak_ratio")  # 0 is taken alone
_RAW = ("norm", "norm2")  # allocations by the norms of messages


def _refused(settings: Mapping[str, str]) -> tuple[str, str] | None:
    """The first setting that is not taken, and why."""
    for (name, value), reason in REFUSED.items():
        if settings[name] == value:
            return name, f"{name} = {value} is not computed on a device: {reason}"
    if settings.get("lead", "0") != "0" and float(settings["worker_momentum"]) != 0:
        return "lead", f"lead = {settings['lead']} is not computed on a device: leads are the compiled round's"
    for name in PERFECT:
        if float(settings.get(name, 0)) != 0:
            return name, f"{name} = {settings[name]} is not computed on a device: links that are not perfect are the compiled round's"
    return None


def refusal(settings: Mapping[str, str], parts: Mapping[str, Any]) -> str | None:
    """Why these settings cannot be computed here; None where they can."""
    refused = _refused(settings)
    if refused:
        return refused[1]
    for role, part in parts.items():
        return (f"{role} = {type(part).__name__} is one of your own, which is asked on the host: it is not computed on a "
                "device")
    return None


def place_of(tensors: Sequence[torch.Tensor], settings: Mapping[str, str], parts: Mapping[str, Any]) -> torch.device | None:
    """The device that a round of these tensors is computed on: their own where they share one that is not the CPU and this
    round takes the settings, else None, the CPU."""
    devices = {tensor.device for tensor in tensors}
    if len(devices) != 1 or refusal(settings, parts):
        return None
    device = devices.pop()
    return None if device.type in ("cpu", "meta") else device


@dataclasses.dataclass
class _Tensor:
    """What lasts of a parameter tensor: e_i = memory - left^T right of `pending`, which only a bfloat16 memory has."""

    layer: Layer
    compressor: Compressor
    compressed: bool
    shared: dict[str, torch.Tensor]
    memory: torch.Tensor | None = None  # [K, m, n]
    pending: tuple[torch.Tensor, torch.Tensor] | None = None


@dataclasses.dataclass
class _Geometry:
    """How the symbols of a pass lie: which groups they make, of which tensors; the same in every round."""

    tensors: list[int]  # [B] that take part
    blocks: list[tuple[int, int, int]]  # (tensor, groups C, symbols D) in the order of the flat symbols
    symbols: torch.Tensor  # [B] of each tensor, as numbers
    lengths: torch.Tensor  # [G] symbols of a group
    block_of_group: torch.Tensor  # [G] which of the B tensors
    tensor_of_group: torch.Tensor  # [G] which of all tensors
    members: torch.Tensor  # [G, B] 1 where a group is of a tensor
    group_of_symbol: torch.Tensor  # [S]
    tensor_of_symbol: torch.Tensor  # [S] which of all tensors
    pieces: list[random.Piece]  # streams of the noise
    slices: list[slice]  # [B] of the groups


@dataclasses.dataclass
class _Round:
    index: int
    power: float
    diagnosed: bool
    links: list[power_of.Link]
    sent: list[power_of.Link]
    messages: list[torch.Tensor]
    ok: torch.Tensor  # bool: all that was met is finite
    raw: torch.Tensor | None  # [k, T] norms of messages
    energy: torch.Tensor  # [k]
    estimates: list[torch.Tensor | None]
    clean: list[torch.Tensor | None]
    shared: list[dict[str, torch.Tensor]]
    silent: list[torch.Tensor]  # of each tensor: bool, nothing arrived though there was something to send
    weights: list[torch.Tensor | None]
    norms: list[tuple[torch.Tensor, list[int]]]  # [k, columns] that were exchanged, and whose they are
    awake: torch.Tensor  # [k] bool, of the host: who computes a gradient
    silent_known: set[int] = dataclasses.field(default_factory=set)  # of the draws alone
    symbols: int = 0
    peaks: torch.Tensor | None = None  # of each tensor: the largest magnitude of its estimate

    def link(self, tensor: int) -> power_of.Link:
        return self.links[0 if len(self.links) == 1 else tensor]


class DeviceRound:
    """A round with what lasts between rounds, on one device.

    shapes: names and shapes of the tensors, in order; they are what the flat vectors of ``round`` consist of.
    settings: of every setting of the command that a round reads its text, as ``core.settings`` gives them.
    workers: k. group: of k processes, each of which holds worker ``first_worker``; None: this process holds all.
    Raises Error (exit code 3) for settings in ``REFUSED``.
    """

    def __init__(self, shapes: Sequence[tuple[str, Sequence[int]]], settings: Mapping[str, str], workers: int, seed: int,
                 device: torch.device | str = "cpu", double_precision: bool = False,
                 group: dist.ProcessGroup | None = None, first_worker: int = 0):
        refused = _refused(settings)
        if refused:
            raise error(EXIT_CONFIGURATION, f"{refused[1]}. HINT: leave {refused[0]} out, or gradients on the CPU and a laser that is "
                        "built for this torch")
        self.device = torch.device(device)
        self.settings, self.workers, self.seed = dict(settings), workers, seed
        self.group, self.first_worker = group, first_worker
        self.local = workers if group is None else 1
        self.kind = torch.float64 if double_precision else torch.float32
        if double_precision and self.device.type == "mps":
            raise error(EXIT_CONFIGURATION, "MPS has no numbers of 64 bits. HINT: parameters of float32")
        self.wide = torch.float32 if self.device.type == "mps" else torch.float64
        self.sent_bytes = 0  # that this rank's exchanges hand to the network, as a ring of all ranks sends them
        self.exchanges = 0
        self._normals = random.Normals(seed, self.device)
        context = Context(seed, self.device, self.kind, self.wide, self._normals)
        self._tensors: list[_Tensor] = []
        at = 0
        for index, (name, shape) in enumerate(shapes):
            layer = Layer(name, tuple(shape), index, at)
            at += layer.size
            compressor = make(settings, layer, context)
            compressed = applies(settings, layer)
            self._tensors.append(_Tensor(layer, compressor, compressed, compressor.initial_state()))
        self.size = at
        check_low_rank(settings, [tensor.layer for tensor in self._tensors])
        self._passes = max(tensor.compressor.passes for tensor in self._tensors)
        self._allocation = settings["allocation"]
        self._channel, self._antennas = settings["channel"], int(settings["antennas"])
        self._noisy = self._channel != "noiseless"
        self._feedback, self._receiver = settings["feedback"], settings["receiver"]
        self._exponent = float(settings["receiver_exponent"])
        self._momentum_rate = float(settings["worker_momentum"])
        self._momentum: torch.Tensor | None = None
        self._memory_kind = torch.bfloat16 if settings["memory"] == "bfloat16" else self.kind
        self._phase_share = float(settings["phase_share"])
        self._fill = settings["fill_budget"] == "true" and self._noisy
        self._per_tensor = settings["fading_draw"] == "tensor" and self._channel in power_of.FADES
        shares = [float(item) for item in settings["power_shares"].strip("[]").split(",") if item.strip()] or [1.0]
        each = [shares[i % len(shares)] for i in range(workers)]
        mean = sum(each) / workers
        self._shares = [one / mean for one in each]
        self._power_shares = self._on_device(torch.tensor(self._shares, dtype=torch.float64)).unsqueeze(1)
        self._geometries: dict[tuple, _Geometry] = {}
        self._last: _Round | None = None
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
        state = self._begin(index, power, diagnose, gradients)
        share = [self._phase_share, 1 - self._phase_share] if self._passes == 2 else [1.0]
        for pass_number in range(self._passes):
            self._pass(state, pass_number, power * share[pass_number])
        estimate = self._finish(state)
        if diagnose:
            self._diagnose(state, gradients)
        self._keep(state)
        state.peaks = torch.stack([estimate[t.layer.offset : t.layer.offset + t.layer.size].abs().amax() for t in self._tensors])
        state.messages, state.estimates, state.clean, state.shared = [], [], [], []
        self._last = state
        return estimate

    def _begin(self, index: int, power: float, diagnose: bool, gradients: torch.Tensor) -> _Round:
        settings = self.settings
        awake = power_of.awake(self.seed, index, self.workers, float(settings["participation"]))
        present = power_of.without_losses(self.seed, index, awake, float(settings["loss_rate"]))
        lost = not torch.equal(present, awake)  # both of the host
        draws = len(self._tensors) if self._per_tensor else 1

        def draw(layer: int, who: torch.Tensor) -> power_of.Link:
            return power_of.draw_link(self._channel, self.seed, index, layer, who, float(settings["least_gain"]),
                                      self._antennas)

        links = [draw(layer, present) for layer in range(draws)]
        sent = [draw(layer, awake) for layer in range(draws)] if lost else []
        inputs = gradients
        momentum = None
        if self._momentum_rate or not bool(awake.all()):
            asleep = self._on_device(~awake[self.first_worker : self.first_worker + self.local]).unsqueeze(1)
            if self._momentum_rate:
                before = torch.zeros_like(gradients) if self._momentum is None else self._momentum
                momentum = before * self._momentum_rate + gradients * (1 - self._momentum_rate)
                momentum = torch.where(asleep, before, momentum)
                inputs = momentum
            inputs = torch.where(asleep, torch.zeros_like(gradients), inputs)
        self._next_momentum = momentum
        count = len(self._tensors)
        never = torch.zeros((), dtype=torch.bool, device=self.device)
        state = _Round(index, power, diagnose, links, sent, [], ~never, None,
                       torch.zeros(self.workers, dtype=self.wide, device=self.device), [None] * count, [None] * count,
                       [tensor.shared for tensor in self._tensors], [never] * count, [None] * count, [], awake)
        state.silent_known = {l for l in range(count) if not state.link(l).heard or (self._noisy and power <= 0)}
        rounding = self._rounding_words(index)
        for l, tensor in enumerate(self._tensors):
            layer = tensor.layer
            part = inputs[:, layer.offset : layer.offset + layer.size].view(self.local, layer.rows, layer.columns)
            state.messages.append(self._message(tensor, part, rounding.get(l)))
            tensor.compressor.begin(index)
        return state

    def _message(self, tensor: _Tensor, gradient: torch.Tensor, rounding: torch.Tensor | None) -> torch.Tensor:
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

    def _bases(self, index: int) -> list[torch.Tensor | None]:
        """[r, D] the basis that each tensor starts from. All draws are made at once, tensors of one shape in one batch."""
        starts = [tensor.compressor.start(tensor.shared) for tensor in self._tensors]
        pieces = [(random.REPLACEMENT, l, 0, start.numel()) for l, start in enumerate(starts) if start is not None]
        drawn = dict(zip((piece[1] for piece in pieces), self._normals.draw(index, pieces)))
        alike: dict[torch.Size, list[int]] = {}
        for l, start in enumerate(starts):
            if start is not None:
                alike.setdefault(start.shape, []).append(l)
        bases: list[torch.Tensor | None] = [None] * len(starts)
        for shape, members in alike.items():
            batch = torch.stack([start for l in members if (start := starts[l]) is not None])
            rows = orthonormal_rows(batch, torch.stack([drawn[l].view(shape) for l in members]), self.wide)
            for l, basis in zip(members, rows.unbind(0)):
                bases[l] = basis
        return bases

    # -- a pass -------------------------------------------------------------------------------------------------------

    def _pass(self, state: _Round, number: int, budget: float) -> None:
        last = number == self._passes - 1
        bases = self._bases(state.index) if number == 0 else [None] * len(self._tensors)
        taking = []  # a tensor of one pass waits for the last; what was silent is not sent again
        for l, tensor in enumerate(self._tensors):
            again = number > 0 and tensor.compressor.passes > 1
            if (last or tensor.compressor.passes > 1) and not (again and l in state.silent_known):
                taking.append(l)
        encoded = [self._tensors[l].compressor.encode(number, state.messages[l], bases[l]) for l in taking]
        rows = []  # [K, columns]
        whose: list[int] = []
        for l, blocks in zip(taking, encoded):
            for block in blocks:
                rows.append(torch.linalg.vector_norm(block, dim=2, dtype=self.wide))
                whose += [l] * block.shape[1]
        if taking:
            geometry = self._geometry(number, taking, encoded)
            state.symbols += sum(groups * length for _, groups, length in geometry.blocks)
        groups = len(whose)
        contents = [l for l in taking if self._tensors[l].compressor.content_norm() is not None]
        for l in contents:
            content = self._tensors[l].compressor.content_norm()
            assert content is not None
            rows.append(content.unsqueeze(1))
        raw = number == 0 and (self._allocation in _RAW and self._noisy or state.diagnosed)
        if raw:
            looked_at = list(range(len(self._tensors)))
        else:  # where symbols would not show what is not finite
            looked_at = [l for l in taking if not self._tensors[l].compressor.reads_all]
        rows += [torch.linalg.vector_norm(state.messages[l], dim=(1, 2), dtype=self.wide).unsqueeze(1) for l in looked_at]
        if not rows:
            return
        whose += contents + looked_at
        flat = torch.cat([block.reshape(self.local, -1) for blocks in encoded for block in blocks], 1) if taking else None
        total, norms = self._exchange(state, flat, torch.cat(rows, 1), geometry if taking else None)
        state.ok = state.ok & norms.isfinite().all()
        state.norms.append((norms, whose))
        if raw:
            state.raw = norms[:, groups + len(contents) :]
        if not taking or total is None:
            return
        norms, content = norms[:, :groups], norms[:, groups : groups + len(contents)]
        scales, energies = self._scales(state, geometry, norms, content, contents, budget)
        state.energy = state.energy + (scales.amplitude * norms).square().sum(1)
        self._receive(state, geometry, number, total, norms, scales, energies)

    def _geometry(self, number: int, taking: list[int], encoded: list[list[torch.Tensor]]) -> _Geometry:
        key = (number, *taking, self._parity_key())
        if key in self._geometries:
            return self._geometries[key]
        blocks, pieces, slices, at = [], [], [], 0
        for l, parts in zip(taking, encoded):
            first = at
            for b, part in enumerate(parts):
                blocks.append((l, part.shape[1], part.shape[2]))
                pieces.append((random.NOISE, l, number * 16 + b, part.shape[1] * part.shape[2]))
                at += part.shape[1]
            slices.append(slice(first, at))
        lengths = torch.tensor([length for _, groups, length in blocks for _ in range(groups)])
        owner = torch.tensor([l for l, groups, _ in blocks for _ in range(groups)])
        block = torch.tensor([taking.index(l) for l, groups, _ in blocks for _ in range(groups)])
        members = torch.nn.functional.one_hot(block, len(taking)).to(self.wide)
        symbols = members.t() @ lengths.to(self.wide)
        group = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
        here = self._on_device
        made = _Geometry(taking, blocks, here(symbols), here(lengths.to(self.wide)), here(block), here(owner), here(members),
                         here(group), here(owner[group]), pieces, slices)
        self._geometries[key] = made
        return made

    def _parity_key(self) -> int:
        """Rounds of alternating send one factor or the other."""
        transport = self.settings["transport"] == "alternating" and self.settings["compressor"] == "low_rank"
        return self._tensors_round % 2 if transport else 0

    @property
    def _tensors_round(self) -> int:
        return self._tensors[0].compressor.round

    def _exchange(self, state: _Round, flat: torch.Tensor | None, rows: torch.Tensor,
                  geometry: _Geometry | None) -> tuple[torch.Tensor | None, torch.Tensor]:
        """The weighted sum of all workers' symbols [S], and the norms of all, [k, columns]."""
        total = None
        if flat is not None and geometry is not None:
            weight = self._symbol_weights(state, rows[:, : len(geometry.lengths)], geometry)
            total = flat[0] * weight[0] if self.local == 1 else (flat * weight).sum(0)
        if self.group is None:
            return total, rows
        columns, symbols = rows.shape[1], 0 if total is None else len(total)
        buffer = torch.zeros(symbols + self.workers * columns, dtype=self.kind, device=self.device)
        if total is not None:
            buffer[:symbols] = total
        at = symbols + self.first_worker * columns
        buffer[at : at + columns] = rows[0].to(self.kind)
        self._all_reduce(buffer)
        norms = buffer[symbols:].view(self.workers, columns).to(self.wide)
        return (None if total is None else buffer[:symbols]), norms

    def sum(self, numbers: torch.Tensor) -> None:
        """Adds numbers over the processes, in place."""
        if self.group is not None:
            self._all_reduce(numbers)

    def _all_reduce(self, buffer: torch.Tensor) -> None:
        self.exchanges += 1
        self.sent_bytes += 2 * (self.workers - 1) * -(-buffer.numel() // self.workers) * buffer.element_size()
        dist.all_reduce(buffer, group=self.group)

    def _symbol_weights(self, state: _Round, norms: torch.Tensor, geometry: _Geometry) -> torch.Tensor:
        """[K, 1] or [K, S] what this process's workers multiply their symbols with before the sum."""
        mine = slice(self.first_worker, self.first_worker + self.local)
        if self._channel == "saturating":
            return self._loudness(state, norms, mine).to(self.kind)[:, geometry.group_of_symbol]
        each = [power_of.weights(self._channel, link, self._antennas) for link in state.links]
        weight = torch.stack([one for one in each if one is not None], 1)[mine]  # [K, 1] or [K, T]
        weight = self._on_device(weight).to(self.kind)
        return weight if len(state.links) == 1 else weight[:, geometry.tensor_of_symbol]

    def _loudness(self, state: _Round, norms: torch.Tensor, workers: slice) -> torch.Tensor:
        """sqrt(p_i) / N_i of some workers at full power without the group's energy, which all have in common, from their norms;
        0 where one is silent."""
        active = self._on_device(state.links[0].active[workers]).unsqueeze(1)
        loud = self._power_shares[workers].sqrt() / torch.where(norms > 0, norms, torch.ones_like(norms))
        return torch.where(active & (norms > 0), loud, torch.zeros_like(loud))

    def _group_links(self, links: list[power_of.Link], geometry: _Geometry) -> power_of.GroupLinks:
        gain = self._on_device(torch.stack([link.gain for link in links], 1)).to(self.wide)
        active = self._on_device(torch.stack([link.active for link in links], 1))
        air = self._on_device(torch.tensor([link.air_noise for link in links], dtype=torch.float64)).to(self.wide)
        if len(links) > 1:
            owner = geometry.tensor_of_group
            gain, active, air = gain[:, owner], active[:, owner], air[owner]
        return power_of.GroupLinks(gain, active, air, active.any(0))

    def _scales(self, state: _Round, geometry: _Geometry, norms: torch.Tensor, content: torch.Tensor, contents: list[int],
                budget: float) -> tuple[power_of.Scales, torch.Tensor]:
        """What every group may cost, [G], and the scales that follow from it (spec 1.2, 3.2)."""
        links = self._group_links(state.links, geometry)
        sent = self._group_links(state.sent, geometry) if state.sent else None

        def superpose(group_energies: torch.Tensor) -> power_of.Scales:
            energies = self._power_shares * group_energies
            return power_of.superpose_with_losses(self._channel, links, sent, norms, energies, self._antennas)

        if not self._noisy:
            zero = torch.zeros_like(norms[0])
            return superpose(zero), zero
        what = (norms.square() @ geometry.members).sqrt()  # [k, B]
        if contents:
            for column, l in enumerate(contents):
                what[:, geometry.tensors.index(l)] = content[:, column]
        raw = what if state.raw is None else state.raw[:, geometry.tensors]
        shares = power_of.block_shares(self._allocation, raw, what, geometry.symbols)
        blocks = shares * budget
        group_energies = power_of.split_by_norm(blocks, norms, geometry.members, geometry.block_of_group)
        for b, l in enumerate(geometry.tensors):
            compressor = self._tensors[l].compressor
            if compressor.split != "norm":
                layer, own = compressor.layer, norms[:, geometry.slices[b]]
                group_energies[geometry.slices[b]] = power_of.split_factor_pair(
                    blocks[:, b], own, layer.rows, layer.columns, compressor.split == "pair_optimal")
        scales = superpose(group_energies)
        if self._fill:
            group_energies = group_energies * self._unused_factor(scales, norms, sent or links, budget)
            scales = superpose(group_energies)
        state.ok = state.ok & (scales.noise < torch.finfo(self.kind).max / 8).all()
        return scales, group_energies

    def _unused_factor(self, scales: power_of.Scales, norms: torch.Tensor, links: power_of.GroupLinks,
                       budget: float) -> torch.Tensor:
        """By how much all energies can grow before the first worker, or all together, spend what they may (spec 3.2, S2)."""
        spent = (scales.amplitude * norms).square().sum(1)
        may = self._power_shares[:, 0] * budget
        if self._channel == "sum_power":
            factor = torch.where(links.active[:, 0], may, torch.zeros_like(may)).sum() / spent.sum()
        else:
            factor = torch.where(spent > 0, may / spent, torch.full_like(spent, math.inf)).amin()
        return torch.where(factor.isfinite() & (factor > 0), factor, torch.ones_like(factor))

    def _receive(self, state: _Round, geometry: _Geometry, number: int, total: torch.Tensor, norms: torch.Tensor,
                 scales: power_of.Scales, energies: torch.Tensor) -> None:
        """Noise, what the server makes of what it heard, and who was not heard."""
        if self._channel == "saturating":
            loud = self._loudness(state, norms, slice(None)).sum(0)
            factor = torch.where(loud > 0, 1 / loud, torch.zeros_like(loud))
            total = total * factor.to(self.kind)[geometry.group_of_symbol]
        clean = total
        if self._noisy:
            drawn = torch.cat(self._normals.draw(state.index, geometry.pieces)).to(self.kind)
            total = total + scales.noise.to(self.kind)[geometry.group_of_symbol] * drawn
        last = number == self._passes - 1
        at = group = 0
        heard: dict[int, list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]] = {l: [] for l in geometry.tensors}
        for l, count, length in geometry.blocks:
            size = count * length
            heard[l].append((total[at : at + size].view(count, length), clean[at : at + size].view(count, length),
                             scales.noise[group : group + count]))
            at, group = at + size, group + count
        for b, l in enumerate(geometry.tensors):
            unheard = ~scales.received[geometry.slices[b]].all()
            powered = (energies[geometry.slices[b]] > 0).any()
            silent = unheard & ~powered
            if l in state.silent_known:
                silent = torch.ones_like(silent)
            state.silent[l] = state.silent[l] | silent
            compressor = self._tensors[l].compressor
            noisy = [one for one, _, _ in heard[l]]
            deviation = [one for _, _, one in heard[l]]
            shared = self._tensors[l].shared
            decoded = compressor.decode(number, noisy, deviation, shared)
            if last:
                if self._receiver == "matched":
                    state.weights[l] = self._matched(state.link(l), norms[:, geometry.slices[b]], heard[l])
                if self._receiver in ("mmse", "mmse_genie"):
                    scaled = [self._mmse(one, exact, sigma) for one, exact, sigma in heard[l]]
                    decoded = Decoded(compressor.decode(number, scaled, deviation, shared).estimate, decoded.shared)
            if decoded.estimate is None:
                continue
            if state.diagnosed:
                exact = [one for _, one, _ in heard[l]]
                state.clean[l] = compressor.decode(number, exact, [torch.zeros_like(one) for one in deviation],
                                                   shared).estimate
            state.estimates[l] = decoded.estimate
            state.shared[l] = decoded.shared

    def _mmse(self, values: torch.Tensor, exact: torch.Tensor, deviation: torch.Tensor) -> torch.Tensor:
        """Every group by its share of signal (spec 1.4)."""
        genie = self._receiver == "mmse_genie"
        noise = values.shape[1] * deviation.square()
        signal = (exact if genie else values).to(self.wide).square().sum(1)
        if genie:
            weight = signal / (signal + noise)
        else:
            weight = torch.where(signal > 0, (1 - noise / signal).clamp(min=0), torch.zeros_like(signal))
        weight = torch.where(noise == 0, torch.ones_like(weight), weight)
        return values * weight.to(values.dtype).unsqueeze(1)

    def _matched(self, link: power_of.Link, norms: torch.Tensor,
                 heard: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]) -> torch.Tensor:
        """(1 + noise / signal)^-a (docs/beyond.md)."""
        noise = torch.stack([values.shape[1] * sigma.square().sum() for values, _, sigma in heard]).sum()
        active = self._on_device(link.active).unsqueeze(1)
        signal = torch.where(active, norms.square(), torch.zeros_like(norms)).sum()
        some = signal > 0
        mean = torch.where(some, signal, torch.ones_like(signal)) / active.sum().clamp(min=1)
        return torch.where(some, (1 + noise / mean) ** -self._exponent, torch.ones_like(signal))

    # -- after the passes ---------------------------------------------------------------------------------------------

    def _finish(self, state: _Round) -> torch.Tensor:
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

    def _remembers(self, tensor: _Tensor) -> bool:
        return self._feedback != "none" and (self._feedback == "weighted" or tensor.compressed)

    def _share(self, state: _Round, l: int) -> torch.Tensor:
        """[K, 1, 1] how much of what arrived each worker takes from its message: 0 where it was not heard."""
        mine = slice(self.first_worker, self.first_worker + self.local)
        share = self._on_device(state.link(l).active[mine].to(self.kind)).view(-1, 1, 1)
        weight = state.weights[l]
        if self._feedback == "weighted" and weight is not None:
            share = share * weight.to(self.kind)
        return torch.where(state.silent[l] | ~state.ok, torch.zeros_like(share), share)

    def _keep(self, state: _Round) -> None:
        """e_i = M_i - what the worker got across; nothing changes where the round met a number that is not finite."""
        for l, tensor in enumerate(self._tensors):
            if self._remembers(tensor):
                self._keep_memory(state, l, tensor)
            arrived = state.ok & ~state.silent[l]
            tensor.shared = {name: torch.where(arrived, value, tensor.shared[name])
                             for name, value in state.shared[l].items()}
        if self._next_momentum is not None:
            before = torch.zeros_like(self._next_momentum) if self._momentum is None else self._momentum
            self._momentum = torch.where(state.ok, self._next_momentum, before)

    def _keep_memory(self, state: _Round, l: int, tensor: _Tensor) -> None:
        message, share, compressor = state.messages[l], self._share(state, l), tensor.compressor
        before = torch.zeros_like(message) if tensor.memory is None else tensor.memory
        factors, pending = None, None
        if l not in state.silent_known:
            factors = None if self._feedback == "decoded" else compressor.own_factors()
            if factors is not None:
                left, right = (torch.where(state.ok, one, torch.zeros_like(one)) for one in factors)
                left, right = (left * share, right) if left.dim() == 3 else (left, right * share)
                if self._memory_kind == torch.bfloat16:  # rounded once a round, so this product waits for the next one
                    pending = left.expand(self.local, -1, -1), right.expand(self.local, -1, -1)
                else:
                    sides = left.expand(self.local, -1, -1).transpose(1, 2), right.expand(self.local, -1, -1)
                    message = torch.baddbmm(message, *sides, alpha=-1)
            else:
                own = state.estimates[l] if self._feedback == "decoded" else compressor.own(message)
                assert own is not None
                message = message - own * share
        kept = tensor.pending
        if pending is not None or kept is not None:
            zero = tuple(torch.zeros_like(one) for one in (pending or kept or ()))
            left, right = (torch.where(state.ok, now, old) for now, old in zip(pending or zero, kept or zero))
            tensor.pending = left, right
        tensor.memory = torch.where(state.ok, message, before.to(message.dtype)).to(self._memory_kind)

    def _diagnose(self, state: _Round, gradients: torch.Tensor) -> None:
        """Ratio of memory to gradient, lambda and delta, before anything is kept (aggregate/aggregator_state.cpp)."""
        zero = torch.zeros((), dtype=self.wide, device=self.device)
        message, residual, signal, noise = zero, zero, zero, zero
        own_memory = torch.zeros(self.local, dtype=self.wide, device=self.device)
        for l, tensor in enumerate(self._tensors):
            estimate, clean = state.estimates[l], state.clean[l]
            if estimate is not None and clean is not None:
                signal = signal + clean.to(self.wide).square().sum()
                noise = noise + (estimate - clean).to(self.wide).square().sum()
            if not tensor.compressed or l in state.silent_known:
                continue
            arrived = (~state.silent[l]).to(self.wide)
            assert state.raw is not None
            message = message + arrived * state.raw[:, l].square().sum()
            own = tensor.compressor.own(state.messages[l])
            if self._remembers(tensor):
                taken = estimate if self._feedback == "decoded" else own
                assert taken is not None
                kept = (state.messages[l] - taken * self._share(state, l)).to(self.wide)
                own_memory = own_memory + arrived * kept.square().sum((1, 2))
            if self._feedback != "local":
                residual = residual + arrived * (state.messages[l] - own).to(self.wide).square().sum()
        here = self._on_device(state.awake[self.first_worker : self.first_worker + self.local])
        came = torch.where(here, gradients.to(self.wide).square().sum(1), zero)  # what those who sleep have has not come in
        ratio = torch.where(came > 0, (own_memory / torch.where(came > 0, came, torch.ones_like(came))).sqrt(),
                            torch.zeros_like(came))
        if self._feedback == "local":
            residual = own_memory.sum()
        row = torch.stack((ratio.sum(), residual))
        if self.group is not None:
            row = row.to(self.kind)
            self._all_reduce(row)
            row = row.to(self.wide)
        self._diagnosis = {"memory_ratio": row[0] / int(state.awake.sum()), "residual": row[1], "message": message, "signal": signal,
                           "noise": noise}

    # -- for the host -------------------------------------------------------------------------------------------------

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
        budgets = [state.power * share for share in self._shares]
        if not self._noisy:
            use = 0.0
        elif self._channel == "sum_power":
            use = sum(energy) / sum(budgets) if sum(budgets) else 0.0
        else:
            use = max((spent / budget for spent, budget in zip(energy, budgets) if budget > 0 and math.isfinite(budget)), default=0.0)
        assert state.peaks is not None
        result: dict[str, Any] = {"energy": energy, "symbols": state.symbols, "unheard": self.unheard, "budget_use": use,
                                  "largest": state.peaks.tolist()}
        if state.diagnosed:
            found = {name: float(value) for name, value in self._diagnosis.items()}
            if self._feedback != "none":
                result["memory_ratio"] = found["memory_ratio"]
            if found["message"] > 0:
                result["delta"] = 1 - found["residual"] / found["message"]
            if found["signal"] > 0:
                result["lambda"] = found["noise"] / found["signal"]
                result["noise_energy"] = found["noise"]
        return result

    def _raise_non_finite(self, state: _Round) -> None:
        for norms, whose in state.norms:
            for worker, row in enumerate(norms.tolist()):
                for l, norm in zip(whose, row):
                    if not math.isfinite(norm):
                        raise error(EXIT_NON_FINITE, f"the message of tensor '{self._tensors[l].layer.name}' at worker {worker} "
                                    f"is not finite in round {state.index}. HINT: lower learning_rate, raise power, or try "
                                    "feedback=none")
        raise error(EXIT_NON_FINITE, f"the noise of round {state.index} cannot be written in {self.kind}. HINT: raise power")

    # -- what lasts ---------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, torch.Tensor]:
        """Everything that lasts, under the names of the compiled round, on this device; the tensors are copies."""
        result = {}
        if self._momentum is not None:
            result["momentum"] = self._momentum.clone()
        for tensor in self._tensors:
            name = tensor.layer.name
            if tensor.memory is not None:
                result[f"memory/{name}"] = tensor.memory.clone()
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

        momentum = None
        if self._momentum_rate and "momentum" in state:
            momentum = restored("momentum", (self.local, self.size), self.kind)
        found = []
        for tensor in self._tensors:
            layer = tensor.layer
            whole = (self.local, layer.rows, layer.columns)
            name = f"memory/{layer.name}"
            memory = restored(name, whole, self._memory_kind) if name in state else None
            pending = None
            if f"pending/{layer.name}/left" in state:
                pending = self._pending(state, layer, restored)
            shared = {key: restored(f"shared/{layer.name}/{key}", tuple(value.shape), self.kind)
                      for key, value in tensor.shared.items()}
            found.append((memory, pending, shared))
        for tensor, (memory, pending, shared) in zip(self._tensors, found):
            if pending is not None and memory is not None and self._memory_kind != torch.bfloat16:
                memory, pending = memory - pending[0].transpose(-1, -2) @ pending[1], None
            tensor.memory, tensor.pending, tensor.shared = memory, pending, shared
        self._momentum = momentum

    def _pending(self, state: Mapping[str, torch.Tensor], layer: Layer, restored: Any) -> tuple[torch.Tensor, torch.Tensor]:
        parts = []
        for side, size in (("left", layer.rows), ("right", layer.columns)):
            name = f"pending/{layer.name}/{side}"
            given = state.get(name)
            rank = given.shape[-2] if given is not None and given.dim() >= 2 else 0
            own = given is not None and given.dim() == 3
            parts.append(restored(name, (self.local, rank, size) if own else (rank, size), self.kind))
        return parts[0], parts[1]

    def _on_device(self, tensor: torch.Tensor) -> torch.Tensor:
        if self.device.type == "mps" and tensor.dtype == torch.float64:
            tensor = tensor.float()
        return tensor.to(self.device, non_blocking=True)
