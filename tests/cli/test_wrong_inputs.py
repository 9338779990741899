"""What a new user types wrongly, over all commands: each ends with the right code and the next step, in a few lines that are no wider
than the terminal."""
import concurrent.futures
import os
import re
import shlex
import subprocess
import unittest

from harness import COMMAND, SHORT, InFolder, laser, terminal

# On terminals of 80 and of 60 columns in turn: what is typed after "laser", the exit code, and what the message must have, in one line
# whatever the width.
WRONG = [
    ("", 2, r"HINT: 'laser --help'"),
    ("tran", 2, r"did you mean 'train'\? HINT: laser train$"),
    ("trian mnist", 2, r"did you mean 'train'\? HINT: laser train$"),
    ("-v", 2, r"HINT: 'laser --help'"),
    ("demo fast", 2, r"not expected: fast.* HINT: 'laser demo --help'"),
    ("demo --out run", 6, r"already holds a run.* HINT: choose another --out"),
    ("train method=lasr", 3, r"HINT: method=laser$"),
    ("train power=1O", 3, r"'1O' is not a number.* HINT: 'laser explain power'"),
    ("train --power 10", 2, r"HINT: power=10$"),
    ("train --lr 0.1", 2, r"HINT: learning_rate=0.1$"),
    ("train power 10", 2, r"HINT: power=10$"),
    ("train power=-1", 3, r"at least 0.* HINT: 'laser explain power'"),
    ("train power=nan", 3, r"HINT: 'laser explain power'"),
    ("train power=10W", 3, r"'10W' is not a number.* HINT: 'laser explain power'"),
    ("train power=1,10", 3, r"HINT: 'laser sweep power=1,10"),
    ("train power=0.1:10:log", 3, r"HINT: 'laser sweep power=0.1:10:log"),
    ("train powr=10", 3, r"did you mean 'power'\? HINT: 'laser train --all'"),
    ("train clients=8", 3, r"did you mean 'workers'\? HINT: 'laser train --all'"),
    ("train mnist", 2, r"HINT: task=mnist$"),
    ("train zsgd", 2, r"HINT: method=zsgd$"),
    ("train table4", 2, r"HINT: method=laser, or the path of a TOML file$"),
    ("train missing.toml", 3, r"cannot read missing.toml: No such file or directory. HINT: examples are in"),
    ("train broken.toml", 3, r"broken.toml line 2: .* HINT:"),
    ("train folder", 3, r"it is a folder.* HINT:"),
    ("train file", 3, r"file line 1: .* HINT:"),
    ("train epochs=0", 3, r"must be 1 \.\. 1000000.* HINT: 'laser explain epochs'"),
    ("train epochs=1.5", 3, r"not a whole number.* HINT: 'laser explain epochs'"),
    ("train epochs=1e3", 3, r"not a whole number.* HINT: 'laser explain epochs'"),
    ("train workers=-4", 3, r"HINT: 'laser explain workers'"),
    ("train rank=100", 3, r"must be 1 \.\. 64.* HINT: 'laser explain rank'"),
    ("train rank=40", 3, r"rank = 40 fits no layer.* HINT: .*rank <= 9"),
    ("train warm_start=yes", 3, r"must be true or false.* HINT: 'laser explain warm_start'"),
    ("train task=mnits", 3, r"HINT: task=mnist$"),
    ("train task=speech", 3, r"choose one of mnist, .* HINT: 'laser explain task'"),
    ("train channel=rayleigh", 3, r"choose one of awgn, .* HINT: 'laser explain channel'"),
    ("train data_dir=nowhere", 4, r"HINT: run 'laser data fetch mnist"),
    ("train device=cuda:7", 3, r"HINT:"),
    ("train snr_db=20 power=3", 3, r"HINT: leave one of them out"),
    ("train method = laser", 2, r"HINT: without blanks"),
    ("train --out run epochs=1", 6, r"already holds a run. HINT: choose another --out"),
    ("train --out file epochs=1", 6, r"a file is in the way. HINT: choose another --out"),
    ("train --out", 2, r"HINT: 'laser train --help'"),
    ("train --resume nowhere", 4, r"nowhere: no run here. HINT:"),
    ("train --checkpoint-every -3", 2, r"not in range .?1 .* HINT: 'laser train --help'"),
    ("train --verbos", 2, r"did you mean '--verbose'\? HINT: laser train --verbose$"),
    ("sweep", 2, r"HINT: laser sweep method=laser,zsgd power=0.1,1,10$"),
    ("sweep powr=1,2", 3, r"did you mean 'power'\? HINT:"),
    ("sweep power=1,,2", 2, r"empty value .* HINT: 'laser sweep --help'"),
    ("sweep power=10:1:log", 2, r"must rise.* HINT: 'laser sweep --help'"),
    ("sweep power=1:10:lon", 2, r"HINT: 0.1:10:log:1"),
    ("sweep method=laser,zsdg", 3, r"HINT: method=zsgd$"),
    ("sweep power=1,10 --jobs 0", 2, r"not in range .?1 .*1024.?. HINT: 'laser sweep --help'"),
    ("sweep power=1,10 --out run", 6, r"already holds a run. HINT:"),
    ("sweep power=1,10 --resume", 2, r"HINT: --out DIR"),
    ("reproduce", 2, r"missing: STUDY. HINT: 'laser reproduce --help'"),
    ("reproduce tabel4", 2, r"did you mean 'table4'\? HINT: 'laser reproduce --help'"),
    ("reproduce table 4", 2, r"not expected: 4. HINT: 'laser reproduce --help'"),
    ("reproduce table4 --scale small", 2, r"HINT: --scale paper$"),
    ("reproduce table4 --seeds many", 2, r"HINT: 'laser reproduce --help'"),
    ("reproduce table4 --quick", 2, r"HINT: --seeds 1"),
    ("tune", 2, r"missing: METHOD.* HINT: 'laser tune --help'"),
    ("tune laser", 2, r"HINT: laser tune laser zsgd mnist"),
    ("tune lasr mnist", 3, r"HINT: method=laser$"),
    ("tune laser mnits", 3, r"HINT: task=mnist$"),
    ("tune laser mnist --metric acc", 2, r"HINT: 'laser tune --help'"),
    ("tune laser mnist --rates 1", 2, r"HINT: 'laser tune --help'"),
    ("tune laser mnist learning_rate=1", 3, r"HINT: leave it out$"),
    ("arena --seeds 0", 2, r"HINT: 'laser arena --help'"),
    ("arena foo --out a", 3, r"choose one of laser, .* HINT: 'laser explain method'"),
    ("arena laser:powr=2 --out a", 3, r"did you mean 'power'\? HINT:"),
    ("arena laser --task cifar10 --out a", 2, r"HINT: 'laser arena --help'"),
    ("arena laser --seeds 0 --out a", 2, r"HINT: 'laser arena --help'"),
    ("report", 2, r"missing: DIR. HINT: 'laser report --help'"),
    ("report nowhere", 4, r"no such folder. HINT: name a folder"),
    ("report file", 4, r"not a folder. HINT: name a folder"),
    ("report folder", 4, r"holds no run. HINT: name a folder"),
    ("export", 2, r"missing: DIR, --to. HINT: 'laser export --help'"),
    ("export nowhere --to csv", 4, r"HINT: name a folder"),
    ("export run --to excel", 2, r"HINT: 'laser export --help'"),
    ("theory", 2, r"HINT: 'laser theory --help'"),
    ("theory lamda", 2, r"did you mean 'lambda'\? HINT: laser theory lambda$"),
    ("theory plan", 2, r"missing: --model, --power. HINT: 'laser theory plan --help'"),
    ("theory plan --model vgg --power 1", 3, r"choose one of .* HINT: 'laser theory plan --help'"),
    ("theory plan --model gpt2 --power much", 2, r"HINT: 250, a list"),
    ("theory plan --model gpt2 --power -5", 3, r"must be above 0. HINT: 'laser theory plan --help'"),
    ("theory plan --model missing.safetensors --power 10", 4, r"HINT: pass a model name"),
    ("theory lambda --m x --n 576 --power 1", 2, r"HINT: 'laser theory lambda --help'"),
    ("theory lambda --m 64 --n 576 --power nan", 3, r"HINT: 'laser theory lambda --help'"),
    ("theory condition", 2, r"HINT: --m 512"),
    ("theory verify --quik", 2, r"did you mean '--quick'\? HINT: laser theory verify --quick$"),
    ("theory policy --power 1", 2, r"missing: --periods. HINT: 'laser theory policy --help'"),
    ("link", 2, r"HINT: laser link --tx-dbm 23"),
    ("link --distance -3", 2, r"HINT: laser link --tx-dbm 23"),
    ("link --tx-dbm 23 --distance -3", 3, r"HINT: --distance 200m$"),
    ("link --tx-dbm 23 --distance 200miles", 3, r"HINT: --distance 200m$"),
    ("link --tx-dbm 23 --distance 200 --bandwidth 20", 3, r"HINT: --bandwidth 20MHz$"),
    ("link --tx-dbm 23 --distance 200 --carrier 3.5", 3, r"HINT: --carrier 3.5GHz$"),
    ("link --tx-dbm 23 --distance 200 --path-loss hata", 3, r"choose free, .* HINT: 'laser link --help'"),
    ("link --tx-dbm 23W --distance 200", 3, r"HINT: 'laser link --help'"),
    ("link --run nowhere", 2, r"HINT: --distance 200$"),
    ("bench --threads 0", 2, r"HINT: 'laser bench --help'"),
    ("bench --only nosuchcase", 3, r"HINT: the cases are"),
    ("data", 2, r"HINT: 'laser data --help'"),
    ("data fetch", 2, r"missing: NAME. HINT: 'laser data fetch --help'"),
    ("data fetch imagenet", 2, r"HINT: 'laser data fetch --help'"),
    ("data verify cifar11", 2, r"did you mean 'cifar10'.* HINT:"),
    ("doctor all", 2, r"HINT: 'laser doctor --help'"),
    ("list chanels", 2, r"did you mean 'channels'\? HINT: one of"),
    ("explain", 2, r"missing: NAME. HINT: 'laser explain --help'"),
    ("explain csit_trun", 2, r"did you mean 'csit_trunc'\? HINT: 'laser list'"),
    ("help trian", 2, r"HINT: 'laser help'"),
    ("help --markdwon", 2, r"did you mean '--markdown'\? HINT: laser help --markdown$"),
    ("completion", 2, r"HINT: 'laser completion --help'"),
    ("completion tcsh", 2, r"HINT:"),
]
WIDTHS = (80, 60)
MOST_LINES = {80: 7, 60: 9}


