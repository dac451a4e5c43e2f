"""What is claimed about a theory: for each lemma the verdict it must have, for each removed check what falls.

A manifest is a TOML file beside its theory. It pins the digest of every formula, so that a lemma that was
weakened until it is true is not taken for the one that was claimed.
"""

import tomllib
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Final, Literal

import msgspec

from eiraku.models.theory import folder
from eiraku.spec.errors import Refused

Search = Literal["DFS", "SEQDFS"]
"""How the prover looks for traces: ever deeper, all branches at each depth; or one branch to its end after
the other, which finds long traces sooner and may follow one branch for ever. It changes no verdict.
"""
FLAWED: Final = ("annex_2007",)
"""Theories of designs that are not ours: their lemmas may be claimed to be false."""


class ManifestError(Refused):
    """A manifest that cannot be read; the message says which file, and what was expected."""


class Claim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One lemma."""

    name: str
    says: str
    """The property, for a reader who does not read Tamarin."""
    verdict: Literal["verified", "falsified"]
    quantifier: Literal["all-traces", "exists-trace"]
    requirements: tuple[str, ...]
    assumes: tuple[str, ...] = ()
    """Lemmas that the prover takes for granted here; this one counts only if they are all proved."""
    formula: str = ""
    """Digest of the lemma, see `Lemma.digest`."""
    weakness: str = ""
    """W-n of the 2007 design, where the verdict is "falsified"."""
    attack: str = ""
    """What the trace shows, in words."""
    search: Search | None = None
    """Where it is another than that of the manifest."""


class Removed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One protective check, and the theory without it."""

    name: str
    """The flag."""
    check: str
    requirements: tuple[str, ...]
    falls: tuple[str, ...] = ()
    """Lemmas that are false without the check, each with a trace."""
    attack: str = ""
    stays: str = ""
    """If nothing falls: why the check is kept."""
    mutants: tuple[str, ...] = ()
    """Wallets without this check (`eiraku mutants`)."""
    tests: tuple[str, ...] = ()
    """Checks of the suite that replay the trace, as `module::function`."""
    search: Search | None = None
    """Where it is another than that of the manifest."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is claimed about one theory."""

    title: str
    search: Search = "DFS"
    lemma: tuple[Claim, ...]
    removed: tuple[Removed, ...] = ()

    def claim(self, name: str) -> Claim | None:
        """The claim about the lemma of that name."""
        return next((claim for claim in self.lemma if claim.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One call of the prover: one lemma of one theory under at most one flag."""

    theory: str
    lemma: str
    flag: str | None
    expected: str


def load(theory: str, *, within: Traversable | None = None) -> Manifest:
    """The manifest of a theory, from the package or another folder. Raises ManifestError."""
    file = (within or folder()) / f"{theory}.toml"
    if not file.is_file():
        raise ManifestError(f"theory {theory} has no manifest {theory}.toml beside it")
    return parse(file.read_text(encoding="utf-8"), name=f"{theory}.toml")


def parse(text: str, *, name: str) -> Manifest:
    """Read a manifest; `name` is for messages. Raises ManifestError."""
    try:
        return msgspec.convert(tomllib.loads(text), Manifest)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ManifestError(f"{name}: {error}") from error


def jobs(theory: str, manifest: Manifest) -> tuple[Job, ...]:
    """Everything that the prover must be asked about a theory: each lemma, then each removed check.

    A check whose removal breaks nothing is asked for every lemma that must hold on all traces.
    """
    plain = [Job(theory=theory, lemma=c.name, flag=None, expected=c.verdict) for c in manifest.lemma]
    removed = [
        Job(theory=theory, lemma=lemma, flag=each.name, expected="falsified")
        for each in manifest.removed
        for lemma in each.falls
    ]
    harmless = [
        Job(theory=theory, lemma=claim.name, flag=each.name, expected="verified")
        for each in manifest.removed
        if not each.falls
        for claim in manifest.lemma
        if claim.quantifier == "all-traces"
    ]
    return (*plain, *removed, *harmless)
