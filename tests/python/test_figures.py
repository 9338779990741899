"""The figures of a report: drawn from a small summary.json by the script itself, as `laser report` runs it."""

import copy
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "python" / "laser" / "figures.py"
PYTHON = os.environ.get("LASER_PYTHON", sys.executable)
HAS_MATPLOTLIB = subprocess.run([PYTHON, "-c", "import matplotlib"], capture_output=True, check=False).returncode == 0

sys.path.insert(0, str(ROOT / "python"))

from laser import figures, report_figures  # noqa: E402


def row(method, power, mean, std=0.1, paper=None):
    return {"method": method, "label": method.upper(), "power": power, "metric": "best_ema_accuracy", "mean": mean,
            "std": std, "interval": std, "seeds": 3, "paper": paper}


def curve(method, power, top, std=0.1):
    return {"method": method, "label": method.upper(), "power": power, "epochs": [1, 2, 3],
            "mean": [top - 20, top - 5, top], "std": [std] * 3, "interval": [std] * 3}


SUMMARY = {
    "schema": 1,
    "task": "mnist",
    "metric": "best_ema_accuracy",
    "unit": "%",
    "quantity": "accuracy",
    "label": "Test accuracy (%), best EMA",
    "curve_label": "Test accuracy (%), EMA of the weights",
    "rows": [row("laser", 0.1, 84.5, paper=84.3), row("laser", 1, 89.8, paper=89.9), row("zsgd", 0.1, 81.4),
             row("zsgd", 1, 88.3), row("mine", 1, 70.0), row("sgd", None, 92.3, paper=92.3)],
    "curves": [curve("laser", 0.1, 84.5), curve("laser", 1, 89.8), curve("zsgd", 0.1, 81.4), curve("sgd", None, 92.3)],
}
FILES = ["accuracy_over_epochs.png", "accuracy_over_epochs.svg", "accuracy_over_power.png", "accuracy_over_power.svg"]


def run(*arguments):
    return subprocess.run([PYTHON, str(SCRIPT), *map(str, arguments)], capture_output=True, text=True, check=False)


