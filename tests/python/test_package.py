"""The installed package without processes: the round, the formulas, records, event files, and what it says at import."""

import ast
import datetime
import json
import math
import mmap
import os
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import torch

import laser
from laser import native, tensorboard

ROOT = Path(__file__).resolve().parents[2]
RUN = next(path for path in sorted((ROOT / "results" / "table4").glob("laser_power-10_seed-1_*")))


class Import(unittest.TestCase):
    def test_another_torch_is_named(self):
        with self.assertRaisesRegex(ImportError, r"built with torch 2\.11\.0\+cu130, but torch 2\.13\.0 is running.*HINT"):
            native.check_torch("2.13.0", "2.11.0+cu130")
        native.check_torch(str(torch.__version__), laser._build.TORCH)
        for running in "2.13.0+cu130", "2.13.1", "2.13.0.post1+cpu":
            native.check_torch(running, "2.13.0+cpu")
        for running, built in ("2.14.0+cpu", "2.13.0+cpu"), ("2.13.0a0+git1", "2.13.0"), ("2.13.0", "2.13.0a0+git1"):
            with self.assertRaisesRegex(ImportError, "built with torch"):
                native.check_torch(running, built)

    def test_records_and_figures_need_no_torch(self):
        program = "import sys, laser; laser.load_run; laser.figures; sys.exit('torch' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", program], check=False)
        self.assertEqual(done.returncode, 0)

    def test_every_name_is_there_and_in_the_stubs(self):
        for name in laser.__all__:
            self.assertIsNotNone(getattr(laser, name), name)
        tree = ast.parse((ROOT / "python" / "laser" / "_core.pyi").read_text())
        stubs = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        core = {name for name in dir(native.core) if not name.startswith("_") and name != "version"}
        self.assertEqual(stubs, core)


