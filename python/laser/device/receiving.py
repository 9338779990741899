"""What the server makes of a pass, by torch's own operations: energies and scales, what it hears, and estimates."""

from __future__ import annotations

import math

import torch

from laser.device import air
from laser.device.channels import GroupLinks, Scales, superpose_with_losses
from laser.device.compressor import Decoded
from laser.device.expected import mean_squares
from laser.device.geometry import Geometry
from laser.device.links import Link
from laser.device.memories import RoundState
from laser.device.power import Known, split_by_norm
from laser.device.receivers import Heard
from laser.device.sending import Pass, Sending


class Receiving(Sending):
    """The part of a round from the sums and the norms to the estimates."""

    # -- energies and scales ------------------------------------------------------------------------------------------

    def _allocate(self, state: RoundState, sent: Pass) -> None:
        """What every group may cost, [G], and the scales that follow from it (spec 1.2, 3.2)."""
        sent.links = self._group_links(state.links, sent.geometry)
        sent.before = self._group_links(state.sent, sent.geometry) if state.sent else None
        if self._equal_norms:
            self._equalise(sent)
        if not self._channel.noisy:
            sent.energies = torch.zeros_like(sent.norms[0])
        elif self._digital:
            sent.energies = self._digital_energies(state, sent)
        else:
            sent.energies = self._group_energies(state, sent)
        sent.scales = self._superpose(sent)
        if self._fill:
            spent = sent.scales.energy(sent.norms)
            factor = self._channel.growth(spent, self._power_shares[:, 0] * sent.budget, (sent.before or sent.links).active[:, 0])
            sent.energies = sent.energies * torch.where(factor.isfinite() & (factor > 0), factor, torch.ones_like(factor))
            sent.scales = self._superpose(sent)
        if self._channel.noisy and not self._digital:
            state.ok = state.ok & (sent.scales.noise < torch.finfo(self.kind).max / 8).all()
        if self._expects:
            for l, groups in zip(sent.geometry.tensors, sent.geometry.slices):
                before, active = self._tensors[l].squares.get(sent.number), self._on_device(state.transmitting(l).active)
                state.squares[l, sent.number] = mean_squares(before, sent.norms[:, groups], active)
        met = sent.norms if sent.shortened is None else torch.where(sent.scales.received, sent.shortened, sent.norms)
        state.energy = state.energy + sent.scales.energy(met)

    @property
    def _fill(self) -> bool:
        return self.settings["fill_budget"] == "true" and self._channel.noisy and not self._digital

    def _superpose(self, sent: Pass) -> Scales:
        return superpose_with_losses(self._channel, sent.links, sent.before, sent.scaling(sent.norms), self._power_shares * sent.energies)

    def _group_links(self, links: list[Link], geometry: Geometry) -> GroupLinks:
        gain = self._on_device(torch.stack([link.gain for link in links], 1)).to(self.wide)
        active = self._on_device(torch.stack([link.active for link in links], 1))
        noise = self._on_device(torch.tensor([link.air_noise for link in links], dtype=torch.float64)).to(self.wide)
        if len(links) > 1:
            owner = geometry.tensor_of_group
            gain, active, noise = gain[:, owner], active[:, owner], noise[owner]
        return GroupLinks(gain, active, noise, active.any(0))

    def _equalise(self, sent: Pass) -> None:
        """All symbols of a group have the mean of the norms of those who send (docs/beyond.md); what was added up had 1."""
        norms = sent.norms
        sends = (sent.before or sent.links).active & (norms != 0)
        mean = torch.where(sends, norms, torch.zeros_like(norms)).sum(0) / sends.sum(0).clamp(min=1)
        if not self._channel.by_norms:
            sent.totals = [sent.totals[0] * mean.to(self.kind)[sent.geometry.air.group]]
        if sent.shortened is not None:
            factor = mean / torch.where(sends, norms, torch.ones_like(norms))
            sent.shortened = torch.where(sends, sent.shortened * factor, sent.shortened)
        sent.norms = torch.where(sends, mean, norms)

    def _group_energies(self, state: RoundState, sent: Pass) -> torch.Tensor:
        geometry, norms = sent.geometry, sent.scaling(sent.norms)
        what = (norms.square() @ geometry.members).sqrt()  # [k, B]
        for l, content in sent.contents.items() if not self._expects else ():
            what[:, geometry.tensors.index(l)] = content
        raw = what if state.raw is None or self._expects else state.raw[:, geometry.tensors]
        rounds = [float(self._held_rounds(self._tensors[l])) for l in geometry.tensors]
        held = self._on_device(torch.tensor(rounds, dtype=self.wide))
        blocks = self._allocation.shares(Known(raw, what, geometry.symbols, held)) * sent.budget
        energies = split_by_norm(blocks, norms, geometry.members, geometry.block_of_group)
        for b, l in enumerate(geometry.tensors):
            own = self._tensors[l].compressor.split(blocks[:, b], norms[:, geometry.slices[b]])
            if own is not None:
                energies[geometry.slices[b]] = own
        return energies

    def _digital_energies(self, state: RoundState, sent: Pass) -> torch.Tensor:
        assert self._digital is not None
        energies = self._digital.energies(state.power, sent.number, sent.geometry, sent.afforded)
        found = self._on_device(torch.tensor(energies, dtype=torch.float64)).to(self.wide)
        if sent.number:  # what was silent is not sent again
            silent = torch.stack([state.silent[l] for l in sent.geometry.tensors])
            found = torch.where(silent[sent.geometry.block_of_group], torch.zeros_like(found), found)
        return found

    # -- the air ------------------------------------------------------------------------------------------------------

    def _cross_channel(self, state: RoundState, sent: Pass) -> None:
        """y = sum_i h_i a_i c_i + Z, scaled back (spec 1.1 to 1.3): what is heard of every tensor, and whether nothing is."""
        geometry, scales = sent.geometry, sent.scales
        noisy, exact = self._arrived(state, sent)
        at = group = 0
        sent.heard = {l: [] for l in geometry.tensors}
        for l, count, length in geometry.blocks:
            end, last = at + count * length, group + count
            block = Heard(noisy[at:end].view(count, length), exact[at:end].view(count, length), scales.noise[group:last])
            if l in sent.predicted:  # what the workers left out because all know it
                known = sent.held[l][len(sent.heard[l])] * sent.predicted[l].to(self.kind)
                block.noisy, block.exact = block.noisy + known, block.exact + known
            sent.heard[l].append(block)
            at, group = end, last
        for b, l in enumerate(geometry.tensors):
            unheard = ~scales.received[geometry.slices[b]].all()
            powered = (sent.energies[geometry.slices[b]] > 0).any()
            silent = unheard & ~powered
            if l in state.silent_known:
                silent = torch.ones_like(silent)
            state.silent[l] = state.silent[l] | silent

    def _arrived(self, state: RoundState, sent: Pass) -> tuple[torch.Tensor, torch.Tensor]:
        """[S] what is decoded, with noise and without."""
        geometry, scales, group = sent.geometry, sent.scales, sent.geometry.air.group
        total, exact = sent.totals[0], sent.totals[-1]
        if self._digital:
            return total, exact
        if self._channel.by_norms:
            loud = self._loudness(state, sent.scaling(sent.norms), slice(None)).sum(0)
            total = total * torch.where(loud > 0, 1 / loud, torch.zeros_like(loud)).to(self.kind)[group]
        if not self._channel.noisy:
            return total, total
        drawn = torch.cat(self._normals.draw(state.index, geometry.pieces)).to(self.kind)
        if not self._channel.as_energies:
            return total + scales.noise.to(self.kind)[group] * drawn, total
        amplitude = scales.amplitude.amax(0)  # all workers' that send
        noise = torch.where(scales.noise > 0, sent.links.air_noise.expand_as(scales.noise), torch.zeros_like(scales.noise))
        received = total * amplitude.to(self.kind)[group] + noise.to(self.kind)[group] * drawn
        parts, at = [], 0
        for _, count, length in geometry.blocks:
            size = count * length * self._channel.uses
            parts.append(air.difference_of_energies(received[at : at + size].view(count, -1)).reshape(-1))
            at += size
        decoded = torch.cat(parts) * scales.receive.to(self.kind)[geometry.numbers.group]
        if len(sent.totals) == 1:
            return decoded, decoded
        return decoded, exact * (scales.receive * amplitude.square()).to(self.kind)[geometry.numbers.group]

    # -- estimates ----------------------------------------------------------------------------------------------------

    def _decode(self, state: RoundState, sent: Pass) -> None:
        """The estimates that y makes (spec 1.4, 2.4)."""
        for b, l in enumerate(sent.geometry.tensors):
            self._decode_tensor(state, sent, l, sent.norms[:, sent.geometry.slices[b]])

    def _decode_tensor(self, state: RoundState, sent: Pass, l: int, norms: torch.Tensor) -> None:
        tensor, heard = self._tensors[l], sent.heard[l]
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

    def _changed(self, sent: Pass, l: int, values: list[torch.Tensor], deviation: list[torch.Tensor]) -> torch.Tensor:
        """[m, n] what is held once symbols were heard: where they tell something it is replaced, and elsewhere it is what it was
        (docs/beyond.md)."""
        tensor = self._tensors[l]
        if l in sent.held:
            values = [one - h for one, h in zip(values, sent.held[l])]
        change = tensor.compressor.decode(sent.number, values, deviation, tensor.shared).estimate
        assert change is not None
        return change if tensor.held is None else tensor.held + change
