"""The compressors that see a tensor as a plain vector, by torch's own operations (spec 4, 4.1, 4.2; docs/arena.md)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch

from laser.device import random
from laser.device.compressor import Compressor, Context, Decoded, Layer, chosen_places, kept, largest_entries
from laser.errors import EXIT_CONFIGURATION, error

_MOST_PROJECTION = 2**28
_SKETCH_PART = 2**15
_AMP_ITERATIONS, _AMP_THRESHOLD, _AMP_GROWTH = 30, 2.0, 3.0


class Fraction(Compressor):
    """A compressor of which a tensor gets compression_factor symbols a number."""

    @classmethod
    def symbols(cls, layer: Layer, settings: Mapping[str, str]) -> float:
        return float(kept(layer.size, float(settings["compression_factor"])))

    @classmethod
    def lag(cls, layer: Layer, settings: Mapping[str, str]) -> float:
        return 1 / float(settings["compression_factor"])


class RandomK(Fraction):
    """b random coordinates, the same at every worker: those of the smallest words, ties going to the lower index."""

    reads_all = False

    def __init__(self, layer: Layer, context: Context, settings: Mapping[str, str]):
        super().__init__(layer, context, settings)
        self._count = kept(layer.size, float(settings["compression_factor"]))

    def encode(self, pass_number: int, message: torch.Tensor, basis: torch.Tensor | None) -> list[torch.Tensor]:
        piece = self._stream(random.INDICES, self.layer.size)
        self._chosen = chosen_places(self.context.seed, self.round, piece, self._count, self.context.device)
        return [message.reshape(message.shape[0], -1)[:, self._chosen].unsqueeze(1)]

    def decode(self, pass_number: int, received: Sequence[torch.Tensor], noise: Sequence[torch.Tensor],
               shared: dict[str, torch.Tensor]) -> Decoded:
        spread = torch.zeros(self.layer.size, dtype=received[0].dtype, device=received[0].device)
        return Decoded(self._matrix(spread.index_copy(0, self._chosen, received[0].view(-1))), shared)

    def own(self, message: torch.Tensor) -> torch.Tensor:
        taken = message.reshape(message.shape[0], -1)
        own = torch.zeros_like(taken).index_copy(1, self._chosen, taken[:, self._chosen])
        return own.view(message.shape)


class CountSketch(Fraction):
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


class TopKProjection(Fraction):
    """A-DSGD: a fixed Gaussian projection of the largest entries, of which the lower index goes first (spec 4, 4.1)."""

    reads_all = False
    pilot = False  # whether the last symbol is a 1 by which the server divides what it hears

    def __init__(self, layer: Layer, context: Context, settings: Mapping[str, str]):
        super().__init__(layer, context, settings)
        factor = float(settings["compression_factor"])
        self._projections, self._largest = kept(layer.size, factor) - self.pilot, kept(layer.size, factor / 2)
        self._decoder = DECODERS["amp" if self.pilot else settings["decoder"]]
        if self._projections * layer.size > _MOST_PROJECTION:
            raise error(EXIT_CONFIGURATION, f"{settings['compressor']} needs a {self._projections} x {layer.size} matrix for tensor "
                        f"'{layer.name}', over the limit of 2^28 entries. HINT: lower compression_factor (now {factor}) or use "
                        "another method")
        drawn = context.first_normals(0, self._stream(random.PROJECTION, layer.size * self._projections))
        self._transposed = drawn.view(layer.size, self._projections) * (1 / math.sqrt(self._projections))  # A^T
        gram = (self._transposed.t() @ self._transposed).to(context.wide)
        if self._decoder is TopKProjection._pinv:
            self._inverse = torch.cholesky_inverse(torch.linalg.cholesky(gram)).to(context.kind)
        else:
            values, vectors = torch.linalg.eigh(gram)
            self._values, self._vectors = values.to(context.kind), vectors.to(context.kind)

    def encode(self, pass_number: int, message: torch.Tensor, basis: torch.Tensor | None) -> list[torch.Tensor]:
        flat = message.reshape(message.shape[0], -1)
        chosen = largest_entries(flat.abs(), self._largest)
        self._own = torch.zeros_like(flat).scatter(1, chosen, flat.gather(1, chosen))
        symbols = self._own @ self._transposed
        if self.pilot:
            symbols = torch.cat((symbols, torch.ones_like(symbols[:, :1])), 1)
        return [symbols.unsqueeze(1)]

    def decode(self, pass_number: int, received: Sequence[torch.Tensor], noise: Sequence[torch.Tensor],
               shared: dict[str, torch.Tensor]) -> Decoded:
        y, deviation = received[0].view(-1), noise[0].view(-1)[0]
        if self.pilot:  # noise that has turned its sign has left nothing to divide by
            whole, heard = y[-1], y[-1] > 0
            whole = torch.where(heard, whole, torch.ones_like(whole))
            x = self._amp(y[:-1] / whole, deviation / whole.to(deviation.dtype))
            x = torch.where(heard, x, torch.zeros_like(x))
        else:
            x = self._decoder(self, y, deviation)
        return Decoded(self._matrix(x), shared)

    def own(self, message: torch.Tensor) -> torch.Tensor:
        return self._own.view(message.shape)

    def _pinv(self, y: torch.Tensor, deviation: torch.Tensor) -> torch.Tensor:
        return self._transposed @ (self._inverse @ y)

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


DECODERS: dict[str, Callable[[TopKProjection, torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "pinv": TopKProjection._pinv, "lmmse": TopKProjection._lmmse, "amp": TopKProjection._amp}


class TopKPilot(TopKProjection):
    """A-DSGD's own format: a pilot symbol in the place of a projection, decoded by approximate message passing."""

    pilot = True

    @classmethod
    def applies(cls, layer: Layer, settings: Mapping[str, str]) -> bool:
        return cls.symbols(layer, settings) > 1  # else there is no room for a projection beside the pilot


