"""The tables of states as the chapters print them: ``eiraku maintain tables --write``.

A chapter marks the place of a table with two comments, ``<!-- table NAME -->`` and ``<!-- end of table -->``;
what stands between them is made from `eiraku.spec.tables`.
"""

import re
from collections.abc import Iterable, Sequence

from eiraku.spec import tables
from eiraku.spec.errors import Refused

_PLACE = re.compile(r"(<!-- table (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def session() -> str:
    """The handshake, as Markdown."""
    rows = ((s.value, e.value, after.value) for (s, e), after in tables.SESSION.items())
    return _table(("state", "event", "next state"), rows)


def start() -> str:
    """The first state of an open session."""
    rows = ((s.value, p.value, state.value) for (s, p), state in tables.START.items())
    return _table(("side", "purpose", "first state"), rows)


def transfer() -> str:
    """The transfer, with the transitions that write."""
    rows = (
        (
            state.value,
            event.name,
            purpose.value if purpose else "",
            after.value,
            "yes" if (state, event) in tables.COMMITS else "",
        )
        for (state, event, purpose), after in tables.TRANSFER.items()
    )
    return _table(("state", "message received", "if the purpose is", "next state", "durable write"), rows)


TABLES = {"session": session, "start": start, "transfer": transfer}


def fill(chapter: str) -> str:
    """`chapter` with each table that it marks as it should be. Raises Refused for a table that is none."""

    def made(place: re.Match[str]) -> str:
        opening, name, closing = place.groups()
        if name not in TABLES:
            raise Refused(f"chapter: expected one of the tables {', '.join(TABLES)}, found {name}")
        return f"{opening}\n{TABLES[name]()}\n{closing}"

    return _PLACE.sub(made, chapter)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
