"""The figures of the report, as SVG that takes its colours from the page: right in dark as in light.

Drawn with matplotlib, without dates or random names: the same results give the same bytes. Colours are
placeholders while drawing, and become the page's CSS variables afterwards.
"""

import io
import re
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from eiraku.system.economy.results import Results

WIDTH = 5.2
"""Inches; a page in two columns shows it at about its own size, a telephone too."""

_VARIABLES = {
    "fg": "#010101",
    "dim": "#020202",
    "line": "#030303",
    "bg": "#040404",
    "c1": "#050505",
    "c2": "#060606",
    "c3": "#070707",
    "c4": "#080808",
    "c5": "#090909",
    "bad": "#0a0a0a",
}
FG, DIM, LINE, BAD = (_VARIABLES[name] for name in ("fg", "dim", "line", "bad"))
SERIES = tuple(_VARIABLES[f"c{n}"] for n in range(1, 6))

_STYLE: Any = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": FG,
    "axes.edgecolor": LINE,
    "axes.labelcolor": DIM,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": DIM,
    "ytick.color": DIM,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}


def drawn(name: str, height: float, draw: Callable[[Figure], None]) -> str:
    """One figure of `WIDTH` by `height` inches; `name` makes the names in it unique on the page."""
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        draw(figure)
        raw = io.StringIO()
        figure.savefig(raw, format="svg", metadata={"Date": None, "Creator": None})
    svg = raw.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg)
    svg = re.sub(r'\bfont: ([^;"]*?)(\d+(?:\.\d+)?px) [^;"]*', r"font: \1\2 var(--sans)", svg)
    for variable, colour in _VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    return svg.replace("<svg ", '<svg aria-hidden="true" ', 1)


def where(results: Results) -> str:
    """Where the value was at the end of each epoch; below, with the accounts at the issuing centre."""
    pictures = results.series
    names = ("people", "shops", "banks", "pending", "expired")
    labels = ("people", "shops", "banks' vaults", "pending", "expired in purses")

    def draw(figure: Figure) -> None:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        epochs = [picture.epoch for picture in pictures]
        outstanding = [picture.outstanding for picture in pictures]
        rows = [[getattr(picture, name) for picture in pictures] for name in names]
        upper.stackplot(epochs, rows, colors=SERIES, labels=labels, linewidth=0)
        upper.plot(epochs, outstanding, color=FG, linewidth=1.6, label="outstanding, by the books")
        accounts = [picture.accounts for picture in pictures]
        lower.stackplot(epochs, outstanding, accounts, colors=(DIM, LINE), linewidth=0)
        funded = [picture.funded for picture in pictures]
        lower.plot(epochs, funded, color=FG, linewidth=1.2, linestyle="--", label="with accounts")
        lower.set_xlabel("epoch")
        upper.set_ylabel("minor units")
        for axes in (upper, lower):
            axes.set_ylim(bottom=0)
            _thousands(axes.yaxis)
        _whole(lower.xaxis)
        figure.legend(loc="outside lower center", ncols=3, fontsize=8)

    return drawn("where", 4.4, draw)


def flows(results: Results) -> str:
    """Payments between economies, and units by where they were issued and where they came home."""
    names = {economy.number: economy.name for economy in results.scenario.economies}

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        _matrix(left, names, results.payments.flows, "payer", "payee")
        left.set_title("payments", fontsize=9, color=FG)
        _matrix(right, names, results.reflux, "issued in", "home in")
        right.set_title("units that came home", fontsize=9, color=FG)

    return drawn("flows", 0.9 + 0.5 * max(4, len(names)), draw)


def hops(results: Results) -> str:
    """Moves of the units that came home, and how large they were."""
    home = results.home

    def draw(figure: Figure) -> None:
        upper, lower = figure.subplots(2, 1, sharex=True)
        upper.bar(list(home), [row[0] for row in home.values()], color=SERIES[0], width=0.7)
        upper.set_ylabel("units")
        _thousands(upper.yaxis)
        means = [row[1] / row[0] for row in home.values()]
        lower.plot(list(home), means, color=SERIES[1], marker="o", markersize=4, label="mean")
        lower.scatter(
            list(home),
            [row[2] for row in home.values()],
            marker="_",
            s=90,
            color=FG,
            label="largest",
            zorder=3,
        )
        lower.set_ylabel("bytes")
        lower.set_ylim(bottom=0)
        lower.set_xlabel("moves after issue")
        lower.legend(fontsize=8)
        for axes in (upper, lower):
            axes.grid(visible=True, axis="y")
            _whole(axes.xaxis)

    return drawn("hops", 4.0, draw)


