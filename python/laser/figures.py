"""The figures of a report, drawn from its summary.json and nothing else.

    python figures.py SUMMARY_JSON FOLDER

writes QUANTITY_over_power, QUANTITY_over_epochs and, where there is something to draw, QUANTITY_beside_paper, QUANTITY_on_three_axes,
training_diagnostics and gradient_spectra, each as SVG and PNG, into FOLDER. It computes nothing: means, intervals and the paper's values
are taken from the file. Equal files give equal figures, byte for byte in SVG. Here is what all figures of the project have in common, their
look and how they are written; what a report's are of is in report_figures.py and paper_figures.py.
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
    from report_figures import draw_diagnostics, draw_on_three_axes, draw_over_epochs, draw_over_power

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
