"""Theories are read as the prover reads them, or not at all; digests follow the words, not the layout."""

import re
import shutil
import subprocess
import warnings
from itertools import cycle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eiraku.models import theory, tokens
from eiraku.models.theory import TheoryError, normalised, parse, without_comments

pytestmark = pytest.mark.slow

SAMPLE = """/* What is modelled. /* Nested. */
   The adversary: see http://example.org for */
theory Sample begin
builtins: hashing, natural-numbers
functions: seal/2 [private], end_of/1
equations: end_of(<x, y>) = y
macros: both(x, y) = <x, y>, twice(x) = both(x, x)
predicates: Same(x, y) <=> x = y,
  Kept(x) <=> Ex #i. Keeps(x)@i

heuristic: C {careful}
tactic: careful
presort: C
prio: {smallest}
  regex "!?Has\\(.*'a'.*//x" & not isFactName "In"
deprio:
  regex ".*/y" | regex "z"

rule Owner_Makes [color=#ff00ff, role="Owner"]:
  let pair = both(~k, 'a]b')   // a bracket in a name
      last = <<pair, pair>, 'in "it"'>
  in
  [ Fr(~k), Fr(~n) ]
  --[ Makes(~k, last)[+], _restrict(not (Ex x #i. Spent(x)@i & x = ~k)), Keeps(~n), ]->
  [ !Has($A, <~k, last>), Next(~k, %1)[no_precomp], Out(seal(~k, '[')) ]

#ifdef no_check & not with_more | two_ways
rule Owner_Spends: [ !Has(A, <k, l>)[+, no_precomp], Next(k, n) ] --[ Spent(k) ]-> []
#else
rule Owner_Spends: [ !Has(A, <k, l>), Next(k, n), In(h(k)) ] --> [ Out(k) ]
#endif

restriction once: "All x #i #j. Spent(x)@i & Spent(x)@#j ==> #i = #j"

/* Far away. */

// A run. EPP-SES-013
/* It is possible. */
lemma runs [output=[spthy], heuristic={careful}]: exists-trace
  "Ex k /* " */ l #i. Makes(k, l) @ #i & not (Ex #j. K(k)@j) // a run
     & Same(k, k)"

lemma made [sources]: "All k l #i. Makes(k, l)@i ==> Ex #j. KU(k)@j | i < j"
lemma kept [reuse, use_induction]: all-traces "All k #i. Spent(k)@i ==> Kept(k)"
lemma late [hide_lemma=kept, reuse]: "All k #i. Spent(k)@i ==> F"
lemma more: "All k l #i. Makes(k, l)@i ==> l = twice(k)"
lemma last_source [sources, reuse]: "All k l #i. Makes(k, l)@i ==> T"
end
"""


def formula(text: str) -> str:
    """A theory with only this formula."""
    return f'theory T begin\nlemma l: "{text}"\nend'


def test_everything_in_the_sample_is_read() -> None:
    read = parse(SAMPLE)
    assert read.name == "Sample"
    assert read.flags == ("no_check", "with_more", "two_ways")
    assert "Nested" in read.header
    assert read.header.rstrip().endswith("for")
    assert read.persistent == {"Has"}
    makes, spends = read.rules
    assert makes == theory.Rule(
        name="Owner_Makes",
        premises=frozenset({"Fr"}),
        actions=frozenset({"Makes", "Keeps"}),
        conclusions=frozenset({"Has", "Next", "Out"}),
    )
    assert spends.actions == frozenset()
    assert [each.name for each in read.restrictions] == ["Restr_Owner_Makes_1", "once"]
    assert read.restrictions[0].actions == {"Spent"}
    runs = read.lemmas[0]
    assert runs.quantifier == "exists-trace"
    assert runs.attributes == ("output=[spthy]", "heuristic={careful}")
    assert runs.actions == {"Makes"}
    assert runs.formula == "Ex k l #i. Makes(k, l) @ #i & not (Ex #j. K(k)@j) & Same(k, k)"
    assert runs.definitions == ("Same ( x , y ) <=> x = y",)
    assert runs.comment == "A run. EPP-SES-013\nIt is possible."
    assert read.lemma("made").quantifier == "all-traces"  # type: ignore[union-attr]
    assert read.lemma("made").actions == {"Makes"}  # type: ignore[union-attr]
    assert read.lemma("more").definitions == (  # type: ignore[union-attr]
        "both ( x , y ) = < x , y >",
        "twice ( x ) = both ( x , x )",
    )


