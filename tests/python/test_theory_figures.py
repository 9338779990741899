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
NAMES = ["bounds_over_rounds", "bounds_over_snr", "influence_over_power"]


def check(subject, power, measured):
    return {"group": "channel", "subject": subject, "power": power, "quantity": "influence factor",
            "measured": measured, "standard_error": measured / 100, "expected": measured * 1.01, "plain_ratio": True}


def point(case, method, over, x, measured, covered=True):
    return {"case": case, "method": method, "over": over, "T": x if over == "T" else 100,
            "snr": x if over == "SNR" else 100, "covered": covered, "bound": 50 * measured if covered else None,
            "measured": measured, "standard_error": measured / 50}


CASES = ("quasi-convex", "convex", "non-convex")
VERIFICATION = {
    "schema": 1,
    "kind": "theory_verification",
    "checks": [check(s, p, 100 / p) for s in ("Z-SGD", "LASER canonical, 24 x 40, r = 3") for p in (10, 100)]
    + [dict(check("two terms, angle 0.1, P = 3000", None, 17.0))],
    "curves": [point(c, m, "T", t, 100 / t) for c in CASES for m in ("LASER, fresh basis", "Z-SGD") for t in (10, 100)]
    + [point(c, "LASER, fresh basis", "SNR", s, 2, s > 5) for c in CASES for s in (1, 10)],
    "slopes": [{"case": "convex", "method": "Z-SGD", "points": 3, "measured": -0.5, "standard_error": 0.01,
                "of_bound": -0.5}],
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
        self.assertEqual(len(list(first.iterdir())), 6)

    @unittest.skipUnless(HAS_MATPLOTLIB, "no matplotlib")
    def test_a_diverged_run_leaves_a_gap(self):
        broken = copy.deepcopy(VERIFICATION)
        broken["curves"][0]["measured"] = None
        result, folder = self.draw(broken)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue((folder / "bounds_over_rounds.svg").exists())

    @unittest.skipUnless(HAS_MATPLOTLIB, "no matplotlib")
    def test_other_numbers_give_other_figures(self):
        _, first = self.draw(VERIFICATION, "first")
        other = copy.deepcopy(VERIFICATION)
        other["checks"][0]["measured"] *= 1.5
        _, second = self.draw(other, "second")
        name = "influence_over_power.svg"
        self.assertNotEqual((first / name).read_bytes(), (second / name).read_bytes())

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
