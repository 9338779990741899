"""States made before their model, in Lightning, accelerate and torch.distributed.checkpoint; pickled; and another number of
ranks. What is not installed is skipped."""

import copy
import importlib.util
import io
import os
import pickle
import re
import signal
import subprocess
import sys
import tempfile
import unittest
import warnings
from pathlib import Path

from jobs import Job, run

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import laser

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = {"rank": 2, "power": 1e3, "start_iter": 0}


def needs(package):
    return unittest.skipUnless(importlib.util.find_spec(package), f"{package} is not installed")


def make(**options):
    torch.manual_seed(5)
    ddp = DistributedDataParallel(nn.Sequential(nn.Linear(32, 24), nn.ReLU(), nn.Linear(24, 10)), bucket_cap_mb=0.001)
    return ddp


def step(ddp, number, rank=None):
    rank = dist.get_rank() if rank is None else rank
    ddp.zero_grad()
    ddp(torch.randn(8, 32, generator=torch.Generator().manual_seed(100 * number + rank))).square().mean().backward()
    return torch.cat([p.grad.reshape(-1) for p in ddp.parameters()])


def lasting(state):
    return {name: value for name, value in state.state_dict().items() if torch.is_tensor(value)}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class BeforeTheModel(unittest.TestCase):
    def test_a_state_bound_later_is_that_made_with_the_model(self):
        for at_first_bucket, attached, second, third in run(2, bound_later):
            self.assertTrue(at_first_bucket)
            self.assertTrue(attached)
            self.assertRegex(second, r"this LaserState has a model\. HINT")
            self.assertRegex(third, r"no model yet\. HINT: attach\(ddp\)")

    def test_wrong_values_are_refused_before_there_is_a_model(self):
        for options, text in (({"start_iter": -1}, "start_iter"), ({"learning_rate": 1}, "learning_rate"), ({"seed": -1}, "seed")):
            with self.assertRaisesRegex(laser.Error, text):
                laser.LaserState(**options)

    def test_pickled_and_copied_states_go_on(self):
        for results in run(2, pickled):
            self.assertEqual(results, [True] * 3)


def bound_later(rank):
    expected_ddp = make()
    expected = laser.LaserState(expected_ddp, stream=0, **OPTIONS)
    expected_ddp.register_comm_hook(expected, laser.laser_hook)
    gradients = [step(expected_ddp, number) for number in range(3)]
    results = []
    for attached in False, True:
        state = laser.LaserState(stream=0, **OPTIONS)
        ddp = make()
        optimizer = torch.optim.SGD(ddp.parameters(), lr=0.1)
        state.protect(optimizer)
        if attached:
            state.attach(ddp)
        ddp.register_comm_hook(state, laser.laser_hook)
        got = [step(ddp, number) for number in range(3)]
        results.append(all(map(torch.equal, got, gradients)) and same(lasting(state), lasting(expected)))
    for work in lambda: state.attach(ddp), lambda: laser.LaserState(**OPTIONS).state_dict():
        try:
            work()
            results.append("accepted")
        except laser.Error as problem:
            results.append(str(problem))
    return results


def pickled(rank):
    ddp = make()
    state = laser.LaserState(ddp, stream=0, **OPTIONS)
    ddp.register_comm_hook(state, laser.laser_hook)
    for number in range(3):
        step(ddp, number)
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    copies = [pickle.loads(pickle.dumps(state)), copy.deepcopy(state), torch.load(file, weights_only=False)]
    expected = step(ddp, 3)
    results = []
    for one in copies:
        other = make()
        one.attach(other)
        other.register_comm_hook(one, laser.laser_hook)
        results.append(torch.equal(step(other, 3), expected))
    return results


