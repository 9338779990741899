"""What was done is what is recorded: settings that are not read, devices, data, runs that are made longer, memory."""
import gzip
import json
import re
import shutil
import signal
import struct
import subprocess
import time
import unittest

from harness import COMMAND, SHORT, SOURCE, InFolder, laser

DIGITS = SOURCE / "data" / "mnist"
NAMES = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]


def content(name):
    return gzip.decompress((DIGITS / f"{name}.gz").read_bytes())


def idx(values, *sizes):
    return struct.pack(f">{1 + len(sizes)}I", 0x800 + len(sizes), *sizes) + bytes(values)


class Start(InFolder):
    def start(self, *settings):
        done = self.train(*settings, "--out", self.folder / f"run{len(list(self.folder.iterdir()))}")
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stderr.split("\n\n")[0]

    def test_a_run_begins_with_few_lines(self):
        for settings in ([], ["epochs=2", "power=10"], ["epochs=1", "method=zsgd_adaptive", "channel=csit_trunc", "sharding=dirichlet"],
                         ["task=mnist_mlp", "workers=10", "epochs=1", "local_learning_rate=0.05", "local_steps=10", "snr_db=-20", "rank=1"]):
            text = self.start(*(settings or ["epochs=1"]))
            lines = text.splitlines()
            self.assertLessEqual(max(map(len, lines)), 80, text)
            labels = [line[:10].strip() for line in lines if not line.startswith(" ")]
            self.assertEqual(labels[:4], ["task", "method", "air", "settings"], text)
            self.assertLessEqual(len(labels), 6, text)
        self.assertIn("7,850 parameters, 16 workers, 2 epochs of 30 rounds", self.start("epochs=2"))
        self.assertIn("settings   epochs=2 power=10;", self.start("epochs=2", "power=10"))
        self.assertRegex(self.start("epochs=1", "task=mnist_mlp", "local_learning_rate=0.05", "local_steps=7"), r"1 epoch of 5 rounds")

    def test_verbose_tells_all(self):
        done = self.train(*SHORT, "--verbose", "--out", self.folder / "run")
        for label in ("method", "used", "air", "memory"):
            self.assertRegex(done.stderr, rf"(?m)^{label} ")
        self.assertIn("step size", done.stderr)


class Meant(InFolder):
    def test_other_words_for_a_setting_lead_to_it(self):
        for given, meant in (("lr=0.1", "learning_rate"), ("clients=8", "workers"), ("snr=3", "snr_db"), ("local_epochs=5", "local_steps"),
                             ("mu=0.1", "proximal"), ("non_iid=1", "sharding"), ("bs=3", "batch_size"), ("learning_rte=1", "learning_rate")):
            done = laser("train", given, "--dry-run")
            self.assertEqual(done.returncode, 3, given)
            self.assertIn(f"did you mean '{meant}'?", done.stderr, given)
        for flag, meant in (("--power", "power=10"), ("--lr", "learning_rate=10")):
            done = laser("train", flag, "10")
            self.assertEqual(done.returncode, 2)
            self.assertIn(f"HINT: {meant}", done.stderr)

    def test_blanks_around_an_equals_sign(self):
        done = laser("train", "method = zsgd", "power= 3", "--dry-run")
        self.assertIn('method = "zsgd"', done.stdout)
        self.assertIn("power = 3\n", done.stdout)
        done = laser("train", "method", "=", "laser", "--dry-run")
        self.assertEqual(done.returncode, 2)
        self.assertIn("HINT: without blanks", done.stderr)

    def test_a_list_belongs_to_a_sweep(self):
        done = laser("train", "power=1,10", "--dry-run")
        self.assertIn("'laser sweep power=1,10 --out DIR'", done.stderr)
        self.assertIn("'laser sweep seed=1,2", laser("train", "seed=1,2", "--dry-run").stderr)

    def test_a_word_that_is_no_command(self):
        self.assertIn("did you mean 'train'?", laser("tran").stderr)
        self.assertIn("did you mean 'lambda'?", laser("theory", "lamda").stderr)

    def test_all_that_is_missing_at_once(self):
        done = laser("theory", "lambda")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"^laser: missing: --m, --n, --power. HINT: ")

    def test_a_range_stands_for_its_values(self):
        def names(*axes):
            done = laser("sweep", "epochs=1", *axes, "--dry-run")
            self.assertEqual(done.returncode, 0, done.stderr)
            return [re.search(r"_(?:power|seed)-([^_]+)_", f"_{line}").group(1) for line in done.stdout.splitlines()]
        self.assertEqual(names("power=0.1:10:log:1"), ["0.1", "1", "10"])
        self.assertEqual(len(names("power=0.1:10:log")), 11)
        self.assertEqual(names("power=1:9:lin:3,20"), ["1", "5", "9", "20"])
        self.assertEqual(names("seed=2:4"), ["2", "3", "4"])
        for wrong in ("power=10:1:log", "power=0:1:log", "power=0.5:2", "power=1:10:lon", "power=1:10:log:0", "seed=1:99999"):
            done = laser("sweep", wrong, "--dry-run")
            self.assertEqual(done.returncode, 2, wrong)
            self.assertIn("range of", done.stderr, wrong)

    def test_a_sweep_finds_a_folder(self):
        done = laser("sweep", *SHORT, "seed=1,2", "--quiet", cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(list(self.folder.glob("runs/sweep-*/*/summary.json"))), 2)
        self.assertIn("HINT: --out DIR", laser("sweep", *SHORT, "--resume", cwd=self.folder).stderr)


