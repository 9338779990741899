"""What a digital link carries of a round (spec 1.5): the bits of every tensor and pass, and symbols quantised to them.

The host knows all numbers of bits, so nothing waits for the device.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch

from laser.device import air
from laser.device.channels import Digital
from laser.device.geometry import BLOCKS_A_PASS, Geometry
from laser.device.links import Link
from laser.device.state import TensorState


class DigitalLink:
    """Symbols and energy of the link over tensors and passes.

    pass_shares: of every pass. power_shares: of every worker, 1 on average.
    """

    def __init__(self, channel: Digital, settings: Mapping[str, str], tensors: Sequence[TensorState], pass_shares: Sequence[float],
                 power_shares: Sequence[float], seed: int, first_worker: int, wide: torch.dtype):
        self._channel, self._pass_shares, self._power_shares = channel, pass_shares, power_shares
        self._seed, self._first_worker, self._wide = seed, first_worker, wide
        self._compressed = [tensor.compressed for tensor in tensors]
        self._few_values = [tensor.compressor.few_values for tensor in tensors]
        self._scale_bits = float(settings["scale_bits"])
        self._of_tensors = [air.air_symbols(tensor.layer, int(settings["air_rank"])) for tensor in tensors]
        self._total = sum(self._of_tensors)

    def uses(self, index: int) -> int:
        """Channel uses of a round: its time passes whoever uses it; half a symbol in one of two rounds."""
        return math.floor(self._total) if index % 2 else math.ceil(self._total)

    def bits(self, link: Link, power: float, number: int, l: int) -> list[float]:
        """[k] bits of every worker for a tensor in a pass, less those of one scale."""
        symbols = self._symbols(number, l)
        energy = power * symbols / self._total
        found = self._channel.bits(link, symbols, [share * energy for share in self._power_shares])
        return [max(0.0, bits - self._scale_bits) for bits in found]

    def quantised(self, blocks: list[torch.Tensor], link: Link, power: float, index: int, number: int,
                  l: int) -> tuple[list[torch.Tensor], bool]:
        """The blocks of a tensor as they are received, and whether all that send have bits for it."""
        if self._few_values[l]:
            return blocks, True
        carried, afforded = [], True
        bits, active = self.bits(link, power, number, l), link.active.tolist()
        groups, symbols = (sum(block.shape[1] * size for block, size in zip(blocks, sizes))
                           for sizes in ([1] * len(blocks), [block.shape[2] for block in blocks]))
        for b, block in enumerate(blocks):
            workers, count, length = block.shape
            each = [max(0.0, one - self._scale_bits * (groups - 1)) * (count * length) / symbols for one in bits]
            rates = [air.quantiser_rate(length, one / count)[0] for one, sends in zip(each, active) if sends]
            afforded = afforded and all(rates)
            here = each[self._first_worker : self._first_worker + workers]
            carried.append(air.quantise(block, here, self._seed, index, l, number * BLOCKS_A_PASS + b, self._first_worker, self._wide))
        return carried, afforded

    def energies(self, power: float, number: int, geometry: Geometry, afforded: Mapping[int, bool]) -> list[float]:
        """[G] the energy for which the bits of each group were computed; 0 where a tensor is not sent."""
        energies: list[float] = []
        of_tensor = {l: sum(count * length for tensor, count, length in geometry.blocks if tensor == l) for l in geometry.tensors}
        for l, count, length in geometry.blocks:
            energy = power * self._symbols(number, l) / self._total
            energies += [energy * length / of_tensor[l] if afforded[l] else 0.0] * count
        return energies

    def _symbols(self, number: int, l: int) -> float:
        """Symbols of the air for a tensor in a pass; those that are not compressed are sent whole in the last one."""
        if not self._compressed[l]:
            return self._of_tensors[l] if number == len(self._pass_shares) - 1 else 0.0
        return self._of_tensors[l] * self._pass_shares[number]
