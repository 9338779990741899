"""Runs for the trackers of others, made from the records: ``laser export RUN --to csv|tensorboard|wandb|mlflow``.

csv and tensorboard need nothing but Python; wandb and mlflow need their packages and stay offline: a folder that ``wandb sync`` or
``mlflow ui`` reads. The records stay the truth. Nothing is sent anywhere.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from laser import tensorboard
from laser.messages import complain
from laser.runs import Run, epoch_rows, load_runs

EXIT_USAGE, EXIT_DATA, EXIT_IO = 2, 4, 6


class Missing(Exception):
    """A package that a format needs."""


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as problem:
        raise Missing(f"--to {name} needs the Python package {name} ({problem}). HINT: {sys.executable} -m pip install {name}") from problem


def to_csv(runs: dict[str, Run], out: Path) -> str:
    """Two tables, epochs.csv and runs.csv, in ``out``; returns how to look at them.

    runs: of ``load_runs`` by name.
    out: the folder to write into.
    """
    out.mkdir(parents=True, exist_ok=True)
    for name, rows in (("epochs.csv", [row for run, one in runs.items() for row in epoch_rows(one, run)]),
                       ("runs.csv", [{"run": run, **one.record()} for run, one in runs.items()])):
        columns = list(dict.fromkeys(column for row in rows for column in row))
        with open(out / name, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            writer.writerows(rows)
    return f"epochs.csv has a row for each epoch of each run, runs.csv one for each run, in {out}"


def to_tensorboard(runs: dict[str, Run], out: Path) -> str:
    """TensorBoard's event files, a folder a run, in ``out``; returns how to look at them. Raises Missing where its package is not installed.

    runs: of ``load_runs`` by name.
    out: the folder to write into.
    """
    for name, run in runs.items():
        tensorboard.export(run, out / name)
    return f"tensorboard --logdir {out}   shows them"


def to_wandb(runs: dict[str, Run], out: Path) -> str:
    """Offline runs of Weights & Biases in ``out``; returns how to look at them. Raises Missing where its package is not installed.

    runs: of ``load_runs`` by name.
    out: the folder to write into.
    """
    wandb = _package("wandb")
    out.mkdir(parents=True, exist_ok=True)
    os.environ["WANDB_SILENT"] = "true"
    for name, run in runs.items():
        tracked = wandb.init(mode="offline", dir=str(out), project="laser", name=name, config=run.configuration, reinit=True)
        for record in run.epochs:
            tracked.log(tensorboard.scalars(record), step=int(record["round"]))
        tracked.summary.update(run.numbers())
        tracked.finish()
    return f"wandb sync {out}/wandb/offline-run-*   sends them"


def to_mlflow(runs: dict[str, Run], out: Path) -> str:
    """Runs of MLflow in a file store in ``out``; returns how to look at them. Raises Missing where its package is not installed.

    runs: of ``load_runs`` by name.
    out: the folder to write into.
    """
    mlflow = _package("mlflow")
    out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # asked for by versions that would rather have a data base
    client = mlflow.MlflowClient(tracking_uri=out.resolve().as_uri())
    known = client.get_experiment_by_name("laser")
    experiment = known.experiment_id if known else client.create_experiment("laser")
    for name, run in runs.items():
        start = int(1000 * tensorboard.start_of(run))
        tracked = client.create_run(experiment, start_time=start, run_name=name).info.run_id
        for setting, value in run.configuration.items():
            client.log_param(tracked, setting, value)
        for record in run.epochs:
            for quantity, number in tensorboard.scalars(record).items():
                client.log_metric(tracked, quantity.replace(" ", "_"), number, timestamp=start, step=int(record["round"]))
        for quantity, number in run.numbers().items():
            client.log_metric(tracked, f"summary/{quantity}", number, timestamp=start)
        client.set_terminated(tracked, "FINISHED" if run.status == "completed" else "FAILED")
    return f"MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri {out}   shows them"


FORMATS: dict[str, Callable[[dict[str, Run], Path], str]] = {
    "csv": to_csv, "tensorboard": to_tensorboard, "wandb": to_wandb, "mlflow": to_mlflow}


def main(arguments: list[str] | None = None) -> int:
    """The command's export; returns its exit code.

    arguments: of the command line; None: those of the process.
    """
    parser = argparse.ArgumentParser("laser export", description="Runs for the trackers of others, from their records.")
    parser.add_argument("folder", metavar="DIR", type=Path, help="a run folder, or a folder that holds some")
    parser.add_argument("--to", required=True, choices=FORMATS)
    parser.add_argument("--out", type=Path, help="where to write (default: a folder named after the format in DIR)")
    given = parser.parse_args(arguments)
    out = given.out or given.folder / given.to
    try:
        runs = {str(run.folder.relative_to(given.folder)) if run.folder != given.folder else given.folder.resolve().name: run
                for run in load_runs(given.folder)}
        shown = FORMATS[given.to](runs, out)
    except Missing as problem:
        complain(str(problem), "laser export")
        return EXIT_USAGE
    except FileNotFoundError as problem:
        complain(str(problem), "laser export")
        return EXIT_DATA
    except ValueError as problem:
        complain(f"{problem}. HINT: the folders of other runs, one by one, or what is damaged repaired", "laser export")
        return EXIT_DATA
    except OSError as problem:
        complain(f"{problem.filename}: can't write: {problem.strerror}. HINT: choose another --out", "laser export")
        return EXIT_IO
    print(f"{len(runs)} run{'s' if len(runs) > 1 else ''} for {given.to}; {shown}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
