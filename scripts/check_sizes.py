#!/usr/bin/env python3
"""Fails where a file has more than 400 lines, or a function more than 60: who opens one should see all of it.

Those that were longer when this was written are listed with their lines. A list that is not exact fails too, so that what has
shrunk cannot grow again: write the new count, or take the entry out where it is within the limit.
"""
import ast
import pathlib
import re
import sys

MOST_LINES = 400
LONGER = {
    "src/laser/kernels/fused_pass-inl.hpp": 469, "src/laser/kernels/fused_pass.cpp": 457, "src/laser/train/experiment.cpp": 410,
    "python/laser/ddp.py": 478, "tests/channel/channels_test.cpp": 716, "tests/cli/test_command.py": 555,
    "tests/model/gpt2_test.cpp": 472, "tests/model/resnet18_test.cpp": 412,
    "tests/python/test_ddp_steps.py": 406, "tests/python/test_frameworks.py": 449, "tests/python/test_refusals.py": 524,
    "tests/python/test_simulator.py": 543, "tests/record/safetensors_test.cpp": 461,
}
MOST_FUNCTION_LINES = 60
LONGER_FUNCTIONS = {
    "src/laser/aggregate/aggregator_state.cpp Aggregator::Impl::diagnose": 61,
    "src/laser/data/pickled_images.cpp step": 124, "src/laser/kernels/sampling.cpp sample_without_replacement": 64,
    "src/laser/train/experiment.cpp describe": 99, "src/laser/train/trainer.cpp train_into": 75, "apps/laser/link.cpp budget_table": 72,
    "apps/laser/link_paper.cpp paper_table": 64, "apps/laser/link_run.cpp run_table": 62,
    "apps/laser/theory_channels.cpp channels_table": 66, "apps/laser/train.cpp train_here": 69,
    "apps/laser/verify/link_checks.cpp link_subjects": 79, "python/bindings/training.cpp bind_training": 62,
    "python/laser/simulator.py Simulator.__init__": 62,
    "tests/contract/energy_laws_test.cpp passes_of": 62,
    "tests/contract/energy_laws_test.cpp EnergyLaws.EveryGroupHasTheEnergyOfTheFormulas": 80,
    "tests/contract/energy_laws_test.cpp RankAllocation.OptMinimisesTheNoiseOfAFactorPair": 61,
    "tests/contract/option_laws_test.cpp wrong_values": 68,
    "tests/kernels/normal_quality_test.cpp NormalQuality.ABillionNumbersOfNeighbouringStreams": 66,
}
FOLDERS = ("src", "apps", "python", "tests", "examples", "bench", "scripts")
CPP = (".cpp", ".hpp", ".cu")
# Of C++ what is no code of a function, so that braces and names in it do not count: literals, comments, the preprocessor's lines, access.
NO_CODE = re.compile(r'R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|//[^\n]*|/\*.*?\*/|^[ \t]*#(?:\\\n|[^\n])*'
                     r'|^ *(?:public|protected|private):', re.DOTALL | re.MULTILINE)
SCOPE = re.compile(r"(template <.*> )?(inline )?(namespace|class|struct|enum|union|extern)\b")
TEST = re.compile(r"TEST(?:_F|_P)?\((\w+),\s*(\w+)\)")


def python_functions(text):
    """(name, lines) of every function of a module and of its classes, those inside of functions left out."""
    def look(body, owner):
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield owner + node.name, node.end_lineno - node.lineno + 1
            elif isinstance(node, ast.ClassDef):
                yield from look(node.body, f"{owner}{node.name}.")
            elif isinstance(node, (ast.If, ast.Try)):
                yield from look(node.body, owner)

    return look(ast.parse(text).body, "")


def name_of(header):
    test = TEST.match(header)
    found = re.search(r"([~\w:]+)\s*\(", header)
    return f"{test[1]}.{test[2]}" if test else found[1] if found else ""


def cpp_functions(text):
    """(name, lines) of every function of a source as clang-format lays it out, from its first line to its closing brace."""
    text = NO_CODE.sub(lambda found: "\n" * found[0].count("\n"), re.sub(r"(?<=\d)'(?=\d)", "", text))
    line, opened, header, begun = 1, [], "", 1  # opened: (kind, name, first line) of every brace that is open
    for letter in text:
        outside = not opened or opened[-1][0] == "scope"
        if letter == "{":
            words = header.strip()
            value = not outside or re.search(r"[\w>=,(\]]$", header) or words.endswith(("=", "return"))  # of `int a{1};` and the like
            kind = "value" if value else "scope" if SCOPE.match(words) or not name_of(words) else "function"
            opened.append((kind, name_of(words), begun))
            header = header if value else ""
        elif letter == "}":
            kind, name, first = opened.pop()
            if kind == "function":
                yield name, line - first + 1
            header = header if kind == "value" else ""
        elif letter == ";" and outside:
            header = ""
        elif outside:
            begun = begun if header.strip() or letter.isspace() else line
            header += letter
        line += letter == "\n"
    if opened:
        raise ValueError(f"the braces from line {opened[-1][2]} on do not match")


def judge(wrong, name, lines, most, longer):
    """Holds the lines of something against the limit, or against what is listed of it."""
    listed = longer.pop(name, None)
    if listed is None and lines > most:
        wrong.append(f"{name}: {lines} lines, and {most} are the most. HINT: split it by what it does")
    elif listed is not None and lines > listed:
        wrong.append(f"{name}: {lines} lines, and the {listed} that it has in scripts/check_sizes.py are too many already. HINT: split it")
    elif listed is not None and lines < listed:
        what = f"write {lines}" if lines > most else "take it out"
        wrong.append(f"{name}: {lines} lines, fewer than the {listed} in scripts/check_sizes.py. HINT: {what} there")


def main():
    root, wrong = pathlib.Path(__file__).resolve().parent.parent, []
    files, functions = dict(LONGER), dict(LONGER_FUNCTIONS)
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (*CPP, ".py"):
                continue
            name, text = str(path.relative_to(root)), path.read_text(encoding="utf-8")
            judge(wrong, name, len(text.splitlines()), MOST_LINES, files)
            longest = {}  # of functions of one name
            for function, lines in cpp_functions(text) if path.suffix in CPP else python_functions(text):
                longest[function] = max(lines, longest.get(function, 0))
            for function, lines in longest.items():
                judge(wrong, f"{name} {function}", lines, MOST_FUNCTION_LINES, functions)
    wrong += [f"{name} is listed in scripts/check_sizes.py, and is not there. HINT: take it out" for name in (*files, *functions)]
    print("\n".join(wrong) if wrong else "sizes: ok")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
