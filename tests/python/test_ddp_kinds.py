"""What DDP may put into a bucket, whom it averages over, and what several states have in common."""

import copy
import pickle
import unittest
import warnings

from jobs import run

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import laser
from laser.gradients import bare_name

EXACT = {"channel": "none", "start_iter": 100}


class Anything(nn.Module):
    """One parameter of every kind, each used by some number of the output that depends on the rank's batch."""

    def __init__(self, kinds):
        super().__init__()
        torch.manual_seed(7)
        for name in kinds:
            setattr(self, "p_" + name, nn.Parameter(KINDS[name]()))

    def forward(self, x):
        total = 0.0
        for p in self.parameters():
            draw = torch.randn(p.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(p.numel() + int(x)))
            product = p * (draw.to(p.dtype) if not p.is_complex() else torch.complex(draw, draw.flip(0)).to(p.dtype))
            total = total + (product.abs() if p.is_complex() else product).sum().double()
        return total


KINDS = {
    "single": lambda: torch.randn(24, 16),
    "half": lambda: torch.randn(12, 20).half(),
    "brain": lambda: torch.randn(20, 12).bfloat16(),
    "double": lambda: torch.randn(16, 10, dtype=torch.float64),
    "complex_matrix": lambda: torch.randn(12, 8, dtype=torch.complex64),
    "complex_vector": lambda: torch.randn(9, dtype=torch.complex64),
    "complex_number": lambda: torch.randn((), dtype=torch.complex64),
    "complex_double": lambda: torch.randn(10, 8, dtype=torch.complex128),
    "scalar": lambda: torch.tensor(1.5),
    "vector": lambda: torch.randn(17),
    "empty": lambda: torch.zeros(0, 5),
    "last": lambda: torch.randn(12, 6, 3, 3).contiguous(memory_format=torch.channels_last),
    "turned": lambda: torch.randn(10, 22).t(),
    "sparse_in_memory": lambda: torch.randn(14, 20)[:, ::2],
    "complex_turned": lambda: torch.randn(8, 12, dtype=torch.complex64).t(),
}


def gradients_of(rank, kinds, steps=3, hook=None, **options):
    """The gradients after some backward passes, in one vector of doubles; hook None is plain DDP."""
    warnings.simplefilter("ignore")
    model = Anything(kinds)
    ddp = DistributedDataParallel(model, bucket_cap_mb=0.001)
    if hook is not None:
        ddp.register_comm_hook(laser.LaserState(ddp, **hook), laser.laser_hook)
    for step in range(steps):
        ddp.zero_grad()
        ddp(torch.tensor(100 * step + rank)).backward()
    parts = [torch.view_as_real(p.grad) if p.is_complex() else p.grad for p in model.parameters()]
    return torch.cat([part.reshape(-1).double() for part in parts]), [p.grad.dtype for p in model.parameters()]


class EveryKind(unittest.TestCase):
    def test_all_are_averaged_as_plain_ddp_averages_them(self):
        plain = run(2, gradients_of, list(KINDS))
        hooked = run(2, gradients_of, list(KINDS), 3, EXACT)
        self.assertTrue(torch.equal(hooked[0][0], hooked[1][0]))
        self.assertEqual(plain[0][1], hooked[0][1])
        self.assertLess((hooked[0][0] - plain[0][0]).abs().max().item(), 0.02)  # the rounding of 8 bits
        for name in set(KINDS) - {"half", "brain", "empty"}:
            a, b = run(2, gradients_of, [name])[0][0], run(2, gradients_of, [name], 3, EXACT)[0][0]
            self.assertLess(((a - b).norm() / a.norm()).item(), 1e-12 if "double" in name else 1e-6, name)

    def test_replicas_agree_bit_for_bit_under_every_method(self):
        for method in "laser", "zsgd", "signum", "randomk", "sketch", "adsgd", "sgd":
            results = run(3, gradients_of, list(KINDS), 4, {"method": method, "power": 1e5, "start_iter": 1})
            for values, _ in results:
                self.assertTrue(torch.equal(values, results[0][0]), method)
                self.assertTrue(values.isfinite().all(), method)
            self.assertGreater(results[0][0].abs().max().item(), 0, method)

    def test_an_estimate_does_not_depend_on_the_order_of_memory(self):
        for name, shape in ("last", (12, 6, 3, 3)), ("turned", (22, 10)), ("sparse_in_memory", (14, 10)):
            other = run(2, estimate_in_order, name, shape, True)[0]
            plain = run(2, estimate_in_order, name, shape, False)[0]
            self.assertTrue(torch.equal(other, plain), name)

    def test_double_is_not_rounded(self):
        for kinds in ["double"], ["double", "single"]:
            a, b = run(2, gradients_of, kinds)[0][0], run(2, gradients_of, kinds, 3, {"method": "sgd", "start_iter": 0})[0][0]
            self.assertLess((a[:160] - b[:160]).abs().max().item(), 1e-14)

    def test_what_no_round_sends_is_refused_at_construction(self):
        for problem in run(2, refusals)[0]:
            self.assertRegex(problem, r"^3 .*(sparse|layout|DTensor|for a torch.nn.Module).*HINT", problem)

    def test_ignored_parameters_are_left_alone(self):
        for names, own, mean, symbols in run(2, ignoring):
            self.assertEqual(names, ["shared.weight"])
            self.assertTrue(own and mean)
            self.assertEqual(symbols, 64)


