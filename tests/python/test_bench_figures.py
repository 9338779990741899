"""The figures of `laser bench`: drawn from a small bench.json by the script itself, as the command runs it."""

import copy
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "python" / "laser" / "bench_figures.py"
PYTHON = os.environ.get("LASER_PYTHON", sys.executable)
HAS_MATPLOTLIB = subprocess.run([PYTHON, "-c", "import matplotlib"], capture_output=True, check=False).returncode == 0


def row(case, group, model, workers, rank, parameters, seconds, peer=None, hook=None):
    return {"case": case, "group": group, "model": model, "workers": workers, "rank": rank, "parameters": parameters,
            "median_seconds": seconds, "spread": 0.02, "floor": "in-place M += a g", "floor_seconds": seconds / 1.4,
            "floor_ratio": 1.4, "peer": peer and "plain LibTorch operations", "peer_seconds": peer and peer * seconds,
            "peer_ratio": peer, "hook_seconds": hook, "peak_extra_sets": None}


BENCH = {
    "schema": 1,
    "kind": "bench",
    "machine": {"processor": "a processor", "threads": "2"},
    "seconds": 9,
    "rows": [row("sweep_even", "kernel", "gpt2", 1, 4, 124_000_000, 0.05),
             row("noise_fill", "kernel", "gpt2", 1, 0, 124_000_000, 0.04, peer=9.0),
             row("round_laser_alternating", "round", "gpt2", 1, 4, 124_000_000, 0.06, peer=11.0, hook=0.5)]
    + [row("round_laser_alternating", "growth", f"square{n}", 1, 4, n * n, n * n * 1e-9) for n in (512, 1024, 4096)]
    + [row("round_laser_alternating", "growth", "square4096", 1, r, 4096 ** 2, 0.016 + r * 1e-4) for r in (1, 8)]
    + [row("round_laser_alternating", "growth", "resnet18_cifar10", k, 4, 11_173_962, k * 0.005) for k in (1, 16)],
    "notes": [],
}


class Script(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)

    def draw(self, bench, name="out"):
        source = self.folder / f"{name}.json"
        source.write_text(json.dumps(bench), encoding="utf-8")
        command = [PYTHON, str(SCRIPT), str(source), str(self.folder / name)]
        return subprocess.run(command, capture_output=True, text=True, check=False), self.folder / name

    @unittest.skipUnless(HAS_MATPLOTLIB, "no matplotlib")
    def test_draws_both_figures_and_the_same_bytes_twice(self):
        result, first = self.draw(BENCH, "first")
        self.assertEqual(result.returncode, 0, result.stderr)
        _, second = self.draw(BENCH, "second")
        for name in ("bench_ratios", "bench_growth"):
            self.assertEqual((first / f"{name}.svg").read_bytes(), (second / f"{name}.svg").read_bytes())
            self.assertGreater((first / f"{name}.png").stat().st_size, 10000)
        self.assertEqual(len(list(first.iterdir())), 4)

    @unittest.skipUnless(HAS_MATPLOTLIB, "no matplotlib")
    def test_other_numbers_give_other_figures(self):
        _, first = self.draw(BENCH, "first")
        other = copy.deepcopy(BENCH)
        for changed in other["rows"]:
            changed["median_seconds"] *= 1 + changed["workers"] / 3
            changed["floor_ratio"] *= 2
        _, second = self.draw(other, "second")
        for name in ("bench_ratios.svg", "bench_growth.svg"):
            self.assertNotEqual((first / name).read_bytes(), (second / name).read_bytes())

    @unittest.skipUnless(HAS_MATPLOTLIB, "no matplotlib")
    def test_without_growth_there_is_one_figure(self):
        _, folder = self.draw(dict(BENCH, rows=BENCH["rows"][:3]))
        self.assertEqual(sorted(path.name for path in folder.iterdir()), ["bench_ratios.png", "bench_ratios.svg"])

    def test_refuses_other_files(self):
        result, _ = self.draw({"schema": 1, "rows": []})
        self.assertEqual(result.returncode, 4)
        self.assertIn("not the bench.json of `laser bench`", result.stderr)


if __name__ == "__main__":
    unittest.main()
