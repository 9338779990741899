"""What workers send in a pass, by torch's own operations: symbols, what is on the air for them, and the norms that all tell each other.

The sum over the workers and the norms arrive in one exchange, so weights are chosen before the norms are known: those of all
channels but one do not depend on norms, and that one (saturating) divides afterwards, as equal norms do.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence

import torch
import torch.distributed as dist

from laser.device import air
from laser.device import random
from laser.device.channels import Digital, GroupLinks, Scales
from laser.device.compressor import Context, orthonormal_rows
from laser.device.digital import DigitalLink
from laser.device.exchange import Exchange, NormTable
from laser.device.expected import expected_norms
from laser.device.geometry import Geometry, Places, layout_of
from laser.device.imperfect import Air
from laser.device.memories import Memories, RoundState
from laser.device.power import ALLOCATIONS
from laser.device.receivers import RECEIVERS, Heard

_MOST_GEOMETRIES = 64


@dataclasses.dataclass
class Pass:
    """What goes out in a pass, and what comes of it."""

    number: int
    budget: float
    encoded: dict[int, list[torch.Tensor]]  # of each tensor that takes part: its blocks of symbols [K, C, D]
    held: dict[int, list[torch.Tensor]]  # of tensors that are held: their own symbols [C, D] of each block
    predicted: dict[int, torch.Tensor] = dataclasses.field(default_factory=dict)  # rho of those of which workers send the rest
    afforded: dict[int, bool] = dataclasses.field(default_factory=dict)  # over a digital link: whether all that send have bits for it
    totals: list[torch.Tensor] = dataclasses.field(default_factory=list)  # sums over all workers: of what is on the air, of the numbers
    contents: dict[int, torch.Tensor] = dataclasses.field(default_factory=dict)  # [k] norms of what symbols stand for, where not theirs
    geometry: Geometry = dataclasses.field(init=False)
    norms: torch.Tensor = dataclasses.field(init=False)  # [k, G] of all groups
    shortened: torch.Tensor | None = None  # [k, G] where peaks are clipped
    expected: torch.Tensor | None = None  # [G] of which norms are expected: those; 0 where nothing is known
    links: GroupLinks = dataclasses.field(init=False)
    before: GroupLinks | None = None  # with those whose message is lost
    energies: torch.Tensor = dataclasses.field(init=False)  # [G] that each group may cost
    scales: Scales = dataclasses.field(init=False)
    heard: dict[int, list[Heard]] = dataclasses.field(default_factory=dict)

    def scaling(self, norms: torch.Tensor) -> torch.Tensor:
        """[.., G] what symbols are scaled by: their norms, or those that are expected of all workers alike (spec 1.2)."""
        return norms if self.expected is None else torch.where(self.expected > 0, self.expected, norms)


class Sending(Memories):
    """The part of a round until the server has the sums and everybody the norms."""

    def __init__(self, shapes: Sequence[tuple[str, Sequence[int]]], settings: Mapping[str, str], context: Context, local: int,
                 workers: int, first_worker: int, group: dist.ProcessGroup | None):
        exchange = Exchange(group, workers, first_worker, context.kind, context.wide, context.device)
        super().__init__(shapes, settings, context, local, workers, first_worker, exchange)
        self._normals = context.normals
        self._passes = max(tensor.compressor.passes for tensor in self._tensors)
        first = float(settings["phase_share"])
        self._pass_shares = [first, 1 - first] if self._passes == 2 else [1.0]
        shares = [float(item) for item in settings["power_shares"].strip("[]").split(",") if item.strip()] or [1.0]
        each = [shares[i % len(shares)] for i in range(workers)]
        mean = sum(each) / workers
        self._shares = [one / mean for one in each]
        self._power_shares = self._on_device(torch.tensor(self._shares, dtype=torch.float64)).unsqueeze(1)
        self._air = Air(settings, self.seed, workers)
        self._channel = channel = self._air.channel
        self._digital = DigitalLink(channel, settings, self._tensors, self._pass_shares, self._shares, self.seed, first_worker,
                                    self.wide) if isinstance(channel, Digital) else None
        self._allocation = ALLOCATIONS[settings["allocation"]]
        self._receiver = RECEIVERS[settings["receiver"]](settings, self.wide)
        self._equal_norms = settings["equal_norms"] == "true" and not self._digital
        self._geometries: dict[tuple[object, ...], Geometry] = {}

    # -- symbols ------------------------------------------------------------------------------------------------------

    def _encode(self, state: RoundState, number: int, budget: float) -> Pass | None:
        """c_i, the symbols of M_i (spec 2.4, 4), with the norms of all workers and the sums of what is on the air; None where
        nothing is sent in this pass."""
        bases = self._bases(state.index) if number == 0 else [None] * len(self._tensors)
        taking = self._taking(state, number)
        encoded = {l: self._symbols_of(state, number, l, bases[l]) for l in taking}
        held = {l: self._held_symbols(number, l, bases[l]) for l in taking if self._tensors[l].held is not None}
        sent, table = Pass(number, budget, encoded, held), NormTable()
        self._predict(state, sent)
        flats = self._put_on_air(state, sent, table) if taking else []
        asks_raw = self._put_norms_of_messages(state, sent, table)
        rows = table.own()
        if rows is None:
            return None
        sent.totals, norms = self._exchange.together(flats, rows)
        state.ok = state.ok & norms.isfinite().all()
        state.norms.append((norms, table.whose))
        if asks_raw:
            state.raw = table.of("messages", norms)
        groups, contents = table.of("groups", norms), table.of("contents", norms)
        if groups is None:
            return None
        sent.norms, sent.shortened = groups, table.of("clipped", norms)
        if contents is not None:
            sent.contents = dict(zip(self._with_contents(sent), contents.unbind(1)))
        return sent

    def _taking(self, state: RoundState, number: int) -> list[int]:
        """Tensors that are sent in a pass: one of one pass waits for the last, and what was silent is not sent again."""
        last, taking = number == self._passes - 1, []
        for l, tensor in enumerate(self._tensors):
            again = number > 0 and tensor.compressor.passes > 1
            if (last or tensor.compressor.passes > 1) and not (again and l in state.silent_known):
                taking.append(l)
        return taking

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

    def _symbols_of(self, state: RoundState, number: int, l: int, basis: torch.Tensor | None) -> list[torch.Tensor]:
        compressor = self._tensors[l].compressor
        if self._digital:
            compressor.bits = self._digital.bits(state.transmitting(l), state.power, number, l)[self._mine]
        return compressor.encode(number, state.messages[l], basis)

    def _held_symbols(self, number: int, l: int, basis: torch.Tensor | None) -> list[torch.Tensor]:
        """[C, D] of each block: the held estimate's own symbols, formed as a worker's are."""
        tensor = self._tensors[l]
        assert tensor.held is not None
        return [block[0] for block in copy.copy(tensor.compressor).encode(number, tensor.held.unsqueeze(0), basis)]

    def _predict(self, state: RoundState, sent: Pass) -> None:
        """Workers send c_i - rho h instead of c_i, where h are the symbols of what is held (docs/beyond.md)."""
        held, encoded = sent.held, sent.encoded
        if not self._feedback.predicts or not held:
            return
        if not self._feedback.matches:
            sent.predicted = dict.fromkeys(held, self._on_device(torch.tensor(float(self._feedback.prediction), dtype=self.wide)))
        else:
            energies = [torch.stack([h.to(self.wide).square().sum() for h in blocks]).sum() for blocks in held.values()]
            products = [torch.stack([(c.to(self.wide) * h).sum((1, 2)) for c, h in zip(encoded[l], blocks)]).sum(0)
                        for l, blocks in held.items()]
            of_all = self._exchange.gather(torch.stack(products, 1))  # [k, tensors]
            for l, energy, own in zip(held, energies, of_all.unbind(1)):
                active = self._on_device(state.transmitting(l).active)
                mean = torch.where(active, own, torch.zeros_like(own)).sum() / active.sum().clamp(min=1)
                some = energy > 0
                rho = (mean / torch.where(some, energy, torch.ones_like(energy))).clamp(0, 1)
                sent.predicted[l] = torch.where(some, rho, torch.zeros_like(rho))
        for l, rho in sent.predicted.items():
            encoded[l] = [c - h * rho.to(self.kind) for c, h in zip(encoded[l], held[l])]

    # -- norms --------------------------------------------------------------------------------------------------------

    def _with_contents(self, sent: Pass) -> list[int]:
        return [] if self._equal_norms else [l for l in sent.encoded if self._tensors[l].compressor.content_norm() is not None]

    def _put_norms_of_messages(self, state: RoundState, sent: Pass, table: NormTable) -> bool:
        """Whether they are those of all messages, which something asks for; else of those whose symbols would not show a number
        that is not finite."""
        contents = self._with_contents(sent)
        if contents:
            found = [self._tensors[l].compressor.content_norm() for l in contents]
            roots = self._channel.as_energies  # norms are those of the roots of what is sent
            table.put("contents", contents, [content.sqrt() if roots else content for content in found if content is not None])
        holding = self._receiver.weighs and any(self._holds(tensor) for tensor in self._tensors)
        by_messages = self._allocation.by_messages and self._channel.noisy and not self._digital and not self._expects
        asked = sent.number == 0 and (by_messages or state.diagnosed or holding)
        whose = range(len(self._tensors)) if asked else [l for l in sent.encoded if not self._tensors[l].compressor.reads_all]
        if whose:
            table.put("messages", list(whose), [torch.linalg.vector_norm(state.messages[l], dim=(1, 2), dtype=self.wide) for l in whose])
        return asked

    # -- on the air ---------------------------------------------------------------------------------------------------

    def _put_on_air(self, state: RoundState, sent: Pass, table: NormTable) -> list[torch.Tensor]:
        """The weighted sums over the workers here: of what is on the air, and of the numbers that are meant by it where that is
        something else and is asked for. The table gets the norms [K, G] of symbols, and of clipped ones where they are."""
        sent.geometry = geometry = self._geometry(sent)
        if not self._digital:
            state.symbols += self._channel.uses * sum(groups * length for _, groups, length in geometry.blocks)
        blocks = [block for part in sent.encoded.values() for block in part]
        own = [air.group_norms(block, self._channel.as_energies, self.wide) for block in blocks]
        whose = [l for l, groups, _ in geometry.blocks for _ in range(groups)]
        table.put("groups", whose, own)
        if self._expects:
            squares = [self._tensors[l].squares.get(sent.number) for l in geometry.tensors]
            sent.expected = torch.cat([expected_norms(one, of.stop - of.start, own[0]) for one, of in zip(squares, geometry.slices)])
        parts, shortened = [], []
        carried = self._quantised(state, sent) if self._digital else blocks
        for (l, _, _), unit, block, norms in zip(geometry.blocks, geometry.units, carried, own):
            if self._air.peak_ratio:
                block = air.clipped(block, norms, self._air.peak_ratio)
                shortened.append(air.group_norms(block, False, self.wide))
            parts.append(self._as_it_arrives(state, l, unit, block, norms).reshape(self.local, -1))
        if shortened:
            table.put("clipped", whose, shortened)
        weight = self._air_weights(state, sent.scaling(torch.cat(own, 1)), geometry)
        flats = [self._sum_here(torch.cat(parts, 1), weight)]
        if (self._digital or self._channel.as_energies) and (state.diagnosed or self._receiver.asks_exact):
            if self._channel.as_energies:
                weight = self._spread(state, [link.loudness.square() for link in state.links], geometry.numbers)
            flats.append(self._sum_here(torch.cat([block.reshape(self.local, -1) for block in blocks], 1), weight))
        return flats

    def _as_it_arrives(self, state: RoundState, l: int, unit: int, block: torch.Tensor, norms: torch.Tensor) -> torch.Tensor:
        """A block [K, C, D] of symbols with what meets them beside gains: phases, equal norms, and the parts of energies."""
        if self._air.turns:
            link = state.link(l)
            phase, delay = (None if one is None else self._on_device(one[self._mine]) for one in (link.phase, link.delay))
            block = air.turned(block, phase, delay, self.wide)
        if self._equal_norms:
            block = block * (1 / torch.where(norms > 0, norms, torch.ones_like(norms))).to(self.kind).unsqueeze(2)
        if self._channel.as_energies:
            block = air.on_elements(block, self.seed, state.index, l, unit, self.first_worker, self.wide)
        return block

    def _quantised(self, state: RoundState, sent: Pass) -> list[torch.Tensor]:
        carried: list[torch.Tensor] = []
        assert self._digital is not None
        for l, blocks in sent.encoded.items():
            there, sent.afforded[l] = self._digital.quantised(blocks, state.transmitting(l), state.power, state.index, sent.number, l)
            carried += there
        return carried

    def _geometry(self, sent: Pass) -> Geometry:
        shapes = {l: tuple((block.shape[1], block.shape[2]) for block in blocks) for l, blocks in sent.encoded.items()}
        key = (sent.number, *shapes.items())
        if key not in self._geometries:
            if len(self._geometries) >= _MOST_GEOMETRIES:
                self._geometries.clear()
            self._geometries[key] = layout_of(sent.number, list(shapes), list(shapes.values()), self._channel.uses, self.wide,
                                              self._on_device)
        return self._geometries[key]

    def _sum_here(self, flat: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return flat[0] * weight[0] if self.local == 1 else (flat * weight).sum(0)

    def _spread(self, state: RoundState, each: list[torch.Tensor], places: Places) -> torch.Tensor:
        """[K, 1] or [K, S] of numbers [k] of the links, on the host, for the workers here."""
        weight = self._on_device(torch.stack(each, 1)[self._mine]).to(self.kind)
        return weight if len(state.links) == 1 else weight[:, places.tensor]

    def _air_weights(self, state: RoundState, norms: torch.Tensor, geometry: Geometry) -> torch.Tensor:
        """[K, 1] or [K, S] what this process's workers multiply with before the sum, but for what all have in common."""
        if self._channel.by_norms:
            if self._equal_norms:
                norms = torch.where(norms > 0, torch.ones_like(norms), torch.zeros_like(norms))
            return self._loudness(state, norms, self._mine).to(self.kind)[:, geometry.air.group]
        if self._channel.as_energies:
            return self._spread(state, [link.loudness for link in state.links], geometry.air)
        return self._spread(state, [self._channel.weights(link) for link in state.links], geometry.air)

    def _loudness(self, state: RoundState, norms: torch.Tensor, workers: slice) -> torch.Tensor:
        """sqrt(p_i) / N_i of some workers at full power without the group's energy, which all have in common, from their norms;
        0 where one is silent."""
        active = self._on_device(state.links[0].active[workers]).unsqueeze(1)
        loud = self._power_shares[workers].sqrt() / torch.where(norms > 0, norms, torch.ones_like(norms))
        return torch.where(active & (norms > 0), loud, torch.zeros_like(loud))