def estimate_in_order(rank, name, shape, ordered):
    warnings.simplefilter("ignore")
    model = nn.Module()
    values = KINDS[name]()
    model.p = nn.Parameter(values if ordered else values.contiguous())
    model.forward = lambda x: (model.p * torch.randn(shape, generator=torch.Generator().manual_seed(int(x)))).sum()
    ddp = DistributedDataParallel(model)
    ddp.register_comm_hook(laser.LaserState(ddp, rank=2, power=1e4, start_iter=0, min_compression_rate=1.0),
                           laser.laser_hook)
    for step in range(3):
        ddp.zero_grad()
        ddp(torch.tensor(10 * step + rank)).backward()
    return model.p.grad.contiguous()


def refusals(rank):
    told = []

    def refused(model):
        try:
            laser.LaserState(model)
            told.append("accepted")
        except laser.Error as problem:
            told.append(f"{problem.exit_code} {problem}")

    for part in nn.Embedding(10, 4, sparse=True), nn.EmbeddingBag(10, 4, sparse=True):
        refused(DistributedDataParallel(nn.Sequential(part, nn.Linear(4, 4))))
        refused(nn.Sequential(part, nn.Linear(4, 4)))
    coordinates = nn.Module()
    coordinates.p = nn.Parameter(torch.eye(4).to_sparse())
    refused(coordinates)
    refused("a model")
    from torch.distributed.tensor import Replicate, distribute_module, distribute_tensor

    mesh = dist.init_device_mesh("cpu", (2,))
    spread = distribute_module(nn.Linear(4, 4), mesh, lambda name, part, mesh: [
        part.register_parameter(key, nn.Parameter(distribute_tensor(value, mesh, [Replicate()])))
        for key, value in list(part.named_parameters(recurse=False))])
    refused(spread)
    return told


class Experts(nn.Module):
    def __init__(self, rank):
        super().__init__()
        self.shared = nn.Linear(8, 8, bias=False)
        self.expert = nn.Linear(8, 3 + rank)  # each rank has another

    def forward(self, x):
        return self.expert(self.shared(x)).square().mean()


def ignoring(rank):
    warnings.simplefilter("ignore")
    torch.manual_seed(1)
    model = Experts(rank)
    ignored = [name for name, _ in model.named_parameters() if name.startswith("expert")]
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(model, ignored)
    twin = copy.deepcopy(model)
    ddp = DistributedDataParallel(model)
    state = laser.LaserState(ddp, rank=2, channel="none", start_iter=1)
    ddp.register_comm_hook(state, laser.laser_hook)
    x = torch.randn(4, 8, generator=torch.Generator().manual_seed(rank))
    ddp(x).backward()
    twin(x).backward()
    own = torch.equal(model.expert.weight.grad, twin.expert.weight.grad)
    mean = twin.shared.weight.grad.clone()
    dist.all_reduce(mean)
    near = torch.allclose(model.shared.weight.grad, mean / 2)
    return [name for name, _ in state._shapes], own, near, state.report["symbols"]


