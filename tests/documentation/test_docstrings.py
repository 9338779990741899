"""Everything public is described: of Python every public function, class and method has a docstring, which says what is raised where
its own code raises it, says what is returned, and has a section with each of its parameters; of the installed C++ headers every type and
function, and every public one of their classes, has a comment. Where a docstring lists the roles of parts it lists all of them."""

import ast
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "python" / "laser"


def exported(text):
    """The modules that an __init__.py exports, and those that have what it exports by name, from the tables of its __all__."""
    tables = {node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse(text).body
              if isinstance(node, ast.Assign) and node.targets[0].id in ("_HOMES", "_MODULES")}
    return sorted({home.removeprefix("laser.") for home in tables["_HOMES"].values()} | set(tables["_MODULES"]))


def homes_of_classes(text):
    """The modules of the package from which a module takes base classes of its classes, or what its public functions return."""
    tree = ast.parse(text)
    homes = {name.asname or name.name: node.module.removeprefix("laser.") for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
             and (node.module or "").startswith("laser.") for name in node.names}
    bases = {base.id for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for base in node.bases if isinstance(base, ast.Name)}
    returned = {name.id for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and node.returns
                for name in ast.walk(node.returns) if isinstance(name, ast.Name)}
    handed_on = {name.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for name in node.names if name.asname == name.name}
    return {homes[name] for name in (bases | returned | handed_on) & homes.keys()}


def public_modules():
    """The files of everything that `laser` exports, those of packages one by one, and of the classes that those
    build on or return."""
    todo, found = exported((PACKAGE / "__init__.py").read_text()), {}
    while todo:
        name = todo.pop()
        folder = PACKAGE / name
        for path in sorted(folder.glob("*.py")) if folder.is_dir() else [PACKAGE / f"{name}.py"]:
            if path not in found.values():
                found[path.relative_to(PACKAGE).with_suffix("").as_posix()] = path
                todo.extend(homes_of_classes(path.read_text()))
    return found


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
            if said.startswith("Likewise"):
                gaps.append(f"{where} leans on what stands before it")
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


def parameters(function):
    """The names of a function's parameters, but for those that Python fills in."""
    given = function.args
    named = [one.arg for one in [*given.posonlyargs, *given.args, *given.kwonlyargs] if one.arg not in ("self", "cls")]
    return named + [one.arg for one in (given.vararg, given.kwarg) if one]


def parameter_gaps(name, text):
    """Parameters of a module's public functions and classes without a line "name: ..." of their own, or "name, other: ...", in the
    docstring; those of __init__ stand in that of the class. Functions inside of others are their own affair."""
    gaps = []

    def look(body, owner, owners_text):
        for node in body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                look(node.body, f"{node.name}.", ast.get_docstring(node) or "")
            if not isinstance(node, ast.FunctionDef) or (node.name.startswith("_") and node.name != "__init__"):
                continue
            if any(isinstance(one, ast.Name) and one.id in ("overload", "property") for one in node.decorator_list):
                continue
            said = (ast.get_docstring(node) or "") + ("\n" + owners_text if node.name == "__init__" else "")
            described = {word for line in re.findall(r"^ *((?:\w+, )*\w+): ", said, re.MULTILINE) for word in line.split(", ")}
            gaps.extend(f"{name}: {owner}{node.name} does not describe '{one}'" for one in parameters(node) if one not in described)

    look(ast.parse(text).body, "", "")
    return gaps


# A first word that ends like a verb ("Draws ...") and names what is returned all the same.
NOUNS = {"As", "Budgets", "Numbers", "Parameters", "Positions", "Rounds", "Settings", "Shapes", "Symbols", "This", "Weights"}


def names_what_is_returned(said):
    """Whether a docstring begins with what is returned ("The estimate [m, n] from ...", "Whether ..."), and not with what is done or
    with what it is done to, or says later what is returned."""
    first = said.split(maxsplit=1)[0].rstrip(":;,.") if said else ""
    done = first.istitle() and first.endswith("s") and first not in NOUNS
    return not (done or first in ("By", "For", "From", "In", "Of", "Over")) or bool(re.search(r"\breturn(s|ed)\b", said, re.IGNORECASE))


def return_gaps(name, text):
    """Public functions of a module, and methods of its public classes, that return something and whose docstring says not what."""
    gaps = []

    def look(body, owner):
        for node in body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                look(node.body, f"{node.name}.")
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_") or not node.returns:
                continue
            if any(isinstance(one, ast.Name) and one.id in ("overload", "property") for one in node.decorator_list):
                continue
            if ast.unparse(node.returns) not in ("None", "NoReturn") and not names_what_is_returned(ast.get_docstring(node)):
                gaps.append(f"{name}: {owner}{node.name} does not say what it returns")

    look(ast.parse(text).body, "")
    return gaps


def roles():
    """The roles that parts of one's own may play, from the table of laser.parts."""
    tree = ast.parse((PACKAGE / "parts.py").read_text())
    return {key.value for node in tree.body if isinstance(node, ast.AnnAssign) and node.target.id == "ROLES" for key in node.value.keys}


