#!/usr/bin/env python3
"""The figures of the pages that no command draws any more or has ever drawn, from the records in results/ and nothing else.

    python3 scripts/page_figures.py             # redraws all of them where the pages show them
    python3 scripts/page_figures.py FOLDER      # the same into a folder of one's own, as FOLDER/STUDY/NAME.svg

Needs matplotlib. Equal records give equal files. What is computed is the mean of the seeds and its 95 % interval (Student's).
"""
import collections
import json
import math
import pathlib
import statistics
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "python" / "laser"))

import channel_figures  # noqa: E402
import gain_figures  # noqa: E402
import report_figures  # noqa: E402
import tuned_figures  # noqa: E402
from figures import (POWER_LABEL, STYLES, band, draw_all, limits_of, line_options, number, plain, power_axis,  # noqa: E402
                     series_of)

RECORDS = ROOT / "results"
STUDENT = (12.706, 4.303, 3.182, 2.776)  # 97.5 % quantiles for 2 to 5 seeds, as apps/laser/report/moments.cpp has them
NAMES = {"laser": "LASER", "randomk": "Random-K", "zsgd": "Z-SGD"}


def read(path):
    return json.loads((RECORDS / path).read_text(encoding="utf-8"))


def half_of(deviation, seeds):
    """Half of the 95 % interval of a mean; None of a single seed."""
    return None if deviation is None else STUDENT[seeds - 2] * deviation / math.sqrt(seeds)


def point_of(values):
    """Mean, deviation and half interval over the seeds; None for all three where a run has diverged."""
    if any(value is None for value in values):
        return {"mean": None, "interval": None, "std": None}
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return {"mean": statistics.fmean(values), "std": deviation, "interval": half_of(deviation, len(values))}


def runs_of(folder, pattern, metric):
    """(configuration, metric or None where it diverged) of every run below a folder of results."""
    for path in sorted((RECORDS / folder).glob(pattern)):
        summary = json.loads(path.read_text(encoding="utf-8"))
        yield summary["configuration"], summary[metric] if summary["status"] == "completed" else None


def points_of(runs, key_of):
    """{key of a configuration: mean and interval over its seeds}."""
    values = collections.defaultdict(list)
    for configuration, value in runs:
        values[key_of(configuration)].append(value)
    return {key: point_of(several) for key, several in values.items()}


def styled(lines):
    """{label: its line's options} of (label, method) pairs; only plain LASER has the star and the wide line."""
    named = series_of([{"label": label, "method": method, "power": 0} for label, method in lines])
    return {one["label"]: line_options(dict(one, method="laser" if one["label"].startswith("LASER") and one["method"] == "laser" and
                                            "no feedback" not in one["label"] else ""), True) for one in named}


def draw_line(axes, x, points, options, **more):
    mean = [number(point["mean"]) for point in points]
    axes.fill_between(x, *band(mean, [point["interval"] for point in points]), color=options["color"], alpha=0.15, linewidth=0)
    return axes.plot(x, mean, **dict(options, **more))[0]


# --- results/heterogeneity -------------------------------------------------------------------------------------------------

ALIKE = [("iid", None, "iid"), ("dirichlet", "1", "1"), ("dirichlet", "0.3", "0.3"), ("dirichlet", "0.1", "0.1"),
         ("sorted", None, "sorted")]
UNLIKE_LINES = [("LASER", "laser", "local"), ("LASER, no feedback", "laser", "none"), ("Random-K", "randomk", None),
                ("Z-SGD", "zsgd", None), ("zsgd_adaptive", "zsgd_adaptive", None)]


def heterogeneity():
    def key(c):
        return (c["method"], c["feedback"] if c["method"] == "laser" else None, c["sharding"],
                c["concentration"] if c["sharding"] == "dirichlet" else None, c["power"] if c["method"] != "sgd" else None)
    return points_of(runs_of("heterogeneity", "*/summary.json", "best_ema_accuracy"), key)


def draw_heterogeneity(plt, points):
    figure, panels = plt.subplots(2, 2, figsize=(6.8, 6.4), layout="constrained")
    styles, x = styled([(label, method) for label, method, _ in UNLIKE_LINES]), range(len(ALIKE))
    for axes, power in zip(panels.flat, sorted({key[4] for key in points} - {None}, key=float)):
        shown = [points["sgd", None, sharding, concentration, None] for sharding, concentration, _ in ALIKE]
        handles = [axes.plot(x, [point["mean"] for point in shown], color=STYLES["sgd"]["color"], linestyle=(0, (6, 3)), linewidth=1.2,
                             label="no noise")[0]]
        for label, method, feedback in UNLIKE_LINES:
            line = [points[method, feedback, sharding, concentration, power] for sharding, concentration, _ in ALIKE]
            handles.append(draw_line(axes, x, line, styles[label], label=label))
            shown += line
        axes.set_ylim(*limits_of([point["mean"] for point in shown], [point["interval"] for point in shown], False))
        axes.set_xticks(x, [name for *_, name in ALIKE])
        axes.set_title(f"P = {power}", fontsize=11, loc="left", fontweight="bold")
        axes.set_xlabel("Dirichlet concentration of the data")
        axes.set_ylabel("Test accuracy (%)")
        plain(axes)
    panels.flat[3].axis("off")
    panels.flat[3].legend(handles=handles[1:] + handles[:1], loc="center", frameon=False, fontsize=11)
    return figure


