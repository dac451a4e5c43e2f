"""The lexical layer of a Tamarin theory: comments, flags, words.

Everything here keeps the length of a text, so that a position in what is left is one in the file. The
prover's own lexer differs in two places that matter: inside a branch that is not taken it looks for `#else`
and `#endif` even in comments, and it reads a flag that begins with `not` as a negation. Both are refused.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from eiraku.spec.errors import Refused

_QUOTED = r"'[^'\n]*'"
_TACTIC = (
    r"\b(?:regex|isFactName|isInFactTerms|nonAbsurdConstraint|dhreNoise|defaultNoise|reasonableNoncesNoise)"
    r"(?:[ \t]*\"[^\"\n]*\")+"
)
_OUTSIDE = re.compile(rf"{_QUOTED}|{_TACTIC}|//[^\n]*|/\*|\*/")
_INSIDE = re.compile(r"/\*|\*/")
_DIRECTIVE = re.compile(r"^[ \t]*#(ifdef|else|endif)\b([^\n]*)$", re.MULTILINE)
_BRANCH = re.compile(r"#\s*(?:ifdef|else|endif)")
_TOKEN = re.compile(rf"{_TACTIC}|{_QUOTED}|--\[|\]->|-->|==>|<=>|[~$#%]?\w+|\S")
_NAME_OR_SPACE = re.compile(rf"({_TACTIC}|{_QUOTED})|\s+")


class TheoryError(Refused):
    """A theory that cannot be read; the message says where and what was expected."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word or sign, and where it begins (characters from the start of the file)."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment without its marks."""

    text: str
    start: int
    end: int


class Lines:
    """From a position to the number of its line."""

    def __init__(self, text: str) -> None:
        self._starts = [match.end() for match in re.finditer("\n", text)]

    def error(self, at: int, message: str) -> TheoryError:
        """The exception to raise for something at that position."""
        return TheoryError(f"line {bisect_right(self._starts, at) + 1}: {message}")


def comments(text: str) -> tuple[Comment, ...]:
    """All comments, in order; block comments nest, and marks in public names are none. Raises TheoryError."""
    found, at, lines = [], 0, Lines(text)
    while match := _OUTSIDE.search(text, at):
        at = match.end()
        if match[0].startswith("//"):
            found.append(Comment(match[0][2:], match.start(), at))
        elif match[0] == "*/":
            raise lines.error(match.start(), "*/ without /*")
        elif match[0] == "/*":
            depth = 1
            while depth:
                mark = _INSIDE.search(text, at)
                if mark is None:
                    raise lines.error(match.start(), "a comment is not closed")
                depth += 1 if mark[0] == "/*" else -1
                at = mark.end()
            found.append(Comment(text[match.end() : at - 2], match.start(), at))
    return tuple(found)


def without_comments(text: str) -> str:
    """`text` with spaces in place of comments; everything else keeps its place. Raises TheoryError."""
    kept, at = [], 0
    for comment in comments(text):
        kept += [text[at : comment.start], _blank(text[comment.start : comment.end])]
        at = comment.end
    return "".join(kept) + text[at:]


def tokens(plain: str) -> Iterator[Token]:
    """Words and signs of a text without comments."""
    for match in _TOKEN.finditer(plain):
        yield Token(match[0], match.start())


def normalised(plain: str) -> str:
    """Words and signs, one space apart; each directive on its own line. For digests."""
    parts, at = [], 0
    for match in _DIRECTIVE.finditer(plain):
        parts += [plain[at : match.start()], match[0]]
        at = match.end()
    lines = (" ".join(token.text for token in tokens(part)) for part in (*parts, plain[at:]))
    return "\n".join(line for line in lines if line)


def spaced(text: str) -> str:
    """`text` as it was written, but with one space where there was more or a line break. For people."""
    return _NAME_OR_SPACE.sub(lambda match: match[1] or " ", text).strip()


def flags_of(plain: str) -> tuple[str, ...]:
    """Every flag that an #ifdef asks for, in order of appearance. Raises TheoryError."""
    lines = Lines(plain)
    asked = [_asked(match, lines) for match in _DIRECTIVE.finditer(plain) if match[1] == "ifdef"]
    return tuple(dict.fromkeys(flag for any_of in asked for all_of in any_of for flag, _ in all_of))


def preprocessed(text: str, plain: str, flags: frozenset[str]) -> str:
    """`plain`, which is `text` without comments, with only those branches that the prover would keep.

    Branches are flat; what is dropped leaves spaces. Raises TheoryError.
    """
    lines = Lines(text)
    kept: list[str] = []
    taken, turned, opened, at = True, False, -1, 0
    marks = list(_DIRECTIVE.finditer(plain))
    known = {match.start(1) - 1 for match in marks}
    for match in marks:
        part = plain[at : match.start()]
        kept += [part if taken else _blank(part), _blank(match[0])]
        at = match.end()
        if match[1] == "ifdef":
            if opened >= 0:
                raise lines.error(
                    match.start(1),
                    "the prover misreads an #ifdef in an #ifdef; join flags: #ifdef not A & not B",
                )
            taken = any(
                all((flag in flags) is wanted for flag, wanted in each) for each in _asked(match, lines)
            )
            opened = at
        elif match[2].strip():
            raise lines.error(match.start(1), f"#{match[1]} stands alone on its line")
        elif opened < 0:
            raise lines.error(match.start(1), f"#{match[1]} without #ifdef")
        elif match[1] == "else":
            if turned:
                raise lines.error(match.start(1), "a second #else")
            taken, turned = not taken, True
        else:
            for hidden in _BRANCH.finditer(text, opened, match.start(1) - 1):
                if hidden.start() not in known:
                    raise lines.error(
                        hidden.start(), f"the prover takes {hidden[0]} for a directive even in a comment here"
                    )
            taken, turned, opened = True, False, -1
    if opened >= 0:
        raise lines.error(opened, "this #ifdef is not closed")
    return "".join(kept) + plain[at:]


_Asked = list[list[tuple[str, bool]]]
"""Alternatives, each a list of flags with whether they must be set."""


def _asked(match: re.Match[str], lines: Lines) -> _Asked:
    words = re.findall(r"\w+|\S", match[2])
    any_of: _Asked = [[]]
    wanted, atom = True, True
    for word in words:
        if atom and wanted and word == "not":
            wanted = False
        elif atom and re.fullmatch(r"\w+", word) and not word.startswith("not"):
            any_of[-1].append((word, wanted))
            wanted, atom = True, False
        elif not atom and word == "&":
            atom = True
        elif not atom and word == "|":
            any_of.append([])
            atom = True
        else:
            atom = True
            break
    if atom:
        raise lines.error(
            match.start(1),
            "#ifdef reads: FLAG or not FLAG, joined by & and |; no flag may begin with 'not'",
        )
    return any_of


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)