LISTED = re.compile(r"(?:[`\"]*(?:an? )?\w+[`\"]*,\s+)+[`\"]*(?:an? )?\w+[`\"]*\s+(?:and|or)\s+[`\"]*(?:an? )?\w+")  # "a, b and c"


def role_gaps(name, text, known):
    """Lists of three roles or more in a module's docstrings in which others are missing."""
    gaps = []
    for node in ast.walk(ast.parse(text)):
        said = ast.get_docstring(node) if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) else None
        for listed in LISTED.findall(said or ""):
            missing = known - set(re.findall(r"\w+", listed))
            if missing and len(known - missing) > 2:
                gaps.append(f"{name}: {getattr(node, 'name', 'the module')} lists roles without {', '.join(sorted(missing))}")
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
        modules = public_modules()
        for name in "figures", "simulator_saving", "simulator_records", "integrations/lightning", "reading":
            self.assertIn(name, modules)
        self.assertEqual([gap for name, path in modules.items() for gap in python_gaps(name, path.read_text())], [])

    def test_every_parameter_is_described(self):
        self.assertEqual([gap for name, path in public_modules().items() for gap in parameter_gaps(name, path.read_text())], [])

    def test_what_is_returned_is_described(self):
        self.assertEqual([gap for name, path in public_modules().items() for gap in return_gaps(name, path.read_text())], [])

    def test_lists_of_roles_are_whole(self):
        known, texts = roles(), {path.relative_to(PACKAGE).as_posix(): path.read_text() for path in sorted(PACKAGE.rglob("*.py"))}
        self.assertEqual(len(known), 5)
        self.assertEqual([gap for name, text in texts.items() for gap in role_gaps(name, text, known)], [])

    def test_modules_are_those_that_the_package_exports(self):
        self.assertEqual(exported('_HOMES = {"A": "laser.one", "b": "laser.two"}\n_MODULES = ("two", "three")\n'), ["one", "three", "two"])
        self.assertEqual(homes_of_classes("from laser.one import A, B\nfrom laser.two import C\nfrom laser.three import E\n"
                                          "class D(A):\n    def f(self) -> list[C]:\n        return E()\n"), {"one", "two"})

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
        self.assertEqual(python_gaps("m", 'def f():\n    "Likewise of g."\n'), ["m: f leans on what stands before it"])
        self.assertEqual(python_gaps("m", 'class A:\n    "One."\n    def g(self):\n        pass\n'), ["m: A.g has no docstring"])
        self.assertEqual(parameter_gaps("m", 'def f(a, b):\n    """It does.\n\n    a: one.\n    """\n'), ["m: f does not describe 'b'"])
        self.assertEqual(parameter_gaps("m", 'def f(a, b, **c):\n    """It does.\n\n    a, b: two.\n    c: more.\n    """\n'), [])
        self.assertEqual(parameter_gaps("m", 'class A:\n    """It is.\n\n    a: one.\n    """\n    def __init__(self, a): pass\n'), [])
        self.assertEqual(parameter_gaps("m", 'class A:\n    "It is."\n    def __init__(self, a): pass\n'), ["m: A.__init__ does not describe 'a'"])
        self.assertEqual(header_gaps("h", "struct A {\n"), ["h:1: A has no comment"])
        self.assertEqual(header_gaps("h", "/// One.\nstruct A {\n};\n\ndouble f(int x);\n"), ["h:5: f has no comment"])
        self.assertEqual(header_gaps("h", "/// Both.\ndouble f(int x);\ndouble g(int x);\n"), [])
        self.assertEqual(member_gaps("h", "struct A {\n  int f() const;\n};\n"), ["h:2: A::f has no comment"])
        self.assertEqual(member_gaps("h", "class A : B {\n public:\n  A(int x);\n  int f() const override;\n private:\n  int g();\n};\n"), [])
        self.assertEqual(member_gaps("h", "class A {\n public:\n  /// Both.\n  int f();\n  int g();\n\n  enum class C { a };\n};\n"),
                         ["h:7: A::C has no comment"])

    def test_gaps_in_what_is_returned_are_noticed(self):
        for said, gap in (("Draws it.", True), ("Of every line its end.", True), ("Draws it; returns the files.", False), ("The files.", False),
                          ("[k] the gains.", False), ("Symbols [K, D] for messages.", False)):
            self.assertEqual(return_gaps("m", f"class A:\n    def f(self) -> int:\n        {said!r}\n"),
                             ["m: A.f does not say what it returns"] if gap else [], said)
        self.assertEqual(return_gaps("m", "def f() -> None:\n    'Draws it.'\n"), [])

    def test_roles_that_are_left_out_are_noticed(self):
        known = {"channel", "compressor", "feedback", "receiver"}
        for said, missing in (("a channel, a feedback or a receiver", ["compressor"]), ('"channel", "feedback", "receiver" or "compressor"', []),
                              ("compressor, channel,\nfeedback and weights", ["receiver"]), ("channel, or feedback", [])):
            self.assertEqual(role_gaps("m", f"def f():\n    {said!r}\n", known), [f"m: f lists roles without {one}" for one in missing], said)


if __name__ == "__main__":
    unittest.main()
