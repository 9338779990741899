"""The figures of a report, drawn from its summary.json and nothing else.

    python figures.py SUMMARY_JSON FOLDER

writes QUANTITY_over_power, QUANTITY_over_epochs and, where there is something to draw, QUANTITY_beside_paper, QUANTITY_on_three_axes,
training_diagnostics and gradient_spectra, each as SVG and PNG, into FOLDER. It computes nothing: means, intervals and the paper's values
are taken from the file. Equal files give equal figures, byte for byte in SVG.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

EXIT_DATA = 4
EXIT_NO_MATPLOTLIB = 5

# One look for each method for ever: a colour that people with colour-vision deficiencies can tell from the others of its kind (Okabe and
# Ito), a marker and a dash, of which no two methods share both. LASER has the strong red, a filled star and the widest line.
DASHES = ["-", (0, (5, 1.6)), (0, (1.5, 1.2)), (0, (6, 1.4, 1.2, 1.4)), (0, (3, 1, 1, 1, 1, 1)), (0, (9, 2)), (0, (2, 3)),
          (0, (9, 1.5, 3, 1.5))]
STYLES: dict[str, dict[str, Any]] = {
    name: {"color": color, "marker": marker, "linestyle": DASHES[dash]}
    for name, color, marker, dash in [
        ("laser", "#C1272D", "*", 0), ("randomk", "#0072B2", "s", 1), ("sketch", "#009E73", "^", 2), ("zsgd", "#E69F00", "o", 3),
        ("adsgd", "#7B4FA3", "D", 4), ("signum", "#56B4E9", "v", 5), ("sgd", "#333333", "x", 6),
        ("laser_matched", "#E0656A", "P", 1), ("laser_momentum", "#7A1117", "X", 5), ("zsgd_matched", "#0B7A75", "p", 0),
        ("zsgd_momentum", "#1F4E9E", "h", 2), ("zsgd_adaptive", "#6A3D9A", "d", 7), ("digital_powersgd", "#8C6D31", "<", 4),
        ("digital_qsgd", "#4B7F1F", ">", 6), ("ddsgd", "#D55E8F", "8", 3), ("swept", "#B35900", "H", 5),
    ]
}
OTHER_COLORS = ["#4D4D4D", "#6B8E23", "#A0522D", "#5F7A9E"]
OTHER_MARKERS = ["P", "X", "<", ">", "p", "h", "d", "8"]
POWER_LABEL = "Power budget P (per worker and round, noise variance 1)"


def method_style(method: str, others: list[str]) -> dict[str, Any]:
    """Colour and marker of a method; a method that we don't know gets one by its place in `others`.

    method: its name.
    others: all methods without a style of their own, sorted.
    """
    if method in STYLES:
        return STYLES[method]
    place = others.index(method)
    return {"color": OTHER_COLORS[place % len(OTHER_COLORS)], "marker": OTHER_MARKERS[place % len(OTHER_MARKERS)],
            "linestyle": DASHES[(place + 1) % len(DASHES)]}


def told_apart(styles: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The styles with markers and dashes changed where an earlier one has the same: no two differ by colour alone. Where there are
    more than dashes, those of one colour still have dashes of their own.

    styles: colour, marker and dash of each line.
    """
    markers: set[str] = set()
    dashes: set[object] = set()
    result: list[dict[str, Any]] = []
    for style in styles:
        marker = next((m for m in [style["marker"], *OTHER_MARKERS] if m not in markers), style["marker"])
        alike = [one["linestyle"] for one in result if one["color"] == style["color"]]
        dash = next((d for d in [style["linestyle"], *DASHES] if d not in dashes),
                    next((d for d in [style["linestyle"], *DASHES] if d not in alike), style["linestyle"]))
        markers.add(marker)
        dashes.add(dash)
        result.append(dict(style, marker=marker, linestyle=dash))
    return result


def label_of(entry: dict[str, Any]) -> str:
    """The label of a row or curve, without the word that only the noiseless baseline needs in a table.

    entry: a row or curve.
    """
    label: str = entry.get("label", entry["method"])
    return label