class AgeTopK(Fraction):
    """The largest coordinates of the last ones heard, then those that waited longest (AgeTop-k, docs/arena.md). What lasts is
    ``coordinates`` [2, d]: the numbers as they were heard last, and how many rounds each has waited."""

    reads_all = False

    def __init__(self, layer: Layer, context: Context, settings: Mapping[str, str]):
        super().__init__(layer, context, settings)
        self._count = kept(layer.size, float(settings["compression_factor"]))
        self._largest = min(max(math.floor(float(settings["magnitude_share"]) * self._count + 1e-9), 0), self._count)

    def initial_state(self) -> dict[str, torch.Tensor]:
        return {"coordinates": torch.zeros(2, self.layer.size, dtype=self.context.kind, device=self.context.device)}

    def begin(self, round_number: int, shared: Mapping[str, torch.Tensor]) -> None:
        super().begin(round_number, shared)
        heard, waited = shared["coordinates"]
        first = largest_entries(heard.abs(), self._largest)
        others = largest_entries(waited.index_fill(0, first, -1), self._count - self._largest)
        self._chosen = torch.cat((first, others)).sort()[0]

    def encode(self, pass_number: int, message: torch.Tensor, basis: torch.Tensor | None) -> list[torch.Tensor]:
        return [message.reshape(message.shape[0], -1)[:, self._chosen].unsqueeze(1)]

    def decode(self, pass_number: int, received: Sequence[torch.Tensor], noise: Sequence[torch.Tensor],
               shared: dict[str, torch.Tensor]) -> Decoded:
        values = received[0].view(-1)
        spread = torch.zeros(self.layer.size, dtype=values.dtype, device=values.device).index_copy(0, self._chosen, values)
        heard, waited = shared["coordinates"]
        lasting = torch.stack((heard.index_copy(0, self._chosen, values), (waited + 1).index_fill(0, self._chosen, 0)))
        return Decoded(self._matrix(spread), {"coordinates": lasting})

    def own(self, message: torch.Tensor) -> torch.Tensor:
        taken = message.reshape(message.shape[0], -1)
        return torch.zeros_like(taken).index_copy(1, self._chosen, taken[:, self._chosen]).view(message.shape)


def bits_of_places(size: int, count: int) -> float:
    """log2(size choose count)."""
    return (math.lgamma(size + 1) - math.lgamma(count + 1) - math.lgamma(size - count + 1)) / math.log(2)


def places_within(size: int, bits: float) -> int:
    """The largest q <= max(1, size/2) for which the places of q of `size` entries and a sign take at most `bits`; 0 where none
    do (spec 4.2)."""
    fits, beyond = 0, max(1, size // 2) + 1
    while beyond - fits > 1:
        middle = fits + (beyond - fits) // 2
        if 1 + bits_of_places(size, middle) <= bits:
            fits = middle
        else:
            beyond = middle
    return fits


class TopKMean(Compressor):
    """D-DSGD: the places of a worker's largest or of its smallest entries, and their mean (spec 4.2). How many follows from
    its bits, which the host knows."""

    reads_all = False
    few_values = True

    def encode(self, pass_number: int, message: torch.Tensor, basis: torch.Tensor | None) -> list[torch.Tensor]:
        flat, wide = message.reshape(message.shape[0], -1), self.context.wide
        rows = []
        for worker, own in enumerate(flat):
            count = places_within(self.layer.size, math.inf if self.bits is None else self.bits[worker])
            if count == 0:
                rows.append(torch.zeros_like(own))
                continue
            means, sent = [], []
            for sign in (1, -1):
                part = (sign * own).clamp(min=0)
                places = largest_entries(part, count)
                some = part[places] > 0
                mean = part[places].to(wide).sum() / some.sum().clamp(min=1)
                means.append(mean)
                numbers = torch.where(some, sign * mean, torch.zeros_like(mean)).to(own.dtype)
                sent.append(torch.zeros_like(own).index_copy(0, places, numbers))
            rows.append(torch.where(means[0] >= means[1], sent[0], sent[1]))
        self._sent = torch.stack(rows).view(message.shape)
        return [self._sent.reshape(message.shape[0], 1, -1)]

    def decode(self, pass_number: int, received: Sequence[torch.Tensor], noise: Sequence[torch.Tensor],
               shared: dict[str, torch.Tensor]) -> Decoded:
        return Decoded(self._matrix(received[0]), shared)

    def own(self, message: torch.Tensor) -> torch.Tensor:
        return self._sent
