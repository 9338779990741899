"""The commands that the documentation shows: found in its Markdown, and what each becomes in the test.

A command is a line of an indented or fenced block (not of Python) that begins with `$ ` or with a program of PROGRAMS, or
a piece of inline code that begins with such a program and has arguments. A line that ends in a backslash goes on; ` #`
starts a comment. What follows a `$ ` line in its block is its output.
"""
import dataclasses
import pathlib
import re

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ["./laser", "laser", "make", "pip", "apt-get", "sudo", "torchrun", "mpirun", "python", "python3", "cmake",
            "ctest", "ninja", "git", "sha256sum", "man", "eval", "bash", "cd", "export", "curl", "wget", "docker", "./",
            "scripts/", "build/", "BUILD/"]


@dataclasses.dataclass
class Command:
    text: str
    where: str  # "docs/data.md:3"
    output: list[str]  # the lines that are shown below it


def is_command(text):
    text = re.sub(r"^([A-Z_]+=\S+ )+", "", text)
    return any(text.startswith(p) if p.endswith("/") else re.match(re.escape(p) + r"(\s|$)", text) for p in PROGRAMS)


def pages():
    """README, CONTRIBUTING, SECURITY and the pages of docs/; the changelog speaks of the past."""
    return [*(page for page in sorted(SOURCE.glob("*.md")) if page.name != "CHANGELOG.md"),
            *sorted((SOURCE / "docs").rglob("*.md"))]


def blocks(path):
    """(number of the first line, lines) of every block of code that is not Python."""
    lines = path.read_text().splitlines()
    found, fence, language, in_list = [], None, "", False
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("```"):
            fence, language = (None, "") if fence else (number, line.strip("` "))
            if fence and language != "python":
                found.append((number + 1, []))
            continue
        if fence:
            if language != "python":
                found[-1][1].append(line.strip())
        elif line.startswith("    ") and not in_list:
            if not found or found[-1][0] + len(found[-1][1]) != number:
                found.append((number, []))
            found[-1][1].append(line[4:])
        elif line.strip():
            in_list = bool(re.match(r"\s*(\d+\.|[-*]) |\s+\S", line)) and not line.startswith("    ")
    return found


def commands_of_block(first, lines, name):
    found, number = [], 0
    while number < len(lines):
        line, where = lines[number], f"{name}:{first + number}"
        shown = line.startswith("$ ")
        has_output = bool(found) and found[-1].output is not None
        if not shown and (has_output or not is_command(line)):
            if has_output:
                found[-1].output.append(line)
            number += 1
            continue
        text = line[2:] if shown else line
        while text.endswith("\\"):
            number += 1
            text = text[:-1].rstrip() + " " + lines[number].strip()
        number += 1
        found.append(Command(re.split(r"\s+# ", text)[0].strip(), where, [] if shown else None))
    for command in found:
        command.output = [line for line in command.output or [] if line.strip()]
    return found


def inline_code(path):
    """(line, text) of every piece of inline code outside blocks."""
    inside, text = set(), path.read_text()
    for first, lines in blocks(path):
        inside.update(range(first, first + len(lines)))
    kept = "\n".join("" if number in inside else line for number, line in enumerate(text.splitlines(), 1))
    kept = re.sub(r"(?ms)^```.*?^```$", lambda match: "\n" * match.group().count("\n"), kept)
    for match in re.finditer(r"`([^`]+)`", kept):
        yield kept.count("\n", 0, match.start()) + 1, " ".join(match.group(1).split())


def documented_commands():
    """Those of the pages, and of the headers of configurations and examples."""
    found = []
    for path in pages():
        name = str(path.relative_to(SOURCE))
        if name == "docs/reference.md":  # written by the command; its lines of usage are forms, not commands
            continue
        for first, lines in blocks(path):
            found += commands_of_block(first, lines, name)
        found += [Command(text, f"{name}:{line}", []) for line, text in inline_code(path) if is_command(text) and
                  (" " in text)]
    for path in [*sorted((SOURCE / "configs").glob("*.toml")), *sorted((SOURCE / "examples").rglob("*"))]:
        if path.suffix not in (".toml", ".py", ".txt"):
            continue
        for number, line in enumerate(path.read_text().splitlines()[:15], 1):
            text = re.split(r"\s{2,}|\s+# ", line.lstrip("# ").strip())[0]
            if re.match(r"(#   |    )\S", line) and is_command(text):
                found.append(Command(text, f"{path.relative_to(SOURCE)}:{number}", []))
    return found


if __name__ == "__main__":
    for command in documented_commands():
        print(f"{command.where:32} {command.text}")
