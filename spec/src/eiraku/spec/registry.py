"""The requirements of the specification as data.

The chapters `spec/*.md` are the only source. `parse` reads them strictly, `eiraku maintain registry --write`
stores the result beside this module as `registry.json`, and `load` gives it back wherever the package is
installed.

A requirement in a chapter is a heading of level four and paragraphs, each field in its own::

    #### EPP-SES-007 MUST

    The normative text, one or more paragraphs.

    *Why:* one paragraph of rationale.

    *Applies to:* `suite-0`       (optional: a capability, only wallets that declare it are held to this)
    *Not tested:* reason          (optional: why no black-box test can show it; `about ...`: not of wallets)
    *Proved:* session/initiator_agrees, smt/custody     (optional: lemmas of the models that support it)

`eiraku maintain claims --write` writes *Proved*: a theory and its lemma, or `smt` and a proof by the
solver.

A requirement ends at the next heading. Reflowing a paragraph changes nothing: a line break inside one counts
as a space.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from eiraku.spec.errors import Refused

CHAPTER_OF_AREA: Final[Mapping[str, str]] = MappingProxyType(
    {
        "GEN": "01-scope",
        "ENC": "02-encoding",
        "KEY": "03-keys",
        "PID": "03-keys",
        "UNI": "04-units",
        "HIS": "04-units",
        "BUL": "04-units",
        "SES": "05-session",
        "REC": "06-records",
        "TRF": "07-transfer",
        "CRS": "08-recovery",
        "POL": "09-policy",
        "ERR": "10-errors",
        "SEC": "11-security",
        "CEN": "12-centres",
        "DEV": "13-device-centre",
        "VLT": "14-vaults",
        "WHS": "15-wholesale",
        "SVC": "16-services",
    }
)
"""The one chapter (file name without `.md`) in which requirements of an area may stand."""

KEYWORDS: Final = ("MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY")
SPECIFICATION: Final = "EPP/1"

_ID = re.compile(r"EPP-([A-Z]{3})-(\d{3})")
_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*$")
_FENCE = re.compile(r"\s*(```|~~~)")
_FIELD = re.compile(r"\*(Why|Applies to|Not tested|Proved):\*\s*", re.DOTALL)
_LAID_OUT = re.compile(r"\s*([-+*]\s|\d+\.\s|\||```|~~~|>|:::)")  # lists, tables, code: line breaks matter
_FIELD_ORDER = ("Why", "Applies to", "Not tested", "Proved")
_LEMMA = re.compile(r"[a-z][a-z0-9_]*/[a-z][a-z0-9_-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One numbered requirement. Texts are Markdown without the field labels."""

    id: str
    """Stable and opaque, such as `EPP-SES-007`; never reused."""
    keyword: str
    """One of `KEYWORDS`, in the sense of BCP 14."""
    chapter: str
    """File name of the chapter without `.md`."""
    anchor: str
    """Fragment of its heading in a rendered chapter."""
    text: str
    why: str
    applies_to: str | None
    """Capability a wallet has to declare to be held to this; None: every wallet."""
    not_tested: str | None
    """Why no black-box test shows it; None: at least one test of the suite must name it."""
    proved: tuple[str, ...] = ()
    """Lemmas that support it, as `theory/lemma`, in ascending order; the models hold what they say."""

    @property
    def area(self) -> str:
        """The three letters in the middle of the id."""
        return self.id[4:7]

    @property
    def about_wallets(self) -> bool:
        """Whether it is about wallets, and not about centres, services or the specification itself."""
        return not (self.not_tested or "").startswith("about ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A defect of a chapter. `line` counts from 1."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


class ChapterError(Refused):
    """The chapters do not follow the format; `problems` holds every defect, in order of file and line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """Neighbouring lines without a blank one between them, or one heading (`level` 1 to 6; otherwise 0)."""

    line: int
    level: int
    text: str


def _blocks(source: str) -> Iterator[_Block]:
    """Cut Markdown into headings and paragraphs; a fenced block is one paragraph, whatever it holds."""
    held: list[str] = []
    start = 0
    fence = ""
    for number, raw in enumerate(source.splitlines(), start=1):
        line = raw.rstrip()
        mark = _FENCE.match(line)
        if mark and (not fence or mark[1] == fence):
            fence = "" if fence else mark[1]
        heading = None if fence or mark else _HEADING.match(line)
        if held and (heading or (not line and not fence)):
            yield _Block(line=start, level=0, text=_flow(held))
            held = []
        if heading:
            yield _Block(line=number, level=len(heading[1]), text=heading[2])
        elif line or held:
            start = start if held else number
            held.append(line)
    if held:
        yield _Block(line=start, level=0, text=_flow(held))


def _flow(lines: list[str]) -> str:
    """Join the lines of plain prose by spaces; keep the lines of lists, tables and code."""
    if any(_LAID_OUT.match(line) for line in lines):
        return "\n".join(lines)
    return " ".join(line.strip() for line in lines)


class _Parser:
    """Reads chapters one after the other, remembering ids over all of them."""

    def __init__(self) -> None:
        self.requirements: list[Requirement] = []
        self.problems: list[Problem] = []
        self._seen: dict[str, str] = {}

    def chapter(self, name: str, source: str) -> None:
        """Read one chapter; `name` is its file name without `.md`."""
        blocks = list(_blocks(source))
        at = 0
        while at < len(blocks):
            head = blocks[at]
            end = at + 1
            while end < len(blocks) and not blocks[end].level:
                end += 1
            if head.level and head.text.startswith("EPP-"):
                self._requirement(name, head, blocks[at + 1 : end])
            at = end

    def _report(self, name: str, line: int, message: str) -> None:
        self.problems.append(Problem(path=f"spec/{name}.md", line=line, message=message))

    def _requirement(self, name: str, head: _Block, body: list[_Block]) -> None:
        number, _, keyword = head.text.partition(" ")
        self._check_heading(name, head, number, keyword)
        text: list[str] = []
        fields: dict[str, str] = {}
        for block in body:
            field = _FIELD.match(block.text)
            if field:
                self._field(name, block, field, fields)
            elif fields:
                self._report(
                    name,
                    block.line,
                    f"{number}: text after its fields; put it above *Why:* or under a heading of its own",
                )
            else:
                text.append(block.text)
        if not text:
            self._report(name, head.line, f"{number} has no text; write what is required above *Why:*")
        if not fields.get("Why"):
            self._report(name, head.line, f"{number} has no *Why:*; give one paragraph of rationale")
        self.requirements.append(
            Requirement(
                id=number,
                keyword=keyword,
                chapter=name,
                anchor=re.sub(r"[^a-z0-9-]", "", head.text.lower().replace(" ", "-")),
                text="\n\n".join(text),
                why=fields.get("Why", ""),
                applies_to=fields["Applies to"].strip("`") if "Applies to" in fields else None,
                not_tested=fields.get("Not tested"),
                proved=tuple(fields["Proved"].split(", ")) if "Proved" in fields else (),
            )
        )

    def _check_heading(self, name: str, head: _Block, number: str, keyword: str) -> None:
        if head.level != 4:
            self._report(name, head.line, f"{number} is a heading of level {head.level}; use four #")
        if keyword not in KEYWORDS:
            self._report(
                name,
                head.line,
                f"{number} has the unknown keyword {keyword!r}; use one of {', '.join(KEYWORDS)}",
            )
        form = _ID.fullmatch(number)
        if not form:
            self._report(name, head.line, f"{number!r} is no id; the form is EPP-AAA-nnn")
            return
        area = form[1]
        home = CHAPTER_OF_AREA.get(area)
        if home is None:
            known = ", ".join(CHAPTER_OF_AREA)
            self._report(name, head.line, f"{number} has the unknown area {area}; use one of {known}")
        elif home != name:
            self._report(name, head.line, f"{number} stands in {name}; area {area} belongs in {home}")
        if number in self._seen:
            self._report(
                name, head.line, f"{number} is a duplicate; it was first given at {self._seen[number]}"
            )
        self._seen.setdefault(number, f"spec/{name}.md:{head.line}")

    def _field(self, name: str, block: _Block, match: re.Match[str], fields: dict[str, str]) -> None:
        label, value = match[1], block.text[match.end() :].strip()
        if label in fields:
            self._report(name, block.line, f"*{label}:* is given twice")
        elif any(_FIELD_ORDER.index(label) < _FIELD_ORDER.index(earlier) for earlier in fields):
            self._report(
                name, block.line, f"*{label}:* is out of order; the order is {', '.join(_FIELD_ORDER)}"
            )
        if not value:
            self._report(name, block.line, f"*{label}:* is empty; fill it in or leave it out")
        if _FIELD.search(value):
            self._report(
                name, block.line, f"*{label}:* runs into the next field; put a blank line between them"
            )
        if label == "Proved":
            lemmas = value.split(", ")
            if not all(_LEMMA.fullmatch(lemma) for lemma in lemmas) or lemmas != sorted(set(lemmas)):
                self._report(name, block.line, "*Proved:* is a list theory/lemma, theory/lemma, ascending")
        fields[label] = value


def parse(chapters: Mapping[str, str]) -> tuple[Requirement, ...]:
    """Read chapters (file name without `.md` to Markdown source), in the order of their names.

    Raises `ChapterError` with all defects found.
    """
    parser = _Parser()
    for name in sorted(chapters):
        parser.chapter(name, chapters[name])
    if parser.problems:
        raise ChapterError(parser.problems)
    return tuple(parser.requirements)


def read_chapters(folder: Path) -> dict[str, str]:
    """Every `*.md` of `folder` by file name without the suffix."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))}


@cache
def load() -> tuple[Requirement, ...]:
    """All requirements in the order of the chapters, from the packaged `registry.json`."""
    raw = files("eiraku.spec").joinpath("registry.json").read_bytes()
    return msgspec.json.decode(raw, type=_Stored).requirements


@cache
def by_id() -> Mapping[str, Requirement]:
    """The same requirements by id."""
    return MappingProxyType({requirement.id: requirement for requirement in load()})


@cache
def digest() -> str:
    """`digest_of` the packaged requirements."""
    return digest_of(load())


def digest_of(requirements: Sequence[Requirement]) -> str:
    """SHA-256 (64 hex digits) of the requirement set.

    Hashed is its canonical JSON without `proved`: an array of objects, keys sorted, no spaces, UTF-8. A proof
    says something about a requirement and changes nothing for a wallet, so reports stay comparable.
    """
    required = [
        {
            field.name: getattr(requirement, field.name)
            for field in fields(Requirement)
            if field.name != "proved"
        }
        for requirement in requirements
    ]
    return hashlib.sha256(msgspec.json.encode(required, order="sorted")).hexdigest()


class _Stored(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The shape of `registry.json`."""

    specification: str
    requirements: tuple[Requirement, ...]


def render(requirements: Sequence[Requirement]) -> bytes:
    """The bytes of `registry.json`."""
    stored = _Stored(specification=SPECIFICATION, requirements=tuple(requirements))
    return msgspec.json.format(msgspec.json.encode(stored), indent=1) + b"\n"
