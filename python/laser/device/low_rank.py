"""PowerSGD's thin factors by torch's own operations: the four orders of sending them (spec 2.4, docs/arena.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from laser.device import random
from laser.device.compressor import Compressor, Context, Decoded, Layer, canonical_factors, orthonormal_rows
from laser.device.power import split_factor_pair

_RIDGE = 0.1  # mu of Parallel, over the mean diagonal


def rank_of(layer: Layer, settings: Mapping[str, str]) -> int:
    """r_l of a tensor."""
    return min(int(settings["rank"]), layer.rows, layer.columns)


class LowRank(Compressor):
    """What the orders of sending P [m, r] and Q [n, r] have in common; both are kept transposed."""

    sides: tuple[str, ...] = ("right",)  # factors that last

    factors_a_round = 2  # of P and Q

    def __init__(self, layer: Layer, context: Context, settings: Mapping[str, str]):
        super().__init__(layer, context, settings)
        self.rank = rank_of(layer, settings)
        self._warm = settings["warm_start"] == "true"
        self._separate = settings["column_mode"] == "sqrt_kappa"
        self._factors: tuple[torch.Tensor, torch.Tensor] | None = None

    @classmethod
    def applies(cls, layer: Layer, settings: Mapping[str, str]) -> bool:
        saves = layer.size > rank_of(layer, settings) * (layer.rows + layer.columns)
        return len(layer.shape) >= 2 and (settings["compress"] == "always" or saves)

    @classmethod
    def symbols(cls, layer: Layer, settings: Mapping[str, str]) -> float:
        return rank_of(layer, settings) * (layer.rows + layer.columns) * cls.factors_a_round / 2

    @classmethod
    def lag(cls, layer: Layer, settings: Mapping[str, str]) -> float:
        """What the factors leave of a message, round after round (spec 5.3)."""
        of_rows, of_columns = rank_of(layer, settings) / layer.rows, rank_of(layer, settings) / layer.columns
        return 2 / (of_rows + of_columns) if cls.factors_a_round == 1 else 1 / (of_rows + of_columns - of_rows * of_columns)

    def _random(self, round_number: int, side: str) -> torch.Tensor:
        size = self.layer.rows if side == "left" else self.layer.columns
        piece = self._stream(random.WARM_START, self.rank * size, 0 if side == "left" else 1)
        return self.context.first_normals(round_number, piece).view(self.rank, size)

    def initial_state(self) -> dict[str, torch.Tensor]:
        """The factors that rounds start from; none without a warm start, where every round draws its own."""
        return self.first_state() if self._warm else {}

    def first_state(self) -> dict[str, torch.Tensor]:
        return {side: self._random(0, side).clone() for side in self.sides}

    def _decoded(self, left: torch.Tensor, right: torch.Tensor, lasting: dict[str, torch.Tensor]) -> Decoded:
        return Decoded(left.t() @ right, lasting if self._warm else {})

    def _start(self, side: str, shared: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return shared[side] if self._warm else self._random(self.round + 1, side)

    def start(self, shared: Mapping[str, torch.Tensor]) -> torch.Tensor | None:
        return self._start("right", shared)

    def _block(self, factors: torch.Tensor) -> torch.Tensor:
        return factors if self._separate else factors.reshape(factors.shape[0], 1, -1)

    def _factor(self, received: torch.Tensor) -> torch.Tensor:
        return received.reshape(self.rank, -1)

    def _orthonormal(self, a: torch.Tensor, unit: int) -> torch.Tensor:
        size = a.shape[-1]
        drawn = self.context.first_normals(self.round, self._stream(random.REPLACEMENT, self.rank * size, unit))
        batch = a.view(-1, self.rank, size)
        basis = orthonormal_rows(batch, drawn.view(1, self.rank, size).expand_as(batch), self.context.wide)
        return basis.view(a.shape)

    def own_factors(self) -> tuple[torch.Tensor, torch.Tensor] | None:
        return self._factors

    def own(self, message: torch.Tensor) -> torch.Tensor:
        assert self._factors is not None
        left, right = self._factors
        return left.transpose(-1, -2) @ right


class Alternating(LowRank):
    """Even rounds fix the left basis and send Q, odd rounds fix the right basis and send P (spec 2.4 C)."""

    sides = ("left", "right")
    factors_a_round = 1

    def start(self, shared: Mapping[str, torch.Tensor]) -> torch.Tensor | None:
        return self._start("right" if self.round % 2 else "left", shared)

    def encode(self, pass_number: int, message: torch.Tensor, basis: torch.Tensor | None) -> list[torch.Tensor]:
        assert basis is not None
        self._basis = basis
        if self.round % 2:
            factors = basis @ message.transpose(1, 2)
            self._factors = factors, basis
        else:
            factors = basis @ message
            self._factors = basis, factors
        return [self._block(factors)]

    def decode(self, pass_number: int, received: Sequence[torch.Tensor], noise: Sequence[torch.Tensor],
               shared: dict[str, torch.Tensor]) -> Decoded:
        factor = self._factor(received[0])
        left, right = (factor, self._basis) if self.round % 2 else (self._basis, factor)
        return self._decoded(left, right, {"left": left, "right": right})


class TwoPhase(LowRank):
    """P first, then Q for the basis that the server made of it (spec 2.4 A)."""

    passes = 2

    def encode(self, pass_number: int, message: torch.Tensor, basis: torch.Tensor | None) -> list[torch.Tensor]:
        if pass_number == 0:
            assert basis is not None
            return [self._block(basis @ message.transpose(1, 2))]
        factors = self._basis @ message
        self._factors = self._basis, factors
        return [self._block(factors)]

    def decode(self, pass_number: int, received: Sequence[torch.Tensor], noise: Sequence[torch.Tensor],
               shared: dict[str, torch.Tensor]) -> Decoded:
        factor = self._factor(received[0])
        if pass_number == 0:
            self._basis = self._orthonormal(factor, 1)
            return Decoded(None, shared)
        return self._decoded(self._basis, factor, {"right": factor})


class FactorPair(LowRank):
    """Both factors in one use of the channel: energy goes to pairs of their columns, and their product is what they stand for."""

    _content: torch.Tensor  # [K] its norm
    _optimal = False  # whether energies minimise the noise

    def split(self, energies: torch.Tensor, norms: torch.Tensor) -> torch.Tensor | None:
        return split_factor_pair(energies, norms, self.layer.rows, self.layer.columns, self._optimal)

    def content_norm(self) -> torch.Tensor | None:
        return self._content


class OneShot(FactorPair):
    """Of one orthonormal basis (spec 2.4 B)."""

    def __init__(self, layer: Layer, context: Context, settings: Mapping[str, str]):
        super().__init__(layer, context, settings)
        self._canonical = settings["canonical"] == "true"
        self._optimal = settings["rank_allocation"] == "opt"

    def encode(self, pass_number: int, message: torch.Tensor, basis: torch.Tensor | None) -> list[torch.Tensor]:
        assert basis is not None
        left = self._orthonormal(basis @ message.transpose(1, 2), 1)
        right = left @ message
        self._content = torch.linalg.vector_norm(right, dim=(1, 2), dtype=self.context.wide)
        if self._canonical:
            left, right = canonical_factors(left, right, self.context.wide)
        self._factors = left, right
        return [left, right]

    def decode(self, pass_number: int, received: Sequence[torch.Tensor], noise: Sequence[torch.Tensor],
               shared: dict[str, torch.Tensor]) -> Decoded:
        left, right = received
        return self._decoded(left, right, {"right": right})


def _solved(products: torch.Tensor, factor: torch.Tensor, wide: torch.dtype) -> torch.Tensor:
    """Products B M^T [K, r, D] by the inverse of B B^T + mu I, for B [r, d] or [K, r, d]; a factor of zeros gives zeros."""
    peak = factor.to(wide).abs().amax((-2, -1), keepdim=True)
    peak = torch.where(peak > 0, peak, torch.ones_like(peak))
    unit = factor.to(wide) / peak
    gram = unit @ unit.transpose(-2, -1)
    floor = gram.diagonal(dim1=-2, dim2=-1).mean(-1, keepdim=True).unsqueeze(-1) * _RIDGE
    floor = torch.where(floor > 0, floor, torch.ones_like(floor))
    gram = gram + torch.eye(gram.shape[-1], dtype=wide, device=gram.device) * floor
    scaled = products.to(wide) / peak
    solved: torch.Tensor = torch.linalg.solve_ex(gram.expand(scaled.shape[0], -1, -1), scaled)[0]
    return (solved / peak).to(products.dtype)


class Parallel(FactorPair):
    """Each factor refined from the last one of the other side, without orthonormal bases
    (Ota-LC, docs/arena.md). Whether there are last ones is a number of the device, so both beginnings are computed."""

    sides = ("left", "right")

    def __init__(self, layer: Layer, context: Context, settings: Mapping[str, str]):
        super().__init__(layer, context, settings)
        self._step = float(settings["factor_step"])

    def first_state(self) -> dict[str, torch.Tensor]:
        right = self._random(0, "right").clone()
        return {"left": torch.zeros(self.rank, self.layer.rows, dtype=right.dtype, device=right.device), "right": right}

    def start(self, shared: Mapping[str, torch.Tensor]) -> torch.Tensor | None:
        return None

    def encode(self, pass_number: int, message: torch.Tensor, basis: torch.Tensor | None) -> list[torch.Tensor]:
        wide, first = self.context.wide, self._start("right", self.shared)
        left = _solved(first @ message.transpose(1, 2), first, wide)
        right = _solved(left @ message, left, wide)
        self._started: torch.Tensor | None = None
        if self._warm:
            last = self.shared["left"]
            self._started = (last != 0).any()
            right = torch.where(self._started, _solved(last @ message, last, wide), right)
        self._refined = left, right
        wide_left, wide_right = left.to(wide), right.to(wide)
        squares = ((wide_left @ wide_left.transpose(1, 2)) * (wide_right @ wide_right.transpose(1, 2))).sum((1, 2))
        self._content = squares.clamp(min=0).sqrt()
        return [left, right]

    def _mixed(self, side: str, refined: torch.Tensor) -> torch.Tensor:
        """The factor from here on, [r, D] or [K, r, D], where ``refined`` was received."""
        if self._started is None:
            return refined
        return torch.where(self._started, self.shared[side] * (1 - self._step) + refined * self._step, refined)

    def decode(self, pass_number: int, received: Sequence[torch.Tensor], noise: Sequence[torch.Tensor],
               shared: dict[str, torch.Tensor]) -> Decoded:
        left, right = self._mixed("left", received[0]), self._mixed("right", received[1])
        nothing = (left == 0).all()
        return self._decoded(left, right, {name: torch.where(nothing, shared[name], one) if self._warm else one
                                           for name, one in (("left", left), ("right", right))})

    def own_factors(self) -> tuple[torch.Tensor, torch.Tensor] | None:
        left, right = self._refined
        return self._mixed("left", left), self._mixed("right", right)

    def own(self, message: torch.Tensor) -> torch.Tensor:
        factors = self.own_factors()
        assert factors is not None
        return factors[0].transpose(-1, -2) @ factors[1]
