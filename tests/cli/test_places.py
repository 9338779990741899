"""Names, paths, permissions and the environment: where files go, what they are called, and who else is there."""
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import time
import unittest

from harness import COMMAND, SHORT, SOURCE, InFolder, laser

DIGITS = SOURCE / "data" / "mnist"


def as_nobody():
    """For a child: permissions count, which they do not for root."""
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)


class Paths(InFolder):
    def status(self, run):
        return json.loads((run / "summary.json").read_text())["status"]

    def test_a_run_goes_on_from_any_folder(self):
        shutil.copytree(DIGITS, self.folder / "here" / "digits")
        for given in ("digits", "./digits/", "../here/digits", "~/digits"):
            with self.subTest(given):
                run = self.folder / f"run {given.replace('/', ' ')}"
                home = {**os.environ, "HOME": str(self.folder / "here")}
                self.train(*SHORT, f"data_dir={given}", "--quiet", "--out", run, cwd=self.folder / "here", env=home)
                self.train("--resume", run, "epochs=2", "--quiet", cwd="/")
                self.assertIn(f'data_dir = "{self.folder}/here/digits', (run / "config.toml").read_text())

    def test_any_name_of_a_folder_will_do(self):
        for name in ("a=b", "with space", 'quo"te', "back\\slash", "tab\there", "new\nline", "ünïcode", "per%cent", "#x"):
            with self.subTest(name):
                data, run = self.folder / "data" / name, self.folder / "runs" / name
                shutil.copytree(DIGITS, data)
                self.train(*SHORT, f"data_dir={data}", "--quiet", "--out", run)
                self.train("--resume", run, "epochs=2", "--quiet", cwd="/")
                self.assertEqual(self.status(run), "completed")
                again = self.train(run / "config.toml", "--dry-run")
                self.assertEqual(again.stdout, (run / "config.toml").read_text())
                report = laser("report", run)
                self.assertEqual(report.returncode, 0, report.stderr)

    def test_a_path_that_holds_an_equals_sign_is_a_path(self):
        file = self.folder / "power=1.toml"
        for name in ("lr=0.1/run.toml", "lr=0.1.toml", "a b=c.toml"):
            file = self.folder / name
            file.parent.mkdir(exist_ok=True)
            file.write_text("rank = 3\n")
            for argument in (file, name, f"./{name}"):
                done = self.train(argument, "epochs=7", "--dry-run", cwd=self.folder)
                self.assertIn("rank = 3\n", done.stdout)
                self.assertIn("epochs = 7\n", done.stdout)
            done = laser("sweep", name, "seed=1,2", "--out", self.folder / "s", "--dry-run", cwd=self.folder)
            self.assertEqual(len(done.stdout.split()), 2, done.stderr)
        self.expect(3, "unknown key 'ranc'; did you mean 'rank'", "train", "ranc=3")

    def test_jobs_of_one_second_have_folders_of_their_own(self):
        command = [COMMAND, "train", *SHORT, "--quiet"]
        jobs = [subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                for _ in range(6)]
        for job in jobs:
            _, stderr = job.communicate(timeout=120)
            self.assertEqual(job.returncode, 0, stderr)
        runs = list((self.folder / "runs").iterdir())
        self.assertEqual(len(runs), 6)
        self.assertEqual({self.status(run) for run in runs}, {"completed"})

    def test_a_refused_run_leaves_no_folder(self):
        self.expect(4, "missing", "train", *SHORT, "data_dir=/nowhere", "--quiet", cwd=self.folder)
        self.assertEqual(list(self.folder.glob("runs/*")), [])

    def test_long_values_make_no_long_names(self):
        levels = ["[" + ",".join(str(i + j / 7) for j in range(80)) + "]" for i in (1, 2)]
        sweep = ["sweep", *SHORT, "power_policy=custom", "power_period=round", "power_levels=" + ",".join(levels),
                 "seed=1,2", "--out", self.folder / "sweep"]
        names = laser(*sweep, "--dry-run").stdout.split()
        self.assertEqual(len(set(names)), 4)
        self.assertLess(max(map(len, names)), 230)
        done = laser("sweep", *SHORT, "shard_shares=" + ",".join("[" + ",".join(["1"] * n) + "]" for n in (300, 301)),
                     "--quiet", "--out", self.folder / "sweep")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_files_have_the_mode_that_the_user_wants(self):
        for mask, mode in ((0o002, 0o664), (0o022, 0o644), (0o077, 0o600), (0o007, 0o660)):
            run = self.folder / oct(mask)
            self.train(*SHORT, "--checkpoint-every", "10", "--quiet", "--out", run, preexec_fn=lambda: os.umask(mask))
            laser("report", run, preexec_fn=lambda: os.umask(mask))
            laser("sweep", *SHORT, "seed=1", "--quiet", "--out", run / "sweep", preexec_fn=lambda: os.umask(mask))
            for path in run.rglob("*"):
                expected = mode | (0o111 & ~mask) if path.is_dir() else mode
                self.assertEqual(oct(stat.S_IMODE(path.stat().st_mode)), oct(expected), path)

    def test_nothing_of_a_path_is_an_internal_error(self):
        try:
            subprocess.run([COMMAND, "--version"], capture_output=True, timeout=60, preexec_fn=as_nobody, check=True)
        except (PermissionError, subprocess.CalledProcessError):
            self.skipTest("the tests run as root, and nobody else may start the command where it lies (a home folder of mode 700)")
        (self.folder / "file").write_text("x")
        os.symlink("loop", self.folder / "loop")
        locked = self.folder / "locked"
        shutil.copytree(DIGITS, locked / "mnist")
        self.folder.chmod(0o755)
        locked.chmod(0o000)
        places = ["/proc/self/nothing", "x" * 300, "/".join(["x" * 200] * 30), self.folder / "file" / "below",
                  self.folder / "loop", self.folder / "loop" / "x", locked, locked / "mnist", "\udcff"]
        for place in places:
            for arguments in (["train", *SHORT, "--quiet", f"data_dir={place}"], ["train", "--quiet", place],
                              ["train", *SHORT, "--quiet", "--out", place], ["train", "--resume", place],
                              ["report", place], ["sweep", *SHORT, "seed=1", "--quiet", "--out", place],
                              ["data", "verify", "mnist", "--data-dir", place], ["data", "list", "--data-dir", place],
                              ["theory", "plan", "--power", "1", "--model", f"{place}.safetensors"]):
                with self.subTest(place=place, what=arguments[:2]):
                    done = subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, timeout=60,
                                          preexec_fn=as_nobody, cwd=self.folder,
                                          env={**os.environ, "HOME": "/nonexistent"})
                    listing = arguments[:2] == ["data", "list"]
                    word = arguments == ["train", "--quiet", place]  # which may be no file at all: a usage error
                    self.assertIn(done.returncode, (0, 3, 4, 6) if listing else (2, 3, 4, 6) if word else (3, 4, 6), done.stderr)
                    if done.returncode:
                        lines = [line for line in done.stderr.splitlines() if line.startswith(b"laser: ")]
                        self.assertEqual(len(lines), 1, done.stderr)
                        self.assertNotIn(b"internal error", done.stderr)
        locked.chmod(0o755)


