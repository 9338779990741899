"""What serves where no compiled core fits the running torch, against the compiled one: settings, errors, files, rounds; and
the package with a torch that it was not built for."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import torch

import laser
from laser import portable
from laser.native import core, pairs

HERE = Path(__file__).resolve().parent
SETTINGS = [{}, {"transport": "two_phase"}, {"receiver": "mmse"}, {"memory": "bfloat16"}, {"power_shares": [1, 2.5]}, {"channel": "csit"},
            {"power": 1e16}, {"phase_share": 0.25, "transport": "two_phase"}, {"compression_factor": 0.1, "method": "randomk"},
            {"loss_rate": 1e-7}, {"warm_start": False}, {"receiver_exponent": 0.5, "receiver": "matched"}]
IDLE = [{"rank": 2, "method": "zsgd"}, {"least_gain": 0.5}, {"antennas": 3, "channel": "blind_mimo"}, {"phase_share": 0.2},
        {"power": 5, "channel": "noiseless"}, {"fill_budget": True, "channel": "noiseless"}, {"canonical": True}, {"decoder": "amp"},
        {"compression_factor": 0.5}, {"memory": "bfloat16"}, {"fading_draw": "tensor"}, {"receiver_exponent": 0.5},
        {"rank_allocation": "opt"}, {"power_shares": [1, 2], "channel": "noiseless"}, {"exchange": "exact"}]
WRONG = [{"rank": "1.5"}, {"rank": 65}, {"feedback": "locla"}, {"fill_budget": "maybe"}, {"participation": 0}, {"power_shares": [1, -1]},
         {"loss_rate": 1}, {"power": 0}, {"workers": 0}, {"compress": "alwyas"}, {"loss_rate": "nan"}, {"least_gain": -1},
         {"method": "lasr"}, {"receiver": "matched", "transport": "one_shot"}, {"receiver": "mmse", "method": "signum"},
         {"feedback": "weighted", "receiver": "mmse"}, {"memory": "bfloat16", "method": "zsgd"}, {"powr": 3}, {"seed": "x"},
         {"seed": -1}, {"seed": "99999999999999999999"}, {"phase_share": 0}, {"lead": 2}, {"compression_factor": "inf"}, {"canonical": "yes"},
         {"method": "swept", "channel": "digital"}, {"equal_norms": True, "feedback": "none", "channel": "reed"},
         {"equal_norms": True, "feedback": "none", "channel": "digital"}]


def told(work):
    try:
        work()
    except (laser.Error, portable.Error) as problem:
        return f"{problem.exit_code} {problem}"
    return "accepted"


class Settings(unittest.TestCase):
    def test_values_are_those_of_the_core(self):
        for method in portable.METHODS:
            for given in SETTINGS:
                given = {"method": method, **given}
                theirs = told(lambda: core.settings(pairs(given)))
                self.assertEqual(told(lambda: portable.settings(pairs(given))), theirs, given)
                if theirs == "accepted":
                    whole = core.settings(pairs(given))
                    self.assertEqual(portable.settings(pairs(given)), {name: whole[name] for name in portable.SETTINGS}, given)

    def test_the_lists_are_those_of_the_core(self):
        self.assertEqual(portable.setting_groups(), core.setting_groups())
        self.assertEqual(portable.setting_rows(), [list(row) for row in core.setting_rows()])
        self.assertEqual(portable.part_rows(), core.part_rows())
        for shape in (8, 9), (8,), (30, 2), (16, 3, 3, 3), (4, 4):
            for rate in 1.0, 2.0:
                self.assertEqual(portable.compression_saves(shape, 2, rate), core.compression_saves(list(shape), 2, rate))

    def test_what_is_wrong_is_told_in_the_same_words(self):
        for given in WRONG:
            theirs = told(lambda: core.settings(pairs(given)))
            self.assertNotEqual(theirs, "accepted", given)
            self.assertEqual(told(lambda: portable.settings(pairs(given))), theirs)

    def test_what_has_no_effect_is_told_alike(self):
        for given in IDLE + SETTINGS:
            self.assertEqual(portable.without_effect(pairs(given)), core.without_effect(pairs(given)), given)


    def test_the_committed_lists_are_up_to_date(self):
        sys.path.insert(0, str(HERE.parent.parent / "scripts"))
        try:
            import write_lists
        finally:
            sys.path.pop(0)
        self.assertEqual(write_lists.FILE.read_text(encoding="utf-8"), write_lists.text(), "build/python/bin/python scripts/write_lists.py")


class Files(unittest.TestCase):
    def test_each_reads_what_the_other_wrote_and_the_bytes_are_the_same(self):
        tensors = {"memory/weight": torch.randn(1, 3, 4), "a": torch.arange(5), "half": torch.randn(2, 2).bfloat16(),
                   "wide": torch.randn(7).double(), "none": torch.empty(0, 3)}
        texts = {"format": "laser ddp 2", "setup": '{"a": "\u00e9\\""}'}
        with tempfile.TemporaryDirectory() as folder:
            ours, theirs = f"{folder}/ours", f"{folder}/theirs"
            portable.write_tensors(ours, tensors, texts)
            core.write_tensors(theirs, tensors, texts)
            self.assertEqual(Path(ours).read_bytes(), Path(theirs).read_bytes())
            for read in core.read_tensors, portable.read_tensors:
                found, said = read(ours)
                self.assertTrue(all(torch.equal(found[name], value) for name, value in tensors.items()))
                self.assertEqual({name: said[name] for name in texts}, texts)
            whole = bytearray(Path(ours).read_bytes())
            for place in 4, 60, len(whole) - 3:
                spoilt = bytearray(whole)
                spoilt[place] ^= 1
                Path(ours).write_bytes(spoilt)
                self.assertRegex(told(lambda: portable.read_tensors(ours)), "^4 .*(damaged|not a valid)")


SCRIPT = """
import json, sys, warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import laser
    laser.Aggregator
    laser.LaserState
