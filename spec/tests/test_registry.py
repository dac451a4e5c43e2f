"""The chapter parser catches each defect with its place; the packaged registry is what the chapters say."""

from pathlib import Path

import pytest

from eiraku.spec import registry

SPEC = Path(__file__).resolve().parents[1]
GOOD = "A purse does this\nand that.\n\n*Why:* because."


def requirement(number: int, body: str = GOOD, *, area: str = "SES", keyword: str = "MUST") -> str:
    """A requirement whose id the house tests do not take for a citation of a real one."""
    return f"#### {'EPP'}-{area}-{number:03} {keyword}\n\n{body}\n\n"


def defects(source: str, chapter: str = "05-session") -> list[str]:
    with pytest.raises(registry.ChapterError) as caught:
        registry.parse({chapter: source})
    return [str(problem) for problem in caught.value.problems]


def test_all_fields_are_read() -> None:
    body = (
        "First\nparagraph.\n\n- a\n- b\n\n```\n#### no heading\n\nx\n```\n\n"
        "*Why:* a\nreason.\n\n*Applies to:* `suite-0`\n\n*Not tested:* invisible.\n\n"
        "*Proved:* session/agrees,\nsmt/custody-of-units"
    )
    source = (
        "# Chapter\n\nProse.\n\n" + requirement(7, body, keyword="SHOULD NOT") + "### Next\n\nMore prose.\n"
    )
    (read,) = registry.parse({"05-session": source})
    assert read == registry.Requirement(
        id="EPP" + "-SES-007",
        keyword="SHOULD NOT",
        chapter="05-session",
        anchor="epp" + "-ses-007-should-not",
        text="First paragraph.\n\n- a\n- b\n\n```\n#### no heading\n\nx\n```",
        why="a reason.",
        applies_to="suite-0",
        not_tested="invisible.",
        proved=("session/agrees", "smt/custody-of-units"),
    )
    assert read.area == "SES"


def test_numbers_only_name_requirements() -> None:
    """Gaps are allowed, and a statement stands where it belongs, whatever its number."""
    source = requirement(5, area="PID") + requirement(1, area="KEY") + requirement(2, area="PID")
    assert [each.id[4:] for each in registry.parse({"03-keys": source})] == ["PID-005", "KEY-001", "PID-002"]


@pytest.mark.parametrize(
    ("source", "place", "said"),
    (
        pytest.param(
            requirement(1) + requirement(1), 8, "first given at spec/05-session.md:1", id="duplicate"
        ),
        pytest.param(requirement(1, keyword="SHALL"), 1, "unknown keyword 'SHALL'", id="keyword"),
        pytest.param(requirement(1, keyword=""), 1, "unknown keyword ''", id="no keyword"),
        pytest.param(requirement(1, "Text."), 1, "no *Why:*", id="no why"),
        pytest.param(requirement(1, "Text.\n\n*Why:*"), 5, "*Why:* is empty", id="empty why"),
        pytest.param(requirement(1, "Text.\n*Why:* joined."), 1, "no *Why:*", id="why inside the text"),
        pytest.param(requirement(1, area="KEY"), 1, "area KEY belongs in 03-keys", id="chapter"),
        pytest.param(requirement(1, area="XYZ"), 1, "unknown area XYZ", id="area"),
        pytest.param(requirement(1, "*Why:* because."), 1, "no text", id="no text"),
        pytest.param(requirement(1, GOOD + "\n\nLate."), 8, "text after its fields", id="late text"),
        pytest.param(requirement(1, GOOD + "\n\n*Why:* again."), 8, "given twice", id="field twice"),
        pytest.param(
            requirement(1, GOOD + "\n*Not tested:* x."),
            6,
            "runs into the next field",
            id="fields in one paragraph",
        ),
        pytest.param(
            requirement(1, "Text.\n\n*Applies to:* `a`\n\n*Why:* b."),
            7,
            "*Why:* is out of order",
            id="field order",
        ),
        pytest.param(requirement(1, GOOD + "\n\n*Proved:*"), 8, "*Proved:* is empty", id="no lemma"),
        pytest.param(requirement(1, GOOD + "\n\n*Proved:* agrees"), 8, "theory/lemma", id="lemma"),
        pytest.param(requirement(1, GOOD + "\n\n*Proved:* s/b, s/a"), 8, "ascending", id="lemma order"),
        pytest.param(
            requirement(1, GOOD + "\n\n*Proved:* s/a\n\n*Not tested:* x."),
            10,
            "*Not tested:* is out of order",
            id="not tested after proved",
        ),
        pytest.param(requirement(1)[1:], 1, "level 3", id="level"),
        pytest.param(requirement(1).replace("001", "1"), 1, "the form is", id="form"),
    ),
)
def test_defect_is_reported_with_its_place(source: str, place: int, said: str) -> None:
    found = defects(source)
    assert any(each.startswith(f"spec/05-session.md:{place}: ") and said in each for each in found), found


def test_all_defects_are_reported_at_once() -> None:
    assert len(defects(requirement(1, keyword="SHALL") + requirement(2, "Text."))) == 2


def test_a_duplicate_is_seen_across_chapters() -> None:
    with pytest.raises(registry.ChapterError, match=r"05-session\.md:1: .*duplicate.*03-keys\.md:1"):
        registry.parse({"03-keys": requirement(1), "05-session": requirement(1)})


def test_reflowing_keeps_the_digest_and_rewording_does_not() -> None:
    def digest(body: str) -> str:
        return registry.digest_of(registry.parse({"05-session": requirement(1, body)}))

    assert digest(GOOD) == digest(GOOD.replace("\nand", " and"))
    assert digest(GOOD) != digest(GOOD.replace("and", "or"))


def test_a_proof_does_not_change_the_digest() -> None:
    """It says something about a requirement; what a wallet has to do stays the same."""
    plain, proved = (
        registry.parse({"05-session": requirement(1, GOOD + more)})
        for more in ("", "\n\n*Proved:* session/agrees")
    )
    assert plain != proved
    assert registry.digest_of(plain) == registry.digest_of(proved)


def test_the_packaged_registry_is_up_to_date() -> None:
    parsed = registry.parse(registry.read_chapters(SPEC))
    assert parsed == registry.load(), "run eiraku maintain registry --write"
    stored = SPEC / "src" / "eiraku" / "spec" / "registry.json"
    assert stored.read_bytes() == registry.render(parsed)
    assert registry.digest() == registry.digest_of(parsed)


def test_ids_are_unique() -> None:
    assert len(registry.by_id()) == len(registry.load()) > 0


def test_every_area_has_its_chapter_and_requirements() -> None:
    chapters = registry.read_chapters(SPEC)
    assert set(registry.CHAPTER_OF_AREA.values()) <= set(chapters)
    assert {each.area for each in registry.load()} == set(registry.CHAPTER_OF_AREA)
