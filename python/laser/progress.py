"""The line that says how far a long run is: on a terminal drawn over from the third second on, elsewhere one every ten seconds,
as the command's."""

from __future__ import annotations

import os
import sys
import time

FIRST, AGAIN, ELSEWHERE = 2.0, 0.2, 10.0  # seconds


class ProgressLine:
    def __init__(self, label: str, quiet: bool):
        self._label, self._quiet, self._drawn = label, quiet, False
        self._terminal = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM", "") not in ("", "dumb")
        self._start = time.monotonic()
        self._next = self._start + (FIRST if self._terminal else ELSEWHERE)
        self._first = -1

    def show(self, done: int, total: int, note: str) -> None:
        if self._quiet or sys.stderr is None:
            return
        if self._first < 0:  # a run that goes on was not done in this time, nor the first round, which warms up
            self._first = done
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + (AGAIN if self._terminal else ELSEWHERE)
        elapsed, made = now - self._start, done - self._first
        left = duration(elapsed * (total - done) / made) if made > 0 else "?"
        text = f"{self._label} {100 * done / total:3.0f} %  {duration(elapsed)} elapsed, {left} left  {note}"
        if self._terminal:
            width = os.get_terminal_size(sys.stderr.fileno()).columns or 80
            print(f"\r\033[K{text[: width - 1]}", end="", file=sys.stderr, flush=True)
            self._drawn = True
        else:
            print(text, file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._drawn:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
        self._drawn = False


def duration(seconds: float) -> str:
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
    return f"{whole // 60}:{whole % 60:02}"
