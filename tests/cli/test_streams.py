"""Standard streams that are closed, full, narrow or read by nobody, and signals: what Unix expects of a program."""
import itertools
import json
import os
import re
import resource
import signal
import subprocess
import time
import unittest

from harness import COMMAND, SHORT, InFolder, laser, terminal

LONG = ["rank=2", "workers=4", "batch_size=500", "threads=1", "epochs=2000", "--checkpoint-every", "5"]


def pipe_without_reader():
    reader, writer = os.pipe()
    os.close(reader)
    return writer


class Streams(InFolder):
    def records(self, folder):
        summary = json.loads((folder / "summary.json").read_text())
        return summary["status"], summary["weights_hash"], (folder / "metrics.jsonl").read_bytes()

    def test_no_closed_stream_becomes_a_file(self):
        whole = self.folder / "whole"
        self.train(*SHORT, "--out", whole)
        expected = self.records(whole)
        names = sorted(path.name for path in whole.iterdir())
        for count in (1, 2, 3):
            for closed in itertools.combinations((0, 1, 2), count):
                with self.subTest(closed=closed):
                    run = self.folder / "-".join(map(str, closed))

                    def close():
                        for stream in closed:
                            os.close(stream)
                    done = subprocess.run([COMMAND, "train", *SHORT, "--out", str(run)], preexec_fn=close, timeout=120,
                                          stdin=subprocess.DEVNULL,
                                          stdout=None if 1 in closed else subprocess.DEVNULL,
                                          stderr=None if 2 in closed else subprocess.DEVNULL)
                    self.assertEqual(done.returncode, 0)
                    self.assertEqual(self.records(run), expected)
                    self.assertEqual(sorted(path.name for path in run.iterdir()), names)
                    self.assertNotIn(b"accuracy  ", (run / "metrics.jsonl").read_bytes())

    def test_a_full_output_is_told_and_costs_no_run(self):
        run = self.folder / "run"
        with open("/dev/full", "w") as full:
            self.expect(6, "the output can't be written: is the disk full", "train", *SHORT, "--quiet", "--out", run,
                        stdout=full)
            self.assertEqual(self.records(run)[0], "completed")
            done = laser("train", *SHORT, "--out", self.folder / "other", stderr=full)
            self.assertEqual(done.returncode, 0)

    def test_a_reader_that_has_gone_ends_the_program_quietly(self):
        run = self.folder / "run"
        for arguments in (["data", "list"], ["help", "--markdown"], ["train", "--help"], ["doctor"],
                          ["theory", "plan", "--model", "resnet18", "--power", "100"],
                          ["train", *SHORT, "--quiet", "--out", run]):
            with self.subTest(arguments[0]):
                writer = pipe_without_reader()
                done = laser(*arguments, stdout=writer)
                os.close(writer)
                self.assertEqual((done.returncode, done.stderr), (-signal.SIGPIPE, ""))
        self.assertEqual(self.records(run)[0], "completed")
        piped = subprocess.run(f"{COMMAND} help --markdown | head -1", shell=True, capture_output=True, text=True,
                               timeout=60)
        self.assertEqual((piped.returncode, piped.stderr), (0, ""))

    def test_where_broken_pipes_are_ignored_it_is_an_error(self):
        writer = pipe_without_reader()
        done = laser("data", "list", stdout=writer, restore_signals=False,
                     preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN))
        os.close(writer)
        self.assertEqual(done.returncode, 6)
        self.assertRegex(done.stderr, "nobody reads it any more")

    def test_messages_without_a_reader_cost_no_run(self):
        writer = pipe_without_reader()
        done = laser("train", *SHORT, "--out", self.folder / "run", stderr=writer)
        os.close(writer)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(self.records(self.folder / "run")[0], "completed")

    def on_terminal(self, columns, **environment):
        """What a run of some seconds writes to a terminal."""
        main, side = terminal(columns)
        process = subprocess.Popen([COMMAND, "train", *LONG, "--out", str(self.folder / f"{columns}{environment}")],
                                   stdout=subprocess.DEVNULL, stderr=side,
                                   env={**os.environ, "TERM": "xterm", **environment})
        os.close(side)
        text, end = b"", time.time() + 60
        while time.time() < end:
            text += os.read(main, 4096)
            if text.count(b"\x1b[K") > 3 or (environment and b"\n" in text and time.time() > end - 48):
                break
        process.send_signal(signal.SIGTERM)
        try:
            while chunk := os.read(main, 4096):
                text += chunk
        except OSError:  # the other side is closed
            pass
        process.wait(60)
        os.close(main)
        return text.decode()

    def test_a_narrow_terminal_is_never_overrun(self):
        for columns in (10, 20, 50):
            drawn = re.findall(r"\r\x1b\[K([^\r\x1b]*)", self.on_terminal(columns))
            drawn = [line for line in drawn if not line.startswith("laser: ")]  # what is told at the end may wrap
            self.assertGreater(len(drawn), 2)
            self.assertLess(max(map(len, drawn)), columns)

    def test_a_dumb_terminal_gets_plain_lines(self):
        text = self.on_terminal(80, TERM="dumb")
        self.assertNotIn("\x1b", text)
        self.assertRegex(text, r"laser +\d+%  ")


class Signals(InFolder):
    def start(self, name, settings=LONG, **options):
        run = self.folder / name
        process = subprocess.Popen([COMMAND, "train", *settings, "--quiet", "--json", "--out", str(run)],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
        end = time.time() + 60
        while time.time() < end and not (run / "checkpoint.safetensors").exists():
            time.sleep(0.01)
        self.assertTrue((run / "checkpoint.safetensors").exists())
        return run, process

    def test_every_signal_that_asks_to_end_leaves_a_run_that_goes_on(self):
        for name in ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU", "SIGTERM", "SIGINT"):
            with self.subTest(name):
                number = getattr(signal, name)
                run, process = self.start(name)
                process.send_signal(number)
                if name not in ("SIGTERM", "SIGINT"):  # those may be repeated by the system
                    process.send_signal(number)
                _, stderr = process.communicate(timeout=60)
                self.assertEqual(process.returncode, 128 + number, stderr)
                self.assertRegex(stderr, "interrupted after round .* HINT: laser train --resume")
                self.assertEqual(json.loads((run / "summary.json").read_text())["status"], "interrupted")

    def test_a_limit_on_processor_time_leaves_a_run_that_goes_on(self):
        run, process = self.start("limited", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (6, 60)))
        _, stderr = process.communicate(timeout=200)
        self.assertEqual(process.returncode, 128 + signal.SIGXCPU, stderr)
        self.assertEqual(json.loads((run / "summary.json").read_text())["status"], "interrupted")

    def test_what_was_ignored_at_the_start_stays_ignored(self):
        for name in ("SIGHUP", "SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGXCPU"):
            with self.subTest(name):
                number = getattr(signal, name)
                run, process = self.start("ignored " + name, [*SHORT, "--checkpoint-every", "1"],
                                          preexec_fn=lambda: signal.signal(number, signal.SIG_IGN))
                process.send_signal(number)
                _, stderr = process.communicate(timeout=60)
                self.assertEqual(process.returncode, 0, stderr)
                self.assertEqual(json.loads((run / "summary.json").read_text())["status"], "completed")


if __name__ == "__main__":
    unittest.main()
