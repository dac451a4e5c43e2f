"""Text as reports may show it: nothing a wallet says can move a cursor, end a document or hide a word."""

import re

# C0 and C1 controls but tab and line feed, marks that change the direction of text or cannot be seen, and
# what XML 1.0 (production 2) does not allow. Surrogates stand alone in a Python string.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
_COLOUR = re.compile("\x1b\\[[0-9;:]*m")
_SENTENCE_END = re.compile(r"\.(?=\s+[A-Z`(]|\s*$)")
_CODE_SPAN = re.compile(r"`([^`]+)`")


def visible(text: str) -> str:
    """``text`` with colour codes removed and every other control character written out, ``<U+0007>``.

    Tab and line feed stay. The result is valid in XML, HTML and UTF-8, but not escaped.
    """
    return _HIDDEN.sub(lambda match: f"<U+{ord(match[0]):04X}>", _COLOUR.sub("", text.replace("\r\n", "\n")))


def one_line(text: str) -> str:
    """`visible`, and with every run of white space as one blank."""
    return " ".join(visible(text).split())


def shorten(text: str, limit: int) -> str:
    """At most ``limit`` characters of ``text`` and, if it is longer, how many are missing."""
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text) - limit} characters more)"


def tail(text: str, limit: int) -> str:
    """At most the last ``limit`` characters of ``text`` and, if it is longer, how many are missing."""
    return text if len(text) <= limit else f"({len(text) - limit} characters before)...\n{text[-limit:]}"


def first_sentence(markdown: str) -> str:
    """The first sentence of the first paragraph."""
    paragraph = " ".join(markdown.split("\n\n", 1)[0].split())
    # A stop inside a code span ends nothing: hide spans behind text of the same length.
    masked = _CODE_SPAN.sub(lambda match: f"`{'x' * len(match[1])}`", paragraph)
    end = _SENTENCE_END.search(masked)
    return paragraph[: end.end()] if end else paragraph


def code_spans(markdown: str) -> list[tuple[str, bool]]:
    """``markdown`` in pieces: (text, whether it is code)."""
    return [(piece, bool(at % 2)) for at, piece in enumerate(_CODE_SPAN.split(markdown)) if piece]
