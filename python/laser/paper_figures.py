"""What is drawn beside the paper's own figures, from a report's summary.json by figures.py.

Comparison: two panels, the paper's curves on the right. Where its model is larger than ours (`power_factor` > 1), its axis
of power is moved by that factor, so that equal power per parameter stands at equal places; accuracies of different models
are not compared, so each panel has its own axis of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any


def shades(count: int) -> list[float]:
    """Opacities of `count` curves of one method, from the first (pale) to the last (full)."""
    return [1.0] if count < 2 else [0.4 + 0.6 * i / (count - 1) for i in range(count)]


def tick_text(value: float) -> str:
    return f"{value:.3g}" if value < 999.5 else f"{value:.0f}" if value < 1e4 else f"{value / 1000:.3g}k"


def our_curves(summary: dict[str, Any], along: str) -> list[dict[str, Any]]:
    """Curves {method, label, power, x, y, interval} of the rows, along "power" or another setting."""
    groups: dict[tuple[str | float, ...], dict[str, Any]] = {}
    for row in summary["rows"]:
        if row["power"] is None:
            continue
        axes = row.get("axes", {})
        if along == "power":
            key: tuple[str | float, ...] = (row["label"],)
        elif along in axes:
            key = (row["method"], row["power"])
        else:
            continue
        curve = groups.setdefault(key, {"method": row["method"], "label": row.get("label", row["method"]),
                                        "power": None if along == "power" else row["power"], "points": []})
        curve["points"].append((row["power"] if along == "power" else float(axes[along]), row["mean"], row.get("interval")))
    for curve in groups.values():
        curve["points"].sort(key=lambda point: point[0])
        curve["x"], curve["y"], curve["interval"] = (list(column) for column in zip(*curve["points"]))
    return list(groups.values())


def draw_beside_paper(plt: Any, summary: dict[str, Any]) -> Any:
    """None where the report has no figure of the paper's, or nothing along its axis."""
    from matplotlib.ticker import NullLocator

    if TYPE_CHECKING:
        from laser.figures import POWER_LABEL, band, label_lines, line_options, metric_axis, number, plain, series_of
    else:
        from figures import POWER_LABEL, band, label_lines, line_options, metric_axis, number, plain, series_of

    paper = summary.get("paper_figure")
    if not paper:
        return None
    along = paper["x"]
    ours = our_curves(summary, along)
    if not ours or max(len(curve["x"]) for curve in ours) < 2:
        return None
    factor = summary.get("power_factor", 1) or 1
    theirs = [dict(curve, interval=None) for curve in paper["curves"]]
    figure, panels = plt.subplots(1, 2, figsize=(12.4, 4.7))
    figure.subplots_adjust(left=0.06, right=0.86, top=0.92, bottom=0.13, wspace=0.48)
    scaled = along == "power" and factor != 1
    titles = ["This code", paper["source"] + " of the paper" + (f", at P / {factor:g}" if scaled else "")]
    ticks = sorted({x for curve in ours for x in curve["x"]})
    low, high = min(ticks), max(ticks)
    if along == "power":
        places = sorted({x / factor for curve in theirs for x in curve["x"]})
        ticks += [x for x in places if not low / 1.5 <= x <= high * 1.5]
        low, high = min(low, *places), max(high, *places)
    margin = (high / low) ** 0.04
    for axes, curves, title, divisor in zip(panels, (ours, theirs), titles, (1, factor if along == "power" else 1)):
        entries = [{"method": c["method"], "label": c["label"], "power": 0} for c in curves]
        styles = {one["label"]: one for one in series_of(entries)}
        powers = sorted({c["power"] or 0 for c in curves})
        opacity = dict(zip(powers, shades(len(powers))))
        ends = []
        for curve in curves:
            style = styles[curve["label"]]
            options = line_options(style, True)
            x, y = [value / divisor for value in curve["x"]], [number(value) for value in curve["y"]]
            alpha = opacity[curve["power"] or 0]
            axes.fill_between(x, *band(y, curve["interval"]), color=options["color"], alpha=0.16 * alpha, linewidth=0)
            axes.plot(x, y, alpha=alpha, **options)
            # At equal power per parameter the paper's P is `factor` times ours.
            label = curve["label"] if curve["power"] is None else f"P = {curve['power']:g}"
            if curve["power"] and axes is panels[1] and factor != 1:
                label += f" (ours: {curve['power'] / factor:g})"
            ends.append((y[-1], label, style))
        axes.set_xscale("log")
        axes.set_xlim(low / margin, high * margin)
        axes.set_xticks(ticks, [tick_text(t) for t in ticks], fontsize=9)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel(POWER_LABEL if along == "power" else along.capitalize())
        axes.set_title(title, fontsize=11, loc="left", fontweight="bold")
        metric_axis(axes, summary)
        plain(axes)
        label_lines(axes, ends, 9)
    panels[0].set_ylabel(summary["label"])
    return figure


