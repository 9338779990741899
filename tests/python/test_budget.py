"""The budget in decibels and by the SNR of a symbol, in the words of the command; what a round tells of itself on request; the warning
before a run that cannot learn. tests/python/test_portable.py has the same of the package without a compiled core."""

import math
import unittest
import warnings

from jobs import run

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import laser
from laser import budget, portable
from laser.native import core, pairs

TEXTS = ("10dB", "-3.5dB", "10 dB", "+10dB", "10DB", "+-3dB", "++3dB", "x dB", "dB", "1e4dB", " 10dB", "nandB", "infdB", "1_0dB", "0x1dB")
SHAPES = [("a", [128, 784]), ("b", [128]), ("c", [10, 128]), ("d", [16, 3, 3, 3]), ("e", [4, 4])]


def told(work):
    try:
        return work()
    except (laser.Error, portable.Error) as problem:
        return f"{problem.exit_code} {problem}"


def number(value):
    return float(value) if not str(value).startswith("3 ") else value


def hooked(**options):
    torch.manual_seed(5)
    ddp = DistributedDataParallel(nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10)))
    state = laser.LaserState(ddp, **{"rank": 2, "start_iter": 0, "stream": 0, **options})
    ddp.register_comm_hook(state, laser.laser_hook)
    return ddp, state


def step(ddp, place):
    ddp.zero_grad()
    generator = torch.Generator().manual_seed(100 * place + dist.get_rank())
    ddp(torch.randn(8, 64, generator=generator)).square().mean().backward()
    return torch.cat([p.grad.reshape(-1) for p in ddp.parameters()])


class Decibels(unittest.TestCase):
    def test_a_power_is_read_as_by_the_command(self):
        for text in TEXTS:
            theirs = told(lambda: core.settings([("power", text)])["power"])
            self.assertEqual(number(told(lambda: budget.plain_power(text))), number(theirs), text)
        for other in None, 3, 2.5, "5", len:
            self.assertIs(budget.plain_power(other), other)

    def test_a_ratio_is_checked_as_by_the_command(self):
        for value in 500, -201, "x", 200.5:
            self.assertEqual(told(lambda: budget.check_ratio(value)), told(lambda: core.settings(pairs({"snr_db": value}))))
        for value in True, None, [3], float("nan"):
            self.assertRegex(told(lambda: budget.check_ratio(value)), r"^3 snr_db = .* is not a number")
        self.assertEqual(budget.check_ratio("-3"), -3)

    def test_power_and_ratio_that_part_are_told_as_by_the_command(self):
        shapes = [("weight", [10, 784]), ("bias", [10])]  # of the command's linear model
        for method, given in ("laser", {}), ("laser", {"transport": "two_phase", "rank": 2}), ("zsgd", {}):
            settings = {"method": method, "workers": 16, **given}
            implied = float(core.settings(pairs({"snr_db": 3, **settings}))["power"])
            self.assertAlmostEqual(budget.power_at(3, None, shapes, settings, {}) / implied, 1, delta=1e-12)
            self.assertEqual(budget.power_at(3, implied, shapes, settings, {}), budget.power_at(3, None, shapes, settings, {}))
            theirs = told(lambda: core.settings(pairs({"snr_db": 3, "power": 10, **settings})))
            self.assertRegex(theirs, "^3 power = 10 and snr_db = 3 are both given, and contradict")
            self.assertEqual(told(lambda: budget.power_at(3, 10, shapes, settings, {})), theirs)

    def test_the_aggregator_and_the_simulator_take_both(self):
        gradients = torch.randn(3, 12, 9, generator=torch.Generator().manual_seed(1))
        expected = laser.aggregate(gradients, power=100.0, rank=2)
        self.assertTrue(torch.equal(laser.aggregate(gradients, power="20dB", rank=2).estimate, expected.estimate))
        aggregator = laser.Aggregator({"w": (12, 9)}, 3, rank=2, snr_db=3.0, transport="two_phase")
        outcome = aggregator.round({"w": gradients})
        self.assertAlmostEqual(max(outcome.energy) / (10**0.3 * outcome.symbols), 1, delta=1e-5)
        self.assertRegex(told(lambda: laser.Aggregator({"w": (12, 9)}, 3, method="sgd", snr_db=3)), "^3 snr_db = 3 would have no effect")
        self.assertRegex(told(lambda: laser.Aggregator({"w": (12, 9)}, 3, snr_db=3, power=5)), "^3 power = 5 and snr_db = 3 are both")
        data = torch.randn(64, 12, generator=torch.Generator().manual_seed(2)), torch.arange(64) % 9
        record = laser.Simulator(nn.Linear(12, 9), nn.functional.cross_entropy, data, 4, "zsgd", "20dB", rounds=1, batch_size=8,
                                 progress=False).advance()
        self.assertEqual(record.power, 100.0)

    def test_symbols_and_lags_without_a_compiled_core_are_those_of_the_core(self):
        compared = 0
        for method in portable.METHODS:
            for extra in ({}, {"transport": "two_phase"}, {"transport": "one_shot"}, {"transport": "parallel"}, {"compress": "always"},
                          {"channel": "noiseless"}, {"channel": "reed"}, {"compression_factor": 0.01}, {"feedback": "none"},
                          {"feedback": "hold"}, {"feedback": "hold", "rank": 2}, {"feedback": "weighted", "receiver": "matched"},
                          {"compressor": "sweep"}, {"compressor": "sweep", "feedback": "hold"}, {"compressor": "sweep", "rank": 64},
                          {"compress": "always", "rank": 32}, {"compress": "always", "rank": 64, "transport": "two_phase"},
                          {"compressor": "top_k_pilot", "compression_factor": 0.03}, {"channel": "digital", "feedback": "none"},
                          {"channel": "digital", "feedback": "none", "air_rank": 2}):
                for shapes in SHAPES, [("a", [64, 32])], [("a", [16, 16]), ("b", [300])]:
                    settings = pairs({"method": method, **extra})
                    theirs = told(lambda: (core.symbols_a_round(shapes, settings), core.memory_lag(shapes, settings)))
                    ours = told(lambda: (portable.symbols_a_round(shapes, settings), portable.memory_lag(shapes, settings)))
                    self.assertEqual(ours, theirs, settings)
                    compared += not isinstance(theirs, str)
        self.assertGreater(compared, 900)


