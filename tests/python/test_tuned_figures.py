"""The figures of `laser tune`: drawn from a small tuned.json by the script itself, as the command runs it."""

import copy
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "python" / "laser" / "tuned_figures.py"
PYTHON = os.environ.get("LASER_PYTHON", sys.executable)
HAS_MATPLOTLIB = subprocess.run([PYTHON, "-c", "import matplotlib"], capture_output=True, check=False).returncode == 0


def curve(method, label, tuned, means, powers=(0.1, 1, 10)):
    points = [{"power": p, "learning_rate": 0.01, "mean": m, "std": 0.1, "seeds": 3} for p, m in zip(powers, means)]
    return {"method": method, "label": label, "tuned": tuned, "symbols_per_round": 804, "points": points}


COMPARISON = {
    "schema": 1,
    "task": "mnist",
    "curves": [curve("laser", "LASER", False, (84, 89, 92)), curve("laser", "LASER, tuned", True, (89, 91, 92)),
               curve("zsgd_matched", "Z-SGD, matched", False, (90, 91, 92)),
               curve("sgd", "SGD", False, (92.3,), (None,))],
    "reference": "LASER, tuned",
    "needs": [{"target": 90, "label": "LASER, tuned", "power": [0.3, 0.3], "power_interval": [0.2, None], "gain": [1, 1],
               "gain_interval": None},
              {"target": 90, "label": "Z-SGD, matched", "power": [None, 0.1], "power_interval": None,
               "gain": [3, None], "gain_interval": [2, None]}],
    "notes": [],
}


class Script(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)

    def draw(self, comparison):
        source = self.folder / "tuned.json"
        source.write_text(json.dumps(comparison))
        return subprocess.run([PYTHON, str(SCRIPT), str(source), str(self.folder / "out")], capture_output=True,
                              text=True, check=False)

    @unittest.skipUnless(HAS_MATPLOTLIB, "no matplotlib")
    def test_both_figures_are_drawn_and_equal_data_give_equal_files(self):
        texts = []
        for _ in range(2):
            done = self.draw(COMPARISON)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(sorted(p.name for p in (self.folder / "out").iterdir()),
                             ["tuned_accuracy.png", "tuned_accuracy.svg", "tuned_pareto.png", "tuned_pareto.svg"])
            texts.append((self.folder / "out" / "tuned_accuracy.svg").read_text())
        self.assertEqual(*texts)

    @unittest.skipUnless(HAS_MATPLOTLIB, "no matplotlib")
    def test_without_a_known_power_there_is_no_pareto_view(self):
        comparison = copy.deepcopy(COMPARISON)
        comparison["needs"] = comparison["needs"][1:]
        self.assertEqual(self.draw(comparison).returncode, 0)
        self.assertFalse((self.folder / "out" / "tuned_pareto.svg").exists())

    def test_another_file_is_refused(self):
        self.assertEqual(self.draw({"schema": 1, "rows": []}).returncode, 4)


if __name__ == "__main__":
    unittest.main()
