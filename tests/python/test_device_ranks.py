"""The round by torch's own operations: without a wait for its device, on many ranks; and where it takes the compiled round's place."""

import unittest
import unittest.mock

from jobs import run
from test_device_round import CHANNELS, METHODS, MORE, OFF, SHAPES, SIZE, TRANSPORTS, device_round, distance, gradients

import torch
import torch.distributed as dist

import laser
from laser.device import refusals
from laser.device_round import refusal
from laser.native import core


def every_option(several):
    """Those of the settings that have an option, or a choice of one, that none before them has."""
    seen = set()
    for settings in several:
        options = {(name, value if name in refusals.CHOICES or name == "method" else None) for name, value in settings.items()}
        if not options <= seen:
            seen |= options
            yield settings


class Devices(unittest.TestCase):
    def test_nothing_waits_for_the_device(self):
        """On `meta` there are no numbers, so a round that reads one fails; that it would is the last assertion."""
        held = [{"compressor": "sweep", "feedback": "hold", "prediction": rho, "equal_norms": True} for rho in ("0.5", "matched")]
        for settings in every_option([{"method": method} for method in METHODS] + MORE + OFF + held + [{"memory": "bfloat16"}]):
            settings = {name: value for name, value in settings.items() if name not in ("power", "workers", "rounds", "limit")}
            double = settings.pop("double", False)
            here = device_round(device="meta", double=double, shapes={name: SHAPES[name] for name in ("weight", "bias")}, **settings)
            lasts = settings.get("method") in ("laser", "swept", "otalc", "agetopk", "cotaf", "signum_momentum") or "prediction" in settings
            for number in range(2 if lasts else 1):
                empty = torch.empty(4, here.size, dtype=torch.float64 if double else torch.float32, device="meta")
                estimate = here.round(number, 5e5, empty, True)
                self.assertEqual((estimate.device.type, tuple(estimate.shape)), ("meta", (here.size,)))
            self.assertTrue(all(value.is_meta for value in here.state().values()))
        with self.assertRaises(RuntimeError):
            here.report()


def fake_rounds(settings, rounds, power=50.0, diagnose=False):
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
            here.round(number, power, gradients(number, 1), diagnose)
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

    def test_no_method_makes_more_than_three(self):
        """With a diagnosis, which takes one. Of 1,024 ranks."""
        counts = {}
        for method in METHODS:
            for transport in TRANSPORTS if core.settings([("method", method)])["compressor"] == "low_rank" else [None]:
                if transport in ("one_shot", "parallel") and method == "laser_matched":
                    continue  # the core refuses it
                given = {"method": method} | ({"transport": transport} if transport else {})
                counts[method, transport] = len(fake_rounds(given, 1, 5e5, True)[0])
        self.assertEqual(counts, {key: 3 if key[1] == "two_phase" else 2 for key in counts})
        for channel in CHANNELS:
            self.assertEqual(len(fake_rounds({"method": "digital_powersgd", "channel": channel, "transport": "two_phase"}, 1, 5e5)[0]), 2)
        held = {"compressor": "sweep", "feedback": "hold", "equal_norms": True}
        for prediction, calls in ("0.5", 2), ("matched", 3):  # in two rounds: in the first one nothing is held
            self.assertEqual(len(fake_rounds({**held, "prediction": prediction}, 2)[0]), calls)

    def test_two_processes_are_one(self):
        several = [{}, {"transport": "two_phase", "channel": "csir"}, {"channel": "saturating"}, {"method": "zsgd_adaptive"},
                   {"loss_rate": 0.4, "channel": "csit"}, {"method": "randomk"}, {"memory": "bfloat16"},
                   {"transport": "one_shot", "participation": 0.5}, {"method": "swept", "preconditioner_refresh": 2}, {"channel": "reed"},
                   {"method": "digital_powersgd", "air_rank": 2, "scale_bits": 0.0}, {"method": "ddsgd", "scale_bits": 0.0},
                   {"compressor": "sweep", "feedback": "hold", "prediction": "matched", "equal_norms": True, "channel": "saturating"},
                   {"transport": "parallel", "phase_error": 0.2, "timing_error": 0.3, "peak_ratio": 2.0}, {"method": "efobda"},
                   {"method": "cotaf"}, {"precoding": "expected", "channel": "saturating", "participation": 0.5}]
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
                    each = name.startswith(("memory/", "momentum", "second_moment/", "preconditioner/"))
                    own = whole[rank : rank + 1] if each else whole
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
        options = [{}, {"transport": "two_phase", "channel": "csir"}, {"channel": "none"}, {"start_iter": 2}, {"method": "laser_momentum"},
                   {"method": "swept"}]
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