def detection(results: Results) -> str:
    """For each cheat: copied, spent twice, found out, refused at a vault."""
    marks = (
        ("copied_in", "o", SERIES[4], "copied the memory"),
        ("first_double", "D", BAD, "first unit spent twice"),
        ("convicted_in", "s", SERIES[0], "named by the centre"),
        ("refused_at_vault", "X", SERIES[2], "first refused at a vault"),
    )

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for row, cheat in enumerate(results.cheats):
            if cheat.first_double is not None:
                end = cheat.convicted_in if cheat.convicted_in is not None else results.series[-1].epoch
                axes.plot([cheat.first_double, end], [row, row], color=BAD, linewidth=3, alpha=0.45)
        for n, (name, marker, colour, label) in enumerate(marks):
            points = [(getattr(c, name), row) for row, c in enumerate(results.cheats)]
            known = [(epoch, row) for epoch, row in points if epoch is not None]
            # A little apart, so that two marks of one epoch are both seen.
            axes.scatter(
                [epoch for epoch, _ in known],
                [row + (n - 1.5) * 0.16 for _, row in known],
                marker=marker,
                s=34,
                color=colour,
                label=label,
                zorder=3,
            )
        axes.set_yticks(range(len(results.cheats)), [cheat.name for cheat in results.cheats])
        axes.set_ylim(len(results.cheats) - 0.4, -0.6)
        axes.set_xlabel("epoch")
        axes.grid(visible=True, axis="x")
        _whole(axes.xaxis)
        figure.legend(loc="outside lower center", ncols=2, fontsize=8)

    return drawn("detection", min(12.0, 1.6 + 0.42 * len(results.cheats)), draw)


def refusals(results: Results) -> str:
    """Payments that were not made, by reason; and those that were tried again after a visit to the bank."""
    final, first = results.payments.refused, results.payments.refused_first
    reasons = sorted(final.keys() | first.keys(), key=lambda name: (final[name] + first[name], name))

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.barh(reasons, [final[name] for name in reasons], color=SERIES[0], label="not made")
        axes.barh(
            reasons,
            [first[name] for name in reasons],
            left=[final[name] for name in reasons],
            color=SERIES[3],
            label="tried again after a visit to the bank",
        )
        axes.set_xlabel("payments")
        axes.grid(visible=True, axis="x")
        figure.legend(loc="outside lower center", ncols=2, fontsize=8)

    return drawn("refusals", min(8.0, 1.3 + 0.27 * max(1, len(reasons))), draw)


def what_if(runs: Sequence[Results]) -> str:
    """The same people under other hop limits."""
    limits = [str(run.scenario.policy.hop_limit) for run in runs]
    panels = (
        ("copies accepted before detection, value", [run.exposure for run in runs], BAD),
        ("payments not made", [run.payments.refused.total() for run in runs], SERIES[3]),
        ("value redeemed", [run.redeemed for run in runs], SERIES[0]),
        ("largest unit, bytes", [run.largest_size for run in runs], SERIES[1]),
    )

    def draw(figure: Figure) -> None:
        for axes, (title, values, colour) in zip(figure.subplots(2, 2).flat, panels, strict=True):
            bars = axes.bar(limits, values, color=colour, width=0.6)
            axes.bar_label(bars, [f"{value:,}".replace(",", " ") for value in values], fontsize=8, color=FG)
            axes.set_title(title, fontsize=9, color=FG)
            axes.set_yticks([])
            axes.spines["left"].set_visible(False)
            axes.margins(y=0.18)
        figure.supxlabel("payments allowed between two visits to a bank", fontsize=9, color=DIM)

    return drawn("what-if", 4.0, draw)


def _matrix(axes: Any, names: dict[int, str], values: Any, down: str, across: str) -> None:
    numbers = list(names)
    rows = [[values.get((one, other), 0) for other in numbers] for one in numbers]
    top = max(max(row) for row in rows) or 1
    for y, row in enumerate(rows):
        for x, value in enumerate(row):
            # The square root: flows across borders are small beside those at home, and matter here.
            shade = (value / top) ** 0.5
            axes.fill(
                [x, x + 1, x + 1, x], [y, y, y + 1, y + 1], color=SERIES[0], alpha=0.85 * shade, linewidth=0
            )
            axes.text(x + 0.5, y + 0.5, _short(value), ha="center", va="center", fontsize=8, color=FG)
    ticks = [n + 0.5 for n in range(len(numbers))]
    axes.set_xticks(ticks, names.values())
    axes.set_yticks(ticks, names.values())
    axes.set_xlim(0, len(numbers))
    axes.set_ylim(len(numbers), 0)
    axes.set_ylabel(down)
    axes.set_xlabel(across)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _short(value: int) -> str:
    if value < 10_000:
        return f"{value}"
    return f"{value / 1000:.0f}k" if value < 10_000_000 else f"{value / 1_000_000:.0f}M"


def _thousands(axis: Any) -> None:
    axis.set_major_formatter(lambda value, _: f"{value:,.0f}".replace(",", "\u202f"))


def _whole(axis: Any) -> None:
    axis.set_major_locator(MaxNLocator(integer=True, nbins=10))