@pytest.mark.parametrize(
    ("flags", "taken"),
    (
        ((), False),
        (("no_check",), True),
        (("with_more",), False),
        (("no_check", "with_more"), False),
        (("two_ways",), True),
        (("no_check", "with_more", "two_ways"), True),
    ),
)
def test_branches_are_chosen_as_the_prover_does(flags: tuple[str, ...], *, taken: bool) -> None:
    read = parse(SAMPLE, flags=frozenset(flags))
    assert ("Spent" in read.rules[1].actions) is taken
    assert read.digest == parse(SAMPLE).digest


def test_what_the_prover_takes_for_granted() -> None:
    """Above: what may be reused and is not hidden. Anywhere: what refines the sources."""
    read = parse(SAMPLE)
    assert {lemma.name: read.assumed_by(lemma.name) for lemma in read.lemmas} == {
        "runs": ("made", "last_source"),
        "made": (),
        "kept": ("made", "last_source"),
        "late": ("made", "last_source"),
        "more": ("made", "kept", "late", "last_source"),
        "last_source": (),
    }
    assert read.assumed_by("nothing") == ()


RULE = "rule R: [ Fr(~k) ] --> [ Out(~k) ]"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    (
        ("theory T begin\nend\nrule", 3, "ignores what follows"),
        ("theory T begin\n", 2, "the file ends"),
        ("theory T begin\n/* /* */\nend", 2, "not closed"),
        ("theory T begin\n\n*/ end", 3, "without /*"),
        ("theory T configuration: x begin end", 1, "expected 'begin'"),
        ('theory T begin\n#include "x"\nend', 2, "expected an item"),
        ("theory T begin\n#define x\nend", 2, "expected an item"),
        ('theory T begin\naxiom a: "T"\nend', 2, "'axiom' begins no item"),
        ("theory T begin\nprocess: 0\nend", 2, "'process' begins no item"),
        ("theory T begin\ntext{* words *}\nend", 2, "'text' begins no item"),
        ('theory T begin\nheuristic: o "oracle"\nend', 2, "outside the theory"),
        ('theory T begin\nlemma l [reusable]: "T"\nend', 2, "attribute 'reusable'"),
        ('theory T begin\nlemma l [heuristic=O]: "T"\nend', 2, "attribute 'heuristic=O'"),
        ('theory T begin\nlemma l: "T"\nby sorry\nend', 3, "'by' begins no item"),
        ('theory T begin\nlemma l: ""\nend', 2, "empty"),
        ('theory T begin\nlemma l: "T\n\nend', 4, "closing"),
        ('theory T begin\nlemma l: "T"\nlemma l: "F"\nend', 3, "twice"),
        (f"theory T begin\n{RULE}\n{RULE}\nend", 3, "twice"),
        ("theory T begin\nrule (modulo AC) R: [] --> []\nend", 2, "name of the rule"),
        ("theory T begin\nrule R: [ fr(~k) ] --> []\nend", 2, "no name of a fact"),
        ("theory T begin\nrule R: [ Fr(~k] --> []\nend", 2, "')'"),
        ("theory T begin\nrule R: [ Fr(~k) ] -> []\nend", 2, "expected '--['"),
        ("theory T begin\nrule R: [ A('b) ] --> []\nend", 2, "stands alone"),
        ("theory T begin\nrule R: [ A('//b') ] --> []\nend", 2, "begins like a comment"),
        (
            "theory T begin\nrule R: [] --> [ A('b') ]\nrule S: [ A('b', 'c') ] --> []\nend",
            3,
            "2 terms here and 1",
        ),
        ("theory T begin\nrule R: [] --> [ A('b') ]\nrule S: [ !A('b') ] --> []\nend", 3, "persistent"),
        ("theory T begin\nrule R: [] --[ A('b') ]-> []\nlemma l: \"Ex #i. A()@i\"\nend", 3, "0 terms here"),
        ("theory T begin\n#ifdef a\n#ifdef b\n#endif\n#endif\nend", 3, "misreads"),
        ("theory T begin\n#ifdef a\nend", 2, "not closed"),
        ("theory T begin\n#endif\nend", 2, "without #ifdef"),
        ("theory T begin\n#ifdef a\n#else\n#else\n#endif\nend", 4, "second #else"),
        ("theory T begin\n#ifdef nothing\n#endif\nend", 2, "no flag may begin with 'not'"),
        ("theory T begin\n#ifdef a b\n#endif\nend", 2, "#ifdef reads"),
        ("theory T begin\n#ifdef a &\n#endif\nend", 2, "#ifdef reads"),
        ("theory T begin\n#ifdef (a)\n#endif\nend", 2, "#ifdef reads"),
        ("theory T begin\n#ifdef a\n#endif a\nend", 3, "alone on its line"),
        ("theory T begin\n#ifdef a\n// up to #endif\n#endif\nend", 3, "even in a comment"),
        ('theory T begin\ntactic: t\nprio: regex2 "x"\nend', 3, "not understood in a tactic"),
        ("theory T begin\nmacros: 3 + 4\nend", 2, "expected NAME(VARIABLES)"),
    ),
)
def test_what_is_not_understood_is_refused_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(TheoryError, match=rf"^line {line}: .*{re.escape(said)}"):
        parse(text)


