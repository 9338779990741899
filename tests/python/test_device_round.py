"""The round by torch's own operations: equal to the compiled one, without a wait for its device, on many ranks; and where it
takes the compiled round's place."""

import itertools
import tempfile
import unittest
import unittest.mock
import warnings
from pathlib import Path

from jobs import run

import torch
import torch.distributed as dist

import laser
from laser import device_random, device_refusals
from laser.device_round import DeviceRound, refusal
from laser.device_trace import read_trace
from laser.native import core, pairs

SHAPES = {"weight": (24, 30), "bias": (24,), "kernel": (16, 8, 3, 3), "thin": (40, 2), "last": (7,)}
SIZE = sum(torch.Size(shape).numel() for shape in SHAPES.values())
METHODS = [name for role, name, _, _ in core.part_rows() if role == "method" and not refusal(core.settings([("method", name)]), {})]
CHANNELS = [name for role, name, _, _ in core.part_rows() if role == "channel" and name != "trace"]
ALLOCATIONS = [name for role, name, _, _ in core.part_rows() if role == "allocation"]
TRANSPORTS = ("alternating", "two_phase", "one_shot", "parallel")
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
    {"transport": "parallel", "warm_start": False}, {"transport": "parallel", "factor_step": 1.0, "double": True},
    {"feedback": "fitted", "feedback_strength": 0.8}, {"feedback": "fitted", "method": "sketch"}, {"method": "agetopk", "magnitude_share": 0.0},
    {"method": "agetopk", "magnitude_share": 1.0, "channel": "awgn"}, {"method": "swept", "double": True},
    {"method": "swept", "rank": 1, "rounds": 9}, {"compressor": "sweep", "feedback": "decoded", "rounds": 5}, {"compressor": "sweep", "rounds": 5},
    {"lead": "auto", "worker_momentum": 0.9}, {"lead": "0.3", "worker_momentum": 0.9, "participation": 0.6},
    {"preconditioner": "second_moment", "preconditioner_refresh": 2, "rounds": 9, "participation": 0.7},
    {"method": "swept", "worker_momentum": 0.8, "preconditioner_refresh": 3, "preconditioner_power": 0.5, "rounds": 7},
    {"equal_norms": True, "feedback": "none", "peak_ratio": 2.0, "loss_rate": 0.3}, {"equal_norms": True, "feedback": "none", "transport": "one_shot"},
    {"equal_norms": True, "feedback": "none", "channel": "saturating", "power_shares": [1, 2]}, {"equal_norms": True, "method": "swept"},
    {"channel": "digital", "access": "sum_capacity", "power_shares": [1, 2, 0.5]}, {"channel": "digital", "air_rank": 2, "participation": 0.6},
    {"channel": "digital", "air_rank": 1, "scale_bits": 0.0, "transport": "two_phase", "phase_share": 0.2, "power": 2e4},
    {"channel": "digital", "scale_bits": 0.0, "receiver": "mmse_genie", "power": 500.0}, {"channel": "digital", "memory": "bfloat16", "limit": 1e-3},
    {"channel": "digital", "method": "ddsgd", "air_rank": 1, "power": 1e7}, {"channel": "digital", "double": True},
    {"channel": "reed", "receiver": "mmse_genie"}, {"channel": "reed", "receiver": "mmse", "fading_draw": "tensor", "loss_rate": 0.2},
    {"channel": "reed", "fill_budget": True, "double": True},
]
POWERS = {"digital": 5e5}  # in which there are bits for every tensor
OFF = [{"phase_error": 0.3, "timing_error": 0.4}, {"peak_ratio": 2.0}, {"channel_error": 0.2, "path_loss_exponent": 3.0, "shadowing_db": 6.0},
       {"phase_error": 0.3, "timing_error": 0.4, "peak_ratio": 2.0, "channel_error": 0.2, "path_loss_exponent": 2.0, "fading_draw": "tensor",
        "loss_rate": 0.3, "participation": 0.8}]
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


def device_round(workers=4, seed=7, double=False, device="cpu", group=None, first_worker=0, shapes=SHAPES, **settings):
    settings = {"workers": workers, "compress": "always", "compression_factor": 0.3, **settings}
    return DeviceRound(list(shapes.items()), core.settings(pairs(settings)), workers, seed, device, double, group, first_worker)


