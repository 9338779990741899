"""The round by torch's own operations: equal to the compiled one, and what it refuses."""

import itertools
import tempfile
import unittest
import unittest.mock
import warnings
from pathlib import Path

import jobs  # noqa: F401  (before torch: one thread)

import torch

import laser
from laser.device import compress, random, refusals
from laser.device.trace import read_trace
from laser.device_round import DeviceRound, refusal
from laser.native import core, pairs

SHAPES = {"weight": (24, 30), "bias": (24,), "kernel": (16, 8, 3, 3), "thin": (40, 2), "last": (7,)}
SIZE = sum(torch.Size(shape).numel() for shape in SHAPES.values())
FEW = {"weight": (12, 16), "bias": (12,)}  # where very many rounds are compared
METHODS = [name for role, name, _, _ in core.part_rows() if role == "method" and not refusal(core.settings([("method", name)]), {})]
CHANNELS = [name for role, name, _, _ in core.part_rows() if role == "channel" and name != "trace"]
ALLOCATIONS = [name for role, name, _, _ in core.part_rows() if role == "allocation"]
TRANSPORTS = ("alternating", "two_phase", "one_shot", "parallel")
MORE = [  # what else a round reads: numbers, and what has to go together
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
    {"feedback": "fitted", "feedback_strength": 0.8}, {"feedback": "fitted", "method": "sketch"}, {"feedback": "fitted", "method": "randomk"},
    {"method": "agetopk", "magnitude_share": 0.0},
    {"method": "agetopk", "magnitude_share": 1.0, "channel": "awgn"}, {"method": "swept", "double": True},
    {"method": "swept", "rank": 1, "rounds": 9}, {"compressor": "sweep", "feedback": "decoded", "rounds": 5},
    {"compressor": "sweep", "rounds": 5},
    {"lead": "auto", "worker_momentum": 0.9}, {"lead": "0.3", "worker_momentum": 0.9, "participation": 0.6},
    {"preconditioner": "second_moment", "preconditioner_refresh": 2, "rounds": 9, "participation": 0.7},
    {"method": "swept", "worker_momentum": 0.8, "preconditioner_refresh": 3, "preconditioner_power": 0.5, "rounds": 7},
    {"equal_norms": True, "feedback": "none", "peak_ratio": 2.0, "loss_rate": 0.3},
    {"equal_norms": True, "feedback": "none", "transport": "one_shot"},
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


def both(workers=4, seed=7, double=False, shapes=SHAPES, **settings):
    """The compiled round and this one."""
    plain = {"workers": workers, "compress": "always", "compression_factor": 0.3, **settings}
    compiled = core.Aggregator([(name, list(shape)) for name, shape in shapes.items()], pairs(plain), None, double, seed, {})
    return Flat(compiled, shapes), device_round(workers, seed, double, shapes=shapes, **settings)


class Flat:
    """The compiled round for gradients [K, d] of all tensors together."""

    def __init__(self, compiled, shapes):
        self._compiled, self._shapes = compiled, shapes

    def round(self, index, power, given, diagnose=False):
        sizes = [torch.Size(shape).numel() for shape in self._shapes.values()]
        return self._compiled.round(index, power, [part.contiguous() for part in given.split(sizes, 1)], diagnose)

    def __getattr__(self, name):
        return getattr(self._compiled, name)


def device_round(workers=4, seed=7, double=False, device="cpu", group=None, first_worker=0, shapes=SHAPES, **settings):
    settings = {"workers": workers, "compress": "always", "compression_factor": 0.3, **settings}
    return DeviceRound(list(shapes.items()), core.settings(pairs(settings)), workers, seed, device, double, group, first_worker)


def gradients(number, workers=4, double=False, vanishing=False, shapes=SHAPES):
    size = sum(torch.Size(shape).numel() for shape in shapes.values())
    drawn = torch.randn(workers, size, generator=torch.Generator().manual_seed(number), dtype=torch.float64)
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


def distance(one, other):
    return float((one - other).double().norm() / other.double().norm().clamp(min=1e-30))


class AgainstTheCompiledRound(unittest.TestCase):
    def compare(self, limit=1e-5, rounds=3, power=None, vanishing=False, shapes=SHAPES, **settings):
        workers, double = settings.get("workers", 4), settings.get("double", False)
        power = POWERS.get(settings.get("channel"), 50.0) if power is None else power
        if settings.get("channel") == "reed" and not double:
            limit = max(limit, 3e-4)  # its noise is many times what is meant
        warnings.simplefilter("ignore")
        compiled, here = both(shapes=shapes, **settings)
        heard = 0.0
        for number in range(rounds):
            given = gradients(number, workers, double, vanishing, shapes)
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

    def test_every_combination_of_parts_that_fits(self):
        """Of compressor, transport, feedback, receiver and channel, as the core's own table of parts has them; allocations and the
        other settings that are one of a few take turns."""
        facts, rows = core.part_facts(), {row[0]: row for row in core.setting_rows()}
        turns = {name: itertools.cycle(row[3].split(" | ")) for name, row in rows.items() if " | " in row[3]}
        sends = [(name, transport) for name, of in facts["compressor"].items()
                 for transport in (facts["transport"] if "transport" in of["reads"] else [None])]
        compared = 0
        for (compressor, transport), feedback, receiver, channel in itertools.product(sends, facts["feedback"], facts["receiver"], CHANNELS):
            given = {"compressor": compressor, "feedback": feedback, "receiver": receiver, "channel": channel,
                     "allocation": next(turns["allocation"])}
            reads = [*facts["compressor"][compressor]["reads"], *facts["feedback"][feedback]["reads"], *facts["channel"][channel]["reads"]]
            if transport:
                given["transport"] = transport
                reads += facts["transport"][transport]["reads"]
            given |= {name: next(turns[name]) for name in reads if name in turns and name not in ("transport", "compress", "memory")}
            try:
                if refusal(core.settings(pairs(given)), {}):
                    continue
            except laser.Error:  # they do not go together
                continue
            digital = channel == "digital"  # a last bit decides between its levels
            self.compare(rounds=2, shapes=FEW, power=None if digital else 1e4, double=digital, **given)
            compared += 1
        self.assertGreater(compared, 2000)

    def test_every_method(self):
        for method, transport in itertools.product(METHODS, TRANSPORTS):
            plain = core.settings(pairs({"method": method}))
            if transport == plain["transport"] or (plain["compressor"] == "low_rank" and plain["receiver"] == "unbiased"):
                self.compare(method=method, transport=transport, power=POWERS.get(plain["channel"]))

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

    def test_norms_that_are_expected(self):
        allocations = itertools.cycle(ALLOCATIONS)
        for channel, transport in itertools.product(CHANNELS, TRANSPORTS):
            if channel not in ("digital", "reed"):  # which the core refuses
                self.compare(channel=channel, transport=transport, precoding="expected", allocation=next(allocations), rounds=4, **AWAY)
        for more in {}, {"power_shares": [1, 2, 0.5]}, {"channel": "saturating", "power_shares": [1, 2], "peak_ratio": 2.0}:
            self.compare(method="cotaf", rounds=4, **more)

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
        compiled = core.Aggregator([(name, list(shape)) for name, shape in shapes.items()],
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
                         {"method": "swept", "preconditioner_refresh": 2}, held, {"method": "efobda"}, {"method": "agetopk"}, {"method": "cotaf"},
                         {"precoding": "expected", "transport": "two_phase"}):
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
        drawn = random.Normals(2**63 + 5, "cpu").draw(0, [(random.WARM_START, 0, 0, 64 * 64),
                                                                  (random.WARM_START, 0, 1, 64 * 4096)])
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
        for name in refusals.CHOICES:
            told = f"^{name} = novel is not computed on a device: the round of torch's operations has {refusals.CHOICES[name][0]}"
            self.assertRegex(refusal({**plain, name: "novel"}, {}), told)
            self.assertRaisesRegex(laser.Error, told + ".*HINT: leave", DeviceRound, list(SHAPES.items()), {**plain, name: "novel"}, 2, 1)
        with unittest.mock.patch.object(refusals, "_defaults", lambda: {**plain, "novelty": "0"}):
            self.assertIsNone(refusal({**plain, "novelty": "0"}, {}))
            self.assertRegex(refusal({**plain, "novelty": "1"}, {}), "^novelty = 1 is not computed on a device: .* does not know it")
        self.assertIsNone(refusal(plain, {}))

    def test_it_has_every_part_and_setting_of_the_core_or_says_why_not(self):
        for role, known in refusals.CHOICES.items():
            parts = {name for of, name, _, _ in core.part_rows() if of == role}
            self.assertLessEqual(parts, set(known) | {name for of, name in refusals.REFUSED if of == role}, role)
        facts = core.part_facts()
        for role, kinds in (("compressor", compress.COMPRESSORS), ("transport", compress.TRANSPORTS)):
            self.assertEqual({name: kind.passes for name, kind in kinds.items()},
                             {name: facts[role][name]["traits"]["passes"] for name in kinds})
        read = {name for name, _, is_read in core.setting_groups() if is_read}
        self.assertLessEqual(read, refusals.CHOICES.keys() | refusals.NUMBERS)

    def test_a_number_that_is_not_finite_changes_nothing_and_is_named(self):
        for settings in ({}, {"transport": "two_phase"}, {"method": "laser_momentum"}, {"memory": "bfloat16"}, {"method": "randomk"},
                         {"transport": "parallel"}, {"method": "swept", "preconditioner_refresh": 3}, {"method": "ddsgd"}, {"method": "agetopk"},
                         {"compressor": "identity", "feedback": "hold", "prediction": "matched"}, {"method": "efobda"}, {"channel": "reed"},
                         {"method": "cotaf"}):
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


if __name__ == "__main__":
    unittest.main()
