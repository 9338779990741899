"""The DDP hook: against the simulator, over bucket sizes and ranks; resume; what is not finite; lost ranks.

One in LASER_RUNS=20 of the repeated tests runs where the variable is set (label slow), a few otherwise.
"""

import os
import signal
import sys
import tempfile
import time
import unittest
import warnings
from collections import OrderedDict
from pathlib import Path

from jobs import Job, run

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import laser

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples"))
RUNS = int(os.environ.get("LASER_RUNS", "4"))
BUCKETS = {"64 KB": 64e3 / 2**20, "1 MB": 1.0, "25 MB": 25.0}  # in DDP's MiB


class Net(nn.Module):
    """1.3 MB of parameters: matrices, a convolution, biases and a normalisation."""

    def __init__(self):
        super().__init__()
        self.front = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.LayerNorm(256)
        self.first = nn.Linear(256, 448)
        self.second = nn.Linear(448, 448)
        self.last = nn.Linear(448, 10)
        self.side = nn.Linear(40, 40)

    def forward(self, x, everything=True):
        x = self.norm(self.front(x).flatten(1))
        x = torch.relu(self.second(torch.relu(self.first(x))))
        return self.last(x) + self.side(x[:, :40])[:, :10] if everything else self.last(x)


def make_net(kind=torch.float32):
    torch.manual_seed(3)
    return Net().to(kind)


def batch(step, rank, kind=torch.float32):
    generator = torch.Generator().manual_seed(1000 * step + rank)
    return (torch.randn(4, 1, 8, 8, generator=generator).to(kind), torch.randint(10, (4,), generator=generator))


def loss_of(model, step, rank, kind=torch.float32, **options):
    x, y = batch(step, rank, kind)
    return nn.functional.cross_entropy(model(x, **options).float(), y)


def optimizer_of(model):
    return torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-4)


def weights_of(model):
    return torch.cat([p.detach().float().reshape(-1) for p in model.parameters()])


def train(rank, steps, bucket_mb=25.0, options=None, hook=None, save=None, die=None, every=0, spoil=None, kind=None,
          ddp_options=None, zero=False):
    """A plain DDP loop with the hook; the weights, what lasts, and what the state counted."""
    warnings.simplefilter("ignore")
    kind = kind or torch.float32
    model = make_net(kind)
    ddp = DistributedDataParallel(model, bucket_cap_mb=bucket_mb, **(ddp_options or {}))
    state = laser.LaserState(ddp, **{"power": 1e4, "start_iter": 0, "min_compression_rate": 1.0, **(options or {})})
    ddp.register_comm_hook(state, hook or laser.laser_hook)
    optimizer = optimizer_of(model)
    state.protect(optimizer)
    first = 0
    if save and Path(save).is_dir():
        first = state.load(save)
        if first:
            saved = torch.load(Path(save) / f"model-{first}.pt")
            model.load_state_dict(saved["model"])
            optimizer.load_state_dict(saved["optimizer"])
    before = None
    for step in range(first, steps):
        if die == (rank, step):
            os.kill(os.getpid(), signal.SIGKILL)
        optimizer.zero_grad()
        loss = loss_of(ddp, step, rank, kind, everything=not (ddp_options or {}).get("find_unused_parameters", False))
        if spoil == (rank, step):
            loss = loss * float("nan")
        if spoil and spoil[1] == step:
            before = (weights_of(model), state.state_dict())
        (loss * 0 if zero else loss).backward()
        optimizer.step()
        if spoil and spoil[1] == step:
            after = state.state_dict()
            assert state.skipped
            gradient = torch.cat([p.grad.reshape(-1) for p in model.parameters() if p.grad is not None] or [torch.zeros(1)])
            kept = all(torch.equal(value, after[name]) for name, value in before[1].items() if torch.is_tensor(value))
            before = (torch.equal(before[0], weights_of(model)), kept, bool(gradient.isnan().all()))
        if every and (step + 1) % every == 0:
            state.save(save)
            if rank == 0:
                torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()},
                           Path(save) / f"model-{step + 1}.pt")
            dist.barrier()
    lasting = {name: value for name, value in state.state_dict().items() if torch.is_tensor(value)}
    return {"weights": weights_of(model), "lasting": lasting, "stats": state.compression_stats(), "before": before,
            "skips": state.skips, "report": state.report}


