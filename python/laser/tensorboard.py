"""Runs as TensorBoard event files, made from the records.

    python -m laser.tensorboard RUN [--out FOLDER] [--follow]

RUN is a run folder or a folder of them; every run gets a folder of its name below FOLDER (default: RUN/tensorboard). With
--follow it goes on writing while the runs go on, until all have a summary. The records stay the truth: an event file is
written anew from them each time, in a format of a few bytes that needs neither TensorBoard nor protobuf.
"""

from __future__ import annotations

import argparse
import datetime
import struct
import sys
import time
from pathlib import Path
from typing import Any

from laser.runs import Run, load_run

QUANTITIES = ("train_loss", "test_loss", "test_accuracy", "ema_accuracy", "perplexity", "learning_rate", "power",
              "budget_use", "symbols", "memory_ratio", "lambda", "delta")


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _crc_table()


def masked_crc(data: bytes) -> int:
    """CRC-32C, rotated and shifted as TFRecord wants it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def frame(data: bytes) -> bytes:
    """One TFRecord."""
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc(length)) + data + struct.pack("<I", masked_crc(data))


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def chunk(field: int, data: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return varint(field << 3 | 2) + varint(len(data)) + data


def version_event(when: float) -> bytes:
    return frame(b"\x09" + struct.pack("<d", when) + chunk(3, b"brain.Event:2"))


def scalar_event(when: float, step: int, values: dict[str, float]) -> bytes:
    """An Event with one Summary.Value (tag, simple_value) for each quantity."""
    summary = b"".join(chunk(1, chunk(1, tag.encode()) + b"\x15" + struct.pack("<f", value))
                       for tag, value in values.items())
    return frame(b"\x09" + struct.pack("<d", when) + b"\x10" + varint(step) + chunk(5, summary))


def start_of(run: Run) -> float:
    """Seconds since 1970; the time of the configuration's file where no start was recorded."""
    try:
        started = datetime.datetime.fromisoformat(run.versions.get("started", "").replace("Z", "+00:00"))
    except ValueError:
        return (run.folder / "config.toml").stat().st_mtime
    return started.timestamp()


def scalars(record: dict[str, Any]) -> dict[str, float]:
    """The quantities of an epoch."""
    values = {name: float(record[name]) for name in QUANTITIES if isinstance(record.get(name), (int, float))}
    return values | {f"spectrum/{tensor}": float(share) for tensor, share in record.get("spectrum", {}).items()}


def events_of(run: Run) -> bytes:
    """All of a run. The records hold the time at which it started and no other: an epoch's is its number in seconds later."""
    start = start_of(run)
    content = version_event(start)
    for record in run.epochs:
        content += scalar_event(start + float(record["epoch"]), int(record["round"]), scalars(record))
    return content


def export(run: Run, folder: Path) -> None:
    """Appends what is new to the run's event file; a file that is not the beginning of the run's events is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "events.out.tfevents.0.laser"
    content = events_of(run)
    before = path.read_bytes() if path.is_file() else b""
    if content.startswith(before):
        with path.open("ab") as file:
            file.write(content[len(before) :])
    else:
        path.write_bytes(content)


def export_all(source: Path, out: Path) -> bool:
    """Every run at or below `source`; whether all of them have ended."""
    configurations = sorted(source.rglob("config.toml"))
    ended = bool(configurations)
    for configuration in configurations:
        run = load_run(configuration.parent)
        export(run, out / configuration.parent.relative_to(source))
        ended = ended and run.status in ("completed", "failed")
    return ended


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m laser.tensorboard", description="Runs as TensorBoard event files.")
    parser.add_argument("run", type=Path, help="a run folder, or a folder of them")
    parser.add_argument("--out", type=Path, help="where the event files go (default: RUN/tensorboard)")
    parser.add_argument("--follow", action="store_true", help="go on until all runs have ended")
    parser.add_argument("--interval", type=float, default=2.0, help="seconds between two looks")
    given = parser.parse_args(arguments)
    out = given.out or given.run / "tensorboard"
    try:
        ended = export_all(given.run, out)
        while given.follow and not ended:
            time.sleep(given.interval)
            ended = export_all(given.run, out)
    except KeyboardInterrupt:
        return 130
    except (OSError, ValueError) as problem:
        print(f"laser.tensorboard: {problem}", file=sys.stderr)
        return 4
    if not any(given.run.rglob("config.toml")):
        print(f"laser.tensorboard: there is no run at or below {given.run}", file=sys.stderr)
        return 4
    print(f"event files in {out}; tensorboard --logdir {out}   shows them")
    return 0


if __name__ == "__main__":
    sys.exit(main())
