"""How the symbols of a pass lie in one flat vector: which groups they make, of which tensors, and which random streams they meet."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import torch

from laser.device import random

BLOCKS_A_PASS = 16  # streams that a pass has, one for each block of a message


@dataclasses.dataclass
class Places:
    """Of every number of a flat vector [S]: its group, and which of all tensors it is of."""

    group: torch.Tensor
    tensor: torch.Tensor


@dataclasses.dataclass
class Geometry:
    """The same in every round in which blocks have the same shapes."""

    tensors: list[int]  # [B] that take part
    blocks: list[tuple[int, int, int]]  # (tensor, groups C, symbols D) in the order of the flat symbols
    units: list[int]  # of each block: the number of its streams
    symbols: torch.Tensor  # [B] of each tensor, as numbers
    lengths: torch.Tensor  # [G] symbols of a group
    block_of_group: torch.Tensor  # [G] which of the B tensors
    tensor_of_group: torch.Tensor  # [G] which of all tensors
    members: torch.Tensor  # [G, B] 1 where a group is of a tensor
    numbers: Places  # of the symbols
    air: Places  # of what is on the air for them: the same, or four parts of each
    pieces: list[random.Piece]  # streams of the noise
    slices: list[slice]  # [B] of the groups


def layout_of(pass_number: int, tensors: Sequence[int], shapes: Sequence[Sequence[tuple[int, int]]], uses: int, wide: torch.dtype,
              put: Callable[[torch.Tensor], torch.Tensor]) -> Geometry:
    """The geometry of blocks (C, D) of each of `tensors`; `uses` numbers are on the air for each symbol, and `put` takes a tensor to
    the device."""
    blocks: list[tuple[int, int, int]] = []
    units, pieces, slices, at = [], [], [], 0
    for tensor, parts in zip(tensors, shapes):
        first = at
        for b, (groups, length) in enumerate(parts):
            blocks.append((tensor, groups, length))
            units.append(pass_number * BLOCKS_A_PASS + b)
            pieces.append((random.NOISE, tensor, units[-1], groups * length * uses))
            at += groups
        slices.append(slice(first, at))
    lengths = torch.tensor([length for _, groups, length in blocks for _ in range(groups)])
    owner = torch.tensor([tensor for tensor, groups, _ in blocks for _ in range(groups)])
    block = torch.tensor([list(tensors).index(tensor) for tensor, groups, _ in blocks for _ in range(groups)])
    members = torch.nn.functional.one_hot(block, len(tensors)).to(wide)
    symbols = members.t() @ lengths.to(wide)
    group = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
    numbers = Places(put(group), put(owner[group]))
    air = numbers
    if uses > 1:
        group = torch.repeat_interleave(torch.arange(len(lengths)), lengths * uses)
        air = Places(put(group), put(owner[group]))
    return Geometry(list(tensors), blocks, units, put(symbols), put(lengths.to(wide)), put(block), put(owner), put(members), numbers, air,
                    pieces, slices)
