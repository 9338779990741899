"""The figures of `laser bench`, drawn from its bench.json and nothing else.

    python bench_figures.py BENCH_JSON FOLDER

writes bench_ratios (time over the floor, and how many times longer peers take) and bench_growth (a round's time over
parameters, rank and workers), each as SVG and PNG, into FOLDER. It computes nothing but quotients of the file's times. Equal
files give equal figures, byte for byte in SVG.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

if TYPE_CHECKING:
    from laser.figures import STYLES, draw_all, plain, run
else:
    from figures import STYLES, draw_all, plain, run

OURS = STYLES["laser"]["color"]
PEER = "#8A949E"
HOOK = "#0072B2"
NOISE = "#009E73"


def short(row: dict[str, Any]) -> str:
    """"laser alternating, gpt2, k = 4" for a row."""
    name = row["case"].removeprefix("round_").replace("_", " ")
    return f"{name}, {row['model'].replace('_cifar10', '')}, k = {row['workers']}"


def draw_ratios(plt: Any, bench: dict[str, Any]) -> Any:
    """Left: our time over the floor's; right: the peers' times over ours. A line a case, the slowest last in its group."""
    from matplotlib.lines import Line2D

    rows = [row for row in bench["rows"] if row["group"] in ("kernel", "round")]
    if not rows:
        return None
    rows.sort(key=lambda row: (row["group"], row["case"], row["parameters"], row["workers"]))
    figure, (left, right) = plt.subplots(1, 2, sharey=True, figsize=(10.4, 1.3 + 0.23 * len(rows)), width_ratios=[1, 1.25],
                                         layout="constrained")
    places = range(len(rows))
    for place, row in zip(places, rows):
        color = NOISE if row["case"].startswith("noise") else OURS
        left.plot([1, row["floor_ratio"]], [place, place], color=color, linewidth=1.2, alpha=0.5, zorder=2)
        left.plot(row["floor_ratio"], place, "o", color=color, markersize=5.5, zorder=3)
        if row["peer_ratio"] is not None:
            right.plot(row["peer_ratio"], place, "s", color=PEER, markersize=5.5, zorder=3)
        if row["hook_seconds"] is not None:
            right.plot(row["hook_seconds"] / row["median_seconds"], place, "D", color=HOOK, markersize=5.5, zorder=3)
    left.axvline(1, color="#1C2733", linewidth=1)
    right.axvline(1, color="#1C2733", linewidth=1)
    right.axvline(10, color="#1C2733", linewidth=0.8, linestyle=(0, (4, 3)))
    left.set_yticks(places, [short(row) for row in rows], fontsize=8.5)
    left.set_ylim(len(rows) - 0.4, -0.6)
    for axes in (left, right):
        axes.set_xscale("log")
        axes.tick_params(axis="y", length=0)
        plain(axes)
        axes.grid(axis="x", color="#E3E7EB", linewidth=0.8)
    top = max([2.0, *(row["floor_ratio"] for row in rows)])
    ticks = [t for t in (1, 1.3, 1.6, 2, 3, 5, 10, 20, 50, 100) if t <= top * 1.05]
    left.set_xticks(ticks, [f"{t:g}" for t in ticks], fontsize=7.5)
    left.set_xlabel("our time / floor (the same bytes touched once)")
    right.set_xlabel("their time / ours")
    most = max([20.0, *(row["peer_ratio"] or 0 for row in rows)])
    ticks = [t for t in (1, 2, 5, 10, 20, 50, 100, 200) if t <= most * 1.05]
    right.set_xticks(ticks, [f"{t:g}" for t in ticks])
    for axes in (left, right):
        axes.minorticks_off()
    handles = [Line2D([], [], color=PEER, marker="s", linestyle="none", label="plain LibTorch operations, torch.randn"),
               Line2D([], [], color=HOOK, marker="D", linestyle="none", label="PyTorch's powerSGD_hook")]
    figure.legend(handles=handles, loc="outside upper right", ncols=2, frameon=False, fontsize=8.5)
    return figure


def growth_series(rows: list[dict[str, Any]]) -> list[tuple[str, str, list[tuple[float, float]]]]:
    """(title, axis label, points) of the three ways in which a round grows: seconds over parameters, rank, workers."""
    growth = [row for row in rows if row["group"] == "growth"]
    largest_square = [row for row in growth if row["model"] == "square4096"]
    at_base = [row for row in growth if row["model"].startswith("square") and row["rank"] == 4]
    workers = [row for row in growth if not row["model"].startswith("square")]
    points = [
        ("one layer, rank 4", "Parameters (millions)", [(row["parameters"] / 1e6, row) for row in at_base]),
        ("4096 x 4096", "Rank", [(row["rank"], row) for row in largest_square]),
        ("ResNet18, rank 4", "Workers", [(row["workers"], row) for row in workers]),
    ]
    return [(title, label, sorted((x, row["median_seconds"] * 1e3) for x, row in found))
            for title, label, found in points]


def draw_growth(plt: Any, bench: dict[str, Any]) -> Any:
    """Milliseconds a round over parameters, rank and workers, with proportional growth from the middle point beside it."""
    series = growth_series(bench["rows"])
    if not all(len(points) > 1 for _, _, points in series):
        return None
    figure, panels = plt.subplots(1, 3, figsize=(10.4, 3.5), layout="constrained")
    for axes, (title, label, points) in zip(panels, series):
        x, y = zip(*points)
        axes.plot(x, y, "o-", color=OURS, linewidth=1.8, markersize=5.5)
        if label != "Rank":
            scale = y[-1] / x[-1]
            axes.plot(x, [scale * v for v in x], color="#1C2733", linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
            axes.annotate("proportional", (x[-2], scale * x[-2]), xytext=(-6, 8), textcoords="offset points", fontsize=8.5,
                          ha="right")
        axes.set(xscale="log", yscale="log", xlabel=label)
        axes.set_xticks(x, [f"{v:.3g}" for v in x])
        if label == "Rank":
            axes.set_ylim(min(y) / 2, max(y) * 2)
        axes.minorticks_off()
        axes.set_title(title, fontsize=10, loc="left")
        plain(axes)
    panels[0].set_ylabel("Milliseconds a round")
    return figure


def draw(bench: dict[str, Any], folder: Path) -> list[Path]:
    return draw_all({"bench_ratios": draw_ratios, "bench_growth": draw_growth}, bench, folder)


def main(arguments: list[str]) -> int:
    return run(arguments, "bench_figures.py BENCH_JSON FOLDER", "bench.json of `laser bench`",
               lambda bench: bench.get("kind") == "bench", draw)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