class TheHook(unittest.TestCase):
    def test_decibels_and_ratios_are_budgets(self):
        for found in run(2, budgets):
            self.assertEqual(found["plain"], found["decibels"])
            self.assertAlmostEqual(found["ratio"]["snr_db"], 6.0, delta=1e-9)
            self.assertAlmostEqual(found["ratio"]["power"] / found["ratio"]["symbols"], 10**0.6, delta=1e-6)
            self.assertLessEqual(max(found["ratio"]["energy"]), found["ratio"]["power"] * (1 + 1e-6))
            self.assertNotIn("snr_db", found["noiseless"])
            self.assertRegex(found["refused"], r"^3 power = 10 and snr_db = 3\.0 are both given, and contradict each other: method = laser")
            self.assertRegex(found["wrong"], r"^3 snr_db = 500 is out of range: it must be at least -200, at most 200")
            self.assertEqual(found["pickled"], found["ratio"]["power"])

    def test_a_diagnosed_round_is_the_same_one(self):
        for equal, same, found, plain, again in run(2, diagnosed):
            self.assertTrue(equal)
            self.assertTrue(same)
            self.assertTrue({"lambda", "delta", "memory_ratio", "noise_energy"} <= found.keys(), found)
            self.assertFalse({"lambda", "delta"} & plain.keys())
            self.assertNotIn("lambda", again)
            self.assertLess(abs(math.log(found["lambda"] / found["expected"])), 0.3)  # 680 symbols: ten standard errors

    def test_lambda_is_what_the_estimate_says(self):
        for measured, told_lambda in run(2, noise_by_hand):
            self.assertAlmostEqual(told_lambda / measured, 1, delta=1e-4)