class AnotherNumberOfRanks(unittest.TestCase):
    def test_four_two_four_keeps_the_sum_of_the_memories(self):
        for options in {}, {"transport": "two_phase"}, {"memory": "bfloat16"}, {"method": "laser_momentum"}:
            with tempfile.TemporaryDirectory() as folder:
                limit = 1e-2 if "memory" in options else 1e-6
                before = run(4, trained, folder, options, 0, 4)
                shrunk = run(2, trained, folder, options, 4, 6)
                grown = run(4, trained, folder, options, 6, 8)
                for saved, loaded in ((before, shrunk), (shrunk, grown)):
                    first, others = saved[0]["after"], [one["after"] for one in saved]
                    for name, value in first.items():
                        now = [one["loaded"][name] for one in loaded]
                        if name.startswith("memory/"):
                            total, kept = sum(one[name].double() for one in others), sum(one.double() for one in now)
                            self.assertGreater(total.norm().item(), 0)
                            self.assertLess(((kept - total).norm() / total.norm()).item(), limit, name)
                        elif name == "momentum":
                            mean = sum(one[name].double() for one in others) / len(others)
                            kept = sum(one.double() for one in now) / len(now)
                            self.assertLess(((kept - mean).norm() / mean.norm()).item(), 1e-6)
                        elif name.startswith("shared/"):
                            self.assertTrue(all(torch.equal(one, value) for one in now), name)
                self.assertTrue(all(one["position"] == (8, 4) for one in grown))

    def test_without_reshard_it_is_refused_and_a_missing_rank_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            run(4, trained, folder, {}, 0, 2)
            job = Job(2, trained, folder, {}, 2, 4, False).join()
            for problem in job.errors:
                self.assertRegex(problem, r"Error\(4\): .*is of 4 ranks.*HINT: 4 processes, another folder, or load\(\.\.\., reshard=True\)")
            next(Path(folder).glob("*-rank-0002-*")).unlink()
            for problem in Job(2, nothing_whole, folder).join().errors:
                self.assertRegex(problem, r"Error\(4\): .* at no moment those of all ranks that wrote\. HINT")

    def test_states_in_memory(self):
        from laser import resharding

        states = [{"rank": i, "ranks": 3, "iteration": 4, "runs": [["a", -1]], "setup": {"settings": {"workers": "3"}},
                   "memory/w": torch.full((1, 2, 2), float(10**i)), "shared/w/left": torch.ones(1, 2)} for i in range(3)]
        two = [resharding.of_rank(states, rank, 2) for rank in range(2)]
        self.assertEqual([one["memory/w"][0, 0, 0].item() for one in two], [1 + 5.0, 5 + 100.0])
        self.assertEqual(two[1]["setup"]["settings"]["workers"], "2")
        for wrong, text in ((states[:2], "is of rank 0 of 3"), ([], "no saved state"), ([states[0], states[2], states[1]], "in their order"),
                            ([{**states[0]}, {**states[1], "iteration": 5}, states[2]], "different iterations")):
            with self.assertRaisesRegex(laser.Error, text):
                resharding.of_rank(wrong, 0, 2)


def trained(rank, folder, options, first, last, reshard=True):
    warnings.simplefilter("ignore")
    ddp = make()
    state = laser.LaserState(ddp, **{**OPTIONS, **options})
    ddp.register_comm_hook(state, laser.laser_hook)
    loaded = {}
    if first:
        assert state.load(folder, reshard=reshard) == first
        loaded = lasting(state)
    for number in range(first, last):
        gradient = step(ddp, number)
        assert gradient.isfinite().all()
    state.save(folder)
    dist.barrier()
    settled = lasting(state)
    for name in [name for name in settled if name.startswith("pending/") and name.endswith("/left")]:
        memory = "memory/" + name[len("pending/"):-len("/left")]
        product = settled[name].transpose(-1, -2) @ settled[name[:-4] + "right"]
        settled[memory] = settled[memory].float() - product
    return {"after": {name: value for name, value in settled.items() if not name.startswith("pending/")}, "loaded": loaded,
            "position": (state.iteration, state.state_dict()["ranks"])}


def nothing_whole(rank, folder):
    warnings.simplefilter("ignore")
    ddp = make()
    return laser.LaserState(ddp, **OPTIONS).load(folder, reshard=True)


