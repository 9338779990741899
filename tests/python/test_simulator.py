"""laser.Simulator: the command's numbers, vmap against a loop, DDP with the hook, local steps, resuming, and what it refuses."""

import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
import warnings
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

import laser
from laser.simulator_records import spread
from test_examples import torchrun

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples"))
import mnist  # noqa: E402

loss = functional.cross_entropy


def digits(part, count=None):
    inputs, targets = mnist.load(ROOT / "data" / "mnist", part)
    return inputs.flatten(1)[:count], targets[:count]


def clouds(count=640, width=12, classes=4, seed=3):
    """Points about `classes` centres."""
    generator = torch.Generator().manual_seed(seed)
    targets = torch.arange(count) % classes
    centres = torch.randn(classes, width, generator=torch.Generator().manual_seed(1))
    return centres[targets] + 0.7 * torch.randn(count, width, generator=generator), targets


def network(*middle, width=12, classes=4):
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(width, 16), *middle, nn.ReLU(), nn.Linear(16, classes))


def simulator(model=None, data=None, **settings):
    settings = {"workers": 4, "power": 1e4, "rank": 2, "rounds": 12, "batch_size": 16, "progress": False, **settings}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*(lags of the error memory|one by one).*")
        return laser.Simulator(model or network(), loss, data or clouds(), **settings)


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


