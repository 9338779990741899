"""The figures of a report of the project's own runs, drawn from its summary.json by figures.py: over power, over epochs, the inside of
training, and on three axes."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

if TYPE_CHECKING:
    from laser.figures import (POWER_LABEL, STYLES, band, label_lines, label_of, limits_of, line_options, metric_axis, noiseless_of,
                               number, plain, power_axis, series_of, small_markers, sparse)
else:
    from figures import (POWER_LABEL, STYLES, band, label_lines, label_of, limits_of, line_options, metric_axis, noiseless_of, number,
                         plain, power_axis, series_of, small_markers, sparse)


def draw_over_power(plt: Any, summary: dict[str, Any]) -> Any:
    """One line a method with its band over the seeds, the paper's values as open markers; None where there are not two powers.

    plt: matplotlib.pyplot.
    summary: of a report.
    """
    from matplotlib.lines import Line2D

    series = series_of(summary["rows"])
    powers = sorted({row["power"] for s in series for row in s["entries"]})
    if len(powers) < 2:
        return None
    longest = max(len(one["label"]) for one in series)
    width = 8.2 + 0.085 * max(0, longest - 17)  # the names stand to the right of the axes
    figure, axes = plt.subplots(figsize=(width, 4.9))
    figure.subplots_adjust(left=0.7 / width, right=6.8 / width, top=0.97, bottom=0.12)
    has_paper = False
    ends = []
    values: list[float] = []
    heights: list[float | None] = []
    for one in series:
        rows = sorted(one["entries"], key=lambda row: row["power"])
        x = [row["power"] for row in rows]
        mean = [number(row["mean"]) for row in rows]
        halves = [row.get("interval") for row in rows]
        values += mean
        heights += halves
        axes.fill_between(x, *band(mean, halves), color=one["style"]["color"], alpha=0.18, linewidth=0, zorder=2)
        axes.plot(x, mean, **line_options(one, True))
        paper = [(row["power"], row["paper"]) for row in rows if row.get("paper") is not None]
        if paper:
            has_paper = True
            values += [value for _, value in paper]
            heights += [None] * len(paper)
            axes.plot(*zip(*paper), linestyle="none", marker=one["style"]["marker"], fillstyle="none",
                      markersize=19 if one["method"] == "laser" else 11, markeredgewidth=1.1,
                      color=one["style"]["color"], zorder=4.5 if one["method"] == "laser" else 2.5)
        ends.append((mean[-1], one["label"], one))
    for row in noiseless_of(summary["rows"]):
        axes.axhline(number(row["mean"]), color=STYLES["sgd"]["color"], linestyle=(0, (6, 3)), linewidth=1.2, zorder=1)
        values.append(number(row["mean"]))
        heights.append(None)
        ends.append((number(row["mean"]), label_of(row), {"style": STYLES["sgd"]}))
    metric_axis(axes, summary)
    power_axis(axes, powers)
    axes.set_xlabel(POWER_LABEL)
    axes.set_ylabel(summary["label"])
    plain(axes)
    if limits := limits_of(values, heights, not summary.get("higher_is_better", True)):
        axes.set_ylim(*limits)
    label_lines(axes, ends, 10)
    spread = any(row.get("interval") is not None for row in summary["rows"])
    handles = [Line2D([], [], color="#555555", marker="o", markersize=6,
                      label="this code, band: 95 % interval over seeds" if spread else "this code, single seeds")]
    if has_paper:
        handles.append(Line2D([], [], color="#555555", marker="o", markersize=10.5, fillstyle="none", linestyle="none", label="paper"))
    corner = "lower right" if summary.get("higher_is_better", True) else "upper right"
    axes.legend(handles=handles, loc=corner, frameon=False, fontsize=9)
    return figure


def epoch_limits(curves: list[dict[str, Any]], logarithmic: bool = False) -> tuple[float, float] | None:
    """Range of the curves after the first tenth of the epochs: the first steps would flatten everything else.

    curves: of a report.
    logarithmic: whether the axis is; False by default.
    """
    values = []
    for curve in curves:
        start = len(curve["mean"]) // 10
        values += [number(v) for v in curve["mean"][start:] if v is not None]
    if not values:
        return None
    if logarithmic:
        return min(values) / 1.08, max(values) * 1.08
    margin = max(0.05 * (max(values) - min(values)), 0.1)
    return min(values) - margin, max(values) + margin


def draw_over_epochs(plt: Any, summary: dict[str, Any]) -> Any:
    """One panel a power, one line a method with its band over the seeds; None without curves.

    plt: matplotlib.pyplot.
    summary: of a report.
    """
    from matplotlib.lines import Line2D

    curves = summary["curves"]
    noiseless = noiseless_of(curves)
    powers = sorted({c["power"] for c in curves if c["power"] is not None})
    if not curves:
        return None
    panels = powers or [None]
    columns = min(len(panels), 3 if len(panels) != 4 else 2)
    lines = math.ceil(len(panels) / columns)
    figure, grid = plt.subplots(lines, columns, figsize=(max(3.3 * columns, 5.0), 3.1 * lines + 0.8), sharex=True,
                                sharey=True, squeeze=False, layout="constrained")
    limits = epoch_limits(curves, not summary.get("higher_is_better", True))
    series = series_of(curves)
    for axes in grid.flat[len(panels):]:
        axes.set_visible(False)
    for axes, power in zip(grid.flat, panels):
        for curve in noiseless:
            axes.plot(curve["epochs"], [number(v) for v in curve["mean"]], color=STYLES["sgd"]["color"],
                      linestyle=(0, (6, 3)), linewidth=1.2)
        for place, one in enumerate(series):
            for curve in (c for c in one["entries"] if c["power"] == power):
                mean = [number(v) for v in curve["mean"]]
                axes.fill_between(curve["epochs"], *band(mean, curve.get("interval")), color=one["style"]["color"], alpha=0.2, linewidth=0)
                axes.plot(curve["epochs"], mean, markevery=sparse(place, len(series), len(mean)), **small_markers(one))
        if power is not None:
            axes.set_title(f"P = {power:g}", fontsize=11, loc="left", fontweight="bold")
        plain(axes)
        metric_axis(axes, summary)
        axes.set_xlim(left=0)
        axes.xaxis.get_major_locator().set_params(integer=True)
        if limits:
            axes.set_ylim(*limits)
    for column in range(columns):
        shown = [axes for axes in grid[:, column] if axes.get_visible()]
        shown[-1].set_xlabel("Epoch")
        shown[-1].tick_params(labelbottom=True)
    figure.supylabel(summary["curve_label"], fontsize=plt.rcParams["axes.labelsize"])
    handles = [Line2D([], [], label=one["label"], **small_markers(one)) for one in series]
    if noiseless:
        handles.append(Line2D([], [], color=str(STYLES["sgd"]["color"]), linestyle=(0, (6, 3)), linewidth=1.2,
                              label=label_of(noiseless[0])))
    if len(panels) < grid.size:  # there is an empty place for the legend
        last = grid.flat[-1]
        last.set_visible(True)
        last.axis("off")
        last.legend(handles=handles, loc="center", frameon=False, fontsize=10.5)
    else:
        figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 4 if columns > 1 else 3),
                      frameon=False, fontsize=9.5)
    return figure


DIAGNOSED_ON_LOG = ("lambda", "memory")


def draw_diagnostics(plt: Any, summary: dict[str, Any]) -> Any:
    """A panel a quantity of the inside of training, one line a method; None where no record has any.

    plt: matplotlib.pyplot.
    summary: of a report.
    """
    curves = summary.get("diagnostics")
    if not curves:
        return None
    from matplotlib.lines import Line2D

    shown = [entry for entry in summary["diagnosed"] if any(entry["key"] in curve for curve in curves)]
    columns = min(3, len(shown))
    lines = math.ceil((len(shown) + 1) / columns)  # one place for the legend
    figure, grid = plt.subplots(lines, columns, figsize=(max(3.5 * columns, 5.0), 2.9 * lines), squeeze=False, layout="constrained")
    series = series_of([dict(curve, power=curve["power"] or 0) for curve in curves])
    for axes in grid.flat[len(shown):]:
        axes.axis("off")
    for axes, entry in zip(grid.flat, shown):
        for place, one in enumerate(series):
            for curve in one["entries"]:
                values = [number(value) for value in curve.get(entry["key"], [])]
                if values:
                    axes.plot(curve["epochs"], values, markevery=sparse(place, len(series), len(values)), **small_markers(one))
        if entry["key"] in DIAGNOSED_ON_LOG:
            axes.set_yscale("log")
        if entry["key"] == "delta" and axes.get_ylim()[0] < 0:  # where compression adds energy: it would flatten the others
            kept = [value for curve in curves for value in map(number, curve.get("delta", [])) if value >= 0]
            axes.set_ylim(0, 1.08 * max(kept, default=1) or 1)
        axes.set_title(entry["title"], fontsize=10.5, loc="left", fontweight="bold")
        axes.set_xlabel("Epoch")
        axes.set_xlim(left=0)
        axes.xaxis.get_major_locator().set_params(integer=True)
        plain(axes)
    handles = [Line2D([], [], label=one["label"], **small_markers(one)) for one in series]
    grid.flat[len(shown)].legend(handles=handles, loc="center", frameon=False, fontsize=9 if len(handles) < 10 else 7.5)
    return figure


AXES = {"energy": "Energy that a worker sent", "transmit_power": "Transmit power over noise (dB)", "symbols": "Symbols on the air"}


def draw_on_three_axes(plt: Any, summary: dict[str, Any]) -> Any:
    """A panel an axis: what each method reaches with at most so much of it, as steps; None without energies.

    plt: matplotlib.pyplot.
    summary: of a report.
    """
    fronts = summary.get("axes")
    if not fronts:
        return None
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    figure, panels = plt.subplots(1, 3, figsize=(11.5, 4.2), sharey=True, layout="constrained")
    entries = [dict(front, power=0) for front in fronts]
    styles = {one["label"]: one for one in series_of(entries)}
    shown: dict[str, object] = {}
    for axes, (name, label) in zip(panels, AXES.items()):
        mine = [front for front in fronts if front["axis"] == name]
        decibels = name == "transmit_power"
        scale = (lambda x: 10 * math.log10(x)) if decibels else float
        most = max(max(front["x"]) for front in mine)
        for front in mine:
            one = styles[label_of(front)]
            x, y = [scale(value) for value in front["x"]], [number(value) for value in front["y"]]
            every = sparse(list(styles).index(label_of(front)), len(styles), len(x) + 1)
            line, = axes.step([*x, scale(most)], [*y, y[-1]], where="post", markevery=every, **small_markers(one))
            shown.setdefault(label_of(front), line)
        if not decibels:
            axes.set_xscale("log")
            low, high = axes.get_xlim()
            if high < 100 * low:  # matplotlib would name every minor tick, one over the other
                axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 12 * low else (1, 3)))
                axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
                axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(label)
        plain(axes)
        metric_axis(axes, summary)
    values = [number(value) for front in fronts for value in front["y"]]
    best = sorted(values, reverse=summary.get("higher_is_better", True))
    if summary.get("higher_is_better", True):  # the first steps would flatten everything else
        panels[0].set_ylim(max(min(values), best[0] - 25), best[0] + 1)
    panels[0].set_ylabel(summary["curve_label"])
    columns = max(1, min(len(shown), 5, 150 // (8 + max(map(len, shown)))))  # as many as fit beside each other
    figure.legend(shown.values(), shown.keys(), loc="outside lower center", ncols=columns, frameon=False, fontsize=9.5)
    return figure
