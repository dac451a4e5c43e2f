"""Each lint finds the one thing that was made wrong, in a copy of a small theory that is right."""

from dataclasses import replace
from pathlib import Path

import pytest

from eiraku.models import lints, manifest, pin, theory
from eiraku.spec import registry

FIRST, SECOND = "EPP-SES-013", "EPP-PID-002"
"""Any two requirements that exist."""

THEORY = f"""theory small begin
/* A purse that is paid once.

term    | clause  | what is abstracted
--------+---------+------------------
Unit(u) | {FIRST} | the value

The adversary reads and writes everything. */

rule Centre_Issues: [ Fr(~u) ] --[ Issues(~u) ]-> [ Unit(~u), Out(~u) ]

#ifdef no_unit
rule Purse_Pays: [ In(u) ] --[ Pays(u) ]-> [ !Paid(u) ]
#else
rule Purse_Pays: [ Unit(u) ] --[ Pays(u) ]-> [ !Paid(u) ]
#endif

// A payment is possible.
lemma payable: exists-trace "Ex u #i. Pays(u)@i"

// What is paid was issued. {FIRST}
lemma was_issued [reuse]: "All u #i. Pays(u)@i ==> Ex #j. Issues(u)@j & #j < #i"

// Paid once. {FIRST}, {SECOND}
lemma once: "All u #i #j. Pays(u)@i & Pays(u)@j ==> #i = #j"

end
"""

MANIFEST = f"""title = "Small"

[[lemma]]
name = "payable"
says = "A payment is possible."
verdict = "verified"
quantifier = "exists-trace"
requirements = []
formula = ""
[[lemma]]
name = "was_issued"   # with a remark
says = "What is paid was issued."
verdict = "verified"
quantifier = "all-traces"
requirements = ["{FIRST}"]
formula = ""
[[lemma]]
name = "once"
says = "Paid once."
verdict = "verified"
quantifier = "all-traces"
requirements = ["{FIRST}", "{SECOND}"]
assumes = ["was_issued"]

[[removed]]
name = "no_unit"
check = "A purse pays with a unit that it has."
requirements = ["{SECOND}"]
falls = ["once"]
attack = "The adversary has one unit paid twice."
"""


