"""Requirements are single statements: what counts as compound, and which are left."""

import pytest

from eiraku.spec import registry, statements


def requirement(text: str, *, keyword: str = "MUST") -> registry.Requirement:
    return registry.Requirement(
        id="EPP" + "-SES-001",
        keyword=keyword,
        chapter="05-session",
        anchor="x",
        text=text,
        why="because.",
        applies_to=None,
        not_tested=None,
    )


@pytest.mark.parametrize(
    ("text", "keyword", "found"),
    (
        ("A purse does this.", "MUST", ()),
        ("A purse does this. So it is called that.", "MUST", ()),
        ("A purse says `a; b. c!` to all of these (a, b. c): 1.5 times.", "MUST", ()),
        ("A purse does this (see there). So it is. And then?", "MUST", ("3 sentences, at most 2",)),
        ("A purse does this; it does that; it is good.", "MUST", ("3 sentences, at most 2",)),
        ("A purse:\n- does this;\n- does that.\n\nThen it ends.", "MUST", ("3 sentences, at most 2",)),
        ("so " * 60 + "`one; two; three; four`", "MUST", ("61 words, at most 60",)),
        ("so " * 59 + "`one; two; three; four`", "MUST", ()),
        ("No purse does this.", "MUST NOT", ("MUST NOT of a text that begins with No",)),
        ("No purse does this.", "SHOULD NOT", ("SHOULD NOT of a text that begins with No",)),
        ("A purse MUST NOT do this.", "MUST NOT", ()),
        ("No account is below zero.", "MUST", ()),
    ),
)
def test_what_is_compound(text: str, keyword: str, found: tuple[str, ...]) -> None:
    given = requirement(text, keyword=keyword)
    assert statements.faults(given) == found
    assert statements.compound([given]) == ({"05-session": (given,)} if found else {})


def test_every_requirement_is_one_statement() -> None:
    assert not statements.compound(registry.load())
