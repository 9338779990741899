#!/usr/bin/env python3
"""Plants small defects ("mutants") in the channel, power and compression code, one at a time, and counts how many the tests
notice.

    scripts/mutants.py                          # 100 mutants of all files
    scripts/mutants.py --sample 20 --seed 2     # others, and fewer
    scripts/mutants.py --only channel/awgn      # files whose path contains this
    scripts/mutants.py --list                   # what would be tried
    scripts/mutants.py --meaning                # 40 mistakes of meaning instead (scripts/mistakes.py)

A mutant swaps an operator (+ - * /, < <=, == !=, && ||), changes a number, or deletes a statement. It is compiled beside the
tree, never in it, and linked into the test programs of its folder in front of the library, which build/release must hold
(scripts/build.sh with their names, or make test). It is killed where one of them fails, crashes or takes ten times as long
as without it. Mutants that do not compile are not counted; those that change nothing, as a number in a limit that is never
reached, live on. Ends with "killed N of M".

A mistake of meaning is code that runs, is plausible and says something else: a stale stream, a share from the wrong
power of a norm, a worker that counts though it is away. At least 38 of the 40 must be noticed.
"""
import argparse
import json
import os
import pathlib
import random
import re
import shlex
import subprocess
import sys
import tempfile
import time

from mistakes import MISTAKES

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "release"
# The test programs of a folder, the quickest first.
TESTS = {
    "power": ["power_schedule_test", "power_allocation_test", "power_factor_split_test"],
    "channel": ["channel_superposition_test", "channel_channels_test", "contract_channel_laws_test"],
    "compress": ["known_answers", "compress_top_k_projection_test", "aggregate_aggregator_test", "contract_compressor_laws_test"],
}
LAWS = ["contract_freshness_laws_test", "contract_energy_laws_test", "contract_compressor_laws_test",
        "contract_channel_laws_test", "contract_refusal_laws_test"]
MEANING_TESTS = {  # of the mistakes of meaning: what is most likely to notice first
    "power": [*TESTS["power"], "contract_energy_laws_test"],
    "channel": ["channel_channels_test", "channel_superposition_test", LAWS[3], *LAWS[:3], LAWS[4]],
    "aggregate": ["aggregate_weighted_test", *LAWS[:-1], "aggregate_aggregator_test", LAWS[-1]],
    "compress": [*LAWS[:-1], "aggregate_aggregator_test", "compress_top_k_projection_test", LAWS[-1]],
    "feedback": ["contract_memory_laws_test", "aggregate_weighted_test", *LAWS],
    "receive": ["contract_memory_laws_test", "aggregate_weighted_test", *LAWS],
}
SWAPS = [(" + ", " - "), (" - ", " + "), (" * ", " / "), (" / ", " * "), (" < ", " <= "), (" <= ", " < "), (" > ", " >= "),
         (" >= ", " > "), (" == ", " != "), (" != ", " == "), (" && ", " || "), (" || ", " && "), (" += ", " -= "),
         (" -= ", " += "), (" *= ", " /= "), (" /= ", " *= ")]
STATEMENT = re.compile(r"\s+(?!return\b|break\b|continue\b|throw\b|using\b|delete\b|if\b|for\b|fail\(|LASER_CHECK)"
                       r"[\w.>\-\[\]()]+(\(.*\)| [-+*/]?= .*|\+\+|--);$")


def code_of(line):
    """The line with comments and texts blanked, so that places in it stay what they are."""
    line = re.sub(r'"(\\.|[^"\\])*"', lambda match: "~" * len(match.group()), line)
    return re.sub(r"//.*", lambda match: " " * len(match.group()), line)


def mutants_of(path):
    """(path, line number, description, new line) of every mutant of a file."""
    found, in_message = [], False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        code = code_of(line)
        in_message = in_message or "fail(" in code  # the text of an error is no behaviour of the round
        if not in_message and code.strip() and not code.lstrip().startswith(("#", "template", "static_assert", "using")):
            for old, new in SWAPS:
                for match in re.finditer(re.escape(old), code):
                    at = match.start()
                    found.append((path, number, f"{old.strip()} -> {new.strip()}", line[:at] + new + line[at + len(old):]))
            for match in re.finditer(r"(?<![\w.~'])\d+(\.\d+)?(?![\w.'])", code):
                new = re.sub(r"\d+$", lambda digits: str(int(digits.group()) + 1), match.group())
                found.append((path, number, f"{match.group()} -> {new}", line[:match.start()] + new + line[match.end():]))
            if STATEMENT.match(code) and code.count("(") == code.count(")"):
                found.append((path, number, f"without {line.strip()}", ""))
        if in_message and ";" in code:
            in_message = False
    return found


def mistakes():
    """(path, line number, description, whole new text) of every mistake of meaning."""
    found = []
    for name, old, new, meaning in MISTAKES:
        path = ROOT / "src" / "laser" / name
        text = path.read_text()
        if old not in text:
            sys.exit(f"mutants: {name} has no '{old}' any more. HINT: mend scripts/mistakes.py")
        number = text[:text.index(old)].count("\n") + 1
        found.append((path, number, meaning, text.replace(old, new)))
    return found


