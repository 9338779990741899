"""The figures of a report, drawn from its summary.json and nothing else.

    python figures.py SUMMARY_JSON FOLDER

writes QUANTITY_over_power, QUANTITY_over_epochs and, where there is something to draw, QUANTITY_beside_paper and
gradient_spectra, each as SVG and PNG, into FOLDER. It computes nothing: means, spreads and the paper's values are taken from the file. Equal files give
equal figures, byte for byte in SVG.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

EXIT_DATA = 4
EXIT_NO_MATPLOTLIB = 5

# Colours that people with colour-vision deficiencies can tell apart (Okabe and Ito), one for each method for ever.
# LASER has the strong red, a filled star and the widest line.
STYLES = {
    "laser": {"color": "#C1272D", "marker": "*"},
    "randomk": {"color": "#0072B2", "marker": "s"},
    "sketch": {"color": "#009E73", "marker": "^"},
    "zsgd": {"color": "#E69F00", "marker": "o"},
    "adsgd": {"color": "#7B4FA3", "marker": "D"},
    "signum": {"color": "#56B4E9", "marker": "v"},
    "sgd": {"color": "#333333", "marker": "x"},
}
OTHER_COLORS = ["#8C6D31", "#D55E8F", "#4D4D4D", "#6B8E23"]
DASHES = ["-", (0, (5, 1.6)), (0, (1.5, 1.2)), (0, (6, 1.4, 1.2, 1.4))]
POWER_LABEL = "Power budget P (per worker and round, noise variance 1)"


def method_style(method: str, others: list[str]) -> dict:
    """Colour and marker of a method; a method that we don't know gets one by its place in `others`."""
    if method in STYLES:
        return STYLES[method]
    return {"color": OTHER_COLORS[others.index(method) % len(OTHER_COLORS)], "marker": "P"}


def label_of(entry: dict) -> str:
    """The label of a row or curve, without the word that only the noiseless baseline needs in a table."""
    return entry.get("label", entry["method"])


def series_of(entries: list[dict]) -> list[dict]:
    """Groups rows or curves with a power into one series a label, in the order of the file."""
    others = sorted({e["method"] for e in entries} - STYLES.keys())
    series: dict[str, dict] = {}
    variants: dict[str, int] = {}
    for entry in entries:
        if entry["power"] is None:
            continue
        label = label_of(entry)
        if label not in series:
            variant = variants.get(entry["method"], 0)
            variants[entry["method"]] = variant + 1
            style = dict(method_style(entry["method"], others), linestyle=DASHES[variant % len(DASHES)])
            series[label] = {"label": label, "method": entry["method"], "style": style, "entries": []}
        series[label]["entries"].append(entry)
    return list(series.values())


def number(value) -> float:
    """A number of the file; null (not finite, or no spread) becomes NaN."""
    return math.nan if value is None else float(value)


def band(mean: list[float], std: list) -> tuple[list[float], list[float]]:
    """Lower and upper edge of mean +- std; where there is no spread the band has no height."""
    spread = [0.0 if s is None else float(s) for s in std]
    return [m - s for m, s in zip(mean, spread)], [m + s for m, s in zip(mean, spread)]


def line_options(series: dict, marker: bool) -> dict:
    star = series["method"] == "laser"
    options = {
        "color": series["style"]["color"],
        "linestyle": series["style"]["linestyle"],
        "linewidth": 2.6 if star else 1.5,
        "zorder": 5 if star else 3,
    }
    if marker:
        options.update(marker=series["style"]["marker"], markersize=14 if star else 6.5, markeredgecolor="white",
                       markeredgewidth=0.6)
    return options


def spread_positions(wanted: list[float], gap: float) -> list[float]:
    """Moves positions apart to at least `gap`, keeping their order and, as well as it goes, their centre."""
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


def label_lines(axes, ends: list[tuple[float, str, dict]], font_size: float) -> None:
    """Writes each series' name at the right of its last point, in its colour, pushed apart where they'd overlap."""
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


def metric_axis(axes, summary: dict) -> None:
    """Perplexities, which fall, on a logarithmic axis with plain numbers."""
    if summary.get("higher_is_better", True):
        return
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def noiseless_of(entries: list[dict]) -> list[dict]:
    return [entry for entry in entries if entry["power"] is None]


