#!/usr/bin/env python3
"""Fails where a file includes or imports a module that its own may not see (the tables below are the architecture), or where two
headers define different types of one name (the linker would silently merge their inline functions)."""
import ast
import pathlib
import re
import sys

ALLOWED = {
    "core": set(),
    "kernels": {"core"},
    "power": {"core"},
    "theory": {"core", "power"},
    "link": {"core"},
    "collective": {"core"},
    "hash": {"core"},
    "data": {"core", "hash"},
    "record": {"core", "hash"},
    "compress": {"core", "kernels"},
    "channel": {"core", "kernels"},
    "model": {"core", "kernels"},
    "feedback": {"core", "compress"},
    "receive": {"core", "compress"},
    "aggregate": {"core", "compress", "feedback", "receive", "power", "channel", "collective"},
    "laws": {"core", "kernels", "compress", "feedback", "receive", "power", "channel", "collective", "aggregate"},
    "train": {"core", "kernels", "aggregate", "compress", "feedback", "receive", "channel", "collective", "power", "model", "data", "record",
              "link", "hash"},
    # of the program (apps/laser)
    "fetch": {"core", "hash", "data"},
    "report": {"core", "record", "link", "aggregate"},
    "bench": {"core", "kernels", "compress", "collective", "aggregate", "model"},
    "verify": {"core", "power", "theory", "compress", "channel", "collective", "aggregate"},
}

# Of the Python package: what the modules below the compiled core's users may import of it. Whatever is not listed may import everything.
PYTHON = {
    "extension": {"_build", "_core"},
    "hints": set(),
    "errors": {"extension", "hints", "_core"},
    "facts": set(),
    "device": {"errors", "facts"},
    "portable": {"errors", "facts", "device"},
    "native": {"errors", "extension", "portable", "_core"},
}

# What is installed includes nothing else of the library (cmake/install.cmake).
PUBLIC = re.compile(r"set\(LASER_HEADERS_\w+([^)]*)\)")

PROGRAM = {"fetch", "report", "bench", "verify"}

root = pathlib.Path(__file__).resolve().parent.parent / "src" / "laser"
program = root.parent.parent / "apps" / "laser"
wrong = []
public = set(" ".join(PUBLIC.findall((root.parent.parent / "cmake" / "install.cmake").read_text())).split())
if not public:
    wrong.append("cmake/install.cmake: no LASER_HEADERS_ are found")
for header in sorted(public):
    for name in re.findall(r'#include "laser/([\w/]+)\.hpp"', (root / f"{header}.hpp").read_text()):
        if name not in public:
            wrong.append(f"src/laser/{header}.hpp: is installed and includes laser/{name}.hpp, which is not (cmake/install.cmake)")
modules = [(path, path.relative_to(root).parts[0]) for path in [*root.rglob("*.[ch]pp"), *root.rglob("*.cu")] if path.parent != root]
modules += [(path, path.parent.name) for path in program.glob("*/*.[ch]pp")]
for path, module in sorted(modules):
    if (module in PROGRAM) != path.is_relative_to(program):
        wrong.append(f"{path}: {', '.join(sorted(PROGRAM))} belong to apps/laser, and nothing else does")
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = re.match(r'\s*#\s*include\s+"laser/(\w+)/', line)
        if found and found.group(1) != module and found.group(1) not in ALLOWED[module]:
            wrong.append(f"{path.relative_to(root.parent.parent)}:{number}: {module} may not include {found.group(1)}")



def imported(source):
    """(line, module) of the package's own that a Python source imports, wherever it does."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").split(".")[0] == "laser":
            inner = node.module.split(".")[1:]
            for name in [inner[0]] if inner else [alias.name for alias in node.names]:
                yield node.lineno, name
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield node.lineno, "." * node.level
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, (alias.name.split(".") + ["laser"])[1]) for alias in node.names if alias.name.split(".")[0] == "laser")


package = root.parent.parent / "python" / "laser"
for module, allowed in PYTHON.items():
    for path in sorted([*package.glob(f"{module}.py"), *package.glob(f"{module}/*.py")]):
        for number, name in imported(path.read_text(encoding="utf-8")):
            if name != module and name not in allowed:
                wrong.append(f"{path.relative_to(root.parent.parent)}:{number}: {module} may not import laser.{name}")

defined = {}
top = root.parent.parent
for path in sorted([*root.rglob("*.hpp"), *(top / "apps").rglob("*.hpp")]):
    namespace = ""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        space = re.match(r"namespace ([\w:]+) \{", line)
        if space:
            namespace = space.group(1)
        found = re.match(r"(?:struct|class|enum class) (\w+)(?: final)?(?: : [^;]*)? \{", line)
        if found:
            name = f"{namespace}::{found.group(1)}"
            place = f"{path.relative_to(top)}:{number}"
            if name in defined:
                wrong.append(f"{place}: {name} is defined in {defined[name]} as well")
            defined[name] = place

print("\n".join(wrong) if wrong else "structure: ok")
sys.exit(1 if wrong else 0)
