"""Addressed random numbers by torch's own operations, on any device: what core/random.hpp and kernels/normal.hpp define.

A stream is named by (seed, purpose, round, layer, unit); its words are Philox4x32-10's [Salmon et al., SC 2011] with the
seed as key and (block, unit, purpose|layer, round) as counter. Words are 64-bit integers here, and products of 32 bits are
made of two of 16 by 32 bits, so that nothing overflows. Normal numbers follow the kernels' polynomials; a fused
multiply-add is a product and a sum in double, rounded once more to float: within one ulp of the compiled kernels. On a
device without double (MPS) both are rounded to float.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

WARM_START, NOISE, INDICES, SKETCH, PROJECTION, REPLACEMENT, FADING, ROUNDING, QUANTISING = 4, 5, 6, 7, 8, 9, 10, 13, 17  # purposes
MASK = 0xFFFFFFFF
_ROUNDS = 10
_CACHED = 2**13  # blocks
_MOST_PLACES = 64  # draws whose addresses are kept
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_FLOAT = float.fromhex
_MINUS_TWO_LOG = tuple(map(_FLOAT, ("-0x1.000000p+1", "0x1.fffffap-1", "-0x1.5556f0p-1", "0x1.0004a8p-1", "-0x1.98d3a0p-2",
                                    "0x1.535c2ap-2", "-0x1.317caap-2", "0x1.2505aep-2", "-0x1.65f0e0p-3")))
_MINUS_TWO_LN2 = _FLOAT("-0x1.62e430p-23")
_SINE_QUARTER = tuple(map(_FLOAT, ("0x1.1c5832p+1", "-0x1.d3ba9cp-1", "0x1.cdabb0p-4", "-0x1.af30f6p-8")))
_COSINE_QUARTER = tuple(map(_FLOAT, ("0x1.6a09e6p+0", "-0x1.bea566p+0", "0x1.6f402cp-2", "-0x1.d8dc7ep-6")))
_SQRT_HALF_BITS, _UNIFORM_EXPONENT, _EXPONENT_MASK = 0x3F3504F3, 31 << 23, -0x00800000

Piece = tuple[int, int, int, int]  # (purpose, layer, unit, how many numbers from the first of the stream on)


def _product(a: torch.Tensor, factor: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The upper and the lower 32 bits of a x factor, both below 2^32."""
    upper = a * (factor >> 16)
    middle = a * (factor & 0xFFFF) + ((upper & 0xFFFF) << 16)
    return (upper >> 16) + (middle >> 32), middle & MASK


def philox(seed: int, counter: Sequence[torch.Tensor | int]) -> list[torch.Tensor]:
    """Four words for each counter (block, unit, purpose|layer, round), the first two of which are tensors."""
    c: list[Any] = list(counter)
    key0, key1 = seed & MASK, seed >> 32
    c = [one if isinstance(one, torch.Tensor) else torch.full_like(c[0], one) for one in c]
    for _ in range(_ROUNDS):
        high0, low0 = _product(c[0], _MULTIPLIERS[0])
        high1, low1 = _product(c[2], _MULTIPLIERS[1])
        c = [high1 ^ c[1] ^ key0, low1, high0 ^ c[3] ^ key1, low0]
        key0, key1 = (key0 + _WEYL[0]) & MASK, (key1 + _WEYL[1]) & MASK
    return c


