#!/usr/bin/env python3
"""Writes python/laser/lists.json: the settings, methods and parts of the compiled core, for the package without it.

    scripts/install_python.sh && build/python/bin/python scripts/write_lists.py

tests/python/test_portable.py fails where the file is not what the core says.
"""
import json
import pathlib

from laser.native import core  # which finds torch first

FILE = pathlib.Path(__file__).resolve().parent.parent / "python" / "laser" / "lists.json"
GIVEN = ("method", "power", "workers", "seed")  # read by a round, though no part of the algorithm


def lists():
    """What the file holds, as JSON writes it."""
    read = {name for name, _, is_read in core.setting_groups() if is_read} | set(GIVEN)
    settings = {name: {"group": group, "unit": unit, "range": values, "sentence": sentence, "default": default, "round": name in read}
                for name, group, unit, values, sentence, default in core.setting_rows()}
    parts = [list(row) for row in core.part_rows()]
    of_methods = {name: core.settings([("method", name)]) for role, name, *_ in parts if role == "method"}
    decided = [name for name, one in settings.items() if one["round"] and name != "method"
               and any(values[name] != one["default"] for values in of_methods.values())]
    methods = {method: {name: values[name] for name in decided} for method, values in of_methods.items()}
    return {"settings": settings, "methods": methods, "facts": core.part_facts(), "parts": parts}


def text():
    """The file: a line a row, so that a change of one row is a change of one line."""
    whole = lists()
    rows = {name: [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in table.items()]
            for name, table in whole.items() if isinstance(table, dict)}
    parts = [json.dumps(row, ensure_ascii=False) for row in whole["parts"]]
    blocks = [f' "{name}": {{\n  ' + ",\n  ".join(lines) + "\n }" for name, lines in rows.items()]
    return "{\n" + ",\n".join([*blocks, ' "parts": [\n  ' + ",\n  ".join(parts) + "\n ]"]) + "\n}\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    print(FILE)
