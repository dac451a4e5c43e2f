"""The chapters print the tables of states as they are."""

from pathlib import Path

import pytest

from eiraku.spec import printed
from eiraku.spec.errors import Refused
from eiraku.spec.tables import SESSION, START, TRANSFER

CHAPTERS = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("chapter", "names"), (("05-session.md", ("session", "start")), ("07-transfer.md", ("transfer",)))
)
def test_chapter_prints_its_tables(chapter: str, names: tuple[str, ...]) -> None:
    text = (CHAPTERS / chapter).read_text()
    assert printed.fill(text) == text, "the table has changed: run eiraku maintain tables --write"
    assert all(f"\n{printed.TABLES[name]()}\n" in text for name in names)


def test_a_table_has_a_line_for_each_row() -> None:
    lengths = {name: make().count("\n") - 2 for name, make in printed.TABLES.items()}
    assert lengths == {"session": len(SESSION), "start": len(START), "transfer": len(TRANSFER)}


def test_a_place_for_an_unknown_table_is_refused() -> None:
    with pytest.raises(Refused, match="session, start, transfer, found sessions"):
        printed.fill("<!-- table sessions -->\n<!-- end of table -->\n")
