"""Runs for the trackers of others: what is written is what the records hold. Trackers that are not installed are stood in for."""

import csv
import io
import contextlib
import subprocess
import sys
import tempfile
import types
import unittest
from pathlib import Path
from unittest import mock

import laser
from laser import export, tensorboard

RESULTS = Path(__file__).resolve().parents[2] / "results" / "table4"
RUNS = sorted(RESULTS.glob("*_power-10_seed-1_*"))


class Exports(unittest.TestCase):
    def setUp(self):
        self.place = tempfile.TemporaryDirectory(prefix="laser-export-")
        self.addCleanup(self.place.cleanup)
        self.out = Path(self.place.name) / "out"

    def export(self, *arguments):
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = export.main([*map(str, arguments), "--out", str(self.out)])
        return code, said.getvalue()

    def rows(self, name):
        with open(self.out / name, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def test_csv_holds_every_epoch_and_every_run(self):
        self.assertEqual(self.export(RESULTS, "--to", "csv")[0], 0)
        runs = laser.load_runs(RESULTS)
        epochs = self.rows("epochs.csv")
        self.assertEqual(len(epochs), sum(len(run.epochs) for run in runs))
        self.assertEqual(len(self.rows("runs.csv")), len(runs))
        mine = [row for row in epochs if row["run"] == RUNS[0].name]
        run = laser.load_run(RUNS[0])
        self.assertEqual([float(row["test_accuracy"]) for row in mine], [epoch["test_accuracy"] for epoch in run.epochs])
        self.assertAlmostEqual(float(mine[3]["energy"]), sum(run.epochs[3]["energy"]) / len(run.epochs[3]["energy"]))
        self.assertEqual({row["power_setting"] for row in mine}, {str(run.configuration["power"])})
        self.assertEqual({row["method"] for row in mine}, {run.configuration["method"]})

    def test_one_run_alone_has_its_own_name(self):
        self.assertEqual(self.export(RUNS[0], "--to", "csv")[0], 0)
        self.assertEqual({row["run"] for row in self.rows("epochs.csv")}, {RUNS[0].name})

    def test_event_files_are_those_of_laser_tensorboard(self):
        self.assertEqual(self.export(RESULTS, "--to", "tensorboard")[0], 0)
        written = (self.out / RUNS[0].name / "events.out.tfevents.0.laser").read_bytes()
        self.assertEqual(written, tensorboard.events_of(laser.load_run(RUNS[0])))

    def test_wandb_gets_settings_epochs_and_summary_and_stays_offline(self):
        tracked = mock.Mock()
        wandb = types.SimpleNamespace(init=mock.Mock(return_value=tracked))
        with mock.patch.dict(sys.modules, wandb=wandb):
            self.assertEqual(self.export(RUNS[0], "--to", "wandb")[0], 0)
        run = laser.load_run(RUNS[0])
        given = wandb.init.call_args.kwargs
        self.assertEqual((given["mode"], given["name"], given["config"]), ("offline", RUNS[0].name, run.configuration))
        self.assertEqual([call.kwargs["step"] for call in tracked.log.call_args_list], [epoch["round"] for epoch in run.epochs])
        self.assertEqual(tracked.log.call_args_list[-1].args[0]["test_accuracy"], run.epochs[-1]["test_accuracy"])
        self.assertEqual(tracked.summary.update.call_args.args[0]["final_accuracy"], run.summary["final_accuracy"])
        tracked.finish.assert_called_once()

    def test_mlflow_gets_the_same(self):
        client = mock.Mock()
        with mock.patch.dict(sys.modules, mlflow=types.SimpleNamespace(MlflowClient=mock.Mock(return_value=client))):
            self.assertEqual(self.export(RUNS[0], "--to", "mlflow")[0], 0)
        run = laser.load_run(RUNS[0])
        self.assertEqual({call.args[1]: call.args[2] for call in client.log_param.call_args_list}, run.configuration)
        accuracies = [call.args[2] for call in client.log_metric.call_args_list if call.args[1] == "test_accuracy"]
        self.assertEqual(accuracies, [epoch["test_accuracy"] for epoch in run.epochs])
        self.assertEqual(client.set_terminated.call_args.args[1], "FINISHED")

    def test_a_package_that_is_missing_is_named(self):
        for name in ("wandb", "mlflow"):
            with mock.patch.dict(sys.modules, {name: None}):
                code, said = self.export(RUNS[0], "--to", name)
            self.assertEqual(code, 2)
            self.assertRegex(said, rf"^laser: --to {name} needs the Python package {name} .*HINT: .* -m pip install {name}\n$")
        with mock.patch.dict(sys.modules, pandas=None), self.assertRaisesRegex(ImportError, "HINT: .* -m pip install pandas"):
            laser.records(RUNS[0])

    def test_what_is_no_run(self):
        code, said = self.export(self.place.name, "--to", "csv")
        self.assertEqual(code, 4)
        self.assertRegex(said, "there is no run at or below .*HINT: name a folder")
        code, said = self.export(RUNS[0] / "config.toml", "--to", "csv")
        self.assertEqual(code, 4)

    def test_a_folder_that_can_not_be_written(self):
        self.out.write_text("in the way")
        code, said = self.export(RUNS[0], "--to", "csv")
        self.assertEqual(code, 6)
        self.assertRegex(said, "can't write: .*HINT: choose another --out")

    def test_records_are_a_table_of_pandas(self):
        frame = types.SimpleNamespace(DataFrame=list)
        with mock.patch.dict(sys.modules, pandas=frame):
            rows = laser.records(RESULTS)
        self.assertEqual(len(rows), sum(len(run.epochs) for run in laser.load_runs(RESULTS)))

    def test_nothing_but_python_is_needed(self):
        done = subprocess.run([sys.executable, "-c", "import sys, laser.export; sys.exit('torch' in sys.modules)"], check=False)
        self.assertEqual(done.returncode, 0)


if __name__ == "__main__":
    unittest.main()
