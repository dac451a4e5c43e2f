"""The pictures in spec/diagrams are those of the tables."""

from pathlib import Path

import pytest

from eiraku.spec import diagrams

FOLDER = Path(__file__).parents[1] / "diagrams"


@pytest.mark.parametrize("name", sorted(diagrams.GRAPHS))
def test_picture_matches_its_table(name: str) -> None:
    wanted = diagrams.digest(diagrams.GRAPHS[name]())
    assert wanted in (FOLDER / f"{name}.svg").read_text(), (
        "the table has changed: run eiraku maintain diagrams --write"
    )


def test_a_changed_table_is_noticed() -> None:
    graph = diagrams.transfer_graph()
    assert diagrams.digest(graph.replace("RECEIPT", "REFUND", 1)) != diagrams.digest(graph)