def power_axis(axes, powers: list[float]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(powers, [f"{p:g}" if p < 1e4 else f"{p / 1000:g}k" for p in powers])
    axes.minorticks_off()
    ratio = max(powers) / min(powers) if len(powers) > 1 else 10
    margin = ratio ** 0.05
    axes.set_xlim(min(powers) / margin, max(powers) * margin)


def plain(axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#E3E7EB", linewidth=0.8)
    axes.set_axisbelow(True)


def draw_over_power(plt, summary: dict):
    """One line a method with its band over the seeds, the paper's values as open markers; None without powers."""
    from matplotlib.lines import Line2D

    series = series_of(summary["rows"])
    if not series:
        return None
    figure, axes = plt.subplots(figsize=(8.2, 4.9))
    figure.subplots_adjust(left=0.085, right=0.83, top=0.97, bottom=0.12)
    powers = sorted({row["power"] for s in series for row in s["entries"]})
    has_paper = False
    ends = []
    for one in series:
        rows = sorted(one["entries"], key=lambda row: row["power"])
        x = [row["power"] for row in rows]
        mean = [number(row["mean"]) for row in rows]
        axes.fill_between(x, *band(mean, [row["std"] for row in rows]), color=one["style"]["color"], alpha=0.18,
                          linewidth=0, zorder=2)
        axes.plot(x, mean, **line_options(one, True))
        paper = [(row["power"], row["paper"]) for row in rows if row.get("paper") is not None]
        if paper:
            has_paper = True
            axes.plot(*zip(*paper), linestyle="none", marker=one["style"]["marker"], fillstyle="none",
                      markersize=19 if one["method"] == "laser" else 11, markeredgewidth=1.1,
                      color=one["style"]["color"], zorder=4.5 if one["method"] == "laser" else 2.5)
        ends.append((mean[-1], one["label"], one))
    for row in noiseless_of(summary["rows"]):
        axes.axhline(number(row["mean"]), color=STYLES["sgd"]["color"], linestyle=(0, (6, 3)), linewidth=1.2, zorder=1)
        ends.append((number(row["mean"]), label_of(row), {"style": STYLES["sgd"]}))
    metric_axis(axes, summary)
    power_axis(axes, powers)
    axes.set_xlabel(POWER_LABEL)
    axes.set_ylabel(summary["label"])
    plain(axes)
    label_lines(axes, ends, 10)
    spread = any(row["std"] is not None for row in summary["rows"])
    handles = [Line2D([], [], color="#555555", marker="o", markersize=6,
                      label="this code, band: ±1 std over seeds" if spread else "this code, one seed")]
    if has_paper:
        handles.append(Line2D([], [], color="#555555", marker="o", markersize=10.5, fillstyle="none", linestyle="none",
                              label="paper"))
    corner = "lower right" if summary.get("higher_is_better", True) else "upper right"
    axes.legend(handles=handles, loc=corner, frameon=False, fontsize=9)
    return figure


def epoch_limits(curves: list[dict], logarithmic: bool = False) -> tuple[float, float] | None:
    """Range of the curves after the first tenth of the epochs: the first steps would flatten everything else."""
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


def draw_over_epochs(plt, summary: dict):
    """One panel a power, one line a method with its band over the seeds; None without curves."""
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
        for one in series:
            for curve in (c for c in one["entries"] if c["power"] == power):
                mean = [number(v) for v in curve["mean"]]
                axes.fill_between(curve["epochs"], *band(mean, curve["std"]), color=one["style"]["color"], alpha=0.2,
                                  linewidth=0)
                axes.plot(curve["epochs"], mean, **line_options(one, False))
        if power is not None:
            axes.set_title(f"P = {power:g}", fontsize=11, loc="left", fontweight="bold")
        plain(axes)
        metric_axis(axes, summary)
        axes.set_xlim(left=0)
        if limits:
            axes.set_ylim(*limits)
    for column in range(columns):
        shown = [axes for axes in grid[:, column] if axes.get_visible()]
        shown[-1].set_xlabel("Epoch")
        shown[-1].tick_params(labelbottom=True)
    figure.supylabel(summary["curve_label"], fontsize=plt.rcParams["axes.labelsize"])
    handles = [Line2D([], [], label=one["label"], **line_options(one, False)) for one in series]
    if noiseless:
        handles.append(Line2D([], [], color=STYLES["sgd"]["color"], linestyle=(0, (6, 3)), linewidth=1.2,
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


AXES = {"energy": "Energy that a worker sent", "transmit_power": "Transmit power over noise (dB)",
        "symbols": "Symbols on the air"}


def draw_on_three_axes(plt, summary: dict):
    """A panel an axis: what each method reaches with at most so much of it, as steps; None without energies."""
    fronts = summary.get("axes")
    if not fronts:
        return None
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
            line, = axes.step([*x, scale(most)], [*y, y[-1]], where="post", **line_options(one, False))
            axes.plot(x[:1], y[:1], linestyle="none", color=one["style"]["color"], marker=one["style"]["marker"],
                      markersize=7)
            shown.setdefault(label_of(front), line)
        if not decibels:
            axes.set_xscale("log")
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


def draw_all(drawings: dict, summary: dict, folder: Path) -> list[Path]:
    """Draws each figure NAME: drawing(plt, summary), in the project's style, as NAME.svg and NAME.png. Equal data give
    equal files. A drawing that returns None is left out."""
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
        figure.savefig(folder / f"{name}.png", dpi=200, metadata={"Software": None})
        plt.close(figure)
        written += [folder / f"{name}.svg", folder / f"{name}.png"]
    return written


def draw(summary: dict, folder: Path) -> list[Path]:
    """Draws every figure that the summary has data for and returns the files written."""
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    from paper_figures import draw_beside_paper, draw_spectra

    quantity = summary.get("quantity", "accuracy")
    drawings = {f"{quantity}_over_power": draw_over_power, f"{quantity}_beside_paper": draw_beside_paper,
                f"{quantity}_over_epochs": draw_over_epochs, f"{quantity}_on_three_axes": draw_on_three_axes,
                "gradient_spectra": draw_spectra}
    return draw_all(drawings, summary, folder)


def run(arguments: list[str], usage: str, expected: str, is_expected, draw_files) -> int:
    """The command line "PROGRAM SOURCE FOLDER" of a figure program: checks the JSON file, draws, prints the files."""
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
    return run(arguments, "figures.py SUMMARY_JSON FOLDER", "summary.json of a report",
               lambda summary: "rows" in summary, draw)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
