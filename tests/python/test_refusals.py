"""Wrong values, rounds that are refused, values of odd types, and ranks that do not stand at the same place: refused with what
is wrong and before anything is changed, through ``laser.Aggregator`` and through the hook."""

import decimal
import fractions
import shutil
import tempfile
import threading
import unittest
import warnings

import numpy as np
from jobs import run

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import laser

SHAPES = {"weight": (16, 12), "bias": (16,), "kernel": (8, 3, 3)}
WRONG = {  # what the C++ core accepted in silence, with the settings beside which it is read
    "feedback": ["locla", "NONE"], "receiver": ["mmmse"], "channel_mode": ["physicl"], "memory": ["float16"],
    "transport": ["two-phase"], "column_mode": ["sqrt-kappa"], "compress": ["alwyas"], "fading_draw": ["tenor"],
    "decoder": ["lmse"], "loss_rate": [2, -0.5, "nan"], "participation": [-1, 0, 1.5], "worker_momentum": [1.5, -0.1],
    "rank": [65, 0, -1, 1.5],
}
BESIDE = {"fading_draw": {"channel": "csir"}, "decoder": {"method": "adsgd"}}
KINDS = [
    {}, {"transport": "two_phase"}, {"transport": "one_shot"}, {"feedback": "decoded"}, {"worker_momentum": 0.9},
    {"memory": "bfloat16"}, {"method": "zsgd"}, {"method": "signum"}, {"method": "randomk"}, {"method": "sketch"},
    {"method": "adsgd"}, {"method": "laser_matched"}, {"participation": 0.5}, {"loss_rate": 0.3}, {"channel": "csir"},
]


