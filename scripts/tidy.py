#!/usr/bin/env python3
"""clang-tidy (.clang-tidy says which checks) over the sources of src and apps, or over those that are given.

    scripts/tidy.py                          # all of src and apps
    scripts/tidy.py src/laser/power/*.cpp    # these
    scripts/tidy.py --newest 12              # those that the last commits and the working tree touched

Needs clang, clang-tidy, libomp-dev and what `make build` has set up. Most of its time goes into the headers of LibTorch and
of the standard library, so files with the same flags are read together, up to 12 at once; where they do not fit together
(two helpers of the same name) the halves are tried. What was said is in build/tidy.log.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "tidy"
TOGETHER = 12
REMARK = re.compile(r"(?:warning|error): .*\[")


def stop(reason):
    print(f"tidy: {reason}", file=sys.stderr)
    sys.exit(2)


def run(command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        stop(f"{' '.join(command[:2])} failed:\n{(done.stdout + done.stderr)[-3000:]}")
    return done.stdout


def commands():
    """{source: its words for clang} from a build folder that clang made, with its precompiled headers."""
    for tool in "clang++", "clang-tidy":
        if not shutil.which(tool):
            stop(f"{tool} is not installed. HINT: apt-get install clang clang-tidy libomp-dev")
    settings = ROOT / "build" / "setup.env"
    if not settings.exists():
        stop("run 'make build' first")
    torch = re.search(r"^TORCH_DIR=(.*)$", settings.read_text(), re.MULTILINE)[1]
    run(["cmake", "-S", ".", "-B", str(BUILD), "-G", "Ninja", "-DCMAKE_CXX_COMPILER=clang++", f"-DTORCH_DIR={torch}",
         "-DLASER_PYTHON=OFF", "-DLASER_BUILD_TESTS=OFF", "-DLASER_ANY_COMPILER=ON", "-DLASER_UNITY=OFF"])
    run(["ninja", "-C", str(BUILD), *(f"CMakeFiles/{target}.dir/cmake_pch.hxx.pch" for target in ("laser_pch", "laser_pch_quick", "laser_command"))])
    found = {}
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        words = shlex.split(entry["command"])
        words = words[next(i for i, word in enumerate(words) if word.endswith("clang++")):]
        place = words.index("-o")
        found[pathlib.Path(entry["file"])] = words[:place] + words[place + 2:words.index("-c")]
    return found


def batches(files, found):
    """[(flags, files)]: files of the same flags together. Vector kernels read themselves again, so they go alone."""
    groups = {}
    for file in files:
        alone = "hwy/foreach_target.h" in file.read_text()
        groups.setdefault((tuple(found[file]), file if alone else None), []).append(file)
    return [(flags, group[first:first + TOGETHER]) for (flags, _), group in groups.items()
            for first in range(0, len(group), TOGETHER)]


def read(number, flags, files):
    """What clang-tidy says of these files."""
    folder = BUILD / "batches" / str(number)
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "batch.cpp"
    # One after the other in one file, not included by it: the path-sensitive checks skip what is included.
    lines = [(file, i + 1, line) for file in files for i, line in enumerate(file.read_text().splitlines())]
    source.write_text("".join(f"{line}\n" for _, _, line in lines))
    beside = sorted({f"-iquote{file.parent}" for file in files})
    (folder / "compile_commands.json").write_text(json.dumps(
        [{"directory": str(BUILD), "file": str(source), "command": shlex.join([*flags, *beside, "-c", str(source)])}]))
    done = subprocess.run(
        ["clang-tidy", "-p", str(folder), f"--config-file={ROOT / '.clang-tidy'}", "--quiet",
         "--extra-arg=-Wno-unknown-warning-option", str(source)],
        cwd=ROOT, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    if done.returncode != 0 and len(files) > 1 and "clang-diagnostic-error" in said:
        half = len(files) // 2
        return read(f"{number}-1", flags, files[:half]) + read(f"{number}-2", flags, files[half:])
    if done.returncode != 0 and not REMARK.search(said):
        said += f"{source}:1:1: error: clang-tidy failed with {done.returncode} [tidy]\n"

    def place(found):
        file, line, _ = lines[int(found[1]) - 1]
        return f"{file}:{line}:"

    return re.sub(rf"{re.escape(str(source))}:(\d+):", place, said)


def newest(count):
    """The sources that were changed last, those of the working tree first."""
    sources = ("src/*.cpp", "apps/*.cpp")
    names = run(["git", "diff", "--name-only", "HEAD", "--", *sources]) + run(
        ["git", "log", "-n", "100", "--name-only", "--pretty=format:", "--", *sources])
    return [name for name in dict.fromkeys(names.split()) if (ROOT / name).exists()][:count]


def main():
    names = sys.argv[1:] or run(["git", "ls-files", "src/*.cpp", "apps/*.cpp"]).split()
    if names[0] == "--newest":
        names = newest(int(names[1]))
    found = commands()
    for name in [name for name in names if ROOT / name not in found]:
        print(f"tidy: {name} is not built here and left out", file=sys.stderr)
        names.remove(name)
    work = batches([ROOT / name for name in names], found)
    start, remarks, done = time.time(), set(), 0
    log = ROOT / "build" / "tidy.log"
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool, log.open("w") as file:
        running = {pool.submit(read, i, *batch): batch[1] for i, batch in enumerate(work)}
        for each in concurrent.futures.as_completed(running):
            file.write(each.result())
            file.flush()
            said = {line.replace(f"{ROOT}/", "") for line in each.result().splitlines() if REMARK.search(line)}
            print("".join(f"{line}\n" for line in sorted(said - remarks)), end="", flush=True)
            remarks |= said
            done += len(running[each])
            left = (time.time() - start) * (len(names) - done) / done
            print(f"tidy: {done} of {len(names)} files, about {left / 60:.0f} min left", file=sys.stderr)
    print(f"tidy: {len(remarks)} remarks" if remarks else f"tidy: ok, {len(names)} files")
    sys.exit(bool(remarks))


if __name__ == "__main__":
    main()
