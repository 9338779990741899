"""What --dry-run tells of a study: counts are exact, times are of the right size, stdout stays a list of runs."""
import json
import re
import unittest

from harness import SHORT, InFolder, laser


def told(done):
    """The lines of the cost, by their label."""
    return dict(re.findall(r"(?m)^(runs|time|memory|disk) +(.*)$", done.stderr))


def seconds(text):
    value = 0
    for part in text.split(":"):
        value = 60 * value + int(part)
    return value


class Cost(InFolder):
    def test_of_a_sweep_is_what_it_then_takes(self):
        sweep = ["sweep", "epochs=40", "rank=2", "batch_size=500", "method=laser,zsgd", "seed=1,2,3", "threads=1"]
        done = laser(*sweep, "--dry-run", "--jobs", 1)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(done.stdout.split()), 6)
        cost = told(done)
        self.assertEqual(cost["runs"], f"6, {6 * 40 * 8} rounds in all")
        self.assertRegex(done.stderr, r"measured: \d+ rounds of 2 of 2 kinds of runs, and their evaluations")
        out = self.folder / "sweep"
        self.assertEqual(laser(*sweep, "--jobs", 1, "--quiet", "--out", out).returncode, 0)
        took = sum(json.loads(file.read_text())["seconds"] for file in out.glob("*/summary.json"))
        estimated = seconds(re.search(r"about ([\d:]+) on one core", cost["time"])[1])
        # Rounds of a warm machine, told in whole seconds, against runs that share it with other tests.
        self.assertLess(estimated, 3 * took + 2)
        self.assertGreater(estimated, took / 10 - 1)
        size = sum(4096 * -(-file.stat().st_size // 4096) for run in out.iterdir() if run.is_dir() for file in run.iterdir())
        self.assertAlmostEqual(1000 * int(re.match(r"(\d+) kB", cost["disk"])[1]) / size, 1, delta=0.25)

    def test_of_studies_counts_the_runs_that_will_be_chosen(self):
        done = laser("tune", "laser", "zsgd", "mnist", "power=1,10", "epochs=2", "--rates", 3, "--seeds", 4, "--dry-run")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(done.stdout.split()), 2 * 2 * 3 + 2 * 2 * 4)  # those that choose, and those at the methods' own step sizes
        self.assertRegex(told(done)["runs"], rf"^{2 * 2 * 3 + 2 * (2 * 2 * 4)}, ")

    def test_quiet_and_what_can_not_be_told(self):
        done = laser("sweep", *SHORT, "seed=1,2", "--dry-run", "--quiet")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        done = laser("sweep", *SHORT, "seed=1,2", f"data_dir={self.folder}", "--dry-run")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(len(done.stdout.split()), 2)
        self.assertRegex(done.stderr, "time, memory and disk can't be told: .*is missing. HINT: ")


if __name__ == "__main__":
    unittest.main()
