"""What a purse does with its centres: take an issue, a renewed purse ID, an inspection; sign a request.

Chapters 12, 13 and 16. Each is complete in one step and needs no session: one that is open ends, as if
another one began (EPP-SES-027). A power cut falls before or after the one durable write of a step; each step
may be repeated, and then changes nothing more.
"""

from dataclasses import replace
from hashlib import sha256
from typing import TypeAlias

from eiraku.reference import anchor
from eiraku.reference.anchor import SignedUnit
from eiraku.reference.crypto import cose
from eiraku.reference.purse import payee, units
from eiraku.reference.purse.ledger import HoldingsCollected, Ledger, PaymentCredited, PurseIdRenewed
from eiraku.reference.purse.state import (
    Effect,
    Env,
    NoSession,
    Ready,
    Send,
    Terms,
    UnitRefusal,
    Write,
)
from eiraku.spec import centre_objects
from eiraku.spec.centre_objects import Challenge, Issue, SelfReport
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.objects import ISSUER_NUMBER, Role

Step: TypeAlias = tuple[Ready, tuple[Effect, ...]]

# --- issues ---


def take_issue(purse: Ready, encoded: bytes, env: Env) -> Step:
    """Credit an issue and give the receipt, 64 bytes; again for the same issue. Raises Refusal."""
    terms, ledger = purse.terms, env.ledger
    identity = terms.identity
    # EPP-CEN-066
    if identity.claims.role is not Role.VAULT:
        raise Refusal(Code.ROLE_PAIR, "EPP-CEN-066", "an issue is for a vault")
    issue, digest = Issue.decode(encoded), sha256(encoded).digest()
    credit = ledger.credit(ISSUER_NUMBER, issue.transaction)
    if credit is not None:
        # EPP-CRS-011
        if credit.offer_digest != digest:
            raise Refusal(Code.TRANSACTION, "EPP-CRS-011", "credited with another offer")
        # EPP-CEN-070
        return purse, (Send(data=credit.receipt),)
    signed = check_issue(terms, issue, ledger)
    moves = [
        units.genesis(unit.unit_id, holder=identity.claims.number, transaction=issue.transaction)
        for unit in signed
    ]
    signatures = [signature for _, signature in issue.units]
    for index, (unit, move, signature) in enumerate(zip(signed, moves, signatures, strict=True)):
        # EPP-CEN-066, EPP-HIS-002
        if not units.is_endorsed(identity.anchor.money_keys[unit.kid].public, move, signature):
            refusal = Refusal(Code.ENDORSEMENT, "EPP-CEN-066", "genesis endorsement does not verify")
            raise UnitRefusal(refusal, index)
    credit = payee.credited(identity, ISSUER_NUMBER, issue.transaction, issue.amount, digest)
    holdings = tuple(
        units.hold(
            unit,
            move,
            signature,
            # EPP-CEN-068: the layer of hop 0 is the vault's own work
            inner=b"",
            history_key=identity.anchor.money_keys[unit.kid].history,
            random=env.random,
        )
        for unit, move, signature in zip(signed, moves, signatures, strict=True)
    )
    # EPP-CEN-069, EPP-CRS-002, EPP-CRS-004
    write = Write(change=PaymentCredited(credit=credit, holdings=holdings))
    return replace(purse, session=NoSession()), (write, Send(data=credit.receipt))


def check_issue(terms: Terms, issue: Issue, ledger: Ledger) -> list[SignedUnit]:
    """The checks on an OFFER, in their order, as far as they apply to hop 0. Raises Refusal."""
    # EPP-CEN-066, EPP-TRF-030
    if issue.amount == 0:
        raise Refusal(Code.AMOUNT, "EPP-TRF-030", "an issue of 0")
    signed: list[SignedUnit] = []
    for index, unit in enumerate(payee.distinct([raw for raw, _ in issue.units])):
        if isinstance(unit, Refusal):
            raise UnitRefusal(unit, index)
        try:
            payee.check_money(terms, unit)
            payee.check_new(ledger, unit.unit_id, units.GENESIS)
        except Refusal as refusal:
            raise UnitRefusal(refusal, index) from None
        signed.append(unit)
    total = sum(unit.unit.value for unit in signed)
    # EPP-TRF-042
    if total != issue.amount:
        raise Refusal(Code.SUM, "EPP-TRF-042", f"units of {total} for an amount of {issue.amount}")
    # EPP-TRF-043, EPP-TRF-062, EPP-TRF-063, EPP-TRF-044
    payee.make_room(terms, signed, issue.amount, ledger)
    return signed


# --- the purse itself ---