class Settings(InFolder):
    def notes(self, *settings):
        run = self.folder / "run"
        shutil.rmtree(run, ignore_errors=True)
        done = self.train(*SHORT, *settings, "--quiet", "--out", run)
        return [line for line in done.stderr.splitlines() if line.startswith("laser: note: ")], run

    def test_what_is_not_read_is_told_in_one_line(self):
        notes, _ = self.notes("method=zsgd", "rank=3", "width=8", "decay_factor=0.5")
        self.assertEqual(len(notes), 1, notes)
        for text in ("rank = 3", "width = 8", "decay_factor = 0.5", "method = zsgd"):
            self.assertIn(text, notes[0])
        self.assertEqual(self.notes("rank=3", "participation=1")[0], [])

    def test_a_sweep_tells_what_no_run_of_it_reads(self):
        done = laser("sweep", *SHORT, "method=laser,zsgd", "rank=2", "width=8", "--quiet", "--out", self.folder / "s")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr.count("laser: note: "), 1, done.stderr)
        self.assertIn("width = 8", done.stderr)
        self.assertNotIn("rank", done.stderr)

    def test_a_batch_above_the_shard_and_an_epoch_of_some_are_told(self):
        notes, run = self.notes("batch_size=20000", "participation=0.5")
        self.assertEqual(len(notes), 2, notes)
        self.assertIn("batch_size = 20000 is more than the 15000 examples", notes[0])
        self.assertIn("takes part in 0.5 of them on average", notes[1])
        self.assertEqual(json.loads((run / "versions.json").read_text())["batch_size"], "15000")

    def test_the_device_and_the_data_of_a_run_are_recorded(self):
        _, run = self.notes("device=cpu")
        facts = json.loads((run / "versions.json").read_text())
        self.assertEqual((facts["device"], facts["threads"], facts["batch_size"]), ("cpu", "1", "500"))
        self.assertEqual(facts["data_check"], "have the published SHA-256")
        self.assertRegex(facts["data_sha256"], "^[0-9a-f]{64}$")
        shown = self.train(*SHORT, "--verbose", "--out", self.folder / "shown").stderr
        self.assertIn(facts["data"], shown)

    def test_a_device_that_is_not_used_is_refused(self):
        for task in ("mnist", "mnist_mlp", "cifar10", "cifar100", "wikitext2", "wikitext103"):
            out = self.folder / task
            expected = "CUDA GPU|computes on the CPU only" if task.startswith("mnist") else "CUDA GPU"
            if "cpu (" not in laser("doctor").stdout and not task.startswith("mnist"):
                continue  # a GPU is there and used
            self.expect(3, expected, "train", f"task={task}", "device=cuda", "--quiet", "--out", out)
            self.expect(3, expected, "sweep", f"task={task}", "device=cuda", "seed=1", "--quiet", "--out", out)
            self.assertFalse(out.exists())

    def test_settings_in_other_clothes(self):
        self.expect(2, "--seed is a setting, not a flag. HINT: seed=3", "train", "--seed", "3")
        self.expect(2, "--learning-rate is a setting, not a flag. HINT: learning_rate=0.1", "train", "--learning-rate=0.1")
        self.expect(2, "--rank is a setting", "sweep", "--rank", "1,2", "--out", self.folder / "s")
        for seed in (2**63, 2**64 - 1, 10**40, -1):
            self.expect(3, rf"seed = {seed} is out of range: it must be 0 (\.\. 9223372036854775807|or more)", "train",
                        f"seed={seed}")
        self.assertIn(f"seed = {2**63 - 1}\n", self.train(f"seed={2**63 - 1}", "--dry-run").stdout)
        for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
            file = self.folder / "run.toml"
            file.write_bytes("rank = 3\n".encode(encoding))
            self.expect(3, "is not UTF-8: .*UTF-16. HINT: save it as UTF-8", "train", file)
        file.write_bytes(b"\xef\xbb\xbfrank = 3\r\n")
        self.assertIn("rank = 3\n", self.train(file, "--dry-run").stdout)


