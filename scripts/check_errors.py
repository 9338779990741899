#!/usr/bin/env python3
"""Fails where an error that the user can mend does not name the next step: every fail(...) in C++ has "HINT:" in its text.

    scripts/check_errors.py           # what is wrong, or "errors: ok"
    scripts/check_errors.py --list    # the list below, as it is now

Those that had none when this was written are listed, as a number for each file. A list that is not exact fails too, so that what has been
mended stays so: write the new number, or take the entry out. To a text without a hint the command adds one that it finds itself
(with_next_step in apps/laser/main.cpp: the value that was meant, or the help of the setting or command), and the Python package likewise
(laser.hints); who uses the library gets the text as it stands.
"""
import pathlib
import re
import sys

FOLDERS = ("src", "apps", "python/bindings")
ENDINGS = (".cpp", ".hpp", ".cu")
WITHOUT = {
    "src/laser/aggregate/aggregator_checks.cpp": 8, "src/laser/aggregate/aggregator_state.cpp": 2, "src/laser/core/arguments.hpp": 8,
    "src/laser/core/atomic_file.cpp": 3, "src/laser/core/input_file.cpp": 3, "src/laser/core/layout.cpp": 3,
    "src/laser/core/mapped_file.cpp": 1, "src/laser/core/named_choice.hpp": 1, "src/laser/core/number_range.cpp": 3,
    "src/laser/core/options.cpp": 6, "src/laser/core/part.cpp": 1, "src/laser/core/resources.cpp": 1,
    "src/laser/data/byte_pair_encoder.cpp": 1, "src/laser/data/byte_pair_vocabulary.cpp": 2, "src/laser/data/catalog.cpp": 1,
    "src/laser/data/cifar.cpp": 1, "src/laser/data/data_files.cpp": 2, "src/laser/data/idx.cpp": 1, "src/laser/data/inflate.cpp": 1,
    "src/laser/data/mnist.cpp": 4, "src/laser/data/pickled_images.cpp": 1, "src/laser/data/sharding.cpp": 2,
    "src/laser/data/token_file.cpp": 2, "src/laser/link/path_loss.cpp": 1, "src/laser/model/gpt2.cpp": 3, "src/laser/model/shapes.cpp": 2,
    "src/laser/power/allocation.cpp": 1, "src/laser/power/schedule.cpp": 2, "src/laser/record/json.cpp": 7,
    "src/laser/record/reader.cpp": 3, "src/laser/record/safetensors.cpp": 3, "src/laser/record/safetensors_header.cpp": 1,
    "src/laser/record/writer.cpp": 6, "src/laser/theory/channel_noise.cpp": 1, "src/laser/theory/condition.cpp": 2,
    "src/laser/theory/convergence.cpp": 2, "src/laser/theory/delays.cpp": 6, "src/laser/theory/influence.cpp": 1,
    "src/laser/theory/lemmas.cpp": 2, "src/laser/theory/prediction.cpp": 1, "src/laser/theory/second_moments.cpp": 3,
    "src/laser/theory/volume.cpp": 1, "src/laser/train/checkpoint.cpp": 1, "src/laser/train/downlink.cpp": 1,
    "src/laser/train/experiment.cpp": 2, "src/laser/train/gain_trace.cpp": 1, "src/laser/train/learning_rate.cpp": 4,
    "src/laser/train/optimizer.cpp": 3, "src/laser/train/own_data.cpp": 4, "src/laser/train/settings.cpp": 4,
    "src/laser/train/sweep.cpp": 1, "src/laser/train/sweep_journal.cpp": 3, "src/laser/train/task.cpp": 1,
    "src/laser/train/training.cpp": 4, "src/laser/train/tuning.cpp": 4, "src/laser/train/worker_options.cpp": 1,
    "apps/laser/bench/alternation.cpp": 2, "apps/laser/bench/hook_peer.cpp": 4, "apps/laser/fetch/download.cpp": 1,
    "apps/laser/fetch/fetch.cpp": 3, "apps/laser/fetch/tar.cpp": 7, "apps/laser/fetch/zip.cpp": 5, "apps/laser/link.cpp": 2,
    "apps/laser/link_run.cpp": 2, "apps/laser/main.cpp": 2, "apps/laser/output.cpp": 2, "apps/laser/report/gain.cpp": 1,
    "apps/laser/theory.cpp": 1, "apps/laser/theory_channels.cpp": 4, "apps/laser/theory_condition.cpp": 1, "apps/laser/theory_plan.cpp": 4,
    "apps/laser/theory_swept.cpp": 1, "apps/laser/theory_table.cpp": 1, "apps/laser/train.cpp": 1, "apps/laser/verify/verification.cpp": 1,
    "python/bindings/python_compressor.cpp": 1,
}
# A literal, a comment, a parenthesis, or a call of fail, which its definition ("void fail(") is not.
TOKEN = re.compile(r'(?P<literal>R"(\w*)\(.*?\)\2"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\')|(?P<comment>//[^\n]*|/\*.*?\*/)'
                   r"|(?P<call>(?<!void )\bfail\s*\()|(?P<opens>\()|(?P<closes>\))|(?P<hint>\b\w*[hH]int\b)", re.DOTALL)


def calls(text):
    """(line, whether it names the next step) of every call of fail: in one of its literals, or in a constant or argument named after it."""
    line, place, begun, depth = 1, 0, [], 0  # begun: [line, depth, named] of every call that is open
    for token in TOKEN.finditer(re.sub(r"(?<=\d)'(?=\d)", " ", text)):
        line += text.count("\n", place, token.start())
        place = token.start()
        if token["call"]:
            begun.append([line, depth, False])
        depth += bool(token["call"] or token["opens"])
        if begun and (token["hint"] or "HINT:" in (token["literal"] or "")):
            begun[-1][2] = True
        if token["closes"]:
            depth -= 1
            if begun and begun[-1][1] == depth:
                first, _, named = begun.pop()
                yield first, named


def judge(wrong, name, lines, listed):
    """Holds the lines of a file's texts without a next step against the number that is listed of it."""
    count, places = len(lines), ", ".join(map(str, lines))
    if count > listed:
        wrong.append(f"{name}: {count} errors name no next step, and {listed} are listed (lines {places}). HINT: end the new one with "
                     '"HINT: what to do"')
    elif count < listed:
        what = f"write {count}" if count else "take it out"
        wrong.append(f"{name}: {count} errors name no next step, fewer than the {listed} in scripts/check_errors.py. HINT: {what} there")


def found(root):
    """The lines of the calls without a next step, by file."""
    files = [path for folder in FOLDERS for path in sorted((root / folder).rglob("*")) if path.suffix in ENDINGS]
    return {str(path.relative_to(root)): [line for line, named in calls(path.read_text(encoding="utf-8")) if not named] for path in files}


def main():
    there, wrong = found(pathlib.Path(__file__).resolve().parent.parent), []
    if "--list" in sys.argv[1:]:
        print("\n".join(f'    "{name}": {len(lines)},' for name, lines in there.items() if lines))
        return 0
    for name, lines in there.items():
        judge(wrong, name, lines, WITHOUT.get(name, 0))
    wrong += [f"{name} is listed in scripts/check_errors.py, and is not there. HINT: take it out" for name in WITHOUT if name not in there]
    print("\n".join(wrong) if wrong else "errors: ok")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
