"""The digests of the formulas, in the manifests: ``eiraku maintain pins --write``.

Only the `formula` lines of a manifest change. Each formula that changed is shown with its old and its new
digest, so that nobody pins a weaker lemma unseen.
"""

import re
from pathlib import Path
from typing import Final

from eiraku.models import manifest, theory
from eiraku.models.manifest import ManifestError
from eiraku.models.theory import Theory

_TABLE: Final = re.compile(r"^[ \t]*\[", re.MULTILINE)
_LEMMA: Final = re.compile(r"^[ \t]*\[\[[ \t]*lemma[ \t]*\]\]", re.MULTILINE)
_NAME: Final = re.compile(r"^[ \t]*name[ \t]*=[ \t]*\"(\w+)\"", re.MULTILINE)
_FORMULA: Final = re.compile(r"^([ \t]*formula[ \t]*=[ \t]*)\"([0-9a-f]*)\"", re.MULTILINE)


def pinned(text: str, read: Theory, *, name: str) -> tuple[str, tuple[str, ...]]:
    """The manifest `text` with the digests of this theory's lemmas, and the names of those that changed.

    Raises ManifestError where the text is not laid out so that this can be done by lines.
    """
    manifest.parse(text, name=name)
    starts = [match.start() for match in _TABLE.finditer(text)]
    parts, changed, at = [], [], 0
    for match in _LEMMA.finditer(text):
        end = min((start for start in starts if start > match.start()), default=len(text))
        block = text[match.start() : end]
        named = _NAME.search(block)
        if named is None:
            raise ManifestError(f'{name}: a [[lemma]] has no line name = "..."')
        lemma = read.lemma(named[1])
        if lemma is None:
            continue
        said = _FORMULA.search(block)
        if said is None:
            fresh = f'{block[: named.end()]}\nformula = "{lemma.digest}"{block[named.end() :]}'
        else:
            fresh = f'{block[: said.start()]}{said[1]}"{lemma.digest}"{block[said.end() :]}'
        if said is None or said[2] != lemma.digest:
            changed.append(lemma.name)
            parts += [text[at : match.start()], fresh]
            at = end
    fresh = "".join(parts) + text[at:]
    claims = manifest.parse(fresh, name=name)
    for lemma in read.lemmas:
        claim = claims.claim(lemma.name)
        if claim is not None and claim.formula != lemma.digest:
            raise ManifestError(
                f"{name}: lemma {lemma.name} could not be pinned; write its fields line by line"
            )
    return fresh, tuple(changed)


def pin(name: str, folder: Path) -> tuple[str, tuple[str, ...]]:
    """The manifest of one theory in `folder`, pinned; and for people an entry for each changed formula.

    Raises TheoryError or ManifestError.
    """
    file = folder / f"{name}.toml"
    read = theory.load(name, within=folder)
    before = manifest.load(name, within=folder)
    with file.open(encoding="utf-8", newline="") as stream:
        text = stream.read()
    fresh, changed = pinned(text, read, name=file.name)
    report = []
    for lemma in read.lemmas:
        claim = before.claim(lemma.name)
        if lemma.name in changed and claim is not None:
            attributes = f" [{', '.join(lemma.attributes)}]" if lemma.attributes else ""
            said = "\n".join((f"{lemma.quantifier} {lemma.formula}", *lemma.definitions))
            report.append(
                f"{name}/{lemma.name}{attributes}\n  was {claim.formula or 'not pinned'}\n"
                f"  now {lemma.digest}\n" + "".join(f"    {line}\n" for line in said.splitlines())
            )
    return fresh, tuple(report)