def test_an_unknown_flag_and_an_unknown_theory_are_refused() -> None:
    with pytest.raises(TheoryError, match="no flag nope; its flags are: no_check"):
        parse(SAMPLE, flags=frozenset({"nope"}))
    with pytest.raises(TheoryError, match="there is no theory nope"):
        theory.source("nope")


def test_text_without_comments_keeps_every_place() -> None:
    plain = without_comments(SAMPLE)
    assert len(plain) == len(SAMPLE)
    assert "Nested" not in plain
    assert "http" not in plain
    assert plain.index("rule Owner_Makes") == SAMPLE.index("rule Owner_Makes")
    assert "'a'.*//x\"" in plain  # a pattern of a tactic is no comment


WORDS = [
    token.text for token in tokens.tokens(without_comments(SAMPLE[SAMPLE.index("All x") :].partition('"')[0]))
]
SPACE = st.sampled_from((" ", "\n", "\t ", " /* a /* b */ ' \" */", " // c ' \"\n", "\n\n"))


@given(st.lists(SPACE, min_size=1, max_size=9))
@settings(max_examples=50, deadline=None)
def test_layout_does_not_change_a_digest(spaces: list[str]) -> None:
    text = "".join(map("".join, zip(WORDS, cycle(spaces), strict=False)))
    read, plain = (parse(formula(each)) for each in (text, " ".join(WORDS)))
    assert read.lemmas[0].digest == plain.lemmas[0].digest
    assert read.digest == plain.digest


@given(st.lists(SPACE, min_size=1, max_size=9))
@settings(max_examples=50, deadline=None)
def test_layout_of_the_whole_file_does_not_change_its_digest(spaces: list[str]) -> None:
    space = cycle(spaces)
    lines = normalised(without_comments(SAMPLE)).split("\n")
    pieces = []
    for line in lines:
        words = [line] if line.startswith("#") else [token.text for token in tokens.tokens(line)]
        pieces += ["\n", *(word + next(space) for word in words[:-1]), words[-1]]
    assert parse("".join(pieces) + "\n").digest == parse(SAMPLE).digest


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_changed_character_of_a_formula_changes_its_digest(data: st.DataObject) -> None:
    """Or the theory cannot be read any more."""
    text = (
        "All x y #i #j. Spent(x, 'a b')@i & Spent(y, ~x)@#j ==> not (x = y) | (Ex #k. K(<x, y>)@k & #k < #i)"
    )
    at = data.draw(st.sampled_from([at for at, sign in enumerate(text) if sign != " "]))
    other = data.draw(
        st.characters(min_codepoint=33, max_codepoint=126).filter(lambda sign: sign != text[at])
    )
    try:
        changed = parse(formula(text[:at] + other + text[at + 1 :]))
    except TheoryError:
        return
    assert changed.lemmas[0].digest != parse(formula(text)).lemmas[0].digest


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_changed_character_of_a_rule_changes_the_digest(data: st.DataObject) -> None:
    start, end = SAMPLE.index("rule Owner_Makes"), SAMPLE.index("#ifdef")
    within = [
        at
        for at in range(start, end)
        if SAMPLE[at] != " " and not SAMPLE.startswith("//", SAMPLE.rfind("  ", 0, at) + 2)
    ]
    comment = range(SAMPLE.index("// a bracket"), SAMPLE.index("\n      last"))
    at = data.draw(st.sampled_from([at for at in within if at not in comment and SAMPLE[at] != "\n"]))
    other = data.draw(
        st.characters(min_codepoint=33, max_codepoint=126).filter(lambda sign: sign != SAMPLE[at])
    )
    try:
        changed = parse(SAMPLE[:at] + other + SAMPLE[at + 1 :])
    except TheoryError:
        return
    assert changed.digest != parse(SAMPLE).digest


