"""The pages docs/python.md, docs/simulator.md and docs/method.md, the example of an own model and the notebooks, all run as they
stand; formulas over arrays, the tables and plots that they speak of."""

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch

import laser

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "docs" / "tutorials").glob("*.ipynb"))
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
try:
    import matplotlib
    matplotlib.use("Agg")
except ImportError:
    matplotlib = None


def run(script, folder, timeout=400):
    return subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=timeout, env=ENVIRONMENT, cwd=folder,
                          check=False)


class Pages(unittest.TestCase):
    def test_every_block_runs(self):
        for page, blocks in ("docs/python.md", 4), ("docs/simulator.md", 4), ("docs/method.md", 2), ("README.md", 1):
            with self.subTest(page), tempfile.TemporaryDirectory() as folder:
                found = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.S)
                self.assertGreaterEqual(len(found), blocks)
                script = Path(folder) / "page.py"
                script.write_text("\n".join(found))
                done = run(script, folder)
                self.assertEqual(done.returncode, 0, done.stderr[-3000:])

    def test_the_method_on_one_page_is_the_compiled_round(self):
        block = re.search(r"## The method on one page.*?```python\n(.*?)```", (ROOT / "docs" / "method.md").read_text(), re.S)[1]
        self.assertLessEqual(len(block.splitlines()), 36)
        there = {}
        exec(block, there)
        shapes = {"wide": (8, 20), "filters": (10, 4, 3), "bias": (8,)}
        for rank in 1, 3:
            aggregator = laser.Aggregator(shapes, workers=3, rank=rank, channel="noiseless", transport="alternating", feedback="local",
                                          double_precision=True)
            state, random = aggregator.state_dict(), torch.Generator().manual_seed(rank)
            plain = there["PlainLaser"]({name: (state[f"shared/{name}/left"].T, state[f"shared/{name}/right"].T)
                                         for name in ("wide", "filters")})
            for number in range(6):
                gradients = {name: torch.randn(3, *shape, dtype=torch.float64, generator=random) for name, shape in shapes.items()}
                mine, theirs = plain.round(gradients), aggregator.round(gradients).estimate
                for name in shapes:
                    torch.testing.assert_close(mine[name], theirs[name], rtol=1e-5, atol=1e-5, msg=f"{name}, round {number}, rank {rank}")
            state = aggregator.state_dict()
            for name, factors in plain.factors.items():  # estimates say nothing of the signs of columns
                for side, factor in zip(("left", "right"), factors):
                    torch.testing.assert_close(factor.T, state[f"shared/{name}/{side}"], rtol=1e-5, atol=1e-5)

    def test_the_page_names_every_formula_and_nothing_else(self):
        page = (ROOT / "docs" / "python.md").read_text().partition("## Formulas")[2].partition("`laser.power`")[0]
        named = set(re.findall(r"`(\w+)[(`]", page)) - {"laser"}
        there = {name for name, value in vars(laser.theory).items() if callable(value) and getattr(value, "__module__", "") ==
                 "laser.theory" and not name.startswith("_")}
        self.assertEqual(named, there)


class Examples(unittest.TestCase):
    def test_a_cnn_of_ones_own_learns_in_25_lines(self):
        path = ROOT / "examples" / "own_model.py"
        self.assertLessEqual(len(path.read_text().splitlines()), 25)
        done = run(path, ROOT)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(float(re.findall(r"accuracy ([\d.]+) %", done.stdout)[-1]), 85)


class Notebooks(unittest.TestCase):
    def test_they_are_what_their_sources_say(self):
        done = subprocess.run([sys.executable, str(ROOT / "scripts" / "notebooks.py"), "--check"], capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(len(NOTEBOOKS), 3)

    def execute(self, number):
        path = NOTEBOOKS[number]
        if matplotlib is None:
            self.skipTest("matplotlib is not installed: pip install matplotlib")
        try:
            import ipykernel  # noqa: F401
            import nbclient
            import nbformat
        except ImportError as problem:
            # The cells alone, without a kernel: what they compute is the same.
            with tempfile.TemporaryDirectory() as folder:
                script = Path(folder) / "cells.py"
                cells = ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
                script.write_text("\n".join(cells))
                done = run(script, path.parent)
                self.assertEqual(done.returncode, 0, done.stderr[-3000:])
            self.skipTest(f"the cells ran, but not as a notebook: {problem}. pip install nbclient ipykernel")
        book = nbformat.read(path, as_version=4)
        nbclient.NotebookClient(book, timeout=400, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}).execute()
        figures = [out for cell in book.cells if cell.cell_type == "code" for out in cell.outputs if "image/png" in out.get("data", {})]
        self.assertGreaterEqual(len(figures), 2)

    def test_the_claim(self):
        self.execute(0)

    def test_your_compressor(self):
        self.execute(1)

    def test_federated(self):
        self.execute(2)


