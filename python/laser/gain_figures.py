"""The figures of `laser reproduce headline`, drawn from its gain.json and nothing else.

    python gain_figures.py GAIN_JSON FOLDER

writes gain (power that Z-SGD needs over LASER's, over the target and over the rounds of training, with 95 % intervals and
the ceiling d/D) and gain_values (accuracy or perplexity over power), each as SVG and PNG, into FOLDER. It computes nothing:
powers, gains and intervals are taken from the file.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

if TYPE_CHECKING:
    from laser.figures import POWER_LABEL, band, draw_all, method_style, number, plain, power_axis, run
else:
    from figures import POWER_LABEL, band, draw_all, method_style, number, plain, power_axis, run

NAMES = {"laser": "LASER", "zsgd": "Z-SGD"}
LOOKS = [("#1F4E9E", "o", "-"), ("#C1272D", "s", "--"), ("#0B7A75", "^", "-."), ("#6A3D9A", "D", ":"),
         ("#8C6D1F", "v", (0, (5, 1.6)))]


def series(axes: Any, rows: list[dict[str, Any]], key: str, look: tuple[str, str, object], label: str) -> None:
    """Gains with their intervals over one key of the rows; a gain that is known from one side only is an arrow."""
    color, marker, dash = look
    known = sorted((r for r in rows if r["gain"] is not None), key=lambda r: r[key])
    if known:
        axes.plot([r[key] for r in known], [r["gain"] for r in known], color=color, marker=marker, linestyle=dash,
                  markersize=7, markeredgecolor="white", markeredgewidth=0.6, label=label)
        for r in (r for r in known if r["low"] is not None and r["high"] is not None):
            axes.plot([r[key]] * 2, [r["low"], r["high"]], color=color, linewidth=1.4, alpha=0.55)
    for r in (r for r in rows if r["gain"] is None):
        for bound, arrow in (("gain_at_least", "^"), ("gain_at_most", "v")):
            if bound in r:
                axes.plot(r[key], r[bound], color=color, marker=arrow, markersize=9, fillstyle="none", linestyle="none")


def draw_gain(plt: Any, summary: dict[str, Any]) -> Any:
    """Left: over the target, at the end; right, where runs were judged after several numbers of rounds: over the rounds, for targets
    that are reached early enough."""
    rows = summary["rows"]
    if not rows:
        return None
    over_rounds = len({r["round"] for r in rows}) > 1
    figure, panels = plt.subplots(1, 1 + over_rounds, figsize=(11 if over_rounds else 6.5, 4.8), sharey=True, squeeze=False,
                                  layout="constrained")
    left, right = panels[0, 0], panels[0, -1]
    last = max(r["round"] for r in rows)
    for tuned, label, look in ((True, "step sizes tuned", LOOKS[0]), (False, "the paper's grid or fixed", LOOKS[1])):
        at_end = [r for r in rows if r["round"] == last and r["tuned"] == tuned]
        if at_end:
            series(left, at_end, "target", look, label)
    perplexity = not summary["higher_is_better"]
    left.set_xlabel("Perplexity reached" if perplexity else "Test accuracy reached (%)")
    if perplexity:
        left.invert_xaxis()
    left.set_ylabel("Power that Z-SGD needs, over LASER's")
    left.set_title(f"after {last:,} rounds", fontsize=11, loc="left", fontweight="bold")
    tuned_rows = [r for r in rows if r["tuned"]] or rows
    by_target: dict[float, list[dict[str, Any]]] = {}
    for r in tuned_rows:
        by_target.setdefault(r["target"], []).append(r)
    known = {t: [r for r in rs if r["gain"] is not None] for t, rs in by_target.items()}
    several = sorted((t for t, rs in known.items() if len(rs) > 1), key=lambda t: (-len(known[t]), t))[:len(LOOKS)]
    if over_rounds:
        for look, target in zip(LOOKS, sorted(several)):
            series(right, by_target[target], "round", look, f"{target:g}{' %' if summary['unit'] else ''}")
        right.set_xlabel("Rounds")
        right.set_xscale("log")
        right.set_title("over the rounds of training", fontsize=11, loc="left", fontweight="bold")
    for axes in panels[0]:
        axes.set_yscale("log")
        axes.axhline(1, color="#808080", linewidth=0.9)
        if summary["ceiling"]:
            axes.axhline(summary["ceiling"], color="#808080", linewidth=1.0, linestyle=(0, (2, 2)),
                         label=f"d/D = {summary['ceiling']:.0f}")
        plain(axes)
        axes.legend(fontsize=9, loc="lower right", ncols=2, bbox_to_anchor=(1, 0.12), framealpha=0.9, edgecolor="none")
    if summary["lag"] and over_rounds:
        right.axvline(summary["lag"], color="#808080", linewidth=1.0, linestyle=":")
        right.annotate(f" lag {summary['lag']:.0f}", (summary["lag"], 1.05), fontsize=9, color="#606060")
    return figure


def draw_values(plt: Any, summary: dict[str, Any]) -> Any:
    """What every method reaches over its powers after the last round, step sizes chosen for each power."""
    last = max(c["round"] for c in summary["curves"])
    curves = [c for c in summary["curves"] if c["round"] == last]
    figure, axes = plt.subplots(figsize=(7.5, 4.8), layout="constrained")
    powers = sorted({p["power"] for c in curves for p in c["points"]})
    for curve in curves:
        style = method_style(curve["method"], [])
        x = [p["power"] for p in curve["points"]]
        mean = [number(p["mean"]) for p in curve["points"]]
        axes.fill_between(x, *band(mean, [p.get("interval") for p in curve["points"]]), color=style["color"], alpha=0.15,
                          linewidth=0)
        axes.plot(x, mean, color=style["color"], marker=style["marker"], markersize=7, markeredgecolor="white" if curve["tuned"] else style["color"],
                  linestyle=style["linestyle"] if curve["tuned"] else (0, (2, 2)),
                  fillstyle="full" if curve["tuned"] else "none",
                  label=f"{NAMES.get(curve['method'], curve['method'])}, {'tuned' if curve['tuned'] else 'the paper’s grid or fixed'}")
    power_axis(axes, powers)
    axes.set_xlabel(POWER_LABEL)
    if summary["higher_is_better"]:
        axes.set_ylabel("Test accuracy (%), averaged weights")
    else:
        axes.set_ylabel("Perplexity")
        axes.set_yscale("log")
    axes.set_title(f"after {last:,} rounds", fontsize=11, loc="left", fontweight="bold")
    plain(axes)
    axes.legend(frameon=False, fontsize=9.5)
    return figure


def draw(summary: dict[str, Any], folder: Path) -> list[Path]:
    return draw_all({"gain": draw_gain, "gain_values": draw_values}, summary, folder)


def main(arguments: list[str]) -> int:
    return run(arguments, "gain_figures.py GAIN_JSON FOLDER", "gain.json of a study",
               lambda summary: "rows" in summary and "curves" in summary, draw)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
