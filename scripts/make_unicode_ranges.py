#!/usr/bin/env python3
"""Writes src/laser/data/unicode_ranges.inc: the letters, numbers and white space of Unicode, as ranges.

    python3 -m pip install unicodedata2==16.0.0 regex
    python3 scripts/make_unicode_ranges.py [--check]

GPT-2's tokenizer cuts text by these classes, so they are pinned to one version of Unicode: the one that tiktoken 0.14
cuts by. --check writes nothing: it fails where the file differs from what would be written, and where the package regex
knows a character of that version in another class."""

import argparse
import pathlib
import sys
import unicodedata

VERSION = "16.0.0"
PATH = pathlib.Path(__file__).resolve().parent.parent / "src" / "laser" / "data" / "unicode_ranges.inc"
CLASSES = (("Letter", r"\p{L}"), ("Number", r"\p{N}"), ("Space", r"\s"))


def database():
    """Python's own module where it has the version, else the package unicodedata2."""
    if unicodedata.unidata_version == VERSION:
        return unicodedata
    try:
        import unicodedata2
    except ImportError:
        sys.exit(f"Unicode {VERSION} is needed and this Python has {unicodedata.unidata_version}. "
                 f"HINT: python3 -m pip install unicodedata2=={VERSION}")
    if unicodedata2.unidata_version != VERSION:
        sys.exit(f"Unicode {VERSION} is needed and unicodedata2 has {unicodedata2.unidata_version}")
    return unicodedata2


def classify(category, code):
    """\\p{L} and \\p{N} are categories; \\s is the property White_Space: all separators and six controls."""
    if category[0] in "LN":
        return {"L": "Letter", "N": "Number"}[category[0]]
    return "Space" if category[0] == "Z" or 9 <= code <= 13 or code == 0x85 else None


def ranges(names):
    first = 0
    for code in range(1, len(names) + 1):
        if code == len(names) or names[code] != names[first]:
            if names[first]:
                yield first, code - 1, names[first]
            first = code


def check(names, data):
    import regex

    wrong = []
    for name, pattern in CLASSES:
        matches = regex.compile(pattern).match
        for code, known in enumerate(names):
            if data.category(chr(code)) not in ("Cn", "Cs") and bool(matches(chr(code))) != (known == name):
                wrong.append(f"U+{code:04X} as {name}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    data = database()
    names = [classify(data.category(chr(code)), code) for code in range(0x110000)]
    cells = [f"{{0x{first:X}, 0x{last:X}, k{name}}}," for first, last, name in ranges(names)]
    lines = [f"// Unicode {VERSION}; written by scripts/make_unicode_ranges.py."]
    for cell in cells:
        if len(lines) > 1 and len(lines[-1]) + 1 + len(cell) <= 110:
            lines[-1] += " " + cell
        else:
            lines.append(cell)
    text = "\n".join(lines) + "\n"
    if not arguments.check:
        PATH.write_text(text)
        return
    wrong = check(names, data)
    if PATH.read_text() != text:
        wrong.append(f"{PATH.name} is not what this script writes")
    sys.exit("\n".join(wrong) if wrong else 0)


if __name__ == "__main__":
    main()
