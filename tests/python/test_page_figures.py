"""The figures that scripts/page_figures.py draws for the pages: from the committed records, which are also what the tables beside
them say."""

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "page_figures.py"
PYTHON = os.environ.get("LASER_PYTHON", sys.executable)
HAS_MATPLOTLIB = subprocess.run([PYTHON, "-c", "import matplotlib"], capture_output=True, check=False).returncode == 0

spec = importlib.util.spec_from_file_location("page_figures", SCRIPT)
page_figures = importlib.util.module_from_spec(spec)
spec.loader.exec_module(page_figures)

METHODS = {"LASER": "laser", "LASER, `feedback=none`": "laser", "Random-K": "randomk", "Sketching": "sketch", "A-DSGD": "adsgd",
           "Signum": "signum", "Z-SGD": "zsgd", "noiseless SGD": "sgd"}


def tables(page, heading):
    """The rows, cell by cell, of every table of a page whose head begins so."""
    rows, inside, found = (ROOT / "docs" / page).read_text().splitlines(), False, []
    for row in rows:
        cells = [cell.strip() for cell in row.removeprefix("|").removesuffix("|").split("|")] if row.startswith("|") else []
        if row.startswith(heading):
            found.append((cells, []))
            inside = True
        elif not cells:
            inside = False
        elif inside and not row.startswith("|---"):
            found[-1][1].append(cells)
    return found


class Tables(unittest.TestCase):
    """What the tables beside the figures say is what the figures are drawn from."""

    def check(self, cell, point, where):
        """A cell "91.1 ± 0.1", or "2 of 3 diverge"."""
        self.assertEqual("diverge" in cell, point["mean"] is None, where)
        if point["mean"] is not None:
            mean, deviation = map(float, cell.split(" ± "))
            self.assertAlmostEqual(mean, point["mean"], delta=0.0501, msg=where)
            self.assertAlmostEqual(deviation, point["std"], delta=0.0501, msg=where)

    def test_heterogeneity(self):
        points, checked = page_figures.heterogeneity(), 0
        shards = ([("iid", None), ("sorted", None)], [("dirichlet", "1"), ("dirichlet", "0.3"), ("dirichlet", "0.1")])
        found = tables("heterogeneity.md", "| method |")
        self.assertEqual(len(found), 2)
        for columns, (_, rows) in zip(shards, found):
            for name, *cells in rows:
                method = METHODS.get(name, name.strip("`"))
                feedback = ("none" if "none" in name else "local") if method == "laser" else None
                for place, cell in enumerate(cells):
                    sharding, concentration = columns[place // 3]
                    power = (None, "0.1", "1", "10")[place % 3 + 1] if method != "sgd" else None
                    if cell:
                        self.check(cell, points[method, feedback, sharding, concentration, power], (name, place))
                        checked += 1
        self.assertGreater(checked, 180)

    def test_federated(self):
        points, checked = page_figures.federated(), 0
        for sharding, (_, rows) in zip(("iid", "dirichlet"), tables("simulator.md", "| clients with ")):
            for name, _, *cells in rows:
                method = METHODS.get(name, name.strip("`"))
                for place, cell in enumerate(cells):
                    key = (sharding, (1, 5, 20)[place // 2], method, ("rounds", "air")[place % 2])
                    if key[3] == "air" and method.startswith("zsgd"):  # both are the same runs
                        key = (*key[:3], "rounds")
                    self.check(cell, points[key], (name, place))
                    checked += 1
        self.assertEqual(checked, 48)

    def test_beyond(self):
        curves = {curve["label"]: curve for curve in page_figures.beyond()["curves"]}
        (head, rows), = tables("beyond.md", "| method | symbols |")
        powers = [float(cell.removeprefix("P = ")) for cell in head[2:]]
        for name, symbols, *cells in rows:
            curve = curves[re.sub(r"[`*]", "", name)]
            self.assertEqual(symbols, f"{curve['symbols']:,.0f}")
            for power, cell in zip(powers, cells):
                self.assertEqual(bool(cell), power in curve["points"], (name, power))
                if cell:
                    self.check(cell, curve["points"][power], (name, power))
        self.assertEqual(len(rows), len(curves))


class Script(unittest.TestCase):
    def test_a_run_that_diverged_has_no_mean_and_one_seed_no_interval(self):
        self.assertIsNone(page_figures.point_of([90.0, None])["mean"])
        self.assertEqual(page_figures.point_of([90.0]), {"mean": 90.0, "std": None, "interval": None})
        self.assertAlmostEqual(page_figures.point_of([90.0, 91.0, 92.0])["interval"], 4.303 / 3 ** 0.5)

    def test_usage(self):
        for arguments, code in (["--help"], 0), (["a", "b"], 2):
            result = subprocess.run([PYTHON, str(SCRIPT), *arguments], capture_output=True, text=True, check=False)
            self.assertEqual(result.returncode, code)
            self.assertIn("FOLDER", result.stdout)

    @unittest.skipUnless(HAS_MATPLOTLIB, f"{PYTHON} has no matplotlib")
    def test_draws_what_is_committed_and_shown(self):
        """Not byte for byte: another version of matplotlib writes other numbers."""
        pages = "".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
        with tempfile.TemporaryDirectory() as folder:
            result = subprocess.run([PYTHON, str(SCRIPT), folder], capture_output=True, text=True, check=False)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            drawn = sorted(path.relative_to(folder) for path in Path(folder).rglob("*.*"))
            self.assertEqual(drawn, sorted(Path(study, f"{name}.svg") for study, name in page_figures.FIGURES))
            for path in drawn:
                text = (Path(folder) / path).read_text(encoding="utf-8")
                self.assertLess(len(text), 120_000, path)
                self.assertNotIn("dc:date", text, path)
                self.assertTrue((ROOT / "results" / path).exists(), path)
                self.assertTrue(f"](../results/{path})" in pages, f"no page shows {path}")


if __name__ == "__main__":
    unittest.main()
