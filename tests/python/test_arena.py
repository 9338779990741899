"""The arena: its report from results that are written out here, its terms, and a method of one's own that enters."""

import contextlib
import dataclasses
import io
import json
import re
import tempfile
import unittest
from pathlib import Path

import laser
from laser import arena, arena_report, arena_results


def result(contest, method, accuracy, **more):
    return {"schema": 1, "contest": contest, "method": method, "accuracy": accuracy, "rate": 0.1, "at_edge": False, "symbols": 10,
            "power": 1.0, "epochs": 2, "seconds": 1.0, **more}


def folder_of(results, contests=(("mnist", "iid", "awgn", "energy"),)):
    folder = tempfile.TemporaryDirectory()
    root = Path(folder.name)
    plan = arena.Plan(tuple(arena.Contest(*one) for one in contests), {"mnist": 1.0}, {"mnist": 2}, {"mnist": 1}, {"mnist": 4}, (0.1, 1.0))
    arena_results.write(root / "plan.json", plan.to_json())
    for one in results:
        arena_results.write(root / "runs" / one["contest"] / f"{one['method']}.json", one)
    return folder, root


class Reports(unittest.TestCase):
    name = "mnist_iid_awgn_energy"

    def test_ranks_are_by_the_mean_and_their_range_by_the_spread(self):
        folder, root = folder_of([result(self.name, "a", [90.0, 91.0, 92.0]), result(self.name, "b", [90.2, 91.2, 92.2]),
                                  result(self.name, "c", [50.0, 51.0, 52.0]), result(self.name, "d", [80.0, None, 81.0])])
        with folder:
            rows = {row["method"]: row for row in arena_report.summarize(root)["contests"][0]["rows"]}
        self.assertEqual([rows[m]["rank"] for m in "badc"], [1, 2, 4, 3])
        self.assertEqual([(rows[m]["rank_low"], rows[m]["rank_high"]) for m in "abcd"], [(1, 2), (1, 2), (3, 3), (4, 4)])
        self.assertIsNone(rows["d"]["mean"])

    def test_the_standard_error_is_the_median_variance_of_the_contest(self):
        folder, root = folder_of([result(self.name, "a", [90.0, 92.0, 94.0]), result(self.name, "b", [90.0, 91.0, 92.0]),
                                  result(self.name, "c", [10.0, 50.0, 90.0])])
        with folder:
            self.assertAlmostEqual(arena_report.summarize(root)["contests"][0]["standard_error"], (4 / 3) ** 0.5)

    def test_equal_means_share_a_rank_and_one_seed_has_no_range(self):
        folder, root = folder_of([result(self.name, "a", [90.0]), result(self.name, "b", [90.0]), result(self.name, "c", [80.0])])
        with folder:
            rows = {row["method"]: row for row in arena_report.summarize(root)["contests"][0]["rows"]}
        self.assertEqual([(rows[m]["rank"], rows[m]["rank_low"], rows[m]["rank_high"]) for m in "abc"],
                         [(1.5, 1.5, 1.5), (1.5, 1.5, 1.5), (3, 3, 3)])

    def test_a_report_is_written_and_says_what_is_at_the_edge_or_absent(self):
        contests = [("mnist", "iid", "awgn", equal) for equal in arena.EQUAL]
        folder, root = folder_of([result(f"mnist_iid_awgn_{equal}", method, [90.0, 91.0 + len(method)], at_edge=method == "zsgd")
                                  for equal in arena.EQUAL for method in ("laser", "zsgd")]
                                 + [{"schema": 1, "contest": self.name, "method": "reed", "absent": "no"}], contests)
        with folder:
            summary = arena_report.write(root)
            page = (root / "report" / "arena.md").read_text()
            self.assertEqual(json.loads((root / "report" / "arena.json").read_text()), json.loads(json.dumps(summary)))
            drawn = {path.name for path in (root / "report").glob("*.svg")}
        self.assertIn("edge of the grid, and the best may lie beyond, for zsgd in", page)
        self.assertIn("reed in mnist_iid_awgn_energy", page)
        self.assertIn(drawn, (set(), {f"arena_{equal}.svg" for equal in arena.EQUAL}))
        self.assertEqual(summary["overall"][0]["rows"][0]["method"], "laser")


SHAPES = arena.shapes_of("mnist")


