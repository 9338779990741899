"""The figure of `laser reproduce channels`, drawn from the summary.json of its report and nothing else.

    python channel_figures.py SUMMARY_JSON FOLDER

writes channels, as SVG and PNG, into FOLDER: a panel a power, a line a channel, a mark a method.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

if TYPE_CHECKING:
    from laser.figures import STYLES, draw_all, method_style, number, run
else:
    from figures import STYLES, draw_all, method_style, number, run


def draw_channels(plt: Any, summary: dict[str, Any]) -> Any:
    """Final accuracies; channels from easy to hard by the mean over methods and powers."""
    rows = [row for row in summary["rows"] if row["power"] is not None and "channel" in row.get("axes", {})]
    if not rows:
        return None
    means: dict[str, list[float]] = {}
    for row in rows:
        means.setdefault(row["axes"]["channel"], []).append(number(row["final_mean"]))
    order = sorted(means, key=lambda channel: sum(means[channel]) / len(means[channel]))
    powers = sorted({row["power"] for row in rows})
    methods = list(dict.fromkeys(row["method"] for row in rows))
    others = [method for method in methods if method not in STYLES]
    figure, panels = plt.subplots(1, len(powers), figsize=(3.5 * len(powers) + 1.2, 0.42 * len(order) + 1.7), sharey=True,
                                  squeeze=False, layout="constrained")
    for axes, power in zip(panels.flat, powers):
        for method in methods:
            style = method_style(method, others)
            mine = [row for row in rows if row["method"] == method and row["power"] == power]
            axes.plot([number(row["final_mean"]) for row in mine], [order.index(row["axes"]["channel"]) for row in mine],
                      linestyle="none", marker=style["marker"], color=style["color"], markersize=10,
                      markeredgecolor="white", markeredgewidth=0.6,
                      label=mine[0]["label"].split(", channel")[0] if mine else method)
        axes.set_yticks(range(len(order)), order)
        axes.grid(axis="y", color="#E3E7EB", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_title(f"P = {power:g}", fontsize=11, loc="left", fontweight="bold")
        axes.set_xlabel("Test accuracy (%), final weights")
    handles, labels = panels.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9.5)
    return figure


def draw(summary: dict[str, Any], folder: Path) -> list[Path]:
    return draw_all({"channels": draw_channels}, summary, folder)


def main(arguments: list[str]) -> int:
    return run(arguments, "channel_figures.py SUMMARY_JSON FOLDER", "summary.json of a report over channels",
               lambda summary: "rows" in summary, draw)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
