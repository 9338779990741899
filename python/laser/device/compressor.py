"""What a compressor of torch's own operations is, on any device, and the algebra that several of them share.

One object serves one parameter tensor. ``encode`` turns messages [K, m, n] into blocks of symbols [K, C, D], ``decode`` what
was received, blocks [C, D], into the estimate [m, n]; ``own`` is each worker's noiseless reconstruction [K, m, n]. Nothing
reads a number back to the host. The compressors themselves are in low_rank, sweep and elementwise, their
table in compress.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import torch

from laser.device import random

LEAST_PART = 1e-12  # of a column beside those before it, below which it is replaced (spec 2.2)
_JACOBI_SWEEPS = 12


@dataclasses.dataclass
class Layer:
    """A parameter tensor as a matrix of `rows` x `columns` that begins at `offset` of the flat vector."""

    name: str
    shape: tuple[int, ...]
    index: int
    offset: int

    def __post_init__(self) -> None:
        self.rows: int = self.shape[0] if self.shape else 1
        self.size: int = math.prod(self.shape)
        self.columns: int = self.size // self.rows


@dataclasses.dataclass
class Context:
    """What all compressors of a round share."""

    seed: int
    device: torch.device
    kind: torch.dtype  # of messages and symbols
    wide: torch.dtype  # of bases on their way: float64 where the device has it
    normals: random.Normals

    def first_normals(self, round_number: int, piece: random.Piece) -> torch.Tensor:
        return self.normals.draw(round_number, [piece])[0].to(self.kind)


def kept(size: int, factor: float) -> int:
    """max(1, floor(factor x size + 1e-9)) numbers (spec 4, 7)."""
    return max(1, math.floor(factor * size + 1e-9))


def orthonormal_rows(a: torch.Tensor, replacement: torch.Tensor, wide: torch.dtype) -> torch.Tensor:
    """Rows of each [r, D] of `a` [N, r, D] by the orthonormal basis of their span (spec 2.2): Gram-Schmidt, twice. A row of
    which nothing is left is replaced by that of `replacement` [N, r, D]."""
    pairs = torch.stack((a.to(wide), replacement.to(wide)), 2)  # [N, r, 2, D]: each row and what would replace it
    largest = pairs.abs().amax(3, keepdim=True)
    pairs = pairs / torch.where(largest > 0, largest, torch.ones_like(largest))
    before = torch.linalg.vector_norm(pairs, dim=3, keepdim=True)
    rows: list[torch.Tensor] = []
    for j in range(a.shape[1]):
        pair = pairs[:, j]
        if rows:
            basis = torch.stack(rows, 1)  # [N, j, D]
            for _ in range(2):
                pair = pair - pair @ basis.transpose(1, 2) @ basis
        after = torch.linalg.vector_norm(pair, dim=2, keepdim=True)
        none_left = (largest[:, j, :1] == 0) | (after[:, :1] < LEAST_PART * before[:, j, :1])  # false where it is NaN
        unit = pair / torch.where(after > 0, after, torch.ones_like(after))
        unit = torch.where(after.isfinite(), unit, torch.full_like(unit, math.nan))
        rows.append(torch.where(none_left[:, 0], unit[:, 1], unit[:, 0]))
    return torch.stack(rows, 1).to(a.dtype)


def canonical_factors(left: torch.Tensor, right: torch.Tensor, wide: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Orthogonal rank-one terms of the same products: with Q = U S V^T, p_j = s_j P v_j and q_j = u_j; the largest entry of
    q_j is positive. One-sided Jacobi rotations, a fixed number of them, since torch's SVD waits for its device."""
    q, p = right.to(wide), left.to(wide)  # [K, r, n], [K, r, m]
    rank = q.shape[1]
    q_rows, p_rows = list(q.unbind(1)), list(p.unbind(1))
    for _ in range(_JACOBI_SWEEPS if rank > 1 else 0):
        for i in range(rank - 1):
            for j in range(i + 1, rank):
                a, b = (q_rows[i].square().sum(1, keepdim=True), q_rows[j].square().sum(1, keepdim=True))
                c = (q_rows[i] * q_rows[j]).sum(1, keepdim=True)
                zeta = (b - a) / torch.where(c == 0, torch.ones_like(c), 2 * c)
                sign = torch.where(zeta < 0, -torch.ones_like(zeta), torch.ones_like(zeta))
                tangent = torch.where(c == 0, torch.zeros_like(c), sign / (zeta.abs() + (1 + zeta.square()).sqrt()))
                cosine = (1 + tangent.square()).rsqrt()
                sine = cosine * tangent
                q_rows[i], q_rows[j] = cosine * q_rows[i] - sine * q_rows[j], sine * q_rows[i] + cosine * q_rows[j]
                p_rows[i], p_rows[j] = cosine * p_rows[i] - sine * p_rows[j], sine * p_rows[i] + cosine * p_rows[j]
    q, p = torch.stack(q_rows, 1), torch.stack(p_rows, 1)
    s = torch.linalg.vector_norm(q, dim=2, keepdim=True)  # [K, r, 1]
    order = torch.sort(s.squeeze(2), stable=True, dim=1, descending=True)[1].unsqueeze(2)
    s, q, p = s.gather(1, order), q.gather(1, order.expand_as(q)), p.gather(1, order.expand_as(p))
    q, p = q / torch.where(s > 0, s, torch.ones_like(s)), p * s
    peak = q.gather(2, q.abs().argmax(2, keepdim=True))
    sign = torch.where(peak < 0, -torch.ones_like(peak), torch.ones_like(peak))
    return (p * sign).to(left.dtype), (q * sign).to(right.dtype)