def told(work):
    """The text of the Error, or "accepted"; any other exception is a failure."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            work()
        except laser.Error as problem:
            return f"{problem.exit_code} {problem}"
    return "accepted"


def aggregator(**settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return laser.Aggregator(SHAPES, 3, **{"power": 50.0, "compress": "always", "compression_factor": 0.3, **settings})


def gradients(number, double=False):
    generator = torch.Generator().manual_seed(number)
    return {name: torch.randn(3, *shape, generator=generator, dtype=torch.float64 if double else torch.float32)
            for name, shape in SHAPES.items()}


def tensors_of(one):
    return {name: value.clone() for name, value in one.state_dict().items()}


class WrongValues(unittest.TestCase):
    def test_the_aggregator_refuses_them(self):
        for name, values in WRONG.items():
            for value in values:
                text = told(lambda: aggregator(**{**BESIDE.get(name, {}), name: value}))
                self.assertRegex(text, rf"^3 {name} = ", f"{name} = {value}")
                self.assertNotIn("internal", text)

    def test_the_hook_refuses_them_at_construction(self):
        for case, text in run(1, wrong_for_the_hook)[0]:
            self.assertRegex(text, rf"^3 {case.split('=', maxsplit=1)[0]} = ", case)
            self.assertNotIn("internal", text)

    def test_the_simulator_refuses_them(self):
        for name, values in WRONG.items():
            for value in values:
                text = told(lambda: laser.Training(**{"task": "mnist", "workers": 2, **BESIDE.get(name, {}), name: value}))
                self.assertRegex(text, rf"^3 {name} = ", f"{name} = {value}")


def wrong_for_the_hook(rank):
    ddp = DistributedDataParallel(nn.Linear(16, 12))
    return [(f"{name}={value}", told(lambda: laser.LaserState(ddp, **{**BESIDE.get(name, {}), name: value})))
            for name, values in WRONG.items() for value in values]


def wrong_rounds(rows):
    """Rounds that do not fit, as functions of an aggregator; `rows` have the numbers that are not finite."""
    def of(change, **options):
        def go(one):
            given = gradients(77)
            one.round(change(given) or given, **options)
        return go

    def spoilt(name, value):
        return of(lambda g: g[name].view(3, -1)[rows, 7:8].fill_(value) is None or None)

    shapes = {
        "a row less": of(lambda g: {name: value[:2] for name, value in g.items()}),
        "a row more": of(lambda g: {name: torch.cat([value, value[:1]]) for name, value in g.items()}),
        "one tensor with a row less": of(lambda g: g.update(bias=g["bias"][:2])),
        "no rows": of(lambda g: {name: value[:0] for name, value in g.items()}),
        "turned": of(lambda g: g.update(weight=g["weight"].transpose(1, 2))),
        "flat": of(lambda g: g.update(kernel=g["kernel"].flatten(1))),
        "a tensor less": of(lambda g: g.pop("bias") is None or None),
        "a tensor more": of(lambda g: g.update(more=g["bias"])),
        "no mapping": of(lambda g: list(g.values())),
        "nothing": of(lambda g: {1: g}),
    }
    types = {str(kind): of(lambda g, kind=kind: g.update(bias=g["bias"].to(kind)))
             for kind in (torch.float64, torch.int64, torch.bool, torch.complex64)}
    types |= {"sparse": of(lambda g: g.update(weight=g["weight"].to_sparse())),
              "meta": of(lambda g: g.update(weight=g["weight"].to("meta"))),
              "a list": of(lambda g: g.update(bias=[[1.0] * 16] * 3)),
              "masked": of(lambda g: g.update(bias=np.ma.masked_array(g["bias"].numpy(), mask=True)))}
    numbers = {f"{value} in {name}": spoilt(name, value) for name in SHAPES for value in (np.nan, np.inf, -np.inf)}
    powers = {f"power {power}": of(lambda g: None, power=power) for power in (-1.0, np.nan, np.inf, "5", True, 10**400)}
    powers["diagnose"] = of(lambda g: None, diagnose="no")
    return {**shapes, **types, **numbers, **powers}


class RefusedRounds(unittest.TestCase):
    def test_leave_the_aggregator_as_if_it_had_not_been_called(self):
        for settings in KINDS:
            wrong = wrong_rounds(slice(None) if "participation" in settings else 1)  # rows of who sleeps are not read
            untouched, tried = aggregator(**settings), aggregator(**settings)
            for number in range(3):
                before = tensors_of(tried)
                for name, go in wrong.items():
                    text = told(lambda: go(tried))
                    self.assertRegex(text, r"^[235] ", f"{settings}: {name}")
                    self.assertNotIn("internal", text, f"{settings}: {name}")
                after = tensors_of(tried)
                self.assertEqual(before.keys(), after.keys())
                for name, value in before.items():
                    self.assertTrue(torch.equal(value, after[name]), f"{settings}: {name}")
                a, b = untouched.round(gradients(number)), tried.round(gradients(number))
                for name in SHAPES:
                    self.assertTrue(torch.equal(a.estimate[name], b.estimate[name]), f"{settings}: {name} in round {number}")
                self.assertEqual((a.energy, a.symbols, a.unheard), (b.energy, b.symbols, b.unheard))

    def test_a_state_that_does_not_fit_changes_nothing(self):
        whole, tried = aggregator(), aggregator()
        for number in range(2):
            whole.round(gradients(number))
            tried.round(gradients(number))
        state = tensors_of(whole)
        others = [{"seed": 5}, {"channel": "csir"}, {"feedback": "decoded"}, {"transport": "two_phase"}, {"rank": 2},
                  {"method": "randomk"}, {"allocation": "uniform"}, {"receiver": "mmse"}, {"warm_start": False}]
        for settings in others:
            text = told(lambda: tried.load_state_dict(aggregator(**settings).state_dict()))
            self.assertRegex(text, r"^4 the saved state is of other settings: \w+ was .*, is .*HINT", settings)
        for wrong in (None, [], {}, {"rounds": torch.tensor(1)}, {**state, "rounds": torch.tensor([1, 2])},
                      {**state, "rounds": torch.tensor(-1)}, {**state, "rounds": torch.tensor(1.5)}, {**state, "rounds": 3},
                      {**state, 3: torch.ones(2)}, {**state, "memory/weight": "what"},
                      {**state, "memory/weight": torch.full_like(state["memory/weight"], np.nan)},
                      {**state, "memory/weight": state["memory/weight"][:2]}, {**state, "setup": torch.ones(3)}):
            self.assertRegex(told(lambda: tried.load_state_dict(wrong)), "^[245] ")
        for name, value in tensors_of(tried).items():
            self.assertTrue(torch.equal(value, state[name]), name)
        other_power = aggregator(power=7.0)
        other_power.load_state_dict(state)  # a budget may change over time
        self.assertEqual(other_power.rounds, 2)
        a, b = whole.round(gradients(5), power=3.0), other_power.round(gradients(5), power=3.0)
        self.assertTrue(torch.equal(a.estimate["weight"], b.estimate["weight"]))

    def test_a_simulator_s_state_of_other_settings_is_refused(self):
        settings = {"task": "mnist", "workers": 2, "batch_size": 300, "rank": 2, "epochs": 1}
        one = laser.Training(**settings)
        for other in {"seed": 2}, {"learning_rate": 0.5}, {"power": 3}, {"batch_size": 150}:
            text = told(lambda: one.load_state_dict(laser.Training(**{**settings, **other}).state_dict()))
            self.assertRegex(text, r"^4 the saved state is of other settings: \w+ was")
        longer = laser.Training(**{**settings, "epochs": 2})
        longer.load_state_dict(one.state_dict())
        self.assertRegex(told(lambda: one.advance(-1)), "^3 rounds = -1 must be")

    def test_two_threads_in_one_round_are_told(self):
        one = laser.Aggregator({"weight": (1500, 1500)}, 2, method="zsgd")
        given = {"weight": torch.ones(2, 1500, 1500)}
        results = []
        threads = [threading.Thread(target=lambda: results.append(told(lambda: one.round(given)))) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(one.rounds, results.count("accepted"))
        self.assertGreater(one.rounds, 0)
        for text in set(results) - {"accepted"}:
            self.assertRegex(text, r"^2 another thread is in a round")


class OddTypes(unittest.TestCase):
    """A value of another type means the same or is refused."""

    def test_numbers(self):
        expected = aggregator(power=10.0, rank=2, seed=3).round(gradients(1)).estimate["weight"]

        def same(**settings):
            got = []
            text = told(lambda: got.append(aggregator(**{"power": 10.0, "rank": 2, "seed": 3, **settings})))
            self.assertRegex(text, r"^(accepted|3 \w+ = )", settings)
            if got:
                self.assertTrue(torch.equal(got[0].round(gradients(1)).estimate["weight"], expected), settings)
            return bool(got)

        for value in (10, np.float32(10), np.int64(10), decimal.Decimal(10), fractions.Fraction(10), torch.tensor(10.0),
                      np.array(10.0)):
            self.assertTrue(same(power=value), repr(value))
        for value in ("10", b"10", True, np.True_, [10.0], 10 + 0j, 10**400, torch.ones(2), float("inf")):
            self.assertFalse(same(power=value), repr(value))
        for value in (2, np.int64(2), "2", np.array(2), torch.tensor(2), decimal.Decimal(2)):
            self.assertTrue(same(rank=value), repr(value))
        for value in (True, np.True_, 2.5, None, [2], b"2"):
            self.assertFalse(same(rank=value), repr(value))
        for value in (np.int64(3), torch.tensor(3)):
            self.assertTrue(same(seed=value), repr(value))
        for value in (3.0, "3", True, torch.tensor(3.0), np.array([3, 3]), None, 2**64):
            self.assertFalse(same(seed=value), repr(value))

    def test_lists_and_flags(self):
        expected = aggregator(power_shares=[1, 4, 2], warm_start=False).round(gradients(1)).estimate["weight"]
        for shares in (1, 4, 2), np.array([1, 4, 2]), np.array([1.0, 4.0, 2.0]), torch.tensor([1, 4, 2]), "[1, 4, 2]":
            for flag in False, np.False_, "false":
                got = aggregator(power_shares=shares, warm_start=flag).round(gradients(1)).estimate["weight"]
                self.assertTrue(torch.equal(got, expected), f"{shares} {flag}")
        for settings in ({"power_shares": {1, 4}}, {"power_shares": [1, None]}, {"power_shares": [[1, 4]]}, {"warm_start": 0},
                         {"warm_start": "no"}, {"double_precision": "false"}, {"double_precision": 0}, {"double_precision": None}):
            self.assertRegex(told(lambda: aggregator(**settings)), r"^3 \w+ = ", settings)

    def test_names_and_shapes(self):
        for shape in [8, 9], torch.Size((8, 9)), np.array([8, 9]), range(8, 10), (size for size in (8, 9)):
            one = laser.Aggregator({"a/b": shape}, 2, method="zsgd")
            self.assertEqual(one.round({"a/b": torch.randn(2, 8, 9)}).symbols, 72)
        for shapes in ({"a": None}, {"a": "89"}, {"a": (8.0, 9)}, {"a": (True, 9)}, {"a": (8, 0)}, {"a": 8}, {3: (8, 9)},
                       {None: (8, 9)}, {"a": (2**40, 2**40)}):
            self.assertRegex(told(lambda: laser.Aggregator(shapes, 2, method="zsgd")), r"^[23] .*(HINT|more numbers)", str(shapes))

    def test_channel_none_is_what_the_hint_says(self):
        text = told(lambda: aggregator(power=0))
        self.assertIn("HINT: for exact communication set channel='none'", text)
        given = torch.randn(3, 5, generator=torch.Generator().manual_seed(1))
        exact = laser.aggregate(given, method="zsgd", channel="none")
        self.assertLess((exact.estimate - given.mean(0)).abs().max().item(), 1e-6)

    def test_what_is_out_of_the_range_of_its_type_is_told(self):
        for value, settings in ((torch.ones(2, 64).half(), {"method": "zsgd", "power": 1e-12}),
                                (torch.full((2, 64), 3e38), {"method": "sgd"})):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                laser.aggregate(value, **settings)
            self.assertTrue(any("out of the range" in str(one.message) for one in caught), str(value.dtype))

    def test_a_round_that_nobody_heard_says_so(self):
        one = laser.Aggregator({"weight": (8, 8)}, 1, method="zsgd", loss_rate=0.5)
        outcomes = [one.round({"weight": torch.ones(1, 8, 8)}) for _ in range(20)]
        for outcome in outcomes:
            self.assertEqual(outcome.unheard, not outcome.estimate["weight"].any())
        self.assertEqual({outcome.unheard for outcome in outcomes}, {True, False})
        self.assertTrue(one.round({"weight": torch.ones(1, 8, 8)}, power=0).unheard)

    def test_the_simulator_tells_what_it_does_not_read(self):
        for settings, text in ({"method": "zsgd", "rank": 3}, "rank = 3"), ({"antennas": 3}, "antennas = 3"), \
                ({"batch_size": 10**6}, "batch_size = 1000000 is more than"), ({"participation": 0.5}, "participation = 0.5"):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                laser.Training(**{"task": "mnist", "workers": 2, "batch_size": 300, "epochs": 1, **settings})
            self.assertTrue(any(text in str(one.message) for one in caught), text)


def hooked(module=None, group=None, **options):
    warnings.simplefilter("ignore")
    torch.manual_seed(1)
    ddp = DistributedDataParallel(module or nn.Linear(16, 16), process_group=group)
    state = laser.LaserState(ddp, **{"start_iter": 0, "power": 1e3, "rank": 1, "min_compression_rate": 1.0, **options})
    ddp.register_comm_hook(state, laser.laser_hook)
    return ddp, state


def passes(ddp, count=1, first=0):
    for step in range(first, first + count):
        ddp.zero_grad()
        generator = torch.Generator().manual_seed(10 * step + dist.get_rank())
        ddp(torch.randn(4, 16, generator=generator, device="cpu")).square().mean().backward()


class TheHook(unittest.TestCase):
    def test_values_of_odd_types_mean_the_same_or_are_refused(self):
        for case, text in run(1, odd_for_the_hook)[0].items():
            self.assertRegex(text, r"^3 \w+ = .*must be|^3 \w+ = .* is not", case)
        for without in run(1, flags_for_the_hook)[0]:
            self.assertTrue(without)

    def test_ranks_at_different_places_are_told(self):
        folder = tempfile.mkdtemp(prefix="laser-shards-")
        self.addCleanup(shutil.rmtree, folder)
        for work, pattern in ((loads_unlike, r"^3 the ranks ask for different iterations: 2, 4\. HINT"),
                              (loads_on_one, r"^4 ranks 0 and 1 are at different iterations: 1 and 3\. HINT"),
                              (loads_other_runs, r"^4 ranks 0 and 1 are at different runs that were loaded: \w+ and \w+\. HINT")):
            for text in run(2, work, folder):
                self.assertRegex(text, pattern)

    def test_the_module_inside_has_the_group_of_its_ddp_module(self):
        for text in run(4, inside_of_a_group):
            self.assertRegex(text, r"^3 LaserState averages over ranks \[0, 1, 2, 3\], and DDP over ranks \[\d, \d\]\. HINT")
        self.assertEqual(run(4, inside_of_a_group, True), ["accepted"] * 4)

    def test_groups_of_any_ranks(self):
        self.assertEqual(run(4, scattered), [1.0, 2.0, 1.0, 2.0])
        self.assertEqual(run(2, alone_in_a_group), [0.0, 1.0])
        self.assertRegex(run(2, not_in_the_group)[1], "^2 rank 1 is not in process_group. HINT")

    def test_a_default_device_is_not_where_it_computes(self):
        self.assertTrue(torch.equal(run(2, on_default_device, "meta")[0], run(2, on_default_device, None)[0]))

    def test_default_types_are_not_what_it_computes_in(self):
        plain = run(2, with_default_type, torch.float32)[0]
        for kind in torch.float64, torch.bfloat16, torch.float16:
            self.assertTrue(torch.equal(run(2, with_default_type, kind)[0], plain))

    def test_a_state_that_was_refused_takes_no_part_of_a_budget(self):
        for energies in run(2, after_a_refusal):
            self.assertGreater(sum(energies), 990)
            self.assertLess(sum(energies), 1000 * (1 + 1e-6))

    def test_protecting_twice_is_protecting_once(self):
        self.assertEqual(run(1, protected_twice), [True])

    def test_a_schedule_that_ends_too_early_is_told(self):
        for text in run(2, short_schedule):
            self.assertRegex(text, r"^3 power has nothing for round 2 \(IndexError: .*\)\. HINT: a schedule")

    def test_an_estimate_out_of_range_is_told(self):
        self.assertRegex("\n".join(run(2, out_of_range)[0]), r"received for 'weight' .* out of the range of torch\.float16")

    def test_modules_without_shapes_yet_are_refused(self):
        self.assertRegex(run(1, lazily)[0], r"^3 'weight' has no shape yet\. HINT: a forward pass")


class Hints(unittest.TestCase):
    """What a hint writes as code is run as it stands, and helps."""

    def test_of_schedules(self):
        self.assertEqual(run(1, with_hinted_schedules), [[True, True]])

    def test_of_types(self):
        good = torch.randn(2, 8, 8)
        for value in (good.to(torch.complex64), good.to(torch.int64), good > 0, good.to_sparse(), good.double()):
            hint = told(lambda: laser.Aggregator({"w": (8, 8)}, 2, rank=1).round({"w": value})).rpartition("HINT: ")[2]
            if "double_precision" in hint:
                laser.Aggregator({"w": (8, 8)}, 2, rank=1, double_precision=True).round({"w": value})
                hint = ".float()"  # "or gradients in float32"
            helped = eval(f"{hint}(value)" if hint.startswith("torch.") else f"value{hint}")
            laser.Aggregator({"w": tuple(helped.shape[1:])}, 2, rank=1).round({"w": helped})


def with_hinted_schedules(rank):
    worked = []
    for name, value in ("power_policy", "linear_up"), ("power_levels", [1, 2, 3]):
        hint = told(lambda: hooked(**{name: value})).rpartition("HINT: ")[2]
        power = eval(hint.partition("power=")[2], {"laser": laser, "rounds": 3})
        ddp, state = hooked(power=power)
        passes(ddp, 3)
        worked.append(abs(max(state.report["energy"]) / power(2) - 1) < 1e-5)
    return worked


def odd_for_the_hook(rank):
    cases = {"error_feedback": (0, 1, "false", "no", None.__class__), "warm_start": (0, "no"), "rank": (4.5, True, np.True_),
             "power": (True, 10**400, [1.0], "5", torch.ones(2)), "timeout": (10**400, 1e30, 1e-30, True, "60"),
             "start_iter": (torch.tensor(1.5), np.array([1, 2]), True, "2", 1.0), "seed": (torch.tensor(1.5), np.array([1, 2])),
             "stream": (1.5, True, "1")}
    texts = {f"{name}={value!r}": told(lambda: hooked(**{name: value})) for name, values in cases.items() for value in values}
    _, state = hooked()
    for value in 2.0, True, "2":
        texts[f"keep={value!r}"] = told(lambda: state.save("/nowhere", keep=value))
    for value in 1.0, True, "1", -1:
        texts[f"iteration={value!r}"] = told(lambda: state.load("/nowhere", iteration=value))
    return texts


def flags_for_the_hook(rank):
    """Whether the values have their effect."""
    with tempfile.TemporaryDirectory() as folder:
        ddp, state = hooked(error_feedback=np.False_, start_iter=np.int64(1), rank=np.int32(2), power=np.float32(9),
                            timeout=np.float64(30), stream=np.uint8(0), warm_start=np.False_)
        passes(ddp, 2)
        state.save(folder, keep=np.int64(3))
        none_kept = not any(name.startswith("memory/") for name in state.state_dict())
        return [none_kept, state.load(folder, iteration=np.int64(2)) == 2, max(state.report["energy"]) <= 9 * (1 + 1e-6)]


def loads_unlike(rank, folder):
    ddp, state = hooked()
    for _ in range(2):
        passes(ddp, 2, state.iteration)
        state.save(folder)
    dist.barrier()
    return told(lambda: state.load(folder, iteration=2 if rank == 0 else 4))


def loads_on_one(rank, folder):
    ddp, state = hooked()
    passes(ddp)
    kept = state.state_dict()
    passes(ddp, 2, 1)
    if rank == 0:
        state.load_state_dict(kept)
    return told(lambda: passes(ddp, 1, 3))


def loads_other_runs(rank, folder):
    states = []
    for seed in 1, 2:
        ddp, state = hooked(nn.Linear(16, 16), stream=0)
        passes(ddp, 1, seed)
        states.append(state.state_dict())
    ddp, state = hooked(stream=0)
    state.load_state_dict(states[rank])
    return told(lambda: passes(ddp, 1))


def inside_of_a_group(rank, say=False):
    warnings.simplefilter("ignore")
    group = [dist.new_group([0, 2]), dist.new_group([1, 3])][rank % 2]
    ddp = DistributedDataParallel(nn.Linear(16, 16), process_group=group)
    state = laser.LaserState(ddp.module, process_group=group if say else None, start_iter=0)
    ddp.register_comm_hook(state, laser.laser_hook)
    return told(lambda: passes(ddp))


def mean_of_ranks(group):
    ddp, _ = hooked(nn.Linear(4, 4, bias=False), group, channel="none", start_iter=9)
    ddp(torch.full((1, 4), float(dist.get_rank()))).sum().backward()
    return ddp.module.weight.grad.mean().item()


def scattered(rank):
    return mean_of_ranks([dist.new_group([2, 0]), dist.new_group([3, 1])][rank % 2])


def alone_in_a_group(rank):
    return mean_of_ranks([dist.new_group([0]), dist.new_group([1])][rank])


def not_in_the_group(rank):
    group = dist.new_group([0])
    return told(lambda: laser.LaserState(nn.Linear(16, 16), process_group=group))


def on_default_device(rank, device):
    torch.manual_seed(1)
    module = nn.Linear(16, 16)
    if device:
        torch.set_default_device(device)
    ddp, state = hooked(module, on_nonfinite="skip")
    passes(ddp, 3)
    gradient = module.weight.grad
    (ddp(torch.ones(2, 16, device="cpu")).sum() * float("nan")).backward()
    assert state.skipped
    return gradient


def with_default_type(rank, kind):
    torch.manual_seed(1)
    module = nn.Linear(16, 16)
    given = {name: torch.randn(3, *shape) for name, shape in SHAPES.items()}
    batch = torch.randn(4, 16, generator=torch.Generator().manual_seed(rank))
    torch.set_default_dtype(kind)
    ddp, _ = hooked(module)
    for _ in range(3):
        ddp.zero_grad()
        ddp(batch).square().mean().backward()
    one = aggregator(transport="two_phase", rank=2)
    for _ in range(2):
        estimate = one.round(given).estimate
    return torch.cat([module.weight.grad.flatten(), *(value.flatten() for value in estimate.values())])


def after_a_refusal(rank):
    budget = laser.SharedBudget(1000.0)
    for settings in {"rank": 65}, {"method": "signum", "receiver": "mmse"}, {"rank": 1 + rank}:
        assert told(lambda: hooked(power=budget, **settings)) != "accepted"
    one, state = hooked(method="zsgd", power=budget)
    other, second = hooked(method="zsgd", power=budget)
    for ddp in one, other:
        ddp(torch.ones(2, 16)).sum().backward()
    return [max(state.report["energy"]), max(second.report["energy"])]


def protected_twice(rank):
    ddp, state = hooked(power=lambda t: 1e3 * (t % 2 == 0))
    optimizer = torch.optim.SGD(ddp.parameters(), lr=0.1, weight_decay=0.1)
    state.protect(optimizer)
    state.protect(optimizer)
    before = ddp.module.weight.detach().clone()
    for _ in range(2):  # heard, then not: the step is made, and weight decay moves the weights
        ddp(torch.ones(2, 16)).sum().backward()
    optimizer.step()
    return not torch.equal(before, ddp.module.weight)


def short_schedule(rank):
    ddp, _ = hooked(power=laser.power.schedule("linear_up", 2, 1e4).__getitem__)
    passes(ddp, 2)
    return told(lambda: passes(ddp, 1, 2))


def out_of_range(rank):
    with warnings.catch_warnings(record=True) as caught:
        ddp, state = hooked(nn.Linear(8, 8, bias=False).half(), method="zsgd", power=1e-9)
        warnings.simplefilter("always")
        ddp(torch.ones(1, 8).half()).sum().backward()
    return [str(one.message) for one in caught]


def lazily(rank):
    return told(lambda: laser.LaserState(nn.LazyLinear(4)))


if __name__ == "__main__":
    unittest.main()
