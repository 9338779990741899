"""The round by torch's own operations: equal to the compiled one, without a wait for its device, on many ranks; and where it
takes the compiled round's place."""

import itertools
import unittest
import unittest.mock
import warnings

from jobs import run

import torch
import torch.distributed as dist

import laser
from laser import device_random
from laser.device_round import DeviceRound, refusal
from laser.native import core, pairs

SHAPES = {"weight": (24, 30), "bias": (24,), "kernel": (16, 8, 3, 3), "thin": (40, 2), "last": (7,)}
SIZE = sum(torch.Size(shape).numel() for shape in SHAPES.values())
METHODS = [name for role, name, _, _ in core.part_rows() if role == "method" and not refusal(core.settings([("method", name)]), {})]
CHANNELS = [name for role, name, _, _ in core.part_rows() if role == "channel" and name not in ("trace", "digital", "reed")]
ALLOCATIONS = [name for role, name, _, _ in core.part_rows() if role == "allocation"]
MORE = [  # what else a round reads
    {"transport": "two_phase", "column_mode": "sqrt_kappa"}, {"column_mode": "sqrt_kappa"},
    {"transport": "one_shot", "canonical": True}, {"transport": "one_shot", "rank_allocation": "opt"},
    {"feedback": "none"}, {"feedback": "decoded"}, {"feedback": "decoded", "method": "sketch"},
    {"feedback": "local", "method": "signum"}, {"feedback": "weighted", "receiver": "matched", "method": "randomk"},
    {"receiver": "mmse"}, {"receiver": "mmse", "transport": "two_phase"}, {"receiver": "mmse_genie"},
    {"fill_budget": True, "transport": "two_phase"}, {"fill_budget": True, "channel": "sum_power"},
    {"power_shares": [1, 2, 0.5]}, {"power_shares": [1, 2], "channel": "saturating"}, {"power_shares": [1, 2], "channel": "csit"},
    {"warm_start": False}, {"warm_start": False, "transport": "two_phase"}, {"method": "adsgd", "decoder": "lmmse"},
    {"method": "adsgd", "decoder": "amp"}, {"method": "adsgd", "decoder": "amp", "compression_factor": 0.9, "power": 1e6},
    {"double": True}, {"double": True, "method": "adsgd"}, {"compress": "saves"}, {"rank": 1, "workers": 1}, {"power": 0.0},
]
AWAY = {"loss_rate": 0.3, "participation": 0.8, "fading_draw": "tensor", "least_gain": 1.0}


def both(workers=4, seed=7, double=False, **settings):
    """The compiled round and this one."""
    plain = {"workers": workers, "compress": "always", "compression_factor": 0.3, **settings}
    compiled = core.Aggregator([(name, list(shape)) for name, shape in SHAPES.items()], pairs(plain), None, double, seed, {})
    return Flat(compiled), device_round(workers, seed, double, **settings)


class Flat:
    """The compiled round for gradients [K, d] of all tensors together."""

    def __init__(self, compiled):
        self._compiled = compiled

    def round(self, index, power, given, diagnose=False):
        sizes = [torch.Size(shape).numel() for shape in SHAPES.values()]
        return self._compiled.round(index, power, [part.contiguous() for part in given.split(sizes, 1)], diagnose)

    def __getattr__(self, name):
        return getattr(self._compiled, name)


def device_round(workers=4, seed=7, double=False, device="cpu", group=None, first_worker=0, **settings):
    settings = {"workers": workers, "compress": "always", "compression_factor": 0.3, **settings}
    return DeviceRound(list(SHAPES.items()), core.settings(pairs(settings)), workers, seed, device, double, group, first_worker)


def gradients(number, workers=4, double=False, vanishing=False):
    drawn = torch.randn(workers, SIZE, generator=torch.Generator().manual_seed(number), dtype=torch.float64)
    if vanishing:
        drawn[:, : 24 * 30] = 0
    drawn = drawn * torch.linspace(0.5, 2, workers, dtype=torch.float64).view(-1, 1)
    return drawn if double else drawn.float()


def distance(one, other):
    return float((one - other).double().norm() / other.double().norm().clamp(min=1e-30))


