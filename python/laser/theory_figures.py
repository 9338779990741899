"""The figures of `laser theory verify`, drawn from its verify.json and nothing else.

    python theory_figures.py VERIFY_JSON FOLDER

writes influence_over_power, bounds_over_rounds and bounds_over_snr, each as SVG and PNG, into FOLDER. It computes
nothing but quotients for the axes: means, errors, formulas and bounds are taken from the file. Equal files give equal
figures, byte for byte in SVG.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from figures import STYLES, draw_all, number, plain, run, spread_positions  # noqa: E402

# Subjects of the left panel of the first figure, with a short name; all others are in the right panel only.
CURVES = {
    "Z-SGD": ("Z-SGD", dict(STYLES["zsgd"])),
    "LASER two-phase, phi = 0.5": ("two-phase", {"color": "#7B4FA3", "marker": "D"}),
    "Random-K, cf = 0.2": ("Random-K", dict(STYLES["randomk"])),
    "LASER alternating, even rounds": ("alternating, even", {"color": "#009E73", "marker": "^"}),
    "LASER alternating, odd rounds": ("alternating, odd", {"color": "#56B4E9", "marker": "v"}),
    "LASER canonical, 24 x 40, r = 3": ("one-shot", dict(STYLES["laser"])),
}
METHODS = {
    "LASER, fresh basis": {"color": STYLES["laser"]["color"], "marker": "o", "size": 8, "linewidth": 2.4, "zorder": 5},
    # The same curve as with fresh bases in most places: dots and a thin line inside the red ones.
    "LASER, warm basis": {"color": "#3D0709", "marker": ".", "size": 6, "linewidth": 0.8, "zorder": 8},
    "LASER, no feedback": {"color": "#C98A8C", "marker": "v", "size": 6, "linewidth": 1.1, "zorder": 3},
    "Z-SGD": {"color": STYLES["zsgd"]["color"], "marker": "s", "size": 7, "linewidth": 2.0, "zorder": 4},
}
WITHOUT_VERDICT = {"LASER, warm basis", "LASER, no feedback"}  # drawn alike inside and outside the theorem
CASES = ["quasi-convex", "convex", "non-convex"]
PARTS = {"quasi-convex": "(i)", "convex": "(ii)", "non-convex": "(iii)"}
QUANTITY = {"quasi-convex": r"E f(out) $-$ f*", "convex": r"E f(out) $-$ f*",
            "non-convex": r"E $\Vert\nabla$f(out)$\Vert^2$"}
SOFT = "#5C6B7A"


def influence_checks(summary: dict) -> list[dict]:
    return [check for check in summary["checks"] if check["plain_ratio"]]


def draw_influence(plt, summary: dict):
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


def label_ends(axes, ends: list[tuple[float, float, str, str]]) -> None:
    """Names at the right of the curves, on a logarithmic axis, pushed apart where they would overlap."""
    import math

    low, high = (math.log10(v) for v in axes.get_ylim())
    gap = (high - low) * 0.042
    places = spread_positions([math.log10(end[0]) for end in ends], gap)
    for (_, x, name, color), place in zip(ends, places):
        axes.annotate(name, (x, 10 ** place), xytext=(8, 0), textcoords="offset points", color=color, fontsize=9,
                      va="center", annotation_clip=False, fontweight="bold" if name == "one-shot" else "normal")


def draw_curve(axes, points: list[dict], x_of, style: dict) -> None:
    """Measured (solid; open markers outside the theorem) and bound (dashed) of one method."""
    points = sorted(points, key=x_of)
    shown = [p for p in points if p["measured"] is not None]
    line = {"color": style["color"], "linewidth": style["linewidth"], "zorder": style["zorder"]}
    axes.plot([x_of(p) for p in shown], [p["measured"] for p in shown], **line)
    for point in shown:
        inside = point["covered"] or point["method"] in WITHOUT_VERDICT
        axes.errorbar(x_of(point), point["measured"], yerr=3 * number(point["standard_error"]), color=style["color"],
                      marker=style["marker"], markersize=style["size"], markerfacecolor=style["color"] if inside else "white",
                      markeredgecolor="white" if inside else style["color"], markeredgewidth=0.6 if inside else 1.2,
                      zorder=style["zorder"] + 1)
    covered = [p for p in points if p["covered"] and p["method"] not in WITHOUT_VERDICT]
    axes.plot([x_of(p) for p in covered], [p["bound"] for p in covered], linestyle=(0, (4, 2)),
              **dict(line, linewidth=1.6))


def draw_slope(axes, summary: dict, case: str) -> None:
    """The measured slopes and those of the bounds, as text at the bottom."""
    slopes = [s for s in summary["slopes"] if s["case"] == case]
    text = "\n".join(f"slope, {s['method']}: {s['measured']:.2f} (bound {s['of_bound']:.2f})" for s in slopes)
    text = text.replace("-0", "\N{MINUS SIGN}0").replace("-1", "\N{MINUS SIGN}1")
    axes.text(0.03, 0.03, text, transform=axes.transAxes, fontsize=7.8, color=SOFT, va="bottom")


def draw_bounds(plt, summary: dict, over: str):
    """One panel a case of Theorem 1; None where nothing was run."""
    from matplotlib.lines import Line2D

    curves = [c for c in summary["curves"] if c["over"] == over]
    if not curves:
        return None
    figure, panels = plt.subplots(1, 3, figsize=(11.2, 4.3))
    figure.subplots_adjust(left=0.065, right=0.99, top=0.92, bottom=0.215, wspace=0.25)
    present = [name for name in METHODS if any(c["method"] == name for c in curves)]
    for axes, case in zip(panels, CASES):
        axes.set(xscale="log", yscale="log")
        for name in present:
            points = [c for c in curves if c["case"] == case and c["method"] == name]
            draw_curve(axes, points, (lambda p: p["T"]) if over == "T" else (lambda p: p["snr"]), METHODS[name])
        axes.set_title(f"{PARTS[case]} {case}", fontsize=11, loc="left", fontweight="bold")
        axes.set_xlabel("Rounds T" if over == "T" else "SNR = P/(m n)")
        axes.set_ylabel(QUANTITY[case])
        plain(axes)
        low, high = axes.get_ylim()
        if over == "T":
            axes.set_ylim(low / 3, high)
            draw_slope(axes, summary, case)
        else:
            axes.set_ylim(low / 1.2, high * 1.2)
    handles = [Line2D([], [], label=name, color=METHODS[name]["color"], marker=METHODS[name]["marker"],
                      linewidth=METHODS[name]["linewidth"], markersize=METHODS[name]["size"], markeredgecolor="white") for name in present]
    handles.append(Line2D([], [], color="#55606B", linestyle=(0, (4, 2)), label="bound of Theorem 1"))
    if any(not c["covered"] and c["method"] not in WITHOUT_VERDICT for c in curves):
        handles.append(Line2D([], [], color="#55606B", marker="o", markerfacecolor="white", linestyle="none",
                              label="outside the theorem"))
    figure.legend(handles=handles, loc="lower center", ncols=len(handles), frameon=False, fontsize=9)
    return figure


DRAWINGS = {
    "influence_over_power": draw_influence,
    "bounds_over_rounds": lambda plt, summary: draw_bounds(plt, summary, "T"),
    "bounds_over_snr": lambda plt, summary: draw_bounds(plt, summary, "SNR"),
}


def draw(summary: dict, folder: Path) -> list[Path]:
    """Draws every figure that the file has data for and returns the files written."""
    return draw_all(DRAWINGS, summary, folder)


def main(arguments: list[str]) -> int:
    return run(arguments, "theory_figures.py VERIFY_JSON FOLDER", "verify.json of `laser theory verify`",
               lambda summary: summary.get("kind") == "theory_verification", draw)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
