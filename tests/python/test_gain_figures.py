"""The figures of `laser reproduce headline`: drawn from a small gain.json by the script itself, as the command runs it."""

import copy
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "python" / "laser" / "gain_figures.py"
PYTHON = os.environ.get("LASER_PYTHON", sys.executable)
HAS_MATPLOTLIB = subprocess.run([PYTHON, "-c", "import matplotlib"], capture_output=True, check=False).returncode == 0


def row(target, round_, gain, tuned=True):
    known = {"target": target, "round": round_, "laser_power": 1.0, "zsgd_power": gain, "gain": gain,
             "low": gain and gain * 0.8, "high": gain and gain * 1.2, "tuned": tuned, "paper": None}
    return known if gain else {**known, "gain_at_least": 50.0}


def curve(method, level):
    points = [{"power": p, "mean": level + p, "std": 0.2, "seeds": 3, "rate": 0.01} for p in (1.0, 4.0)]
    return {"method": method, "round": 3760, "tuned": True, "symbols": 1188.0, "points": points}


GAINS = {
    "schema": 1, "task": "mnist_mlp", "unit": "%", "higher_is_better": True, "rounds": 3760, "parameters": 101770.0,
    "symbols": 1188.0, "ceiling": 85.7, "lag": 110.0,
    "rows": [row(90, 235, 4.0), row(90, 3760, 30.0), row(90, 3760, 20.0, False), row(95, 3760, None)],
    "curves": [curve("laser", 90), curve("zsgd", 85)], "notes": [],
}


@unittest.skipUnless(HAS_MATPLOTLIB, "no matplotlib")
class Script(unittest.TestCase):
    def drawn(self, gains):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "gain.json"
            source.write_text(json.dumps(gains), encoding="utf-8")
            done = subprocess.run([PYTHON, SCRIPT, source, folder], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            return {p.stem: p.read_text(encoding="utf-8") for p in Path(folder).glob("*.svg")}

    def test_both_figures(self):
        figures = self.drawn(GAINS)
        self.assertEqual(set(figures), {"gain", "gain_values"})
        for text in figures.values():
            self.assertIn("<svg", text)

    def test_perplexities_and_nothing_known(self):
        language = {**copy.deepcopy(GAINS), "higher_is_better": False, "unit": "", "lag": None, "ceiling": None}
        self.assertEqual(set(self.drawn(language)), {"gain", "gain_values"})
        self.assertEqual(set(self.drawn({**language, "rows": []})), {"gain_values"})

    def test_another_file_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "gain.json"
            source.write_text("{}", encoding="utf-8")
            done = subprocess.run([PYTHON, SCRIPT, source, folder], capture_output=True, text=True, check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("gain.json of a study", done.stderr)


if __name__ == "__main__":
    unittest.main()
