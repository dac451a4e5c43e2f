"""The chapters name exactly the lemmas whose manifests name the requirement; nothing else in them changes."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from eiraku.models import claims
from eiraku.models.smt.proof import Proof, Result
from eiraku.spec import registry

SPEC = Path(__file__).resolve().parents[2] / "spec"
FIRST, SECOND = "EPP-SES-013", "EPP-SES-014"

CHAPTER = f"""# A chapter

Words.

#### {FIRST} MUST

Text.

```
#### {SECOND} in a fence
*Proved:* not a field
```

*Why:* because.

*Not tested:* invisible.

#### {SECOND} SHOULD

Text.

*Why:* because.

## The end

*Proved:* is a word here.
"""


def solved(name: str, *requirements: str) -> Proof:
    return Proof(
        name=name,
        says="",
        requirements=requirements,
        method="",
        prove=lambda: Result(holds=True, checks=0),
        twins=(),
    )


def claim(name: str, *, quantifier: str = "all-traces", verdict: str = "verified") -> str:
    return (
        f'[[lemma]]\nname = "{name}"\nsays = "."\nverdict = "{verdict}"\nquantifier = "{quantifier}"\n'
        f'requirements = ["{FIRST}"]\n'
    )


def test_counted_is_what_is_claimed_to_be_true_of_epp_1_on_all_traces(tmp_path: Path) -> None:
    for name in ("session", "annex_2007", "broken"):
        (tmp_path / f"{name}.spthy").touch()
        text = f'title = "T"\n{claim("true")}{claim("possible", quantifier="exists-trace")}'
        text += claim("false", verdict="falsified")
        (tmp_path / f"{name}.toml").write_text("x" if name == "broken" else text, encoding="utf-8")
    proofs = (solved("custody", FIRST, SECOND), solved("at-last"))
    assert claims.claimed(within=tmp_path, proofs=proofs) == {
        FIRST: ("session/true", "smt/custody"),
        SECOND: ("smt/custody",),
    }


def test_a_proof_by_the_solver_that_cites_nothing_known_is_found(tmp_path: Path) -> None:
    requirements = (registry.by_id()[FIRST],)
    found = claims.complaints(within=tmp_path, requirements=requirements, proofs=(solved("custody", SECOND),))
    assert f"smt/custody cites {SECOND}, which does not exist; correct it" in found


def test_paragraphs_are_put_last_and_taken_away_again() -> None:
    said = {FIRST: ("session/true", "smt/custody"), SECOND: ("session/other",)}
    fresh = claims.rewritten(CHAPTER, said)
    assert fresh == CHAPTER.replace(
        "invisible.\n", "invisible.\n\n*Proved:* session/true, smt/custody\n"
    ).replace("because.\n\n## The", "because.\n\n*Proved:* session/other\n\n## The")
    assert claims.rewritten(fresh, said) == fresh
    assert claims.rewritten(fresh, {}) == CHAPTER
    first, second = registry.parse({"05-session": fresh})
    assert first.proved == said[FIRST]
    assert first.not_tested == "invisible."
    assert second.proved == said[SECOND]


NAMES = st.lists(st.from_regex(r"[a-z]{1,3}/[a-z]{1,3}", fullmatch=True), unique=True, max_size=3).map(sorted)


@given(st.dictionaries(st.sampled_from(sorted(registry.by_id())), NAMES, max_size=12))
@settings(max_examples=10, deadline=None)
def test_the_real_chapters_say_what_is_written_and_lose_nothing(said: dict[str, list[str]]) -> None:
    chapters = registry.read_chapters(SPEC)
    fresh = {name: claims.rewritten(text, said) for name, text in chapters.items()}
    read = registry.parse(fresh)
    assert {each.id: list(each.proved) for each in read if each.proved} == {
        requirement: names for requirement, names in said.items() if names
    }
    assert registry.digest_of(read) == registry.digest()
    now = claims.claimed()
    assert {name: claims.rewritten(text, now) for name, text in fresh.items()} == {
        name: claims.rewritten(text, now) for name, text in chapters.items()
    }
