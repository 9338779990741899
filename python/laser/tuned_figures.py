"""The figures of `laser tune`, drawn from its tuned.json and nothing else.

    python tuned_figures.py TUNED_JSON FOLDER

writes tuned_accuracy (accuracy over power, at the methods' own step sizes and at chosen ones) and tuned_pareto (power
and channel uses that an accuracy costs), each as SVG and PNG, into FOLDER. It computes nothing: means, spreads, powers
and intervals are taken from the file.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

if TYPE_CHECKING:
    from laser.figures import POWER_LABEL, STYLES, band, draw_all, method_style, number, plain, power_axis, run, told_apart
else:
    from figures import POWER_LABEL, STYLES, band, draw_all, method_style, number, plain, power_axis, run, told_apart


def styles_of(curves: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """A look a method, no two of which differ by colour alone."""
    methods = list(dict.fromkeys(curve["method"] for curve in curves))
    others = [method for method in methods if method not in STYLES]
    return dict(zip(methods, told_apart([method_style(method, others) for method in methods])))


def short(curve: dict[str, Any]) -> str:
    label: str = curve["label"]
    return label.removesuffix(", tuned")


def draw_accuracy(plt: Any, summary: dict[str, Any]) -> Any:
    """Left: every method at its own step size; right: at chosen ones. The dashed line is training without noise."""
    curves = [c for c in summary["curves"] if c["points"][0]["power"] is not None]
    if not curves:
        return None
    styles = styles_of(summary["curves"])
    figure, panels = plt.subplots(1, 2, figsize=(11, 5.0), sharey=True, layout="constrained")
    powers = sorted({p["power"] for c in curves for p in c["points"]})
    for axes, tuned in zip(panels, [False, True]):
        for curve in (c for c in curves if c["tuned"] == tuned):
            style = styles[curve["method"]]
            x = [p["power"] for p in curve["points"]]
            mean = [number(p["mean"]) for p in curve["points"]]
            axes.fill_between(x, *band(mean, [p.get("interval") for p in curve["points"]]), color=style["color"], alpha=0.15,
                              linewidth=0)
            axes.plot(x, mean, color=style["color"], marker=style["marker"],
                      markersize=13 if curve["method"] == "laser" else 8, markeredgecolor="white",
                      markeredgewidth=0.6, linewidth=1.6, linestyle=style["linestyle"], label=short(curve))
        for curve in summary["curves"]:
            if curve["points"][0]["power"] is None and curve["tuned"] == tuned:
                axes.axhline(number(curve["points"][0]["mean"]), color=STYLES["sgd"]["color"],
                             linestyle=(0, (6, 3)), linewidth=1.1, label=f"{short(curve)}, noiseless", zorder=1)
        axes.set_title("step sizes chosen on held-out examples" if tuned else "the methods' own step sizes",
                       fontsize=11, loc="left", fontweight="bold")
        power_axis(axes, powers)
        axes.set_xlabel(POWER_LABEL)
        plain(axes)
    higher = summary.get("higher_is_better", True)
    panels[0].set_ylabel(summary.get("quantity", "Test accuracy of the final weights") + (" (%)" if higher else ""))
    if higher:
        worst = min(number(p["mean"]) for c in curves for p in c["points"])
        best = max(number(p["mean"]) for c in summary["curves"] for p in c["points"])
        panels[0].set_ylim(max(worst - 1, best - 25), best + 0.8)
    else:
        panels[0].set_yscale("log")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9.5)
    return figure


def draw_pareto(plt: Any, summary: dict[str, Any]) -> Any:
    """Power against channel uses for up to three accuracies: to the lower left is better; bars are 95 % intervals."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    needs = [n for n in summary["needs"] if None not in n["power"] and n["power"][0] == n["power"][1]]
    targets = sorted({n["target"] for n in needs})[-3:]
    if not targets:
        return None
    curves = {c["label"]: c for c in summary["curves"]}
    styles = styles_of(summary["curves"])
    figure, panels = plt.subplots(1, len(targets), figsize=(3.9 * len(targets) + 0.6, 4.6), sharey=True,
                                  squeeze=False, layout="constrained")
    seen: dict[str, Any] = {}
    for axes, target in zip(panels.flat, targets):
        for need in (n for n in needs if n["target"] == target):
            curve = curves[need["label"]]
            style = styles[curve["method"]]
            power = need["power"][0]
            ends = need["power_interval"] or [power, power]
            low, high = (end if end is not None else power for end in ends)
            axes.plot([low, high], [curve["symbols_per_round"]] * 2, color=style["color"], linewidth=1.4, alpha=0.6)
            point, = axes.plot(power, curve["symbols_per_round"], color=style["color"], marker=style["marker"],
                               markersize=10, linestyle="none", fillstyle="full" if curve["tuned"] else "none",
                               label=curve["label"])
            seen.setdefault(curve["label"], point)
        unit = " %" if summary.get("higher_is_better", True) else ""
        axes.set_title(f"{target:g}{unit}", fontsize=11, loc="left", fontweight="bold")
        for axis, scale in ((axes.xaxis, axes.set_xscale), (axes.yaxis, axes.set_yscale)):
            scale("log")
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("Power needed")
        plain(axes)
    panels.flat[0].set_ylabel("Channel uses a worker and round")
    figure.legend(list(seen.values()), list(seen), loc="outside lower center", ncols=4, frameon=False, fontsize=9.5)
    return figure


def draw(summary: dict[str, Any], folder: Path) -> list[Path]:
    return draw_all({"tuned_accuracy": draw_accuracy, "tuned_pareto": draw_pareto}, summary, folder)


def main(arguments: list[str]) -> int:
    return run(arguments, "tuned_figures.py TUNED_JSON FOLDER", "tuned.json of a comparison",
               lambda summary: "curves" in summary and "needs" in summary, draw)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
