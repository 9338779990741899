"""Every command of the documentation is run or, where that is dear, read by the program that it is for (commands.py finds
them). What becomes of a command:

    laser theory, link, doctor, list, explain, data list, data verify, report, help, completion, --help
                                         run as it stands; an output that the page shows must be what comes out
    laser demo                           run
    laser export                         run on a run of one epoch
    laser train, also under mpirun       with --dry-run; on MNIST it is run as well, with epochs=1
    laser sweep                          with --dry-run; on MNIST it is run as well, with epochs=1 and one value an axis
    laser tune, laser reproduce          with --dry-run; table5, which is computed, as it stands
    laser theory verify                  with --quick
    laser bench                          asked for a case that there is not: its flags are read, and --only fits some case
    laser data fetch                     without a network: it must get as far as that
    ctest                                with -N: it must find tests
    make                                 with -n; known-answers runs its program
    lines with > or $(...)               run by bash
    COVERED                              run by the test that stands there; files and flags must exist

A command is run in an empty folder with links to the tree's own; DIR, RUN, NAME, METHOD..., TASK and FILE stand for
something. A command that no rule fits fails the test.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from commands import SOURCE, documented_commands, inline_code, pages

COMMAND = os.environ["LASER_COMMAND"]
PACKAGE = os.environ.get("LASER_PACKAGE", "1") == "1"
BUILD = pathlib.Path(COMMAND).resolve().parents[1]

# Regular expression of a command, and the name of the test that runs it.
COVERED = [
    (r"pip install \.$", "python_install"),
    (r"torchrun --nproc-per-node \d+ examples/(ddp_mnist|ddp_resnet)\.py", "python_examples"),
    (r"(torchrun --nproc-per-node \d+ examples/accelerate_mnist\.py|python examples/lightning_mnist\.py --processes \d+)$",
     "python_frameworks"),
    (r"torchrun --nproc-per-node \d+ examples/elastic_mnist\.py --folder F$", "python_frameworks"),
    (r"(pip wheel \. --no-deps -w DIR|pip install DIR/laser_ota-\*\.whl)$", "wheel"),
    (r"python -m build --sdist$", None),  # of another package
    (r"cmake --install( build/release --prefix \w+)?$", "install"),
    (r"cmake -S examples/cpp_project -B BUILD -DCMAKE_PREFIX_PATH=PREFIX$", "install"),
    (r"(cmake --build BUILD|BUILD/noisy_mean)$", "install"),
    (r"python -m laser\.tensorboard RUN \[--follow\]$", "python_package"),
    (r"build/python/bin/python bench/(ddp_buckets|ddp_hook|device_round|transports)\.py$", None),  # minutes; read only
    (r"scripts/(sanitize\.sh|tidy\.py|mutants\.py|fuzz\.sh|fresh_machine\.sh|gpu\.sh|wheel\.sh)\b", None),  # half an hour and more; read only
    (r"(\./)?laser arena\b", "python_arena"),
    (r"\./laser .*\bgains\.npy\b", "trace"),
    (r"(apt-get install|man) ", None),
]
PLACEHOLDERS = {"DIR": "runs/dir", "RUN": "runs/run", "NAME": "mnist", "METHOD...": "laser zsgd", "TASK": "mnist",
                "FILE...": "images.bin", "epochs=N": "epochs=2", "epochs=MORE": "epochs=2"}
MNIST = {None, "configs/table4.toml", "configs/beyond-mnist.toml", "runs/run/config.toml"}


def settings_of_reference():
    """Name of every setting with the values that it may have, or None where any will do."""
    settings = {}
    for line in (SOURCE / "docs" / "reference.md").read_text().split("\n## Settings\n")[1].split("\n## ")[0].splitlines():
        found = re.match(r"\| `(\w+)` \| (.*?) \| (.*?) \| ", line)
        if found:
            values = re.findall(r"`([^`]+)`", found[3])
            settings[found[1]] = values or None
    return settings


class Commands(unittest.TestCase):
    """One page after the other, each in a folder of its own."""

    @classmethod
    def setUpClass(cls):
        cls.lists = "\n".join(path.read_text() for path in (SOURCE / "tests").glob("*/tests.cmake"))
        cls.environment = {**os.environ, "https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9",
                           "MPLBACKEND": "Agg"}
        cls.seen = set()

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="laser-documentation-"))
        for entry in SOURCE.iterdir():
            if entry.name not in ("runs", "build", "laser", ".git"):
                (self.folder / entry.name).symlink_to(entry)
        (self.folder / "build").mkdir()
        (self.folder / "build" / "release").symlink_to(BUILD)
        (self.folder / "laser").symlink_to(COMMAND)
        (self.folder / "images.bin").write_bytes(b"images")
        (self.folder / "runs" / "run").mkdir(parents=True)
        (self.folder / "runs" / "run" / "config.toml").write_text("rank = 2\n")
        self.environment["LASER_DATA_DIR"] = str(self.folder / "no-data")

    def tearDown(self):
        shutil.rmtree(self.folder)

    def start(self, *words, expect=0, **options):
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=300, cwd=self.folder,
                              env=self.environment, **options)
        self.assertEqual(done.returncode, expect, f"{' '.join(map(str, words))}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done

    def run_page(self, commands):
        for command in commands:
            text = command.text
            for placeholder, value in PLACEHOLDERS.items():
                text = re.sub(rf"(?<![\w$]){re.escape(placeholder)}(?![\w.])", value, text)
            if text in self.seen:
                continue
            self.seen.add(text)
            with self.subTest(where=command.where, command=command.text):
                self.run_one(command, text)

    def run_one(self, command, text):
        covered = next((test for pattern, test in COVERED if re.match(pattern, command.text)), 0)
        if covered != 0:
            return self.check_covered(re.sub(r"-m laser\.(\w+)", r"python/laser/\1.py", command.text), covered)
        if re.search(r"[<>]|\$\(|&&", text):
            return self.start("bash", "-ec", text)
        words = re.sub(r"^([A-Z_]+=\S+ )+", "", text).split()
        program, arguments = words[0], words[1:]
        if program == "mpirun":
            at = next(i for i, word in enumerate(words) if word in ("laser", "./laser"))
            program, arguments = words[at], words[at + 1:] + (["--out", "runs/mpi"] if "--out" not in words else [])
        if program in ("laser", "./laser"):
            return self.run_laser(arguments, command.output)
        if program == "make":
            return self.check_make(text, arguments)
        if program == "python3":
            return self.run_figures(arguments)
        if program == "build/python/bin/python":
            return self.assertTrue((SOURCE / arguments[0]).is_file(), text)
        if program == "ctest" and "python_" in text and not PACKAGE:
            return None  # this build has no Python package, so no tests of it
        if program == "ctest":
            listed = self.start(program, "-N", *arguments).stdout
            return self.assertRegex(listed, r"Total Tests: [1-9]", listed)
        if program.startswith("build/release/tests/"):
            return self.assertIn("  ", self.start(program, "--gtest_list_tests", *arguments).stdout)
        self.fail("there is no rule for this command: add one here")

    def run_laser(self, arguments, shown):
        name, quiet = arguments[0], ["--quiet"]
        if arguments in (["report"], ["data", "fetch"], ["data", "verify"]):  # only named
            arguments = [*arguments, "--help"]
        if "--help" in arguments or name.startswith("--"):
            return self.start(COMMAND, *arguments)
        if name == "train" and "--resume" in arguments:  # a run of one epoch goes on
            folder = arguments[arguments.index("--resume") + 1]
            shutil.rmtree(self.folder / folder, ignore_errors=True)
            self.start(COMMAND, "train", "rank=2", "epochs=1", "--out", folder, *quiet)
            longer = [] if any(word.startswith("epochs=") for word in arguments) else ["epochs=2"]
            return self.start(COMMAND, *arguments, *longer, *quiet)
        if name in ("train", "sweep"):
            if "--dry-run" not in arguments:
                self.start(COMMAND, *arguments, "--dry-run")
            config = next((word for word in arguments if word.endswith(".toml")), None)
            task = next((word for word in arguments if word.startswith("task=")), "task=mnist")
            if config in MNIST and task == "task=mnist" and "--dry-run" not in arguments:
                cut = [re.sub(r"^(\w+=[^,\[]+),.*", r"\1", word) for word in arguments] if name == "sweep" else arguments
                if "--out" in cut:
                    shutil.rmtree(self.folder / cut[cut.index("--out") + 1], ignore_errors=True)
                self.start(COMMAND, *cut, "epochs=1", *quiet)
            return None
        if name in ("tune", "reproduce"):
            computed = arguments[:2] == ["reproduce", "table5"]
            done = self.start(COMMAND, *arguments, *([] if computed or "--dry-run" in arguments else ["--dry-run", "--quiet"]))
            return self.check_output(shown, done.stdout)
        if name == "bench":
            return self.check_bench(arguments)
        if name == "export":
            self.start(COMMAND, "train", "rank=2", "epochs=1", "--out", "runs/exported", *quiet)
            return self.start(COMMAND, name, "runs/exported", *arguments[2:])
        if name == "demo":
            return self.start(COMMAND, *arguments, *quiet)
        if arguments[:2] == ["data", "fetch"]:
            bundled = arguments[2:] == ["mnist"]
            done = self.start(COMMAND, *arguments, "--quiet", expect=0 if bundled else 6)
            return None if bundled else self.assertIn("can't be fetched", done.stderr)
        if arguments[:2] == ["theory", "verify"]:
            return self.start(COMMAND, *arguments, "--quick", "--out", "runs/verify")
        if name in ("theory", "link", "doctor", "list", "explain", "data", "report", "help", "completion"):
            return self.check_output(shown, self.start(COMMAND, *arguments).stdout)
        self.fail("there is no rule for this subcommand: add one here")

    def check_output(self, shown, printed):
        lines = [line.split() for line in printed.splitlines()]
        for line in shown:
            self.assertIn(line.split(), lines, f"the page shows another output than\n{printed}")

    def check_bench(self, arguments):
        known = [] if "--only" not in arguments else [arguments[arguments.index("--only") + 1]]
        rest = [word for word in arguments if word != "--only" and word not in known]
        done = self.start(COMMAND, *rest, "--only", "no such case", expect=3)
        for name in known:
            self.assertIn(name, done.stderr.split("the cases are")[1])

    def check_make(self, text, arguments):
        # Under `make test` an inner make would tell the folders that it enters and leaves.
        recipe = self.start("make", "--no-print-directory", "-n", *arguments).stdout
        for label in re.findall(r"LABEL=(\w+)", text):
            self.assertRegex(self.lists, rf"LABELS? {label}\b")
        if arguments[0] == "known-answers":
            self.start(*recipe.splitlines()[-1].split())

    def run_figures(self, arguments):
        """A script of figures, which writes into its last argument."""
        python = os.environ.get("LASER_TEST_PYTHON", sys.executable)
        self.assertTrue((SOURCE / arguments[0]).exists())
        if subprocess.run([python, "-c", "import matplotlib"], capture_output=True, check=False).returncode == 0:
            self.start(python, *arguments[:-1], self.folder)

    def check_covered(self, text, test):
        for word in re.findall(r"(?<!\S)(?:bench|examples|scripts|python/laser)/\S+", text):
            self.assertTrue((SOURCE / word).exists(), word)
            for flag in re.findall(r"(?<=[\s\[])--[a-z-]+", text.split(word)[1]):
                self.assertIn(flag, (SOURCE / word).read_text())
        if test:
            self.assertRegex(re.sub(r"\$\{\w+\}", "examples", self.lists), rf"NAME {test}\b|{test.split('_')[-1]}\b")


def add_page(page, commands):
    name = "test_" + re.sub(r"\W+", "_", page)
    setattr(Commands, name, lambda self: self.run_page(commands))


COMMANDS = documented_commands()
for one in dict.fromkeys(command.where.split(":")[0] for command in COMMANDS):
    add_page(one, [command for command in COMMANDS if command.where.split(":")[0] == one])


class Pages(unittest.TestCase):
    def test_commands_are_found(self):
        self.assertGreater(len(COMMANDS), 60)
        for name in "README.md", "CONTRIBUTING.md", "docs/theory.md", "configs/table4.toml":
            self.assertTrue(any(command.where.startswith(name) for command in COMMANDS), name)

    def test_settings_and_their_values_exist(self):
        """Inline code of the form `name = value` or `name=value name=value`, where the first name is a setting."""
        settings, counted = settings_of_reference(), 0
        self.assertGreater(len(settings), 60)
        for page in pages():
            for line, text in inline_code(page):
                pairs = re.findall(r"(\w+) ?= ?(\[[^\]]*\]|[^\s,]+)", text)
                whole = re.fullmatch(r"(\w+ ?= ?(\[[^\]]*\]|[\w.,+-]+)(, | |$))+", text)
                if not whole or not any(name in settings for name, _ in pairs):
                    continue
                for name, value in pairs:
                    where = f"{page.relative_to(SOURCE)}:{line}: {name} = {value}"
                    self.assertIn(name, settings, where)
                    counted += 1
                    if settings[name] and not value.startswith("["):
                        self.assertLessEqual(set(value.split(",")), set(settings[name]), where)
        self.assertGreater(counted, 20)

    def test_links_lead_somewhere(self):
        for page in pages():
            for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
                if "://" not in target:
                    self.assertTrue((page.parent / target).exists(), f"{page.relative_to(SOURCE)}: {target}")

    def test_tests_named_for_the_cases_from_the_field_exist(self):
        """The last column of the table: names of CTest, with a class of the file in brackets, or scripts."""
        known = {}
        for lists in (SOURCE / "tests").glob("*/tests.cmake"):
            text = lists.read_text()
            known |= {f"{folder}_{name}": SOURCE / "tests" / folder / f"{name}.cpp"
                      for folder, name in re.findall(r"laser_test\((\w+)/(\w+)", text)}
            known |= dict.fromkeys(re.findall(r"add_test\(NAME (\w+) ", text))
            for prefix, words in ("python_", r"foreach\(subject ([^)]+)"), ("cli.", r"foreach\(file ([^)]+)"):
                known |= {prefix + name: lists.parent / f"test_{name}.py" for found in re.findall(words, text)
                          for name in found.split()}
        table = (SOURCE / "docs" / "reliability.md").read_text().partition("## Cases from the field")[2].partition("\n## ")[0]
        rows = [line.rstrip(" |").rpartition(" | ")[2] for line in table.splitlines() if line.startswith("| ")][1:]
        self.assertGreater(len(rows), 60)
        for row in rows:
            tests = re.findall(r"`([^`]+)`(?: \((\w+)\))?", row)
            self.assertTrue(tests, row)
            for name, group in tests:
                if name.startswith("scripts/"):
                    self.assertTrue((SOURCE / name.split()[0]).exists(), name)
                    continue
                self.assertIn(name, known, row)
                if group:
                    self.assertRegex(known[name].read_text(), rf"class {group}\(|TEST(_P)?\({group}, ", row)


class Gains(unittest.TestCase):
    """Every gain over Z-SGD that a page tells is that of its record."""

    def rows(self, study):
        record = json.loads((SOURCE / "results" / f"headline-{study}" / "report" / "gain.json").read_text())
        return {(row["target"], row["round"], row["tuned"]): row for row in record["rows"]}

    def check(self, row, cell):
        bold = re.fullmatch(r"\*\*([\d.]+)\*\* \((\S+) \.\. (\S+)\)", cell)
        if bold:
            for text, key in zip(bold.groups(), ("gain", "low", "high")):
                if text == "?":
                    self.assertIsNone(row[key], cell)
                else:
                    self.assertAlmostEqual(float(text) / row[key], 1, delta=0.055, msg=f"{key} of {cell}, recorded {row[key]}")
            self.assertEqual(f"{row['gain']:.3g}", bold[1])
            return
        for word, key in (("at least", "gain_at_least"), ("at most", "gain_at_most")):
            if cell.startswith(word):
                self.assertIsNone(row["gain"])
                self.assertEqual(cell, f"{word} {row[key]:.3g}")
                return
        least, most = cell.split(" to ")
        self.assertEqual((least, most), (f"{row['gain_at_least']:.3g}", f"{row['gain_at_most']:.3g}"))

    def test_the_tables_of_the_page_are_the_records(self):
        sections = re.split(r"(?m)^## ", (SOURCE / "docs" / "headline.md").read_text())
        for study, section, least in (("mlp", sections[0], 40),
                                      ("cifar10", next(one for one in sections if one.startswith("CIFAR-10")), 2)):
            with self.subTest(study):
                self.assertGreaterEqual(self.checked_cells(study, section), least)

    def checked_cells(self, study, section):
        rows = self.rows(study)
        lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("| ")]
        heads = [(int(re.match(r"[\d,]+", head)[0].replace(",", "")), "grid" not in head) for head in lines[0][1:]]
        checked = 0
        for line in lines[1:]:
            target = float(line[0].removesuffix(" %"))
            for (rounds, tuned), cell in zip(heads, line[1:]):
                row = rows.get((target, rounds, tuned))
                self.assertEqual(row is None, cell == "–", (target, rounds, tuned))
                if row is not None:
                    self.check(row, cell)
                    checked += 1
        return checked

    def test_the_readme_tells_the_record(self):
        rows = self.rows("mlp")
        told = re.findall(r"at ([\d.]+) % (\S+) times \((\S+) to (\S+)\)", (SOURCE / "README.md").read_text())
        self.assertGreaterEqual(len(told), 2)
        for target, gain, low, high in told:
            row = rows[float(target), 3760, True]
            self.assertEqual((gain, low, high), tuple(f"{round(row[key]):g}" for key in ("gain", "low", "high")), target)
        row = self.rows("cifar10")[50.0, 3905, True]
        for page in "README.md", "docs/headline.md":
            told = re.findall(r"(\S+) times\s+less(?: energy)? \((\S+) to (\S+)\) for 50 %", (SOURCE / page).read_text())
            self.assertGreaterEqual(len(told), 1, page)
            for numbers in told:
                self.assertEqual(numbers, tuple(f"{round(row[key]):g}" for key in ("gain", "low", "high")), page)


class Generated(unittest.TestCase):
    """What `make docs` writes is what the command says now."""

    def printed(self, flag):
        return subprocess.run([COMMAND, "help", flag], capture_output=True, text=True, timeout=60, check=True).stdout

    def test_reference_is_up_to_date(self):
        self.assertEqual((SOURCE / "docs" / "reference.md").read_text(), self.printed("--markdown"), "run 'make docs'")

    def test_manual_page_is_up_to_date(self):
        self.assertEqual((SOURCE / "docs" / "laser.1").read_text(), self.printed("--manual"), "run 'make docs'")

    @unittest.skipUnless(shutil.which("groff"), "groff is not installed")
    def test_manual_page_is_well_formed(self):
        done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", str(SOURCE / "docs" / "laser.1")], capture_output=True,
                              text=True, timeout=60, check=True)
        self.assertEqual(done.stderr, "")
        printed = re.sub(r"\x1b\[[\d;]*m|.\x08", "", done.stdout)
        self.assertTrue("compression_factor=0.2" in printed and "--dry-run" in printed)

    def test_exit_codes_are_those_of_the_code(self):
        codes = re.findall(r"^  k\w+ = (\d+),", (SOURCE / "src" / "laser" / "core" / "error.hpp").read_text(), re.M)
        self.assertEqual(codes, re.findall(r"^\| (\d+) \|", self.printed("--markdown").split("## Exit codes")[1], re.M))


if __name__ == "__main__":
    unittest.main()
