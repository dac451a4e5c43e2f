"""``report.html``: one page with everything in it, that asks nothing of any network and has no script."""

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined
from markupsafe import Markup

from eiraku.system.economy import figures
from eiraku.system.economy.results import Results

_PICTURE = (
    "epoch",
    "people",
    "shops",
    "banks",
    "pending",
    "expired",
    "outstanding",
    "accounts",
    "funded",
    "copies",
)


def render(results: Results, runs: Sequence[Results], again: str) -> bytes:
    """The bytes of the page. `runs`: under other hop limits; `again`: the command that makes it once more."""
    environment = Environment(
        loader=BaseLoader(), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["n"] = grouped
    environment.filters["or_dash"] = lambda value: "\u2013" if value is None else value
    tone, word, findings = verdict(results, runs)
    page = environment.from_string(_resource("page.html.j2")).render(
        style=Markup(_resource("page.css")),  # noqa: S704 - our own file
        svg={name: Markup(svg) for name, svg in _drawn(results, runs).items()},  # noqa: S704 - drawn here
        results=results,
        runs=runs,
        scenario=results.scenario,
        names={economy.number: economy.name for economy in results.scenario.economies},
        tone=tone,
        word=word,
        findings=findings,
        facts=_facts(results),
        picture_names=_PICTURE,
        pictures=[[getattr(picture, name) for name in _PICTURE] for picture in results.series],
        events=[*results.events.items(), *((f"claims: {state}", n) for state, n in results.claims.items())],
        again=again,
        every_number=json.dumps(results.scenario.to_mapping(), indent=2, ensure_ascii=False),
    )
    return page.encode("utf-8")


def verdict(results: Results, runs: Sequence[Results]) -> tuple[str, str, list[str]]:
    """Style class, the verdict in words, and what it rests on."""
    if results.interrupted:
        counted = f"The last full count was at epoch {results.series[-1].epoch}." if results.series else ""
        lines = [counted or "Nothing was counted.", "Nobody has gone home; cheats may not have been found."]
        return "warn", "Partial: the run was interrupted", lines
    cheats = [cheat for cheat in results.cheats if cheat.home_in is not None]
    named = sum(cheat.convicted_in is not None for cheat in cheats)
    wronged = ", ".join(results.wronged)
    bad = [run.scenario.policy.hop_limit for run in runs if not run.good]
    counts = f"{len(results.series)} full counts of all purses, both centres and the wholesale register"
    lines = [
        f"Value was conserved in each of {grouped(results.sessions)} sessions, and at {counts}.",
        f"Both pieces of a unit came home of {len(cheats)} of {len(results.cheats)} cheats; named: {named}.",
        f"Wrongly named: {wronged}." if wronged else "Nobody who had copied nothing was named.",
        f"Evidence that verifies with public keys alone: against {len(results.evidence)}.",
    ]
    if results.unproven:
        lines[-1] = f"Named on evidence that does not verify: {', '.join(results.unproven)}."
    if results.missed:
        lines.append(f"Not named: {', '.join(results.missed)}.")
    if bad:
        lines.append(f"In the comparison, these hop limits went wrong: {', '.join(map(str, bad))}.")
    if not results.good or bad:
        return "fail", "Somebody was named wrongly, or not at all", lines
    return "pass", "All value is accounted for, and every cheat who could be named was", lines


def grouped(value: int) -> str:
    """Digits in groups of three."""
    return f"{value:,}".replace(",", "\u202f")


def _drawn(results: Results, runs: Sequence[Results]) -> dict[str, str]:
    return {
        "where": figures.where(results) if results.series else "",
        "flows": figures.flows(results) if results.payments.flows else "",
        "hops": figures.hops(results) if results.home else "",
        "refusals": figures.refusals(results) if results.payments.refused else "",
        "detection": figures.detection(results) if results.cheats else "",
        "what_if": figures.what_if(runs) if runs else "",
    }


def _facts(results: Results) -> list[tuple[str, Any]]:
    scenario, payments = results.scenario, results.payments
    return [
        ("Seed", scenario.seed),
        ("People", grouped(scenario.people)),
        ("Epochs of trade", scenario.epochs),
        ("Hop limit", scenario.policy.hop_limit),
        ("Payments made", f"{grouped(payments.made)} of {grouped(payments.attempted)}"),
        ("Value paid", grouped(payments.value)),
        ("Sessions", grouped(results.sessions)),
        ("Visits to banks", grouped(payments.visits)),
        ("Units that came home", grouped(results.units_home)),
    ]


def _resource(name: str) -> str:
    return files("eiraku.system.economy").joinpath(name).read_text(encoding="utf-8")
