"""Settings that are not read, numbers that are none, and what may be given to a round: refused or told, never swallowed."""

import os
import subprocess
import sys
import tempfile
import unittest
import warnings
from pathlib import Path

import numpy as np
from jobs import run

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import laser
from laser.native import core
from laser.reading import groups

ROOT = Path(__file__).resolve().parents[2]
RATIO = {"snr_db"}  # no part of the algorithm: it restates the power, and is an argument of the hook's and the round's own
READ = {name for name, (_, read) in groups().items() if read} | RATIO
# Of the settings that a round reads, a value and the other settings with which it changes what the hook gives.
EFFECTS = {
    "method": ("zsgd", {}), "compressor": ("random_k", {}), "rank": (1, {}), "transport": ("two_phase", {}),
    "warm_start": (False, {}), "compress": None, "column_mode": ("sqrt_kappa", {}),
    "phase_share": (0.3, {"transport": "two_phase"}), "canonical": (True, {"transport": "one_shot"}),
    "compression_factor": (0.4, {"method": "randomk"}), "decoder": ("lmmse", {"method": "adsgd"}),
    "factor_step": (0.2, {"transport": "parallel"}), "magnitude_share": (0.1, {"compressor": "age_top_k"}),
    "feedback_strength": (0.5, {"feedback": "fitted"}), "feedback": ("decoded", {}), "receiver": ("mmse", {"method": "zsgd"}),
    "receiver_exponent": (0.4, {"method": "zsgd", "receiver": "matched"}), "worker_momentum": (0.5, {}),
    "lead": (0.5, {"worker_momentum": 0.5}), "preconditioner": ("second_moment", {"preconditioner_refresh": 1}),
    "preconditioner_power": (0.5, {"preconditioner": "second_moment", "preconditioner_refresh": 1}),
    "preconditioner_floor": (1.0, {"preconditioner": "second_moment", "preconditioner_refresh": 1}),
    "preconditioner_refresh": (2, {"preconditioner": "second_moment"}),
    "equal_norms": None,  # one worker is its own mean
    "prediction": ("matched", {"method": "zsgd", "feedback": "hold"}),
    "memory": ("bfloat16", {}), "channel": ("none", {}), "channel_mode": ("physical", {}), "allocation": ("uniform", {}),
    "power": (20.0, {}), "snr_db": (3.0, {}), "least_gain": (1.2, {"channel": "csit_trunc", "seed": 3}), "antennas": (2, {"channel": "blind_mimo"}),
    "gains": None, "channel_error": (0.3, {"channel": "csir"}), "path_loss_exponent": (3.0, {"channel": "csir"}),
    "shadowing_db": (8.0, {"channel": "csir"}), "phase_error": (0.5, {}), "timing_error": (0.3, {}), "peak_ratio": (1.5, {}),
    "fading_draw": ("tensor", {"channel": "csir"}), "power_shares": None, "participation": None, "loss_rate": (0.9, {}),
    "access": None, "air_rank": (2, {"channel": "digital", "power": 1e5}), "scale_bits": (0.0, {"channel": "digital"}),
    "exchange": None, "fill_budget": None, "precoding": ("expected", {"method": "zsgd"}),
    "rank_allocation": ("opt", {"transport": "one_shot"}), "workers": None, "seed": (5, {}),
}