@dataclasses.dataclass
class Decoded:
    """What the server makes of a pass: the estimate [m, n] (None before the last pass), and the shared state from here."""

    estimate: torch.Tensor | None
    shared: dict[str, torch.Tensor]


class Compressor:
    """One tensor's conversation; a round begins with ``begin``."""

    passes = 1
    exact = False  # without noise the estimate is the mean of the messages
    few_values = False  # symbols that a digital link carries as they are, in the bits of ``bits``
    reads_all = True  # a number of the message that is not finite leaves a norm of the symbols that is not

    def __init__(self, layer: Layer, context: Context, settings: Mapping[str, str]):
        self.layer, self.context = layer, context
        self.round = 0
        self.shared: Mapping[str, torch.Tensor] = {}
        self.bits: Sequence[float] | None = None  # [K] that each worker here may send in a pass; None: no limit

    @classmethod
    def applies(cls, layer: Layer, settings: Mapping[str, str]) -> bool:
        """Whether the tensor is compressed; one that is not is sent as it is (spec 2.1)."""
        return True

    @classmethod
    def symbols(cls, layer: Layer, settings: Mapping[str, str]) -> float:
        """Symbols that a worker sends about a tensor that is compressed, a round on average."""
        return float(layer.size)

    @classmethod
    def lag(cls, layer: Layer, settings: Mapping[str, str]) -> float:
        """Rounds that a message without structure waits until all of it has been sent, where what a round leaves over is kept."""
        return 1.0

    @property
    def cycle(self) -> int:
        """Rounds until every number of the tensor has been sent once."""
        return 1

    def initial_state(self) -> dict[str, torch.Tensor]:
        return {}

    def begin(self, round_number: int, shared: Mapping[str, torch.Tensor]) -> None:
        self.round, self.shared = round_number, shared

    def start(self, shared: Mapping[str, torch.Tensor]) -> torch.Tensor | None:
        """[r, D] what the first basis of the round is made of, where there is one."""
        return None

    def encode(self, pass_number: int, message: torch.Tensor, basis: torch.Tensor | None) -> list[torch.Tensor]:
        raise NotImplementedError

    def content_norm(self) -> torch.Tensor | None:
        """[K] the norm of what the symbols stand for, where it is not theirs."""
        return None

    def decode(self, pass_number: int, received: Sequence[torch.Tensor], noise: Sequence[torch.Tensor],
               shared: dict[str, torch.Tensor]) -> Decoded:
        raise NotImplementedError

    def own(self, message: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def split(self, energies: torch.Tensor, norms: torch.Tensor) -> torch.Tensor | None:
        """[G] the energies of the tensor's groups, from what every worker would spend on it [k] and their norms [k, G]; None: in
        proportion to their norms."""
        return None

    def own_factors(self) -> tuple[torch.Tensor, torch.Tensor] | None:
        """[r, m] or [K, r, m], and [r, n] or [K, r, n]: ``own`` as a product, where it is one."""
        return None

    def _stream(self, purpose: int, size: int, unit: int = 0) -> random.Piece:
        return purpose, self.layer.index, unit, size

    def _matrix(self, flat: torch.Tensor) -> torch.Tensor:
        return flat.reshape(self.layer.rows, self.layer.columns)


class Identity(Compressor):
    """The message as it is."""

    exact = True

    def encode(self, pass_number: int, message: torch.Tensor, basis: torch.Tensor | None) -> list[torch.Tensor]:
        return [message.reshape(message.shape[0], 1, -1)]

    def decode(self, pass_number: int, received: Sequence[torch.Tensor], noise: Sequence[torch.Tensor],
               shared: dict[str, torch.Tensor]) -> Decoded:
        return Decoded(self._matrix(received[0]), shared)

    def own(self, message: torch.Tensor) -> torch.Tensor:
        return message


def largest_entries(values: torch.Tensor, count: int) -> torch.Tensor:
    """[..., count] places of the largest numbers of each row, from the largest on; of equal ones the lower place first."""
    return torch.sort(values, stable=True, dim=-1, descending=True)[1][..., :count]


def chosen_places(seed: int, round_number: int, piece: random.Piece, count: int, device: torch.device) -> torch.Tensor:
    """[count] random places, ascending: those of the smallest words of the stream, of equal ones the lower place."""
    size = piece[3]
    keys = random.words(seed, round_number, piece, device) << 31 | torch.arange(size, device=device)
    return (keys.topk(count, largest=False, sorted=False)[0] & (2**31 - 1)).sort()[0]
