"""What a purse does with its centres: take an issue, a renewed purse ID, an inspection; sign a request.

Chapters 12, 13 and 16. Each is complete in one step and needs no session: one that is open ends, as if
another one began (EPP-SES-027). A power cut falls before or after the one durable write of a step; each step
may be repeated, and then changes nothing more.
"""

from dataclasses import replace
from hashlib import sha256

from eiraku.reference import anchor
from eiraku.reference.anchor import SignedUnit
from eiraku.reference.crypto import cose
from eiraku.reference.purse.ledger import (
    Credit,
    Holding,
    HoldingsCollected,
    PaymentCredited,
    PurseIdRenewed,
)
from eiraku.reference.purse.payee import Payee
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
from eiraku.spec.centre_objects import Issue, SelfReport
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import Offer, OfferedUnit
from eiraku.spec.objects import ISSUER_NUMBER, EndorsementPayload, ReceiptPayload

Step = tuple[Ready, tuple[Effect, ...]]

GENESIS = 0
"""Hop of a unit that comes from the issuing centre."""


class Online(Payee):
    """Between a purse and a centre, all of it signed or verified; no session."""

    # --- issues ---

    def take_issue(self, state: Ready, encoded: bytes, env: Env) -> Step:
        """Credit an issue and give the receipt, 64 bytes; again for the same issue. Raises Refusal."""
        terms = state.terms
        self.checks.takes_issues(terms.identity.claims)
        issue = Issue.decode(encoded)
        digest = sha256(encoded).digest()
        credit = env.ledger.credit(ISSUER_NUMBER, issue.transaction)
        if credit is not None:
            self.checks.same_offer(credit, digest)
            # EPP-CEN-012
            return state, (Send(data=credit.receipt),)
        units = self.check_issue(terms, issue, env)
        receipt = self.sign_receipt(
            terms,
            ReceiptPayload(
                transaction=issue.transaction,
                payer=ISSUER_NUMBER,
                payee=terms.identity.claims.number,
                amount=issue.amount,
                offer_digest=digest,
            ),
        )
        credit = Credit(
            transaction=issue.transaction,
            payer=ISSUER_NUMBER,
            amount=issue.amount,
            offer_digest=digest,
            receipt=receipt,
        )
        holdings = tuple(
            self.fresh(terms, unit, issue.transaction, signature, env)
            for unit, (_, signature) in zip(units, issue.units, strict=True)
        )
        # EPP-CEN-012, EPP-CRS-002, EPP-CRS-004
        write = Write(change=PaymentCredited(credit=credit, holdings=holdings))
        return replace(state, session=NoSession()), (write, Send(data=receipt))

    def check_issue(self, terms: Terms, issue: Issue, env: Env) -> list[SignedUnit]:
        """The checks on OFFER and PAY, in their order, as far as they apply to hop 0. Raises Refusal."""
        checks, ledger, policy = self.checks, env.ledger, terms.identity.policy
        checks.issue_amount(issue.amount)
        checks.issue_count(len(issue.units))
        units: list[SignedUnit] = []
        for index, shape in enumerate(self.check_duplicates(as_offer(issue))):
            if isinstance(shape, Refusal):
                raise UnitRefusal(shape, index)
            try:
                self.check_fresh(terms, shape, env)
            except Refusal as refusal:
                raise UnitRefusal(refusal, index) from None
            units.append(shape)
        checks.offer_sum(issue.amount, sum(unit.unit.value for unit in units))
        count, balance = ledger.total()
        checks.capacity(policy, count + ledger.pending_units() + len(units))
        checks.balance_limit(policy, terms.identity.claims.tier, balance + issue.amount)
        for index, (unit, (_, signature)) in enumerate(zip(units, issue.units, strict=True)):
            payload = EndorsementPayload(
                unit_id=unit.unit_id,
                hop=GENESIS,
                history_digest=sha256(b"").digest(),
                payer=ISSUER_NUMBER,
                payee=terms.identity.claims.number,
                transaction=issue.transaction,
            )
            try:
                checks.genesis(terms, unit, payload, signature)
            except Refusal as refusal:
                raise UnitRefusal(refusal, index) from None
        return units

    def check_fresh(self, terms: Terms, unit: SignedUnit, env: Env) -> None:
        """EPP-TRF-036 to 041 for a unit at hop 0; it has no history yet. Raises Refusal."""
        checks = self.checks
        checks.unit_signature(terms, unit)
        checks.unit_seal(terms, unit.unit)
        checks.unit_economy(terms, unit.unit)
        checks.unit_expiry(terms, unit.unit)
        checks.unit_value(unit.unit)
        checks.held(env.ledger, unit.unit_id)
        checks.seen(env.ledger, unit.unit_id, GENESIS)

    def fresh(
        self, terms: Terms, unit: SignedUnit, transaction: bytes, signature: bytes, env: Env
    ) -> Holding:
        """A unit of an issue as it is held from now on."""
        # EPP-CEN-012: the layer of hop 0 is the vault's own work
        layer = self.layer(
            inner=b"",
            payer=ISSUER_NUMBER,
            payee=terms.identity.claims.number,
            transaction=transaction,
            signature=signature,
        )
        history_key = terms.identity.anchor.money_keys[unit.kid].history
        return Holding(
            unit_id=unit.unit_id,
            unit=unit.raw,
            value=unit.unit.value,
            expires=unit.unit.expires,
            max_hops=unit.unit.max_hops,
            hop=GENESIS,
            history=self.seal_layer(history_key, unit.unit_id, layer, env.random),
        )

    # --- the purse itself ---

    def take_purse_id(self, state: Ready, signed: bytes) -> Step:
        """Be the same purse for longer; the present purse ID again changes nothing. Raises Refusal."""
        identity = state.identity
        if signed == identity.purse_id:
            return state, ()
        # EPP-PID-001, EPP-PID-002, EPP-PID-003, EPP-PID-007
        renewed = anchor.verify_purse_id(identity.anchor, signed)
        self.checks.renewal(identity, renewed)
        known = replace(identity, purse_id=signed, claims=renewed.claims)
        write = Write(change=PurseIdRenewed(purse_id=signed))
        return replace(state, identity=known, session=NoSession()), (write,)

    def collect(self, state: Ready, unit_ids: tuple[bytes, ...], env: Env) -> Step:
        """Let go of units that the centre has in its database, and of none twice. Raises Refusal."""
        self.checks.is_collected(state.identity.claims)
        here = tuple(unit_id for unit_id in dict.fromkeys(unit_ids) if env.ledger.is_spendable(unit_id))
        if not here:
            return state, ()
        # EPP-CEN-010
        write = Write(change=HoldingsCollected(unit_ids=here))
        return replace(state, session=NoSession()), (write,)

    # --- signed for a centre ---

    def self_report(self, state: Ready, challenge: bytes, env: Env) -> bytes:
        """COSE_Sign1 of what this purse says of itself; `challenge`: 16 bytes. Raises Refusal."""
        self.checks.challenge(challenge)
        ledger, identity = env.ledger, state.identity
        units = sorted((unit.unit_id, unit.hop) for unit in ledger.summaries())
        pending = [(pending.transaction, pending.payee, pending.amount) for pending in ledger.pendings()]
        most = centre_objects.REPORTED_MAX
        # EPP-DEV-006
        if max(len(units), len(pending)) > most:
            raise Refusal(
                Code.TOO_LARGE, "EPP-DEV-006", f"more than {most} units or pending transactions to report"
            )
        totals = ledger.totals()
        report = SelfReport(
            challenge=challenge,
            number=identity.claims.number,
            epoch=state.epoch,
            units=tuple(units),
            pending=tuple(pending),
            balance=ledger.total()[1],
            given=totals.given,
            credited=totals.credited,
            settled=totals.settled,
            digest=ledger.digest(),
        )
        return cose.sign(identity.key, centre_objects.CONTEXT_SELF_REPORT, report.encode())

    def sign_request(self, state: Ready, *, audience: str, method: str, sequence: int, body: bytes) -> bytes:
        """COSE_Sign1 of a request to a service (EPP-SVC-002). Raises Refusal(TOO_LARGE, MALFORMED)."""
        request = centre_objects.Request(
            audience=audience,
            method=method,
            purse=state.identity.claims.number,
            sequence=sequence,
            body=body,
        )
        # EPP-SVC-002: no request is signed that no service would read
        payload = request.encode()
        centre_objects.Request.decode(payload)
        signed = cose.sign(state.identity.key, centre_objects.CONTEXT_REQUEST, payload)
        # EPP-SVC-004
        if len(signed) > centre_objects.REQUEST_MAX:
            raise Refusal(
                Code.TOO_LARGE,
                "EPP-SVC-004",
                f"request: {len(signed)} bytes, at most {centre_objects.REQUEST_MAX} allowed",
            )
        return signed


def as_offer(issue: Issue) -> Offer:
    """An issue in the form in which a payee looks for duplicates; hop and history of it mean nothing."""
    units = tuple(OfferedUnit(unit=unit, hop=GENESIS, history=b"") for unit, _ in issue.units)
    return Offer(transaction=issue.transaction, amount=issue.amount, units=units)
