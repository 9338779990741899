"""Files of gains for the channel `trace`, as src/laser/train/gain_trace.cpp reads them (docs/channels.md)."""

from __future__ import annotations

import ast
import dataclasses
import json
import math
import re
from pathlib import Path

import torch

from laser.errors import EXIT_DATA, error

_SHAPES = "HINT: [rounds, workers] or [rounds, workers, antennas]"
_NUMPY = {"<f4": torch.float32, "<f8": torch.float64, "<c8": torch.complex64, "<c16": torch.complex128}


@dataclasses.dataclass
class Trace:
    """Gains [rounds, workers, antennas], complex128; antennas = 0 where the file has no such axis, and the last axis has 1."""

    name: str
    rounds: int
    workers: int
    antennas: int
    gains: torch.Tensor


def read_trace(path: str) -> Trace:
    """The gains of an .npy, .safetensors or .csv file. Raises Error (exit code 4) where it is not one, naming the file."""
    readers = {".npy": _read_npy, ".safetensors": _read_safetensors, ".csv": _read_csv}
    ending = Path(path).suffix
    if ending not in readers:
        raise error(EXIT_DATA, f"{path}: gains in '{ending}' files are not read here. HINT: .npy, .safetensors or .csv")
    gains = readers[ending](path)
    if gains.dim() not in (2, 3):
        raise error(EXIT_DATA, f"{path}: the gains have the shape {list(gains.shape)}. {_SHAPES}")
    if gains.numel() == 0:
        raise error(EXIT_DATA, f"{path}: the gains have the shape {list(gains.shape)}: there are none")
    wide = gains.to(torch.complex128)
    if not bool((wide.abs() < 1e100).all()):
        raise error(EXIT_DATA, f"{path}: the gains are not all finite. HINT: finite numbers; 0 for a link that is down")
    rounds, workers = wide.shape[:2]
    return Trace(path, rounds, workers, wide.shape[2] if wide.dim() == 3 else 0, wide.reshape(rounds, workers, -1))


def _bytes(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as problem:
        raise error(EXIT_DATA, f"cannot read {path}: {problem.strerror}") from problem


def _read_npy(path: str) -> torch.Tensor:
    data = _bytes(path)
    if data[:6] != b"\x93NUMPY" or len(data) < 12:
        raise error(EXIT_DATA, f"{path}: this is no .npy file. HINT: numpy.save(path, gains)")
    start, digits = (12, 4) if data[6] >= 2 else (10, 2)
    length = int.from_bytes(data[8 : 8 + digits], "little")
    try:
        header = ast.literal_eval(data[start : start + length].decode("latin1"))
        kind, shape, fortran = _NUMPY.get(header["descr"]), [int(size) for size in header["shape"]], header["fortran_order"]
    except (ValueError, SyntaxError, KeyError, TypeError) as problem:
        raise error(EXIT_DATA, f"{path}: the header is no header. HINT: write the file again") from problem
    if kind is None:
        raise error(EXIT_DATA, f"{path}: the gains are no float32, float64, complex64 or complex128 of this machine's byte order. HINT: "
                    "gains.astype('complex64')")
    if fortran:
        raise error(EXIT_DATA, f"{path}: the gains are in Fortran's order. HINT: numpy.save(path, numpy.ascontiguousarray(gains))")
    numbers = data[start + length :]
    if any(size < 0 for size in shape) or len(numbers) != math.prod(shape) * kind.itemsize:
        raise error(EXIT_DATA, f"{path}: the gains have the shape {shape}, and the file has {len(numbers)} bytes for them. HINT: write it "
                    "again")
    return torch.frombuffer(bytearray(numbers), dtype=kind).view(shape) if numbers else torch.empty(shape, dtype=kind)


def _read_safetensors(path: str) -> torch.Tensor:
    data = _bytes(path)
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:
        raise error(EXIT_DATA, f"{path}: not a valid safetensors file: it is shorter than its header says")
    kinds = {"F32": torch.float32, "F64": torch.float64}
    try:
        header = json.loads(data[8 : 8 + length])
        parts = {}
        for name in {"gains", "gains.real", "gains.imag"} & header.keys():
            first, last = header[name]["data_offsets"]
            numbers = bytearray(data[8 + length + first : 8 + length + last])
            parts[name] = torch.frombuffer(numbers, dtype=kinds[header[name]["dtype"]]).view(header[name]["shape"])
    except (ValueError, KeyError, TypeError, RuntimeError) as problem:
        raise error(EXIT_DATA, f"{path}: its gains are no tensor of F32 or F64. HINT: gains.float(), and write the file again") from problem
    if "gains" in parts:
        return parts["gains"]
    if len(parts) < 2:
        raise error(EXIT_DATA, f"{path}: there is no tensor 'gains'. HINT: 'gains', or 'gains.real' and 'gains.imag'")
    real, imaginary = parts["gains.real"], parts["gains.imag"]
    if real.shape != imaginary.shape:
        raise error(EXIT_DATA, f"{path}: the two parts of the gains have unlike shapes. HINT: gains.real and gains.imag")
    return torch.complex(real.double(), imaginary.double())


def _read_csv(path: str) -> torch.Tensor:
    rows: list[list[complex]] = []
    for number, line in enumerate(_bytes(path).decode("utf-8", "replace").split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        row = []
        for column, text in enumerate(line.split(","), 1):
            try:
                row.append(complex(re.sub(r"i(?=\)?$)", "j", text.strip().replace("+-", "-"))))
            except ValueError as problem:
                raise error(EXIT_DATA, f"{path}: line {number}, column {column} is no number. HINT: 0.5 or 0.5-0.25j, with commas between "
                            "them") from problem
        if rows and len(row) != len(rows[0]):
            raise error(EXIT_DATA, f"{path}: line {number} has {len(row)} gains, and those before it have {len(rows[0])}. HINT: one a "
                        "worker in every line")
        rows.append(row)
    if not rows:
        raise error(EXIT_DATA, f"{path}: there are no gains. HINT: a line a round, a number a worker")
    return torch.tensor(rows, dtype=torch.complex128)
