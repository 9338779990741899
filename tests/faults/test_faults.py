"""The command under a system that fails it: calls that fail, a full disk, signals. Whatever happens, a run that says it
succeeded has the undisturbed result, and one that did not goes on to it.

LASER_COMMAND is the program, LASER_FAULT_SHIM the library of shim.cpp. LASER_FAULT_POINTS (28) is how many calls fail,
one in a run; LASER_SIGNALS (9) how many runs get a signal."""
import concurrent.futures
import itertools
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

COMMAND = os.environ["LASER_COMMAND"]
SHIM = os.environ["LASER_FAULT_SHIM"]
POINTS = int(os.environ.get("LASER_FAULT_POINTS", "28"))
SIGNALS = int(os.environ.get("LASER_SIGNALS", "9"))
SETTINGS = ["rank=2", "epochs=2", "workers=8", "batch_size=256", "threads=1"]
QUIET = ["--checkpoint-every", "8", "--quiet", "--json"]
FIRST, AGAIN = "a new run", "a resumed run"


def train(folder, resume=False):
    return [COMMAND, "train", *(["--resume", str(folder)] if resume else [*SETTINGS, "--out", str(folder)]), *QUIET]


def run(command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)


def bounded(size):
    """For a child: no file may grow beyond this size; Python itself ignores the signal for it, children don't."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


class UnderFaults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = pathlib.Path(tempfile.mkdtemp(prefix="laser-faults-"))
        cls.folder = cls.place / "run"
        start = time.time()
        done = run(train(cls.place / "whole"))
        cls.seconds = time.time() - start
        assert done.returncode == 0, done.stderr
        cls.result = cls.result_of(done.stdout, cls.place / "whole")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.place)

    @staticmethod
    def result_of(summary, folder):
        summary = json.loads(summary)
        return (summary["status"], summary["weights_hash"], (folder / "metrics.jsonl").read_bytes(),
                (folder / "weights.safetensors").read_bytes(), (folder / "best.safetensors").read_bytes())

    def setUp(self):
        self.addCleanup(lambda: shutil.rmtree(self.folder, ignore_errors=True))

    def expect_goes_on(self, said, folder=None):
        """What a user does next leads to the undisturbed result: --resume, or the same command where no run had begun."""
        folder = folder or self.folder
        summary = folder / "summary.json"
        begun = (folder / "config.toml").exists()
        if summary.exists() and json.loads(summary.read_text())["status"] == "completed":
            text = summary.read_text()
        else:
            done = run(train(folder, resume=begun))
            self.assertEqual(done.returncode, 0, f"after: {said}\nthen: {done.stderr}")
            text = done.stdout
        self.assertEqual(self.result_of(text, folder), self.result, said)
        self.assertTrue((folder / "versions.json").exists(), said)


class FailingCalls(UnderFaults):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # A run that was stopped half-way by a full disk, to go on with.
        cls.half = cls.place / "half"
        stopped = cls.faulty(FIRST, "fsync", "ENOSPC", cls.count(FIRST, "fsync") // 2)
        assert stopped.returncode == 6, stopped.stderr
        shutil.copytree(cls.folder, cls.half)
        shutil.rmtree(cls.folder)
        cls.calls = {(what, call): cls.count(what, call) for what in (FIRST, AGAIN)
                     for call in ("open", "write", "fsync", "rename", "mmap", "new")}

    @classmethod
    def log_of(cls, folder):
        return folder.with_name("log of " + folder.name)

    @classmethod
    def faulty(cls, what, call, kind, number, folder=None):
        folder = folder or cls.folder
        shutil.rmtree(folder, ignore_errors=True)
        if what == AGAIN:
            shutil.copytree(cls.half, folder)
        log = cls.log_of(folder)
        log.unlink(missing_ok=True)
        environment = {**os.environ, "LD_PRELOAD": SHIM, "LASER_FAULT_FOLDER": str(folder), "LASER_FAULT_CALL": call,
                       "LASER_FAULT_KIND": kind, "LASER_FAULT_NUMBER": str(number), "LASER_FAULT_LOG": str(log)}
        return run(train(folder, what == AGAIN), env=environment)

    @classmethod
    def count(cls, what, call):
        done = cls.faulty(what, call, "EIO", 0)
        assert done.returncode == 0, done.stderr
        return int(cls.log_of(cls.folder).read_text().split()[0])

    def test_every_kind_of_call_is_seen(self):
        for what, call in self.calls:
            if (what, call) != (FIRST, "mmap"):  # a new run maps nothing of its folder
                self.assertGreater(self.calls[what, call], 0, f"{call} in {what}")

    def test_no_failing_call_costs_a_result(self):
        always = ["EIO", "EINTR", "ENOSPC", "kill"]
        kinds = {"open": always, "write": [*always, "short", "full"], "fsync": always, "rename": always, "mmap": ["EIO"]}
        points = [(what, call, kind, number) for (what, call), count in self.calls.items() if call in kinds
                  for kind in kinds[call] for number in range(1, min(count, 100) + 1)]
        if POINTS < len(points):
            # Every pair of call and kind, at places that differ.
            shuffled = random.Random(1).sample(points, len(points))
            groups = {}
            for point in shuffled:
                groups.setdefault(point[1:3], []).append(point)
            rounds = itertools.chain.from_iterable(itertools.zip_longest(*groups.values()))
            points = list(itertools.islice((point for point in rounds if point), POINTS))
        survived = self.try_all(points)
        print(f"failing calls: {len(points)} tried, {survived} survived, the others refused (or were killed) and went on "
              "to the same result")

    def test_memory_that_runs_out_costs_no_result(self):
        points = []
        for what in (FIRST, AGAIN):
            # Not the very last: paths of another length change how many there are.
            count, most = self.calls[what, "new"] * 99 // 100, POINTS // 4 if POINTS < 1000 else 500
            # Those of the start one by one, the others spread over the run.
            spread = {round(1 + (count - 1) * i / (most - 1)) for i in range(most)}
            points += [(what, "new", "ENOMEM", number) for number in sorted({*range(1, most // 3), *spread})]
        survived = self.try_all(points)
        print(f"memory: {len(points)} tried, {survived} survived, the others refused and went on to the same result")

    def try_all(self, points):
        """How many survived."""
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            outcomes = [pool.submit(self.survives, *point) for point in points]
            for (what, call, kind, number), outcome in zip(points, outcomes):
                with self.subTest(f"{kind} at {call} {number} of {what}"):
                    outcome.result()
        return sum(outcome.exception() is None and outcome.result() for outcome in outcomes)

    def survives(self, what, call, kind, number):
        """Whether a run ends right although one of its calls failed; one that is refused must go on to the same result."""
        said = f"{kind} at {call} {number} of {what}"
        folder = self.place / said.replace(" ", "-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        done = self.faulty(what, call, kind, number, folder)
        log = self.log_of(folder)
        self.assertTrue(log.exists() and "fault" in log.read_text(), f"{said}: did not happen")
        # Settings that can't be read are a bad configuration.
        codes = (3,) if "cannot read" in done.stderr and "config.toml:" in done.stderr else (0, 4, 6)
        if call == "new":
            codes = (0, 70)
        if kind == "kill":
            codes = (-signal.SIGKILL,)
        self.assertIn(done.returncode, codes, f"{said}: {done.stderr}")
        if kind in ("EINTR", "short"):
            self.assertEqual(done.returncode, 0, f"{said}: {done.stderr}")
        if done.returncode == 0:
            self.assertEqual(self.result_of(done.stdout, folder), self.result, said)
        elif kind == "kill":
            self.expect_goes_on(said, folder)
        else:
            lines = [line for line in done.stderr.splitlines() if line.startswith("laser: ")]
            self.assertEqual(len(lines), 1, f"{said}: {done.stderr}")
            self.assertIn("out of memory" if call == "new" else str(folder), lines[0], said)
            if kind in ("ENOSPC", "full"):
                self.assertIn("No space left on device", lines[0], said)
                # A file that is only read is bad data (settings: above); all else is a disk that is full.
                self.assertIn(done.returncode, (3, 4, 6) if call == "open" and what == AGAIN else (6,), said)
                if call == "write":
                    self.assertRegex(lines[0], r"can't write \d+ bytes", said)
            self.expect_goes_on(f"{said}: {lines[0]}", folder)
        shutil.rmtree(folder)
        return done.returncode == 0

    def test_a_sweep_goes_on_after_a_full_disk(self):
        sweep = [COMMAND, "sweep", *SETTINGS, "seed=1,2", "--jobs", "1", "--out", str(self.folder)]
        shutil.rmtree(self.folder, ignore_errors=True)  # a sweep refuses a folder that holds a run
        log = self.log_of(self.folder)
        environment = {**os.environ, "LD_PRELOAD": SHIM, "LASER_FAULT_FOLDER": str(self.folder),
                       "LASER_FAULT_CALL": "write", "LASER_FAULT_KIND": "ENOSPC", "LASER_FAULT_LOG": str(log)}
        log.unlink(missing_ok=True)
        run(sweep, env={**environment, "LASER_FAULT_NUMBER": "0"})
        count = int(log.read_text().split()[0])
        whole = {path.parent.name: json.loads(path.read_text())["weights_hash"]
                 for path in self.folder.glob("*/summary.json")}
        self.assertEqual(len(whole), 2)
        for number in [count // 2] if POINTS < 100 else range(1, count + 1):
            with self.subTest(number):
                shutil.rmtree(self.folder)
                done = run(sweep, env={**environment, "LASER_FAULT_NUMBER": str(number)})
                self.assertEqual(done.returncode, 6, done.stderr)
                done = run([*sweep, "--resume"] if (self.folder / "sweep.json").exists() else sweep)
                self.assertEqual(done.returncode, 0, done.stderr)
                found = {path.parent.name: json.loads(path.read_text()) for path in self.folder.glob("*/summary.json")}
                self.assertEqual({name: each["weights_hash"] for name, each in found.items()}, whole)
                self.assertEqual({each["status"] for each in found.values()}, {"completed"})


class FullDisk(UnderFaults):
    def test_a_limit_on_files_exits_6_and_names_path_and_bytes(self):
        checkpoint = (self.place / "whole" / "weights.safetensors").stat().st_size
        for size in (100, 5000, checkpoint // 2, 2 * checkpoint):
            with self.subTest(size):
                shutil.rmtree(self.folder, ignore_errors=True)
                done = run(train(self.folder), preexec_fn=bounded(size))
                self.assertEqual(done.returncode, 6, done.stderr)
                self.assertRegex(done.stderr, rf"laser: {re.escape(str(self.folder))}/[\w.]+: can't write \d+ bytes: "
                                 "File too large")
                self.expect_goes_on(done.stderr)

    def test_an_output_that_cannot_be_written_exits_6(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([COMMAND, "data", "list"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertEqual(done.returncode, 6)
        self.assertRegex(done.stderr, "laser: the output can't be written")


class Signals(UnderFaults):
    def test_signals_at_any_moment_cost_no_result(self):
        moments = random.Random(2)
        ended = {}
        for i in range(SIGNALS):
            number = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)[i % 3]
            with self.subTest(i=i, signal=number.name):
                shutil.rmtree(self.folder, ignore_errors=True)
                process = subprocess.Popen(train(self.folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                time.sleep(moments.random() * self.seconds)
                process.send_signal(number)
                stdout, stderr = process.communicate(timeout=60)
                ended[process.returncode] = ended.get(process.returncode, 0) + 1
                own = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}[number]
                if process.returncode == 0:
                    self.assertEqual(self.result_of(stdout, self.folder), self.result)
                elif process.returncode == -number and number != signal.SIGKILL:
                    self.assertFalse(self.folder.exists(), "only before the program has begun a signal just ends it")
                else:
                    self.assertEqual(process.returncode, own, stderr)
                    self.expect_goes_on(f"{number.name}: {stderr}")
        print(f"signals: {SIGNALS} sent, exit codes and how often: {dict(sorted(ended.items()))}")


if __name__ == "__main__":
    unittest.main()
