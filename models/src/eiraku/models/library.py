"""The folder of the theories, with what was recorded about them.

theories/NAME.spthy and NAME.toml are written by people; evidence/NAME.json, proofs/NAME.spthy and
attacks/NAME/*.json are written by `eiraku prove --record` only.
"""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from eiraku.models import manifest, theory
from eiraku.models.manifest import Claim, Job, Manifest, Removed, Search
from eiraku.models.theory import Theory

PACKAGE = Path(str(files("eiraku.models")))
"""The folder that this package was loaded from: in a checkout, the source tree."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One theory and what is claimed about it."""

    name: str
    text: str
    manifest: Manifest
    _parsed: dict[str | None, Theory] = field(default_factory=dict, repr=False, compare=False)

    def theory(self, flag: str | None = None) -> Theory:
        """The theory under that flag. Raises TheoryError."""
        if flag not in self._parsed:
            self._parsed[flag] = theory.parse(self.text, flags=frozenset({flag} if flag else ()))
        return self._parsed[flag]

    @cached_property
    def jobs(self) -> tuple[Job, ...]:
        """Everything that is claimed, see `manifest.jobs`."""
        return manifest.jobs(self.name, self.manifest)

    def search(self, job: Job) -> Search:
        """How the prover looks for traces in this job."""
        own: Claim | Removed | None = self.manifest.claim(job.lemma)
        if job.flag is not None:
            own = next((each for each in self.manifest.removed if each.name == job.flag), None)
        return (own.search if own else None) or self.manifest.search

    def assumed(self, job: Job) -> tuple[str, ...]:
        """Lemmas that the prover takes for granted in this job, by the manifest or by the theory.

        None where a trace is found: a trace is one of the rules, whatever the prover assumed to find it.
        Raises TheoryError.
        """
        claim = self.manifest.claim(job.lemma)
        parsed = self.theory(job.flag)
        lemma = parsed.lemma(job.lemma)
        exists = "exists-trace" in {claim.quantifier if claim else "", lemma.quantifier if lemma else ""}
        if exists == (job.expected == "verified"):
            return ()
        return tuple(dict.fromkeys((*(claim.assumes if claim else ()), *parsed.assumed_by(job.lemma))))


def subjects(folder: Path) -> Iterator[tuple[str, Subject | str]]:
    """Every theory by its name; in words why it cannot be used, if so."""
    for name in theory.names(within=folder / "theories"):
        try:
            yield name, subject(folder, name)
        except (theory.TheoryError, manifest.ManifestError, UnicodeDecodeError) as error:
            yield name, f"{name}: {error}"


def subject(folder: Path, name: str) -> Subject:
    """The theory of that name; under each flag it can be read. Raises TheoryError, ManifestError."""
    within = folder / "theories"
    made = Subject(
        name=name, text=theory.source(name, within=within), manifest=manifest.load(name, within=within)
    )
    for flag in (None, *(each.name for each in made.manifest.removed)):
        made.theory(flag)
    return made


def write(path: Path, content: bytes) -> None:
    """Put a file in its place in one step, so that an interrupted run leaves the old one. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
