"""The completion scripts in the shells themselves. LASER_COMMAND is the program; zsh is asked where it is installed."""
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import tempfile
import time
import unittest

COMMAND = os.environ["LASER_COMMAND"]
SOURCE = pathlib.Path(__file__).resolve().parents[2]


def script(shell):
    return subprocess.run([COMMAND, "completion", shell], capture_output=True, text=True, timeout=60, check=True).stdout


class Terminal:
    """An interactive shell behind a terminal of its own."""

    def __init__(self, folder, *command):
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "dumb", "PS1": "> "}
        try:
            self.process, self.file = pty.fork()
        except OSError as error:
            raise unittest.SkipTest(f"no terminal can be had here: {error}") from error
        if self.process == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, environment)

    def type(self, text, expected, seconds=20):
        """Types and returns what is printed, without controls, until `expected` (a regular expression) is found in it or the
        time is over."""
        os.write(self.file, text.encode())
        printed, deadline = "", time.time() + seconds
        while time.time() < deadline and not re.search(expected, printed):
            if select.select([self.file], [], [], 0.1)[0]:
                printed += os.read(self.file, 65536).decode(errors="replace")
                printed = re.sub(r"\x1b\[[\d;?]*[A-Za-z]|[\x07\x08]|(?<= ) ", "", printed)
        return printed

    def close(self):
        os.close(self.file)
        os.waitpid(self.process, 0)


class Shell(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="laser-completion-"))
        (self.folder / "own.toml").write_text("")
        (self.folder / "notes.txt").write_text("")
        (self.folder / "runs").mkdir()

    def tearDown(self):
        shutil.rmtree(self.folder)


class Bash(Shell):
    @classmethod
    def setUpClass(cls):
        cls.script = script("bash")

    def complete(self, line):
        """What bash would offer at the end of the line."""
        program = self.script + "\n_laser; printf '%s\\n' \"${COMPREPLY[@]}\""
        done = subprocess.run(["bash", "--norc", "-c", program], capture_output=True, text=True, timeout=60, cwd=self.folder,
                              env={"PATH": os.environ["PATH"], "COMP_LINE": line, "COMP_POINT": str(len(line)),
                                   "COMP_WORDBREAKS": " \t\n\"'><=;|&(:"})
        self.assertEqual((done.returncode, done.stderr), (0, ""), line)
        return done.stdout.split()

    def test_commands_and_flags(self):
        self.assertEqual(self.complete("laser tr"), ["train"])
        self.assertIn("sweep", self.complete("laser "))
        self.assertEqual(self.complete("laser data fe"), ["fetch"])
        self.assertEqual(self.complete("laser theory lam"), ["lambda"])
        self.assertEqual(self.complete("laser train --dry"), ["--dry-run"])
        self.assertEqual(self.complete("laser theory split --po"), ["--power"])
        self.assertEqual(self.complete("laser doctor --dr"), [])

    def test_settings_and_their_values(self):
        self.assertEqual(self.complete("laser train met"), ["method="])
        self.assertEqual(self.complete("laser train method=zsgd_ma"), ["zsgd_matched"])
        self.assertIn("adsgd", self.complete("laser train configs/table4.toml method="))
        self.assertEqual(self.complete("laser train warm_start=f"), ["false"])
        self.assertEqual(self.complete("laser sweep method=laser,zsgd_mo"), ["laser,zsgd_momentum"])
        self.assertEqual(self.complete("laser train rank="), [])
        self.assertEqual(self.complete("laser doctor met"), [])

    def test_every_choice_of_the_help_is_offered(self):
        text = subprocess.run([COMMAND, "train", "--all"], capture_output=True, text=True, timeout=60, check=True).stdout
        text = re.sub(r"\n {20,}", " ", text)  # one line a setting
        choices = re.findall(r"^  (\w+) +.*\[(\w+(?: \| \w+)+); default", text, re.M)
        self.assertGreater(len(choices), 20)
        for name, values in choices:
            self.assertEqual(self.complete(f"laser train {name}="), values.split(" | "))

    def test_names_and_files(self):
        self.assertEqual(self.complete("laser reproduce table1"), ["table1", "table12"])
        self.assertEqual(self.complete("laser reproduce table3 --scale sm"), ["small"])
        self.assertEqual(self.complete("laser data fetch mnist cifar100"), ["cifar100"])
        self.assertEqual(self.complete("laser train ow"), ["own.toml"])
        self.assertEqual(self.complete("laser train --out ru"), ["runs"])
        self.assertEqual(self.complete("laser report r"), ["runs"])
        self.assertEqual(self.complete("laser train no"), [])

    def test_at_the_terminal(self):
        (self.folder / "laser.bash").write_text(self.script)
        terminal = Terminal(self.folder, "bash", "--norc", "--noprofile", "-i")
        try:
            terminal.type(". ./laser.bash; echo rea''dy\n", "ready")
            shown = terminal.type("laser train met\tzsgd_ma\t", "method=zsgd_matched ")
            self.assertRegex(shown, "laser train method=zsgd_matched ")
        finally:
            terminal.type("\x15exit\n", "exit", 2)
            terminal.close()


@unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
class Zsh(Shell):
    def test_at_the_terminal(self):
        (self.folder / "laser.zsh").write_text(script("zsh"))
        terminal = Terminal(self.folder, "zsh", "-f", "-i")
        try:
            terminal.type("PS1='> '; autoload -U compinit; compinit -u -D; . ./laser.zsh; echo rea''dy\n", "ready")
            for typed, shown in [("laser train met\tzsgd_ma\t", "method=zsgd_matched"),
                                 ("laser reprod\tfig7\t", "reproduce fig7"),
                                 ("laser sweep method=laser,zsgd_mo\t", "method=laser,zsgd_momentum"),
                                 ("laser train ow\t", "own.toml")]:
                self.assertIn(shown, terminal.type(typed, re.escape(shown)))
                terminal.type("\x15", r"\Z(?!)", 0.3)
        finally:
            terminal.type("\x15exit\n", "exit", 2)
            terminal.close()


if __name__ == "__main__":
    unittest.main()
