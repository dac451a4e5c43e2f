"""`python -m eiraku.models.pin [THEORY ...]`: write the digests of the formulas into the manifests.

Only the `formula` lines of a manifest change. Each formula that changed is printed with its old and its new
digest, so that nobody pins a weaker lemma unseen.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from eiraku.models import manifest, theory
from eiraku.models.manifest import ManifestError
from eiraku.models.theory import Theory, TheoryError

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


def pin(name: str, folder: Path) -> tuple[str, ...]:
    """Pin one theory in a folder; gives a report for people, one entry for each changed formula.

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
    if changed:
        file.write_text(fresh, encoding="utf-8", newline="")
    return tuple(report)


def main(arguments: Sequence[str]) -> int:
    """Pin the named theories of this checkout, or all; 0 done, 1 something cannot be read, 2 misuse."""
    folder = Path(__file__).with_name("theories")
    if any(argument.startswith("-") for argument in arguments):
        print("usage: python -m eiraku.models.pin [THEORY ...]", file=sys.stderr)
        return 2
    code = 0
    for name in arguments or theory.names(within=folder):
        try:
            report = pin(name, folder)
        except (TheoryError, ManifestError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            code = 1
            continue
        print("\n".join((*report, f"{name}: {len(report)} formulas changed")))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
