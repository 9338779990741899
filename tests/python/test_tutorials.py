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
from laser.device import random

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

    def test_the_page_names_every_formula_and_nothing_else(self):
        page = (ROOT / "docs" / "python.md").read_text().partition("## Formulas")[2].partition("`laser.power`")[0]
        named = set(re.findall(r"`(\w+)[(`]", page)) - {"laser"}
        there = {name for name, value in vars(laser.theory).items() if callable(value) and getattr(value, "__module__", "") ==
                 "laser.theory" and not name.startswith("_")}
        self.assertEqual(named, there)


class MethodOnOnePage(unittest.TestCase):
    """The round of docs/method.md beside the compiled one: exactly where both hear the same noise, and by the noise that each draws."""

    SHAPES = {"wide": (8, 20), "filters": (10, 4, 3), "square": (2, 2), "bias": (8,)}  # the square one is too small to be factored

    def setUp(self):
        block = re.search(r"## The method on one page.*?```python\n(.*?)```", (ROOT / "docs" / "method.md").read_text(), re.S)[1]
        self.assertLessEqual(len(block.splitlines()), 70)
        self.page = {}
        exec(block, self.page)

    def compiled(self, rank, **settings):
        return laser.Aggregator(self.SHAPES, workers=3, method="laser", rank=rank, double_precision=True, **settings)

    def plain(self, aggregator, power):
        plain = self.page["PlainLaser"]({}, power)
        self.follow(plain, aggregator.state_dict())
        return plain

    def follow(self, plain, state):
        """The page's round starts from what lasts of the compiled one."""
        plain.factors = {name: (state[f"shared/{name}/left"].T, state[f"shared/{name}/right"].T) for name in ("wide", "filters")}
        plain.memory = {name: state[f"memory/{name}"] for name in plain.factors if f"memory/{name}" in state}
        plain.rounds = int(state["rounds"])

    def gradients(self, generator):
        """Of workers whose norms differ, and differ otherwise in every tensor."""
        return {name: torch.randn(3, *shape, dtype=torch.float64, generator=generator)
                * torch.rand(3, *[1] * len(shape), dtype=torch.float64, generator=generator).add(0.1) for name, shape in self.SHAPES.items()}

    def follows(self, aggregator, power, draw, noisy=True):
        """Six rounds of both; ``draw(round, tensor, size)`` is the noise that the compiled round hears."""
        plain, generator, symbols = self.plain(aggregator, power), torch.Generator().manual_seed(1), []

        def noise(name, size):
            symbols.append(size.numel())
            numbers = draw(plain.rounds, list(self.SHAPES).index(name), size.numel()).double()
            return numbers.view(size[::-1]).T if name in plain.factors else numbers.view(size)

        for number in range(6):
            gradients = self.gradients(generator)
            (mine, spent), theirs = plain.round(gradients, noise), aggregator.round(gradients)
            what = f"round {number}, power {power}, {aggregator}"
            for name in self.SHAPES:
                torch.testing.assert_close(mine[name], theirs.estimate[name], rtol=1e-5, atol=1e-5, msg=f"{name}, {what}")
            self.assertEqual(sum(symbols), theirs.symbols, what)
            symbols.clear()
            if noisy:  # else the compiled round spends no energy
                torch.testing.assert_close(spent, torch.tensor(theirs.energy, dtype=torch.float64), rtol=1e-5, atol=0, msg=what)
                self.assertLess(max(theirs.energy), power * (1 + 1e-9), what)
                self.assertGreater(max(theirs.energy), power / 2, what)
        state = aggregator.state_dict()
        for name, factors in plain.factors.items():  # estimates say nothing of the signs of columns
            for side, factor in zip(("left", "right"), factors):
                torch.testing.assert_close(factor.T, state[f"shared/{name}/{side}"], rtol=1e-5, atol=1e-5)
            torch.testing.assert_close(plain.memory[name], state[f"memory/{name}"], rtol=1e-5, atol=1e-5)

    def test_it_is_the_compiled_round_with_the_same_noise(self):
        normals = random.Normals(1, "cpu")
        for rank, power in ((1, 1000.0), (3, 1000.0), (3, 1.0)):
            self.follows(self.compiled(rank, channel="awgn", power=power, seed=1), power,
                         lambda number, tensor, size: normals.draw(number, [(random.NOISE, tensor, 0, size)])[0])

    def test_it_is_the_compiled_round_without_noise(self):
        for rank in 1, 3:
            self.follows(self.compiled(rank, channel="noiseless"), 7.0, lambda number, tensor, size: torch.zeros(size), noisy=False)

    def test_its_noise_has_the_energy_of_the_compiled_rounds(self):
        """||estimate - that without noise||^2 over the page's sigma^2, summed over 300 rounds, is chi-square with as many degrees of
        freedom as symbols D: within four standard deviations of D, sqrt(2 D) each, for every tensor. It takes no draw for known."""
        rank, power, rounds = 3, 40.0, 300
        aggregator, generator = self.compiled(rank, channel="awgn", power=power, seed=2), torch.Generator().manual_seed(5)
        plain = self.plain(aggregator, power)
        squares, symbols = {name: [0.0, 0.0] for name in self.SHAPES}, dict.fromkeys(self.SHAPES, 0)
        torch.manual_seed(3)
        for _ in range(rounds):
            state, gradients, sizes = aggregator.state_dict(), self.gradients(generator), {}

            def ones(name, size, sizes=sizes):
                sizes[name] = size.numel()
                return torch.ones(size, dtype=torch.float64)

            heard = []
            for noise in (lambda name, size: torch.zeros(size)), ones, None:  # None: the page's own
                self.follow(plain, state)
                heard.append(plain.round(gradients, noise)[0] if noise else plain.round(gradients)[0])
            clean, with_ones, own = heard
            theirs = aggregator.round(gradients).estimate
            for name, size in sizes.items():  # bases are orthonormal: the energy of noise of ones is D sigma^2
                variance = (with_ones[name] - clean[name]).square().sum() / size
                for which, noisy in enumerate((theirs, own)):
                    squares[name][which] += float((noisy[name] - clean[name]).square().sum() / variance)
                symbols[name] += size
        for name, count in symbols.items():
            for which, total in zip(("compiled", "page"), squares[name]):
                self.assertLess(abs(total - count), 4 * (2 * count) ** 0.5, f"{name}, {which}: {total / count}")


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
