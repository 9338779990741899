#!/usr/bin/env python3
"""Writes docs/tutorials/NAME.ipynb from NAME.py, whose cells begin with "# %%" (the percent format of jupytext).

    scripts/notebooks.py [--check]

The notebooks hold no outputs. --check writes nothing and fails where one is not what its source says.
"""
import json
import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "docs" / "tutorials"


def notebook(source: str) -> str:
    cells = []
    for number, part in enumerate(source.split("# %%")[1:]):
        kind, _, body = part.partition("\n")
        lines = body.strip("\n").split("\n")
        prose = "[markdown]" in kind
        if prose:
            lines = [line.removeprefix("#").removeprefix(" ") for line in lines]
        cell = {"cell_type": "markdown" if prose else "code", "id": f"cell-{number}", "metadata": {},
                "source": [line + "\n" for line in lines[:-1]] + lines[-1:]}
        cells.append(cell if prose else {**cell, "execution_count": None, "outputs": []})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return json.dumps({"cells": cells, "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}}, "nbformat": 4,
                       "nbformat_minor": 5}, indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    stale = []
    for source in sorted(FOLDER.glob("*.py")):
        target = source.with_suffix(".ipynb")
        text = notebook(source.read_text(encoding="utf-8"))
        if target.exists() and target.read_text(encoding="utf-8") == text:
            continue
        stale.append(target.name)
        if "--check" not in arguments:
            target.write_text(text, encoding="utf-8")
    print(f"notebooks: {', '.join(stale) if stale else 'all are what their sources say'}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