def gradients(number, workers=4, double=False, vanishing=False):
    drawn = torch.randn(workers, SIZE, generator=torch.Generator().manual_seed(number), dtype=torch.float64)
    if vanishing:
        drawn[:, : 24 * 30] = 0
    drawn = drawn * torch.linspace(0.5, 2, workers, dtype=torch.float64).view(-1, 1)
    return drawn if double else drawn.float()


def write_gains(path, gains):
    """A file of gains [rounds, workers] or [rounds, workers, antennas], as others write it."""
    if path.endswith(".csv"):
        rows = (",".join(str(complex(gain)).strip("()") for gain in row) for row in gains)
        Path(path).write_text("# rounds, workers\n" + "\n".join(rows) + "\n")
    elif path.endswith(".safetensors"):
        core.write_tensors(path, {"gains.real": gains.real.contiguous(), "gains.imag": gains.imag.contiguous()}, {})
    else:
        header = repr({"descr": "<c8", "fortran_order": False, "shape": tuple(gains.shape)}).encode() + b"\n"
        numbers = torch.view_as_real(gains.to(torch.complex64)).contiguous().view(torch.uint8).flatten().tolist()
        Path(path).write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(numbers))


def every_option(several):
    """Those of the settings that have an option, or a choice of one, that none before them has."""
    seen = set()
    for settings in several:
        options = {(name, value if name in device_refusals.CHOICES or name == "method" else None) for name, value in settings.items()}
        if not options <= seen:
            seen |= options
            yield settings


def distance(one, other):
    return float((one - other).double().norm() / other.double().norm().clamp(min=1e-30))


