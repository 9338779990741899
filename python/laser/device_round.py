"""The round by torch's own operations, on the device of the gradients: the fallback where no kernel is, and their oracle.

It is the round of src/laser/aggregate: gradients -> message filter -> error feedback -> compress -> allocate power -> channel ->
decode -> estimate, with the same parts, the same addressed noise and the same names of what lasts, so that a state goes from one to
the other. Nothing in it waits for the device: energies, shares and noise levels are tensors, and what a round tells about
itself is read when ``report`` is asked. One process holds all k workers, or each of k processes holds one; then a pass makes
one exchange, an all-reduce of

    [ the worker's weighted symbols | k rows of norms, of which this worker fills its own ]

in which the sum of the symbols and the norms of all workers arrive together: the weights of all channels but one do not
depend on norms, and that one (saturating) divides afterwards, as equal norms do. That is 1 exchange a round, 2 with two_phase and
where workers send what a matched prediction leaves (prediction=matched), and 1 more where a diagnosis is asked for.

Numbers agree with the compiled round to rounding, not to the bit. device_refusals says what is left to that one.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.distributed as dist

from laser import device_air as air
from laser import device_random as random
from laser.device_channels import Digital, GroupLinks, Scales, superpose_with_losses
from laser.device_compressor import Context, Decoded, orthonormal_rows
from laser.device_geometry import BLOCKS_A_PASS, Geometry, Places, layout_of
from laser.device_imperfect import Air
from laser.device_links import Link
from laser.device_memories import Memories, RoundState
from laser.device_power import ALLOCATIONS, Known, split_by_norm, split_factor_pair
from laser.device_receivers import RECEIVERS, Heard
from laser.device_refusals import refusal, refused
from laser.native import EXIT_CONFIGURATION, EXIT_NON_FINITE, error

__all__ = ["DeviceRound", "place_of", "refusal"]
_MOST_GEOMETRIES = 64


def place_of(tensors: Sequence[torch.Tensor], settings: Mapping[str, str], parts: Mapping[str, Any]) -> torch.device | None:
    """The device that a round of these tensors is computed on: their own where they share one that is not the CPU and this
    round takes the settings, else None, the CPU."""
    devices = {tensor.device for tensor in tensors}
    if len(devices) != 1 or refusal(settings, parts):
        return None
    device = devices.pop()
    return None if device.type in ("cpu", "meta") else device


@dataclasses.dataclass
class _Pass:
    """What goes out in a pass."""

    number: int
    budget: float
    geometry: Geometry
    held: dict[int, list[torch.Tensor]]  # of tensors that are held: their own symbols [C, D] of each block
    predicted: dict[int, torch.Tensor]  # rho of those of which workers send the rest
    afforded: dict[int, bool]  # over a digital link: whether all that send have bits for it


class DeviceRound(Memories):
    """A round with what lasts between rounds, on one device.

    shapes: names and shapes of the tensors, in order; they are what the flat vectors of ``round`` consist of.
    settings: of every setting of the command that a round reads its text, as ``core.settings`` gives them.
    workers: k. group: of k processes, each of which holds worker ``first_worker``; None: this process holds all.
    Raises Error (exit code 3) for settings that device_refusals does not list, and for a trace of gains that does not fit (4).
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
        self._normals = random.Normals(seed, place)
        super().__init__(shapes, settings, Context(seed, place, kind, wide, self._normals), workers if group is None else 1, workers,
                         first_worker)
        self.group = group
        self._mine = slice(first_worker, first_worker + self.local)
        self.sent_bytes = 0  # that this rank's exchanges hand to the network, as a ring of all ranks sends them
        self.exchanges = 0
        self._passes = max(tensor.compressor.passes for tensor in self._tensors)
        self._air = Air(settings, seed, workers)
        self._channel = self._air.channel
        self._noisy, self._digital = self._channel.noisy, self._channel if isinstance(self._channel, Digital) else None
        self._allocation = ALLOCATIONS[settings["allocation"]]
        self._receiver = RECEIVERS[settings["receiver"]](settings, wide)
        first = float(settings["phase_share"])
        self._pass_shares = [first, 1 - first] if self._passes == 2 else [1.0]
        self._fill = settings["fill_budget"] == "true" and self._noisy and not self._digital
        self._equal_norms = settings["equal_norms"] == "true" and not self._digital
        self._scale_bits = float(settings["scale_bits"])
        self._air_symbols = [air.air_symbols(tensor.layer, int(settings["air_rank"])) for tensor in self._tensors]
        shares = [float(item) for item in settings["power_shares"].strip("[]").split(",") if item.strip()] or [1.0]
        each = [shares[i % len(shares)] for i in range(workers)]
        mean = sum(each) / workers
        self._shares = [one / mean for one in each]
        self._power_shares = self._on_device(torch.tensor(self._shares, dtype=torch.float64)).unsqueeze(1)
        self._geometries: dict[tuple[Any, ...], Geometry] = {}
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
        state = self._begin(index, power, diagnose, gradients)
        for number, share in enumerate(self._pass_shares):
            self._pass(state, number, power * share)
        estimate = self._finish(state)
        if diagnose:
            self._diagnosis = self._diagnose(state, gradients)
        self._keep(state)
        state.peaks = torch.stack([estimate[t.layer.offset : t.layer.offset + t.layer.size].abs().amax() for t in self._tensors])
        state.messages, state.estimates, state.clean, state.shared, state.held = [], [], [], [], {}
        self._last = state
        return estimate

    def _begin(self, index: int, power: float, diagnose: bool, gradients: torch.Tensor) -> RoundState:
        awake, present = self._air.presence(index)
        draws = len(self._tensors) if self._air.draws_per_tensor else 1
        links = [self._air.draw(index, layer, present) for layer in range(draws)]
        lost = not torch.equal(present, awake)  # both of the host
        sent = [self._air.draw(index, layer, awake) for layer in range(draws)] if lost else []
        inputs = gradients
        if self._filter.active or not bool(awake.all()):
            inputs = self._filter.apply(index, self._on_device(~awake[self._mine]).unsqueeze(1), gradients)
        count = len(self._tensors)
        never = torch.zeros((), dtype=torch.bool, device=self.device)
        energy = torch.zeros(self.workers, dtype=self.wide, device=self.device)
        state = RoundState(index, power, diagnose, links, sent, awake, [], ~never, energy, [None] * count, [None] * count,
                           [tensor.shared for tensor in self._tensors], [never] * count, [None] * count)
        state.silent_known = {l for l in range(count) if not state.link(l).heard or (self._noisy and power <= 0)}
        if self._digital:  # the link's time passes whoever uses it; half a symbol in one of two rounds
            total = sum(self._air_symbols)
            state.symbols = math.floor(total) if index % 2 else math.ceil(total)
        rounding = self._rounding_words(index)
        for l, tensor in enumerate(self._tensors):
            layer = tensor.layer
            part = inputs[:, layer.offset : layer.offset + layer.size].view(self.local, layer.rows, layer.columns)
            state.messages.append(self._message(tensor, part, rounding.get(l)))
            tensor.compressor.begin(index, tensor.shared)
        return state

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

    def _pass(self, state: RoundState, number: int, budget: float) -> None:
        last = number == self._passes - 1
        bases = self._bases(state.index) if number == 0 else [None] * len(self._tensors)
        taking = []  # a tensor of one pass waits for the last; what was silent is not sent again
        for l, tensor in enumerate(self._tensors):
            again = number > 0 and tensor.compressor.passes > 1
            if (last or tensor.compressor.passes > 1) and not (again and l in state.silent_known):
                taking.append(l)
        encoded = {l: self._encode(state, number, l, bases[l]) for l in taking}
        held = {l: self._held_symbols(number, l, bases[l]) for l in taking if self._tensors[l].held is not None}
        predicted = self._predict(state, encoded, held)
        rows = [air.group_norms(block, self._channel.as_energies, self.wide) for l in taking for block in encoded[l]]  # [K, columns]
        whose = [l for l in taking for block in encoded[l] for _ in range(block.shape[1])]
        groups = len(whose)
        flats: list[torch.Tensor] = []
        sent: _Pass | None = None
        if taking:
            geometry = self._geometry(number, encoded)
            if not self._digital:
                state.symbols += self._channel.uses * sum(groups * length for _, groups, length in geometry.blocks)
            sent = _Pass(number, budget, geometry, held, predicted, {})
            flats, clipped = self._on_air(state, sent, encoded, torch.cat(rows, 1))
            rows += clipped
            whose += whose[:groups] if clipped else []
        contents = [] if self._equal_norms else [l for l in taking if self._tensors[l].compressor.content_norm() is not None]
        for l in contents:
            content = self._tensors[l].compressor.content_norm()
            assert content is not None
            rows.append(content.unsqueeze(1))
        holding = self._receiver.weighs and any(self._holds(tensor) for tensor in self._tensors)
        by_raw = self._allocation.by_messages and self._noisy and not self._digital
        raw = number == 0 and (by_raw or state.diagnosed or holding)
        if raw:
            looked_at = list(range(len(self._tensors)))
        else:  # where symbols would not show what is not finite
            looked_at = [l for l in taking if not self._tensors[l].compressor.reads_all]
        rows += [torch.linalg.vector_norm(state.messages[l], dim=(1, 2), dtype=self.wide).unsqueeze(1) for l in looked_at]
        if not rows:
            return
        whose += contents + looked_at
        totals, norms = self._exchange(flats, torch.cat(rows, 1))
        state.ok = state.ok & norms.isfinite().all()
        state.norms.append((norms, whose))
        if raw:
            state.raw = norms[:, -len(self._tensors) :]
        if sent is None:
            return
        behind = 2 * groups if len(whose) - len(contents) - len(looked_at) > groups else groups
        shortened = norms[:, groups:behind] if behind > groups else None
        content, norms = norms[:, behind : behind + len(contents)], norms[:, :groups]
        self._receive(state, sent, totals, norms, shortened, dict(zip(contents, content.unbind(1))))

    def _encode(self, state: RoundState, number: int, l: int, basis: torch.Tensor | None) -> list[torch.Tensor]:
        compressor = self._tensors[l].compressor
        compressor.bits = self._bits(state, number, l)[self._mine] if self._digital else None
        return compressor.encode(number, state.messages[l], basis)

    def _held_symbols(self, number: int, l: int, basis: torch.Tensor | None) -> list[torch.Tensor]:
        """[C, D] of each block: the held estimate's own symbols, formed as a worker's are."""
        tensor = self._tensors[l]
        assert tensor.held is not None
        return [block[0] for block in copy.copy(tensor.compressor).encode(number, tensor.held.unsqueeze(0), basis)]

    def _predict(self, state: RoundState, encoded: dict[int, list[torch.Tensor]],
                 held: dict[int, list[torch.Tensor]]) -> dict[int, torch.Tensor]:
        """rho of each tensor of which workers send c_i - rho h instead of c_i; `encoded` is changed to that (docs/beyond.md)."""
        if not self._feedback.predicts or not held:
            return {}
        if self._feedback.prediction != "matched":
            rho = torch.tensor(float(self._feedback.prediction), dtype=self.wide)
            found = dict.fromkeys(held, self._on_device(rho))
        else:
            energies = [torch.stack([h.to(self.wide).square().sum() for h in blocks]).sum() for blocks in held.values()]
            products = [torch.stack([(c.to(self.wide) * h).sum((1, 2)) for c, h in zip(encoded[l], blocks)]).sum(0)
                        for l, blocks in held.items()]
            of_all = self._gather(torch.stack(products, 1))  # [k, tensors]
            found = {}
            for l, energy, own in zip(held, energies, of_all.unbind(1)):
                active = self._on_device(state.transmitting(l).active)
                mean = torch.where(active, own, torch.zeros_like(own)).sum() / active.sum().clamp(min=1)
                some = energy > 0
                rho = (mean / torch.where(some, energy, torch.ones_like(energy))).clamp(0, 1)
                found[l] = torch.where(some, rho, torch.zeros_like(rho))
        for l, rho in found.items():
            encoded[l] = [c - h * rho.to(self.kind) for c, h in zip(encoded[l], held[l])]
        return found

    def _geometry(self, number: int, encoded: dict[int, list[torch.Tensor]]) -> Geometry:
        shapes = {l: tuple((block.shape[1], block.shape[2]) for block in blocks) for l, blocks in encoded.items()}
        key = (number, *shapes.items())
        if key not in self._geometries:
            if len(self._geometries) >= _MOST_GEOMETRIES:
                self._geometries.clear()
            self._geometries[key] = layout_of(number, list(shapes), list(shapes.values()), self._channel.uses, self.wide, self._on_device)
        return self._geometries[key]

    def _on_air(self, state: RoundState, sent: _Pass, encoded: dict[int, list[torch.Tensor]],
                norms: torch.Tensor) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """The weighted sums over the workers here: of what is on the air, and of the numbers that are meant by it where that is
        something else and is asked for; and the norms [K, G] of clipped symbols, where they are. Norms are those before."""
        geometry, kept = sent.geometry, self._air
        parts, shortened, group = [], [], 0
        blocks = [block for part in encoded.values() for block in part]
        carried = self._quantised(state, sent, encoded) if self._digital else blocks
        for (l, count, _), unit, block in zip(geometry.blocks, geometry.units, carried):
            own = norms[:, group : group + count]
            if kept.peak_ratio:
                block = air.clipped(block, own, kept.peak_ratio)
                shortened.append(air.group_norms(block, False, self.wide))
            if kept.turns:
                link = state.link(l)
                phase, delay = (None if one is None else self._on_device(one[self._mine]) for one in (link.phase, link.delay))
                block = air.turned(block, phase, delay, self.wide)
            if self._equal_norms:
                block = block * (1 / torch.where(own > 0, own, torch.ones_like(own))).to(self.kind).unsqueeze(2)
            if self._channel.as_energies:
                block = air.on_elements(block, self.seed, state.index, l, unit, self.first_worker, self.wide)
            parts.append(block.reshape(self.local, -1))
            group += count
        weight = self._air_weights(state, norms, geometry)
        flats = [self._sum_here(torch.cat(parts, 1), weight)]
        if (self._digital or self._channel.as_energies) and (state.diagnosed or self._receiver.asks_exact):
            numbers = torch.cat([block.reshape(self.local, -1) for block in blocks], 1)
            if self._channel.as_energies:
                weight = self._spread(state, [self._loud(link).square() for link in state.links], geometry.numbers)
            flats.append(self._sum_here(numbers, weight))
        return flats, shortened

    def _sum_here(self, flat: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return flat[0] * weight[0] if self.local == 1 else (flat * weight).sum(0)

    def _exchange(self, flats: list[torch.Tensor], rows: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        """The sums of flat vectors over the processes, and the norms of all workers, [k, columns]."""
        if self.group is None:
            return flats, rows
        columns, symbols = rows.shape[1], sum(len(flat) for flat in flats)
        buffer = torch.zeros(symbols + self.workers * columns, dtype=self.kind, device=self.device)
        if flats:
            buffer[:symbols] = torch.cat(flats)
        at = symbols + self.first_worker * columns
        buffer[at : at + columns] = rows[0].to(self.kind)
        self._all_reduce(buffer)
        norms = buffer[symbols:].view(self.workers, columns).to(self.wide)
        return list(buffer[:symbols].split([len(flat) for flat in flats])), norms

    def _gather(self, rows: torch.Tensor) -> torch.Tensor:
        """[k, columns] the rows of all workers, from those of the workers here."""
        if self.group is None:
            return rows
        whole = torch.zeros(self.workers, rows.shape[1], dtype=self.wide, device=self.device)
        whole[self.first_worker] = rows[0]
        self._all_reduce(whole)
        return whole

    def sum(self, numbers: torch.Tensor) -> None:
        """Adds numbers over the processes, in place."""
        if self.group is not None:
            self._all_reduce(numbers)

    def sum_rows(self, row: torch.Tensor) -> torch.Tensor:
        if self.group is None:
            return row
        whole = row.to(self.kind)
        self._all_reduce(whole)
        return whole.to(self.wide)

    def _all_reduce(self, buffer: torch.Tensor) -> None:
        self.exchanges += 1
        self.sent_bytes += 2 * (self.workers - 1) * -(-buffer.numel() // self.workers) * buffer.element_size()
        dist.all_reduce(buffer, group=self.group)

    # -- weights and scales -------------------------------------------------------------------------------------------

    def _spread(self, state: RoundState, each: list[torch.Tensor], places: Places) -> torch.Tensor:
        """[K, 1] or [K, S] of numbers [k] of the links, on the host, for the workers here."""
        weight = self._on_device(torch.stack(each, 1)[self._mine]).to(self.kind)
        return weight if len(state.links) == 1 else weight[:, places.tensor]

    @staticmethod
    def _loud(link: Link) -> torch.Tensor:
        return link.gain * link.active

    def _air_weights(self, state: RoundState, norms: torch.Tensor, geometry: Geometry) -> torch.Tensor:
        """[K, 1] or [K, S] what this process's workers multiply with before the sum, but for what all have in common."""
        if self._channel.by_norms:
            if self._equal_norms:
                norms = torch.where(norms > 0, torch.ones_like(norms), torch.zeros_like(norms))
            loud = self._loudness(state, norms, self._mine)
            return loud.to(self.kind)[:, geometry.air.group]
        if self._channel.as_energies:
            return self._spread(state, [self._loud(link) for link in state.links], geometry.air)
        return self._spread(state, [self._channel.weights(link) for link in state.links], geometry.air)

    def _loudness(self, state: RoundState, norms: torch.Tensor, workers: slice) -> torch.Tensor:
        """sqrt(p_i) / N_i of some workers at full power without the group's energy, which all have in common, from their norms;
        0 where one is silent."""
        active = self._on_device(state.links[0].active[workers]).unsqueeze(1)
        loud = self._power_shares[workers].sqrt() / torch.where(norms > 0, norms, torch.ones_like(norms))
        return torch.where(active & (norms > 0), loud, torch.zeros_like(loud))

    def _group_links(self, links: list[Link], geometry: Geometry) -> GroupLinks:
        gain = self._on_device(torch.stack([link.gain for link in links], 1)).to(self.wide)
        active = self._on_device(torch.stack([link.active for link in links], 1))
        noise = self._on_device(torch.tensor([link.air_noise for link in links], dtype=torch.float64)).to(self.wide)
        if len(links) > 1:
            owner = geometry.tensor_of_group
            gain, active, noise = gain[:, owner], active[:, owner], noise[owner]
        return GroupLinks(gain, active, noise, active.any(0))

    def _scales(self, state: RoundState, sent: _Pass, links: GroupLinks, before: GroupLinks | None,
                norms: torch.Tensor, contents: dict[int, torch.Tensor]) -> tuple[Scales, torch.Tensor]:
        """What every group may cost, [G], and the scales that follow from it (spec 1.2, 3.2)."""
        geometry = sent.geometry

        def superpose(group_energies: torch.Tensor) -> Scales:
            energies = self._power_shares * group_energies
            return superpose_with_losses(self._channel, links, before, norms, energies)

        if not self._noisy:
            zero = torch.zeros_like(norms[0])
            return superpose(zero), zero
        if self._digital:
            energies = self._digital_energies(state, sent)
            return superpose(energies), energies
        what = (norms.square() @ geometry.members).sqrt()  # [k, B]
        for l, content in contents.items():
            what[:, geometry.tensors.index(l)] = content
        raw = what if state.raw is None else state.raw[:, geometry.tensors]
        rounds = [float(self._held_rounds(self._tensors[l])) for l in geometry.tensors]
        held = self._on_device(torch.tensor(rounds, dtype=self.wide))
        blocks = self._allocation.shares(Known(raw, what, geometry.symbols, held)) * sent.budget
        group_energies = split_by_norm(blocks, norms, geometry.members, geometry.block_of_group)
        for b, l in enumerate(geometry.tensors):
            compressor = self._tensors[l].compressor
            if compressor.split != "norm":
                layer, own = compressor.layer, norms[:, geometry.slices[b]]
                group_energies[geometry.slices[b]] = split_factor_pair(
                    blocks[:, b], own, layer.rows, layer.columns, compressor.split == "pair_optimal")
        scales = superpose(group_energies)
        if self._fill:
            group_energies = group_energies * self._unused_factor(scales, norms, before or links, sent.budget)
            scales = superpose(group_energies)
        state.ok = state.ok & (scales.noise < torch.finfo(self.kind).max / 8).all()
        return scales, group_energies

    def _unused_factor(self, scales: Scales, norms: torch.Tensor, links: GroupLinks,
                       budget: float) -> torch.Tensor:
        """By how much all energies can grow before the first worker, or all together, spend what they may (spec 3.2, S2)."""
        spent = scales.energy(norms)
        may = self._power_shares[:, 0] * budget
        if self._channel.one_budget:
            factor = torch.where(links.active[:, 0], may, torch.zeros_like(may)).sum() / spent.sum()
        else:
            factor = torch.where(spent > 0, may / spent, torch.full_like(spent, math.inf)).amin()
        return torch.where(factor.isfinite() & (factor > 0), factor, torch.ones_like(factor))

    # -- over a digital link (spec 1.5) -------------------------------------------------------------------------------

    def _air_symbols_of(self, number: int, l: int) -> float:
        """Symbols of the air for a tensor in a pass; those that are not compressed are sent whole in the last one."""
        if not self._tensors[l].compressed:
            return self._air_symbols[l] if number == self._passes - 1 else 0.0
        return self._air_symbols[l] * self._pass_shares[number]

    def _bits(self, state: RoundState, number: int, l: int) -> list[float]:
        """[k] bits of every worker for the tensor, less those of one scale."""
        symbols = self._air_symbols_of(number, l)
        energy = state.power * symbols / sum(self._air_symbols)
        assert self._digital is not None
        found = self._digital.bits(state.transmitting(l), symbols, [share * energy for share in self._shares])
        return [max(0.0, bits - self._scale_bits) for bits in found]

    def _quantised(self, state: RoundState, sent: _Pass, encoded: dict[int, list[torch.Tensor]]) -> list[torch.Tensor]:
        """The blocks of all tensors as they are received; says in ``sent.afforded`` whether all that send have bits for a tensor."""
        carried = []
        for l, blocks in encoded.items():
            sent.afforded[l] = True
            if self._tensors[l].compressor.few_values:
                carried += blocks
                continue
            bits, active = self._bits(state, sent.number, l), state.transmitting(l).active.tolist()
            groups, symbols = (sum(block.shape[1] * size for block, size in zip(blocks, sizes))
                               for sizes in ([1] * len(blocks), [block.shape[2] for block in blocks]))
            for b, block in enumerate(blocks):
                count, length = block.shape[1], block.shape[2]
                each = [max(0.0, one - self._scale_bits * (groups - 1)) * (count * length) / symbols for one in bits]
                rates = [air.quantiser_rate(length, one / count)[0] for one, sends in zip(each, active) if sends]
                sent.afforded[l] = sent.afforded[l] and all(rates)
                unit = sent.number * BLOCKS_A_PASS + b
                carried.append(air.quantise(block, each[self._mine], self.seed, state.index, l, unit, self.first_worker, self.wide))
        return carried

    def _digital_energies(self, state: RoundState, sent: _Pass) -> torch.Tensor:
        """[G] the energy for which the bits of each group were computed; 0 where a tensor is not sent."""
        geometry, energies = sent.geometry, []
        of_tensor = {l: sum(count * length for tensor, count, length in geometry.blocks if tensor == l) for l in geometry.tensors}
        for l, count, length in geometry.blocks:
            energy = state.power * self._air_symbols_of(sent.number, l) / sum(self._air_symbols)
            energies += [energy * length / of_tensor[l] if sent.afforded[l] else 0.0] * count
        found = self._on_device(torch.tensor(energies, dtype=torch.float64)).to(self.wide)
        if sent.number:  # what was silent is not sent again
            silent = torch.stack([state.silent[l] for l in geometry.tensors])
            found = torch.where(silent[geometry.block_of_group], torch.zeros_like(found), found)
        return found

    # -- what arrives -------------------------------------------------------------------------------------------------

    def _receive(self, state: RoundState, sent: _Pass, totals: list[torch.Tensor], norms: torch.Tensor,
                 shortened: torch.Tensor | None, contents: dict[int, torch.Tensor]) -> None:
        """Scales, noise, what the server makes of what it heard, and who was not heard."""
        geometry = sent.geometry
        links = self._group_links(state.links, geometry)
        before = self._group_links(state.sent, geometry) if state.sent else None
        if self._equal_norms:
            sends = (before or links).active & (norms != 0)
            mean = torch.where(sends, norms, torch.zeros_like(norms)).sum(0) / sends.sum(0).clamp(min=1)
            if not self._channel.by_norms:
                totals = [totals[0] * mean.to(self.kind)[geometry.air.group]]
            if shortened is not None:
                shortened = torch.where(sends, shortened * (mean / torch.where(sends, norms, torch.ones_like(norms))), shortened)
            norms = torch.where(sends, mean, norms)
        scales, energies = self._scales(state, sent, links, before, norms, contents)
        met = norms if shortened is None else torch.where(scales.received, shortened, norms)
        state.energy = state.energy + scales.energy(met)
        noisy, exact = self._heard(state, geometry, totals, norms, scales, links)
        at = group = 0
        heard: dict[int, list[Heard]] = {l: [] for l in geometry.tensors}
        for l, count, length in geometry.blocks:
            size, block = count * length, Heard(noisy[at : at + count * length].view(count, length),
                                                 exact[at : at + count * length].view(count, length), scales.noise[group : group + count])
            if l in sent.predicted:  # what the workers left out because all know it
                known = sent.held[l][len(heard[l])] * sent.predicted[l].to(self.kind)
                block.noisy, block.exact = block.noisy + known, block.exact + known
            heard[l].append(block)
            at, group = at + size, group + count
        for b, l in enumerate(geometry.tensors):
            unheard = ~scales.received[geometry.slices[b]].all()
            powered = (energies[geometry.slices[b]] > 0).any()
            silent = unheard & ~powered
            if l in state.silent_known:
                silent = torch.ones_like(silent)
            state.silent[l] = state.silent[l] | silent
            self._decode(state, sent, l, norms[:, geometry.slices[b]], heard[l])

    def _heard(self, state: RoundState, geometry: Geometry, totals: list[torch.Tensor], norms: torch.Tensor, scales: Scales,
               links: GroupLinks) -> tuple[torch.Tensor, torch.Tensor]:
        """[S] what is decoded, with noise and without."""
        total, exact, group = totals[0], totals[-1], geometry.air.group
        if self._digital:
            return total, exact
        drawn = torch.cat(self._normals.draw(state.index, geometry.pieces)).to(self.kind) if self._noisy else None
        if not self._channel.as_energies:
            if self._channel.by_norms:
                loud = self._loudness(state, norms, slice(None)).sum(0)
                total = total * torch.where(loud > 0, 1 / loud, torch.zeros_like(loud)).to(self.kind)[group]
            return total if drawn is None else total + scales.noise.to(self.kind)[group] * drawn, total
        assert drawn is not None
        amplitude = scales.amplitude.amax(0)  # all workers' that send
        noise = torch.where(scales.noise > 0, links.air_noise.expand_as(scales.noise), torch.zeros_like(scales.noise))
        received = total * amplitude.to(self.kind)[group] + noise.to(self.kind)[group] * drawn
        parts, at = [], 0
        for _, count, length in geometry.blocks:
            size = count * length * self._channel.uses
            parts.append(air.difference_of_energies(received[at : at + size].view(count, -1)).reshape(-1))
            at += size
        decoded = torch.cat(parts) * scales.receive.to(self.kind)[geometry.numbers.group]
        if len(totals) == 1:
            return decoded, decoded
        return decoded, exact * (scales.receive * amplitude.square()).to(self.kind)[geometry.numbers.group]

    def _decode(self, state: RoundState, sent: _Pass, l: int, norms: torch.Tensor, heard: list[Heard]) -> None:
        tensor = self._tensors[l]
        compressor, shared, number = tensor.compressor, tensor.shared, sent.number
        values, deviation = [one.noisy for one in heard], [one.deviation for one in heard]
        decoded = compressor.decode(number, values, deviation, shared)
        if number == self._passes - 1:
            if self._receiver.weighs:
                if self._holds(tensor):  # of an estimate that is held all is noisy, and the whole message is its signal
                    assert state.raw is not None
                    norms = state.raw[:, l : l + 1] / math.sqrt(self._held_rounds(tensor))
                state.weights[l] = self._receiver.weight(self._on_device(state.link(l).active).unsqueeze(1), norms, heard)
            if self._receiver.scales:
                values = [self._receiver.scaled(one) for one in heard]
                decoded = Decoded(compressor.decode(number, values, deviation, shared).estimate, decoded.shared)
        if decoded.estimate is None:
            return
        state.estimates[l] = decoded.estimate
        if self._holds(tensor):
            state.estimates[l] = state.held[l] = self._changed(sent, l, values, deviation)
        if state.diagnosed:
            exact, none = [one.exact for one in heard], [torch.zeros_like(one) for one in deviation]
            state.clean[l] = (self._changed(sent, l, exact, none) if self._holds(tensor)
                              else compressor.decode(number, exact, none, shared).estimate)
        state.shared[l] = decoded.shared

    def _changed(self, sent: _Pass, l: int, values: list[torch.Tensor], deviation: list[torch.Tensor]) -> torch.Tensor:
        """[m, n] what is held once symbols were heard: where they tell something it is replaced, and elsewhere it is what it was
        (docs/beyond.md)."""
        tensor = self._tensors[l]
        if l in sent.held:
            values = [one - h for one, h in zip(values, sent.held[l])]
        change = tensor.compressor.decode(sent.number, values, deviation, tensor.shared).estimate
        assert change is not None
        return change if tensor.held is None else tensor.held + change

    def _finish(self, state: RoundState) -> torch.Tensor:
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
        elif self._channel.one_budget:
            use = sum(energy) / sum(budgets) if sum(budgets) else 0.0
        else:
            use = max((spent / budget for spent, budget in zip(energy, budgets) if budget > 0 and math.isfinite(budget)), default=0.0)
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
