"""What symbols meet on their way, by torch's own operations: residual phases and timing, clipped peaks, numbers that travel as
energies, and bits (spec 1.5; docs/channels.md).

Everything here is done to the symbols [K, C, D] of the workers of one process before they are added up, or by the server to the
sum. The numbers of bits are known to the host, so rates are plain numbers.
"""

from __future__ import annotations

import math

import torch

from laser.device import random
from laser.device.compressor import Layer, chosen_places

FIRST_PHASES = 2**22  # streams of phases of numbers that travel as energies, beyond those of gains
_MOST_LEVELS = 2.0**50
_GROUPS = 64
_TERNARY = math.log2(3.0)


def turned(symbols: torch.Tensor, phase: torch.Tensor | None, delay: torch.Tensor | None, wide: torch.dtype) -> torch.Tensor:
    """Symbols [K, C, D] as they arrive: with the phase [K] of their worker, and the one that its delay [K] makes of their place in
    the band. Symbols 2j and 2j + 1 are the parts of one complex symbol; of a last one without a partner the real part is heard."""
    if phase is None and delay is None:
        return symbols
    workers, groups, length = symbols.shape
    pairs = length // 2
    zero = torch.zeros(workers, 1, 1, dtype=wide, device=symbols.device)
    phases = zero if phase is None else phase.to(wide).view(-1, 1, 1)
    angles = phases
    if delay is not None:
        places = (torch.arange(pairs, dtype=wide, device=symbols.device) + 0.5) / max(pairs, 1) - 0.5
        angles = phases + delay.to(wide).view(-1, 1, 1) * (2 * math.pi * places)
    cosine, sine = angles.cos().to(symbols.dtype), angles.sin().to(symbols.dtype)
    real, imaginary = symbols[:, :, 0 : 2 * pairs : 2], symbols[:, :, 1 : 2 * pairs : 2]
    both = torch.stack((real * cosine - imaginary * sine, real * sine + imaginary * cosine), 3).reshape(workers, groups, 2 * pairs)
    return torch.cat((both, symbols[:, :, 2 * pairs :] * phases.cos().to(symbols.dtype)), 2) if length % 2 else both


def clipped(symbols: torch.Tensor, norms: torch.Tensor, peak_ratio: float) -> torch.Tensor:
    """Symbols [K, C, D] with norms [K, C], none larger than sqrt(peak_ratio) times the rms of its group."""
    largest = (norms * math.sqrt(peak_ratio / symbols.shape[2])).unsqueeze(2).to(symbols.dtype)
    return torch.minimum(torch.maximum(symbols, -largest), largest)


def group_norms(symbols: torch.Tensor, as_energies: bool, wide: torch.dtype) -> torch.Tensor:
    """[K, C] norms of groups, or the roots of the sums of |s| where numbers travel as energies."""
    numbers = symbols.abs().sqrt() if as_energies else symbols
    norms: torch.Tensor = torch.linalg.vector_norm(numbers, dim=2, dtype=wide)
    return norms


def on_elements(symbols: torch.Tensor, seed: int, round_number: int, layer: int, unit: int, first_worker: int,
                wide: torch.dtype) -> torch.Tensor:
    """[K, C, 4 D] what workers of amplitude 1 put on the air for the numbers [K, C, D]: the root of |u| with a phase of its own, its
    real and its imaginary part, on the first resource element where u > 0 and on the second where u < 0 (docs/arena.md)."""
    workers, groups, length = symbols.shape
    numbers = groups * length
    piece = (random.FADING, layer, FIRST_PHASES + unit, workers * numbers)
    drawn = random.words(seed, round_number, piece, symbols.device, first_worker * numbers)
    angles = (2 * math.pi * ((drawn.to(wide) + 0.5) * 2.0**-32)).to(symbols.dtype).view(symbols.shape)
    size = symbols.abs().sqrt()
    parts = size * angles.cos(), size * angles.sin()
    return torch.cat([torch.where(where, part, torch.zeros_like(part)) for where in (symbols > 0, symbols < 0) for part in parts], 2)


def difference_of_energies(received: torch.Tensor) -> torch.Tensor:
    """[C, 4 D] received parts -> [C, D]: the difference of the energies on the two elements."""
    parts = received.view(received.shape[0], 4, -1).square()
    return parts[:, 0] + parts[:, 1] - parts[:, 2] - parts[:, 3]


# -- bits -------------------------------------------------------------------------------------------------------------


def air_symbols(layer: Layer, air_rank: int) -> float:
    """Symbols that all workers together have for a tensor in a round over a digital link: LASER's at rank `air_rank`, or one a
    number where that is 0 or saves nothing (spec 1.5)."""
    rank = min(air_rank, layer.rows, layer.columns)
    factors = rank * (layer.rows + layer.columns)
    if air_rank == 0 or len(layer.shape) < 2 or layer.size <= factors:
        return float(layer.size)
    return factors / 2


def quantiser_rate(size: int, bits: float) -> tuple[int, float]:
    """How many of `size` numbers are sent, and in how many levels, by the finest quantiser that takes at most `bits` (spec 1.5);
    (0, 0) where not even one fits."""
    if not bits >= _TERNARY:
        return 0, 0.0
    if bits < _TERNARY * size:
        return int(min(math.floor(bits / _TERNARY), size - 1)), 1.0
    return size, min(max(math.floor((2.0 ** min(bits / size, 60.0) - 1) / 2), 1.0), _MOST_LEVELS)


def quantise(symbols: torch.Tensor, bits: list[float], seed: int, round_number: int, layer: int, unit: int, first_worker: int,
             wide: torch.dtype) -> torch.Tensor:
    """Symbols [K, C, D] as they are received in at most `bits` [K] bits a worker, which its C groups share alike: unbiased, by random
    words of the worker (spec 1.5)."""
    workers, groups, length = symbols.shape
    rows = []
    for worker in range(workers):
        numbers, levels = quantiser_rate(length, bits[worker] / groups)
        for group in range(groups):
            stream = 2 * ((unit * 65536 + first_worker + worker) * _GROUPS + group)
            rows.append(_quantised(symbols[worker, group], numbers, levels, seed, round_number, layer, stream, wide))
    return torch.stack(rows).view(symbols.shape)


def _quantised(values: torch.Tensor, numbers: int, levels: float, seed: int, round_number: int, layer: int, stream: int,
               wide: torch.dtype) -> torch.Tensor:
    if numbers == 0:
        return torch.zeros_like(values)
    size, places = len(values), None
    if numbers < size:
        places = chosen_places(seed, round_number, (random.QUANTISING, layer, stream & random.MASK, size), numbers, values.device)
    taken = (values if places is None else values[places]).to(wide)
    largest = taken.abs().amax()
    some = largest > 0
    safe = torch.where(some, largest, torch.ones_like(largest))
    words = random.words(seed, round_number, (random.QUANTISING, layer, (stream + 1) & random.MASK, numbers), values.device)
    level = taken.abs() / safe * levels
    below = level.floor()
    up = (words.to(wide) + 0.5) * 2.0**-32 < level - below
    magnitude = (below + up) / levels * safe / (numbers / size)
    sent = torch.where(some, torch.copysign(magnitude, taken), torch.zeros_like(taken)).to(values.dtype)
    return sent if places is None else torch.zeros_like(values).index_copy(0, places, sent)
