"""Citations in code and pages, what docs/specification.md has of what they cite, and the files of the tree that they name.

A label is what a citation asks for and the page offers: "2.4", "2.4 B", "8.10", "E1", "A5", "Lemma 7", "Theorem 1 (iii)",
"equation 16", "Definition 1", "Algorithm 1". On the page a section is a heading, a paragraph of a numbered list its item, a
study the first cell of its row, an equation the number at the end of its line, and everything else is bold where it is stated.
"""
import os
import pathlib
import re

from commands import SOURCE, pages

SPECIFICATION = SOURCE / "docs" / "specification.md"
FOLDERS = ("src", "apps", "python", "tests", "configs", "bench", "examples", "cmake", "scripts")
ENDINGS = {".cpp", ".hpp", ".cu", ".py", ".pyi", ".toml", ".cmake", ".txt", ".sh"}
OWN = {"citations.py", "test_citations.py"}  # they hold citations that are made up

NUMBERS = r"\d+(?:(?:,\s+and|,|\s+and|\s+to)\s+\d+)*"
PARTS = r"\((?:i|ii|iii|iv|v|vi)\)"
START = re.compile(r"\b[Ss]pec(?:ification)?\s+(?=\d)")
ITEM = re.compile(rf"(\d+(?:\.\d+)?)(?:\s+([A-D])\b|\s+{PARTS})?|(E\d|A\d)\b")
NEXT = re.compile(r"(?:\s+`\w+`)?(?:[,;]\s+(?:and\s+)?|\s+and\s+|\s+to\s+|-)")


def numbers_of(text):
    """[1, 2, 3, 6] of "1 to 3 and 6"."""
    found = []
    for first, last in re.findall(r"(\d+)(?:\s+to\s+(\d+))?", text):
        found += range(int(first), int(last or first) + 1)
    return found


def labels_of_paper(text):
    """(place, label) of the lemmas, theorems, equations, assumptions, definitions and algorithms that a text names."""
    for match in re.finditer(rf"\b([Ll]emma|[Ee]quation|Assumption|Definition|Algorithm)s?\s+\(?({NUMBERS})", text):
        kind = match[1].capitalize() if match[1] != "equation" else match[1]
        for number in numbers_of(match[2]):
            label = {"Assumption": f"A{number}", "Equation": f"equation {number}"}.get(kind, f"{kind} {number}")
            yield match.start(), label
    for match in re.finditer(rf"\bTheorem\s+(\d+)(?:\s+({PARTS}))?", text):
        yield match.start(), f"Theorem {match[1]}" + (f" {match[2]}" if match[2] else "")


def labels_of_specification(text):
    """(place, label) of "spec 2.4 B, 6", "spec 3.2 to 3.4", "spec 5, E2 and E3", "E4 of the specification"."""
    for match in START.finditer(text):
        place, last, link = match.end(), None, ""
        while item := ITEM.match(text, place):
            if item[1] and "." in item[1] and last and ("to" in link or link == "-"):  # what lies between
                chapter, first = last.split(".")
                for number in range(int(first) + 1, int(item[1].split(".")[1])):
                    yield match.start(), f"{chapter}.{number}"
            yield match.start(), item[3] or item[1]
            if "(" in item[0]:
                yield match.start(), f"Theorem 1 {item[0].split()[-1]}"
            if item[2]:
                yield match.start(), f"{item[1]} {item[2]}"
            last = item[1] if item[1] and "." in item[1] else None
            step = NEXT.match(text, item.end())
            if not step:
                break
            place, link = step.end(), step.group()
    for match in re.finditer(r"\b(E\d) of the\s+specification\b", text):
        yield match.start(), match[1]