class Command(unittest.TestCase):
    """The same settings, data order, initial weights and streams: the command's numbers but for the rounding of gradients."""

    def compare(self, task, model, rename, rounds, power):
        settings = {"workers": 16, "power": power, "rank": 2, "seed": 3}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run = laser.Training(task=task, epochs=rounds // 30, **settings)
            first = run.parameters()
            with torch.no_grad():
                for name, p in model.named_parameters():
                    p.copy_(first[rename(name)])
            one = laser.Simulator(model, loss, digits("train"), test=digits("t10k"), rounds=rounds, progress=False, **settings)
        self.assertEqual(one.rounds_per_epoch * (rounds // 30), run.rounds)
        run.advance(run.rounds)
        one.run()
        last = run.parameters()
        moved = math.sqrt(sum(float((last[name] - first[name]).square().sum()) for name in last))
        apart = math.sqrt(sum(float((last[rename(name)] - p.detach()).square().sum()) for name, p in model.named_parameters()))
        self.assertLess(apart / moved, 2e-4)
        self.assertAlmostEqual(one.records[-1].accuracy, run.accuracy, delta=0.05)

    def test_linear_mnist(self):
        model = nn.Linear(784, 10)
        names = {name: f"{name}" for name, _ in model.named_parameters()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = list(laser.Training(task="mnist", epochs=1).shapes)
        self.compare("mnist", model, dict(zip(names, theirs)).get, 60, 100.0)

    def test_mlp_of_mnist(self):
        model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
        self.compare("mnist_mlp", model, {"0.weight": "hidden.weight", "0.bias": "hidden.bias", "2.weight": "output.weight",
                                          "2.bias": "output.bias"}.get, 30, 1000.0)


class Gradients(unittest.TestCase):
    def test_all_at_once_is_one_by_one(self):
        for settings in ({}, {"local_steps": 3, "local_learning_rate": 0.1}, {"participation": 0.5},
                         {"local_steps": 4, "local_learning_rate": 0.1, "proximal": 0.5}):
            inputs, targets = clouds()
            pair = [simulator(network().double(), (inputs.double(), targets), vectorize=way, rounds=8, **settings)
                    for way in (None, False)]
            self.assertEqual([one._work.vectorized for one in pair], [True, False])
            for one in pair:
                one.run()
            difference = (weights(pair[0].model) - weights(pair[1].model)).abs().max().item()
            self.assertLess(difference, 1e-6, settings)
            self.assertAlmostEqual(pair[0].records[-1].loss, pair[1].records[-1].loss, delta=1e-6)

    def test_it_is_a_loop_by_hand_over_the_round(self):
        one = simulator(optimizer=None)
        model, (inputs, targets) = network(), clouds()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
        shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
        aggregator = laser.Aggregator(shapes, 4, power=1e4, rank=2, seed=1)
        for t in range(12):
            rows = {name: [] for name in shapes}
            for i in range(4):
                order = torch.tensor(laser.native.core.epoch_order(640, 4, 16, 1, t // 10, i))
                mine = order[t % 10 * 16 : t % 10 * 16 + 16]
                model.zero_grad()
                loss(model(inputs[mine]), targets[mine]).backward()
                for name, p in model.named_parameters():
                    rows[name].append(p.grad.clone())
            estimate = aggregator.round({name: torch.stack(each) for name, each in rows.items()}).estimate
            for name, p in model.named_parameters():
                p.grad = estimate[name]
            optimizer.step()
        one.run()
        self.assertLess((weights(one.model) - weights(model)).abs().max().item(), 1e-6)

    def test_each_worker_has_statistics_of_its_own(self):
        one = simulator(network(nn.BatchNorm1d(16)))
        self.assertFalse(one._work.vectorized)
        one.run()
        rows = one._work.statistics["1.running_mean"]
        self.assertEqual(tuple(rows.shape), (4, 16))
        self.assertGreater((rows[0] - rows[1]).abs().max().item(), 1e-3)
        self.assertTrue(torch.equal(one.model[1].running_mean, rows[0]))
        self.assertEqual(int(one.model[1].num_batches_tracked), 12)
        self.assertFalse(any("one by one" in note for note in one.notes))  # it is usual

    def test_dropout_draws_the_same_again_and_leaves_others_draws_alone(self):
        runs = []
        for _ in range(2):
            one = simulator(network(nn.Dropout(0.5)))
            self.assertFalse(one._work.vectorized)
            torch.manual_seed(9)
            before = torch.random.get_rng_state()
            one.run()
            self.assertTrue(torch.equal(before, torch.random.get_rng_state()))
            runs.append(weights(one.model))
        self.assertTrue(torch.equal(*runs))
        without = simulator(network(nn.Identity()))
        without.run()
        self.assertFalse(torch.equal(runs[0], weights(without.model)))

    def test_frozen_and_shared_parameters(self):
        model = network()
        model[0].bias.requires_grad_(False)
        kept = model[0].bias.clone()
        one = simulator(model)
        one.run()
        self.assertTrue(torch.equal(model[0].bias, kept))
        self.assertNotIn("0.bias", one.shapes)

        class Tied(nn.Module):
            def __init__(self):
                super().__init__()
                self.first, self.second, self.out = nn.Linear(12, 12), nn.Linear(12, 12), nn.Linear(12, 4)
                self.second.weight = self.first.weight

            def forward(self, inputs):
                return self.out(self.second(self.first(inputs).relu()))

        pair = [simulator(Tied(), vectorize=way) for way in (None, False)]
        pair[1].model.load_state_dict(pair[0].model.state_dict())
        for one in pair:
            self.assertNotIn("second.weight", one.shapes)
            one.run()
        self.assertLess((weights(pair[0].model) - weights(pair[1].model)).abs().max().item(), 1e-5)

    def test_a_model_that_vmap_cannot_follow(self):
        class Branching(nn.Module):
            def __init__(self):
                super().__init__()
                self.out = nn.Linear(12, 4)

            def forward(self, inputs):
                return self.out(inputs if inputs.sum() > 0 else -inputs)

        one = simulator(Branching())
        self.assertFalse(one._work.vectorized)
        self.assertIn("one by one", one.notes[0])
        one.run()
        with self.assertRaisesRegex(laser.Error, "vectorize=True.*HINT"):
            simulator(Branching(), vectorize=True)


class Federated(unittest.TestCase):
    def test_without_noise_it_is_federated_averaging(self):
        one = simulator(method="sgd", power=None, rank=4, rounds=3, local_steps=2, local_learning_rate=0.2)
        reference, (inputs, targets) = network(), clouds()
        for t in range(3):
            locals_ = []
            for i in range(4):
                mine = network()
                mine.load_state_dict(reference.state_dict())
                for step in range(2 * t, 2 * t + 2):
                    order = torch.tensor(laser.native.core.epoch_order(640, 4, 16, 1, step // 10, i))
                    batch = order[step % 10 * 16 : step % 10 * 16 + 16]
                    mine.zero_grad()
                    loss(mine(inputs[batch]), targets[batch]).backward()
                    with torch.no_grad():
                        for p in mine.parameters():
                            p -= 0.2 * p.grad
                locals_.append(weights(mine))
            nn.utils.vector_to_parameters(torch.stack(locals_).mean(0), reference.parameters())
        one.run()
        self.assertLess((weights(one.model) - weights(reference)).abs().max().item(), 1e-6)

    def test_the_proximal_term_keeps_workers_near(self):
        def far(proximal):
            one = simulator(local_steps=10, local_learning_rate=0.1, proximal=proximal)
            messages, _ = one._work.messages(0, [0, 1, 2, 3])
            return sum(float(m.square().sum()) for m in messages.values())

        self.assertLess(far(5.0), 0.5 * far(0.0))

    def test_who_sleeps_computes_nothing_and_keeps_or_drops_its_memory(self):
        for asleep in "keep", "drop":
            one = simulator(participation=0.5, asleep=asleep, rounds=5)
            for record in one:
                self.assertEqual((record.awake, sum(energy > 0 for energy in record.energy)), (2, 2))
            awake = laser.native.core.awake_workers(1, 4, 4, 0.5)
            memory = one._aggregator.state_dict()["memory/0.weight"]
            norms = [float(row.norm()) for row in memory]
            for i, there in enumerate(awake):
                if there or asleep == "keep":
                    self.assertGreater(norms[i], 0)
                else:
                    self.assertEqual(norms[i], 0)

    def test_one_data_set_a_worker_and_their_spread(self):
        data = [clouds(64 + 16 * i, seed=i) for i in range(4)]
        tests = [clouds(40, seed=10 + i) for i in range(4)]
        one = simulator(data=data, test=tests, per_client=True, rounds=6)
        record = one.run()[-1]
        self.assertEqual(len(record.client_accuracy), 4)
        self.assertEqual(record.client_accuracy_worst, min(record.client_accuracy))
        self.assertAlmostEqual(record.client_accuracy_mean, record.accuracy)
        self.assertEqual(record.client_energy_worst, max(record.client_energy))
        for i, energy in enumerate(record.client_energy):
            self.assertAlmostEqual(energy, sum(one_.energy[i] for one_ in one.records))
        self.assertEqual(spread(list(range(40)), True), {"worst": 39, "tenth": 37.5, "mean": 19.5})
        numbers = one._shards.numbers(2, 0)  # from the third data set only
        self.assertTrue(bool(((numbers >= 64 + 80) & (numbers < 64 + 80 + 96)).all()))

    def test_dirichlet_shards_differ_and_are_all_there(self):
        one = simulator(sharding="dirichlet", concentration=0.1)
        shards = [one._shards.shard(i) for i in range(4)]
        self.assertEqual(sorted(torch.cat(shards).tolist()), list(range(640)))
        counts = torch.stack([torch.bincount(clouds()[1][shard], minlength=4) for shard in shards])
        self.assertGreater(int(counts.max()), 100)
        sorted_ = simulator(sharding="sorted")
        self.assertEqual([len(set(clouds()[1][sorted_._shards.shard(i)].tolist())) for i in range(4)], [1, 1, 1, 1])


class OwnParts(unittest.TestCase):
    def test_a_compressor_of_ones_own(self):
        class FirstHalf(laser.Compressor):
            linear = True

            def encode(self, messages, exchange):
                return messages.flatten(1)[:, : (exchange.rows * exchange.columns + 1) // 2]

            def decode(self, received, exchange):
                estimate = received.new_zeros(exchange.rows * exchange.columns)
                estimate[: len(received)] = received
                return estimate.view(exchange.rows, exchange.columns)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            one = laser.Simulator(network(), loss, clouds(), workers=4, power=1e4, rounds=5, batch_size=16, progress=False,
                                  compressor=FirstHalf(), feedback="none")
        record = one.run()[-1]
        self.assertEqual(record.symbols, 16 * 12 // 2 + 16 + 4 * 16 // 2 + 4)
        self.assertIn("FirstHalf", repr(one))
        self.assertIsNone(one.lag)

    def test_a_channel_of_ones_own_and_a_power_of_the_round(self):
        class Quarter(laser.Channel):
            def gains(self, workers, exchange):
                return [0.25] * workers

        one = simulator(channel=Quarter(), power=lambda t: 100.0 * (t + 1), rounds=3)
        self.assertEqual([record.power for record in one], [100.0, 200.0, 300.0])

    def test_snr_in_place_of_power(self):
        one = simulator(power=None, method="zsgd", rank=4, snr_db=10.0, rounds=1)
        self.assertAlmostEqual(one.run()[0].snr_db, 10.0)


class Folders(unittest.TestCase):
    def setUp(self):
        self.place = tempfile.TemporaryDirectory()
        self.folder = Path(self.place.name) / "run"

    def tearDown(self):
        self.place.cleanup()

    def whole(self, **settings):
        model = network(nn.BatchNorm1d(16), nn.Dropout(0.2))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 4, 0.5)
        return simulator(model, optimizer=optimizer, scheduler=scheduler, test=clouds(80, seed=8), participation=0.75, **settings)

    def test_resuming_gives_the_same_bits(self):
        straight = self.whole(folder=Path(self.place.name) / "straight")
        straight.run()
        one = self.whole(folder=self.folder)
        for record in one:
            if record.round == 7:
                break
        del one
        self.assertEqual(laser.load_run(self.folder).status, "interrupted")
        two = self.whole(folder=self.folder, resume=True)
        self.assertEqual(two.rounds_done, 7)
        two.run()
        self.assertEqual(two.records, straight.records)
        self.assertTrue(torch.equal(weights(one_ := two.model), weights(straight.model)))
        self.assertTrue(torch.equal(one_[1].running_var, straight.model[1].running_var))
        for name in "metrics.jsonl", "rounds.jsonl":
            self.assertEqual((self.folder / name).read_bytes(), (Path(self.place.name) / "straight" / name).read_bytes())
        self.assertEqual(laser.load_run(self.folder).summary["weights_hash"],
                         laser.load_run(Path(self.place.name) / "straight").summary["weights_hash"])
        longer = self.whole(folder=self.folder, resume=True, rounds=15)
        self.assertEqual([record.round for record in longer], [13, 14, 15])

    def test_lines_after_the_checkpoint_are_taken_back(self):
        one = self.whole(folder=self.folder)
        for _ in range(5):
            one.advance()
        one.save()
        for _ in range(3):
            one.advance()
        one._folder.close()
        one._folder = None  # as if the process had been killed
        two = self.whole(folder=self.folder, resume=True)
        self.assertEqual((two.rounds_done, len((self.folder / "rounds.jsonl").read_text().splitlines())), (5, 5))

    def test_the_command_reads_it(self):
        self.whole(folder=self.folder).run()
        run = laser.load_run(self.folder)
        self.assertEqual((run.status, run.configuration["local_steps"]), ("completed", 1))
        self.assertEqual(run.epochs[-1]["epoch"], run.summary["epochs"])
        command = os.environ.get("LASER_COMMAND")
        if command is None:
            self.skipTest("LASER_COMMAND does not say where the command is")
        done = subprocess.run([command, "report", str(self.folder), "--out", str(self.folder / "report")], capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("laser", done.stdout.lower())

    def test_ctrl_c_loses_nothing(self):
        script = Path(self.place.name) / "script.py"
        script.write_text(textwrap.dedent(f"""
            import sys, time
            sys.path[:0] = [{str(ROOT / "tests" / "python")!r}]
            from test_simulator import simulator
            one = simulator(folder={str(self.folder)!r}, rounds=1000000)
            for record in one:
                print(record.round, flush=True)
                if sys.argv[1] == "outside" and record.round > 3:
                    time.sleep(60)
            """))
        for where, number, code in (("inside", signal.SIGINT, -signal.SIGINT), ("outside", signal.SIGINT, -signal.SIGINT),
                                    ("inside", signal.SIGTERM, 143)):
            with self.subTest(where=where, signal=number):
                process = subprocess.Popen([sys.executable, str(script), where], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                           preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # jobs may ignore it
                last = 0
                while last < 4:
                    last = int(process.stdout.readline())
                time.sleep(0.2)
                process.send_signal(number)
                rest = process.stdout.read().split()
                process.stderr.close()
                self.assertIn(process.wait(60), (code, 130))
                process.stdout.close()
                run = laser.load_run(self.folder)
                done = run.summary["rounds"]
                self.assertEqual(run.status, "interrupted")
                self.assertIn(done, (int(rest[-1]) if rest else last, (int(rest[-1]) if rest else last) + 1))
                self.assertEqual(len((self.folder / "rounds.jsonl").read_text().splitlines()), done)
                for file in self.folder.iterdir():
                    file.unlink()

    def test_two_do_not_write_one_folder(self):
        one = self.whole(folder=self.folder)
        with self.assertRaisesRegex(laser.Error, "another process works.*HINT"):
            self.whole(folder=self.folder, resume=True)
        one.advance()
        with self.assertRaisesRegex(laser.Error, "already holds a run.*HINT: resume=True"):
            self.whole(folder=self.folder)


class Distributed(unittest.TestCase):
    def test_four_processes_with_the_hook_give_the_same_weights(self):
        with tempfile.TemporaryDirectory() as place:
            script = Path(place) / "ddp.py"
            script.write_text(textwrap.dedent(f"""
                import sys
                import torch, laser
                import torch.distributed as dist
                sys.path[:0] = [{str(ROOT / "tests" / "python")!r}]
                from test_simulator import clouds, loss, network, weights
                dist.init_process_group("gloo")
                rank, (inputs, targets) = dist.get_rank(), clouds()
                ddp = torch.nn.parallel.DistributedDataParallel(network())
                state = laser.LaserState(ddp, power=1e4, rank=2, seed=7, stream=0, start_iter=0, min_compression_rate=1.0)
                ddp.register_comm_hook(state, laser.laser_hook)
                optimizer = torch.optim.SGD(ddp.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
                for t in range(12):
                    order = torch.tensor(laser.native.core.epoch_order(640, 4, 16, 7, t // 10, rank))
                    mine = order[t % 10 * 16 : t % 10 * 16 + 16]
                    optimizer.zero_grad()
                    loss(ddp(inputs[mine]), targets[mine]).backward()
                    optimizer.step()
                if rank == 0:
                    torch.save(weights(ddp.module), {str(Path(place) / "weights.pt")!r})
                dist.destroy_process_group()
                """))
            done = torchrun(4, script, folder=place)
            self.assertEqual(done.returncode, 0, done.stderr[-3000:])
            theirs = torch.load(Path(place) / "weights.pt")
        one = simulator(seed=7)
        start = weights(one.model)
        one.run()
        self.assertGreater((weights(one.model) - start).abs().max().item(), 1e-2)
        self.assertLess((weights(one.model) - theirs).abs().max().item(), 1e-5)


class Told(unittest.TestCase):
    def test_what_the_lag_says(self):
        for power, transport in ((1e5, r"transport='two_phase' \(1\.2 lags\), "), (1e3, "")):  # at 1e3 a symbol is below 0 dB
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                one = laser.Simulator(nn.Linear(400, 200), functional.mse_loss, (torch.randn(8, 400), torch.randn(8, 200)),
                                      workers=2, power=power, rank=4, rounds=40, progress=False)
            self.assertAlmostEqual(one.lag, 2 / (4 / 200 + 4 / 400))
            self.assertRegex(str(told[0].message), r"40 rounds are 0\.6 lags of the error memory, which lags 67 rounds.*HINT: rank=64 "
                                                   rf"\(9\.6 lags\), {transport}a method without.*or 667 rounds")
        self.assertEqual(told[0].filename, __file__)
        self.assertEqual(simulator(method="zsgd", rank=4).notes, [])

    def test_what_is_wrong_says_what_to_do(self):
        inputs, targets = clouds()
        model = network()
        step = {"local_learning_rate": 0.1}
        cases = {
            "model is of type str": lambda: simulator("model"),
            "loss is of type": lambda: laser.Simulator(model, None, (inputs, targets)),
            "data is of type int": lambda: simulator(data=3),
            "as many targets as inputs": lambda: simulator(data=(inputs, targets[:5])),
            "no examples": lambda: simulator(data=(inputs[:0], targets[:0])),
            "sharding = 'random' is unknown": lambda: simulator(sharding="random"),
            "no classes to spread by": lambda: simulator(data=(inputs, inputs), sharding="sorted"),
            "2 data sets for 4 workers": lambda: simulator(data=[clouds(), clouds()]),
            "concentration = 0": lambda: simulator(sharding="dirichlet", concentration=0),
            "local_steps = 5 without": lambda: simulator(local_steps=5),
            "proximal = 0.1 would have no effect": lambda: simulator(proximal=0.1),
            "proximal = -1": lambda: simulator(proximal=-1, **step),
            "asleep = 'lose'": lambda: simulator(asleep="lose"),
            "optimizer is of type str": lambda: simulator(optimizer="sgd"),
            "the optimizer does not have '0.weight'": lambda: simulator(optimizer=torch.optim.SGD(network().parameters(), lr=1.0)),
            "power and snr_db would have no effect": lambda: simulator(method="sgd", rank=4),
            "are both given, and contradict": lambda: simulator(snr_db=3),
            "ema_decay = 1": lambda: simulator(ema_decay=1),
            "gave \\(16,\\), and a single number": lambda: laser.Simulator(network(), lambda a, b: functional.cross_entropy(
                a, b, reduction="none"), clouds(), workers=4, batch_size=16),
            "no parameter that is trained": lambda: simulator(nn.ReLU()),
            "resume=True without a folder": lambda: simulator(resume=True),
            "test is a list of 3": lambda: simulator(test=[clouds()] * 3),
            "nothing to evaluate with": lambda: simulator().evaluate(),
            "more than the 640 training examples": lambda: simulator(workers=1000),
            "must be a number above 0": lambda: simulator(power=-1.0),
            "learning_rate = 0.1 would have no effect": lambda: simulator(learning_rate=0.1),
            "don't fit together": lambda: simulator(data=[clouds(), clouds(), clouds(), clouds(width=3)]),
        }
        for text, wrong in cases.items():
            with self.subTest(text), self.assertRaisesRegex(laser.Error, f"(?s){text}") as caught:
                wrong()
            self.assertRegex(str(caught.exception), "HINT|must be|is more than", text)

    def test_after_the_last_round_there_is_none(self):
        one = simulator(rounds=2)
        one.run()
        self.assertEqual(list(one), [])
        with self.assertRaisesRegex(laser.Error, "has done its 2 rounds. HINT"):
            one.advance()

    def test_a_saved_state_of_other_settings_is_refused(self):
        one = simulator()
        state = one.state_dict()
        with self.assertRaisesRegex(laser.Error, "of other settings: rank was 2, is 3.*HINT"):
            simulator(rank=3).load_state_dict(state)
        with self.assertRaisesRegex(laser.Error, "no state of a Simulator.*HINT"):
            one.load_state_dict({"rest": "{"})

    def test_divergence_is_told_and_recorded(self):
        with tempfile.TemporaryDirectory() as place:
            model = network()
            one = simulator(model, optimizer=torch.optim.SGD(model.parameters(), lr=1e30), folder=Path(place) / "run", test=clouds())
            with self.assertRaises(laser.Error) as caught:
                one.run()
            self.assertEqual(caught.exception.exit_code, 5)
            self.assertEqual(json.loads((Path(place) / "run" / "summary.json").read_text())["status"], "failed")

    def test_diagnoses_the_rounds_that_the_command_does(self):
        def diagnosed(**given):
            return [record.round for record in simulator(**given).run() if record["lambda"] is not None]

        self.assertEqual(diagnosed(rounds=12, evaluate_every=5), [4, 5, 9, 10, 11, 12])
        self.assertEqual(diagnosed(rounds=70, evaluate_every=70), [17, 18, 34, 35, 52, 53, 69, 70])  # four pairs, at most 8
        self.assertEqual(diagnosed(rounds=3, evaluate_every=2), [1, 2, 3])
        self.assertEqual(diagnosed(rounds=3, diagnose=False), [])
        self.assertEqual(diagnosed(rounds=3, diagnose=True, evaluate_every=3), [1, 2, 3])
        same = [simulator(diagnose=choice, rounds=8).run()[-1].loss for choice in (None, True, False)]
        self.assertEqual(len(set(same)), 1)  # it changes no round

    def test_its_parts_show_themselves(self):
        one = simulator()
        self.assertRegex(repr(one), r"Simulator\(laser, 4 workers, 276 parameters, P = 10000\.0, .* symbols a round, SNR .* dB, .*0 of 12 rounds")
        self.assertRegex(repr(next(iter(one))), r"Record\(round 1: loss [^,]*, snr_db [^,]*\)$")
        record = next(iter(simulator(diagnose=True)))
        self.assertRegex(repr(record), r"Record\(round 1: loss .*lambda")
        with self.assertRaisesRegex(AttributeError, "no 'accuracy'. HINT"):
            record.accuracy  # noqa: B018


if __name__ == "__main__":
    unittest.main()
