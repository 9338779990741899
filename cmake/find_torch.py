"""Prints the folder of the torch package that a build is to use: of the environment that is installed into.

`pip install .` and its relatives build in an environment of their own that has no torch. The one meant is looked for in this
interpreter without that environment, in the environments that are active (VIRTUAL_ENV, CONDA_PREFIX, PATH), in those whose Python
started the build, and in .venv of the current folder. Only a Python of the same version counts: the extension module is made for it.
Standard library only; prints nothing and ends with 1 where there is none.
"""
import os
import pathlib
import subprocess
import sys

ASK = ("import importlib.util as u, os, sys; s = u.find_spec('torch'); "
       "print('%d.%d' % sys.version_info[:2], os.path.dirname(s.origin) if s and s.origin else '', sep='\\n')")


def ancestors():
    """Folders of /proc of the processes that started this one, nearest first."""
    process = os.getppid()
    while process > 1:
        folder = pathlib.Path("/proc", str(process))
        yield folder
        process = int((folder / "stat").read_text().rpartition(")")[2].split()[1])


def environments():
    """Environment variables of this process and of those that started it."""
    yield os.environ
    for folder in ancestors():
        lines = (folder / "environ").read_bytes().split(b"\0")
        yield dict(os.fsdecode(line).partition("=")[::2] for line in lines if b"=" in line)


def candidates():
    """Interpreters that may be meant, the likeliest first."""
    yield sys.executable
    try:
        for folder in ancestors():
            here = os.readlink(folder / "cwd")
            words = [os.fsdecode(word) for word in (folder / "cmdline").read_bytes().split(b"\0") if word]
            if words and "python" in os.path.basename(words[0]) and "/" in words[0]:
                yield os.path.join(here, words[0])
            # uv pip install --python X, pip --python X: an interpreter or the environment that holds it.
            for place, word in enumerate(words):
                name, _, value = word.partition("=")
                if name in ("--python", "-p"):
                    chosen = os.path.join(here, value or (words + [""])[place + 1])
                    yield chosen
                    yield os.path.join(chosen, "bin", "python3")
        for names in environments():
            for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
                if names.get(name):
                    yield os.path.join(names[name], "bin", "python3")
        for names in environments():
            yield from (os.path.join(folder, "python3") for folder in names.get("PATH", "").split(":") if folder)
    except (OSError, ValueError):  # no /proc, or a process of somebody else's
        pass
    yield os.path.join(".venv", "bin", "python3")


def main():
    asked = set()
    for python in map(os.path.abspath, candidates()):
        if python in asked or not os.path.isfile(python) or not os.access(python, os.X_OK):
            continue
        asked.add(python)
        try:  # -I: without the paths that pip adds for its own environment
            answer = subprocess.run([python, "-I", "-c", ASK], capture_output=True, text=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        version, _, folder = answer.stdout.strip().partition("\n")
        if version == "%d.%d" % sys.version_info[:2] and os.path.isdir(os.path.join(folder, "lib")) and folder:
            print(folder)
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