class Groups(unittest.TestCase):
    def test_the_group_is_that_of_the_model(self):
        for kept, workers, refused in run(4, own_group):
            self.assertTrue(kept)
            self.assertEqual(workers, 2)
            self.assertRegex(refused, r"process_group has ranks .* and DDP averages over ranks .*HINT")

    def test_ranks_may_be_in_different_numbers_of_groups(self):
        self.assertEqual(run(3, uneven_groups), [[0.5, 1.0], [0.5], [1.0]])

    def test_ranks_that_disagree_are_told_what_in(self):
        for text in run(2, disagreeing):
            self.assertRegex(text, r"^3 ranks 0 and 1 have different settings: rank was 2, is 3\. HINT")
        for text in run(2, different_functions):
            self.assertRegex(text, r"^3 the ranks have different powers: \[1000\.0, 1001\.0\]")


def own_group(rank):
    warnings.simplefilter("ignore")
    pairs = [dist.new_group([0, 1]), dist.new_group([2, 3])]
    everyone = dist.new_group([0, 1, 2, 3])
    torch.manual_seed(1)
    twin = DistributedDataParallel(nn.Linear(16, 16), process_group=pairs[rank // 2])
    ddp = DistributedDataParallel(copy.deepcopy(twin.module), process_group=pairs[rank // 2])
    state = laser.LaserState(ddp, **EXACT)
    ddp.register_comm_hook(state, laser.laser_hook)
    for model in twin, ddp:
        model(torch.full((2, 16), rank + 1.0)).square().mean().backward()
    try:
        laser.LaserState(ddp, process_group=everyone)
        refused = "accepted"
    except laser.Error as problem:
        refused = str(problem)
    return torch.allclose(twin.module.weight.grad, ddp.module.weight.grad), state.processes.workers, refused


def uneven_groups(rank):
    """Rank 0 is in two groups of its own making, the others in one; the mean gradients of each."""
    warnings.simplefilter("ignore")
    means = []
    for members in [0, 1], [0, 2]:
        group = dist.new_group(members)
        if rank in members:
            ddp = DistributedDataParallel(nn.Linear(4, 4, bias=False), process_group=group)
            ddp.register_comm_hook(laser.LaserState(ddp, timeout=20, **EXACT), laser.laser_hook)
            ddp(torch.full((1, 4), float(rank))).sum().backward()
            means.append(ddp.module.weight.grad.mean().item())
    return means


def attempt(work):
    try:
        work()
        return "accepted"
    except laser.Error as problem:
        return f"{problem.exit_code} {problem}"


def disagreeing(rank):
    warnings.simplefilter("ignore")
    ddp = DistributedDataParallel(nn.Linear(16, 16))
    return attempt(lambda: laser.LaserState(ddp, rank=2 + rank))


def different_functions(rank):
    warnings.simplefilter("ignore")
    ddp = DistributedDataParallel(nn.Linear(16, 16))
    ddp.register_comm_hook(laser.LaserState(ddp, power=lambda t: 1e3 + rank, start_iter=0), laser.laser_hook)
    return attempt(lambda: ddp(torch.ones(1, 16)).sum().backward())


class SeveralStates(unittest.TestCase):
    def test_each_has_its_own_noise_the_same_on_all_ranks(self):
        results = run(4, noise_of_several)
        for rank, noises in enumerate(results):
            for other, twin in zip(noises, results[rank ^ 1]):
                self.assertTrue(torch.equal(other, twin))  # of the same group
        different = [*results[0], *results[2]]  # two states in each of two groups
        for i, one in enumerate(different):
            for other in different[:i]:
                self.assertLess(torch.corrcoef(torch.stack([one, other]))[0, 1].abs().item(), 0.1)

    def test_a_state_alone_has_the_numbers_of_the_round_itself(self):
        gradients = {"weight": torch.stack([torch.full((64, 64), 1.0), torch.full((64, 64), 1.0)])}
        aggregator = laser.Aggregator({"weight": (64, 64)}, 2, power=100.0, method="zsgd", seed=2**64 - 1)
        self.assertTrue(torch.equal(run(2, alone)[0], aggregator.round(gradients).estimate["weight"]))

    def test_the_same_stream_has_the_same_noise(self):
        for one, twin, other in run(2, asked_streams):
            self.assertTrue(torch.equal(one, twin))
            self.assertFalse(torch.equal(one, other))

    def test_a_checkpoint_keeps_the_streams(self):
        for same in run(2, streams_of_a_checkpoint):
            self.assertTrue(same)

    def test_a_budget_is_shared(self):
        for energies in run(2, sharing):
            self.assertLessEqual(sum(energies), 1000 * (1 + 1e-6))
            self.assertGreater(sum(energies), 900)
            self.assertAlmostEqual(energies[0] / energies[1], 4.0, delta=0.2)

    def test_names_are_those_of_the_bare_model(self):
        model = nn.Sequential(nn.Linear(4, 4), torch.compile(nn.Linear(4, 4)))
        self.assertEqual([bare_name(model, name) for name, _ in model.named_parameters()],
                         ["0.weight", "0.bias", "1.weight", "1.bias"])
        for names in run(1, names_when_wrapped)[0]:
            self.assertEqual(names, ["0.weight", "0.bias", "module.weight", "module.bias"])

    def test_an_aggregator_is_not_pickled_or_copied(self):
        for text in run(1, not_copied)[0]:
            self.assertRegex(text, r"^2 a \w+ is not pickled or copied\. HINT: keep its state_dict")
        self.assertEqual(pickle.loads(pickle.dumps(laser.Error("what"))).args, ("what",))


def hooked(module, group=None, **options):
    ddp = DistributedDataParallel(module, process_group=group)
    state = laser.LaserState(ddp, **{"start_iter": 0, "method": "zsgd", "power": 100.0, **options})
    ddp.register_comm_hook(state, laser.laser_hook)
    return ddp, state


def noise_of_several(rank):
    groups = [dist.new_group([0, 1]), dist.new_group([2, 3])]
    models = [hooked(nn.Linear(64, 64, bias=False), groups[rank // 2])[0] for _ in range(2)]
    for ddp in models:
        ddp(torch.ones(1, 64)).sum().backward()
    return [(ddp.module.weight.grad - 1.0).flatten() for ddp in models]


def alone(rank):
    ddp, _ = hooked(nn.Linear(64, 64, bias=False), seed=2**64 - 1)
    ddp(torch.ones(1, 64)).sum().backward()
    return ddp.module.weight.grad


def asked_streams(rank):
    models = [hooked(nn.Linear(16, 16, bias=False), stream=stream)[0] for stream in (0, 0, 7)]
    for ddp in models:
        ddp(torch.ones(1, 16)).sum().backward()
    return [ddp.module.weight.grad for ddp in models]


def streams_of_a_checkpoint(rank):
    first, one = hooked(nn.Linear(32, 32, bias=False))
    second, other = hooked(nn.Linear(32, 32, bias=False))
    first(torch.ones(1, 32)).sum().backward()
    saved = one.state_dict()
    for ddp in first, second:
        ddp.zero_grad()
    first(torch.ones(1, 32)).sum().backward()
    other.load_state_dict(saved)
    second(torch.ones(1, 32)).sum().backward()
    return torch.equal(first.module.weight.grad, second.module.weight.grad) and one.run != other.run


def sharing(rank):
    budget = laser.SharedBudget(lambda t: 1000.0)
    models = [hooked(nn.Linear(64, n, bias=False), power=budget) for n in (64, 16)]
    for ddp, _ in models:
        ddp(torch.ones(1, 64)).sum().backward()
    return [max(state.report["energy"]) for _, state in models]


def names_when_wrapped(rank):
    warnings.simplefilter("ignore")
    model = nn.Sequential(nn.Linear(4, 4))
    model.add_module("module", nn.Linear(4, 4))  # which is no wrapper's
    ddp = DistributedDataParallel(model)
    compiled = DistributedDataParallel(torch.compile(model))
    return [[name for name, _ in laser.LaserState(one)._shapes]
            for one in (model, ddp, torch.compile(model), compiled, torch.compile(ddp))]


def not_copied(rank):
    aggregator = laser.Aggregator({"weight": (4, 4)}, 2, method="zsgd")
    return [attempt(lambda: work(aggregator))
            for work in (pickle.dumps, copy.copy, copy.deepcopy, lambda one: torch.save(one, "/dev/null"))]


if __name__ == "__main__":
    unittest.main()