def simulate(workers, steps, **settings):
    """The same training in one process that holds all workers."""
    model = make_net()
    optimizer = optimizer_of(model)
    names = dict(model.named_parameters())
    shapes = {name: tuple(p.shape) for name, p in names.items()}
    aggregator = laser.Aggregator(shapes, workers, power=1e4, rank=4, seed=1, compress="saves", **settings)
    for step in range(steps):
        rows = {name: [] for name in names}
        for worker in range(workers):
            for name, gradient in zip(names, torch.autograd.grad(loss_of(model, step, worker), names.values())):
                rows[name].append(gradient)
        estimate = aggregator.round({name: torch.stack(row) for name, row in rows.items()}).estimate
        for name, p in names.items():
            p.grad = estimate[name]
        optimizer.step()
    return weights_of(model)


class AgainstTheSimulator(unittest.TestCase):
    def test_fifty_rounds_on_1_2_and_4_ranks_with_three_bucket_sizes(self):
        for ranks in 1, 2, 4:
            expected = simulate(ranks, 50)
            for name, size in BUCKETS.items():
                results = run(ranks, train, 50, size, {"exchange": "exact"})
                for result in results:
                    self.assertTrue(torch.equal(result["weights"], results[0]["weights"]), "ranks agree bit for bit")
                self.assertLess((results[0]["weights"] - expected).abs().max().item(), 1e-5, f"{ranks} ranks, {name}")
                if size == min(BUCKETS.values()):
                    first = results[0]["weights"]
                self.assertTrue(torch.equal(results[0]["weights"], first), "buckets do not matter, bit for bit")

    def test_the_other_methods_on_two_ranks(self):
        for method in "zsgd", "signum", "randomk", "sgd":
            got = run(2, train, 10, 64e3 / 2**20, {"method": method})[0]["weights"]
            self.assertLess((got - simulate(2, 10, method=method)).abs().max().item(), 1e-5, method)

    def test_mnist_is_the_command_s_training(self):
        import mnist

        images, labels = mnist.load(ROOT / "data" / "mnist", "train")
        for ranks in 1, 2, 4:
            settings = {"task": "mnist", "workers": ranks, "batch_size": 1200 // ranks, "epochs": 1, "rank": 2, "power": 10}
            simulator = laser.Training(**settings)
            start = simulator.parameters()
            results = run(ranks, train_mnist, images, labels, start, ranks, 1200 // ranks)
            simulator.advance(50)
            expected = torch.cat([value.reshape(-1) for value in simulator.parameters().values()])
            self.assertLess((results[0] - expected).abs().max().item(), 1e-5, f"{ranks} ranks")


def train_mnist(rank, images, labels, start, ranks, batch_size):
    from laser.native import core

    model = nn.Sequential(OrderedDict(linear=nn.Linear(784, 10)))
    model.load_state_dict(start)
    ddp = DistributedDataParallel(model)
    state = laser.LaserState(ddp, rank=2, power=10.0, start_iter=0, min_compression_rate=1.0, exchange="exact")
    ddp.register_comm_hook(state, laser.laser_hook)
    optimizer = torch.optim.SGD(ddp.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    order = core.epoch_order(60000, ranks, batch_size, 1, 0, rank)
    for step in range(50):
        chosen = order[step * batch_size : (step + 1) * batch_size]
        optimizer.zero_grad()
        nn.functional.cross_entropy(ddp(images[chosen].flatten(1)), labels[chosen]).backward()
        optimizer.step()
    return weights_of(model)


class PowerSgd(unittest.TestCase):
    def test_without_a_channel_the_hook_is_powersgd(self):
        result = run(2, powersgd_rounds)
        for got, expected in result:
            self.assertLess((got - expected).abs().max().item(), 1e-5)


def powersgd_rounds(rank):
    """Three rounds of the hook on one matrix, and PowerSGD written down."""
    model = nn.Linear(24, 16, bias=False)
    ddp = DistributedDataParallel(model)
    state = laser.LaserState(ddp, rank=2, channel="none", start_iter=0, min_compression_rate=1.0)
    ddp.register_comm_hook(state, laser.laser_hook)
    q = state.state_dict()["shared/weight/right"].t().double()  # [n, r]
    memory = torch.zeros(2, 16, 24, dtype=torch.float64)
    for step in range(3):
        inputs = [torch.randn(8, 24, generator=torch.Generator().manual_seed(10 * step + r)) for r in range(2)]
        model.zero_grad()
        (ddp(inputs[rank]) * inputs[rank][:, :16]).sum().backward()
        gradients = torch.stack([x[:, :16].t().double() @ x.double() for x in inputs])
        message = memory + gradients
        basis = torch.linalg.qr(message.mean(0) @ torch.linalg.qr(q)[0])[0]
        own = message.transpose(1, 2) @ basis  # [2, n, r]
        q = own.mean(0)
        expected = basis @ q.t()
        memory = message - basis @ own.transpose(1, 2)
    return model.weight.grad, expected.float()


class ManyBuckets(unittest.TestCase):
    def test_every_run_with_many_buckets_finishes(self):
        finished = 0
        for i in range(RUNS):
            ranks = (1, 2, 4, 8)[i % 4] if RUNS >= 20 else (2, 4)[i % 2]
            results = run(ranks, train, 8, 0.02, {"start_iter": 2, "seed": i})
            finished += all(torch.equal(r["weights"], results[0]["weights"]) for r in results)
        self.assertEqual(finished, RUNS)


class Resume(unittest.TestCase):
    def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(self):
        exact = 0
        for options in [{}, {"channel": "none"}, {"method": "randomk"}, {"warm_start": False, "start_iter": 3},
                        {"transport": "two_phase", "column_mode": "sqrt_kappa"}]:
            with tempfile.TemporaryDirectory() as folder:
                whole = run(2, train, 12, 0.1, options)
                run(2, train, 6, 0.1, options, None, folder, None, 6)
                resumed = run(2, train, 12, 0.1, options, None, folder)
                same = all(torch.equal(a["weights"], b["weights"]) and a["lasting"].keys() == b["lasting"].keys() and
                           all(torch.equal(a["lasting"][n], b["lasting"][n]) for n in a["lasting"])
                           for a, b in zip(whole, resumed))
                exact += same
        self.assertEqual(exact, 5)

    def test_without_the_error_memory_it_would_not_be(self):
        with tempfile.TemporaryDirectory() as folder:
            whole = run(2, train, 12)
            run(2, train, 6, 25.0, None, None, folder, None, 6)
            for path in Path(folder).glob("laser-*"):
                forget_memory(path)
            resumed = run(2, train, 12, 25.0, None, None, folder)
        self.assertFalse(torch.equal(whole[0]["weights"], resumed[0]["weights"]))

    def test_what_does_not_fit_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            run(2, train, 2, 25.0, None, None, folder, None, 2)
            job = Job(2, train, 4, 25.0, {"rank": 2}, None, folder).join()
            for problem in job.errors:
                self.assertRegex(problem, r"Error\(4\): the saved state is of other settings: rank was 4, is 2")
            shard = sorted(Path(folder).glob("laser-*"))[0]
            content = bytearray(shard.read_bytes())
            content[-1] ^= 1
            shard.write_bytes(content)
            job = Job(2, train, 4, 25.0, None, None, folder).join(20)
            self.assertRegex(job.errors[0], r"Error\(4\): .*laser-")


def forget_memory(path):
    from laser.ddp_saving import POSITION
    from laser.native import core

    tensors, texts = core.read_tensors(str(path))
    texts = {name: text for name, text in texts.items() if name in (*POSITION, "format")}
    core.write_tensors(str(path), {n: t * (not n.startswith("memory/")) for n, t in tensors.items()}, texts)


class NotFinite(unittest.TestCase):
    def test_skip_leaves_weights_and_memory_as_they_were_on_every_rank(self):
        for result in run(4, train, 6, 0.1, {"on_nonfinite": "skip"}, None, None, None, 0, (2, 3)):
            weights_kept, memory_kept, _ = result["before"]
            self.assertTrue(weights_kept and memory_kept)
            self.assertEqual(result["skips"], 1)
            self.assertTrue(result["weights"].isfinite().all())

    def test_stop_raises_the_same_error_on_every_rank(self):
        job = Job(4, train, 6, 0.1, {"on_nonfinite": "stop"}, None, None, None, 0, (2, 3)).join(60)
        self.assertEqual(job.hanging, [])
        self.assertEqual(len(set(job.errors)), 1)
        self.assertRegex(job.errors[0], r"Error\(5\): the gradient of 'front.weight' at rank 2 is not finite in iteration 3")


class LostRank(unittest.TestCase):
    def test_all_end_and_name_it_and_the_checkpoint_goes_on(self):
        whole = run(4, train, 20, 0.1)
        with tempfile.TemporaryDirectory() as folder:
            start = time.time()
            job = Job(4, train, 20, 0.1, None, None, folder, (2, 12), 5).join(60)
            self.assertLess(time.time() - start, 30)
            self.assertEqual(job.hanging, [])
            self.assertEqual(job.codes[2], -signal.SIGKILL)
            for rank in 0, 1, 3:
                self.assertRegex(job.errors[rank] or "", r"Error\(7\): lost .*rank 2 \(process \d+\)")
            resumed = run(4, train, 20, 0.1, None, None, folder)
        for a, b in zip(whole, resumed):
            self.assertTrue(torch.equal(a["weights"], b["weights"]))


class Gradients(unittest.TestCase):
    def test_all_zero_gradients_stay_finite_and_zero(self):
        for kind in torch.float32, torch.bfloat16:
            for options in {"rank": 1}, {"rank": 4}, {"channel": "none"}, {"method": "signum"}:
                weights = run(2, train, 3, 0.1, options, None, None, None, 0, None, kind, None, True)[0]["weights"]
                self.assertTrue(weights.isfinite().all(), f"{kind} {options}")

    def test_half_precision_gradients_are_sent_as_float32(self):
        for kind in torch.bfloat16, torch.float16:
            results = run(2, train, 6, 0.1, None, None, None, None, 0, None, kind)
            self.assertTrue(torch.equal(results[0]["weights"], results[1]["weights"]))
            self.assertTrue(results[0]["weights"].isfinite().all())
            self.assertEqual({t.dtype for t in results[0]["lasting"].values()}, {torch.float32})

    def test_the_bf16_wrapper_rounds_and_finishes_with_many_buckets(self):
        plain = run(2, train, 4, 0.02)
        rounded = run(2, train, 4, 0.02, None, laser.bf16_wrapper(laser.laser_hook))
        self.assertTrue(torch.equal(rounded[0]["weights"], rounded[1]["weights"]))
        distance = (rounded[0]["weights"] - plain[0]["weights"]).abs().max().item()
        self.assertGreater(distance, 0)
        self.assertLess(distance, 0.02)

    def test_parameters_without_a_gradient(self):
        results = run(2, train, 5, 0.1, None, None, None, None, 0, None, None, {"find_unused_parameters": True})
        self.assertTrue(torch.equal(results[0]["weights"], results[1]["weights"]))

    def test_accumulated_gradients_are_sent_once(self):
        for rounds, symbols in run(2, accumulate):
            self.assertEqual(rounds, 3)
            self.assertGreater(symbols, 0)

    def test_what_was_sent_is_counted_and_within_the_budget(self):
        result = run(2, train, 4)[0]
        rate, before, after = result["stats"]
        self.assertEqual(before, 4 * sum(p.numel() for p in make_net().parameters()))
        self.assertGreater(rate, 20)
        self.assertAlmostEqual(rate, before / after)
        self.assertEqual(len(result["report"]["energy"]), 2)
        self.assertLessEqual(max(result["report"]["energy"]), 1e4 * (1 + 1e-6))

    def test_a_model_of_vectors_only(self):
        for result in run(2, vectors_only):
            self.assertLess((result - torch.full((6,), 1.5)).abs().max().item(), 1e-6)

    def test_sharded_models_are_refused_with_a_pointer(self):
        self.assertRegex(run(1, sharded)[0], r"sharded by FSDP.*docs/pytorch.md")


def accumulate(rank):
    ddp = DistributedDataParallel(make_net(), bucket_cap_mb=0.1)
    state = laser.LaserState(ddp, start_iter=0)
    ddp.register_comm_hook(state, laser.laser_hook)
    for step in range(6):
        if step % 2 == 0:
            with ddp.no_sync():
                loss_of(ddp, step, rank).backward()
        else:
            loss_of(ddp, step, rank).backward()
    return state.iteration, state.report["symbols"]


class Scales(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(6))

    def forward(self, x):
        return (self.scale * x).sum()


def vectors_only(rank):
    warnings.simplefilter("ignore")
    model = Scales()
    ddp = DistributedDataParallel(model)
    ddp.register_comm_hook(laser.LaserState(ddp, channel="none", start_iter=0), laser.laser_hook)
    ddp(torch.full((6,), 1.0 + rank)).backward()
    return model.scale.grad


def sharded(rank):
    from torch.distributed.fsdp import fully_shard

    model = nn.Linear(4, 4)
    fully_shard(model, mesh=dist.init_device_mesh("cpu", (1,)))
    try:
        laser.LaserState(model)
    except laser.Error as problem:
        return str(problem)
    return "accepted"


if __name__ == "__main__":
    unittest.main()