class Elastic(unittest.TestCase):
    def test_a_job_whose_rank_dies_goes_on_with_two_and_with_four_processes(self):
        with tempfile.TemporaryDirectory() as folder:
            first = self.start(4, folder, 60)
            second = self.start(2, folder, 120)
            third = self.start(4, folder)
        begins = [int(re.search(r"processes go on at step (\d+)", one)[1]) for one in (first, second, third)]
        self.assertEqual(begins[0], 0)
        self.assertGreaterEqual(begins[1], 60)
        self.assertGreaterEqual(begins[2], 120)
        losses = [[float(value) for value in re.findall(r"loss ([\d.]+)", one)] for one in (first, second, third)]
        self.assertGreater(losses[0][0], 1.0)  # of the first 20 steps, which no other start may repeat
        for one in losses[1:]:
            self.assertLess(max(one), 0.9)
        self.assertGreater(float(re.search(r"test accuracy ([\d.]+) %", third)[1]), 85)

    def start(self, ranks, folder, end_at=None):
        """What torchrun prints; at the step `end_at` one of its processes is killed."""
        from test_examples import ENVIRONMENT

        job = subprocess.Popen([sys.executable, "-m", "torch.distributed.run", "--standalone", "--local-addr", "127.0.0.1", "--nproc-per-node",
                                str(ranks), str(ROOT / "examples" / "elastic_mnist.py"), "--folder", folder, "--steps", "200"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, cwd=ROOT)
        lines, killed = [], False
        for line in job.stdout:
            lines.append(line)
            if end_at and not killed and line.startswith(f"step {end_at}:"):
                children = Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()
                os.kill(int(children[-1]), signal.SIGKILL)
                killed = True
        told = job.communicate(timeout=300)[1]
        self.assertEqual(job.returncode != 0, end_at is not None, told[-3000:])
        self.assertEqual(killed, end_at is not None)
        return "".join(lines)


class Compiled(unittest.TestCase):
    def test_a_compiled_model_sends_what_the_plain_one_sends(self):
        for apart, kept, names in run(2, compiled):
            self.assertLess(apart, 1e-5)
            self.assertTrue(kept)
            self.assertIn("memory/0.weight", names)


def compiled(rank):
    warnings.simplefilter("ignore")
    results = []
    for whole in None, "inside", "outside":
        torch._dynamo.reset()
        torch.manual_seed(5)
        model = nn.Sequential(nn.Linear(32, 24), nn.ReLU(), nn.Linear(24, 10))
        ddp = DistributedDataParallel(torch.compile(model) if whole == "inside" else model)
        state = laser.LaserState(ddp, stream=0, **OPTIONS)
        ddp.register_comm_hook(state, laser.laser_hook)
        called = torch.compile(ddp) if whole == "outside" else ddp
        gradients = [step(called, number) for number in range(4)]
        results.append((gradients, lasting(state)))
    (plain, memory), *others = results
    apart = max(((one - other).norm() / other.norm()).item() for gradients, _ in others for one, other in zip(gradients, plain))
    return apart, all(one.keys() == memory.keys() for _, one in others), sorted(memory)


class DistributedCheckpoint(unittest.TestCase):
    def test_each_rank_has_a_key_and_goes_on_bit_for_bit(self):
        with tempfile.TemporaryDirectory() as folder:
            for equal, keys in run(2, through_dcp, folder):
                self.assertTrue(equal)
                self.assertEqual(keys, ["laser.rank-0000-of-0002", "laser.rank-0001-of-0002"])
            self.assertRegex(Job(1, from_dcp, folder, None).join().errors[0], "rank-0000-of-0001")
            self.assertLess(run(1, from_dcp, folder, 2)[0], 1e-6)


def through_dcp(rank, folder):
    import torch.distributed.checkpoint as dcp

    ddp = make()
    state = laser.LaserState(ddp, stream=0, **OPTIONS)
    ddp.register_comm_hook(state, laser.laser_hook)
    for number in range(3):
        step(ddp, number)
    dcp.save({"laser": laser.Stateful(state)}, checkpoint_id=folder + "/checkpoint")
    torch.save(lasting(state), f"{folder}/lasting-{rank}.pt")
    expected = step(ddp, 3)
    other = make()
    fresh = laser.LaserState(other, stream=0, **OPTIONS)
    other.register_comm_hook(fresh, laser.laser_hook)
    dcp.load({"laser": laser.Stateful(fresh)}, checkpoint_id=folder + "/checkpoint")
    keys = sorted(dcp.FileSystemReader(folder + "/checkpoint").read_metadata().state_dict_metadata)
    return torch.equal(step(other, 3), expected), keys


def from_dcp(rank, folder, saved_by):
    import torch.distributed.checkpoint as dcp

    state = laser.LaserState(make(), stream=0, **OPTIONS)
    try:
        dcp.load({"laser": laser.Stateful(state, saved_by)}, checkpoint_id=folder + "/checkpoint")
    except dcp.api.CheckpointException as problem:  # which is no Exception
        raise RuntimeError(str(problem)) from None
    saved = [torch.load(f"{folder}/lasting-{i}.pt") for i in range(2)]
    found = lasting(state)
    return max(float((found[name] - saved[0][name] - saved[1][name]).norm()) for name in found if name.startswith("memory/"))


class Optimizers(unittest.TestCase):
    def test_a_wrapped_optimizer_is_protected(self):
        for skipped, moved in run(2, wrapped):
            self.assertTrue(skipped)
            self.assertFalse(moved)


def wrapped(rank):
    warnings.simplefilter("ignore")

    class Wrapper:  # as Lightning's and accelerate's are
        def __init__(self, optimizer):
            self.optimizer = optimizer

        def step(self):
            self.optimizer.step()

    ddp = make()
    state = laser.LaserState(power=lambda number: 0.0 if number == 1 else 1e3, rank=2, start_iter=0)
    ddp.register_comm_hook(state, laser.laser_hook)
    optimizer = Wrapper(torch.optim.SGD(ddp.parameters(), lr=0.1, momentum=0.9))
    state.protect(optimizer)
    for number in range(2):
        before = [p.detach().clone() for p in ddp.parameters()]
        step(ddp, number)
        optimizer.step()
    return state.skipped, not all(map(torch.equal, before, ddp.parameters()))


class Frameworks(unittest.TestCase):
    def run_example(self, *command):
        from test_examples import ENVIRONMENT

        done = subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True, timeout=300, env=ENVIRONMENT,
                              cwd=ROOT, check=False)
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        found = re.search(r"test accuracy ([\d.]+) %, numbers sent: one in ([\d.]+)", done.stdout)
        self.assertIsNotNone(found, done.stdout)
        self.assertGreater(float(found[1]), 50)
        self.assertGreater(float(found[2]), 2)

    @needs("lightning")
    def test_the_example_of_lightning_learns(self):
        self.run_example(ROOT / "examples" / "lightning_mnist.py", "--processes", "2")

    @needs("accelerate")
    def test_the_example_of_accelerate_learns(self):
        self.run_example("-m", "torch.distributed.run", "--standalone", "--local-addr", "127.0.0.1", "--nproc-per-node", 2,
                         ROOT / "examples" / "accelerate_mnist.py")

    @needs("lightning")
    def test_a_checkpoint_of_lightning_goes_on_bit_for_bit(self):
        self.go_on("lightning_job.py")

    @needs("accelerate")
    def test_a_checkpoint_of_accelerate_goes_on_bit_for_bit(self):
        self.go_on("accelerate_job.py")

    def go_on(self, script):
        from test_examples import torchrun

        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / script).write_text(JOBS[script])
            done = torchrun(2, Path(folder) / script, folder=folder)
            self.assertEqual(done.returncode, 0, done.stderr[-3000:])
            self.assertEqual(done.stdout.count("the same"), 2, done.stdout)