def take_purse_id(purse: Ready, signed: bytes) -> Step:
    """Be the same purse for longer; the present purse ID again changes nothing. Raises Refusal."""
    identity = purse.identity
    if signed == identity.purse_id:
        return purse, ()
    # EPP-PID-001, EPP-PID-002, EPP-PID-003, EPP-PID-007
    renewed, own = anchor.verify_purse_id(identity.anchor, signed).claims, identity.claims
    same = replace(renewed, issued=own.issued, expires=own.expires, tier=own.tier, reserved=own.reserved)
    # EPP-DEV-002
    if same != own:
        raise Refusal(Code.AUTHENTICATION, "EPP-DEV-002", "purse ID: of another purse, or another holder")
    # EPP-DEV-002
    if renewed.expires <= own.expires:
        detail = f"purse ID: expires {renewed.expires}, expected later than {own.expires}"
        raise Refusal(Code.AUTHENTICATION, "EPP-DEV-002", detail)
    known = replace(identity, purse_id=signed, claims=renewed)
    write = Write(change=PurseIdRenewed(purse_id=signed))
    return replace(purse, identity=known, session=NoSession()), (write,)


def collect(purse: Ready, unit_ids: tuple[bytes, ...], env: Env) -> Step:
    """Let go of units that the centre has in its database, and of none twice. Raises Refusal."""
    # EPP-CEN-063
    if purse.identity.claims.role is not Role.CENTRE:
        raise Refusal(Code.ROLE_PAIR, "EPP-CEN-063", "only a centre collects from its purse")
    here = tuple(unit_id for unit_id in dict.fromkeys(unit_ids) if env.ledger.is_spendable(unit_id))
    if not here:
        return purse, ()
    # EPP-CEN-063
    write = Write(change=HoldingsCollected(unit_ids=here))
    return replace(purse, session=NoSession()), (write,)


# --- signed for a centre ---


def check_challenge(purse: Ready, signed: bytes) -> Challenge:
    """A challenge of the device centre to this purse. Raises Refusal."""
    challenge = anchor.verify_challenge(purse.identity.anchor, signed)
    # EPP-DEV-090
    if challenge.number != purse.identity.claims.number:
        raise Refusal(Code.AUTHENTICATION, "EPP-DEV-090", "challenge: to another purse")
    # EPP-DEV-091
    if challenge.epoch < purse.epoch:
        detail = f"challenge: of epoch {challenge.epoch}, expected {purse.epoch} or later"
        raise Refusal(Code.AUTHENTICATION, "EPP-DEV-091", detail)
    return challenge


def self_report(purse: Ready, challenge: bytes, env: Env) -> bytes:
    """COSE_Sign1 of what this purse says of itself, over a challenge as signed. Raises Refusal."""
    asked = check_challenge(purse, challenge)
    ledger, identity = env.ledger, purse.identity
    held = sorted((unit.unit_id, unit.hop) for unit in ledger.summaries())
    pending = [(p.transaction, p.payee, p.amount) for p in ledger.pendings(purse.epoch)]
    most = centre_objects.REPORTED_MAX
    # EPP-DEV-006
    if max(len(held), len(pending)) > most:
        raise Refusal(
            Code.TOO_LARGE, "EPP-DEV-006", f"more than {most} units or pending transactions to report"
        )
    totals = ledger.totals(purse.epoch)
    report = SelfReport(
        challenge=asked.challenge,
        number=identity.claims.number,
        epoch=purse.epoch,
        units=tuple(held),
        pending=tuple(pending),
        balance=ledger.total()[1],
        given=totals.given,
        credited=totals.credited,
        settled=totals.settled,
        digest=ledger.digest(),
    )
    return cose.sign(identity.key, centre_objects.CONTEXT_SELF_REPORT, report.encode())


def sign_request(purse: Ready, *, audience: str, method: str, sequence: int, body: bytes) -> bytes:
    """COSE_Sign1 of a request to a service (EPP-SVC-002). Raises Refusal(TOO_LARGE, MALFORMED)."""
    request = centre_objects.Request(
        audience=audience,
        method=method,
        purse=purse.identity.claims.number,
        sequence=sequence,
        body=body,
    )
    # EPP-SVC-002: no request is signed that no service would read
    payload = request.encode()
    centre_objects.Request.decode(payload)
    signed = cose.sign(purse.identity.key, centre_objects.CONTEXT_REQUEST, payload)
    # EPP-SVC-004
    if len(signed) > centre_objects.REQUEST_MAX:
        raise Refusal(
            Code.TOO_LARGE,
            "EPP-SVC-004",
            f"request: {len(signed)} bytes, at most {centre_objects.REQUEST_MAX} allowed",
        )
    return signed
