"""The compressors by torch's own operations, on any device: what src/laser/compress says, a class each.

One object serves one parameter tensor. ``encode`` turns messages [K, m, n] into blocks of symbols [K, C, D], ``decode`` what
was received, blocks [C, D], into the estimate [m, n]; ``own`` is each worker's noiseless reconstruction [K, m, n]. Nothing
reads a number back to the host.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import torch

from laser import device_random as random
from laser.native import EXIT_CONFIGURATION, error

LEAST_PART = 1e-12  # of a column beside those before it, below which it is replaced (spec 2.2)
_JACOBI_SWEEPS = 12
_MOST_PROJECTION = 2**28
_SKETCH_PART = 2**15
_AMP_ITERATIONS, _AMP_THRESHOLD, _AMP_GROWTH = 30, 2.0, 3.0


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

    split = "norm"  # of the energy over groups: "norm", or "pair" and "pair_optimal" for the two factors of one_shot
    passes = 1
    reads_all = True  # a number of the message that is not finite leaves a norm of the symbols that is not

    def __init__(self, layer: Layer, context: Context, settings: Mapping[str, str]):
        self.layer, self.context = layer, context
        self.round = 0

    def initial_state(self) -> dict[str, torch.Tensor]:
        return {}

    def begin(self, round_number: int) -> None:
        self.round = round_number

    def start(self, shared: Mapping[str, torch.Tensor]) -> torch.Tensor | None:
        """[r, D] what the first basis of the round is made of, where there is one."""
        return None

    def unit(self) -> int:
        """Of the stream of its replacements."""
        return 0

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

    def own_factors(self) -> tuple[torch.Tensor, torch.Tensor] | None:
        """[r, m] or [K, r, m], and [r, n] or [K, r, n]: ``own`` as a product, where it is one."""
        return None

    def _stream(self, purpose: int, size: int, unit: int = 0) -> random.Piece:
        return purpose, self.layer.index, unit, size

    def _matrix(self, flat: torch.Tensor) -> torch.Tensor:
        return flat.reshape(self.layer.rows, self.layer.columns)


class Identity(Compressor):
    """The message as it is."""

    def encode(self, pass_number: int, message: torch.Tensor, basis: torch.Tensor | None) -> list[torch.Tensor]:
        return [message.reshape(message.shape[0], 1, -1)]

    def decode(self, pass_number: int, received: Sequence[torch.Tensor], noise: Sequence[torch.Tensor],
               shared: dict[str, torch.Tensor]) -> Decoded:
        return Decoded(self._matrix(received[0]), shared)

    def own(self, message: torch.Tensor) -> torch.Tensor:
        return message


class LowRank(Compressor):
    """What the three orders of sending P [m, r] and Q [n, r] have in common; both are kept transposed."""

    sides: tuple[str, ...] = ("right",)  # factors that last

    def __init__(self, layer: Layer, context: Context, settings: Mapping[str, str]):
        super().__init__(layer, context, settings)
        self.rank = min(int(settings["rank"]), layer.rows, layer.columns)
        self._warm = settings["warm_start"] == "true"
        self._separate = settings["column_mode"] == "sqrt_kappa"
        self._factors: tuple[torch.Tensor, torch.Tensor] | None = None

    def _random(self, round_number: int, side: str) -> torch.Tensor:
        size = self.layer.rows if side == "left" else self.layer.columns
        piece = self._stream(random.WARM_START, self.rank * size, 0 if side == "left" else 1)
        return self.context.first_normals(round_number, piece).view(self.rank, size)

    def initial_state(self) -> dict[str, torch.Tensor]:
        return {side: self._random(0, side).clone() for side in self.sides}

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
        return Decoded(left.t() @ right, {"left": left, "right": right})


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
        return Decoded(self._basis.t() @ factor, {"right": factor})


class OneShot(LowRank):
    """Both factors in one use of the channel (spec 2.4 B)."""

    def __init__(self, layer: Layer, context: Context, settings: Mapping[str, str]):
        super().__init__(layer, context, settings)
        self._canonical = settings["canonical"] == "true"
        self.split = "pair_optimal" if settings["rank_allocation"] == "opt" else "pair"

    def encode(self, pass_number: int, message: torch.Tensor, basis: torch.Tensor | None) -> list[torch.Tensor]:
        assert basis is not None
        left = self._orthonormal(basis @ message.transpose(1, 2), 1)
        right = left @ message
        self._content = torch.linalg.vector_norm(right, dim=(1, 2), dtype=self.context.wide)
        if self._canonical:
            left, right = canonical_factors(left, right, self.context.wide)
        self._factors = left, right
        return [left, right]

    def content_norm(self) -> torch.Tensor | None:
        return self._content

    def decode(self, pass_number: int, received: Sequence[torch.Tensor], noise: Sequence[torch.Tensor],
               shared: dict[str, torch.Tensor]) -> Decoded:
        left, right = received
        return Decoded(left.t() @ right, {"right": right})


class RandomK(Compressor):
    """b random coordinates, the same at every worker: those of the smallest words, ties going to the lower index."""

    reads_all = False

    def __init__(self, layer: Layer, context: Context, settings: Mapping[str, str]):
        super().__init__(layer, context, settings)
        self._count = kept(layer.size, float(settings["compression_factor"]))

    def encode(self, pass_number: int, message: torch.Tensor, basis: torch.Tensor | None) -> list[torch.Tensor]:
        size, device = self.layer.size, self.context.device
        drawn = random.words(self.context.seed, self.round, self._stream(random.INDICES, size), device)
        keys = drawn << 31 | torch.arange(size, device=device)
        self._chosen = (keys.topk(self._count, largest=False, sorted=False)[0] & (2**31 - 1)).sort()[0]
        return [message.reshape(message.shape[0], -1)[:, self._chosen].unsqueeze(1)]

    def decode(self, pass_number: int, received: Sequence[torch.Tensor], noise: Sequence[torch.Tensor],
               shared: dict[str, torch.Tensor]) -> Decoded:
        spread = torch.zeros(self.layer.size, dtype=received[0].dtype, device=received[0].device)
        return Decoded(self._matrix(spread.index_copy(0, self._chosen, received[0].view(-1))), shared)

    def own(self, message: torch.Tensor) -> torch.Tensor:
        taken = message.reshape(message.shape[0], -1)
        own = torch.zeros_like(taken).index_copy(1, self._chosen, taken[:, self._chosen])
        return own.view(message.shape)


class CountSketch(Compressor):
    """Sums of random buckets with random signs, hashed from the stream; large sketches are cut into parts
    (kernels/sketching.hpp)."""

    def __init__(self, layer: Layer, context: Context, settings: Mapping[str, str]):
        super().__init__(layer, context, settings)
        self._count = kept(layer.size, float(settings["compression_factor"]))
        parts = -(-self._count // _SKETCH_PART)
        first = [self._count * p // parts for p in range(parts + 1)]
        edges = [layer.size * p // parts for p in range(parts + 1)]
        self._parts = [(edges[p + 1] - edges[p], first[p], first[p + 1] - first[p]) for p in range(parts)]

    def encode(self, pass_number: int, message: torch.Tensor, basis: torch.Tensor | None) -> list[torch.Tensor]:
        drawn = random.words(self.context.seed, self.round, self._stream(random.SKETCH, self.layer.size), self.context.device)
        places, at = [], 0
        for size, first, buckets in self._parts:
            places.append((drawn[at : at + size] * buckets >> 32) + first)
            at += size
        self._bucket = torch.cat(places)
        self._sign = (1 - 2 * (drawn & 1)).to(message.dtype)
        signed = message.reshape(message.shape[0], -1) * self._sign
        empty = torch.zeros(message.shape[0], self._count, dtype=message.dtype, device=message.device)
        self._sketch = empty.index_add(1, self._bucket, signed)
        return [self._sketch.unsqueeze(1)]

    def decode(self, pass_number: int, received: Sequence[torch.Tensor], noise: Sequence[torch.Tensor],
               shared: dict[str, torch.Tensor]) -> Decoded:
        return Decoded(self._matrix(received[0].view(-1)[self._bucket] * self._sign), shared)

    def own(self, message: torch.Tensor) -> torch.Tensor:
        return (self._sketch[:, self._bucket] * self._sign).view(message.shape)


def signs(values: torch.Tensor) -> torch.Tensor:
    one = torch.ones_like(values)
    return torch.where(values >= 0, one, -one)


class Sign(Compressor):
    """Signs, sign(0) = +1, and the majority of what is heard."""

    reads_all = False

    def encode(self, pass_number: int, message: torch.Tensor, basis: torch.Tensor | None) -> list[torch.Tensor]:
        self._signs = signs(message)
        return [self._signs.reshape(message.shape[0], 1, -1)]

    def decode(self, pass_number: int, received: Sequence[torch.Tensor], noise: Sequence[torch.Tensor],
               shared: dict[str, torch.Tensor]) -> Decoded:
        return Decoded(self._matrix(signs(received[0])), shared)

    def own(self, message: torch.Tensor) -> torch.Tensor:
        return self._signs


class TopKProjection(Compressor):
    """A-DSGD: a fixed Gaussian projection of the largest entries, of which the lower index goes first (spec 4, 4.1)."""

    reads_all = False

    def __init__(self, layer: Layer, context: Context, settings: Mapping[str, str]):
        super().__init__(layer, context, settings)
        factor = float(settings["compression_factor"])
        self._projections, self._largest = kept(layer.size, factor), kept(layer.size, factor / 2)
        self._decoder = settings["decoder"]
        if self._projections * layer.size > _MOST_PROJECTION:
            raise error(EXIT_CONFIGURATION, f"top_k_projection needs a {self._projections} x {layer.size} matrix for tensor "
                        f"'{layer.name}', over the limit of 2^28 entries. HINT: lower compression_factor (now {factor}) or use "
                        "another method")
        drawn = context.first_normals(0, self._stream(random.PROJECTION, layer.size * self._projections))
        self._transposed = drawn.view(layer.size, self._projections) * (1 / math.sqrt(self._projections))  # A^T
        gram = (self._transposed.t() @ self._transposed).to(context.wide)
        if self._decoder == "pinv":
            self._inverse = torch.cholesky_inverse(torch.linalg.cholesky(gram)).to(context.kind)
        else:
            values, vectors = torch.linalg.eigh(gram)
            self._values, self._vectors = values.to(context.kind), vectors.to(context.kind)

    def encode(self, pass_number: int, message: torch.Tensor, basis: torch.Tensor | None) -> list[torch.Tensor]:
        flat = message.reshape(message.shape[0], -1)
        chosen = torch.sort(flat.abs(), stable=True, dim=1, descending=True)[1][:, : self._largest]
        self._own = torch.zeros_like(flat).scatter(1, chosen, flat.gather(1, chosen))
        return [(self._own @ self._transposed).unsqueeze(1)]

    def decode(self, pass_number: int, received: Sequence[torch.Tensor], noise: Sequence[torch.Tensor],
               shared: dict[str, torch.Tensor]) -> Decoded:
        y, deviation = received[0].view(-1), noise[0].view(-1)[0]
        if self._decoder == "pinv":
            x = self._transposed @ (self._inverse @ y)
        elif self._decoder == "lmmse":
            x = self._lmmse(y, deviation)
        else:
            x = self._amp(y, deviation)
        return Decoded(self._matrix(x), shared)

    def own(self, message: torch.Tensor) -> torch.Tensor:
        return self._own.view(message.shape)

    def _lmmse(self, y: torch.Tensor, deviation: torch.Tensor) -> torch.Tensor:
        variance = ((y.to(self.context.wide).square().sum() - len(y) * deviation.square()) / self.layer.size).clamp(min=0)
        some = variance > 0
        floor = deviation.square() / torch.where(some, variance, torch.ones_like(variance))
        gain = 1 / (self._values + floor.to(y.dtype))
        x = self._transposed @ (self._vectors @ ((self._vectors.t() @ y) * gain))
        return torch.where(some & (floor <= 1e30), x, torch.zeros_like(x))

    def _amp(self, y: torch.Tensor, deviation: torch.Tensor) -> torch.Tensor:
        """Approximate message passing, of a fixed length: what comes after it has grown is not looked at."""
        x = torch.zeros(self.layer.size, dtype=y.dtype, device=y.device)
        z, best, least = y, x, torch.linalg.vector_norm(y)
        going, found = least > 0, torch.zeros_like(least, dtype=torch.bool)
        for _ in range(_AMP_ITERATIONS):
            threshold = _AMP_THRESHOLD * torch.linalg.vector_norm(z) / math.sqrt(len(y))
            moved = x + self._transposed @ z
            x = moved.sign() * (moved.abs() - threshold).clamp(min=0)
            z = y - self._transposed.t() @ x + z * ((x != 0).sum() / len(y))
            residual = torch.linalg.vector_norm(z)
            going = going & residual.isfinite() & (residual <= _AMP_GROWTH * least)
            better = going & (residual < least)
            least, best, found = torch.where(better, residual, least), torch.where(better, x, best), found | better
        start_is_zero = torch.linalg.vector_norm(y) == 0
        return torch.where(found | start_is_zero, best, self._lmmse(y, deviation))


TRANSPORTS: dict[str, type[Compressor]] = {"alternating": Alternating, "two_phase": TwoPhase, "one_shot": OneShot}
COMPRESSORS: dict[str, type[Compressor]] = {"identity": Identity, "random_k": RandomK, "count_sketch": CountSketch,
                                            "sign": Sign, "top_k_projection": TopKProjection}


def applies(settings: Mapping[str, str], layer: Layer) -> bool:
    """Whether the tensor is compressed; one that is not is sent as it is (spec 2.1)."""
    if settings["compressor"] != "low_rank":
        return True
    if len(layer.shape) < 2:
        return False
    rank = min(int(settings["rank"]), layer.rows, layer.columns)
    return settings["compress"] == "always" or layer.size > rank * (layer.rows + layer.columns)


def make(settings: Mapping[str, str], layer: Layer, context: Context) -> Compressor:
    if not applies(settings, layer):
        return Identity(layer, context, settings)
    name = settings["compressor"]
    kind = TRANSPORTS[settings["transport"]] if name == "low_rank" else COMPRESSORS[name]
    return kind(layer, context, settings)


def check_low_rank(settings: Mapping[str, str], layers: Sequence[Layer]) -> None:
    """Raises Error where no matrix of the model would be factored, as the compiled core does."""
    if settings["compressor"] != "low_rank" or any(applies(settings, layer) for layer in layers):
        return
    useful = max((min((one.size - 1) // (one.rows + one.columns), one.rows, one.columns)
                  for one in layers if len(one.shape) >= 2), default=0)
    if useful == 0:
        raise error(EXIT_CONFIGURATION, "the model has no matrix that low-rank factors would make smaller. HINT: method=zsgd "
                    "sends its tensors as they are")
    raise error(EXIT_CONFIGURATION, f"rank = {settings['rank']} fits no layer: its factors would be larger than every matrix of "
                f"the model. HINT: use rank <= {useful}, or compress=always")