JOBS = {"lightning_job.py": """
import warnings, logging
warnings.simplefilter("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
import lightning.pytorch as lightning, torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
import laser
from laser.integrations.lightning import LaserCallback

class Module(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.net = nn.Sequential(nn.Linear(32, 24), nn.ReLU(), nn.Linear(24, 10))
    def training_step(self, batch, number):
        # Of its own numbers: where a resumed loader goes on is Lightning's.
        generator = torch.Generator().manual_seed(10 * self.global_step + self.global_rank)
        return self.net(torch.randn(8, 32, generator=generator)).square().mean()
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)

data = TensorDataset(torch.randn(160, 32, generator=torch.Generator().manual_seed(1)), torch.arange(160) % 10)

def fit(steps, path=None, keep=None):
    state = laser.LaserState(rank=2, power=1e3, start_iter=1, stream=0)
    model = Module()
    trainer = lightning.Trainer(accelerator="cpu", devices=2, strategy="ddp", max_steps=steps, max_epochs=3, logger=False,
                                enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
                                callbacks=[LaserCallback(state)])
    trainer.fit(model, DataLoader(data, 8, shuffle=False), ckpt_path=path)
    if keep:
        trainer.save_checkpoint(keep)
    return torch.cat([p.detach().reshape(-1) for p in model.parameters()]), state

whole, _ = fit(20)
fit(10, keep="half.ckpt")
resumed, state = fit(20, path="half.ckpt")
assert state.iteration == 20, state.iteration
names = [name for name in state.state_dict() if name.startswith("memory/")]
assert "memory/net.0.weight" in names, names
print("the same" if torch.equal(whole, resumed) else f"apart by {(whole - resumed).abs().max()}", flush=True)
""", "accelerate_job.py": """
import warnings
warnings.simplefilter("ignore")
import torch
from accelerate import Accelerator
from torch import nn
import laser
from laser.integrations.accelerate import attach

accelerator = Accelerator(cpu=True)

def prepared():
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(32, 24), nn.ReLU(), nn.Linear(24, 10))
    model, optimizer = accelerator.prepare(model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9))
    state = laser.LaserState(rank=2, power=1e3, start_iter=1, stream=0)
    attach(accelerator, state, model, optimizer)
    return model, optimizer, state

def train(model, optimizer, first, last):
    for number in range(first, last):
        generator = torch.Generator().manual_seed(10 * number + accelerator.process_index)
        optimizer.zero_grad()
        accelerator.backward(model(torch.randn(8, 32, generator=generator)).square().mean())
        optimizer.step()
    return torch.cat([p.detach().reshape(-1) for p in model.parameters()])

model, optimizer, state = prepared()
train(model, optimizer, 0, 5)
accelerator.save_state("checkpoint")
whole = train(model, optimizer, 5, 9)
accelerator.load_state("checkpoint")
assert state.iteration == 5 and optimizer.optimizer in state._protection._steps
resumed = train(model, optimizer, 5, 9)
print("the same" if torch.equal(whole, resumed) else f"apart by {(whole - resumed).abs().max()}", flush=True)
"""}


if __name__ == "__main__":
    unittest.main()