class Script(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)

    def draw(self, summary, name="out"):
        source = self.folder / f"{name}.json"
        source.write_text(json.dumps(summary), encoding="utf-8")
        return run(source, self.folder / name), self.folder / name

    @unittest.skipUnless(HAS_MATPLOTLIB, f"{PYTHON} has no matplotlib")
    def test_draws_svg_and_png_that_depend_on_the_data_only(self):
        changed = copy.deepcopy(SUMMARY)
        changed["rows"][0]["mean"] += 1
        outs = []
        for name, summary in (("a", SUMMARY), ("b", SUMMARY), ("changed", changed)):
            result, out = self.draw(summary, name)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertEqual(sorted(path.name for path in out.iterdir()), FILES)
            outs.append(out)
        first, second, other = outs
        for name in FILES:
            self.assertGreater((first / name).stat().st_size, 5000, name)
            self.assertEqual((first / name).read_bytes(), (second / name).read_bytes(), name)
        self.assertTrue((first / FILES[0]).read_bytes().startswith(b"\x89PNG"))
        self.assertIn("<svg", (first / FILES[1]).read_text(encoding="utf-8"))
        self.assertNotEqual((first / FILES[3]).read_bytes(), (other / FILES[3]).read_bytes())

    @unittest.skipUnless(HAS_MATPLOTLIB, f"{PYTHON} has no matplotlib")
    def test_three_axes_are_drawn_where_they_are_known(self):
        front = {"method": "laser", "label": "LASER", "x": [1.0, 10.0], "y": [70.0, 90.0]}
        other = {"method": "mine", "label": "MINE", "x": [5.0], "y": [80.0]}
        summary = dict(SUMMARY, axes=[dict(one, axis=axis) for axis in ("energy", "transmit_power", "symbols") for one in (front, other)])
        outs = []
        for name, shown in ("a", summary), ("b", copy.deepcopy(summary)):
            if name == "b":
                shown["axes"][0]["y"][1] = 95.0
            result, out = self.draw(shown, name)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            names = ["accuracy_on_three_axes.png", "accuracy_on_three_axes.svg"]
            self.assertEqual(sorted(path.name for path in out.iterdir()), sorted(FILES + names))
            outs.append((out / names[1]).read_bytes())
        self.assertNotEqual(outs[0], outs[1])

    @unittest.skipUnless(HAS_MATPLOTLIB, f"{PYTHON} has no matplotlib")
    def test_diagnostics_are_drawn_where_they_are_known(self):
        summary = dict(SUMMARY, diagnosed=[{"key": "loss", "title": "Training loss"}, {"key": "lambda", "title": "Noise"},
                                           {"key": "delta", "title": "nobody's"}],
                       diagnostics=[{"method": "laser", "label": "LASER", "power": 1, "epochs": [1, 2], "loss": [2.0, 1.0],
                                     "lambda": [0.5, None]},
                                    {"method": "sgd", "label": "SGD", "power": None, "epochs": [1, 2], "loss": [2.0, 0.5]}])
        outs = []
        for name, loss in ("a", 1.0), ("b", 1.5):
            summary["diagnostics"][0]["loss"][1] = loss
            result, out = self.draw(summary, name)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            outs.append((out / "training_diagnostics.svg").read_bytes())
        self.assertNotEqual(outs[0], outs[1])

    @unittest.skipUnless(HAS_MATPLOTLIB, f"{PYTHON} has no matplotlib")
    def test_one_seed_one_power_one_epoch(self):
        summary = copy.deepcopy(SUMMARY)
        summary["rows"] = [row("laser", 1, 89.8, std=None)]
        one = curve("laser", 1, 89.8, std=None)
        summary["curves"] = [dict(one, epochs=[1], mean=[89.8], std=[None], interval=[None])]
        result, out = self.draw(summary)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(sorted(path.name for path in out.iterdir()), FILES[:2])

    @unittest.skipUnless(HAS_MATPLOTLIB, f"{PYTHON} has no matplotlib")
    def test_noiseless_only_has_no_figure_over_power(self):
        summary = copy.deepcopy(SUMMARY)
        summary["rows"] = [row("sgd", None, 92.3)]
        summary["curves"] = [curve("sgd", None, 92.3)]
        result, out = self.draw(summary)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(sorted(path.name for path in out.iterdir()), FILES[:2])

    @unittest.skipUnless(HAS_MATPLOTLIB, f"{PYTHON} has no matplotlib")
    def test_five_powers_several_ranks_and_missing_numbers(self):
        summary = copy.deepcopy(SUMMARY)
        powers = [250, 500, 4000, 16000, 128000]
        summary["rows"] = [dict(row("laser", p, 80 + rank, paper=None), label=f"LASER, rank {rank}", rank=rank)
                           for rank in (1, 2, 4, 8, 16) for p in powers]
        summary["rows"][3]["mean"] = None
        summary["curves"] = [curve("laser", p, 80) for p in powers]
        summary["curves"][0]["mean"][1] = None
        result, _ = self.draw(summary)
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    @unittest.skipUnless(HAS_MATPLOTLIB, f"{PYTHON} has no matplotlib")
    def test_the_paper_s_figure_beside_ours(self):
        summary = copy.deepcopy(SUMMARY)
        summary["power_factor"] = 16
        summary["paper_figure"] = {"source": "Figure 2", "x": "power", "curves": [
            {"method": "laser", "label": "LASER", "power": None, "x": [250, 500], "y": [88, 89]}]}
        result, out = self.draw(summary)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("accuracy_beside_paper.svg", [path.name for path in out.iterdir()])
        for entry in summary["rows"][:2]:
            entry["axes"], entry["rank"] = {"rank": "2"}, 2
        summary["rows"].append(dict(row("laser", 1, 91), axes={"rank": "4"}, rank=4))
        summary["paper_figure"] = {"source": "Figure 5", "x": "rank", "curves": [
            {"method": "laser", "label": "LASER", "power": 250, "x": [1, 2, 4], "y": [70, 80, 90]}]}
        result, out = self.draw(summary, "rank")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("accuracy_beside_paper.svg", [path.name for path in out.iterdir()])

    @unittest.skipUnless(HAS_MATPLOTLIB, f"{PYTHON} has no matplotlib")
    def test_spectra(self):
        summary = copy.deepcopy(SUMMARY)
        summary["spectra"] = [
            {"label": "SGD", "tensor": "layer1.0.conv1", "rank": 2, "epochs": [1, 2], "mean": [0.5, 0.6], "std": [None, 0.1],
             "paper": {"epochs": [1, 150], "share": [0.87, 0.81]}},
            {"label": "SGD", "tensor": "linear", "rank": 2, "epochs": [1, 2], "mean": [0.5, 0.9], "std": [None, None]}]
        result, out = self.draw(summary)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("gradient_spectra.png", [path.name for path in out.iterdir()])

    def test_wrong_input_is_one_line_and_exit_4(self):
        broken = self.folder / "broken.json"
        for text in ("{", "[]", '{"schema": 2, "rows": []}', '{"schema": 1}'):
            broken.write_text(text, encoding="utf-8")
            result = run(broken, self.folder)
            self.assertEqual(result.returncode, figures.EXIT_DATA, text)
            self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
            self.assertIn(str(broken), result.stderr)
        result = run(self.folder / "absent.json", self.folder)
        self.assertEqual(result.returncode, figures.EXIT_DATA)
        self.assertIn("absent.json", result.stderr)

    def test_usage(self):
        self.assertEqual(run().returncode, 2)

    def test_missing_matplotlib_is_told(self):
        source = self.folder / "summary.json"
        source.write_text(json.dumps(SUMMARY), encoding="utf-8")
        # -S leaves out site-packages, so that every interpreter lacks it here.
        result = subprocess.run([PYTHON, "-S", "-I", str(SCRIPT), str(source), str(self.folder)], capture_output=True,
                                text=True, check=False)
        self.assertEqual(result.returncode, figures.EXIT_NO_MATPLOTLIB, result.stderr)
        self.assertIn("has no matplotlib", result.stderr)


