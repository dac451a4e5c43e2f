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

    `code` is its ERR_CODE; `text` is the diagnosis of code 1, else empty; `suites` are the peer's suites of
    code 2, else empty.
    """

    def __init__(self, code: int, text: str = "", suites: tuple[int, ...] = ()) -> None:
        super().__init__(f"peer sent EDHOC error {code} {text or suites or ''}".rstrip())
        self.code = code
        self.text = text
        self.suites = suites


def unspecified(text: str) -> bytes:
    """Error with ERR_CODE 1 and `text` as ERR_INFO."""
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


def raise_peer_error(items: tuple[cbor.Item, ...]) -> None:
    """Raise PeerError if the sequence is an error message, Refusal MALFORMED if it is a bad one.

    Messages 2 to 4 begin with a byte string, an error with an integer: so the two cannot be confused.
    """
    if not items or type(items[0]) is not int:
        return
    match items:
        case (int(code), str(text)) if code == UNSPECIFIED:
            raise PeerError(code, text)
        case (int(code), info) if code == WRONG_SUITE and (suites := parse_suites(info)) is not None:
            raise PeerError(code, suites=suites)
        # EPP-SES-018: whatever else it says; 0 is reserved for success and never sent
        case (int(code), _) if code != 0:
            raise PeerError(code)
    # EPP-ENC-008
    raise Refusal(Code.MALFORMED, "EPP-ENC-008", "EDHOC error of another shape")