def fake_module(folder, text):
    (folder / "matplotlib").mkdir(parents=True)
    (folder / "matplotlib" / "__init__.py").write_text(text)
    return folder


class Drawing(InFolder):
    def setUp(self):
        super().setUp()
        self.run_folder = self.folder / "run"
        self.train(*SHORT, "--quiet", "--out", self.run_folder)
        self.python = os.environ.get("LASER_PYTHON", "python3")

    def report(self, **environment):
        done = laser("report", self.run_folder, "--out", self.folder / "report", cwd=self.folder,
                     env={**os.environ, "LASER_PYTHON": self.python, **environment})
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_the_users_own_python_work_is_not_in_the_way(self):
        plain = self.report()
        if "Figures not drawn" in plain:
            self.skipTest(plain)
        before = (self.folder / "report" / "accuracy_over_epochs.svg").read_bytes()
        broken = fake_module(self.folder / "broken", "raise RuntimeError('the wrong one')")
        settings = self.folder / "settings"
        settings.mkdir()
        (settings / "matplotlibrc").write_text("text.usetex: True\nlines.linewidth: 20\nbackend: TkAgg\n")
        shutil.copy(settings / "matplotlibrc", self.folder / "matplotlibrc")  # where the command is started
        for name, value in (("MPLBACKEND", "module://nothing"), ("MPLBACKEND", "TkAgg"), ("PYTHONPATH", broken),
                            ("PYTHONHOME", "/nonexistent"), ("MPLCONFIGDIR", settings),
                            ("MATPLOTLIBRC", settings / "matplotlibrc"), ("PYTHONWARNINGS", "error"),
                            ("PYTHONSTARTUP", "/nonexistent"), ("PYTHONOPTIMIZE", "2"), ("PYTHONINSPECT", "1"),
                            ("PYTHONIOENCODING", "ascii"), ("LC_ALL", "C")):
            with self.subTest(name=name, value=value):
                self.assertNotIn("Figures not drawn", self.report(**{name: str(value)}))
                self.assertEqual((self.folder / "report" / "accuracy_over_epochs.svg").read_bytes(), before)
                doctor = laser("doctor", env={**os.environ, "LASER_PYTHON": self.python, name: str(value)})
                self.assertRegex(doctor.stdout, r"(?m)^figures +matplotlib \d")

    def test_the_hint_names_the_cause(self):
        script = self.folder / "python"
        for says, hint in (("import sys; sys.exit(\"No module named 'numpy.core'\")", r"-m pip install numpy,"),
                           ("import sys; sys.exit(\"No module named 'matplotlib'\")", r"-m pip install matplotlib,"),
                           ("raise OSError('no room')", r"OSError: no room\. HINT: .*python .*figures\.py .*shows all")):
            script.write_text(f"#!/usr/bin/env python3\n{says}\n")
            script.chmod(0o755)
            self.python = str(script)
            self.assertRegex(self.report(), f"Figures not drawn .*{hint}")
        self.python = "/nonexistent/python"
        self.assertRegex(self.report(), "No such file or directory. HINT: set LASER_PYTHON to a Python that has")

    def test_a_matplotlib_that_only_the_users_path_has_is_found(self):
        fake = fake_module(self.folder / "only", "__version__ = '9.9'")
        bare = self.folder / "python"
        bare.write_text(f"#!/bin/sh\nexec {shutil.which('python3')} -S \"$@\"\n")  # without any installed package
        bare.chmod(0o755)
        without = laser("doctor", env={**os.environ, "LASER_PYTHON": str(bare)}).stdout
        self.assertRegex(without, "(?m)^figures +reports come without figures: .*HINT: .* -m pip install matplotlib")
        done = laser("doctor", env={**os.environ, "LASER_PYTHON": str(bare), "PYTHONPATH": str(fake)})
        self.assertRegex(done.stdout, r"(?m)^figures +matplotlib 9\.9")