def draw_spectra(plt: Any, summary: dict[str, Any]) -> Any:
    """Energy share over the epochs: the tensors of the paper's Figure 6 with its values, all others pale behind them.
    None where no run recorded spectra."""
    from matplotlib.lines import Line2D
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    if TYPE_CHECKING:
        from laser.figures import STYLES, band, label_lines, number, plain
    else:
        from figures import STYLES, band, label_lines, number, plain

    spectra = summary.get("spectra")
    if not spectra:
        return None
    figure, axes = plt.subplots(figsize=(8.2, 4.7))
    figure.subplots_adjust(left=0.085, right=0.8, top=0.97, bottom=0.12)
    styles = [STYLES[name] for name in ("laser", "randomk", "sketch", "zsgd")]
    several = len({spectrum["label"] for spectrum in spectra}) > 1
    known = [spectrum for spectrum in spectra if spectrum.get("paper")] or spectra[:len(styles)]
    ends = []
    for spectrum in spectra:
        x, y = spectrum["epochs"], [number(value) for value in spectrum["mean"]]
        if spectrum not in known:
            axes.plot(x, y, color="#C9D0D6", linewidth=1.0, zorder=1)
            continue
        style = styles[known.index(spectrum) % len(styles)]
        axes.fill_between(x, *band(y, spectrum.get("interval")), color=style["color"], alpha=0.18, linewidth=0, zorder=2)
        axes.plot(x, y, color=style["color"], linewidth=2.0, marker=style["marker"] if len(x) < 12 else None, zorder=4)
        name = f"{spectrum['label']}, {spectrum['tensor']}" if several else spectrum["tensor"]
        ends.append((y[-1], name, {"style": style}))
        if spectrum.get("paper"):
            axes.plot(spectrum["paper"]["epochs"], spectrum["paper"]["share"], linestyle=(0, (1.5, 2)), linewidth=1.0,
                      marker=style["marker"], markersize=9, fillstyle="none", color=style["color"], zorder=3)
    # The paper's epochs are many more than a short run's: there the axis is logarithmic.
    last = max(spectrum["epochs"][-1] for spectrum in spectra)
    if any(spectrum.get("paper") and spectrum["paper"]["epochs"][-1] > 2 * last for spectrum in spectra):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("Epoch")
    axes.set_ylabel(f"Energy in the {spectra[0]['rank']} largest singular values")
    plain(axes)
    label_lines(axes, ends, 10)
    handles = [Line2D([], [], color="#555555", linewidth=2.0, label="this code")]
    if len(known) < len(spectra):
        handles.append(Line2D([], [], color="#C9D0D6", linewidth=1.0, label="other tensors"))
    if any(spectrum.get("paper") for spectrum in spectra):
        handles.append(Line2D([], [], color="#555555", marker="o", fillstyle="none", linestyle=(0, (1.5, 2)),
                              label="paper (8 values, width 64)"))
    axes.legend(handles=handles, loc="lower left", frameon=False, fontsize=9)
    return figure