class AgainstTheCompiledRound(unittest.TestCase):
    def compare(self, limit=1e-5, rounds=3, power=None, vanishing=False, **settings):
        workers, double = settings.get("workers", 4), settings.get("double", False)
        power = POWERS.get(settings.get("channel"), 50.0) if power is None else power
        warnings.simplefilter("ignore")
        compiled, here = both(**settings)
        heard = 0.0
        for number in range(rounds):
            given = gradients(number, workers, double, vanishing)
            expected, estimate = compiled.round(number, power, given, True), here.round(number, power, given, True)
            self.assertLess(distance(estimate, expected), limit, settings)
            heard += float(expected.norm())
            theirs, ours = compiled.report(), here.report()
            self.assertEqual(theirs.keys(), ours.keys(), settings)
            for name in theirs:
                if name in ("symbols", "unheard"):
                    self.assertEqual(theirs[name], ours[name], settings)
                elif name == "largest":  # bounds
                    slack = 1e-12 + 2 * limit * max(ours[name])  # an estimate that mmse all but removes is a small difference
                    self.assertTrue(all(one <= other * (1 + 1e-5) + slack for one, other in zip(ours[name], theirs[name])), settings)
                elif name == "energy":
                    for one, other in zip(theirs[name], ours[name]):
                        self.assertAlmostEqual(one, other, delta=1e-5 * max(one, 1e-6), msg=settings)
                else:
                    self.assertAlmostEqual(theirs[name], ours[name], delta=max(limit, 1e-5) * max(abs(theirs[name]), 1),
                                           msg=f"{name} {settings}")
        self.assertEqual(heard > 0, power > 0, settings)
        theirs, ours = compiled.state(), here.state()
        self.assertEqual(theirs.keys(), ours.keys(), settings)
        for name in theirs:
            # A memory of a tensor of full rank is nothing but rounding; messages here have norms of 1 and more.
            off = float((theirs[name] - ours[name]).double().norm() / theirs[name].double().norm().clamp(min=1))
            self.assertLess(off, 4 * limit, f"{name} {settings}")

    def test_every_method_transport_and_channel(self):
        compared = set()
        for method, channel in itertools.product(METHODS, CHANNELS):
            plain = core.settings(pairs({"method": method}))
            for transport in TRANSPORTS if plain["compressor"] == "low_rank" else [None]:
                if transport in ("one_shot", "parallel") and plain["receiver"] == "matched":
                    continue  # not linear: the core refuses it
                if plain["feedback"] == "hold" and channel == "digital":
                    continue  # the core refuses this too
                given = {"method": method, "channel": channel} | ({"transport": transport} if transport else {})
                same = {name: text for name, text in core.settings(pairs(given)).items() if name != "method"}
                if str(same) not in compared:  # a method of another channel or transport is one of these
                    compared.add(str(same))
                    self.compare(rounds=3 if channel in ("awgn", plain["channel"]) else 2, **given)
        self.assertGreaterEqual(len(compared), 250)

    def test_lost_messages_and_workers_that_are_away(self):
        for channel, transport in itertools.product(CHANNELS, TRANSPORTS):
            self.compare(channel=channel, transport=transport, **AWAY)
        for method in "swept", "ddsgd", "efobda", "agetopk", "adsgd_pilot", "reed":
            self.compare(method=method, **({"power": 5e5} if method == "ddsgd" else {}), **AWAY)

    def test_links_that_are_not_perfect(self):
        for channel, off in itertools.product(CHANNELS, OFF):
            self.compare(channel=channel, rounds=2, **({"method": "zsgd"} if len(off) == 2 else {"transport": "two_phase"}), **off)

    def test_estimates_that_are_held(self):
        compressors = itertools.cycle(("low_rank", "sweep", "identity", "random_k", "count_sketch", "age_top_k"))
        for channel in CHANNELS:
            for prediction, equal in ("0", False), ("0.7", True), ("matched", False), ("matched", True):
                if channel == "digital" or (equal and channel == "reed"):
                    continue  # the core refuses it
                for _ in range(2):
                    self.compare(channel=channel, compressor=next(compressors), feedback="hold", prediction=prediction, equal_norms=equal,
                                 rounds=4, allocation="norm_dim", receiver="matched" if equal else "mmse")
                next(compressors)

    def test_gains_of_a_file(self):
        drawn = torch.Generator().manual_seed(3)
        for antennas, lossy in itertools.product((0, 3), (False, True)):
            gains = torch.randn(5, 4, max(antennas, 1), generator=drawn, dtype=torch.complex64)
            gains[2, 1] = 0  # a link that is down
            for ending in ".npy", ".safetensors", ".csv":
                if antennas and ending == ".csv":
                    continue  # has rounds and workers only
                with tempfile.TemporaryDirectory() as folder:
                    path = f"{folder}/gains{ending}"
                    write_gains(path, gains if antennas else gains[:, :, 0])
                    more = {"loss_rate": 0.4} | ({} if antennas else {"phase_error": 0.2}) if lossy else {}
                    self.compare(channel="trace", gains=path, rounds=4, **more)
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/gains.csv"
            write_gains(path, torch.ones(2, 3))
            with self.assertRaisesRegex(laser.Error, "has the gains of 3 workers, and the run has 4. HINT") as caught:
                device_round(channel="trace", gains=path)
            self.assertEqual(caught.exception.exit_code, 4)
            for name, text, told in (("a.npy", "no", "no .npy file"), ("b.csv", "1,x\n", "line 1, column 2"), ("c.csv", "1,2\n3\n", "line 2"),
                                     ("d.csv", "1,inf\n", "finite"), ("e.safetensors", "no", "safetensors"), ("f.txt", "1", "not read here")):
                Path(folder, name).write_text(text)
                with self.assertRaisesRegex(laser.Error, told) as caught:
                    read_trace(f"{folder}/{name}")
                self.assertEqual(caught.exception.exit_code, 4)
            self.assertRaisesRegex(laser.Error, "cannot read .*none.npy", read_trace, f"{folder}/none.npy")
            short = device_round(3, channel="trace", gains=path)
            with self.assertRaisesRegex(laser.Error, "has the gains of 2 rounds, and the run needs 3. HINT"):
                short.round(2, 50.0, gradients(0, 3))

    def test_matrices_of_several_blocks(self):
        """Of more rows than are rotated together, and of a longer side than is preconditioned together."""
        shapes = {"wide": (130, 150), "tall": (1100, 3)}
        settings = core.settings(pairs({"method": "swept", "workers": 2, "preconditioner_refresh": 2}))
        size = 130 * 150 + 1100 * 3
        compiled = core.Aggregator(list((name, list(shape)) for name, shape in shapes.items()),
                                   pairs({"method": "swept", "workers": 2, "preconditioner_refresh": 2}), None, False, 7, {})
        here = DeviceRound(list(shapes.items()), settings, 2, 7)
        for number in (0, 1, 2, 21, 22, 23):
            drawn = torch.randn(2, size, generator=torch.Generator().manual_seed(number))
            expected = compiled.round(number, 500.0, [drawn[:, : 130 * 150].contiguous(), drawn[:, 130 * 150 :].contiguous()], False)
            self.assertLess(distance(here.round(number, 500.0, drawn), expected), 1e-5, number)
        theirs, ours = compiled.state(), here.state()
        self.assertEqual(theirs.keys(), ours.keys())
        self.assertIn("preconditioner/tall/550", ours)
        for name in theirs:
            limit = 1e-3 if name.startswith("preconditioner/") else 1e-4  # 3 rows say little of 550 directions
            self.assertLess(distance(ours[name], theirs[name]), limit, name)

    def test_every_allocation_receiver_feedback_and_option(self):
        for allocation in ALLOCATIONS:
            self.compare(allocation=allocation, transport="two_phase")
        for more in MORE:
            self.compare(**more)

    def test_columns_that_vanish_are_replaced_alike(self):
        for transport in TRANSPORTS:
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
        held = {"compressor": "random_k", "feedback": "hold", "prediction": "matched"}
        for settings in ({}, {"transport": "two_phase"}, {"method": "laser_momentum"}, {"memory": "bfloat16"}, {"transport": "parallel"},
                         {"method": "swept", "preconditioner_refresh": 2}, held, {"method": "efobda"}, {"method": "agetopk"}):
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
        for settings in {"channel_mode": "physical"}, {"exchange": "exact"}:
            with self.assertRaisesRegex(laser.Error, rf"{list(settings)[-1]} = [\w.]+ is not computed on a device.*HINT") as caught:
                device_round(**settings)
            self.assertEqual(caught.exception.exit_code, 3)
        with self.assertRaisesRegex(laser.Error, "rank = 64 fits no layer.*HINT"):
            device_round(rank=64, compress="saves")

    def test_what_it_does_not_know_is_refused(self):
        """What the core gains later: a value of a setting that is one of a few, and a setting."""
        plain = core.settings([])
        for name in device_refusals.CHOICES:
            told = f"^{name} = novel is not computed on a device: the round of torch's operations has {device_refusals.CHOICES[name][0]}"
            self.assertRegex(refusal({**plain, name: "novel"}, {}), told)
            self.assertRaisesRegex(laser.Error, told + ".*HINT: leave", DeviceRound, list(SHAPES.items()), {**plain, name: "novel"}, 2, 1)
        with unittest.mock.patch.object(device_refusals, "_defaults", lambda: {**plain, "novelty": "0"}):
            self.assertIsNone(refusal({**plain, "novelty": "0"}, {}))
            self.assertRegex(refusal({**plain, "novelty": "1"}, {}), "^novelty = 1 is not computed on a device: .* does not know it")
        self.assertIsNone(refusal(plain, {}))

    def test_it_has_every_part_and_setting_of_the_core(self):
        for role, known in device_refusals.CHOICES.items():
            parts = {name for of, name, _, _ in core.part_rows() if of == role}
            self.assertLessEqual(parts, set(known), role)
        read = {name for name, _, is_read in core.setting_groups() if is_read}
        self.assertLessEqual(read, device_refusals.CHOICES.keys() | device_refusals.NUMBERS)

    def test_a_number_that_is_not_finite_changes_nothing_and_is_named(self):
        for settings in ({}, {"transport": "two_phase"}, {"method": "laser_momentum"}, {"memory": "bfloat16"}, {"method": "randomk"},
                         {"transport": "parallel"}, {"method": "swept", "preconditioner_refresh": 3}, {"method": "ddsgd"}, {"method": "agetopk"},
                         {"compressor": "identity", "feedback": "hold", "prediction": "matched"}, {"method": "efobda"}, {"channel": "reed"}):
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
        held = [{"compressor": "sweep", "feedback": "hold", "prediction": rho, "equal_norms": True} for rho in ("0.5", "matched")]
        for settings in every_option([{"method": method} for method in METHODS] + MORE + OFF + held + [{"memory": "bfloat16"}]):
            settings = {name: value for name, value in settings.items() if name not in ("power", "workers", "rounds", "limit")}
            double = settings.pop("double", False)
            here = device_round(device="meta", double=double, shapes={name: SHAPES[name] for name in ("weight", "bias")}, **settings)
            lasts = settings.get("method") in ("laser", "swept", "otalc", "agetopk", "signum_momentum") or "prediction" in settings
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
                   {"transport": "parallel", "phase_error": 0.2, "timing_error": 0.3, "peak_ratio": 2.0}, {"method": "efobda"}]
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
