"""What the package needs of its core, without compiled code: served where none fits the running torch.

Names, ranges, defaults and sentences are the core's own lists (lists.json). Settings, their errors and the files of states are those
of the C++ core (tests/python/test_portable.py holds one against the other); rounds are laser.device's. The simulator, the formulas and
parts of one's own are not there, and say so.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import math
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from laser.device.air import air_symbols
from laser.device.compress import kind_for, kind_of
from laser.device.compressor import Layer
from laser.device.refusals import refusal
from laser.device.round import DeviceRound
from laser.errors import EXIT_CONFIGURATION, EXIT_DATA, EXIT_USAGE
from laser.errors import PlainError as Error
from laser.facts import GIVEN, LISTS, compressor_reads, compressor_traits, traits, used

version = "without compiled core"

BUILD_HINT = "HINT: 'pip install --no-build-isolation --force-reinstall .' in the source tree of laser builds it for this torch"


def _error(text: str, exit_code: int = EXIT_CONFIGURATION) -> Error:
    made = Error(text)
    made.exit_code = exit_code
    return made


class _Missing(Error, AttributeError):
    """Of names that only the compiled core has."""


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    made = _Missing(f"'{name}' is a part of the compiled core, which is not there for torch {torch.__version__}. {BUILD_HINT}")
    made.exit_code = EXIT_USAGE
    raise made


# -- settings ---------------------------------------------------------------------------------------------------------

METHODS: dict[str, dict[str, str]] = LISTS["methods"]  # what each decides
SETTINGS: dict[str, dict[str, Any]] = {name: one for name, one in LISTS["settings"].items() if one["round"]}  # those that a round reads
_OR_NUMBER = {"lead": "auto", "prediction": "matched"}  # a number from 0 to 1, or this word


def settings(given: Sequence[tuple[str, str]], /) -> dict[str, str]:
    """Every setting that a round reads. Raises Error (exit code 3) with the text of the command."""
    values = {name: one["default"] for name, one in SETTINGS.items()}
    for name, text in given:
        if name == "method":
            values["method"] = _checked(name, text)
            values |= METHODS[values["method"]]
    for name, text in given:
        if name not in SETTINGS:
            near = difflib.get_close_matches(name, SETTINGS, 1)
            told = f"; did you mean '{near[0]}'?" if near else "."
            raise _error(f"unknown key '{name}'{told} HINT: 'laser train --all' lists all keys")
        values[name] = _checked(name, text)
    _check_together(values)
    return values


def setting_groups() -> list[tuple[str, str, bool]]:
    """Every setting of the command: name, group, and whether it is a part of the algorithm."""
    return [(name, one["group"], one["round"] and name not in GIVEN) for name, one in LISTS["settings"].items()]


def setting_rows() -> list[list[str]]:
    """Every setting of the command: name, group, unit, range, sentence and default."""
    return [[name, *(one[column] for column in ("group", "unit", "range", "sentence", "default"))]
            for name, one in LISTS["settings"].items()]


def without_effect(given: Sequence[tuple[str, str]], /) -> list[str]:
    """Those of the settings, "name = value", that are not at their defaults and yet without effect."""
    values = settings(given)
    names = {name for name, _ in given}
    return [f"{name} = {values[name]}" for name, one in SETTINGS.items()
            if name in names and values[name] != one["default"] and not used(name, values)]


def _checked(name: str, text: str) -> str:
    """The text of a value as the core writes it, held against the range as the core prints it."""
    allowed = SETTINGS[name]["range"]
    if allowed == "true | false":
        if text not in ("true", "false"):
            raise _error(f"{name} = '{text}' must be true or false")
        return text
    if " | " in allowed:
        choices = allowed.split(" | ")
        if text not in choices:
            near = difflib.get_close_matches(text, choices, 1, 0.5)
            told = f"did you mean '{near[0]}'?" if near else f"choose one of {', '.join(choices)}"
            raise _error(f"{name} = '{text}' is unknown; {told}")
        return text
    if name in _OR_NUMBER:
        word = _OR_NUMBER[name]
        try:
            within = 0 <= _real(name, text or "0") <= 1
        except Error:
            within = False
        if text != word and not within:
            raise _error(f"{name} = '{text}' is neither '{word}' nor a number from 0 to 1. HINT: {name}={word}")
        return text or "0"
    if not allowed:
        return text
    if allowed == "[a, b, ...]":
        return "[" + ", ".join(_number_text(_real(name, item.strip())) for item in text.strip("[]").split(",") if item.strip()) + "]"
    if whole := re.fullmatch(r"(\d+) (?:\.\. (\d+)|or more)", allowed):
        low, high = int(whole[1]), int(whole[2] or 2**63 - 1)
        digits = text.lstrip("+-")
        if not (digits.isascii() and digits.isdigit()):
            if "," in text or ":" in text:
                _real(name, text)
            raise _error(f"{name} = '{text}' is not a whole number")
        if not -(2**63) <= int(text) < 2**63:
            raise _error(f"{name} = {text} is out of range: it must be {low} .. {high}")
        if not low <= int(text) <= high:
            raise _error(f"{name} = {text} is out of range: it must be {allowed}")
        return str(int(text))
    bounds = re.fullmatch(r"(above|at least) (\S+?)(?:, at most (\S+))?", allowed)
    assert bounds, allowed
    value, least, most = _real(name, text), float(bounds[2]), float(bounds[3] or math.inf)
    if not least <= value <= most or (bounds[1] == "above" and value == least) or math.isinf(value):
        raise _error(f"{name} = {text} is out of range: it must be {allowed}")
    return _number_text(value)


def _real(name: str, text: str) -> float:
    try:
        value = math.nan if text.strip() != text or "_" in text else float(text)
    except ValueError:
        value = math.nan
    if math.isnan(value):
        several = f". HINT: 'laser sweep {name}={text} --out DIR' trains one run for each" if "," in text or ":" in text else ""
        raise _error(f"{name} = '{text}' is not a number{several}")
    return value


def _number_text(value: float) -> str:
    return repr(float(value)).removesuffix(".0")


def _check_together(values: Mapping[str, str]) -> None:
    for share in values["power_shares"].strip("[]").split(","):
        if share.strip() and not (math.isfinite(float(share)) and float(share) > 0):
            raise _error(f"power_shares: {share.strip()} is not above 0. HINT: participation or loss_rate for "
                         "workers that do not send")
    if values["loss_rate"] == "1":
        raise _error("loss_rate = 1 loses every message. HINT: a value below 1")
    compressor, feedback, receiver, channel = (values[role] for role in ("compressor", "feedback", "receiver", "channel"))
    sends, keeps, hears, air = compressor_traits(values), traits("feedback", values), traits("receiver", values), traits("channel", values)
    if hears["weighs"] and not sends["linear"]:
        instead = "transport=alternating or two_phase" if compressor_reads(values, "transport") else "receiver=unbiased"
        raise _error(f"receiver = '{receiver}' weighs an estimate, which must be linear in what is received, and compressor = "
                     f"'{compressor}' is not. HINT: {instead}")
    if (hears["weighs"] or hears["scales"]) and not sends["scales"]:
        raise _error(f"receiver = '{receiver}' scales what is received, and the estimate of compressor = '{compressor}' does not "
                     "follow its scale. HINT: receiver=unbiased")
    if keeps["weighs"] and hears["scales"]:
        raise _error(f"feedback = '{feedback}' keeps what the receiver's weight left out, and receiver = '{receiver}' has no weight "
                     "that workers know. HINT: receiver=matched")
    if keeps["holds"] and (not sends["linear"] or sends["passes"] > 1):
        raise _error(f"feedback = '{feedback}' holds what is sent in one pass and is linear in the messages, and compressor = "
                     f"'{compressor}' is not. HINT: transport=alternating, or compressor=sweep")
    if keeps["holds"] and air["digital"]:
        raise _error(f"feedback = '{feedback}' holds numbers that add up on the air, and channel = '{channel}' carries bits. HINT: "
                     "feedback=none, or channel=awgn")
    if values["memory"] != "float32" and not (keeps["residual"] and sends["factored"]):
        raise _error(f"memory = '{values['memory']}' goes with a compressor of factors and a feedback that keeps what they leave, "
                     f"and compressor = '{compressor}' with feedback = '{feedback}' is none. HINT: memory=float32")
    _check_scales(values, keeps, air)
    if air["noisy"] and float(values["power"]) <= 0:
        raise _error(f"power = {values['power']} must be above 0 on the channel '{channel}'. HINT: for exact communication "
                     "set channel=noiseless")


def _check_scales(values: Mapping[str, str], keeps: Mapping[str, Any], air: Mapping[str, Any]) -> None:
    """Where scales are to follow something that the parts or other settings exclude."""
    equal, expects, precoding = values["equal_norms"] == "true", values["precoding"] != "norms", f"precoding = '{values['precoding']}'"
    if equal and keeps["remembers"]:
        raise _error(f"equal_norms changes what arrives of a worker's message, and feedback = '{values['feedback']}' counts on what was "
                     "sent. HINT: feedback=none or hold")
    for asked, what, without in ((equal, "equal_norms = true", "equal_norms=false"), (expects, precoding, "precoding=norms")):
        if asked and (air["digital"] or air["as_energies"]):
            raise _error(f"{what} scales numbers that add up as they are, which channel = '{values['channel']}' does not do. HINT: "
                         f"{without}, or channel=awgn")
    for other in ("equal_norms", "fill_budget"):
        if expects and values[other] == "true":
            raise _error(f"{precoding} scales without this round's norms, and {other} = true needs them. HINT: {other}=false")


def part_facts() -> dict[str, dict[str, Any]]:
    """Of every part by role and name: the settings that it reads, and its traits."""
    return dict(LISTS["facts"])


def part_rows() -> list[tuple[str, str, str, str]]:
    """Every method and part: role, name, sentence and source."""
    return [(role, name, sentence, source) for role, name, sentence, source in LISTS["parts"]]


def compression_saves(shape: Sequence[int], rank: int, at_least: float, /) -> bool:
    """Whether a tensor has more than `at_least` times as many numbers as its factors."""
    if len(shape) < 2:
        return False
    rows, size = shape[0], math.prod(shape)
    columns = size // rows
    return size > at_least * (min(rank, rows, columns) * (rows + columns))


def symbols_a_round(shapes: Sequence[tuple[str, Sequence[int]]], given: Sequence[tuple[str, str]], /) -> float:
    """Channel uses of a round, the mean over a cycle."""
    values = settings(given)
    air = traits("channel", values)
    total = sum(air_symbols(layer, int(values["air_rank"])) if air["digital"] else kind_for(values, layer).symbols(layer, values)
                for layer in _layers(shapes))
    return float(total * air["uses"])


def memory_lag(shapes: Sequence[tuple[str, Sequence[int]]], given: Sequence[tuple[str, str]], /) -> float | None:
    """Rounds that the error memory of a method of factors lags in the largest tensor that is compressed (spec 5.3); None where there
    is no such memory."""
    values = settings(given)
    kind = kind_of(values)
    compressed = [layer for layer in _layers(shapes) if kind.applies(layer, values)]
    if not compressed or not compressor_traits(values)["factored"] or not traits("feedback", values)["remembers"]:
        return None
    return kind.lag(max(compressed, key=lambda layer: layer.size), values)


def _layers(shapes: Sequence[tuple[str, Sequence[int]]]) -> list[Layer]:
    return [Layer(name, tuple(shape), index, 0) for index, (name, shape) in enumerate(shapes)]  # where each begins plays no part


# -- the round --------------------------------------------------------------------------------------------------------


class Aggregator:
    """The compiled core's Aggregator, by laser.device on the CPU."""

    def __init__(self, shapes: Sequence[tuple[str, Sequence[int]]], settings: Sequence[tuple[str, str]], processes: Any = None,
                 double_precision: bool = False, seed: int | None = None, parts: Mapping[str, Any] | None = None):
        whole = globals()["settings"](settings)
        refused = refusal(whole, parts or {})
        if refused:
            raise _error(f"{refused}, and there is no compiled core for torch {torch.__version__}. {BUILD_HINT}")
        workers = int(whole["workers"]) if processes is None else processes.workers
        alone = processes is None or workers == 1
        self._round = DeviceRound(shapes, whole, workers, int(whole["seed"]) if seed is None else seed, "cpu", double_precision,
                                  None if alone else processes.group, 0 if alone else processes.first_worker)
        self._processes = processes
        self._report: dict[str, Any] = {}

    def round(self, index: int, power: float, gradients: Sequence[torch.Tensor], diagnose: bool = False) -> torch.Tensor:
        sent = self._round.sent_bytes
        estimate = self._round.round(index, power, gradients, diagnose)
        self._told(sent)
        return estimate

    def round_into(self, index: int, power: float, gradients: Sequence[torch.Tensor], estimate: Sequence[torch.Tensor],
                   looked: tuple[int, float] | None = None) -> None:
        sent = self._round.sent_bytes
        self._round.round_into(index, power, gradients, estimate, looked)
        self._told(sent)

    def look(self, gradients: Sequence[torch.Tensor]) -> tuple[int, float]:
        return self._round.look(gradients)

    def _told(self, sent_before: int) -> None:
        if self._processes is not None:
            self._processes.sent_bytes += self._round.sent_bytes - sent_before
        self._report = self._round.report()

    def report(self) -> dict[str, Any]:
        return dict(self._report)

    def state(self) -> dict[str, torch.Tensor]:
        return self._round.state()

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        self._round.load_state(state)


