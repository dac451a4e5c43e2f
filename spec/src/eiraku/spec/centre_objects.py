"""The objects between purses and centres, as values and as payload bytes (chapters 12 to 16).

No cryptography here: `encode` gives the bytes that travel or are signed; `decode` refuses another shape with
MALFORMED. Amounts are in minor units.
"""

from typing import Annotated, TypeAlias

from eiraku.spec import shape
from eiraku.spec.bulletins import UPDATE_MAX
from eiraku.spec.fields import (
    Amount,
    Digest,
    Economy,
    Encoded,
    Epoch,
    Hop,
    Number,
    Signature,
    Transaction,
)
from eiraku.spec.key_lists import LIST_MAX, SCHEME_KEYS_MAX, Key
from eiraku.spec.layout import Count, Octets, OneOf, Place, Text, Uint
from eiraku.spec.objects import PURSE_ID_MAX
from eiraku.spec.record import Record, record

CONTEXT_REQUEST = b"EPP/1 request"
CONTEXT_CHALLENGE = b"EPP/1 challenge"
CONTEXT_SELF_REPORT = b"EPP/1 self-report"

REQUEST_MAX = 131_072
"""Greatest length of a signed request, in bytes (EPP-SVC-004)."""
REPORTED_MAX = 4096
"""Greatest number of units, and of pending transactions, in one self-report (EPP-DEV-006)."""
ISSUED_MAX = 256
"""Greatest number of units in an issue (EPP-CEN-019)."""
CASES_MAX = 100
"""Greatest number of cases in one answer (EPP-SVC-010)."""

Sequence: TypeAlias = Annotated[int, Uint(1, 2**53 - 1)]


@record("EPP-CEN-066")
class Issue(Record):
    """Fresh units for a vault: for each the signed unit and its genesis endorsement (EPP-CEN-012).

    The SHA-256 digest of its encoding stands for the offer digest in the receipt.
    """

    transaction: Transaction
    amount: Amount
    units: Annotated[tuple[tuple[Encoded, Signature], ...], Count(1, ISSUED_MAX)]


@record("EPP-DEV-046")
class Renewed(Record):
    """Answer to the request `renew`: a purse ID and the newest key lists, each as signed."""

    purse_id: Annotated[bytes, Octets(1, PURSE_ID_MAX)]
    device_keys: Annotated[bytes, Octets(1, LIST_MAX)]
    money_keys: Annotated[bytes, Octets(1, LIST_MAX)]


@record("EPP-DEV-048")
class SchemeKeys(Record):
    """Answer to the request `scheme-keys`."""

    keys: Annotated[tuple[Key, ...], Count(1, SCHEME_KEYS_MAX)]


@record("EPP-CEN-032", limit=REQUEST_MAX)
class Claim(Record):
    """A pending transaction whose receipt never came (EPP-CEN-008): what the payer stored of it.

    It is the body of the signed request `claim`. `beneficiary`: the vault whose account is to get the refund.
    """

    offer: Encoded
    endorsements: Annotated[tuple[Signature, ...], Count(1)]
    payee: Number
    beneficiary: Number


@record("EPP-DEV-092")
class Challenge(Record):
    """What the device centre signs to ask a purse for a self-report; also the answer to `challenge`."""

    number: Number
    challenge: Annotated[bytes, Octets(16)]
    epoch: Epoch


@record("EPP-DEV-006", limit=4 * REQUEST_MAX)
class SelfReport(Record):
    """What a purse says of itself when it is inspected (EPP-DEV-006), over a challenge.

    `units`: (unit_id, hop) of each spendable unit, ascending; `pending`: (transaction, payee, amount), by
    transaction. The totals are sums of amounts since it was made: `given` at its making, `credited`,
    `settled`; `balance` is the sum of spendable units. `digest`: of all durable content.
    """

    challenge: Annotated[bytes, Octets(16)]
    number: Number
    epoch: Epoch
    units: Annotated[tuple[tuple[Digest, Hop], ...], Count(0, REPORTED_MAX)]
    pending: Annotated[tuple[tuple[Transaction, Number, Amount], ...], Count(0, REPORTED_MAX)]
    balance: Amount
    given: Amount
    credited: Amount
    settled: Amount
    digest: Digest