class Terms(unittest.TestCase):
    plan = arena.plan_of(True)

    def terms(self, equal, name, air="awgn"):
        return arena.terms(self.plan, arena.Contest("mnist", "iid", air, equal), arena.contestant(name), SHAPES)

    def test_energy_power_and_air_time_are_equal(self):
        for name in "zsgd", "laser", "randomk", "otalc", "agetopk", "signum", "laser:server_rule=polar":
            energy, power, airtime = (self.terms(equal, name) for equal in arena.EQUAL)
            self.assertEqual((energy["power"], energy["epochs"]), (1.0, 5))
            self.assertAlmostEqual(power["power"] / power["symbols"], 1 / 7850)
            self.assertEqual(airtime["power"], power["power"])
            if airtime["epochs"] < self.plan.most_epochs["mnist"]:
                self.assertLess(abs(airtime["epochs"] * airtime["symbols"] - 2 * 7850), 0.5 * airtime["symbols"] + 1e-9)
        self.assertEqual(self.terms("energy", "laser")["symbols"], (2 * (784 + 10)) / 2 + 10)

    def test_models_are_those_of_the_tasks(self):
        for task in arena.ALL_TASKS:
            self.assertEqual(laser.Training(**arena.said_of(task), epochs=1).shapes, arena.shapes_of(task))

    def test_reed_takes_four_channel_uses_a_number_and_has_its_own_air(self):
        self.assertIn("another air", self.terms("energy", "reed"))
        self.assertIn("more air", self.terms("airtime", "reed", "rayleigh"))
        found = self.terms("energy", "reed", "rayleigh")
        self.assertEqual((found["symbols"], found["channel"]), (4 * 7850, "reed"))
        self.assertEqual(self.terms("energy", "zsgd", "rayleigh")["channel"], "csit_trunc")

    def test_what_fits_some_models_only_is_left_out_of_the_others(self):
        plan = arena.plan_of(False)
        small, large = (arena.terms(plan, arena.Contest(task, "iid", "awgn", "energy"), arena.contestant("adsgd"), arena.shapes_of(task))
                        for task in ("mnist", "mnist_mlp"))
        self.assertEqual(small["symbols"], 784 + 1)
        self.assertIn("matrix for tensor 'hidden.weight'", large)
        told = []
        arena.run(None, ["adsgd", "zsgd"], only="iid_awgn_energy", dry_run=True, tell=told.append)
        self.assertIn("left out: adsgd in mnist_mlp_iid_awgn_energy:", told[0])
        self.assertIn("2 contests, 2 methods: 36 trainings", told[1])
        with self.assertRaisesRegex(laser.Error, "adsgd has no place in any contest"):
            arena.run(None, ["adsgd"], tasks=["mnist_mlp"], dry_run=True, tell=told.append)
        with self.assertRaisesRegex(laser.Error, "which arena is to go on"):
            arena.run(None, ["zsgd"], resume=True)

    def test_what_is_wrong_is_told(self):
        for text in "lasr", "zsgd:server_rule", "zsgd:server_rule=muon":
            with self.assertRaises(laser.Error):
                arena.contestant(text)
        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaisesRegex(laser.Error, "no arena"):
                arena.enter(folder, "mine")
            with self.assertRaisesRegex(laser.Error, "no contest has 'mars'"):
                arena.run(folder, ["zsgd"], True, only="mars")


class Entering(unittest.TestCase):
    def test_the_pages_method_appears_in_the_table_and_nothing_runs_twice(self):
        small = dataclasses.replace(arena.plan_of(True), rates=(0.01, 0.1), epochs={"mnist": 2}, seeds=1, keep=1)
        small = dataclasses.replace(small, contests=small.contests[:1])
        with tempfile.TemporaryDirectory() as folder:
            arena_results.start(Path(folder), small, False)
            told = []
            arena.enter(folder, "raw", tell=told.append, method="zsgd")
            page = (Path(__file__).parents[2] / "docs" / "arena.md").read_text()
            code = re.search(r"```python\n(.*?)```", page, re.S)[1].replace('"runs/arena"', repr(folder))
            space = {"__name__": "stranger"}
            with contextlib.redirect_stderr(io.StringIO()):
                exec(code, space)
            summary = arena_report.summarize(Path(folder))
            again = arena.enter(folder, "every other", tell=told.append, compressor=space["EveryOther"]())
            filed = json.loads((Path(folder) / "runs" / small.contests[0].name / "every-other.json").read_text())
            with self.assertRaisesRegex(laser.Error, "already holds an arena"):
                arena_results.start(Path(folder), small, False)
        self.assertEqual(len(told), 1)
        self.assertEqual(summary, again)
        rows = {row["method"]: row for row in summary["contests"][0]["rows"]}
        self.assertEqual(rows["every other"]["symbols"], 3920 + 10)
        self.assertGreater(rows["every other"]["mean"], 60)
        self.assertEqual(filed["parts"]["compressor"].rsplit(".", 1)[1], "EveryOther")
        self.assertEqual(len(filed["tried"]), 2)
        self.assertLessEqual(filed["budget_use"], 1 + 1e-6)


if __name__ == "__main__":
    unittest.main()
