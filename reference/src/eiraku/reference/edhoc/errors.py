"""EDHOC error messages (RFC 9528 section 6): what we send, and what a peer sent."""

from eiraku.spec import cbor
from eiraku.spec.errors import Code, Refusal, Refused

UNSPECIFIED = 1
WRONG_SUITE = 2


class SuiteRefused(Refusal):
    """The selected suite is refused; `suites` are the ones supported here, most preferred first.

    Answer it with `wrong_suite(refusal.suites)`.
    """

    def __init__(self, requirement: str, suites: tuple[int, ...], detail: str) -> None:
        super().__init__(Code.SUITE, requirement, detail)
        self.suites = suites


class PeerError(Refused):
    """The peer sent an EDHOC error instead of the next message: the handshake is over, nothing is answered.

    `code` is its ERR_CODE, None if it cannot be read; `text` is the diagnosis of code 1, else empty; `suites`
    are the peer's suites of code 2, else empty.
    """

    def __init__(self, code: int | None, text: str = "", suites: tuple[int, ...] = ()) -> None:
        named = "" if code is None else f" {code}"
        super().__init__(f"peer sent EDHOC error{named} {text or suites or ''}".rstrip())
        self.code = code
        self.text = text
        self.suites = suites


def unspecified(text: str = "") -> bytes:
    """Error with ERR_CODE 1 and `text` as ERR_INFO; a purse says nothing (EPP-SES-016)."""
    return cbor.encode_sequence(UNSPECIFIED, text)


def wrong_suite(suites: tuple[int, ...]) -> bytes:
    """Error with ERR_CODE 2 and SUITES_R."""
    return cbor.encode_sequence(WRONG_SUITE, suites_item(suites))


def suites_item(suites: tuple[int, ...]) -> cbor.Item:
    """`suites` as RFC 9528 encodes them: an integer if one, an array if more. Raises ValueError if none."""
    if not suites:
        raise ValueError("no cipher suite")
    return suites[0] if len(suites) == 1 else suites


def parse_suites(item: cbor.Item) -> tuple[int, ...] | None:
    """The inverse of `suites_item`; None if `item` has another shape."""
    if type(item) is int:
        return (item,)
    if isinstance(item, tuple) and len(item) >= 2:
        suites = tuple(n for n in item if type(n) is int)
        return suites if len(suites) == len(item) else None
    return None


def begins_with_integer(data: bytes) -> bool:
    """Whether the first item is an integer, well-formed or not: an error where a byte string is due."""
    return data[:1] < b"\x40" and data != b""


def peer_error(data: bytes) -> PeerError | None:
    """The error that a sequence of two items is (RFC 9528 section 6); None if `data` is something else."""
    try:
        items = cbor.decode_sequence(data)
    except Refusal:
        return None
    match items:
        case (int(code), str(text)) if code == UNSPECIFIED and type(code) is int:
            return PeerError(code, text)
        case (int(code), info) if code == WRONG_SUITE and (suites := parse_suites(info)) is not None:
            return PeerError(code, suites=suites)
        case (int(code), _) if type(code) is int:
            return PeerError(code)
    return None
