"""`mpirun laser train`: the same numbers as one process, one voice, one exit code, and resume after a kill."""
import array
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import unittest

COMMAND = os.environ["LASER_COMMAND"]
MPIRUN = os.environ["LASER_MPIRUN"]
ENVIRONMENT = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
               "OMPI_MCA_mpi_yield_when_idle": "1"}  # more ranks than cores
HUNDRED_ROUNDS = ["workers=4", "batch_size=300", "epochs=2", "rank=2", "power=100", "threads=1",
                  "exchange=exact"]  # 50 rounds an epoch; exact: what is compared is amplified by error feedback


def parallel(ranks, *arguments):
    return [MPIRUN, "--oversubscribe", "-n", str(ranks), COMMAND, *map(str, arguments)]


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=ENVIRONMENT)


def tensors(path):
    """The float32 tensors of a safetensors file."""
    content = pathlib.Path(path).read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:8 + size])
    result = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            first, last = entry["data_offsets"]
            result[name] = array.array("f", content[8 + size + first:8 + size + last])
    return result


def distance(one, other):
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


class Mpi(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="laser-mpi-"))

    def tearDown(self):
        shutil.rmtree(self.folder)

    def train(self, name, ranks, *arguments):
        command = ["train", *arguments, "--out", self.folder / name, "--json", "--quiet"]
        done = run(*(parallel(ranks, *command) if ranks > 1 else [COMMAND, *map(str, command)]))
        self.assertEqual(done.returncode, 0, done.stderr)
        summary = json.loads(done.stdout)  # one rank speaks
        return summary, tensors(self.folder / name / "weights.safetensors")["parameters"]

    def compare(self, several, rounds, *settings, exact=False):
        settings = [*HUNDRED_ROUNDS, *settings]
        whole, alone = self.train("alone", 1, *settings)
        for ranks in several:
            summary, together = self.train(f"ranks-{ranks}", ranks, *settings)
            self.assertEqual(summary["rounds"], rounds)
            self.assertLess(distance(alone, together), 1e-6, f"{ranks} ranks")
            if exact:
                self.assertEqual(summary["weights_hash"], whole["weights_hash"], f"{ranks} ranks")
        lines = [[json.loads(line) for line in (self.folder / name / "metrics.jsonl").read_text().splitlines()]
                 for name in ("alone", f"ranks-{several[0]}")]
        for one, other in zip(*lines, strict=True):
            self.assertEqual(one.keys(), other.keys())
            for name, value in one.items():
                values = (value, other[name]) if isinstance(value, list) else ([value], [other[name]])
                for a, b in zip(*values, strict=True):
                    self.assertAlmostEqual(a, b, delta=1e-3 * abs(a) + 1e-9, msg=name)

    def test_a_hundred_rounds_of_laser_are_those_of_one_process_bit_for_bit(self):
        self.compare([2, 3, 4], 100, "method=laser", exact=True)  # 3: ranks of 1, 1 and 2 workers

    def test_many_workers_at_low_power_are_those_of_one_process_bit_for_bit(self):
        self.compare([4], 100, "method=laser", "workers=16", "batch_size=75", "power=10", exact=True)

    def test_a_hundred_rounds_of_raw_gradients_in_physical_mode_are_those_of_one_process(self):
        self.compare([3, 2, 4], 100, "method=zsgd", "channel_mode=physical")  # 3: ranks of 1, 1 and 2 workers

    def test_raw_gradients_need_no_exact_exchange(self):
        self.compare([3, 2], 100, "method=zsgd", "exchange=fast")

    def test_a_killed_rank_ends_the_job_and_the_checkpoint_goes_on_bit_for_bit(self):
        settings = [*HUNDRED_ROUNDS, "epochs=12"]
        whole, _ = self.train("whole", 4, *settings)
        out = self.folder / "killed"
        job = subprocess.Popen(parallel(4, "train", *settings, "--out", out, "--quiet", "--checkpoint-every", 20),
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
        deadline = time.time() + 120
        while time.time() < deadline and not (out / "checkpoint.safetensors").exists():
            time.sleep(0.005)
        ranks = subprocess.run(["pgrep", "-P", str(job.pid)], capture_output=True, text=True).stdout.split()
        self.assertEqual(len(ranks), 4)
        os.kill(int(ranks[2]), signal.SIGKILL)
        start = time.time()
        _, stderr = job.communicate(timeout=30)
        self.assertLess(time.time() - start, 30)
        self.assertNotEqual(job.returncode, 0)
        self.assertRegex(stderr, "rank 2")
        self.assertFalse((out / "summary.json").exists(), "it was killed in the middle")
        copy = self.folder / "copy"
        shutil.copytree(out, copy)
        done = run(*parallel(4, "train", "--resume", out, "--json", "--quiet"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["weights_hash"], whole["weights_hash"])
        self.assertEqual((out / "metrics.jsonl").read_bytes(), (self.folder / "whole" / "metrics.jsonl").read_bytes())
        # A checkpoint holds all workers: any number of ranks goes on from it.
        done = run(*parallel(2, "train", "--resume", copy, "--json", "--quiet"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["weights_hash"], whole["weights_hash"])

    def expect(self, code, text, lines, *command):
        done = run(*command)
        self.assertEqual(done.returncode, code, done.stderr)
        own = [line for line in done.stderr.splitlines() if line.startswith("laser: ")]
        self.assertEqual(len(own), lines, done.stderr)
        self.assertRegex(own[0], text)

    def test_ranks_that_fail_alike_say_so_once(self):
        out = self.folder / "run"
        self.expect(5, "not finite", 1, *parallel(4, "train", *HUNDRED_ROUNDS, "method=zsgd", "learning_rate=1e30",
                                                  "--quiet", "--out", out))
        self.assertEqual(json.loads((out / "summary.json").read_text())["status"], "failed")
        self.expect(3, "workers = 2 is fewer than the 4 processes", 1,
                    *parallel(4, "train", "workers=2", "--quiet", "--out", self.folder / "few"))

    def test_a_rank_that_fails_alone_ends_the_others(self):
        self.expect(6, "rank 0: .*proc", 1, *parallel(2, "train", *HUNDRED_ROUNDS, "--quiet", "--out", "/proc/no/run"))

    def test_other_commands_are_refused(self):
        self.expect(2, "under mpirun only 'laser train' runs", 2, *parallel(2, "sweep", "seed=1,2", "--out", self.folder))


if __name__ == "__main__":
    unittest.main()