class Round(unittest.TestCase):
    def test_power_without_end_gives_the_mean(self):
        gradients = torch.randn(4, 12, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        outcome = laser.aggregate(gradients, power=1e16, method="zsgd")
        self.assertLess((outcome.estimate - gradients.mean(0)).abs().max().item(), 1e-6)
        self.assertEqual(outcome.symbols, 108)
        self.assertLessEqual(max(outcome.energy), 1e16 * (1 + 1e-9))

    def test_errors_are_those_of_the_command(self):
        with self.assertRaisesRegex(laser.Error, "unknown key 'powr'; did you mean 'power'") as caught:
            laser.aggregate(torch.ones(2, 8, 8), rank=2, powr=3)
        self.assertEqual(caught.exception.exit_code, 3)

    def test_an_estimate_stays_what_it_is_and_what_nobody_holds_is_used_again(self):
        shapes = {"weight": (64, 48), "bias": (64,)}
        draws = [{name: torch.randn(2, *shape, generator=torch.Generator().manual_seed(t)) for name, shape in shapes.items()}
                 for t in range(9)]
        order = [0, 1, 2, 3, 4, 5, 5, 5, 6, 7, 8]
        reference = laser.Aggregator(shapes, 2, power=100.0, rank=2)
        expected = [{name: value.clone() for name, value in reference.round(draws[t]).estimate.items()}
                    for t in order]
        aggregator = laser.Aggregator(shapes, 2, power=100.0, rank=2)
        held = [aggregator.round(g).estimate["weight"][3:5].numpy() for g in draws[:4]]  # arrays of parts of it
        for t, part in enumerate(held):
            self.assertTrue((torch.from_numpy(part) == expected[t]["weight"][3:5]).all(), t)
        shared = aggregator.round(draws[4]).estimate["weight"]
        copy = shared.clone()
        descriptor, size, *_ = shared.untyped_storage()._share_fd_cpu_()  # as a queue hands it to another process
        with mmap.mmap(os.dup(descriptor), size) as reader:
            del shared
            for t in 5, 5, 5:
                aggregator.round(draws[t])
            self.assertTrue(torch.equal(torch.frombuffer(bytearray(reader[: 64 * 48 * 4]), dtype=torch.float32), copy.flatten()))
        with torch.inference_mode():
            inside = aggregator.round(draws[6]).estimate["weight"]
        outside = aggregator.round(draws[7]).estimate["weight"]
        self.assertFalse(inside.is_inference() or outside.is_inference(), "a round works in several threads, the mode is of one")
        with torch.inference_mode():
            made_inside = laser.Aggregator(shapes, 2, power=100.0, rank=2)
        made_inside.round(draws[0])
        outside.add_(torch.ones(64, 48, requires_grad=True))  # what is done to it is done to it alone
        last = aggregator.round(draws[8]).estimate
        self.assertFalse(last["weight"].requires_grad)
        for name, value in expected[-1].items():
            self.assertTrue(torch.equal(last[name], value), name)
        places = set()
        for t in range(6):  # a loop that holds its last result
            last = aggregator.round(draws[t])
            places.add(last.estimate["weight"].data_ptr())
        self.assertLessEqual(len(places), 2)

    def test_gradients_in_any_layout_are_read_and_left_alone(self):
        generator = torch.Generator().manual_seed(1)
        plain = torch.randn(3, 12, 9, generator=generator)
        cases = {"transposed": plain.permute(2, 1, 0).contiguous().permute(2, 1, 0),
                 "strided": torch.stack([plain, plain], -1)[..., 0], "negated": torch._neg_view(-plain),
                 "gradient": plain.clone().requires_grad_(), "numpy": plain.numpy()}
        expected = laser.Aggregator({"w": (12, 9)}, 3, power=100.0, rank=2).round({"w": plain}).estimate["w"]
        for name, given in cases.items():
            before = plain.clone()
            estimate = laser.Aggregator({"w": (12, 9)}, 3, power=100.0, rank=2).round({"w": given}).estimate["w"]
            self.assertTrue(torch.equal(torch.as_tensor(estimate), expected), name)
            self.assertTrue(torch.equal(torch.as_tensor(given), before), name)
        one = laser.Aggregator({"w": (12, 9)}, 3, power=100.0, rank=2)
        same = one.round({"w": plain[:1].expand(3, 12, 9)}).estimate["w"]  # one row for all
        other = laser.Aggregator({"w": (12, 9)}, 3, power=100.0, rank=2).round({"w": plain[:1].repeat(3, 1, 1)}).estimate["w"]
        self.assertTrue(torch.equal(same, other))

    def test_state_goes_on_exactly(self):
        shapes = {"weight": (12, 9), "bias": (12,)}
        draws = [{name: torch.randn(3, *shape, generator=torch.Generator().manual_seed(t)) for name, shape in shapes.items()}
                 for t in range(4)]
        whole = laser.Aggregator(shapes, 3, power=100.0, rank=2)
        expected = [whole.round(g).estimate["weight"] for g in draws]
        first = laser.Aggregator(shapes, 3, power=100.0, rank=2)
        for g in draws[:2]:
            first.round(g)
        second = laser.Aggregator(shapes, 3, power=100.0, rank=2)
        second.load_state_dict(first.state_dict())
        for g, estimate in zip(draws[2:], expected[2:]):
            self.assertTrue(torch.equal(second.round(g).estimate["weight"], estimate))


class Formulas(unittest.TestCase):
    def test_against_the_paper_s_arithmetic(self):
        self.assertAlmostEqual(laser.theory.influence_uncompressed(512, 4608, 1000.0), 512 * 4608 / 1000)
        self.assertAlmostEqual(laser.theory.influence_two_phase(10, 20, 2, 100.0, 0.5), 20 * 2 / 50)
        volume = laser.theory.data_volume({"linear.weight": (10, 784), "linear.bias": (10,)}, "zsgd")
        self.assertEqual((volume["symbols"], volume["bytes"]), (7850, 31400))
        self.assertAlmostEqual(sum(laser.power.schedule("linear_up", 7, 3.0)) / 7, 3.0)
        split = laser.power.split_between_factors(30, 50, 200.0)
        self.assertAlmostEqual(split["left_energy"] + split["right_energy"], 200.0)
        better = min((1 + 30 / a) * (1 + 50 / (200 - a)) for a in range(1, 200))
        self.assertLessEqual(split["amplification"], better)
        self.assertEqual(laser.power.shares("norm", [[3.0, 1.0]], [[1.0, 1.0]], [4, 4]), [[0.75, 0.25]])

    def test_a_channel_scales_to_the_budget(self):
        scales = laser.channels.superpose("awgn", [3.0, 4.0], 16.0)
        self.assertAlmostEqual(scales["amplitude"][0], 1.0)  # the largest worker spends all of it
        self.assertAlmostEqual(scales["noise_std"], 0.5)
        self.assertIn("noiseless", laser.channels.names())


class Records(unittest.TestCase):
    def test_a_run_is_read(self):
        run = laser.load_run(RUN)
        self.assertEqual(run.status, "completed")
        self.assertEqual(len(run.epochs), 50)
        self.assertEqual(run.configuration["rank"], 2)
        self.assertEqual(run.record()["power"], 10)
        self.assertEqual(max(e["ema_accuracy"] for e in run.epochs), run.summary["best_ema_accuracy"])
        self.assertEqual(len(laser.load_runs(ROOT / "results" / "table4")), 57)

    def test_what_is_damaged_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaises(FileNotFoundError):
                laser.load_run(folder)
            self.write(folder, '{"epoch":1}\n{"epo', None)
            run = laser.load_run(folder)  # still going: the cut line is not there yet
            self.assertEqual((len(run.epochs), run.status), (1, "unfinished"))
            self.write(folder, '{"epoch":1}\nnonsense\n', {"status": "completed"})
            with self.assertRaisesRegex(ValueError, "metrics.jsonl line 2"):
                laser.load_run(folder)

    @staticmethod
    def write(folder, metrics, summary):
        (Path(folder) / "config.toml").write_text("rank = 2\n")
        (Path(folder) / "metrics.jsonl").write_text(metrics)
        if summary:
            (Path(folder) / "summary.json").write_text(json.dumps(summary))


class Events(unittest.TestCase):
    def test_the_checksum_is_crc_32c(self):
        crc = (tensorboard.masked_crc(b"123456789") - 0xA282EAD8) & 0xFFFFFFFF
        self.assertEqual((crc << 15 | crc >> 17) & 0xFFFFFFFF, 0xE3069283)  # the catalogue's check value

    def test_a_run_s_events_are_its_records(self):
        run = laser.load_run(RUN)
        events = self.read(tensorboard.events_of(run))
        self.assertEqual(len(events), 1 + len(run.epochs))
        name, value = b"test_accuracy", struct.pack("<f", run.epochs[-1]["test_accuracy"])
        self.assertIn(b"\x0a" + bytes([len(name)]) + name + b"\x15" + value, events[-1])

    def test_times_are_those_of_the_run(self):
        run = laser.load_run(RUN)
        started = datetime.datetime.strptime(run.versions["started"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
        times = [struct.unpack("<d", event[1:9])[0] for event in self.read(tensorboard.events_of(run))]
        self.assertEqual(times, [started.timestamp() + place for place in range(len(run.epochs) + 1)])
        for versions in {}, {"started": "once"}:
            run.versions = versions
            self.assertAlmostEqual(tensorboard.start_of(run), (RUN / "config.toml").stat().st_mtime)

    def test_following_appends_and_the_command_ends(self):
        with tempfile.TemporaryDirectory() as folder:
            run = laser.load_run(RUN)
            whole, run.epochs = run.epochs, run.epochs[:3]
            tensorboard.export(run, Path(folder))
            file = next(Path(folder).iterdir())
            before = file.read_bytes()
            run.epochs = whole
            tensorboard.export(run, Path(folder))
            self.assertTrue(file.read_bytes().startswith(before))
            self.assertEqual(file.read_bytes(), tensorboard.events_of(run))
            done = subprocess.run([sys.executable, "-m", "laser.tensorboard", RUN, "--out", folder, "--follow"],
                                  capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            nothing = subprocess.run([sys.executable, "-m", "laser.tensorboard", "/nowhere"], capture_output=True,
                                     text=True, check=False)
            self.assertEqual(nothing.returncode, 4)

    @staticmethod
    def read(content):
        """The records of a TFRecord file, each held against its checksums."""
        events, at = [], 0
        while at < len(content):
            length, check = struct.unpack("<QI", content[at : at + 12])
            assert check == tensorboard.masked_crc(content[at : at + 8])
            data = content[at + 12 : at + 12 + length]
            assert struct.unpack("<I", content[at + 12 + length : at + 16 + length])[0] == tensorboard.masked_crc(data)
            events.append(data)
            at += 16 + length
        return events


class Simulator(unittest.TestCase):
    def test_trains_and_restores(self):
        run = laser.Training(task="mnist", workers=4, batch_size=300, epochs=1, rank=2, power=10)
        run.advance(10)
        middle = run.state_dict()
        run.advance(10)
        other = laser.Training(task="mnist", workers=4, batch_size=300, epochs=1, rank=2, power=10)
        other.load_state_dict(middle)
        other.advance(10)
        self.assertEqual(other.rounds_done, 20)
        for name, value in run.parameters().items():
            self.assertTrue(torch.equal(value, other.parameters()[name]))
        self.assertTrue(math.isclose(sum(v.numel() for v in run.parameters().values()), 7850))


if __name__ == "__main__":
    unittest.main()
