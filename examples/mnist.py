"""Reads the MNIST files that ship with laser: four IDX files, compressed."""

import gzip
from pathlib import Path

import numpy
import torch

MEAN, STD = 0.1307, 0.3081


def load(folder: Path, part: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Normalised images [n, 1, 28, 28] and labels [n]; `part` is "train" or "t10k"."""
    images = _read(folder / f"{part}-images-idx3-ubyte.gz", 16)
    labels = _read(folder / f"{part}-labels-idx1-ubyte.gz", 8)
    pixels = torch.from_numpy(images).view(-1, 1, 28, 28).float().div_(255).sub_(MEAN).div_(STD)
    return pixels, torch.from_numpy(labels).long()


def _read(path: Path, header: int) -> numpy.ndarray:
    with gzip.open(path) as file:
        return numpy.frombuffer(bytearray(file.read()), dtype=numpy.uint8)[header:].copy()
