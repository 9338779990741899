"""The figures of `laser theory verify`: drawn from a small verify.json by the script itself, as the command runs it."""

import copy
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "python" / "laser" / "theory_figures.py"
PYTHON = os.environ.get("LASER_PYTHON", sys.executable)
HAS_MATPLOTLIB = subprocess.run([PYTHON, "-c", "import matplotlib"], capture_output=True, check=False).returncode == 0
NAMES = ["influence_over_power", "moments_over_rounds"]


def check(subject, power, measured):
    return {"group": "channel", "subject": subject, "power": power, "quantity": "influence factor",
            "measured": measured, "standard_error": measured / 100, "expected": measured * 1.01, "plain_ratio": True}


def one_plus_lambda(subject, measured):
    return {"group": "recursion", "subject": subject, "power": 1, "quantity": "1 + lambda", "measured": measured,
            "standard_error": 0.01, "expected": 2.0, "plain_ratio": False}


def curve(subject, workers):
    return {"subject": subject, "workers": workers, "lambda": 1, "M": 2, "t": [1, 8, 64],
            "measured": [1.0 / workers, 0.4 / workers, 0.3 / workers], "standard_error": [0.01, 0.01, 0.01],
            "expected": [1.0 / workers, 0.41 / workers, 0.3 / workers]}


SUBJECTS = [(f"{method}, k = {k}", k) for method in ("Z-SGD", "LASER alternating") for k in (1, 4)]
VERIFICATION = {
    "schema": 1,
    "kind": "theory_verification",
    "checks": [check(s, p, 100 / p) for s in ("Z-SGD", "LASER canonical, 24 x 40, r = 3") for p in (10, 100)]
    + [dict(check("two terms, angle 0.1, P = 3000", None, 17.0))]
    + [one_plus_lambda(subject, 2.01) for subject, _ in SUBJECTS],
    "curves": [curve(subject, k) for subject, k in SUBJECTS],
    "controls": [{"wrong": "1 + lambda 5 % too large", "subject": "Z-SGD, k = 1", "quantity": "1 + lambda",
                  "measured": 2.1, "claimed": 2.0, "standard_error": 0.01}],
}


class Script(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)

    def draw(self, verification, name="out"):
        source = self.folder / f"{name}.json"
        source.write_text(json.dumps(verification), encoding="utf-8")
        command = [PYTHON, str(SCRIPT), str(source), str(self.folder / name)]
        return subprocess.run(command, capture_output=True, text=True, check=False), self.folder / name

    @unittest.skipUnless(HAS_MATPLOTLIB, "no matplotlib")
    def test_draws_all_figures_and_the_same_bytes_twice(self):
        result, first = self.draw(VERIFICATION, "first")
        self.assertEqual(result.returncode, 0, result.stderr)
        _, second = self.draw(VERIFICATION, "second")
        for name in NAMES:
            svg = (first / f"{name}.svg").read_bytes()
            self.assertEqual(svg, (second / f"{name}.svg").read_bytes())
            self.assertGreater((first / f"{name}.png").stat().st_size, 10000)
        self.assertEqual(len(list(first.iterdir())), 2 * len(NAMES))

    @unittest.skipUnless(HAS_MATPLOTLIB, "no matplotlib")
    def test_a_diverged_run_leaves_a_gap(self):
        broken = copy.deepcopy(VERIFICATION)
        broken["curves"][0]["measured"][1] = None
        result, folder = self.draw(broken)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue((folder / "moments_over_rounds.svg").exists())

    @unittest.skipUnless(HAS_MATPLOTLIB, "no matplotlib")
    def test_other_numbers_give_other_figures(self):
        _, first = self.draw(VERIFICATION, "first")
        other = copy.deepcopy(VERIFICATION)
        other["checks"][0]["measured"] *= 1.5
        other["curves"][0]["measured"][0] *= 1.5
        _, second = self.draw(other, "second")
        for name in NAMES:
            self.assertNotEqual((first / f"{name}.svg").read_bytes(), (second / f"{name}.svg").read_bytes())

    def test_refuses_other_files(self):
        result, _ = self.draw({"schema": 1, "rows": []})
        self.assertEqual(result.returncode, 4)
        self.assertIn("not the verify.json of `laser theory verify`", result.stderr)
        missing = subprocess.run([PYTHON, str(SCRIPT), str(self.folder / "none.json"), str(self.folder)],
                                 capture_output=True, text=True, check=False)
        self.assertEqual(missing.returncode, 4)
        usage = subprocess.run([PYTHON, str(SCRIPT)], capture_output=True, text=True, check=False)
        self.assertEqual(usage.returncode, 2)


if __name__ == "__main__":
    unittest.main()