def words(seed: int, round_number: int, piece: Piece, device: torch.device | str, first: int = 0) -> torch.Tensor:
    """[size] words of a stream from number `first` on, int64 from 0 to 2^32 - 1."""
    purpose, layer, unit, size = piece
    skipped = first % 4
    block = torch.arange(first // 4, -(-(first + size) // 4), dtype=torch.int64, device=device)
    runs = [torch.stack(philox(seed, (run, unit, purpose << 24 | layer, round_number)), 1) for run in _in_runs(block)]
    return torch.cat(runs).view(-1)[skipped : skipped + size]


def _in_runs(blocks: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """On the CPU a part at a time, which stays in its cache; elsewhere all at once."""
    return blocks.split(_CACHED) if blocks.device.type == "cpu" else (blocks,)


def uniforms(seed: int, round_number: int, piece: Piece) -> torch.Tensor:
    """[size] uniform on (0, 1), float64, on the CPU: gains and presence, which both ends of a link draw for themselves."""
    return (words(seed, round_number, piece, "cpu").to(torch.float64) + 0.5) * 2.0**-32


def _multiply_add(a: torch.Tensor, b: torch.Tensor | float, c: torch.Tensor | float) -> torch.Tensor:
    if a.device.type == "mps":
        return a * b + c
    return (a.double() * b + c).float()


def _square_root(a: torch.Tensor) -> torch.Tensor:
    """Rounded once; torch's own of floats may be an ulp off, and so may a cosine near 0 be by many."""
    return a.sqrt() if a.device.type == "mps" else a.double().sqrt().float()


def _polynomial(coefficients: tuple[float, ...], x: torch.Tensor) -> torch.Tensor:
    value = torch.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        value = _multiply_add(value, x, coefficient)
    return value


def _box_muller(word: torch.Tensor, turn: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(r cos theta, r sin theta) of kernels/normal_device.hpp."""
    y = ((turn ^ 0x80000000) - 0x80000000).float() * 2.0**-32
    square = y * y
    s = y * _polynomial(_SINE_QUARTER, square)
    scaled = (word >> 1).float() + 0.5
    bits = scaled.view(torch.int32)
    exponent = (bits - (_SQRT_HALF_BITS + _UNIFORM_EXPONENT)) & _EXPONENT_MASK
    f = _multiply_add((bits - exponent).view(torch.float32), 2.0**-31, -1.0)
    r = _square_root(_multiply_add(f, _polynomial(_MINUS_TWO_LOG, f), exponent.float() * _MINUS_TWO_LN2))
    rs = r * s
    cosine = _multiply_add(-rs, s, r)
    return torch.where((word & 1) != 0, -cosine, cosine), rs * _polynomial(_COSINE_QUARTER, square)


class Normals:
    """N(0, 1) of many streams in one go. Where numbers lie in the blocks is remembered for the pieces of every round."""

    def __init__(self, seed: int, device: torch.device | str):
        self._seed, self._device = seed, device
        self._places: dict[tuple[Piece, ...], tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = {}

    def draw(self, round_number: int, pieces: Sequence[Piece]) -> list[torch.Tensor]:
        """[size] float32 of each piece, from the first number of its stream on."""
        key = tuple(pieces)
        if not key:
            return []
        groups = [-(-size // 32) for _, _, _, size in key]  # of 8 blocks, which make 32 numbers
        if key not in self._places:
            if len(self._places) >= _MOST_PLACES:  # streams of time division are of other lengths in other rounds
                self._places.clear()
            each = [torch.arange(8 * count, dtype=torch.int64) for count in groups]
            units = [torch.full((8 * count,), unit) for (_, _, unit, _), count in zip(key, groups)]
            names = [torch.full((8 * count,), purpose << 24 | layer) for (purpose, layer, _, _), count in zip(key, groups)]
            block, unit, name = (torch.cat(parts).to(self._device) for parts in (each, units, names))
            self._places[key] = block, unit, name
        runs = []
        for block, unit, name in zip(*(_in_runs(one) for one in self._places[key])):
            w = philox(self._seed, (block, unit, name, round_number))
            # Of a block, words 1 and 3 make the even of two neighbours and words 0 and 2 the odd; 16 cosines, then 16 sines.
            cosine, sine = _box_muller(torch.stack((w[1], w[0]), 1), torch.stack((w[3], w[2]), 1))
            runs.append(torch.cat((cosine.view(-1, 16), sine.view(-1, 16)), 1).view(-1))
        numbers = torch.cat(runs)
        drawn, at = [], 0
        for (_, _, _, size), count in zip(key, groups):
            drawn.append(numbers[at : at + size])
            at += 32 * count
        return drawn
