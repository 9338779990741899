"""Parts that are written in Python: the page's examples, right and wrong ones, refusals, and where they are accepted."""

import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import torch

import jobs
import laser

ROOT = Path(__file__).resolve().parents[2]
SHAPES = {"weight": (12, 7), "bias": (5,)}


class Same(laser.Compressor):
    """The messages as they are."""

    linear = exact = True

    def encode(self, messages, exchange):
        return messages.flatten(1)

    def decode(self, received, exchange):
        return received.view(exchange.rows, exchange.columns)


class Basis(laser.Compressor):
    """The projection onto a factor of the round before, which is the state."""

    linear = True

    def initial_state(self, exchange):
        return {"factor": torch.randn(exchange.columns, 2, generator=exchange.random())}

    def encode(self, messages, exchange):
        return (messages @ torch.linalg.qr(exchange.state["factor"].to(messages.dtype))[0]).flatten(1)

    def decode(self, received, exchange):
        basis = torch.linalg.qr(exchange.state["factor"].to(received.dtype))[0]
        return received.view(-1, 2) @ basis.T, {"factor": exchange.state["factor"] + 0.1}


class LeastNoise(laser.Allocation):
    """norm_dim of the table."""

    def weights(self, blocks):
        return blocks.sent_norms * (blocks.symbols * blocks.held).sqrt()


def gradients(seed: int = 0, workers: int = 3, kind=torch.float32) -> dict:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(workers, *shape, generator=generator, dtype=kind) for name, shape in SHAPES.items()}


class Page(unittest.TestCase):
    def test_every_block_of_the_page_runs(self):
        blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "parts.md").read_text(), re.S)
        self.assertGreaterEqual(len(blocks), 6)
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "page.py"
            script.write_text("\n".join(blocks))
            done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, cwd=folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        accuracy = float(re.search(r"([\d.]+) % after 60 rounds with __main__.Halves", done.stdout).group(1))
        self.assertGreater(accuracy, 70)


class Laws(unittest.TestCase):
    def test_right_parts_obey(self):
        laser.testing.check_compressor(Same)
        laser.testing.check_compressor(Basis())
        laser.testing.check_channel(laser.Channel())
        laser.testing.check_receiver(laser.Receiver)
        laser.testing.check_allocation(LeastNoise)

    def test_wrong_parts_are_found_by_the_law_that_speaks_of_them(self):
        class Unlike(Same):  # another draw at the server
            def decode(self, received, exchange):
                return torch.randn(exchange.rows, exchange.columns)

        class Fixed(laser.Channel):  # the same gains in every round
            def gains(self, workers, exchange):
                return [0.5 + 0.1 * i for i in range(workers)]

        class Louder(laser.Channel):  # weights that add up to 2
            def scale(self, gains, norms, energies):
                amplitudes, factor = super().scale(gains, norms, energies)
                return amplitudes, 2 * factor

        class Twice(laser.Feedback):
            def update(self, messages, arrived):
                return messages

        class Half(laser.Receiver):
            def scale(self, received, noise_std):
                return received / 2

        class Negative(laser.Allocation):
            def weights(self, blocks):
                return [-1.0] + [1.0] * (len(blocks.symbols) - 1)

        class Unit(laser.Allocation):
            def weights(self, blocks):
                return 1 + blocks.sent_norms

        for role, wrong, law in (("allocation", Negative, "SharesAreAtLeastZeroAndAddUpToOne"),
                                 ("allocation", Unit, "AWorkersSharesFollowItsOwnProportionsAlone"),
                                 ("compressor", Unlike, "SameKeySameBitsOtherKeyOtherBits"), ("channel", Fixed, "DrawsAreFresh"),
                                 ("channel", Louder, "WeightsOfTheWorkersThatAreHeardAddUpToOne"),
                                 ("feedback", Twice, "NothingIsSentTwice"), ("receiver", Half, "WithoutNoiseNothingChanges")):
            with self.subTest(law):
                with self.assertRaises(AssertionError) as caught:
                    getattr(laser.testing, f"check_{role}")(wrong)
                self.assertRegex(str(caught.exception), rf"{law} \(.*\), in (a round of LASER|\w+=\w+): ")