class AgainstTheCompiledRound(unittest.TestCase):
    def compare(self, limit=1e-5, rounds=3, power=50.0, vanishing=False, **settings):
        workers, double = settings.get("workers", 4), settings.get("double", False)
        warnings.simplefilter("ignore")
        compiled, here = both(**settings)
        for number in range(rounds):
            given = gradients(number, workers, double, vanishing)
            expected, estimate = compiled.round(number, power, given, True), here.round(number, power, given, True)
            self.assertLess(distance(estimate, expected), limit, settings)
            theirs, ours = compiled.report(), here.report()
            self.assertEqual(theirs.keys(), ours.keys(), settings)
            for name in theirs:
                if name in ("symbols", "unheard"):
                    self.assertEqual(theirs[name], ours[name], settings)
                elif name == "largest":  # bounds
                    self.assertTrue(all(one <= other * (1 + 1e-5) + 1e-12 for one, other in zip(ours[name], theirs[name])), settings)
                elif name == "energy":
                    for one, other in zip(theirs[name], ours[name]):
                        self.assertAlmostEqual(one, other, delta=1e-5 * max(one, 1e-6), msg=settings)
                else:
                    self.assertAlmostEqual(theirs[name], ours[name], delta=max(limit, 1e-5) * max(abs(theirs[name]), 1),
                                           msg=f"{name} {settings}")
        theirs, ours = compiled.state(), here.state()
        self.assertEqual(theirs.keys(), ours.keys(), settings)
        for name in theirs:
            # A memory of a tensor of full rank is nothing but rounding; messages here have norms of 1 and more.
            off = float((theirs[name] - ours[name]).double().norm() / theirs[name].double().norm().clamp(min=1))
            self.assertLess(off, 4 * limit, f"{name} {settings}")

    def test_every_method_transport_and_channel(self):
        compared = 0
        for method, channel in itertools.product(METHODS, CHANNELS):
            plain = core.settings(pairs({"method": method}))
            transports = ["alternating", "two_phase", "one_shot"] if plain["compressor"] == "low_rank" else [None]
            for transport in transports:
                if transport == "one_shot" and plain["receiver"] == "matched":
                    continue  # not linear: the core refuses it
                given = {"method": method, "channel": channel} | ({"transport": transport} if transport else {})
                self.compare(**given)
                compared += 1
        self.assertGreaterEqual(compared, 150)

    def test_lost_messages_and_workers_that_are_away(self):
        for channel, transport in itertools.product(CHANNELS, ("alternating", "two_phase", "one_shot")):
            self.compare(channel=channel, transport=transport, **AWAY)

    def test_every_allocation_receiver_feedback_and_option(self):
        for allocation in ALLOCATIONS:
            self.compare(allocation=allocation, transport="two_phase")
        for more in MORE:
            self.compare(**more)

    def test_columns_that_vanish_are_replaced_alike(self):
        for transport in "alternating", "two_phase", "one_shot":
            self.compare(transport=transport, vanishing=True)

    def test_a_bfloat16_memory_is_rounded_by_the_same_words(self):
        # Where sums differ in their last bit, a number in 10^5 is rounded the other way, by 2^-8 of itself.
        for transport in "alternating", "two_phase":
            self.compare(1e-3, memory="bfloat16", transport=transport, loss_rate=0.3)
        compiled, here = both(memory="bfloat16")
        compiled.round(0, 50.0, gradients(0))
        here.round(0, 50.0, gradients(0))
        same = compiled.state()["memory/weight"] == here.state()["memory/weight"]
        self.assertGreater(same.double().mean().item(), 0.999)

    def test_a_state_goes_from_one_to_the_other_and_back(self):
        for settings in {}, {"transport": "two_phase"}, {"method": "laser_momentum"}, {"memory": "bfloat16"}:
            compiled, here = both(**settings)
            for number in range(3):
                compiled.round(number, 50.0, gradients(number))
            here.load_state(compiled.state())
            self.assertLess(distance(here.round(3, 50.0, gradients(3)), compiled.round(3, 50.0, gradients(3))), 1e-5)
            compiled.load_state(here.state())
            self.assertLess(distance(compiled.round(4, 50.0, gradients(4)), here.round(4, 50.0, gradients(4))), 1e-5)

    def test_normal_numbers_are_those_of_the_kernels_within_an_ulp(self):
        shape = (64, 4096)  # whose first factors are 64 x 64 and 64 x 4096 numbers of two streams
        settings = pairs({"rank": 64, "compress": "always", "workers": 1})
        state = core.Aggregator([("w", list(shape))], settings, None, False, 2**63 + 5, {}).state()
        drawn = device_random.Normals(2**63 + 5, "cpu").draw(0, [(device_random.WARM_START, 0, 0, 64 * 64),
                                                                  (device_random.WARM_START, 0, 1, 64 * 4096)])
        for ours, name in zip(drawn, ("left", "right")):
            theirs = state[f"shared/w/{name}"].view(-1)
            apart = (ours.view(torch.int32).long() - theirs.view(torch.int32).long()).abs()
            self.assertLessEqual(int(apart.max()), 1)
            self.assertGreater((apart == 0).double().mean().item(), 0.999)


