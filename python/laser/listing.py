"""What there is: ``laser.methods()`` and ``laser.settings()``, from the lists that the command's help is made of."""

from __future__ import annotations

import difflib
import textwrap
from typing import Any

from laser.native import EXIT_CONFIGURATION, core, error

WIDTH = 130


class Table(dict[str, dict[str, str]]):
    """Rows by name; shows itself as a table."""

    def __missing__(self, name: object) -> dict[str, str]:
        near = difflib.get_close_matches(str(name), self, 1)
        raise KeyError(f"there is no {name!r} here{f'; did you mean {near[0]!r}?' if near else '.'} HINT: print the table, or list(...) it")

    def __repr__(self) -> str:
        if not self:
            return "nothing"
        shown = [[name, row["default"], f"{row['sentence']} ({row['range']})"] if "range" in row else [name, f"{row['sentence']} [{row['source']}]"]
                 for name, row in self.items()]
        widths = [max(len(row[i]) for row in shown) for i in range(len(shown[0]) - 1)]
        lines = []
        for *short, text in shown:
            first = "".join(f"{cell.ljust(width)}  " for cell, width in zip(short, widths))
            rest = textwrap.wrap(text, WIDTH - len(first), break_long_words=False) or [""]
            lines += [first + rest[0], *(" " * len(first) + line for line in rest[1:])]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        import html

        columns = list(next(iter(self.values()), {}))
        head = "".join(f"<th>{one}</th>" for one in ["name", *columns])
        rows = ["<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in [name, *row.values()]) + "</tr>" for name, row in self.items()]
        return f"<table><tr>{head}</tr>{''.join(rows)}</table>"


def methods() -> Table:
    """Every method by name, with its source and a sentence: what ``method=`` may be.

    >>> laser.methods()["zsgd"]
    {'source': 'LASER, section 4', 'sentence': 'raw gradients over the air'}
    """
    return rows("method")


def rows(role: str) -> Table:
    """The parts that can play a role, each with its source and a sentence: method, compressor, feedback, receiver, channel,
    allocation or server_rule. Raises Error (configuration) for another role.

    role: one of those above.

    >>> list(laser.listing.rows("receiver"))
    ['unbiased', 'mmse', 'mmse_genie', 'matched']
    """
    found = Table({name: {"source": source, "sentence": sentence} for owner, name, sentence, source in core.part_rows() if owner == role})
    if not found:
        known = ", ".join(dict.fromkeys(owner for owner, *_ in core.part_rows()))
        raise error(EXIT_CONFIGURATION, f"there is no role '{role}'. HINT: one of {known}")
    return found


def settings(group: str | None = None, reader: str = "round") -> Table:
    """Every setting that a round reads, by name, with its group, default, range and a sentence: what ``Aggregator``, ``Simulator``
    and ``LaserState`` take by keyword. ``group`` chooses one; reader="run" also lists what only the command and ``Training`` read.
    Raises Error (configuration) for another group or reader.

    group: one of the groups that the rows name ("channel", "compressor" ...); None: all of them.
    reader: "round", or "run" for what only runs read as well.

    >>> laser.settings("links")["participation"]["range"]
    'above 0, at most 1'
    """
    from laser import reading

    if reader not in ("round", "run"):
        raise error(EXIT_CONFIGURATION, f"reader = {reader!r} is unknown. HINT: 'round' or 'run'")
    read: dict[str, Any] = reading.groups()
    found = Table()
    for name, its_group, unit, values, sentence, default in core.setting_rows():
        if (reader == "run" or read[name][1]) and group in (None, its_group):
            found[name] = {"group": its_group, "default": default, "range": f"{values} {unit}".strip(), "sentence": sentence}
    if not found:
        known = ", ".join(dict.fromkeys(one[0] for one in read.values() if reader == "run" or one[1]))
        raise error(EXIT_CONFIGURATION, f"there is no group '{group}'. HINT: one of {known}")
    return found