def series_of(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Groups rows or curves with a power; returns one series a label, in the order of the file.

    entries: rows or curves.
    """
    others = sorted({e["method"] for e in entries} - STYLES.keys())
    series: dict[str, dict[str, Any]] = {}
    for entry in entries:
        if entry["power"] is None:
            continue
        label = label_of(entry)
        if label not in series:
            series[label] = {"label": label, "method": entry["method"], "entries": []}
        series[label]["entries"].append(entry)
    styles = told_apart([method_style(one["method"], others) for one in series.values()])
    return [dict(one, style=style) for one, style in zip(series.values(), styles)]


def number(value: float | None) -> float:
    """A number of the file; null (not finite, or no spread) becomes NaN.

    value: of the file.
    """
    return math.nan if value is None else float(value)


def band(mean: list[float], halves: list[float | None] | None) -> tuple[list[float], list[float]]:
    """Lower and upper edge of the intervals mean +- half; of a single seed, which has none, the band has no height.

    mean: of each point.
    halves: half of each interval; None: there are none.
    """
    spread = [0.0 if half is None else float(half) for half in halves or [None] * len(mean)]
    return [m - s for m, s in zip(mean, spread)], [m + s for m, s in zip(mean, spread)]


def limits_of(values: list[float], halves: list[float | None], logarithmic: bool) -> tuple[float, float] | None:
    """Range of an axis: the values and their intervals, but of these no more than a third of the range of the values to each side, so
    that a wide one does not flatten all else. None without a value.

    values: of the points.
    halves: half of each interval.
    logarithmic: whether the axis is.
    """
    pairs = [(v, 0.0 if h is None else float(h)) for v, h in zip(values, halves) if math.isfinite(v) and (v > 0 or not logarithmic)]
    if not pairs:
        return None
    along, back = (math.log, math.exp) if logarithmic else (float, float)
    low, high = along(min(v for v, _ in pairs)), along(max(v for v, _ in pairs))
    reach = max((high - low) / 3, 0.02)
    lower = min(along(v - h) if v - h > 0 or not logarithmic else low - reach for v, h in pairs)
    upper = max(along(v + h) for v, h in pairs)
    margin = 0.05 * (high - low) + 0.01
    return back(max(lower, low - reach) - margin), back(min(upper, high + reach) + margin)


def sparse(place: int, count: int, points: int) -> tuple[int, int]:
    """Every how manieth of a curve's points has its marker: about six of them, not at the places of the other curves.

    place: of the curve among them, from 0.
    count: curves.
    points: of the curve.
    """
    step = max(points // 6, 1)
    return (place * step // max(count, 1)) % step, step


def line_options(series: dict[str, Any], marker: bool) -> dict[str, Any]:
    """How matplotlib draws the line of a series: its colour and dash and, with `marker`, its marker; LASER's is the widest, on top.

    series: with its method and style.
    marker: whether points are marked.
    """
    star = series["method"] == "laser"
    options = {"color": series["style"]["color"], "linestyle": series["style"]["linestyle"], "linewidth": 2.6 if star else 1.5,
               "zorder": 5 if star else 3}
    if marker:
        options.update(marker=series["style"]["marker"], markersize=14 if star else 6.5, markeredgecolor="white", markeredgewidth=0.6)
    return options


def small_markers(series: dict[str, Any]) -> dict[str, Any]:
    """The line of a curve over many epochs.

    series: with its method and style.
    """
    return dict(line_options(series, True), markersize=9 if series["method"] == "laser" else 5)


def spread_positions(wanted: list[float], gap: float) -> list[float]:
    """Positions that are at least `gap` apart, in the order of the wanted ones and, as well as it goes, around the same centre.

    wanted: positions along the axis.
    gap: the least distance.
    """
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    clusters: list[list[int]] = []
    centres: list[float] = []
    for index in order:
        clusters.append([index])
        centres.append(wanted[index])
        while len(clusters) > 1:
            half = gap * (len(clusters[-1]) + len(clusters[-2])) / 2
            if centres[-1] - centres[-2] >= half:
                break
            merged = clusters[-2] + clusters[-1]
            centres[-2:] = [sum(wanted[i] for i in merged) / len(merged)]
            clusters[-2:] = [merged]
    placed = [0.0] * len(wanted)
    for cluster, centre in zip(clusters, centres):
        for place, index in enumerate(cluster):
            placed[index] = centre + gap * (place - (len(cluster) - 1) / 2)
    return placed


def label_lines(axes: Any, ends: list[tuple[float, str, dict[str, Any]]], font_size: float) -> None:
    """Writes each series' name at the right of its last point, in its colour, pushed apart where they'd overlap.

    axes: of matplotlib.
    ends: last value, label and series of each line.
    font_size: in points.
    """
    limits = axes.get_ylim()
    along, back = (math.log, math.exp) if axes.get_yscale() == "log" else (float, float)
    low, high = map(along, limits)
    ends = [(along(y), label, series) for y, label, series in ends]
    height = axes.get_window_extent().height * 72 / axes.figure.dpi
    font_size = min(font_size, height / (1.25 * len(ends)))
    gap = (high - low) * font_size * 1.25 / height
    ends = sorted(ends, key=lambda end: end[0])
    places = spread_positions([end[0] for end in ends], gap)
    # The names stay beside the axes: those at the edge push the ones before them.
    places = [min(place, high - gap * (len(ends) - 1 - i)) for i, place in enumerate(places)]
    places = [max(place, low + gap * i) for i, place in enumerate(places)]
    beside = axes.get_yaxis_transform()
    for (y, label, series), place in zip(ends, places):
        color = series["style"]["color"]
        axes.plot([1.005, 1.03], [back(y), back(place)], transform=beside, color=color, linewidth=0.8, clip_on=False)
        axes.text(1.037, back(place), label, transform=beside, va="center", fontsize=font_size, color=color,
                  fontweight="bold" if series.get("method") == "laser" else "normal")
    axes.set_ylim(*limits)


def metric_axis(axes: Any, summary: dict[str, Any]) -> None:
    """Perplexities, which fall, on a logarithmic axis with plain numbers.

    axes: of matplotlib.
    summary: of a report.
    """
    if summary.get("higher_is_better", True):
        return
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def noiseless_of(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows or curves without a power: those of runs without noise.

    entries: rows or curves.
    """
    return [entry for entry in entries if entry["power"] is None]


def power_axis(axes: Any, powers: list[float]) -> None:
    """Gives the axes a logarithmic x axis, with a tick at each of the powers and none between them.

    axes: of matplotlib.
    powers: P, in units of the noise variance.
    """
    axes.set_xscale("log")
    axes.set_xticks(powers, [f"{p:g}" if p < 1e4 else f"{p / 1000:g}k" for p in powers])
    axes.minorticks_off()
    margin = (max(powers) / min(powers) if len(powers) > 1 else 10) ** 0.05
    axes.set_xlim(min(powers) / margin, max(powers) * margin)


def plain(axes: Any) -> None:
    """Takes the frame from the axes but for its left and lower side, and draws grey lines at the ticks of y, behind all else.

    axes: of matplotlib.
    """
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#E3E7EB", linewidth=0.8)
    axes.set_axisbelow(True)


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


def draw_all(drawings: Mapping[str, Callable[[Any, dict[str, Any]], Any]], summary: dict[str, Any], folder: Path, *,
             pictures: bool = True) -> list[Path]:
    """Draws each figure NAME: drawing(plt, summary), in the project's style, as NAME.svg and, with `pictures`, NAME.png. Equal
    data give equal files. A drawing that returns None is left out.

    drawings: functions by the name of their figure.
    summary: of a report.
    folder: to write into.
    pictures: whether PNG files are written too; True by default.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({
        "font.family": "DejaVu Sans", "font.size": 10, "axes.labelsize": 10.5, "axes.edgecolor": "#8A949E",
        "axes.linewidth": 0.8, "xtick.color": "#4A5561", "ytick.color": "#4A5561", "text.color": "#1C2733",
        "axes.labelcolor": "#1C2733", "svg.fonttype": "path",
    })
    written = []
    for name, drawing in drawings.items():
        # Ids in the SVG come from this salt and not from chance; it differs so that one page can hold all figures.
        plt.rcParams["svg.hashsalt"] = name
        figure = drawing(plt, summary)
        if figure is None:
            continue
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})
        written.append(folder / f"{name}.svg")
        if pictures:
            figure.savefig(folder / f"{name}.png", dpi=200, metadata={"Software": None})
            written.append(folder / f"{name}.png")
        plt.close(figure)
    return written


def draw(summary: dict[str, Any], folder: Path) -> list[Path]:
    """Draws every figure that the summary has data for and returns the files written.

    summary: of a report.
    folder: to write into.
    """
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    from paper_figures import draw_beside_paper, draw_spectra

    quantity = summary.get("quantity", "accuracy")
    drawings = {f"{quantity}_over_power": draw_over_power, f"{quantity}_beside_paper": draw_beside_paper,
                f"{quantity}_over_epochs": draw_over_epochs, f"{quantity}_on_three_axes": draw_on_three_axes,
                "training_diagnostics": draw_diagnostics, "gradient_spectra": draw_spectra}
    return draw_all(drawings, summary, folder)


def run(arguments: list[str], usage: str, expected: str, is_expected: Callable[[dict[str, Any]], bool],
        draw_files: Callable[[dict[str, Any], Path], list[Path]]) -> int:
    """The command line "PROGRAM SOURCE FOLDER" of a figure program: checks the JSON file, draws, prints the files. Raises nothing.

    arguments: of the command line.
    usage: the line that tells how it is called.
    expected: what the file should be, in words.
    is_expected: whether what was read is that.
    draw_files: draws it and returns the files.
    """
    if len(arguments) != 2:
        print(f"usage: {usage}", file=sys.stderr)
        return 2
    source, folder = Path(arguments[0]), Path(arguments[1])
    try:
        summary = json.loads(source.read_text(encoding="utf-8"))
        if not isinstance(summary, dict) or summary.get("schema") != 1 or not is_expected(summary):
            raise ValueError(f"not the {expected}, or of another version")
    except (OSError, ValueError) as error:
        print(f"{source}: {error}", file=sys.stderr)
        return EXIT_DATA
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        print(f"{sys.executable} has no matplotlib ({error})", file=sys.stderr)
        return EXIT_NO_MATPLOTLIB
    folder.mkdir(parents=True, exist_ok=True)
    for path in draw_files(summary, folder):
        print(path)
    return 0


def main(arguments: list[str]) -> int:
    """The command line "figures.py SUMMARY_JSON FOLDER"; returns the exit code.

    arguments: of the command line.
    """
    return run(arguments, "figures.py SUMMARY_JSON FOLDER", "summary.json of a report", lambda summary: "rows" in summary, draw)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
