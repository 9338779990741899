"""The figures of `laser theory verify`, drawn from its verify.json and nothing else.

    python theory_figures.py VERIFY_JSON FOLDER

writes influence_over_power and moments_over_rounds, each as SVG and PNG, into FOLDER. It computes nothing but quotients
for the axes: means, errors and formulas are taken from the file. Equal files give equal figures, byte for byte in SVG.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

if TYPE_CHECKING:
    from laser.figures import STYLES, draw_all, number, plain, run, spread_positions
else:
    from figures import STYLES, draw_all, number, plain, run, spread_positions

# Subjects of the left panel of the first figure, with a short name; all others are in the right panel only.
CURVES: dict[str, tuple[str, dict[str, Any]]] = {
    "Z-SGD": ("Z-SGD", dict(STYLES["zsgd"])),
    "LASER two-phase, phi = 0.5": ("two-phase", {"color": "#7B4FA3", "marker": "D"}),
    "Random-K, cf = 0.2": ("Random-K", dict(STYLES["randomk"])),
    "LASER alternating, even rounds": ("alternating, even", {"color": "#009E73", "marker": "^"}),
    "LASER alternating, odd rounds": ("alternating, odd", {"color": "#56B4E9", "marker": "v"}),
    "LASER canonical, 24 x 40, r = 3": ("one-shot", dict(STYLES["laser"])),
}
# Colour of a number of workers, and the mark of a method, in the second figure.
WORKERS = {1: "#C1272D", 2: "#D98E04", 4: "#009E73", 16: "#2B5C8A"}
MARKS = {"Z-SGD": "s", "LASER alternating": "o"}
SOFT = "#5C6B7A"


def influence_checks(summary: dict[str, Any]) -> list[dict[str, Any]]:
    return [check for check in summary["checks"] if check["plain_ratio"]]


def draw_influence(plt: Any, summary: dict[str, Any]) -> Any:
    """Left: influence factors over the power with their formulas; right: measured over formula for every scheme."""
    checks = influence_checks(summary)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.6, 5.6), width_ratios=[1.15, 1])
    figure.subplots_adjust(left=0.075, right=0.985, top=0.93, bottom=0.11, wspace=0.72)
    ends = []
    for subject, (name, style) in CURVES.items():
        mine = sorted((c for c in checks if c["subject"] == subject), key=lambda c: c["power"])
        if not mine:
            continue
        powers = [c["power"] for c in mine]
        star = style["marker"] == "*"
        left.plot(powers, [c["expected"] for c in mine], color=style["color"], linewidth=2.4 if star else 1.4,
                  zorder=4 if star else 3)
        left.errorbar(powers, [c["measured"] for c in mine], yerr=[3 * c["standard_error"] for c in mine],
                      color=style["color"], marker=style["marker"], markersize=13 if star else 6, linestyle="none",
                      markeredgecolor="white", markeredgewidth=0.6, zorder=6 if star else 5)
        ends.append((mine[-1]["expected"], powers[-1], name, style["color"]))
    left.set(xscale="log", yscale="log", xlabel="Power P per round (noise variance 1)",
             ylabel=r"Influence factor $\lambda$")
    plain(left)
    left.grid(axis="x", color="#E3E7EB", linewidth=0.8)
    label_ends(left, ends)
    left.set_title("Markers: measured; lines: formula (24 x 40, r = 3)", fontsize=10, loc="left", color=SOFT)

    names: list[str] = []
    for check in checks:
        if check["subject"].split(", P =")[0] not in names:
            names.append(check["subject"].split(", P =")[0])
    for place, name in enumerate(names):
        mine = [c for c in checks if c["subject"].split(", P =")[0] == name]
        for j, check in enumerate(mine):
            y = place + 0.13 * (j - (len(mine) - 1) / 2)
            color = STYLES["laser"]["color"] if "LASER" in name else "#33404D"
            right.errorbar(check["measured"] / check["expected"], y,
                           xerr=3 * check["standard_error"] / check["expected"], color=color, marker="o",
                           markersize=3, linewidth=1, zorder=3)
    right.axvline(1, color="#1C2733", linewidth=1, zorder=1)
    right.set_yticks(range(len(names)), names, fontsize=7.6)
    right.set_ylim(len(names) - 0.4, -0.6)
    right.tick_params(axis="y", length=0)
    right.set_xlabel("measured / formula (± 3 standard errors)")
    plain(right)
    right.grid(axis="x", color="#E3E7EB", linewidth=0.8)
    return figure


def label_ends(axes: Any, ends: list[tuple[float, float, str, str]]) -> None:
    """Names at the right of the curves, on a logarithmic axis, pushed apart where they would overlap."""
    import math

    low, high = (math.log10(v) for v in axes.get_ylim())
    gap = (high - low) * 0.042
    places = spread_positions([math.log10(end[0]) for end in ends], gap)
    for (_, x, name, color), place in zip(ends, places):
        axes.annotate(name, (x, 10 ** place), xytext=(8, 0), textcoords="offset points", color=color, fontsize=9,
                      va="center", annotation_clip=False, fontweight="bold" if name == "one-shot" else "normal")


def draw_moments(plt: Any, summary: dict[str, Any]) -> Any:
    """Left: second moments over the rounds on their recursion; right: 1 + lambda measured over claimed, with the controls
    in which it is 5 % too large. None where nothing was run."""
    curves = [c for c in summary["curves"] if len(c["t"]) > 1]
    if not curves:
        return None
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.4, 5.6), width_ratios=[1.1, 1])
    figure.subplots_adjust(left=0.07, right=0.985, top=0.93, bottom=0.11, wspace=0.88)
    ends = []
    for curve in curves:
        method = curve["subject"].split(", k =")[0]
        if method not in MARKS or "no feedback" in curve["subject"]:
            continue
        color = WORKERS.get(curve["workers"], "#33404D")
        solid = method != "Z-SGD"
        left.plot(curve["t"], curve["expected"], color=color, linewidth=1.8 if solid else 1.0,
                  linestyle="-" if solid else (0, (4, 2)), zorder=3)
        shown = [(t, m, 3 * number(e)) for t, m, e in zip(curve["t"], curve["measured"], curve["standard_error"])
                 if m is not None]
        left.errorbar([t for t, _, _ in shown], [m for _, m, _ in shown], yerr=[e for _, _, e in shown], color=color,
                      marker=MARKS[method], markersize=5, linestyle="none", markeredgecolor="white",
                      markeredgewidth=0.5, zorder=5)
        if curve["expected"][-1]:
            name = f"{'LASER' if solid else method}, k = {curve['workers']}"
            ends.append((curve["expected"][-1], curve["t"][-1], name, color))
    left.set(xscale="log", yscale="log", xlabel="Round t", ylabel=r"E $\Vert x_t - e_t\Vert^2$")
    plain(left)
    label_ends(left, ends)
    left.set_title("Markers: measured; lines: recursion", fontsize=10, loc="left", color=SOFT)

    rows = [(c["subject"], c["measured"] / c["expected"], c["standard_error"] / c["expected"], "#1C2733")
            for c in summary["checks"] if c["group"] == "recursion" and c["quantity"] == "1 + lambda"]
    rows += [(f"control, {c['subject']}", c["measured"] / c["claimed"], c["standard_error"] / c["claimed"], "#C1272D")
             for c in summary["controls"] if c["wrong"].startswith("1 + lambda 5 %") and c["quantity"] == "1 + lambda"]
    for place, (_, ratio, error, color) in enumerate(rows):
        right.errorbar(ratio, place, xerr=3 * error, color=color, marker="o", markersize=4, linewidth=1.2, zorder=3)
    right.axvspan(0.99, 1.01, color="#E3E7EB", zorder=0)
    right.axvline(1, color="#1C2733", linewidth=1, zorder=1)
    right.set_yticks(range(len(rows)), [row[0] for row in rows], fontsize=7.2)
    right.set_ylim(len(rows) - 0.4, -0.6)
    right.tick_params(axis="y", length=0)
    right.set_xlabel(r"1 + $\lambda$, measured / claimed (grey: 1 %)")
    plain(right)
    right.grid(axis="x", color="#E3E7EB", linewidth=0.8)
    return figure


DRAWINGS = {
    "influence_over_power": draw_influence,
    "moments_over_rounds": draw_moments,
}


def draw(summary: dict[str, Any], folder: Path) -> list[Path]:
    """Draws every figure that the file has data for and returns the files written."""
    return draw_all(DRAWINGS, summary, folder)


def main(arguments: list[str]) -> int:
    return run(arguments, "theory_figures.py VERIFY_JSON FOLDER", "verify.json of `laser theory verify`",
               lambda summary: summary.get("kind") == "theory_verification" and "controls" in summary, draw)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