class Refusals(unittest.TestCase):
    def test_what_is_left_to_the_compiled_round_is_named(self):
        for settings in ({"channel_mode": "physical"}, {"exchange": "exact"}, {"phase_error": 0.1}, {"peak_ratio": 4},
                         {"channel": "csir", "channel_error": 0.1}, {"channel": "digital"}, {"compressor": "top_k_mean"}):
            with self.assertRaisesRegex(laser.Error, rf"{list(settings)[-1]} = [\w.]+ is not computed on a device.*HINT") as caught:
                device_round(**settings)
            self.assertEqual(caught.exception.exit_code, 3)
        with self.assertRaisesRegex(laser.Error, "rank = 64 fits no layer.*HINT"):
            device_round(rank=64, compress="saves")

    def test_a_number_that_is_not_finite_changes_nothing_and_is_named(self):
        for settings in {}, {"transport": "two_phase"}, {"method": "laser_momentum"}, {"memory": "bfloat16"}, {"method": "randomk"}:
            here, twin = device_round(**settings), device_round(**settings)
            for number in range(2):
                here.round(number, 50.0, gradients(number))
                twin.round(number, 50.0, gradients(number))
            spoilt = gradients(2)
            spoilt[1, 24 * 30 + 3] = float("inf")
            self.assertTrue(here.round(2, 50.0, spoilt).isnan().all())
            with self.assertRaisesRegex(laser.Error, "of tensor 'bias' at worker 1 is not finite in round 2.*HINT") as caught:
                here.report()
            self.assertEqual(caught.exception.exit_code, 5)
            kept, expected = here.state(), twin.state()
            self.assertTrue(all(torch.equal(kept[name], expected[name]) for name in expected), settings)
            self.assertTrue(torch.equal(here.round(2, 50.0, gradients(2)), twin.round(2, 50.0, gradients(2))), settings)

    def test_a_state_that_does_not_fit_changes_nothing(self):
        here = device_round()
        here.round(0, 50.0, gradients(0))
        before = here.state()
        for name, value in (("shared/weight/left", torch.zeros(2, 2)), ("memory/weight", torch.zeros(4, 24, 30).double()),
                            ("memory/weight", torch.full((4, 24, 30), float("nan")))):
            with self.assertRaisesRegex(laser.Error, f"tensor '{name}'") as caught:
                here.load_state({**before, name: value})
            self.assertEqual(caught.exception.exit_code, 4)
        self.assertTrue(all(torch.equal(value, before[name]) for name, value in here.state().items()))


class Devices(unittest.TestCase):
    def test_nothing_waits_for_the_device(self):
        """On `meta` there are no numbers, so a round that reads one fails; that it would is the last assertion."""
        for settings in [{"method": method} for method in METHODS] + MORE + [{"memory": "bfloat16"}]:
            settings = {name: value for name, value in settings.items() if name not in ("power", "workers")}
            double = settings.pop("double", False)
            here = device_round(device="meta", double=double, **settings)
            for number in range(2 if "method" in settings else 1):
                empty = torch.empty(4, SIZE, dtype=torch.float64 if double else torch.float32, device="meta")
                estimate = here.round(number, 50.0, empty, True)
                self.assertEqual((estimate.device.type, tuple(estimate.shape)), ("meta", (SIZE,)))
            self.assertTrue(all(value.is_meta for value in here.state().values()))
        with self.assertRaises(RuntimeError):
            here.report()