def pinned(folder: Path) -> tuple[str, ...]:
    """Pin the small theory; the formulas that changed, for people."""
    text, report = pin.pin("small", folder)
    (folder / "small.toml").write_text(text, encoding="utf-8", newline="")
    return report


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The small theory with its manifest, pinned."""
    (tmp_path / "small.spthy").write_text(THEORY, encoding="utf-8")
    (tmp_path / "small.toml").write_text(MANIFEST, encoding="utf-8")
    pinned(tmp_path)
    return tmp_path


def complaints(folder: Path, **proved: tuple[str, ...]) -> list[str]:
    """Of the lints about a folder, with these lemmas at the requirements of the chapters."""
    said = {FIRST: ("small/once", "small/was_issued"), SECOND: ("small/once",)}
    requirements = [
        replace(registry.by_id()[each], proved=proved.get(each.replace("-", "_"), said[each]))
        for each in (FIRST, SECOND)
    ]
    return lints.lints(within=folder, requirements=requirements, proofs=())


def edit(folder: Path, suffix: str, old: str, new: str) -> None:
    file = folder / f"small.{suffix}"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_good_theory_has_no_complaints(folder: Path) -> None:
    assert complaints(folder) == []


IN_THEORY = (
    ("theory small", "theory large", "named like its file"),
    ("/* A purse", "rule A: [ Fr(~a) ] --> [ Out(~a) ]\n/* A purse", "open it with a block comment"),
    ("term    | clause  | what is abstracted", "a table", "no table"),
    ("adversary", "attacker", "what the adversary can do"),
    ("Ex #j. Issues(u)@j", "Ex #j. Isues(u)@j", "lemma was_issued speaks of Isues"),
    ("Pays(u)@i ==>", "Pays(u)@i ==> not", "lemma was_issued reads otherwise than when it was pinned"),
    ("was_issued [reuse]", "was_issued [reuse, use_induction]", "lemma was_issued reads otherwise"),
    (
        "lemma once",
        "lemma once [hide_lemma=was_issued]",
        "takes other lemmas for granted; write assumes = []",
    ),
    ('lemma payable: exists-trace "', 'lemma payable: "', "the theory says all-traces, the manifest exists"),
    (
        "[ Fr(~u) ] --[",
        "[ Fr(~u), Coin(~u) ] --[",
        "Centre_Issues can never happen: no rule that can happen makes C",
    ),
    ("rule Purse_Pays: [ In(u) ]", "rule Purse_Pays: [ Owns(u) ]", "can never happen with -Dno_unit"),
    (
        "[ In(u) ] --[ Pays(u) ]",
        "[ In(u) ] --[ Gives(u) ]",
        "speaks of Pays, which no rule that can happen emits wi",
    ),
    ("[ Unit(~u), Out", "[ Unit(~u), Unite(~u), Out", "rule Centre_Issues makes Unite, which no rule takes"),
    (f"issued. {FIRST}", "issued.", "the comment above it cites none, the manifest EPP-"),
    (f"// What is paid was issued. {FIRST}\n", "", "lemma was_issued: say in a comment"),
    ("#ifdef no_unit", "#ifdef no_units", "flag no_units of the theory is missing"),
    ("#ifdef no_unit", "#ifdef no_units", "no #ifdef in small.spthy asks for no_unit"),
    (
        "lemma once",
        'lemma twice: "All u #i. Pays(u)@i ==> F"\nlemma once',
        "lemma twice of the theory is missing",
    ),
    (
        "\n// A payment",
        '\n#ifdef no_unit\nlemma x: "T"\n#endif\n// A payment',
        "lemma x reads otherwise with -Dno_unit",
    ),
    ("lemma once: ", "lemma once ", "small.spthy: line 25: expected ':'"),
)

AGAIN = """[[lemma]]
name = "once"
says = "."
verdict = "verified"
quantifier = "all-traces"
requirements = []
[[removed]]"""

IN_MANIFEST = (
    (f'"{FIRST}"]', '"EPP' + '-SES-999"]', "cites EPP" + "-SES-999, which does not exist"),
    ('assumes = ["was_issued"]', "", 'write assumes = ["was_issued"]'),
    ('says = "Paid once."', 'says = " "', "lemma once: say in plain words"),
    (
        f'requirements = ["{FIRST}", "{SECOND}"]',
        "requirements = []",
        "supports no requirement and no other lemma",
    ),
    (
        'verdict = "verified"\nquantifier = "all',
        'verdict = "falsified"\nquantifier = "all',
        "only annex_2007 may",
    ),
    (
        'verdict = "verified"\nquantifier = "all',
        'verdict = "falsified"\nquantifier = "all',
        "name the weakness",
    ),
    (
        'verdict = "verified"\nquantifier = "exi',
        'verdict = "falsified"\nquantifier = "exi',
        "no exists-trace lemma",
    ),
    (
        'verdict = "verified"\nquantifier = "exi',
        'verdict = "falsified"\nquantifier = "exi',
        "without a trace",
    ),
    ('name = "once"\n', 'name = "once"\nweakness = "W-1"\n', "claimed to be true; remove its weakness"),
    ('check = "A purse pays with a unit that it has."', 'check = ""', "say what is checked"),
    (
        f'has."\nrequirements = ["{SECOND}"]',
        'has."\nrequirements = []',
        "name the requirement that the check",
    ),
    ('falls = ["once"]', 'falls = ["payable"]', "lemma payable cannot fall"),
    ('falls = ["once"]', 'falls = ["never"]', "there is no lemma never that could fall"),
    ('falls = ["once"]', "falls = []", "say why it stays"),
    ('falls = ["once"]', "falls = []", "an attack is described"),
    ('falls = ["once"]', 'falls = ["once"]\nstays = "x"', "'stays' has no meaning"),
    ('attack = "The adversary has one unit paid twice."', "", "describe the attack"),
    ('name = "no_unit"', 'name = "NoUnit"', "small letters and underscores"),
    ('verdict = "verified"', 'verdict = "true"', "small.toml: Invalid enum value 'true'"),
    ('name = "once"', 'named = "once"', "small.toml: "),
    ("[[removed]]", AGAIN, "lemma once is claimed 2 times"),
    ("[[removed]]", AGAIN.replace("once", "gone"), "lemma gone is not in small.spthy"),
)


@pytest.mark.parametrize(
    ("suffix", "old", "new", "said"),
    [("spthy", *each) for each in IN_THEORY] + [("toml", *each) for each in IN_MANIFEST],
)
def test_what_was_made_wrong_is_found(folder: Path, suffix: str, old: str, new: str, said: str) -> None:
    edit(folder, suffix, old, new)
    found = complaints(folder)
    assert any(said in complaint for complaint in found), found


def test_a_lemma_missing_from_the_manifest_is_found(folder: Path) -> None:
    text = (folder / "small.toml").read_text(encoding="utf-8")
    start, end = text.index('[[lemma]]\nname = "once"'), text.index("[[removed]]")
    (folder / "small.toml").write_text(text[:start] + text[end:], encoding="utf-8")
    found = complaints(folder)
    assert "small.toml: lemma once of the theory is missing; claim it as [[lemma]]" in found
    assert any("there is no lemma once that could fall" in complaint for complaint in found)
    assert any(f"{FIRST} claims to be proved by small/once" in complaint for complaint in found)


def test_a_missing_manifest_and_a_missing_theory_are_found(folder: Path) -> None:
    (folder / "small.toml").rename(folder / "other.toml")
    found = complaints(folder)
    assert "theory small has no manifest small.toml beside it" in found
    assert any("there is no theory other.spthy" in complaint for complaint in found)


def test_a_requirement_that_claims_what_does_not_exist_is_found(folder: Path) -> None:
    (found,) = complaints(folder, EPP_PID_002=("small/once", "small/gone"))
    assert f"{SECOND} claims to be proved by small/gone" in found


def test_a_requirement_that_hides_its_lemma_is_found(folder: Path) -> None:
    (found,) = complaints(folder, EPP_PID_002=())
    assert f"{SECOND} does not say that small/once supports it" in found


def test_a_rule_that_feeds_only_itself_is_not_reachable() -> None:
    text = "theory t begin\nrule A: [ X(~a) ] --> [ X(~a) ]\nrule B: [ !Y(~a) ] --> [ X(~a) ]\nend"
    assert lints.reachable(theory.parse(text)) == frozenset()


def test_pinning_changes_only_the_lines_of_the_formulas(folder: Path) -> None:
    def others() -> list[str]:
        lines = (folder / "small.toml").read_bytes().decode().split("\n")
        return [line for line in lines if not line.startswith("formula")]

    before = others()
    edit(folder, "spthy", "#i = #j", "#i = #i")
    (said,) = pinned(folder)
    assert said.startswith("small/once\n  was ")
    assert "Pays(u)@j ==> #i = #i" in said
    assert others() == before
    assert complaints(folder) == []
    assert pinned(folder) == ()


def test_pinning_keeps_the_line_ends_of_the_file(folder: Path) -> None:
    file = folder / "small.toml"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    edit_bytes = (folder / "small.spthy").read_bytes().replace(b"#i = #j", b"#i = #i")
    (folder / "small.spthy").write_bytes(edit_bytes)
    pinned(folder)
    content = file.read_bytes()
    assert content.count(b"\r\n") == content.count(b"\n")
    assert manifest.load("small", within=folder).claim("once") is not None


def test_a_manifest_that_cannot_be_pinned_by_lines_is_left_alone(folder: Path) -> None:
    edit(folder, "toml", 'name = "once"', "'name' = \"once\"")
    before = (folder / "small.toml").read_bytes()
    with pytest.raises(manifest.ManifestError, match="no line name"):
        pin.pin("small", folder)
    assert (folder / "small.toml").read_bytes() == before


def test_the_theories_of_the_package_have_no_complaints() -> None:
    found = lints.lints()
    assert not found, "\n".join(found)
