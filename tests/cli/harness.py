"""What the tests of the command share. LASER_COMMAND is the program."""
import fcntl
import os
import pathlib
import pty
import shutil
import struct
import subprocess
import tempfile
import termios
import unittest

COMMAND = os.environ["LASER_COMMAND"]
SOURCE = pathlib.Path(__file__).resolve().parents[2]
SHORT = ["epochs=1", "rank=2", "workers=4", "batch_size=500", "threads=1"]  # 30 rounds


def laser(*arguments, **options):
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    return subprocess.run([COMMAND, *map(str, arguments)], text=True, timeout=300, **options)


def terminal(columns):
    """Both ends of a terminal with so many columns; the test is left out where there are none, as in a bare root."""
    try:
        main, side = pty.openpty()
    except OSError as problem:
        raise unittest.SkipTest(f"there are no terminals here: {problem}") from problem
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    return main, side


class InFolder(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="laser-cli-"))

    def tearDown(self):
        subprocess.run(["chmod", "-R", "u+w", str(self.folder)], check=False)
        shutil.rmtree(self.folder)

    def expect(self, code, text, *arguments, **options):
        """The command ends with `code` and one line on stderr, beside notes, that matches `text`."""
        done = laser(*arguments, **options)
        self.assertEqual(done.returncode, code, done.stderr)
        lines = [line for line in done.stderr.splitlines()
                 if line.startswith("laser: ") and not line.startswith("laser: note: ")]
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertRegex(lines[0], text)
        return done

    def train(self, *arguments, **options):
        """A run that must succeed; its outcome."""
        done = laser("train", *arguments, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done