def on_terminal(words, columns, folder):
    """Exit code and lines of a command whose terminal has so many columns."""
    main, side = terminal(columns)
    process = subprocess.Popen([COMMAND, *words], stdin=subprocess.DEVNULL, stdout=side, stderr=side, cwd=folder,
                               env={**os.environ, "TERM": "xterm", "COLUMNS": str(columns)})
    os.close(side)
    written = b""
    try:
        while part := os.read(main, 65536):
            written += part
    except OSError:  # its end, on Linux
        pass
    os.close(main)
    return process.wait(timeout=60), written.decode().replace("\r\n", "\n").splitlines()


class WrongInputs(InFolder):
    def setUp(self):
        super().setUp()
        self.train(*SHORT, "--quiet", "--out", "run", cwd=self.folder)
        (self.folder / "folder").mkdir()
        (self.folder / "file").write_text("hello\n")
        (self.folder / "broken.toml").write_text("rank = 2\npower = = 3\n")

    def test_each_names_the_next_step_and_fits_the_terminal(self):
        self.assertGreater(len(WRONG), 80)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            outcomes = [(pool.submit(on_terminal, shlex.split(text), WIDTHS[number % 2], self.folder), WIDTHS[number % 2])
                        for number, (text, _, _) in enumerate(WRONG)]
        for (text, code, hint), (outcome, columns) in zip(WRONG, outcomes):
            with self.subTest(text, columns=columns):
                ended, lines = outcome.result()
                told = "\n".join(lines)
                self.assertEqual(ended, code, told)
                self.assertNotIn("Traceback", told)
                self.assertTrue(lines and lines[0].startswith("laser:"), told)
                self.assertLessEqual(max(len(line) for line in lines if " " in line.strip()), columns, told)  # a path stays whole
                self.assertLessEqual(len(lines), MOST_LINES[columns], told)
                whole = re.sub(r"\s+", " ", told)
                self.assertRegex(whole, hint)
                self.assertIn("HINT: ", whole)

    def test_nothing_was_written(self):
        """Of commands that write where they are not told otherwise."""
        before = sorted(self.folder.rglob("*"))
        for text in ("train method=lasr", "sweep powr=1,2", "tune lasr mnist", "report nowhere", "export run --to excel"):
            self.assertNotEqual(laser(*text.split(), cwd=self.folder).returncode, 0)
        self.assertEqual(sorted(self.folder.rglob("*")), before)