# --- results/beyond-mnist --------------------------------------------------------------------------------------------------

def beyond():
    curves = []
    for curve in read("beyond-mnist/tuned.json")["curves"]:
        if (curve["method"], curve["tuned"]) in (("laser", True), ("zsgd_adaptive", False)):
            points = {p["power"]: dict(p, interval=half_of(p["std"], p["seeds"])) for p in curve["points"]}
            label = "LASER, tuned" if curve["tuned"] else curve["method"]
            curves.append({"label": label, "method": curve["method"], "symbols": curve["symbols_per_round"], "points": points})
    for name, label, method in (("equal-norms", "swept, equal_norms", "swept"), ("swept", "swept", "swept without equal_norms")):
        runs = read(f"beyond-mnist/{name}.json")["runs"]
        points = points_of(((run, run["final_accuracy"]) for run in runs), lambda run: run["power"])
        points = {power: point for power, point in points.items() if point["interval"] is not None}  # one seed says nothing
        curves.append({"label": label, "method": method, "symbols": runs[0]["symbols_per_round"], "points": points})
    return {"curves": curves, "gains": read("beyond-mnist/gain.json")["rows"]}


def draw_beyond(plt, data):
    figure, (above, below) = plt.subplots(2, 1, figsize=(6.6, 8.2), layout="constrained")
    styles = styled([(curve["label"], curve["method"]) for curve in data["curves"]])
    for curve in data["curves"]:
        powers = sorted(curve["points"])
        draw_line(above, powers, [curve["points"][power] for power in powers], styles[curve["label"]],
                  label=f"{curve['label']} ({curve['symbols']:,.0f} symbols)")
    power_axis(above, sorted({power for curve in data["curves"] for power in curve["points"]}))
    above.set_xlabel(POWER_LABEL)
    above.set_ylabel("Test accuracy (%), final weights")
    above.legend(frameon=False, fontsize=10, loc="lower right")
    mine = [curve for curve in data["curves"] if curve["method"] != "laser"]
    for turn, curve in enumerate(mine):
        options = styles[curve["label"]]
        rows = [dict(row, target=row["target"] + 0.1 * (turn - (len(mine) - 1) / 2)) for row in data["gains"]
                if row["method"] == curve["label"] and (row["gain"] is None or row["high"] is not None)]
        gain_figures.series(below, rows, "target", (options["color"], options["marker"], options["linestyle"]), curve["label"])
    below.axhline(1, color="#808080", linewidth=0.9)
    below.annotate("LASER, tuned", (1, 1), xycoords=("axes fraction", "data"), xytext=(0, 4), textcoords="offset points", ha="right",
                   fontsize=10, color="#606060")
    below.set_yscale("log")
    below.set_yticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
    below.minorticks_off()
    below.set_xlabel("Test accuracy reached (%)")
    below.set_ylabel("Times less power than LASER, tuned")
    below.legend(frameon=False, fontsize=10, loc="upper left")
    plain(above)
    plain(below)
    return figure


# --- results/beyond-mlp and results/theory-verify: what a prediction saves -------------------------------------------------------

def prediction():
    checks = [check for check in read("theory-verify/verify.json")["checks"] if check["subject"].startswith("differences at lambda = ")]
    rounds = [dict(check, value=float(check["subject"].rpartition(" ")[2])) for check in checks]
    epochs = collections.defaultdict(list)
    for row in read("beyond-mlp/prediction.json")["rows"]:
        epochs[row["power"], row["prediction"]].append((row["epoch"], row["noise_over_signal"]))
    return {"rounds": rounds, "epochs": epochs}


def draw_prediction(plt, data):
    from matplotlib.ticker import FuncFormatter

    figure, panels = plt.subplots(2, 1, figsize=(6.6, 7.6), layout="constrained")
    sent, difference = ({"color": color, "marker": marker, "linestyle": dash, "markersize": 7, "markeredgecolor": "white",
                         "markeredgewidth": 0.6} for color, marker, dash in gain_figures.LOOKS[:2])
    x = [check["value"] for check in data["rounds"]]
    panels[0].plot(x, x, **sent, label="the message itself is sent")
    panels[0].plot(x, [check["expected"] for check in data["rounds"]], **dict(difference, marker=None), label="the difference: formula T4")
    panels[0].errorbar(x, [check["measured"] for check in data["rounds"]], yerr=[3 * check["standard_error"] for check in data["rounds"]],
                       **dict(difference, linestyle="none"), label="the difference: measured, ± 3 standard errors")
    panels[0].set_xscale("log")
    panels[0].set_xticks(x, [f"{value:g}" for value in x])
    panels[0].set_xlabel("λ: noise over message where the message itself is sent")
    panels[0].set_title("A message that stays as it is", fontsize=11, loc="left", fontweight="bold")
    for (power, how), points in sorted(data["epochs"].items()):
        itself = how == "0"
        options = dict(sent if itself else difference, fillstyle="full" if power == min(p for p, _ in data["epochs"]) else "none")
        options["markeredgecolor"] = "white" if options["fillstyle"] == "full" else options["color"]
        panels[1].plot(*zip(*points), **options, label=f"P = {power}, the {'message itself' if itself else 'difference'}")
    panels[1].set_xlabel("Epoch")
    panels[1].set_title("Training the MLP, one seed", fontsize=11, loc="left", fontweight="bold")
    for axes in panels:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.minorticks_off()
        axes.set_ylabel("Noise over message")
        plain(axes)
        axes.legend(frameon=False, fontsize=10, loc="lower right")
    return figure


