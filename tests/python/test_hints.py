"""Wrong inputs as a new user makes them: each is told with what is wrong, what is possible and a next step that works without the command."""

import ast
import pathlib
import re
import tempfile
import unittest
import warnings

import torch
from torch import nn

import laser
from laser import errors, hints, native, portable

PACKAGE = pathlib.Path(__file__).resolve().parents[2] / "python" / "laser"
SHAPES = {"w": (8, 6)}
GRADIENTS = torch.ones(4, 8, 6)


class Identity(laser.Compressor):
    def encode(self, messages, exchange):
        return messages.flatten(1)

    def decode(self, received, exchange):
        return received.view(exchange.rows, exchange.columns)


class Unsure(Identity):
    linear = "yes"


def aggregator(**given):
    return laser.Aggregator(SHAPES, **{"workers": 4, "rank": 2, **given})


def simulator(**given):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return laser.Simulator(given.pop("model", nn.Linear(12, 6)), given.pop("loss", nn.functional.cross_entropy),
                               given.pop("data", (torch.ones(60, 12), torch.arange(60) % 3)),
                               **{"workers": 4, "rounds": 2, "rank": 2, "batch_size": 4, **given})


ROUND = {
    "method": "lasr", "rank": 65, "ranc": 2, "learning_rate": 1, "epochs": 2, "channel": "awgm", "feedback": "locla", "receiver": "zzz",
    "compressor": Unsure, "workers": 2.0, "power": "lots", "snr_db": 500, "seed": -1, "double_precision": "yes", "participation": 0,
    "warm_start": "maybe", "power_shares": "a,b", "loss_rate": 1,
}
SIMULATOR = {
    "method": "lasr", "rounds": -1, "batch_size": 0, "scheduler": "cosine", "ema_decay": 1, "diagnose": "yes", "vectorize": "yes", "per_client": 1,
    "evaluate_every": 0, "concentration": -1, "local_learning_rate": -1, "folder": 3, "optimizer": "adam", "data": 3, "loss": "mse",
    "model": nn.Linear(7, 3), "asleep": "x", "sharding": "idd", "test": 5, "learning_rate": 0.1, "epochs": 3,
}
STATE = {"method": "lasr", "rank": 0, "ranc": 3, "on_nonfinite": "x", "start_iter": -1, "seed": -1, "stream": -1, "name": "a/b", "timeout": -1,
         "min_compression_rate": 0, "error_feedback": "no", "snr_db": "x", "power": -1, "transport": "twophase", "channel": "awgm"}
ARENA = {"methods": "laser", "tasks": ("mnits",), "seeds": 0, "epochs": 0, "jobs": -1, "power_scale": -1}
OTHERS = {
    "forget": lambda: aggregator().forget(2), "state": lambda: aggregator().load_state_dict({"x": 1}),
    "rounds": lambda: aggregator().load_state_dict({**aggregator().state_dict(), "rounds": torch.tensor(-1)}),
    "memory": lambda: aggregator().load_state_dict({**aggregator().state_dict(), "memory/w": torch.zeros(2)}),
    "shape": lambda: aggregator().round({"w": GRADIENTS[:3]}), "diagnose": lambda: aggregator().round({"w": GRADIENTS}, diagnose=1),
    "no workers": lambda: laser.aggregate(torch.zeros(0, 3)),
    "task": lambda: laser.Training(task="mnits"), "setting": lambda: laser.Training(learnig_rate=1),
    "values": lambda: laser.Training(power=[1, 2]), "data": lambda: laser.Training(task="cifar10", data_dir="/nowhere"),
    "method's row": lambda: laser.methods()["lasr"], "setting's row": lambda: laser.settings()["ranc"],
    "norms": lambda: laser.channels.superpose("awgn", 1.0, 1.0), "air": lambda: laser.channels.superpose("awgm", [1.0], 1.0),
    "energy": lambda: laser.channels.superpose("awgn", [1.0], -1.0), "nobody": lambda: laser.channels.superpose("awgn", [], 1.0),
    "policy": lambda: laser.power.schedule("linar", 3, 1.0), "sizes": lambda: laser.power.schedule("custom", 3, 1.0, [1, 2]),
    "allocation": lambda: laser.power.shares("x", [[1.0]], [[1.0]], [1]), "flat": lambda: laser.power.shares("norm", [1.0], [1.0], [1]),
    "factors": lambda: laser.power.split_between_factors(3.5, 3, 1.0), "ranks": lambda: laser.power.split_over_ranks(3, 3, 1.0, []),
    "P": lambda: laser.theory.influence_uncompressed(3, 3, power=0), "missing": lambda: laser.theory.influence_uncompressed(3, 3),
    "rank": lambda: laser.theory.influence_one_shot_bound(3, 3, 9, 1), "phi": lambda: laser.theory.influence_two_phase(3, 3, 1, 1, 2),
    "lag": lambda: laser.theory.memory_lag({"w": (0, 3)}), "no names": lambda: laser.theory.memory_lag([(3, 3)]),
    "scheme": lambda: laser.theory.data_volume({"w": (5, 3)}, "laser"), "run": lambda: laser.load_run(3),
    "no run": lambda: laser.load_runs("/nowhere"), "nothing": lambda: laser.plot({}), "no round": lambda: laser.plot([{"loss": 1.0}], "loss"),
    "hook": lambda: laser.laser_hook(None, None), "wrapper": lambda: laser.bf16_wrapper(3), "stateful": lambda: laser.Stateful("x"),
    "saved_by": lambda: laser.Stateful(laser.LaserState(), saved_by=0), "name": lambda: laser.testing.check_compressor("low_rank"),
    "role": lambda: laser.testing.problems("x", Identity), "name of the package": lambda: laser.Simulater,
}


