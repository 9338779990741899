"""The report of an arena, from its folder alone: a table of accuracies with ranks, a page, and a figure for each thing that is
equal. Needs neither torch nor the extension module.

    python -m laser.arena_report FOLDER        writes FOLDER/report anew

A rank's uncertainty is that of the means over seeds. The standard error of a mean is that of the whole contest, the root of the
median variance of its methods over the square root of the seeds, since two or three seeds say little about a spread; ranks are
had 2000 times from normal means with it, and what is told is their middle 90 %. Draws are the same in every report.
"""

from __future__ import annotations

import json
import math
import os
import random
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SCHEMA = 1
DRAWS = 2000
EQUAL = {"energy": "equal energy a worker and round", "power": "equal transmit power", "airtime": "equal transmit power and air time"}


def read(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The plan and all results. Raises ValueError or OSError where there is no arena."""
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    if plan.get("schema") != SCHEMA:
        raise ValueError(f"{folder}/plan.json: of another version")
    results = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((folder / "runs").glob("*/*.json"))]
    return plan, [one for one in results if one.get("schema") == SCHEMA]


def _mean(values: Sequence[float | None]) -> float | None:
    """Of all seeds; None where one has diverged."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def _places(values: Mapping[str, float]) -> dict[str, float]:
    """Ranks from 1, the highest first; what is equal shares its ranks."""
    ordered = sorted(values.values(), reverse=True)
    return {name: ordered.index(value) + (ordered.count(value) + 1) / 2 for name, value in values.items()}


def _middle(values: list[float]) -> tuple[float, float]:
    ordered = sorted(values)
    return ordered[round(0.05 * (len(ordered) - 1))], ordered[round(0.95 * (len(ordered) - 1))]


def summarize(folder: Path) -> dict[str, Any]:
    """Contests with their rows (method, mean, std over the seeds, rank, rank_low, rank_high ...), and the methods by their mean
    rank over the contests of each kind that all of these were in."""
    plan, results = read(folder)
    chance = random.Random(1)
    contests = []
    drawn: dict[str, list[dict[str, float]]] = {}
    for contest in plan["contests"]:
        name = "_".join(contest[key] for key in ("task", "data", "air", "equal"))
        own = [one for one in results if one["contest"] == name and "absent" not in one]
        if not own:
            continue
        means = {one["method"]: _mean(one["accuracy"]) for one in own}
        level = {method: -1.0 if mean is None else mean for method, mean in means.items()}
        seeds = min(len(one["accuracy"]) for one in own)
        spreads = [statistics.variance(one["accuracy"]) for one in own
                   if len(one["accuracy"]) > 1 and means[one["method"]] is not None]
        error = math.sqrt(statistics.median(spreads) / seeds) if spreads else 0.0
        ranks = _places(level)
        draws = [_places({method: -1.0 if means[method] is None else chance.gauss(value, error) for method, value in level.items()})
                 for _ in range(DRAWS)] if error > 0 else [ranks]
        drawn[name] = draws
        rows = []
        for one in sorted(own, key=lambda one: ranks[one["method"]]):
            method, values = one["method"], one["accuracy"]
            low, high = _middle([draw[method] for draw in draws])
            mean = means[method]
            rows.append({"method": method, "mean": mean, "std": statistics.stdev(values) if mean is not None and len(values) > 1 else None,
                         "accuracy": values, "rank": ranks[method], "rank_low": low, "rank_high": high, "rate": one["rate"],
                         "at_edge": one["at_edge"], "symbols": one["symbols"], "power": one["power"], "epochs": one["epochs"],
                         "seconds": one["seconds"]})
        contests.append({**contest, "name": name, "standard_error": error, "seeds": seeds, "rows": rows})
    return {"schema": SCHEMA, "arena": True, "contests": contests, "overall": _overall(contests, drawn),
            "notes": _notes(contests, results), "seeds": plan["seeds"], "rates": plan["rates"]}


def _overall(contests: list[dict[str, Any]], drawn: dict[str, list[dict[str, float]]]) -> list[dict[str, Any]]:
    """Of each kind of equality and of all: the methods by mean rank, over the contests in which they were."""
    groups: dict[str, list[dict[str, Any]]] = {"all": contests, **{equal: [c for c in contests if c["equal"] == equal] for equal in EQUAL}}
    overall: list[dict[str, Any]] = []
    for kind, members in groups.items():
        if not members:
            continue
        rows = []
        for method in dict.fromkeys(row["method"] for contest in members for row in contest["rows"]):
            own = [c for c in members if any(row["method"] == method for row in c["rows"])]
            # A rank of 1 .. n as 0 .. 1, so that contests of unlike numbers of methods weigh alike.
            shares, paths = [], []
            for c in own:
                most = max(len(c["rows"]) - 1, 1)
                shares.append((next(row["rank"] for row in c["rows"] if row["method"] == method) - 1) / most)
                draws = drawn[c["name"]]
                paths.append([(draws[i % len(draws)][method] - 1) / most for i in range(DRAWS)])
            means = [sum(path[i] for path in paths) / len(paths) for i in range(DRAWS)]
            low, high = _middle(means)
            rows.append({"method": method, "share": sum(shares) / len(shares), "low": low, "high": high, "contests": len(own)})
        overall.append({"equal": kind, "rows": sorted(rows, key=lambda row: row["share"])})
    return overall


def _notes(contests: list[dict[str, Any]], results: list[dict[str, Any]]) -> list[str]:
    notes = []
    edge = [f"{row['method']} in {c['name']} ({row['rate']:g})" for c in contests for row in c["rows"] if row["at_edge"]]
    if edge:
        notes.append("the chosen step size is the edge of the grid, and the best may lie beyond, for " + "; ".join(edge))
    lost = [f"{row['method']} in {c['name']}" for c in contests for row in c["rows"] if row["mean"] is None]
    if lost:
        notes.append("a run at the chosen step size diverged, which counts as the last rank, for " + "; ".join(lost))
    absent = sorted({f"{one['method']} in {one['contest']}" for one in results if "absent" in one})
    if absent:
        notes.append("has no place in a contest: " + "; ".join(absent))
    return notes


def _cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return "–"
    if row["mean"] is None:
        return "diverges"
    place = f"{row['rank_low']:g}–{row['rank_high']:g}" if row["rank_low"] != row["rank_high"] else f"{row['rank']:g}"
    return f"{row['mean']:.1f} ({place})"


def tables(summary: Mapping[str, Any]) -> list[tuple[str, list[list[str]]]]:
    """Titles and rows, the head first: all ranks, then the accuracies at each kind of equality."""
    result = []
    kinds = [group["equal"] for group in summary["overall"]]
    places = {group["equal"]: {row["method"]: row for row in group["rows"]} for group in summary["overall"]}
    rows = [["method", "contests", *("all" if kind == "all" else EQUAL[kind] for kind in kinds)]]
    for one in next((group["rows"] for group in summary["overall"] if group["equal"] == "all"), []):
        own = [places[kind].get(one["method"]) for kind in kinds]
        rows.append([one["method"], str(one["contests"]), *("–" if p is None else f"{p['share']:.2f} ({p['low']:.2f}–{p['high']:.2f})" for p in own)])
    result.append(("Mean rank over the contests, 0 the first and 1 the last, with its middle 90 %", rows))
    for equal, words in EQUAL.items():
        members = [c for c in summary["contests"] if c["equal"] == equal]
        if not members:
            continue
        methods = [row["method"] for row in next(group["rows"] for group in summary["overall"] if group["equal"] == equal)]
        head = ["method", "uses a round", *(f"{c['task']}, {c['data']}, {c['air']}" for c in members)]
        body = []
        for method in methods:
            own = [next((row for row in c["rows"] if row["method"] == method), None) for c in members]
            uses = next(row["symbols"] for row in own if row is not None)
            body.append([method, f"{uses:g}", *(_cell(row) for row in own)])
        result.append((f"Test accuracy in percent, at {words} (rank, middle 90 %)", [head, *body]))
    return result


def to_text(summary: Mapping[str, Any]) -> str:
    parts = []
    for title, rows in tables(summary):
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
        parts.append("\n".join([title, "", *lines]))
    return "\n\n".join(parts + [f"note: {note}" for note in summary["notes"]])


def to_markdown(summary: Mapping[str, Any]) -> str:
    parts = []
    for title, rows in tables(summary):
        head, *body = [[cell.replace("|", "\\|") for cell in row] for row in rows]
        lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(row) + " |" for row in body)]
        parts.append("\n".join([f"### {title}", "", *lines]))
    parts += [f"- {note[0].upper()}{note[1:]}." for note in summary["notes"]]
    return "\n\n".join(parts) + "\n"