told = [str(one.message) for one in caught if str(one.message).startswith("laser")]
warnings.simplefilter("ignore")
import test_portable
print(json.dumps({"warnings": told, "numbers": test_portable.numbers(), "missing": test_portable.missing()}))
"""


def numbers():
    """Of a round of the Aggregator, and of the hook on two ranks."""
    from jobs import run
    from test_ddp import train

    draws = torch.randn(3, 12, 9, generator=torch.Generator().manual_seed(1))
    outcome = laser.aggregate(draws, power=1e3, rank=2, seed=5)
    weights = [run(2, train, 6, 25.0, options)[0]["weights"] for options in ({}, {"transport": "two_phase", "start_iter": 2})]
    return {"estimate": outcome.estimate.flatten().tolist(), "energy": outcome.energy,
            "weights": [one[::997].tolist() for one in weights]}


def missing():
    return [told(lambda: laser.Training(task="mnist")), told(lambda: laser.theory.influence_two_phase(64, 32, 2, 1e4, 0.5)),
            told(lambda: laser.aggregate(torch.randn(2, 8, 8), rank=2, power=3.0, channel_mode="physical"))]


class AnotherTorch(unittest.TestCase):
    def test_the_package_serves_with_one_warning(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(Path(laser.__file__).parent, f"{folder}/laser", ignore=shutil.ignore_patterns("_core*", "__pycache__"))
            Path(f"{folder}/laser/_build.py").write_text('TORCH = "9.9.9"\nVERSION = "0.2.0"\n')
            done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=300, check=False,
                                  env={**os.environ, "PYTHONPATH": f"{folder}:{HERE}"}, cwd=folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        found = __import__("json").loads(done.stdout.splitlines()[-1])
        self.assertEqual(len(found["warnings"]), 1)
        self.assertRegex(found["warnings"][0], r"built with torch 9\.9\.9, but torch .* is running.*HINT.*torch's own operations")
        expected = numbers()
        for name in "estimate", "energy":
            for one, other in zip(found["numbers"][name], expected[name]):
                self.assertAlmostEqual(one, other, delta=1e-5 * max(1, abs(other)))
        for one, other in zip(found["numbers"]["weights"], expected["weights"]):
            self.assertLess(max(abs(a - b) for a, b in zip(one, other)), 1e-5)
        for text in found["missing"]:
            self.assertRegex(text, r"compiled core.*HINT")


if __name__ == "__main__":
    unittest.main()