def told(work):
    try:
        work()
    except Exception as problem:
        return f"{type(problem).__name__}: {problem}"
    return "accepted"


class NextStep(unittest.TestCase):
    def expect(self, cases):
        for name, work in cases.items():
            text = told(work)
            self.assertIn("HINT: ", text, name)
            self.assertNotRegex(text, r"'laser (train|sweep|report)|--\w", name)

    def test_of_a_round(self):
        self.expect({name: lambda name=name, value=value: aggregator(**{name: value}) for name, value in ROUND.items()})

    def test_of_a_round_without_compiled_core(self):
        self.expect({name: lambda name=name, value=value: portable.settings(native.pairs({name: value})) for name, value in ROUND.items()
                     if name not in ("learning_rate", "epochs", "compressor", "double_precision", "workers", "snr_db")})

    def test_of_a_simulator(self):
        self.expect({name: lambda name=name, value=value: simulator(**{name: value}).run() for name, value in SIMULATOR.items()})

    def test_of_a_state_without_a_model(self):
        self.expect({name: lambda name=name, value=value: laser.LaserState(**{name: value}) for name, value in STATE.items()})

    def test_of_an_arena(self):
        with tempfile.TemporaryDirectory() as folder:
            self.expect({name: lambda name=name, value=value: laser.arena.run(folder, **{"quick": True, name: value}) for name, value in
                         ARENA.items()})

    def test_of_all_else(self):
        self.expect(OTHERS)

    def test_what_a_hint_shows_is_there(self):
        for text in told(lambda: aggregator(rank=65)), told(lambda: aggregator(method="lasr")), told(lambda: aggregator(receiver="zzz")):
            code = re.search(r"HINT: .*?((?:print\()?laser\..*?) (?:tells|says)", text)[1].removeprefix("print(")
            self.assertTrue(eval(code.removesuffix(")") if code.count(")") > code.count("(") else code, {"laser": laser}), text)

    def test_the_command_has_its_own_words(self):
        problem = native.error(3, "unknown key 'ranc'; did you mean 'rank'? HINT: 'laser train --all' lists all keys")
        self.assertIn("laser train --all", problem.args[0])
        self.assertIn("print(laser.settings())", str(problem))
        self.assertEqual(hints.in_python(str(problem)), str(problem))

    def test_a_hint_of_ones_own_is_kept(self):
        with self.assertRaisesRegex(laser.Error, "^one. HINT: two$"), errors.next_step("three"):
            raise native.error(3, "one. HINT: two")
        with self.assertRaisesRegex(laser.Error, "^one. HINT: three$") as caught, errors.next_step("three"):
            raise native.error(4, "one")
        self.assertEqual(caught.exception.exit_code, 4)

    def test_every_error_of_the_package_has_one(self):
        """But for those of device/ and portable.py, whose texts are the compiled core's."""
        lacking = []
        for path in sorted([*PACKAGE.glob("*.py"), *PACKAGE.glob("integrations/*.py")]):
            for node in ast.walk(ast.parse(path.read_text())):
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "error" and len(node.args) == 2):
                    continue
                texts = [one.value for one in ast.walk(node.args[1]) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
                names = {one.id for one in ast.walk(node.args[1]) if isinstance(one, ast.Name)}
                if texts and "HINT" not in "".join(texts) and not names & {"WANTED", "with_hint"}:
                    lacking.append(f"{path.name}:{node.lineno} {''.join(texts)[:60]}")
        self.assertEqual([one for one in lacking if not one.startswith("budget.py")], [])


if __name__ == "__main__":
    unittest.main()