class Formulas(unittest.TestCase):
    def test_arrays_are_the_numbers_one_by_one(self):
        powers, ranks = np.geomspace(1, 1e6, 7), np.array([[1], [2], [8]])
        table = laser.theory.influence_two_phase(64, 32, ranks, power=powers, phi=0.3)
        self.assertEqual(table.shape, (3, 7))
        for i, rank in enumerate((1, 2, 8)):
            for j, power in enumerate(powers):
                self.assertEqual(table[i, j], laser.theory.influence_two_phase(64, 32, rank, float(power), 0.3))
        self.assertEqual(laser.theory.influence_uncompressed(8, 4, [2, 4]).tolist(), [16.0, 8.0])
        self.assertEqual(laser.theory.influence_uncompressed(8, 4, torch.tensor([2.0, 4.0])).tolist(), [16.0, 8.0])
        self.assertIsInstance(laser.theory.influence_random_k(coordinates=10, power=5), float)
        self.assertEqual(laser.theory.influence_workers(10, [1.0, 2.0], [1.0, 3.0], 2.0).tolist(), [5.625, 2.8125])

    def test_what_is_wrong_is_told(self):
        wrong = {"must be whole numbers": lambda: laser.theory.influence_uncompressed(8.5, 4, 1.0),
                 "have no common one: .*HINT": lambda: laser.theory.influence_random_k([1, 2], [1.0, 2.0, 3.0]),
                 "is of type.*HINT": lambda: laser.theory.influence_random_k(1, "10"),
                 "power": lambda: laser.theory.influence_random_k(1, [1.0, -1.0])}
        for text, call in wrong.items():
            with self.assertRaisesRegex(laser.Error, text):
                call()
        with self.assertRaisesRegex(TypeError, "influence_random_k\\(coordinates, power\\)"):
            laser.theory.influence_random_k(1)

    def test_each_says_formula_and_source(self):
        for name, value in vars(laser.theory).items():
            if name.startswith("influence_"):
                self.assertRegex(value.__doc__, r"spec", name)


class Tables(unittest.TestCase):
    def test_methods_and_settings(self):
        self.assertIn("laser", laser.methods())
        self.assertRegex(repr(laser.methods()), r"laser +low-rank factors.*\[LASER")
        settings = laser.settings()
        self.assertEqual(settings["rank"]["default"], "4")
        self.assertNotIn("learning_rate", settings)
        self.assertIn("learning_rate", laser.settings(reader="run"))
        self.assertLess(max(map(len, repr(settings).splitlines())), 140)
        self.assertIn("<table>", settings._repr_html_())
        with self.assertRaisesRegex(laser.Error, "HINT"):
            laser.settings("nowhere")


@unittest.skipIf(matplotlib is None, "matplotlib is not installed: pip install matplotlib")
class Plots(unittest.TestCase):
    def setUp(self):
        import matplotlib.pyplot as plt

        self.plt = plt
        data = torch.randn(64, 6, generator=torch.Generator().manual_seed(1)), torch.arange(64) % 2
        self.one = laser.Simulator(torch.nn.Linear(6, 2), torch.nn.functional.cross_entropy, data, workers=2, method="zsgd", rounds=6,
                                   batch_size=8, test=data, evaluate_every=2, progress=False)
        self.records = self.one.run()

    def tearDown(self):
        self.plt.close("all")

    def test_what_alternates_is_drawn_by_two_rounds(self):
        axes = laser.plot([{"round": t + 1, "lambda": 1.0 + t if t % 5 > 2 else None} for t in range(15)], "lambda")  # pairs of rounds alone
        self.assertEqual([line.get_xydata().tolist() for line in axes.lines], [[[5, 4.5], [10, 9.5], [15, 14.5]]])
        axes = laser.plot([{"round": t + 1, "lambda": 1.0 + 2 * (t % 2) + t // 2} for t in range(7)], "lambda")
        self.assertEqual(axes.lines[0].get_xydata().tolist(), [[2, 2], [4, 3], [6, 4]])

    def test_the_lines_are_the_records(self):
        _, axes = self.plt.subplots()
        self.assertIs(laser.plot(self.records, "loss", axes=axes), axes)
        self.assertEqual(axes.lines[0].get_ydata().tolist(), [record.loss for record in self.records])
        self.assertEqual(axes.get_xlabel(), "Round")
        both = laser.plot({"zsgd": self.one, "laser, rank 2": self.records})
        self.assertEqual(both.lines[0].get_xdata().tolist(), [2, 4, 6])
        self.assertEqual(both.lines[0].get_ydata().tolist(), [record.accuracy for record in self.records if "accuracy" in record])
        self.assertEqual([line.get_color() for line in both.lines[:2]], [laser.figures.STYLES[name]["color"] for name in ("zsgd", "laser")])
        spent = laser.plot(self.records, "loss", over="energy_so_far").lines[0].get_xdata()
        self.assertAlmostEqual(spent[-1], sum(sum(record.energy) / 2 for record in self.records))

    def test_runs_of_the_command(self):
        folders = sorted((ROOT / "results" / "table4").glob("*_power-10_seed-1_*"))[:2]
        axes = laser.plot({folder.name.split("_")[0]: folder for folder in folders}, "accuracy", over="epoch")
        self.assertEqual(axes.lines[0].get_ydata().tolist(), [line["test_accuracy"] for line in laser.load_run(folders[0]).epochs])

    def test_what_is_not_there_is_told(self):
        with self.assertRaisesRegex(ValueError, "no 'perplexity'. HINT: they have round, loss"):
            laser.plot(self.records, "perplexity")
        with self.assertRaisesRegex(ValueError, "no record to draw. HINT"):
            laser.plot([])
        with self.assertRaisesRegex(TypeError, "int holds no records. HINT"):
            laser.plot(3)


if __name__ == "__main__":
    unittest.main()
