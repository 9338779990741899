"""Messages of the command's Python parts, as the command itself prints them."""

from __future__ import annotations

import os
import sys
import textwrap


def complain(text: str, command: str) -> None:
    """On stderr, with the next step where the text names none, in lines as wide as the terminal where there is one."""
    if "HINT:" not in text:
        text = f"{text.rstrip('.')}{'' if text.endswith('?') else '.'} HINT: '{command} --help' tells what is possible"
    text = f"laser: {text}"
    if sys.stderr.isatty():
        width = os.get_terminal_size(sys.stderr.fileno()).columns or 80
        text = textwrap.fill(text, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    print(text, file=sys.stderr)