class Compiler:
    """Compiles and links what the build did, with one file replaced."""

    def __init__(self):
        commands = json.loads((BUILD / "compile_commands.json").read_text())
        # Sources that sanitised or fuzzing programs compile once more have several commands: the library's counts.
        self.commands = {command["file"]: shlex.split(command["command"]) for command in commands
                         if "CMakeFiles/laser_" in command["command"].split(" -o ")[-1].split(" ")[0]}
        self.links = {}

    def compile(self, path, source, target):
        words = self.commands[str(path)]
        words = words[next(i for i, word in enumerate(words) if re.search(r"(g\+\+|c\+\+|clang\+\+)[-\d]*$", word)):]
        words[words.index("-o") + 1] = str(target)
        words[words.index("-c") + 1] = str(source)
        return subprocess.run([*words, f"-I{path.parent}"], cwd=BUILD, capture_output=True, text=True, check=False)

    def link_of(self, test):
        if test not in self.links:
            name = f"bin/{test}" if test == "known_answers" else f"tests/{test}"
            last = subprocess.run(["ninja", "-t", "commands", name], cwd=BUILD, capture_output=True, text=True,
                                  check=True).stdout.splitlines()[-1]
            self.links[test] = shlex.split(next(part for part in last.split(" && ") if " -o " in part))
        return self.links[test]

    def link(self, test, mutant, target):
        words = list(self.link_of(test))
        words[words.index("-o") + 1] = str(target)
        first = next(i for i, word in enumerate(words) if word.endswith(".o"))
        if mutant is not None:
            words.insert(first, str(mutant))
        return subprocess.run(words, cwd=BUILD, capture_output=True, text=True, check=False)


def run(program, test, limit):
    cases = sorted((ROOT / "tests" / "golden").glob("*-cases.json"))
    arguments = [path for path in cases if "byte_pair" not in path.name] if test == "known_answers" else []
    for one in [[str(path)] for path in arguments] or [["--gtest_brief=1", "--gtest_fail_fast"]]:
        try:
            done = subprocess.run([str(program), *one], cwd=BUILD, capture_output=True, timeout=limit, check=False)
        except subprocess.TimeoutExpired:
            return False
        if done.returncode != 0:
            return False
    return True


class Judge:
    def __init__(self, folder):
        self.folder, self.compiler, self.limits = folder, Compiler(), {}

    def limit_of(self, test):
        """Ten times what the test takes as it is; it must pass."""
        if test not in self.limits:
            program = BUILD / ("bin" if test == "known_answers" else "tests") / test
            if not program.exists():
                sys.exit(f"mutants: {program} is missing. HINT: scripts/build.sh {test}")
            # Linked anew: objects that are older than the libraries would crash, and any mutant seem noticed.
            fresh = self.folder / "unchanged"
            if self.compiler.link(test, None, fresh).returncode != 0:
                sys.exit(f"mutants: {test} is older than its libraries. HINT: scripts/build.sh {test}")
            start = time.monotonic()
            if not run(fresh, test, None):
                sys.exit(f"mutants: {test} fails without any mutant. HINT: scripts/build.sh {test}")
            self.limits[test] = 10 * (time.monotonic() - start) + 10
        return self.limits[test]

    def verdict(self, mutant, tests, whole):
        """What became of a mutant: the test that kills it, "lives" or "does not compile". Its text is that of a line, or
        the whole file's."""
        path, number, _, text = mutant
        if not whole:
            lines = path.read_text().splitlines()
            lines[number - 1] = text
            text = "\n".join(lines) + "\n"
        source, code, program = (self.folder / name for name in ("mutant.cpp", "mutant.o", "program"))
        source.write_text(text)
        if self.compiler.compile(path, source, code).returncode != 0:
            return "does not compile"
        for test in tests[path.parent.name]:
            limit = self.limit_of(test)
            linked = self.compiler.link(test, code, program)
            if linked.returncode != 0:
                sys.exit(f"mutants: {test} can't be linked with {path.name}\n{linked.stderr[-2000:]}")
            if not run(program, test, limit):
                return test
        return "lives"


def main():
    os.environ["OMP_WAIT_POLICY"] = "passive"  # as in scripts/test.sh
    if "--meaning" in sys.argv:
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # small tensors, and none of the mistakes is about threads
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--sample", type=int, default=100, help="so many mutants, the same for one seed; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="files whose path contains this")
    parser.add_argument("--meaning", action="store_true", help="the mistakes of meaning, all of them")
    parser.add_argument("--list", action="store_true", help="print the mutants and stop")
    arguments = parser.parse_args()
    mutants, tests = [], MEANING_TESTS if arguments.meaning else TESTS
    if arguments.meaning:
        mutants = [mistake for mistake in mistakes() if arguments.only in str(mistake[0].relative_to(ROOT))]
    for folder in [] if arguments.meaning else TESTS:
        for path in sorted((ROOT / "src" / "laser" / folder).glob("*.cpp")):
            if arguments.only in str(path.relative_to(ROOT)):
                mutants += mutants_of(path)
    total = len(mutants)
    if 0 < arguments.sample < total and not arguments.meaning:
        mutants = random.Random(arguments.seed).sample(mutants, arguments.sample)
    print(f"{len(mutants)} of {total} mutants")
    killed = living = 0
    with tempfile.TemporaryDirectory(prefix="laser-mutants-") as folder:
        judge = Judge(pathlib.Path(folder))
        for mutant in mutants:
            verdict = "" if arguments.list else judge.verdict(mutant, tests, arguments.meaning)
            killed += verdict in judge.limits
            living += verdict == "lives"
            print(f"{verdict:30} {mutant[0].relative_to(ROOT)}:{mutant[1]}: {mutant[2]}", flush=True)
    if not arguments.list:
        share = 100 * killed / max(killed + living, 1)
        print(f"killed {killed} of {killed + living} ({share:.0f} %)")


if __name__ == "__main__":
    main()
