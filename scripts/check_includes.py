#!/usr/bin/env python3
"""Fails where a file includes a module that its own may not see (the table below is the architecture)."""
import pathlib
import re
import sys

ALLOWED = {
    "core": set(),
    "kernels": {"core"},
    "power": {"core"},
    "theory": {"core", "power"},
    "collective": {"core"},
    "data": {"core"},
    "record": {"core"},
    "compress": {"core", "kernels"},
    "channel": {"core", "kernels"},
    "model": {"core", "kernels"},
    "aggregate": {"core", "compress", "power", "channel", "collective"},
    "train": {"core", "kernels", "aggregate", "compress", "channel", "collective", "power", "model", "data", "record"},
    "report": {"core", "record"},
}

root = pathlib.Path(__file__).resolve().parent.parent / "src" / "laser"
wrong = []
for path in sorted(root.rglob("*.[ch]pp")):
    module = path.relative_to(root).parts[0]
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = re.match(r'\s*#\s*include\s+"laser/(\w+)/', line)
        if found and found.group(1) != module and found.group(1) not in ALLOWED[module]:
            wrong.append(f"{path.relative_to(root.parent.parent)}:{number}: {module} may not include {found.group(1)}")
print("\n".join(wrong) if wrong else "include rule: ok")
sys.exit(1 if wrong else 0)