def draw(plt: Any, summary: Mapping[str, Any], equal: str) -> Any:
    """Accuracies of all methods at one kind of equality: a row a method, a mark a contest. A method that diverges has the word at
    the left edge, once for each of a few contests, or with how many of many."""
    members = [c for c in summary["contests"] if c["equal"] == equal]
    if not members:
        return None
    methods = [row["method"] for row in next(group["rows"] for group in summary["overall"] if group["equal"] == equal)][::-1]
    colors, markers = ("#C1272D", "#0072B2", "#009E73", "#E69F00"), ("o", "s", "^", "D")
    many = len(members) > 4
    step = 0.8 / len(members) if many else 0.2  # within the method's own row
    figure, axes = plt.subplots(figsize=(9.6 if many else 7.2, 1.6 + (0.6 if many else 0.3) * len(methods)), layout="constrained")
    shown = [row["mean"] for c in members for row in c["rows"] if row["mean"] is not None]
    for turn, c in enumerate(members):
        own = {row["method"]: row for row in c["rows"]}
        at = [(i, own[m]) for i, m in enumerate(methods) if m in own and own[m]["mean"] is not None]
        dash = step * (turn - (len(members) - 1) / 2)
        axes.errorbar([row["mean"] for _, row in at], [i + dash for i, _ in at], xerr=[row["std"] or 0.0 for _, row in at],
                      color=colors[turn % 4], marker=markers[(turn + turn // 4) % 4], linestyle="none", markersize=6, elinewidth=1.2,
                      label=f"{c['task']}, {c['data']}, {c['air']}")
        for i, method in enumerate(methods):
            if not many and method in own and own[method]["mean"] is None:
                axes.text(0.01 + 0.13 * turn, i, "diverges", transform=axes.get_yaxis_transform(), color=colors[turn % 4], va="center",
                          fontsize=8.5)
    for i, method in enumerate(methods if many else []):
        means = [row["mean"] for c in members for row in c["rows"] if row["method"] == method]
        if None in means:
            axes.text(0.3, i, f"diverges in {means.count(None)} of {len(means)}", transform=axes.get_yaxis_transform(), va="center", fontsize=8.5)
        if i:
            axes.axhline(i - 0.5, color="#C8CED4", linewidth=0.8)
    axes.set_yticks(range(len(methods)), methods)
    axes.set_ylim(-0.6, len(methods) - 0.4)
    axes.set_xlim(max(0.0, min(shown) - 5) if shown else 0.0, min(100.0, max(shown) + 1.5) if shown else 100.0)
    axes.set_xlabel("Test accuracy (%),\nmean and standard deviation over the seeds")
    axes.set_title(f"At {EQUAL[equal]}", fontsize=11, loc="left", fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#E3E7EB", linewidth=0.8)
    axes.set_axisbelow(True)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return figure


def _write(path: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".laser-", delete=False, encoding="utf-8") as file:
        file.write(text)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)


def write(folder: str | Path) -> dict[str, Any]:
    """Writes report/arena.json, arena.md and, where matplotlib is there, arena_KIND.svg and .png into the folder; returns the
    summary."""
    root = Path(folder)
    summary = summarize(root)
    report = root / "report"
    report.mkdir(parents=True, exist_ok=True)
    _write(report / "arena.json", json.dumps(summary, indent=1) + "\n")
    _write(report / "arena.md", to_markdown(summary))
    try:
        import matplotlib  # noqa: F401
    except ImportError as problem:
        print(f"figures not drawn ({problem}). HINT: {sys.executable} -m pip install matplotlib", file=sys.stderr)
        return summary
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    from figures import draw_all

    draw_all({f"arena_{equal}": lambda plt, s, equal=equal: draw(plt, s, equal) for equal in EQUAL}, summary, report)
    return summary


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m laser.arena_report FOLDER", file=sys.stderr)
        return 2
    try:
        print(to_text(write(arguments[0])))
    except (OSError, ValueError, KeyError) as problem:
        print(f"{arguments[0]}: no arena ({problem})", file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