def budgets(rank):
    import pickle

    warnings.simplefilter("ignore")
    found = {}
    cases = {"plain": {"power": 100.0}, "decibels": {"power": "20dB"}, "ratio": {"snr_db": 6.0, "transport": "two_phase"},
             "noiseless": {"channel": "none", "snr_db": 3}}
    for name, options in cases.items():
        ddp, state = hooked(**options)
        step(ddp, 0)
        found[name] = dict(state.report)
        if name == "ratio":
            state = pickle.loads(pickle.dumps(state))
            other = DistributedDataParallel(nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10)))
            other.register_comm_hook(state, laser.laser_hook)
            step(other, 1)
            found["pickled"] = state.report["power"]
    found["refused"] = told(lambda: hooked(snr_db=3, power=10))
    found["wrong"] = told(lambda: laser.LaserState(snr_db=500))
    return found


def diagnosed(rank):
    """Rank 1 alone asks, before the second round."""
    warnings.simplefilter("ignore")
    ddp, state = hooked(power=1e4, method="laser", transport="two_phase")
    other, asked = hooked(power=1e4, method="laser", transport="two_phase")
    reports, equal = [], True
    for place in range(3):
        if place == 1 and rank == 1:
            asked.diagnose()
        equal = equal and torch.equal(step(ddp, place), step(other, place))
        reports.append(dict(asked.report))
    lasting = [{name: value for name, value in one.state_dict().items() if torch.is_tensor(value)} for one in (state, asked)]
    zsgd, exact = hooked(power=1e4, method="zsgd")
    exact.diagnose()
    step(zsgd, 0)
    gradients = torch.stack(list(gathered(zsgd)))
    expected = 3658 / 1e4 * max(g.norm().item() for g in gradients) ** 2 / 4 / gradients.mean(0).norm().item() ** 2
    found = reports[1] | {"lambda": exact.report["lambda"], "expected": expected}
    same = all(torch.equal(lasting[0][name], lasting[1][name]) for name in lasting[0])
    return equal, same, found, reports[0], reports[2]


def gathered(ddp):
    """Every rank's own gradients of the first step, computed without DDP."""
    for rank in range(dist.get_world_size()):
        ddp.module.zero_grad()
        generator = torch.Generator().manual_seed(rank)
        ddp.module(torch.randn(8, 64, generator=generator)).square().mean().backward()
        yield torch.cat([p.grad.reshape(-1) for p in ddp.module.parameters()])


def noise_by_hand(rank):
    """Of raw gradients: their estimate less their mean, over the mean."""
    warnings.simplefilter("ignore")
    ddp, state = hooked(power=1e4, method="zsgd")
    state.diagnose()
    estimate = step(ddp, 0)
    mean = torch.stack(list(gathered(ddp))).mean(0)
    return ((estimate - mean).norm() / mean.norm()).item() ** 2, state.report["lambda"]


class Doubt(unittest.TestCase):
    def test_a_run_that_cannot_learn_is_told_of_once(self):
        for rank, (hopeless, again, fine) in enumerate(run(2, warned)):
            self.assertEqual(len(hopeless), 1 if rank == 0 else 0)
            self.assertEqual(again, [])
            self.assertEqual(fine, [])
            for text in hopeless:
                self.assertRegex(text, r"this run can hardly learn: at P = 0\.5 \(SNR -?[\d.]+ dB.*lambda.* is [\d.e+]+ at best.*HINT: power")
                self.assertNotIn("\n", text)

    def test_its_hint_is_enough(self):
        settings = {"method": "laser", "rank": 4, "workers": 4}
        shapes = [("0.weight", [128, 784]), ("0.bias", [128]), ("2.weight", [10, 128]), ("2.bias", [10])]
        text = budget.doubt(10, shapes, settings, 4)
        power = float(text.partition("power = ")[2].split()[0])
        self.assertIsNone(budget.doubt(power, shapes, settings, 4))
        for other in {"receiver": "matched"}, {"channel": "noiseless"}, {"method": "signum"}, {"channel": "digital"}:
            self.assertIsNone(budget.doubt(10, shapes, {**settings, **other}, 4), other)


def warned(rank):
    results = []
    for options in {"power": 0.5}, {"power": 1e4}:
        ddp, _ = hooked(**options)
        for _ in range(2 if options["power"] < 1 else 1):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                step(ddp, 0)
            results.append([str(one.message) for one in caught if "learn" in str(one.message)])
    return results


if __name__ == "__main__":
    unittest.main()
