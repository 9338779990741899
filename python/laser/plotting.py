"""``laser.plot``: records drawn as the reports draw them, on axes of one's own, in a notebook or a script."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from laser import figures

LABELS = {"accuracy": "Test accuracy (%)", "test_accuracy": "Test accuracy (%)", "ema_accuracy": "Test accuracy of averaged weights (%)",
          "loss": "Training loss", "train_loss": "Training loss", "test_loss": "Test loss", "lambda": "Noise over signal, λ",
          "delta": "Compression quality, δ", "memory_ratio": "Error memory over gradient", "snr_db": "SNR of a symbol (dB)",
          "symbols": "Channel uses a round", "budget_use": "Part of the budget used", "power": figures.POWER_LABEL,
          "energy": "Energy a worker and round, noise variance 1", "waiting_rounds": "Rounds of gradient that wait",
          "perplexity": "Perplexity"}
LOGARITHMIC = ("lambda", "perplexity", "noise_energy")
# They alternate with the factor that is sent, so that of records a round the mean of two is drawn.
OF_TWO_ROUNDS = ("lambda", "delta", "noise_energy", "snr_db", "symbols", "sent_ratio")
OF_RUNS = {"accuracy": "test_accuracy", "loss": "train_loss"}  # what the lines of a run's epochs call it


def plot(records: Any, quantity: str | None = None, axes: Any = None, over: str = "round") -> Any:
    """Draws a quantity of the records over the rounds, one line a run in its method's colour, with its name at the line's end;
    returns the axes of matplotlib.

    records: of a Simulator (``simulator.records``), a run of ``laser.load_run``, its folder, or a mapping of names to any of
        these: a line each.
    quantity: an entry of the records ("accuracy", "loss", "lambda", "energy" ...); where it is not given
        the accuracy, or the loss where there is none.
    axes: of matplotlib to draw on; None: new ones.
    over: "round", or another entry for the horizontal axis, such as "energy_so_far" (of a
        worker, in units of the noise variance) or "symbols_so_far" (channel uses). Of records a round, what alternates with the
        transmitted factor (lambda, delta, the SNR, symbols) is drawn as the mean of two rounds.

    Raises ImportError without matplotlib, Error (configuration) for a quantity that no record has.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as problem:
        raise ImportError("laser.plot needs matplotlib. HINT: pip install matplotlib") from problem
    if _is_named(records) and not records:
        raise ValueError("there is no record to draw. HINT: {'laser': simulator.records}")
    runs = {str(name): _rows(one) for name, one in records.items()} if _is_named(records) else {"": _rows(records)}
    if quantity is None:
        several = [_points(rows, "accuracy", "round") for _, rows in runs.values()]
        quantity = "accuracy" if any(several) else "loss"
    if axes is None:
        _, axes = plt.subplots(figsize=(7.2, 4.2), layout="constrained")
    names = [method or name for name, (method, _) in runs.items()]
    others = sorted({name for name in names if name not in figures.STYLES})
    used: dict[str, int] = {}
    ends = []
    for (label, (_, rows)), name in zip(runs.items(), names):
        points = _points(rows, quantity, over)
        if not points and _points(rows, quantity, "round"):
            raise ValueError(f"the records have no '{over}' to draw over. HINT: over='round', 'energy_so_far' or 'symbols_so_far'")
        if not points:
            raise ValueError(f"{f'{label!r} has' if label else 'the records have'} no '{quantity}'. HINT: they have "
                             f"{', '.join(dict.fromkeys(key for row in rows[:1] + rows[-1:] for key in row))}")
        known = figures.method_style(_method_of(label, name), others)
        turn = used.get(known["color"], 0)
        used[known["color"]] = turn + 1
        dash = figures.DASHES[turn % len(figures.DASHES)] if turn else known["linestyle"]
        series = {"method": _method_of(label, name), "style": dict(known, linestyle=dash)}
        xs, ys = zip(*points)
        axes.plot(xs, ys, **figures.line_options(series, False))
        if label:
            ends.append((ys[-1], label, series))
    if quantity in LOGARITHMIC:
        axes.set_yscale("log")
    axes.set_xlabel({"round": "Round", "energy_so_far": "Energy spent by a worker, noise variance 1",
                     "symbols_so_far": "Channel uses so far"}.get(over, over))
    axes.set_ylabel(LABELS.get(quantity, quantity))
    figures.plain(axes)
    if ends:
        axes.figure.canvas.draw()  # the places of the names follow from the size that the axes end up with
        figures.label_lines(axes, ends, 9.5)
    return axes


def _method_of(label: str, name: str) -> str:
    """The method that a line is of: that of the run, or the one that its name begins with ("laser, rank 8")."""
    if name in figures.STYLES:
        return name
    first = label.lower().replace(",", " ").split()[:1]
    return first[0] if first and first[0] in figures.STYLES else name


def _is_named(records: Any) -> bool:
    return isinstance(records, Mapping) and "round" not in records


def _rows(one: Any) -> tuple[str, list[Mapping[str, Any]]]:
    """The method where it is known, and rows by round."""
    if isinstance(one, (str, Path)):
        from laser.runs import load_run

        one = load_run(one)
    if hasattr(one, "epochs") and hasattr(one, "summary"):
        return str(one.summary.get("method", one.configuration.get("method", ""))), list(one.epochs)
    if hasattr(one, "records"):
        return str(getattr(one, "method", "")), list(one.records)
    if isinstance(one, Sequence) and all(isinstance(row, Mapping) for row in one):
        if not one:
            raise ValueError("there is no record to draw. HINT: those of a Simulator whose rounds were run")
        if "round" not in one[0]:
            raise ValueError(f"the records have no 'round', only {', '.join(map(str, one[0]))}. HINT: simulator.records, or dicts with the round")
        return "", list(one)
    raise TypeError(f"{type(one).__name__} holds no records. HINT: simulator.records, laser.load_run(folder), or a dict of them by name")


def _points(rows: list[Mapping[str, Any]], quantity: str, over: str) -> list[tuple[float, float]]:
    points, energy, symbols, last = [], 0.0, 0.0, 0
    for row in rows:
        rounds = row["round"] - last  # a line of a run stands for the rounds since the last one, and has their means
        last = row["round"]
        energy += rounds * _mean(row.get("energy") or [0.0])
        symbols += rounds * float(row.get("symbols", 0))
        value = row.get(quantity, row.get(OF_RUNS.get(quantity, quantity)))
        place = {"energy_so_far": energy, "symbols_so_far": symbols}.get(over, row.get(over))
        if value is None or place is None:
            continue
        number = _mean(value) if isinstance(value, Sequence) else float(value)
        if math.isfinite(number):
            points.append((float(place), number))
    if quantity in OF_TWO_ROUNDS and over == "round" and len(points) > 2 and len(rows) == last:
        return _pairs(points)
    return points


def _pairs(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The means of neighbouring rounds, each point in one pair at most, at the second of the two."""
    means, first = [], None
    for point in points:
        if first is not None and point[0] == first[0] + 1:
            means.append((point[0], (first[1] + point[1]) / 2))
            first = None
        else:
            first = point
    return means


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
