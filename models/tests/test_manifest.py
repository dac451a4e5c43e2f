"""A manifest says what the prover is asked; what it does not know it refuses."""

import pytest

from eiraku.models import manifest
from eiraku.models.manifest import Job, ManifestError

TEXT = """title = "T"
[[lemma]]
name = "possible"
says = "It happens."
verdict = "verified"
quantifier = "exists-trace"
requirements = []
[[lemma]]
name = "safe"
says = "It is safe."
verdict = "verified"
quantifier = "all-traces"
requirements = ["EPP-SES-013"]
[[lemma]]
name = "sound"
says = "It is sound."
verdict = "verified"
quantifier = "all-traces"
requirements = ["EPP-SES-013"]
[[removed]]
name = "no_check"
check = "A check."
requirements = ["EPP-SES-013"]
falls = ["safe"]
attack = "An attack."
[[removed]]
name = "no_belt"
check = "Another."
requirements = ["EPP-SES-013"]
stays = "Braces are not enough."
"""


def test_the_prover_is_asked_for_every_lemma_and_every_removed_check() -> None:
    """Where nothing falls, everything on all traces must still hold."""
    read = manifest.parse(TEXT, name="t.toml")
    assert manifest.jobs("t", read) == (
        Job(theory="t", lemma="possible", flag=None, expected="verified"),
        Job(theory="t", lemma="safe", flag=None, expected="verified"),
        Job(theory="t", lemma="sound", flag=None, expected="verified"),
        Job(theory="t", lemma="safe", flag="no_check", expected="falsified"),
        Job(theory="t", lemma="safe", flag="no_belt", expected="verified"),
        Job(theory="t", lemma="sound", flag="no_belt", expected="verified"),
    )
    assert read.claim("sound") is not None
    assert read.claim("other") is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    (
        ('title = "T"', "title = T", "Invalid value"),
        ('title = "T"', "", "missing required field `title`"),
        ('says = "It is safe."', "", "missing required field `says`"),
        ('falls = ["safe"]', 'fails = ["safe"]', "unknown field `fails`"),
        ('falls = ["safe"]', 'falls = "safe"', "Expected `array`"),
        ('quantifier = "exists-trace"', 'quantifier = "exists"', "Invalid enum value 'exists'"),
        ('verdict = "verified"', 'verdict = "incomplete"', "Invalid enum value 'incomplete'"),
    ),
)
def test_what_is_not_a_manifest_is_refused_with_the_name_of_the_file(old: str, new: str, said: str) -> None:
    with pytest.raises(ManifestError, match=rf"^t\.toml: .*{said}"):
        manifest.parse(TEXT.replace(old, new, 1), name="t.toml")


def test_a_theory_without_manifest_is_named() -> None:
    with pytest.raises(ManifestError, match=r"theory nope has no manifest nope\.toml"):
        manifest.load("nope")