@pytest.mark.parametrize(
    ("old", "new"),
    (
        ("Same(x, y) <=> x = y", "Same(x, y) <=> y = y"),
        ("lemma runs [output=[spthy], ", "lemma runs ["),
        ("exists-trace\n", "all-traces\n"),
    ),
)
def test_what_a_lemma_means_is_part_of_its_digest(old: str, new: str) -> None:
    assert parse(SAMPLE).lemmas[0].digest != parse(SAMPLE.replace(old, new)).lemmas[0].digest


def test_a_macro_behind_a_macro_is_part_of_the_digest() -> None:
    other = SAMPLE.replace("both(x, y) = <x, y>", "both(x, y) = <y, x>")
    assert parse(SAMPLE).lemma("more").digest != parse(other).lemma("more").digest  # type: ignore[union-attr]
    assert parse(SAMPLE).lemma("kept").digest == parse(other).lemma("kept").digest  # type: ignore[union-attr]


def every_text() -> list[tuple[str, str]]:
    return [("sample", SAMPLE), *((name, theory.source(name)) for name in theory.names())]


def called(read: theory.Theory) -> dict[str, list[str]]:
    return {
        "rule": sorted(each.name for each in read.rules),
        "lemma": sorted(each.name for each in read.lemmas),
        "restriction": sorted(each.name for each in read.restrictions),
    }


@pytest.mark.parametrize(("name", "text"), every_text(), ids=[name for name, _ in every_text()])
def test_another_parser_finds_the_same_names(name: str, text: str) -> None:
    """The oracle does not evaluate flags and stumbles over an embedded restriction and a last comma."""
    import tree_sitter  # noqa: PLC0415
    import tree_sitter_spthy  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # how it hands over its grammar
        parser = tree_sitter.Parser(tree_sitter_spthy.language())
    read = parse(text)
    for flags in (frozenset[str](), *(frozenset({flag}) for flag in read.flags)):
        chosen = tokens.preprocessed(text, without_comments(text), flags)
        tree = parser.parse(re.sub(r", _restrict\(.*, (?=])", "", chosen).encode())
        assert not tree.root_node.has_error
        found: dict[str, list[str]] = {"rule": [], "lemma": [], "restriction": []}
        waiting = [tree.root_node]
        while waiting:
            node = waiting.pop()
            for kind, names in found.items():
                identifier = node.child_by_field_name(f"{kind}_identifier")
                if identifier is not None and identifier.text is not None:
                    names.append(identifier.text.decode())
            waiting += node.children
        expected = called(parse(text, flags=flags))
        expected["restriction"] = [each for each in expected["restriction"] if not each.startswith("Restr_")]
        assert {kind: sorted(names) for kind, names in found.items()} == expected, name


@pytest.mark.skipif(shutil.which("tamarin-prover") is None, reason="the prover is not installed here")
@pytest.mark.parametrize(("name", "text"), every_text(), ids=[name for name, _ in every_text()])
def test_the_prover_finds_the_same_names(name: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / f"{name}.spthy"
    file.write_text(text, encoding="utf-8")
    flag = next(iter(parse(text).flags), None)
    for flags in ((), (flag,)) if flag else ((),):
        command = ["tamarin-prover", "--parse-only", "--quiet", *(f"-D{each}" for each in flags), str(file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        found = {
            kind: sorted(re.findall(rf"^{kind} (?:\(modulo E\) )?(\w+)", done.stdout, re.MULTILINE))
            for kind in ("rule", "lemma", "restriction")
        }
        assert found == called(parse(text, flags=frozenset(flags)))