class Neighbours(InFolder):
    """Launchers, threads and shares of a machine."""

    def test_copies_that_do_not_find_each_other_are_refused(self):
        launchers = [{"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "1"}, {"PMI_SIZE": "2", "PMI_RANK": "0"},
                     {"MPI_LOCALNRANKS": "2"}, {"MV2_COMM_WORLD_SIZE": "2"}, {"JSM_NAMESPACE_SIZE": "2"},
                     {"FLUX_JOB_SIZE": "2", "FLUX_TASK_RANK": "1"}, {"PALS_LOCAL_SIZE": "2", "PALS_RANKID": "0"},
                     {"WORLD_SIZE": "2", "RANK": "0", "TORCHELASTIC_RUN_ID": "x"},
                     {"SLURM_NTASKS": "3", "SLURM_STEP_ID": "0", "SLURM_PROCID": "2", "SLURM_JOB_ID": "1"},
                     {"SLURM_STEP_NUM_TASKS": "3", "SLURM_PROCID": "0", "SLURM_NTASKS": "3", "SLURM_JOB_ID": "1"}]
        for launcher in launchers:
            with self.subTest(launcher):
                out = self.folder / "run"
                done = laser("train", *SHORT, "--quiet", "--out", out, env={**os.environ, **launcher})
                self.assertNotEqual(done.returncode, 0)
                self.assertFalse(out.exists())
                if "SLURM_JOB_ID" not in launcher:  # there Open MPI itself may speak first
                    self.assertEqual(done.returncode, 2, done.stderr)
                    self.assertRegex(done.stderr, r"laser: .* started \d processes, but ")

    def test_one_process_of_a_launcher_and_a_batch_script_train(self):
        for launcher in ({"OMPI_COMM_WORLD_SIZE": "1"}, {"PMI_SIZE": "1"}, {"WORLD_SIZE": "8"},
                         {"SLURM_NTASKS": "4", "SLURM_JOB_ID": "1", "SLURM_PROCID": "0"}):
            run = self.folder / next(iter(launcher))
            self.train(*SHORT, "--quiet", "--out", run, env={**os.environ, **launcher})

    def threads(self, name, *settings, **options):
        run = self.folder / name
        self.train("epochs=1", "rank=2", *settings, "--quiet", "--out", run, **options)
        return int(json.loads((run / "versions.json").read_text())["threads"])

    def test_the_share_of_the_machine_is_respected(self):
        environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
        large = ["task=mnist_mlp", "batch_size=1875"]  # enough work for several threads
        cores = len(os.sched_getaffinity(0))
        self.assertEqual(self.threads("one", "threads=1"), 1)
        self.assertLessEqual(self.threads("default", *large, env=environment), cores)
        self.assertEqual(self.threads("OMP", *large, env={**environment, "OMP_NUM_THREADS": "1"}), 1)
        self.assertEqual(self.threads("OMP3", *large, env={**environment, "OMP_NUM_THREADS": "3,2"}), 3)
        self.assertEqual(self.threads("Slurm", *large, env={**environment, "SLURM_CPUS_PER_TASK": "1"}), 1)
        one = min(os.sched_getaffinity(0))
        self.assertEqual(self.threads("affinity", *large, env=environment,
                                      preexec_fn=lambda: os.sched_setaffinity(0, {one})), 1)

    def test_a_tiny_round_takes_one_thread(self):
        environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
        self.assertEqual(self.threads("tiny", "workers=2", "batch_size=8", env=environment), 1)

    def test_waiting_threads_sleep_unless_the_user_says_how_they_wait(self):
        for said, expected in (({}, "OMP_WAIT_POLICY=passive"), ({"OMP_WAIT_POLICY": "active"}, "OMP_WAIT_POLICY=active"),
                               ({"GOMP_SPINCOUNT": "5"}, None)):
            environment = {key: value for key, value in os.environ.items()
                           if key not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")}
            process = subprocess.Popen([COMMAND, "train", "epochs=500", "--quiet", "--out",
                                        str(self.folder / f"run{said}")], env={**environment, **said},
                                       stdout=subprocess.DEVNULL)
            time.sleep(3)
            found = pathlib.Path(f"/proc/{process.pid}/environ").read_bytes().decode().split("\0")
            name = pathlib.Path(f"/proc/{process.pid}/comm").read_text().strip()
            process.kill()
            process.wait()
            policies = [entry for entry in found if entry.startswith("OMP_WAIT_POLICY=")]
            self.assertEqual(policies, [expected] if expected else [])
            self.assertEqual(name, pathlib.Path(COMMAND).name)

    def test_the_first_estimate_waits_until_it_can_be_one(self):
        done = self.train("epochs=3", "rank=2", "--out", self.folder / "run")
        for share, left in re.findall(r"laser +(\d+)%.* elapsed, (\S+) left", done.stderr):
            self.assertTrue(int(share) >= 3 or left == "?", done.stderr)


if __name__ == "__main__":
    unittest.main()