def numbers_of(file):
    """The tensors of a safetensors file, without its head."""
    data = file.read_bytes()
    return data[8 + struct.unpack("<Q", data[:8])[0]:]


class Epochs(InFolder):
    """With one worker and rank r on m x n, lambda is n r / P in even rounds of `alternating` and m r / P in odd ones."""

    def lambdas(self, batch):
        run = self.folder / str(batch)
        self.train("task=mnist", "workers=1", "rank=2", f"batch_size={batch}", "epochs=3", "power=1000", "--quiet", "--out", run)
        return [json.loads(line)["lambda"] for line in (run / "metrics.jsonl").read_text().splitlines()]

    def test_numbers_of_an_epoch_are_means_in_which_both_parities_count_alike(self):
        even, odd = 784 * 2 / 1000, 10 * 2 / 1000
        for value, expected in zip(self.lambdas(60000), (even, odd, even)):  # one round an epoch
            self.assertLess(abs(value / expected - 1), 0.1)
        for batch in 30000, 20000:  # two and three
            for value in self.lambdas(batch):
                self.assertLess(abs(value / ((even + odd) / 2) - 1), 0.1, batch)


class Longer(InFolder):
    """`laser train --resume RUN epochs=MORE`."""

    def outcome(self, run):
        summary = json.loads((run / "summary.json").read_text())
        summary.pop("seconds")
        return summary, (run / "metrics.jsonl").read_bytes()

    def test_a_run_made_longer_is_the_longer_run(self):
        for name, settings in {"laser": [], "steps": ["schedule=multistep", "milestones=[1,3]"],
                               "links": ["participation=0.5", "loss_rate=0.2", "channel=csit"],
                               "mlp": ["task=mnist_mlp", "memory=bfloat16"],
                               "exact": ["method=sgd"]}.items():
            with self.subTest(name):
                whole, grown = self.folder / f"{name} whole", self.folder / f"{name} grown"
                self.train(*SHORT, *settings, "epochs=4", "--quiet", "--out", whole)
                self.train(*SHORT, *settings, "epochs=2", "--quiet", "--out", grown)
                self.train("--resume", grown, "epochs=3", "--quiet")
                self.train("--resume", grown, "epochs=4", "--quiet")
                self.assertEqual(self.outcome(grown), self.outcome(whole))
                self.assertEqual((grown / "config.toml").read_text(), (whole / "config.toml").read_text())
                for file in ("weights.safetensors", "best.safetensors"):
                    # The head of the best weights may name the shorter run, whose they are.
                    self.assertEqual(*(numbers_of(run / file) for run in (grown, whole)))

    def test_killed_while_it_grows_it_goes_on(self):
        whole, run = self.folder / "whole", self.folder / "run"
        self.train(*SHORT, "epochs=60", "--quiet", "--out", whole)
        self.train(*SHORT, "--quiet", "--out", run)
        for number in (signal.SIGKILL, signal.SIGTERM):
            process = subprocess.Popen([COMMAND, "train", "--resume", str(run), "epochs=60", "--quiet",
                                        "--checkpoint-every", "7"], stdout=subprocess.DEVNULL)
            before, end = (run / "metrics.jsonl").stat().st_size, time.time() + 60
            while time.time() < end and (run / "metrics.jsonl").stat().st_size < before + 2000:
                time.sleep(0.01)
            process.send_signal(number)
            process.wait(60)
            reported = laser("report", run)
            self.assertIn(reported.returncode, (0, 4), reported.stderr)  # 4: no run of it has completed
            self.assertNotIn("internal error", reported.stderr)
        self.train("--resume", run, "--quiet")
        self.assertEqual(self.outcome(run), self.outcome(whole))

    def test_what_can_not_grow_says_so_and_stays(self):
        once = ["HINT: 'laser train .*/config.toml epochs=3' trains"]
        for name, settings, text in (("cycle", ["schedule=one_cycle"], f"schedule = one_cycle.*{once[0]}"),
                                     ("policy", ["power_policy=linear_up"], f"power_policy = linear_up.*{once[0]}"),
                                     ("dropped", ["--drop-checkpoint"], f"kept no checkpoint.*{once[0]}")):
            run = self.folder / name
            self.train(*SHORT, *settings, "epochs=2", "--quiet", "--out", run)
            before = self.outcome(run)
            self.expect(2, text, "train", "--resume", run, "epochs=3")
            self.assertEqual(self.outcome(run), before)
            self.train(run / "config.toml", "epochs=3", "--quiet", "--out", self.folder / f"{name} anew")
        run = self.folder / "run"
        self.train(*SHORT, "epochs=2", "--quiet", "--out", run)
        self.expect(2, "has completed: .* HINT: 'laser train --resume .* epochs=4' trains it longer", "train", "--resume", run)
        self.expect(2, "has done 2 epochs already. HINT: epochs=3 or more", "train", "--resume", run, "epochs=1")
        self.expect(2, "--resume takes 'power' from .*HINT: only epochs", "train", "--resume", run, "power=2")
        self.train("--resume", run, "epochs=4", "threads=2", "--quiet")
        laser("sweep", *SHORT, "seed=1", "--quiet", "--out", self.folder / "sweep")
        one = next(path.parent for path in (self.folder / "sweep").glob("*/config.toml"))
        self.assertFalse((one / "checkpoint.safetensors").exists())
        self.expect(2, "as the runs of a sweep do not. HINT: ", "train", "--resume", one, "epochs=3")