def told(work):
    """What was warned of, and the error or the result."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = work()
        except laser.Error as problem:
            result = f"Error({problem.exit_code}): {problem}"
    return [str(one.message) for one in caught], result


def rounds(settings, steps=4):
    torch.manual_seed(1)
    ddp = DistributedDataParallel(nn.Sequential(nn.Linear(48, 48), nn.Linear(48, 8)))
    state = laser.LaserState(ddp, **{"start_iter": 0, "min_compression_rate": 1.0, **settings})
    ddp.register_comm_hook(state, laser.laser_hook)
    out = []
    for step in range(steps):
        ddp.zero_grad()
        ddp(torch.randn(8, 48, generator=torch.Generator().manual_seed(step))).square().mean().backward()
        out.append(torch.cat([p.grad.reshape(-1) for p in ddp.parameters()]))
    return torch.cat(out)


def every_setting(rank):
    """Of every setting of the command whether the hook refuses it, tells it, or heeds it."""
    result = {}
    for name, (_, read) in groups().items():
        if name == "model":  # the state's own first parameter
            continue
        if not read and name not in RATIO:
            result[name] = told(lambda: rounds({name: another(name)}))[1]
        elif EFFECTS[name]:
            value, others = EFFECTS[name]
            changed = told(lambda: rounds({**({} if name in RATIO else {"power": 1e3}), **others, name: value}))
            plain = told(lambda: rounds({"power": 1e3, **others}))
            same = isinstance(changed[1], str) or torch.equal(changed[1], plain[1])
            result[name] = changed[1] if isinstance(changed[1], str) else "NO EFFECT" if same else "read"
    return result


def another(name):
    default = core.settings([])[name]
    for value in "true", "false", "1", "2", "0.5", "[1, 2]", "sorted", "common", "linear_up", "round", "cuda", "cifar10", \
            "one_cycle", "adamw", "learning_rate", "bfloat16", "dirichlet", "test", "mlp":
        try:
            if value != default and core.settings([("task", "cifar10")] * (name == "augment") + [(name, value)])[name] != default:
                return value
        except laser.Error:
            continue
    return "1"


def without_effect(rank):
    cases = [{"rank": 3, "method": "zsgd"}, {"power": 5.0, "channel": "none"}, {"power": lambda t: 5.0, "channel": "none"},
             {"min_compression_rate": 4.0, "method": "randomk"}, {"error_feedback": True, "method": "zsgd"},
             {"antennas": 3}, {"phase_share": 0.3}, {"compression_factor": 0.5}, {"warm_start": False, "method": "sgd"}]
    return [(list(case), told(lambda: rounds({"min_compression_rate": None, **case}, 1))[0]) for case in cases]


def bad_values(rank):
    cases = [{"start_iter": -1}, {"start_iter": 1.5}, {"start_iter": True}, {"seed": -1}, {"seed": 2**64}, {"seed": 1.0},
             {"power": 0}, {"power": -1.0}, {"power": float("nan")}, {"power": "5"}, {"power": "x dB"}, {"snr_db": 300}, {"snr_db": "a"},
             {"snr_db": 3, "power": 5.0}, {"snr_db": 3, "power": lambda t: 5.0}, {"power": lambda t: -1.0},
             {"power": lambda t: None}, {"min_compression_rate": 0}, {"timeout": 0}, {"timeout": -3.0}, {"rank": 0},
             {"rank": 65}, {"workers": 3}, {"name": "a/b"}, {"name": ""}, {"channel": "air"}, {"method": "lasr"},
             {"on_nonfinite": "ignore"}, {"powr": 3}, {"feedback": "local", "error_feedback": False}, {"power_shares": [0]}]
    return [(str(case), told(lambda: rounds(case, 1))[1]) for case in cases]


class TheHook(unittest.TestCase):
    def test_every_setting_is_refused_or_has_its_effect(self):
        self.assertEqual(READ, EFFECTS.keys())
        for name, result in run(1, every_setting)[0].items():
            self.assertRegex(str(result), r"^read$" if name in READ else
                             rf"^Error\(3\): {name} = .* would have no effect: LaserState does not read it\. HINT: \w", name)

    def test_what_the_method_has_no_use_for_is_told(self):
        for names, messages in run(1, without_effect)[0]:
            found = [text for text in messages if f"LaserState has no use for {names[0]}" in text]
            self.assertEqual(len(found), 1, f"{names}: {messages}")

    def test_values_that_are_none_are_refused(self):
        for case, result in run(1, bad_values)[0]:
            self.assertRegex(str(result), r"^Error\(3\): ", case)

    def test_exact_rounds_are_told(self):
        for reports in run(2, exact_rounds):
            self.assertEqual([report["exact"] for report in reports], [True, True, False])
            self.assertEqual(reports[1]["energy"], [0.0, 0.0])
            self.assertEqual(reports[1]["symbols"], 64 * 64 + 64)
            self.assertGreater(min(reports[2]["energy"]), 0)


def exact_rounds(rank):
    warnings.simplefilter("ignore")
    ddp = DistributedDataParallel(nn.Linear(64, 64))
    state = laser.LaserState(ddp)
    ddp.register_comm_hook(state, laser.laser_hook)
    reports = []
    for _ in range(3):
        ddp(torch.randn(4, 64)).square().mean().backward()
        reports.append(state.report)
    return reports


class TheRound(unittest.TestCase):
    def test_settings_that_are_not_read_are_refused_or_told(self):
        for name, (_, read) in groups().items():
            if not read and name not in RATIO:
                _, result = told(lambda: laser.Aggregator({"weight": (8, 8)}, 2, **{name: another(name)}))
                self.assertRegex(str(result), rf"^Error\(3\): {name} = .* the round does not read it", name)
        plain, ratio = (laser.Aggregator({"weight": (8, 8)}, 2, rank=1, **one) for one in ({}, {"snr_db": 10.0}))
        gradients = {"weight": torch.randn(2, 8, 8)}
        self.assertFalse(torch.equal(plain.round(gradients).estimate["weight"], ratio.round(gradients).estimate["weight"]))
        for settings in {"rank": 3, "method": "zsgd"}, {"power": 5.0, "channel": "noiseless"}, {"antennas": 3}:
            messages, _ = told(lambda: laser.aggregate(torch.randn(2, 8, 8), **{"compress": "always", **settings}))
            self.assertTrue(any(f"no use for {list(settings)[0]}" in text for text in messages), settings)
        self.assertRegex(told(lambda: laser.aggregate(torch.randn(2, 8, 8), workers=3))[1], "workers is not the number of rows")

    def test_every_type_comes_back_as_it_went_in(self):
        generator = torch.Generator().manual_seed(1)
        kinds = {str(kind): torch.randn(3, 12, 10, generator=generator).to(kind)
                 for kind in (torch.float16, torch.bfloat16, torch.float32, torch.float64)}
        for tensors in [kinds, *({name: one} for name, one in kinds.items())]:
            estimate = laser.aggregate(tensors, method="sgd").estimate
            for name, one in tensors.items():
                self.assertEqual(estimate[name].dtype, one.dtype)
                exact = one.double().mean(0)
                limit = 2 * torch.finfo(one.dtype).eps
                self.assertLess((estimate[name].double() - exact).abs().max().item(), limit, name)
        single = laser.Aggregator({"weight": (8, 8)}, 2, rank=1)
        self.assertRegex(told(lambda: single.round({"weight": torch.randn(2, 8, 8).double()}))[1],
                         r"are float64 and would be rounded\. HINT: Aggregator\(\.\.\., double_precision=True\)")

    def test_arrays_of_numpy_go_in_and_out(self):
        values = np.random.default_rng(1).normal(size=(4, 12, 9))
        for kind in np.float16, np.float32, np.float64:
            outcome = laser.aggregate(values.astype(kind), power=1e4, method="zsgd")
            self.assertEqual((type(outcome.estimate), outcome.estimate.dtype), (np.ndarray, kind))
            same = laser.aggregate(torch.as_tensor(values.astype(kind)), power=1e4, method="zsgd").estimate
            self.assertTrue(np.array_equal(outcome.estimate, same.numpy()))
        mixed = laser.aggregate({"a": values, "b": torch.as_tensor(values)}, method="sgd").estimate
        self.assertIsInstance(mixed["a"], np.ndarray)
        self.assertTrue(torch.equal(torch.as_tensor(mixed["a"]), mixed["b"]))

    def test_what_is_no_gradient_is_refused_with_what_to_do(self):
        good = torch.randn(2, 8, 8)
        two = laser.Aggregator({"a": (8, 8), "b": (4,)}, 2, compress="always")
        cases = [lambda: laser.aggregate({}), lambda: laser.aggregate([[1.0]]), lambda: laser.aggregate(None),
                 lambda: laser.aggregate(torch.tensor(1.0)), lambda: laser.aggregate(torch.randn(2, 0)),
                 lambda: laser.aggregate(torch.randn(0, 2)), lambda: laser.aggregate({"a": good, "b": torch.randn(2, 0, 3)}),
                 lambda: laser.aggregate(good.int()), lambda: laser.aggregate(good.bool()), lambda: laser.aggregate(good.cfloat()),
                 lambda: laser.aggregate(good.to_sparse()), lambda: laser.aggregate(np.array(["a", "b"])),
                 lambda: laser.aggregate(np.array([None, 1])), lambda: laser.aggregate({"a": [[1.0], [2.0]]}),
                 lambda: laser.aggregate({"a": good, "b": torch.randn(3, 8)}, compress="always"),
                 lambda: laser.aggregate(torch.randn(1, 9)), lambda: laser.aggregate(torch.randn(3, 1, 9)),
                 lambda: laser.aggregate(good, seed=-1), lambda: laser.aggregate(good, power=float("inf")),
                 lambda: two.round({"a": good}), lambda: two.round({"a": good, "b": torch.randn(2, 4), "c": good}),
                 lambda: two.round(good), lambda: two.load_state_dict({}), lambda: laser.Aggregator({}, 2),
                 lambda: laser.Aggregator({"a": 3}, 2), lambda: laser.Aggregator({"a": (3, -1)}, 2),
                 lambda: laser.Aggregator({"a": (3, 4)}, 0)]
        for number, case in enumerate(cases):
            _, result = told(case)
            self.assertRegex(str(result), r"^Error\([234]\): ", f"case {number}")
            if number != 23 - 1:
                self.assertRegex(str(result), r"HINT|must be", f"case {number}")

    def test_seeds_of_64_bits(self):
        draws = [laser.aggregate(torch.ones(2, 8, 8), method="zsgd", seed=seed).estimate
                 for seed in (0, 1, 2**63 - 1, 2**63, 2**64 - 1)]
        for i, one in enumerate(draws):
            for other in draws[:i]:
                self.assertFalse(torch.equal(one, other))


class Records(unittest.TestCase):
    def test_are_read_as_utf_8_in_every_locale(self):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "config.toml").write_bytes('data_dir = "Größe/数据"\n'.encode())
            (Path(folder) / "summary.json").write_bytes('{"status": "completed", "note": "µ"}'.encode())
            (Path(folder) / "metrics.jsonl").write_bytes('{"epoch": 1, "note": "ä"}\r\n'.encode())
            (Path(folder) / "versions.json").write_bytes('{"host": "é"}'.encode())
            code = f"import laser; r = laser.load_run({folder!r}); print(ascii((r.configuration, r.summary, r.epochs, r.versions)))"
            outputs = {subprocess.run([sys.executable, "-X", f"utf8={mode}", "-c", code], capture_output=True, text=True,
                                      check=True, env={**os.environ, "LC_ALL": locale}).stdout
                       for locale, mode in (("C", 0), ("C.UTF-8", 0), ("POSIX", 0), ("C", 1))}
            self.assertEqual(len(outputs), 1)
            self.assertIn(ascii("Größe/数据"), outputs.pop())
            (Path(folder) / "summary.json").write_bytes(b'{"status": "\xff"}')
            with self.assertRaisesRegex(ValueError, r"summary\.json: not UTF-8"):
                laser.load_run(folder)


if __name__ == "__main__":
    unittest.main()