class Rounds(unittest.TestCase):
    def test_what_a_table_has_gives_the_bits_of_the_table(self):
        class Local(laser.Feedback):
            def update(self, messages, arrived):
                return messages - arrived.own

        class Matched(laser.Receiver):
            def weight(self, noise, energies):
                signal = sum(energies)
                return 1 / (1 + noise * len(energies) / signal) if signal else 1.0

        for name, own, settings in (("compressor", Same(), {"method": "zsgd", "allocation": "comp_norm"}),
                                    ("channel", laser.Channel(), {"rank": 2}), ("feedback", Local(), {"rank": 2}),
                                    ("receiver", Matched(), {"method": "laser_matched", "rank": 2}),
                                    ("allocation", LeastNoise(), {"rank": 2})):
            plain = {"receiver": {"receiver": "matched"}, "compressor": {"compressor": "identity"},
                     "allocation": {"allocation": "norm_dim"}}.get(name, {})
            one = laser.Aggregator(SHAPES, 3, 50.0, double_precision=True, **settings, **plain)
            other = laser.Aggregator(SHAPES, 3, 50.0, double_precision=True, **settings, **{name: own})
            for t in range(4):
                left = one.round(gradients(t, kind=torch.float64))
                right = other.round(gradients(t, kind=torch.float64))
                for tensor in SHAPES:
                    difference = (left.estimate[tensor] - right.estimate[tensor]).abs().max()
                    self.assertLess(difference, 1e-12, (name, tensor, t))
                self.assertEqual(left.symbols, right.symbols)

    def test_a_round_that_fails_changes_nothing(self):
        class Moody(Same):
            fails = False

            def decode(self, received, exchange):
                if self.fails:
                    raise ValueError("not today")
                return super().decode(received, exchange)

        moody = Moody()
        one = laser.Aggregator(SHAPES, 3, 50.0, compressor=moody)
        other = laser.Aggregator(SHAPES, 3, 50.0, compressor=Same)
        for t in range(5):
            if t == 2:
                moody.fails = True
                with self.assertRaisesRegex(ValueError, "not today"):
                    one.round(gradients(t))
                moody.fails = False
            left, right = one.round(gradients(t)), other.round(gradients(t))
            for tensor in SHAPES:
                self.assertTrue(torch.equal(left.estimate[tensor], right.estimate[tensor]), (t, tensor))

    def test_state_is_saved_and_loaded(self):
        whole, first = (laser.Aggregator(SHAPES, 3, 50.0, compressor=Basis()) for _ in range(2))
        expected = [whole.round(gradients(t)).estimate["weight"] for t in range(6)]
        for t in range(3):
            first.round(gradients(t))
        self.assertIn("shared/weight/factor", first.state_dict())
        second = laser.Aggregator(SHAPES, 3, 50.0, compressor=Basis())
        second.load_state_dict(first.state_dict())
        for t in range(3, 6):
            self.assertTrue(torch.equal(second.round(gradients(t)).estimate["weight"], expected[t]))

    def test_training_learns_and_tells_the_name(self):
        run = laser.Training(task="mnist", workers=4, epochs=2, power=100, compressor=Same)
        run.advance(run.rounds)
        self.assertGreater(run.accuracy, 85)
        self.assertEqual(run.parts, {"compressor": f"{__name__}.Same"})

    def test_the_hook_takes_parts(self):
        for difference, name in jobs.run(2, hooked):
            self.assertLess(difference, 1e-4)
            self.assertEqual(name, f"{__name__}.Same")


