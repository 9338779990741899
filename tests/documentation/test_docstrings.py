"""Everything public is described: of Python every public function, class and method has a docstring, which says what is raised where
its own code raises it; of the installed C++ headers every type and function, and every public one of their classes, has a comment."""

import ast
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MODULES = ("aggregation", "arena", "channels", "ddp", "ddp_saving", "export", "listing", "parts", "plotting", "power", "runs", "simulator",
           "simulator_evaluation", "simulator_records", "simulator_saving", "stateful", "testing", "theory", "integrations/lightning",
           "integrations/accelerate")


def raises(function):
    """Whether the function's own code, and not that of functions inside of it, raises something new."""
    inside = list(function.body)
    while inside:
        node = inside.pop()
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(node, ast.Raise) and node.exc is not None and "NotImplementedError" not in ast.dump(node.exc):
            return True
        inside.extend(ast.iter_child_nodes(node))
    return False


def python_gaps(name, text):
    """What a module's text leaves undescribed, one line each."""
    gaps = []

    def look(body, owner, owners_text):
        for node in body:
            if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                continue
            hidden = node.name.startswith("_") and node.name != "__init__"
            if hidden or any(isinstance(one, ast.Name) and one.id in ("overload", "property") for one in node.decorator_list):
                continue
            said = ast.get_docstring(node) or ""
            where = f"{name}: {owner}{node.name}"
            if isinstance(node, ast.ClassDef):
                if not said:
                    gaps.append(f"{where} has no docstring")
                look(node.body, f"{node.name}.", said)
                continue
            if node.name == "__init__":
                said = said or owners_text  # the class describes how it is made
            elif not said:
                gaps.append(f"{where} has no docstring")
            if said and raises(node) and "raises" not in said.lower():
                gaps.append(f"{where} does not say what it raises")

    look(ast.parse(text).body, "", "")
    return gaps


def header_gaps(name, text):
    """Types and functions of a header's namespaces without a comment directly above them."""
    gaps, lines = [], text.split("\n")
    for i, line in enumerate(lines):
        found = re.match(r"(?:class|struct|enum class|using) (\w+)(?: final)?(?: : .*)?(?: = .*;| \{)", line)
        if not found:
            found = re.match(r"(?! )(?:\[\[nodiscard\]\] )?(?:inline |constexpr )*[\w:<>,&* ]+[ &*](\w+)\(", line)
            if found and re.match(r"(return|namespace|static_assert|if|for|operator)\b", line):
                found = None
        if not found:
            continue
        above = i - 1
        while above >= 0 and lines[above].startswith("template"):
            above -= 1
        if not lines[above].lstrip().startswith("///"):
            previous = lines[above].strip()
            if not previous or previous.endswith("{") or previous.startswith("//"):
                gaps.append(f"{name}:{i + 1}: {found[1]} has no comment")
    return gaps


MEMBER = re.compile(r"  (?:enum class|struct|class|using) (\w+)\b|  (?:(?:virtual|static|inline|constexpr|\[\[nodiscard\]\]) )*"
                    r"(?=\w)[\w:<>,&* ]+[ &*](\w+|operator\S{1,2})\(")


def member_gaps(name, text):
    """Public types and functions of a header's classes without a comment above them or above those that they follow at once. What
    overrides is described where it comes from, and constructors by their class."""
    gaps, lines, owner, public = [], text.split("\n"), None, False
    for i, line in enumerate(lines):
        opened = re.match(r"(class|struct) (\w+)(?: final)?(?: : .*)? \{$", line)
        if opened:
            owner, public = opened[2], opened[1] == "struct"
        elif line.startswith("}"):
            owner = None
        elif re.match(r" (public|protected|private):", line):
            public = line.startswith(" public")
        found = MEMBER.match(line) if owner and public else None
        if not found or re.search(r"\b(override|final)\b", line) or line.endswith(("= default;", "= delete;")):
            continue
        above = i - 1
        while re.match(r"  [\w\[].*;$", lines[above]) and MEMBER.match(lines[above]):
            above -= 1
        member = found[1] or found[2]
        if member != owner and not lines[above].startswith("  ///"):
            gaps.append(f"{name}:{i + 1}: {owner}::{member} has no comment")
    return gaps


def public_headers():
    text = (ROOT / "cmake" / "install.cmake").read_text()
    return [name for names in re.findall(r"set\(LASER_HEADERS_\w+\s+([^)]*)\)", text) for name in names.split()]


class Docstrings(unittest.TestCase):
    def test_public_python_is_described(self):
        gaps = [gap for name in MODULES for gap in python_gaps(name, (ROOT / "python" / "laser" / f"{name}.py").read_text())]
        self.assertEqual(gaps, [])

    def test_public_headers_are_described(self):
        headers = public_headers()
        self.assertGreater(len(headers), 20)
        texts = {name: (ROOT / "src" / "laser" / f"{name}.hpp").read_text() for name in headers}
        gaps = [gap for name, text in texts.items() for gap in header_gaps(name, text) + member_gaps(name, text)]
        self.assertEqual(gaps, [])

    def test_gaps_are_noticed(self):
        self.assertEqual(python_gaps("m", 'def f():\n    raise error("x")\n'), ["m: f has no docstring"])
        self.assertEqual(python_gaps("m", 'def f():\n    "It does."\n    raise error("x")\n'), ["m: f does not say what it raises"])
        self.assertEqual(python_gaps("m", 'def f():\n    "It does. Raises Error."\n    raise error("x")\n'), [])
        self.assertEqual(python_gaps("m", 'class A:\n    "One."\n    def g(self):\n        pass\n'), ["m: A.g has no docstring"])
        self.assertEqual(header_gaps("h", "struct A {\n"), ["h:1: A has no comment"])
        self.assertEqual(header_gaps("h", "/// One.\nstruct A {\n};\n\ndouble f(int x);\n"), ["h:5: f has no comment"])
        self.assertEqual(header_gaps("h", "/// Both.\ndouble f(int x);\ndouble g(int x);\n"), [])
        self.assertEqual(member_gaps("h", "struct A {\n  int f() const;\n};\n"), ["h:2: A::f has no comment"])
        self.assertEqual(member_gaps("h", "class A : B {\n public:\n  A(int x);\n  int f() const override;\n private:\n  int g();\n};\n"), [])
        self.assertEqual(member_gaps("h", "class A {\n public:\n  /// Both.\n  int f();\n  int g();\n\n  enum class C { a };\n};\n"),
                         ["h:7: A::C has no comment"])


if __name__ == "__main__":
    unittest.main()
