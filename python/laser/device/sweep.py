"""Time division by torch's own operations: rows of a random rotation of a tensor's short side go out in turn (docs/beyond.md).

Which rows a round sends follows from its number and the seed, so that server and workers agree without a word. A rotation
lasts a cycle; it is drawn once and kept that long.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import torch

from laser.device import random
from laser.device.compressor import Compressor, Context, Decoded, Layer, orthonormal_rows

_ROTATED = 64  # rows that are rotated together


@dataclasses.dataclass
class Turn:
    """What goes out in a round: `rows` of rotation number `rotation` from `first` on, `length` numbers of the long side from
    `start` on."""

    rotation: int
    first: int
    rows: int
    start: int
    length: int


class Cut:
    """How a tensor is cut: as many symbols a round as one factor of the rank has on average, in whole rows of the long side,
    or in equal pieces of one row where that is more."""

    def __init__(self, layer: Layer, rank: int):
        self.small, self.large = min(layer.rows, layer.columns), max(layer.rows, layer.columns)
        symbols = min(rank, self.small) * (self.small + self.large)  # twice those of a round
        pieces = 1 if symbols >= 2 * self.large else -(-2 * self.large // symbols)
        self.rows = max(1, symbols // (2 * self.large))
        self.length = -(-self.large // pieces)
        self.pieces = -(-self.large // self.length)

    @property
    def cycle(self) -> int:
        return -(-self.small // self.rows) * self.pieces

    def turn(self, round_number: int) -> Turn:
        rotation, place = divmod(round_number, self.cycle)
        group, piece = divmod(place, self.pieces)
        first, start = group * self.rows, piece * self.length
        return Turn(rotation, first, min(self.rows, self.small - first), start, min(self.length, self.large - start))


class Sweep(Compressor):
    """Rows of a random rotation in turn."""

    reads_all = False

    def __init__(self, layer: Layer, context: Context, settings: Mapping[str, str]):
        super().__init__(layer, context, settings)
        self._cut = Cut(layer, int(settings["rank"]))
        self._wide = layer.columns >= layer.rows  # whether the rows of the matrix are its short side
        self._rotation: tuple[int, torch.Tensor, dict[int, torch.Tensor]] | None = None

    @classmethod
    def applies(cls, layer: Layer, settings: Mapping[str, str]) -> bool:
        return len(layer.shape) >= 2 and cls.lag(layer, settings) > 1

    @classmethod
    def symbols(cls, layer: Layer, settings: Mapping[str, str]) -> float:
        return layer.size / cls.lag(layer, settings)

    @classmethod
    def lag(cls, layer: Layer, settings: Mapping[str, str]) -> float:
        return float(Cut(layer, int(settings["rank"])).cycle)

    @property
    def cycle(self) -> int:
        return self._cut.cycle

    def begin(self, round_number: int, shared: Mapping[str, torch.Tensor]) -> None:
        super().begin(round_number, shared)
        self._turn = self._cut.turn(round_number)
        self._basis = self._rows()

    def _rows(self) -> torch.Tensor:
        """[rows, short side] of the turn: of a rotation by blocks of at most _ROTATED rows in random order."""
        turn, size, context = self._turn, self._cut.small, self.context
        if self._rotation is None or self._rotation[0] != turn.rotation:
            words = random.words(context.seed, turn.rotation, self._stream(random.INDICES, size), context.device)
            self._rotation = turn.rotation, torch.sort(words, stable=True)[1], {}
        _, order, rotations = self._rotation
        blocks = -(-size // _ROTATED)
        height = -(-size // blocks)
        basis = torch.zeros(turn.rows, size, dtype=context.kind, device=context.device)
        end = turn.first + turn.rows
        for block in range(turn.first // height, -(-end // height)):
            begin, count = block * height, min(height, size - block * height)
            if block not in rotations:
                drawn = context.normals.draw(turn.rotation, [self._stream(random.INDICES, count * count, 1 + 2 * block),
                                                             self._stream(random.INDICES, count * count, 2 + 2 * block)])
                given, replacement = (one.to(context.wide).view(1, count, count) for one in drawn)
                rotations[block] = orthonormal_rows(given, replacement, context.wide)[0].to(context.kind)
            low, high = max(begin, turn.first), min(begin + count, end)
            basis[low - turn.first : high - turn.first, order[begin : begin + count]] = rotations[block][low - begin : high - begin]
        return basis

    def encode(self, pass_number: int, message: torch.Tensor, basis: torch.Tensor | None) -> list[torch.Tensor]:
        turn = self._turn
        rows = self._basis @ (message if self._wide else message.transpose(1, 2))
        self._part = rows[:, :, turn.start : turn.start + turn.length]
        return [self._part.reshape(message.shape[0], 1, -1)]

    def decode(self, pass_number: int, received: Sequence[torch.Tensor], noise: Sequence[torch.Tensor],
               shared: dict[str, torch.Tensor]) -> Decoded:
        left, right = self._with_basis(received[0].reshape(self._turn.rows, self._turn.length))
        return Decoded(left.t() @ right, shared)

    def _with_basis(self, part: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Factors of a turn's numbers [..., rows, length] among zeros of the long side."""
        turn = self._turn
        rows = torch.nn.functional.pad(part, (turn.start, self._cut.large - turn.start - turn.length))
        return (self._basis, rows) if self._wide else (rows, self._basis)

    def own_factors(self) -> tuple[torch.Tensor, torch.Tensor] | None:
        return self._with_basis(self._part)

    def own(self, message: torch.Tensor) -> torch.Tensor:
        left, right = self._with_basis(self._part)
        return left.transpose(-1, -2) @ right