class Digits(InFolder):
    """One loader: what `data verify` says of a folder is what `train` does with it."""

    def both(self, place):
        """Hash of the weights after training on what is there, or None where train and verify refuse it."""
        run = self.folder / "runs" / str(len(list(self.folder.glob("runs/*"))))
        verified = laser("data", "verify", "mnist", "--data-dir", place)
        trained = laser("train", *SHORT, f"data_dir={place}", "--quiet", "--out", run)
        self.assertEqual((verified.returncode, trained.returncode) in ((0, 0), (4, 4)), True,
                         f"{place}: {verified.stdout}{verified.stderr}{trained.stderr}")
        if trained.returncode:
            return None
        folder = json.loads((run / "versions.json").read_text())["data"]
        self.assertIn(f"in {folder}\n", verified.stdout)
        return json.loads((run / "summary.json").read_text())["weights_hash"]

    def test_every_layout_in_use_is_read_and_is_the_same(self):
        (self.folder / "runs").mkdir()
        self.train(*SHORT, "--quiet", "--out", self.folder / "shipped")
        expected = json.loads((self.folder / "shipped" / "summary.json").read_text())["weights_hash"]
        dotted = {name: name.replace("-idx", ".idx") for name in NAMES}
        packed_anew = {f"{name}.gz": gzip.compress(content(name), 1) for name in NAMES}
        plain = {name: content(name) for name in NAMES}
        layouts = {"plain": plain, "mnist": packed_anew, "torchvision/MNIST/raw": {**plain, **packed_anew}, "x/raw": plain,
                   "dotted": {dotted[name]: plain[name] for name in NAMES},
                   "upper": {name.upper(): plain[name] for name in NAMES}}
        for layout, files in layouts.items():
            folder = self.folder / layout
            folder.mkdir(parents=True)
            for name, data in files.items():
                (folder / name).write_bytes(data)
        for place in ("plain", "mnist", ".", "torchvision", "torchvision/MNIST", "torchvision/MNIST/raw", "x", "dotted",
                      "upper"):
            with self.subTest(place):
                self.assertEqual(self.both(self.folder / place), expected)

    def test_what_is_not_there_or_not_right_is_refused_by_both(self):
        (self.folder / "runs").mkdir()
        self.assertIsNone(self.both(self.folder / "nowhere"))
        damaged = self.folder / "damaged"
        shutil.copytree(DIGITS, damaged)
        whole = (damaged / f"{NAMES[0]}.gz").read_bytes()
        for at in (5000, 9_000_000):
            (damaged / f"{NAMES[0]}.gz").write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
            self.assertIsNone(self.both(damaged))
        (damaged / f"{NAMES[0]}.gz").write_bytes(whole[:4] + b"\1\2\3\4" + whole[8:])  # when it was packed
        self.assertIsNotNone(self.both(damaged))
        (damaged / f"{NAMES[1]}.gz").unlink()
        self.assertIsNone(self.both(damaged))
        for name in ("letters", "digits"):
            (damaged / f"emnist-{name}-train-labels-idx1-ubyte").write_bytes(content(NAMES[1]))
        self.expect(4, "several files could be it: emnist-digits-.*, emnist-letters-", "train", *SHORT,
                    f"data_dir={damaged}", "--quiet")

    def test_other_sets_of_the_format_are_read(self):
        for name, classes, side, first in (("fashion", 10, 28, 0), ("letters", 26, 28, 1), ("small", 3, 8, 0)):
            folder = self.folder / name
            folder.mkdir()
            for part, count in (("train", 400), ("test", 100)):
                labels = [first + i % classes for i in range(count)]
                pixels = [200 if p % (classes + 1) == label else 0 for label in labels for p in range(side * side)]
                (folder / f"{name}-{part}-images-idx3-ubyte").write_bytes(idx(pixels, count, side, side))
                (folder / f"{name}-{part}-labels-idx1-ubyte").write_bytes(idx(labels, count))
            settings = ["train", "epochs=60", "workers=4", "batch_size=25", "power=1000", "learning_rate=0.1",
                        f"data_dir={folder}", "--quiet", "--json"]
            self.expect(4, "its SHA-256 is not the published one.*verify_data=false", *settings, "--out", self.folder / "x")
            if classes > 16:
                self.expect(3, "at most 16 classes, and the data 27. HINT: task=mnist_mlp", *settings, "verify_data=false",
                            "--out", self.folder / "x")
                settings.append("task=mnist_mlp")
            done = laser(*settings, "verify_data=false", "rank=2", "--out", self.folder / f"{name} run")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertGreater(json.loads(done.stdout)["final_accuracy"], 90)

    def test_a_folder_of_pickles_is_named(self):
        (self.folder / "cifar-10-batches-py").mkdir()
        (self.folder / "cifar-10-batches-py" / "data_batch_1").write_bytes(b"\x80\x03}")
        self.expect(4, r"data_batch_1.bin is missing \(.*cifar-10-batches-py holds .* pickles for Python", "train",
                    "task=cifar10", f"data_dir={self.folder}")


if __name__ == "__main__":
    unittest.main()