# -- files ------------------------------------------------------------------------------------------------------------

_TYPES = {"F32": torch.float32, "F64": torch.float64, "BF16": torch.bfloat16, "I64": torch.int64}
_ORDER = ("I64", "F64", "F32", "BF16")  # as the core lays them down
_NO_HASH = "0" * 64


def write_tensors(path: str, tensors: Mapping[str, torch.Tensor], texts: Mapping[str, str], /) -> None:
    """A safetensors file with checksums, whole or not at all, as the compiled core writes it."""
    named = {kind: name for name, kind in _TYPES.items()}
    rows = sorted(tensors.items(), key=lambda item: (_ORDER.index(named[item[1].dtype]), item[0]))
    data = [value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() for _, value in rows]
    digest = hashlib.sha256()
    header: dict[str, Any] = {"__metadata__": dict(sorted({**texts, "header_sha256": _NO_HASH, "sha256": ""}.items()))}
    at = 0
    for (name, value), part in zip(rows, data):
        digest.update(part)
        header[name] = {"dtype": named[value.dtype], "shape": list(value.shape), "data_offsets": [at, at + len(part)]}
        at += len(part)
    header["__metadata__"]["sha256"] = digest.hexdigest()
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    text = text.replace(_entry(_NO_HASH), _entry(hashlib.sha256(text).hexdigest()), 1)
    with tempfile.NamedTemporaryFile(dir=os.path.dirname(os.path.abspath(path)), prefix=".laser-", delete=False) as file:
        try:
            for part in (len(text).to_bytes(8, "little"), text, *data):
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def read_tensors(path: str, /) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Tensors and texts of such a file. Raises Error (exit code 4) where it is damaged."""
    try:
        with open(path, "rb") as file:
            whole = file.read()
    except OSError as problem:
        raise _error(f"{path}: can't be read ({problem.strerror})", EXIT_DATA) from problem
    length = int.from_bytes(whole[:8], "little")
    if len(whole) < 8 or length > len(whole) - 8:
        raise _error(f"{path}: not a valid safetensors file: it is shorter than its header says", EXIT_DATA)
    text, data = whole[8 : 8 + length], whole[8 + length :]
    try:
        header = json.loads(text)
        texts = {str(name): str(value) for name, value in header.pop("__metadata__", {}).items()}
        rows = {str(name): (_TYPES[row["dtype"]], [int(n) for n in row["shape"]], [int(n) for n in row["data_offsets"]])
                for name, row in header.items()}
        plain = text.replace(_entry(texts["header_sha256"]), _entry(_NO_HASH), 1)
        if hashlib.sha256(plain).hexdigest() != texts["header_sha256"] or hashlib.sha256(data).hexdigest() != texts["sha256"]:
            raise _error(f"{path}: is damaged: its sha256 differs. HINT: use an earlier or another copy", EXIT_DATA)
        tensors = {}
        for name, (kind, shape, (first, last)) in rows.items():
            if not 0 <= first <= last <= len(data) or last - first != math.prod(shape) * kind.itemsize:
                raise ValueError(name)
            tensors[name] = torch.frombuffer(bytearray(data[first:last]), dtype=kind).view(shape) if last > first else torch.empty(
                shape, dtype=kind)
    except Error:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise _error(f"{path}: not a valid safetensors file ({type(problem).__name__})", EXIT_DATA) from problem
    return tensors, texts


def _entry(digest: str) -> bytes:
    return f'"header_sha256":"{digest}"'.encode()
