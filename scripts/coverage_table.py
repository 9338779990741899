#!/usr/bin/env python3
"""Reads what a build with --coverage left behind (scripts/sanitize.sh) and prints the lines that were run, by folder.

    scripts/coverage_table.py build/asan            # the table
    scripts/coverage_table.py build/asan --missing  # and the lines of src and apps that were not

A line counts once, however many programs hold it, and is run where any of them ran it. Needs gcov, which comes with g++.
"""
import collections
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent


def counts_of(build):
    """{path: {line: times run}} over all object files; those that no test ran count with 0."""
    counts = collections.defaultdict(lambda: collections.defaultdict(int))
    notes = [path for path in sorted(build.rglob("*.gcno")) if "pch" not in path.name]
    for first in range(0, len(notes), 20):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["gcov", "--json-format", "--hash-filenames", *map(str, notes[first:first + 20])], cwd=folder,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            for result in pathlib.Path(folder).glob("*.gcov.json.gz"):
                with gzip.open(result) as file:
                    data = json.load(file)
                for source in data["files"]:
                    path = pathlib.Path(data["current_working_directory"], source["file"]).resolve()
                    if path.is_relative_to(ROOT / "src") or path.is_relative_to(ROOT / "apps"):
                        lines = counts[path.relative_to(ROOT)]
                        for line in source["lines"]:
                            lines[line["line_number"]] += line["count"]
    return counts


def ranges(numbers):
    """[1, 2, 3, 7] as "1-3, 7"."""
    parts = []
    for number in sorted(numbers):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def main():
    if len(sys.argv) < 2 or not pathlib.Path(sys.argv[1]).is_dir():
        sys.exit("coverage: name the folder of a build. HINT: scripts/sanitize.sh makes it")
    counts = counts_of(pathlib.Path(sys.argv[1]).resolve())
    if not counts:
        sys.exit(f"coverage: {sys.argv[1]} holds no counts of our own code")
    folders = collections.defaultdict(lambda: [0, 0])
    for path, lines in counts.items():
        for folder in str(path.parent), "all":
            folders[folder][0] += sum(count > 0 for count in lines.values())
            folders[folder][1] += len(lines)
    for folder, (run, total) in sorted(folders.items(), key=lambda entry: (entry[0] == "all", entry[0])):
        print(f"{folder:32} {run:6} of {total:6} lines  {100 * run / total:5.1f} %")
    if "--missing" in sys.argv:
        for path, lines in sorted(counts.items()):
            missing = [number for number, count in lines.items() if count == 0]
            if missing:
                print(f"{path}: {ranges(missing)}")


if __name__ == "__main__":
    main()