# --- results/federated -----------------------------------------------------------------------------------------------------

def federated():
    """{(sharding, local steps, method, rounds or air): mean and interval}; Z-SGD's air time is what the others fill."""
    points = {}
    for kind in ("rounds", "air"):
        pattern = f"*-{kind}*/final/*/summary.json"
        found = points_of(runs_of("federated", pattern, "final_accuracy"), lambda c: (c["sharding"], int(c["local_steps"]), c["method"]))
        points |= {(*key, kind): point for key, point in found.items()}
    return points


def draw_federated(plt, points):
    methods = ["laser", "randomk", "zsgd", "zsgd_adaptive"]
    figure, panels = plt.subplots(1, 2, figsize=(6.8, 4.9), sharey=True, layout="constrained")
    steps = sorted({key[1] for key in points})
    styles = styled([(method, method) for method in methods])
    both = {key[2] for key in points if key[3] == "air"}
    places = [(method, kind) for method in methods for kind in ("rounds", "air") if any(key[2:] == (method, kind) for key in points)]
    for axes, (sharding, title) in zip(panels, (("iid", "Clients with like data"), ("dirichlet", "With unlike data (Dirichlet 0.3)"))):
        for place, (method, kind) in enumerate(places):
            options = dict(styles[method], linestyle="none", markersize=11 if method == "laser" else 7)
            if kind == "air":
                options |= {"fillstyle": "none", "markeredgecolor": options["color"], "markeredgewidth": 1.2}
            mine = [points[sharding, count, method, kind] for count in steps]
            equal = f", equal {'air time' if kind == 'air' else 'rounds'}" if method in both else ""
            axes.errorbar([turn + 0.13 * (place - (len(places) - 1) / 2) for turn in range(len(steps))], [point["mean"] for point in mine],
                          yerr=[point["interval"] for point in mine], elinewidth=1.2, **options,
                          label=NAMES.get(method, method) + equal)
        axes.set_xticks(range(len(steps)), steps)
        axes.set_xlabel("Local steps a round")
        axes.set_title(title, fontsize=11, loc="left", fontweight="bold")
        plain(axes)
    panels[0].set_ylabel("Test accuracy (%), final weights")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=10)
    return figure


# --- figures of the reports, from records whose reports were made before the styles were what they are --------------------------------

def tuned(study):
    """The comparison of `laser tune`, with the intervals that its file has as deviations; of two seeds they would hide all else."""
    summary = read(f"{study}/tuned.json")
    for point in (point for curve in summary["curves"] for point in curve["points"]):
        point.setdefault("interval", half_of(point["std"], point["seeds"]) if point["seeds"] > 2 else None)
    return summary


def links(workers):
    """The axes of a report of `laser reproduce links`, air times with the name of the method that they are of."""
    summary = read(f"links/report-k-{workers}/summary.json")
    for front in summary["axes"]:
        label = front["label"].partition(", compression_factor")[0]
        front["label"] = label.replace("air_rank 0", "air of Z-SGD").replace("air_rank 2", "air of LASER")
    return dict(summary, curve_label="Test accuracy (%)")


FIGURES = {
    ("heterogeneity", "unlike_data"): (heterogeneity, draw_heterogeneity),
    ("beyond-mnist", "swept"): (beyond, draw_beyond),
    ("beyond-mlp", "prediction"): (prediction, draw_prediction),
    ("federated", "local_steps"): (federated, draw_federated),
    **{(study, name): (lambda study=study: tuned(study), draw)
       for study, name, draw in (("beyond-mnist", "tuned_accuracy", tuned_figures.draw_accuracy),
                                 ("beyond-mnist", "tuned_pareto", tuned_figures.draw_pareto),
                                 ("beyond-cifar", "tuned_accuracy", tuned_figures.draw_accuracy))},
    **{(f"links/report-k-{workers}", "accuracy_on_three_axes"): (lambda workers=workers: links(workers), report_figures.draw_on_three_axes)
       for workers in (4, 16, 64)},
    ("channels", "channels"): (lambda: read("channels/summary.json"), channel_figures.draw_channels),
}


def main(arguments):
    if len(arguments) > 1 or arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    for (study, name), (data, draw) in FIGURES.items():
        folder = (pathlib.Path(arguments[0]) if arguments else RECORDS) / study
        folder.mkdir(parents=True, exist_ok=True)
        for path in draw_all({name: draw}, data(), folder, pictures=False):
            print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