def fake_rounds(settings, rounds):
    """Sizes and types of what is all-reduced by rank 3 of 1,024, and what the round counts."""
    from torch.testing._internal.distributed.fake_pg import FakeStore

    dist.init_process_group("fake", store=FakeStore(), rank=3, world_size=1024)
    calls, real = [], {}
    for name in ("all_reduce", "all_gather", "all_gather_into_tensor", "broadcast", "all_to_all_single", "reduce_scatter_tensor",
                 "barrier", "all_gather_object", "send", "recv"):
        real[name] = getattr(dist, name)

        def counted(*arguments, name=name, **options):
            calls.append((name, arguments[0].numel() if arguments and torch.is_tensor(arguments[0]) else None))
            return real[name](*arguments, **options)

        setattr(dist, name, counted)
    try:
        here = device_round(1024, group=dist.group.WORLD, first_worker=3, **settings)
        for number in range(rounds):
            here.round(number, 50.0, gradients(number, 1))
        report = here.report()
        return calls, here.sent_bytes, report["symbols"], here.exchanges
    finally:
        for name, function in real.items():
            setattr(dist, name, function)
        dist.destroy_process_group()


class ManyRanks(unittest.TestCase):
    def test_collectives_of_1024_ranks(self):
        ranks, count = 1024, len(SHAPES)
        for settings, passes in (({}, 1), ({"transport": "two_phase"}, 2), ({"transport": "one_shot"}, 1), ({"method": "zsgd"}, 1),
                                 ({"method": "signum"}, 1), ({"channel": "saturating", "transport": "two_phase"}, 2),
                                 ({"channel": "csit_trunc", "loss_rate": 0.1}, 1)):
            calls, sent, symbols, exchanges = fake_rounds(settings, 2)
            self.assertEqual(len(calls), 2 * passes, settings)
            self.assertLessEqual(len(calls) / 2, 3)
            self.assertEqual({name for name, _ in calls}, {"all_reduce"})
            self.assertEqual(exchanges, len(calls))
            self.assertEqual(calls[:passes] if passes == 2 else [], calls[passes:] if passes == 2 else [], settings)
            sizes = [size for _, size in calls]
            self.assertEqual(sent, sum(2 * (ranks - 1) * -(-size // ranks) * 4 for size in sizes))
            if settings == {}:  # symbols of the last round, and a row of norms: one a tensor
                self.assertEqual(sizes[-1], symbols + ranks * count)
            if settings.get("method") == "zsgd":  # by the norms of messages: those besides
                self.assertEqual(sizes[-1], SIZE + ranks * 2 * count)
            if settings == {"transport": "two_phase"}:
                self.assertEqual(sum(sizes[-2:]), symbols + ranks * (count + 3))

    def test_two_processes_are_one(self):
        several = [{}, {"transport": "two_phase", "channel": "csir"}, {"channel": "saturating"}, {"method": "zsgd_adaptive"},
                   {"loss_rate": 0.4, "channel": "csit"}, {"method": "randomk"}, {"memory": "bfloat16"},
                   {"transport": "one_shot", "participation": 0.5}]
        together = run(2, rounds_of_a_rank, several, 4)
        for settings, *results in zip(several, *together):
            alone = device_round(2, **settings)
            expected = [alone.round(number, 50.0, gradients(number, 2), True) for number in range(4)]
            limit = 1e-3 if settings.get("memory") else 1e-5
            told = alone.report()
            state = alone.state()
            for rank, (estimates, report, lasting) in enumerate(results):
                for number in range(4):
                    self.assertLess(distance(estimates[number], expected[number]), limit, settings)
                    self.assertTrue(torch.equal(estimates[number], results[0][0][number]), "ranks agree bit for bit")
                self.assertEqual((report["symbols"], report["unheard"]), (told["symbols"], told["unheard"]))
                for name in "memory_ratio", "lambda", "delta":
                    self.assertEqual(name in report, name in told)
                    if name in told:
                        self.assertAlmostEqual(report[name], told[name], delta=1e-3 * max(1, abs(told[name])))
                for name, value in lasting.items():
                    whole = state[name]
                    own = whole[rank : rank + 1] if name.startswith(("memory/", "momentum")) else whole
                    if name.startswith("pending/") and whole.dim() == 3:
                        own = whole[rank : rank + 1]
                    self.assertLess(float((value - own).double().norm() / own.double().norm().clamp(min=1)), 4 * limit, name)


def rounds_of_a_rank(rank, several, rounds):
    told = []
    for settings in several:
        here = device_round(2, group=dist.group.WORLD, first_worker=rank, **settings)
        estimates = [here.round(number, 50.0, gradients(number, 2)[rank : rank + 1], True) for number in range(rounds)]
        told.append((estimates, here.report(), here.state()))
    return told


class InThePlaceOfTheCompiledRound(unittest.TestCase):
    """Where gradients are on another device; there is none here, so the CPU is said to be one."""

    def test_the_aggregator_goes_there_and_back(self):
        shapes = {name: tuple(shape) for name, shape in SHAPES.items()}
        for settings in {}, {"transport": "two_phase"}, {"method": "signum"}:
            plain = laser.Aggregator(shapes, 3, power=50.0, **settings)
            moved = laser.Aggregator(shapes, 3, power=50.0, **settings)
            for number in range(6):
                given = {name: torch.randn(3, *shape, generator=torch.Generator().manual_seed(number)) for name, shape in shapes.items()}
                with pretended(laser.aggregation, number in (1, 2, 4)):
                    outcome = moved.round(given, diagnose=True)
                self.assertEqual(moved._elsewhere is not None, number in (1, 2, 4))
                expected = plain.round(given, diagnose=True)
                for name in shapes:
                    self.assertLess(distance(outcome.estimate[name], expected.estimate[name]), 1e-5)
                self.assertAlmostEqual(outcome.influence, expected.influence, delta=1e-5 * expected.influence)
                self.assertEqual(moved.state_dict().keys(), plain.state_dict().keys())
            with pretended(laser.aggregation, True):
                bad = {name: tensor * float("nan") for name, tensor in given.items()}
                self.assertRaisesRegex(laser.Error, "is not finite in round 6", moved.round, bad)
                self.assertLess(distance(moved.round(given).estimate["weight"], plain.round(given).estimate["weight"]), 1e-5)
            again = laser.Aggregator(shapes, 3, power=50.0, **settings)
            again.load_state_dict(moved.state_dict())
            self.assertLess(distance(again.round(given).estimate["weight"], plain.round(given).estimate["weight"]), 1e-5)

    def test_the_hook_trains_there_as_with_the_compiled_round(self):
        options = [{}, {"transport": "two_phase", "channel": "csir"}, {"channel": "none"}, {"start_iter": 2}, {"method": "laser_momentum"}]
        for (here, compiled) in zip(run(2, train_all, options, True)[0], run(2, train_all, options, False)[0]):
            self.assertLess((here["weights"] - compiled["weights"]).abs().max().item(), 1e-5)
            self.assertEqual(here["lasting"].keys(), compiled["lasting"].keys())
            self.assertEqual(here["stats"], compiled["stats"])
            self.assertGreater(here["report"]["wire_bytes"], 0)
            self.assertEqual((here["kind"], compiled["kind"]), ("DeviceRound", "Aggregator"))

    def test_a_skipped_pass_and_a_resumed_run(self):
        for spoilt in run(2, spoilt_there):
            self.assertEqual(spoilt["before"][:2], (True, True))  # weights, and what lasts
            self.assertEqual(spoilt["skips"], 1)
        for same in run(2, resumed_there):
            self.assertTrue(same)


def pretended(module, really=True):
    def place(tensors, settings, parts):
        return torch.device("cpu") if really and not refusal(settings, parts) else None

    return unittest.mock.patch.object(module, "place_of", place)


def train_all(rank, options, there):
    from test_ddp import train

    kind, real = [], laser.LaserState._make_core

    def made(state, seed):
        one = real(state, seed)
        kind.append(type(one).__name__)
        return one

    with pretended(laser.ddp, there), unittest.mock.patch.object(laser.LaserState, "_make_core", made):
        return [train(rank, 6, 0.1, one) | {"kind": kind[-1]} for one in options]


def spoilt_there(rank):
    from test_ddp import train

    with pretended(laser.ddp):
        return train(rank, 5, 25.0, None, None, None, None, 0, (1, 3))


def resumed_there(rank):
    """Whether a state that goes on from another's is that one, bit for bit."""
    from torch import nn
    from torch.nn.parallel import DistributedDataParallel

    def hooked():
        torch.manual_seed(5)
        ddp = DistributedDataParallel(nn.Linear(32, 24))
        state = laser.LaserState(ddp, rank=2, power=1e3, start_iter=0, stream=0)
        ddp.register_comm_hook(state, laser.laser_hook)
        return ddp, state

    def step(ddp, number):
        ddp.zero_grad()
        ddp(torch.randn(8, 32, generator=torch.Generator().manual_seed(10 * number + rank))).square().mean().backward()
        return ddp.module.weight.grad.clone()

    with pretended(laser.ddp):
        (first, state), (second, other) = hooked(), hooked()
        for number in range(3):
            step(first, number)
        other.load_state_dict(state.state_dict())
        return torch.equal(step(first, 3), step(second, 3))


if __name__ == "__main__":
    unittest.main()
