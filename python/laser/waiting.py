"""Signals that wait until what must not be cut in two is done."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any


class Waiting:
    """While it holds, signals that end the program are kept; they act at its end. Elsewhere than in the main thread nothing is
    changed, for signals are not its matter."""

    def __init__(self) -> None:
        self.came: int = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Waiting:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._note)
        return self

    def _note(self, number: int, frame: Any) -> None:
        if self.came:  # a second one does not wait
            signal.signal(number, self._before[number])
            os.kill(os.getpid(), number)
        self.came = number

    def __exit__(self, *problem: Any) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self.came and problem[0] is None:
            if self.came == signal.SIGTERM:
                raise SystemExit(128 + signal.SIGTERM)
            raise KeyboardInterrupt