def hooked(rank: int) -> tuple[float, str]:
    """The difference of the hook's gradient, almost without noise, from DDP's own; what a saved state says."""
    ddp = torch.nn.parallel.DistributedDataParallel
    model, plain = torch.nn.Linear(6, 4), torch.nn.Linear(6, 4)
    model, plain = ddp(model), ddp(plain)
    plain.load_state_dict(model.state_dict())
    state = laser.LaserState(model, power=1e12, start_iter=0, compressor=Same())
    model.register_comm_hook(state, laser.laser_hook)
    inputs = torch.randn(5, 6, generator=torch.Generator().manual_seed(rank))
    for one in model, plain:
        one(inputs).square().sum().backward()
    difference = (model.module.weight.grad - plain.module.weight.grad).abs().max().item()
    return difference, state.state_dict()["setup"]["settings"]["compressor"]


class Claims(unittest.TestCase):
    def test_defaults_open_no_door_and_the_page_has_them(self):
        defaults = {name: value for name, value in vars(laser.Compressor).items() if isinstance(value, bool)}
        self.assertEqual(defaults, {"linear": False, "exact": False, "scales": True, "splits": True})
        page = (ROOT / "docs" / "parts.md").read_text()
        header = (ROOT / "src" / "laser" / "compress" / "compressor.hpp").read_text()
        for name, value in defaults.items():
            self.assertIn(f"| `{name}` | {value} |", page)
            self.assertRegex(laser.Compressor.__doc__, rf"(?m)^    {name}: \({value}\) ")
            self.assertRegex(header, rf"bool {name} = {str(value).lower()};")

    def test_nothing_is_claimed_that_is_not_said(self):
        for role in {"receiver": "matched"}, {"feedback": "hold"}:
            with self.assertRaisesRegex(laser.Error, "linear"):
                laser.Aggregator({"w": (8, 6)}, 4, compressor=Silent, **role)
        for flag in "linear", "exact", "scales", "splits":
            for value in "yes", 1, None:
                with self.assertRaisesRegex(laser.Error, f"{flag} = .*HINT: {flag} = True or"):
                    laser.Aggregator({"w": (8, 6)}, 4, compressor=type("Odd", (Silent,), {flag: value}))


class Silent(laser.Compressor):
    """It says nothing of itself."""

    def encode(self, messages, exchange):
        return messages.flatten(1)

    def decode(self, received, exchange):
        return received.view(exchange.rows, exchange.columns)


