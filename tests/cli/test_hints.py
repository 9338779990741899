"""Remedies that work: what a hint says is taken from the message as it is printed, followed to the letter, and must help."""
import re
import shutil
import subprocess
import unittest

from harness import SHORT, InFolder, laser

RUN = ["train", *SHORT, "--dry-run"]
# A command that is refused, and how many remedies its hint names.
SETTINGS = [
    ([*RUN, "method=signum", "receiver=mmse"], 1),
    ([*RUN, "receiver=matched", "transport=one_shot"], 2),
    ([*RUN, "feedback=weighted", "receiver=mmse"], 1),
    ([*RUN, "method=zsgd", "memory=bfloat16"], 1),
    ([*RUN, "feedback=none", "memory=bfloat16"], 1),
    ([*RUN, "power=0"], 1),
    ([*RUN, "power_levels=[1]"], 1),
    ([*RUN, "schedule=multistep"], 1),
    ([*RUN, "milestones=[1]"], 1),
    ([*RUN, "task=mnist_mlp", "hidden=[]"], 2),
    ([*RUN, "downlink=common", "downlink_power=0"], 2),
    ([*RUN, "local_steps=5"], 1),
    ([*RUN, "proximal=0.1"], 1),
    (["train", *SHORT, "rank=60", "compress=saves"], 2),
    (["train", *SHORT, "device=cuda"], 1),
    (["train", "epochs=1", "task=cifar10", "image_size=10", "--dry-run"], 1),
    ([*RUN, "--rank", "3"], 1),
    (["theory", "condition"], 2),
    (["theory", "lambda", "--m", "64", "--n", "576", "--rank", "4", "--power", "much"], 2),
]


def remedies(hint, words):
    """The ways that a hint names, each as the words that are added to the command."""
    if hint.startswith("--"):  # options of the command, each way up to its "for"
        return [way.split(" for ")[0].split() for way in re.findall(r"--[^,]+", hint)]
    if "a list" in hint:  # numbers
        return [["--power", value] for value in re.findall(r"(?<![\w:])[\d,]+\d(?=,| )|(?<![\w:])\d+(?=,)", hint)[:2]]
    hint = hint.partition(", or install")[0]  # which a test does not do
    key, ways = "", []
    for match in re.finditer(r"(?:(\w+) ?(?:=|<=) ?)?('?[\w.]+'?|\[[\d,]+\])(?=,| or |$|\.| and )", hint):
        if match[1]:
            key = match[1]
        elif not key and not hint.startswith("choose"):
            continue
        name = key or next(word.split("=")[0] for word in reversed(words) if "=" in word)
        ways.append([f"{name}={match[2].strip(chr(39))}"])
    return ways


def with_remedy(command, way):
    """The command with what the hint says in the place of what it had."""
    key = way[0].split("=")[0]
    flag = f"--{key}"
    kept = [word for i, word in enumerate(command)
            if word.split("=")[0] not in (key, flag) and not (i and command[i - 1].split("=")[0] in (key, flag)
                                                              and command[i - 1].startswith("--"))]
    return kept + way


class Settings(InFolder):
    def test_what_a_hint_sets_is_taken(self):
        for command, count in SETTINGS:
            if command[0] == "train":
                command = [*command, "--quiet", "--out", self.folder / f"run{len(list(self.folder.iterdir()))}"]
            done = laser(*command)
            self.assertIn(done.returncode, (2, 3), f"{command}: {done.stderr}")
            hint = done.stderr.strip().rpartition("HINT: ")[2]
            ways = remedies(hint, list(map(str, command)))
            self.assertEqual(len(ways), count, f"{command}: {hint}: {ways}")
            for way in ways:
                again = laser(*with_remedy(list(map(str, command)), way))
                shutil.rmtree(command[-1], ignore_errors=True)
                helped = again.returncode == 0 or hint not in again.stderr and "is missing" in again.stderr  # data of CIFAR
                self.assertTrue(helped, f"{command} with {way}: {again.stderr}")


class Commands(InFolder):
    def hint(self, *command):
        done = laser(*command)
        self.assertNotEqual(done.returncode, 0, command)
        return done.stderr.strip().rpartition("HINT: ")[2]

    def follow(self, hint):
        """The commands in quotes; each must succeed."""
        commands = re.findall(r"'laser ([^']+)'", hint)
        self.assertTrue(commands, hint)
        for command in commands:
            done = laser(*command.split())
            self.assertEqual(done.returncode, 0, f"{hint}: {command}: {done.stderr}")
        return len(commands)

    def test_of_a_run_that_is_there(self):
        run = self.folder / "run"
        self.train(*SHORT, "--quiet", "--out", run)
        self.assertEqual(self.follow(self.hint("train", *SHORT, "--out", run)), 1)  # report
        self.assertEqual(self.follow(self.hint("train", "--resume", run)), 1)  # longer
        self.train("--resume", run, "epochs=3", "--quiet")
        self.assertRegex(self.hint("train", "--resume", run, "epochs=2"), "^epochs=4 or more")
        self.train("--resume", run, "epochs=4", "--quiet")

    def test_of_a_run_that_can_not_grow(self):
        shaped = self.folder / "shaped"
        self.train(*SHORT, "power_policy=linear_up", "--quiet", "--out", shaped)
        self.assertEqual(self.follow(self.hint("train", "--resume", shaped, "epochs=2")), 1)
        sweep = self.folder / "sweep"
        self.assertEqual(laser("sweep", *SHORT, "seed=1,2", "--quiet", "--out", sweep).returncode, 0)
        one = next(sweep.glob("*/config.toml")).parent
        self.assertEqual(self.follow(self.hint("train", "--resume", one, "epochs=2")), 1)

    def test_of_a_sweep_that_is_there(self):
        sweep = ["sweep", *SHORT, "seed=1,2", "--quiet", "--out", self.folder / "sweep"]
        self.assertEqual(laser(*sweep).returncode, 0)
        hint = self.hint(*sweep)
        self.assertRegex(hint, "^--resume goes on")
        self.assertEqual(laser(*sweep, "--resume").returncode, 0)
        self.follow(hint)
        sweep[sweep.index("seed=1,2")] = "seed=1,2,3"
        self.assertRegex(self.hint(*sweep, "--resume"), "--extend to take over")
        self.assertEqual(laser(*sweep, "--resume", "--extend").returncode, 0)

    def test_of_settings_in_another_encoding(self):
        file = self.folder / "wide.toml"
        file.write_bytes("epochs = 1\nworkers = 4\nbatch_size = 500\n".encode("utf-16"))
        hint = self.hint("train", file, "--dry-run")
        program = re.search(r"iconv .*\.toml", hint)[0].split()
        converted = self.folder / "plain.toml"
        converted.write_bytes(subprocess.run(program, capture_output=True, check=True).stdout)
        self.train(converted, "--dry-run")

    def test_of_unknown_keys(self):
        self.follow(self.hint("train", "zzzz=1", "--dry-run"))


if __name__ == "__main__":
    unittest.main()