class Help(unittest.TestCase):
    def lines(self, words, columns=80):
        code, lines = on_terminal(words, columns, "/")
        self.assertEqual(code, 0, lines)
        return lines

    def commands(self, path=()):
        """Every command, by its help."""
        yield path
        text = laser(*path, "--help").stdout
        if "\nCommands:\n" in text:
            for name in re.findall(r"^  (\w+) ", text.split("\nCommands:\n")[1].split("\n\n")[0], re.M):
                yield from self.commands((*path, name))

    def test_fits_the_terminal(self):
        found = list(self.commands())
        self.assertGreater(len(found), 30)
        for number, path in enumerate(found):
            columns = WIDTHS[number % 2]
            lines = self.lines([*path, "--help"], columns)
            self.assertLessEqual(max(map(len, lines)), columns, "\n".join(lines))

    def test_shows_what_matters_and_with_all_everything(self):
        settings = re.findall(r"^(\w+) = ", laser("train", "--dry-run").stdout, re.M)
        for command in ("train", "sweep", "tune"):
            first, whole = self.lines([command, "--help"]), self.lines([command, "--all"])
            self.assertEqual(self.lines([command, "--help", "--all"]), whole)
            self.assertLessEqual(len(first), 50 if command == "tune" else 40, "\n".join(first))  # tune has a dozen options of its own
            shown = re.findall(r"(?m)^  (\w+)=", "\n".join(first))
            self.assertEqual(len(set(shown)), 12)
            self.assertLessEqual({"method", "power", "rank", "workers"}, set(shown))
            self.assertLessEqual(set(settings), set(re.findall(r"(?m)^  (\w+)", "\n".join(whole))))

    def test_of_a_command_by_name(self):
        self.assertEqual(self.lines(["help", "theory", "plan"]), self.lines(["theory", "plan", "--help"]))

    def test_explains_settings(self):
        text = laser("explain", "rank").stdout
        self.assertRegex(text, r"rank, a setting\n  \S[\s\S]*values:  1 \.\. 64\n  default: 4\n")


if __name__ == "__main__":
    unittest.main()