class Parts(unittest.TestCase):
    def test_every_method_has_its_own_colour_and_marker(self):
        for key in ("color", "marker"):
            values = [style[key] for style in figures.STYLES.values()]
            self.assertEqual(len(values), len(set(values)))

    def test_no_two_series_differ_by_colour_alone(self):
        entries = [dict(row(method, 1, 80), label=f"{method}, rank {rank}") for method in ("laser", "mine") for rank in (1, 2, 4)]
        looks = [(one["style"]["marker"], one["style"]["linestyle"]) for one in figures.series_of(entries)]
        self.assertEqual(len(looks), len(set(looks)))
        self.assertEqual(looks[0], ("*", "-"))

    def test_a_wide_interval_does_not_flatten_the_axis(self):
        self.assertEqual(figures.limits_of([], [], False), None)
        low, high = figures.limits_of([80.0, 90.0], [0.5, None], False)
        self.assertTrue(78.5 < low < 79.5 and 90 < high < 91, (low, high))
        low, high = figures.limits_of([80.0, 90.0], [50.0, None], False)
        self.assertTrue(75 < low < 77 and 93 < high < 95, (low, high))
        low, high = figures.limits_of([50.0, 500.0], [100.0, 10.0], True)
        self.assertTrue(0 < low < 50 < 500 < high, (low, high))

    def test_spread_positions_keep_order_and_distance(self):
        wanted = [92.3, 92.2, 91.9, 92.25, 80.0, 87.0]
        placed = figures.spread_positions(wanted, 0.7)
        order = sorted(range(len(wanted)), key=lambda i: wanted[i])
        gaps = [placed[b] - placed[a] for a, b in zip(order, order[1:])]
        self.assertGreaterEqual(min(gaps), 0.7 - 1e-9)
        self.assertAlmostEqual(placed[4], 80.0)  # far from the others: stays

    def test_band_without_spread_has_no_height(self):
        self.assertEqual(figures.band([1.0, 2.0], [None, 0.5]), ([1.0, 1.5], [1.0, 2.5]))

    def test_series_keep_the_order_of_the_file(self):
        labels = [series["label"] for series in figures.series_of(SUMMARY["rows"])]
        self.assertEqual(labels, ["LASER", "ZSGD", "MINE"])

    @unittest.skipUnless(importlib.util.find_spec("matplotlib"), "no matplotlib")
    def test_perplexities_are_on_a_logarithmic_axis(self):
        import matplotlib.pyplot as plt

        for higher, scale in [(True, "linear"), (False, "log")]:
            summary = dict(SUMMARY, higher_is_better=higher, quantity="perplexity")
            for draw in (report_figures.draw_over_power, report_figures.draw_over_epochs):
                figure = draw(plt, summary)
                self.assertEqual({axes.get_yscale() for axes in figure.axes if axes.lines}, {scale})
                plt.close(figure)
        low, high = report_figures.epoch_limits([{"mean": [50.0, 30.0]}], True)
        self.assertGreater(low, 0)
        self.assertLess(low, 30)

    def test_epoch_limits_ignore_the_first_steps(self):
        low, high = report_figures.epoch_limits([{"mean": [10.0] + [80.0] * 9 + [90.0] * 10}])
        self.assertGreater(low, 70)
        self.assertLess(high, 92)


if __name__ == "__main__":
    unittest.main()