def unbroken(text):
    """The text, of the same length, without what stands between two lines of a comment or of a string."""
    return re.sub(r'\n[ \t]*(?://+|#+)|"[ \t]*\n[ \t]*"', lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def citations(text):
    """(line, label) of everything that a text cites."""
    text = unbroken(text)
    for find in (labels_of_specification, labels_of_paper):
        for place, label in find(text):
            yield text.count("\n", 0, place) + 1, label


def offered(text):
    """Labels of everything that the text of the page states."""
    labels, section = set(), ""
    for line in text.splitlines():
        if heading := re.match(r"#{2,3} (\d+(?:\.\d+)?)\.? ", line):
            section = heading[1]
            labels.add(section)
        if item := re.match(r"(\d+)\. ", line):
            labels.add(f"{section}.{item[1]}")
        if study := re.match(r"\| (E\d) \|", line):
            labels.add(study[1])
        if equation := re.match(r"    .*\s{3,}\((\d+)\)$", line):
            labels.add(f"equation {equation[1]}")
        for bold in re.findall(r"\*\*([^*]+)\*\*", line):
            labels.update(label for _, label in labels_of_paper(bold))
            if letter := re.match(r"([A-D])\. ", bold):
                labels.add(f"{section} {letter[1]}")
            if assumption := re.fullmatch(r"A\d", bold):
                labels.add(assumption[0])
            if re.fullmatch(PARTS, bold):
                labels.add(f"Theorem 1 {bold}")
    return labels


def section_texts(text):
    """The text of every section of the page by its number, without that of its subsections."""
    found, section = {}, ""
    for line in text.splitlines():
        if heading := re.match(r"#{2,3} (\d+(?:\.\d+)?)\.? ", line):
            section = heading[1]
        found[section] = f"{found.get(section, '')}{line}\n"
    return found


def homes(text):
    """The sections of the page that state each lemma, theorem, equation, assumption, definition and algorithm, by label, and the numbered
    items that speak of it; of a part of a theorem those of the theorem too."""
    found, section, place = {}, "", ""
    for line in text.splitlines():
        if heading := re.match(r"#{2,3} (\d+(?:\.\d+)?)\.? ", line):
            section = place = heading[1]
        if item := re.match(r"(\d+)\. ", line):
            place = f"{section}.{item[1]}"
        stated = offered(line) if section == place else {label for _, label in labels_of_paper(line)}
        for label in stated:
            for one in {label, label.split(" (")[0]}:
                found.setdefault(one, set()).add(place)
    return found


SENTENCE = re.compile(r"(?:\.|\.\))\s+(?=[A-Z(`\[*])|[;{}]\s*\n|\n\s*\n|\n(?=\s*[|*-] )|\},|^(?!\s*(?://|#)).*,\s*\n(?=\s*//)", re.MULTILINE)


def strangers(text, stated):
    """(line, label, sections) of the lemmas and theorems that a sentence cites beside sections of the page of which none states or, as an
    item of section 8, speaks of them (`homes`)."""
    whole, begin = unbroken(text), 0
    for end in sorted({*(match.end() for one in (text, whole) for match in SENTENCE.finditer(one)), len(text)}):
        sentence = whole[begin:end]
        sections = [label for _, label in labels_of_specification(sentence) if re.fullmatch(r"\d+(\.\d+)?", label)]
        for place, label in labels_of_paper(sentence) if sections else ():
            if not label.startswith(("Lemma", "Theorem")):
                continue
            where = stated.get(label, set()) | stated.get(label.split(" (")[0], set())
            if not any(home == one or home.startswith(f"{one}.") for home in where for one in sections):
                yield text.count("\n", 0, begin + place) + 1, label, sections
        begin = end


def tree():
    """Files of the checkout by their paths in it, without what is built, fetched or run."""
    found = []
    for folder, names, files in os.walk(SOURCE):
        inside = pathlib.Path(folder).relative_to(SOURCE)
        names[:] = [name for name in names if name not in (".git", ".venv", "__pycache__") and
                    not (inside == pathlib.Path() and name in ("build", "runs"))]
        found += [(inside / name).as_posix() for name in files]
    return found


def texts():
    """(path in the tree, text) of all code, configurations and pages that may cite."""
    code = [path for folder in FOLDERS for path in sorted((SOURCE / folder).rglob("*"))
            if path.suffix in ENDINGS and path.name not in OWN and path.is_file()]
    for path in [*code, *pages()]:
        yield path.relative_to(SOURCE).as_posix(), path.read_text()


def comments(text):
    """The comments of C++ code; everything else is blank."""
    return "\n".join(line[line.index("//"):] if re.search(r"(^|\s)//", line) else "" for line in text.splitlines())


ROOTS = "src|apps|scripts|configs|tests|docs|examples|results|bench|cmake"
NAME = re.compile(rf"(?<![\w./*<$}}-])((?:{ROOTS})/[\w./-]*\w|(?:[\w-]+/)*[\w-]+\.(?:hpp|cpp|cu|md|cmake))(?![\w*{{(<])")


def named_files(text):
    """(line, name) of the repository's files and folders that a text names; addresses of the web are none."""
    text = re.sub(r"\w+://\S+", lambda match: " " * len(match.group()), text)
    for match in NAME.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match[1]


class Tree:
    """Whether a name is that of a file or folder, by its whole path or the end of it."""

    def __init__(self, files):
        self.known = set()
        for path in files:
            parts = path.split("/")
            for end in range(1, len(parts) + 1):
                self.known.update("/".join(parts[first:end]) for first in range(end))

    def has(self, name):
        return any(name + end in self.known for end in ("", ".hpp", ".cpp", ".md", ".in"))