class Refusals(unittest.TestCase):
    def refused(self, text: str, **settings) -> None:
        with self.assertRaises(laser.Error) as caught:
            laser.Aggregator(SHAPES, 3, 50.0, **settings).round(gradients())
        self.assertRegex(str(caught.exception), text)
        self.assertNotIn("internal", str(caught.exception))

    def test_a_compressor_that_does_not_fit_is_refused_with_the_next_step(self):
        class Nothing(laser.Compressor):
            pass

        class Flat(Same):
            def encode(self, messages, exchange):
                return messages

        class Short(Same):
            def decode(self, received, exchange):
                return received

        class Words(Same):
            def encode(self, messages, exchange):
                return "symbols"

        class Whole(Same):
            def encode(self, messages, exchange):
                return messages.flatten(1).long()

        class Undefined(Same):
            def decode(self, received, exchange):
                return super().decode(received, exchange) * torch.nan

        class Changing(Same):
            def encode(self, messages, exchange):
                return messages.mul_(2).flatten(1)

        class Forgets(Basis):
            def decode(self, received, exchange):
                return super().decode(received, exchange)[0], {}

        class Arguments(Same):
            def __init__(self, size):
                self.size = size

        class Stray(Same):
            def decode(self, received, exchange):
                return super().decode(received, exchange), {"stray": received}

        class Listed(Same):
            def initial_state(self, exchange):
                return [1, 2]

        self.refused(r"has no encode\(\)", compressor=Nothing)
        self.refused(r"shape \[3, 12, 7\].*HINT: \[3, D\]", compressor=Flat)
        self.refused(r"decode returned the shape \[84\].*HINT: \[12, 7\]", compressor=Short)
        self.refused("returned str, not a tensor", compressor=Words)
        self.refused("numbers of type Long", compressor=Whole)
        self.refused("not finite", compressor=Undefined)
        self.refused("changed the messages", compressor=Changing)
        self.refused("state without 'factor'", compressor=Forgets)
        self.refused("needs arguments.*HINT: an object", compressor=Arguments)
        self.refused("neither a name nor a laser.Compressor", compressor=7)
        self.refused("state 'stray' that initial_state", compressor=Stray)
        self.refused("state of type list. HINT: a dict", compressor=Listed)

    def test_names_and_settings_that_do_not_fit_a_part_are_told(self):
        with self.assertRaisesRegex(laser.Error, "is a name, and here"):
            laser.testing.check_compressor("low_rank")
        with self.assertWarnsRegex(UserWarning, "not read by a run.*rank = 3"):
            laser.Training(task="mnist", workers=2, compressor=Same, rank=3)
        self.refused("unknown", compressor="lowrank")
        self.refused("memory = 'bfloat16'", compressor=Same, memory="bfloat16")

    def test_a_channel_that_does_not_fit_is_refused_with_the_next_step(self):
        class Loud(laser.Channel):
            def scale(self, gains, norms, energies):
                amplitudes, factor = super().scale(gains, norms, energies)
                return [2 * a for a in amplitudes], factor

        class Odd(laser.Channel):
            def gains(self, workers, exchange):
                return [1.0] * (workers + 1)

        class Gain(laser.Channel):
            def gain(self, workers, exchange):
                return [1.0] * workers

        class Empty(laser.Channel):
            pass

        self.refused("spend", channel=Loud)
        self.refused("HINT: 3 finite numbers", channel=Odd)
        self.refused("neither a name nor a laser.Channel", channel=Same)
        self.refused(r"gain\(\), which nothing calls. HINT: gains", channel=Gain)
        self.refused("has none of", channel=Empty)

    def test_a_receiver_or_feedback_that_does_not_fit_is_refused_with_the_next_step(self):
        class Shrinking(laser.Feedback):
            def update(self, messages, arrived):
                return messages[0]

        class Misspelt(laser.Receiver):
            def wieght(self, noise, energies):
                return 1.0

        class Both(laser.Receiver):
            def scale(self, received, noise_std):
                return received

            def weight(self, noise, energies):
                return 1.0

        class Silent(laser.Receiver):
            def weight(self, noise, energies):
                return None

        class Vague(Same):
            linear = exact = False

        class Weigh(laser.Receiver):
            def weight(self, noise, energies):
                return 0.5

        self.refused(r"wieght\(\), which nothing calls. HINT: weight", receiver=Misspelt)
        self.refused(r"scale\(\) and weight\(\). HINT: one", receiver=Both)
        self.refused("weight returned NoneType. HINT: a number", receiver=Silent)
        self.refused("must be linear.*HINT: linear = true", compressor=Vague, receiver=Weigh)
        self.refused("HINT: .*that of the messages", feedback=Shrinking)

    def test_an_allocation_that_does_not_fit_is_refused_with_the_next_step(self):
        class Few(laser.Allocation):
            def weights(self, blocks):
                return [1.0]

        class Worded(laser.Allocation):
            def weights(self, blocks):
                return "all to the first"

        class Below(laser.Allocation):
            def weights(self, blocks):
                return -blocks.sent_norms

        class Idle(laser.Allocation):
            pass

        self.refused(r"weights returned 1 numbers for 2 tensors\. HINT: one for each", allocation=Few)
        self.refused(r"weights returned str\. HINT: \[2\], a number for each tensor", allocation=Worded)
        self.refused("weight of tensor 0 is -.*HINT: at least 0", allocation=Below)
        self.refused(r"has no weights\(\)\. HINT", allocation=Idle)
        self.refused("neither a name nor a laser.Allocation", allocation=3)


if __name__ == "__main__":
    unittest.main()
