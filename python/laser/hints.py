"""The next step that an error names to somebody in Python.

Errors of settings, data and files have the words of the command, whose program is not there after ``pip install``: what they name of it is
said in Python's words here, and an error of a setting that names no next step gets one. ``python -m laser.arena``, ``laser.export`` and
``laser.tensorboard`` are there with pip too.
"""

from __future__ import annotations

import re

IN_PYTHON = (
    (re.compile(r"'laser train --all' lists all keys"),
     "print(laser.settings()) lists what a round reads, print(laser.settings(reader='run')) what laser.Training reads too"),
    (re.compile(r"'laser sweep (\w+)=.* --out DIR' trains one run for each"), r"one value of \1; a loop over several makes a run of each"),
    (re.compile(r"(?:run )?['`]laser data fetch ([\w-]+)[^'`]*['`](?: brings it)?"),
     r"'./laser data fetch \1', in the source tree after 'make build', brings it (docs/data.md)"),
    (re.compile(r"--resume"), "resume=True"),
)
# What an error of a setting ends with, by how it goes on after "NAME = VALUE ".
OF_SETTINGS = (
    (re.compile(r"must be true or false"), "{name}=True or {name}=False"),
    (re.compile(r"is unknown; "), "{list} says what each is"),
    (re.compile(r"is not a (whole )?number|is out of range: "), "laser.settings(reader='run')['{name}'] tells its range, default and unit"),
)
TABLES = ("compressor", "feedback", "receiver", "channel", "allocation", "server_rule")  # roles whose names laser.listing.rows lists


def in_python(text: str) -> str:
    """The text of an error with a next step that can be taken in Python.

    text: as the core or the package has it. Returns it unchanged where it names no command and has a HINT.

    >>> laser.hints.in_python("rank = 0 is out of range: it must be 1 .. 64")
    "rank = 0 is out of range: it must be 1 .. 64. HINT: laser.settings(reader='run')['rank'] tells its range, default and unit"
    """
    for command, instead in IN_PYTHON:
        text = command.sub(instead, text)
    setting = re.match(r"(\w+) = ", text)
    if "HINT:" in text or not setting:
        return text
    for verdict, hint in OF_SETTINGS:
        if verdict.search(text):
            return with_hint(text, hint.format(name=setting[1], list=_list_of(setting[1])))
    return text


def with_hint(text: str, hint: str) -> str:
    """The text with a next step, where it names none yet.

    text: of an error.
    hint: what is done next, without "HINT:".
    """
    if "HINT:" in text:
        return text
    return f"{text.rstrip('.')}{'' if text.endswith('?') else '.'} HINT: {hint}"


def _list_of(name: str) -> str:
    if name == "method":
        return "print(laser.methods())"
    return f"print(laser.listing.rows('{name}'))" if name in TABLES else f"laser.settings(reader='run')['{name}']"