@record("EPP-SVC-002", limit=REQUEST_MAX)
class Request(Record):
    """What a purse signs to ask a centre for something (EPP-SVC-002).

    `audience`: name of the service asked (`issuing-centre`, `device-centre`, `vault`); `method`: what for;
    `sequence`: greater in every new request of this purse to this service; `body`: by method.
    """

    audience: Annotated[str, Text(0, 32)]
    method: Annotated[str, Text(0, 32)]
    purse: Number
    sequence: Sequence
    body: Annotated[bytes, Octets(0, REQUEST_MAX)]


# --- bodies of requests and the answers to them (chapter 16) ------------------------------------------------


@record("EPP-SVC-070")
class NoBody(Record):
    """Body of the requests `account`, `challenge`, `balance` and `pending`: there is nothing to say."""


@record("EPP-SVC-070", template=Place.FIELD)
class Nothing(Record):
    """Answer to the requests `receipt`, `suspect` and `self-report`."""

    nothing: None = None


@record("EPP-SVC-070")
class IssueBody(Record):
    """Body of the request `issue`: fresh units of these values, debited to the account of the caller."""

    economy: Economy
    values: tuple[Amount, ...]


@record("EPP-SVC-070")
class ReceiptBody(Record):
    """Body of the request `receipt`: the receipt for an issue."""

    transaction: Transaction
    signature: Signature


@record("EPP-SVC-070", template=Place.FIELD)
class Account(Record):
    """Answer to the request `account`: what the caller has at the issuing centre."""

    amount: Amount


@record("EPP-SVC-070", template=Place.FIELD)
class ClaimState(Record):
    """Answer to the request `claim`, whose body is a `Claim`."""

    state: Annotated[str, OneOf(("open", "refunded", "partly-refunded", "refused"))]


@record("EPP-SVC-070")
class CasesBody(Record):
    """Body of the request `cases`: those of greater sequence."""

    after: Annotated[int, Uint(0, 2**53 - 1)]


@record("EPP-SVC-070")
class Case(Record):
    """What the issuing centre found against a purse."""

    sequence: Sequence
    kind: Annotated[str, OneOf(("copy", "bad-history", "two-keys", "unknown"))]
    purse: Number
    unit_id: Digest
    hop: Hop
    epoch: Epoch


@record("EPP-SVC-070", template=Place.FIELD)
class Cases(Record):
    """Answer to the request `cases`."""

    cases: Annotated[tuple[Case, ...], Count(0, CASES_MAX)]


@record("EPP-SVC-070")
class SuspectBody(Record):
    """Body of the request `suspect`: a purse whose unit a vault refused with `code`."""

    number: Number
    code: Annotated[int, Uint(1, 255)]
    unit_id: Digest | None
    epoch: Epoch


@record("EPP-SVC-070")
class RenewBody(Record):
    """Body of the request `renew`: the last epoch that is wanted. The answer is a purse ID as signed."""

    expires: Epoch


@record("EPP-SVC-070")
class Balance(Record):
    """Answer to the request `balance`: what a vault holds, and its account at the issuing centre."""

    held: Amount
    account: Amount


@record("EPP-SVC-070")
class PayOutBody(Record):
    """Body of the request `pay-out`."""

    amount: Annotated[int, Uint(1, shape.AMOUNT_MAX)]


@record("EPP-SVC-070", template=Place.FIELD)
class SessionName(Record):
    """Answer to the request `pay-out`: the session in which the vault pays."""

    name: Annotated[bytes, Octets(16)]


@record("EPP-SVC-070", template=Place.FIELD)
class PendingSession(Record):
    """Answer to the request `pending`: the session in which the vault delivers again, if it has to."""

    name: Annotated[bytes, Octets(16)] | None


@record("EPP-SVC-009")
class EnrolBody(Record):
    """Body of the request `enrol`: the code of the operator and the key of a new purse."""

    code: Annotated[str, Text(0, 64)]
    public_key: Annotated[bytes, Octets(32)]


@record("EPP-SVC-065", limit=UPDATE_MAX + 4 * REQUEST_MAX)
class Enrolled(Record):
    """What a new purse is told. `anchor`, `policy`: JSON; `bulletin`: an update with all chunks.

    `vault`: number of its holder's vault, or None.
    """

    purse_id: Annotated[bytes, Octets(1, PURSE_ID_MAX)]
    anchor: Annotated[str, Text(0, REQUEST_MAX)]
    policy: Annotated[str, Text(0, REQUEST_MAX)]
    bulletin: Annotated[bytes, Octets(1, UPDATE_MAX)]
    vault: Number | None
