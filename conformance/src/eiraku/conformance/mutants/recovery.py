"""Mutants of chapter 8: a pending transaction, and its redelivery."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

from eiraku.conformance.mutants.commits import writing
from eiraku.conformance.mutants.registry import Area
from eiraku.conformance.tester import edwards
from eiraku.reference.purse import core, holder, payee, payer, provisioning, units
from eiraku.reference.purse.ledger import (
    Change,
    Holding,
    PaymentPending,
    PaymentSettled,
    Pending,
    Provision,
    Settlement,
)
from eiraku.reference.purse.state import (
    Answer,
    CommittedBefore,
    Env,
    Link,
    NoSession,
    Open,
    Order,
    PeerRejected,
    Ready,
    RedeliverOrder,
    Refuse,
    Send,
    SessionState,
    Terms,
    Write,
)
from eiraku.reference.store import Store
from eiraku.spec import cbor, messages, objects
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import Offer, Receipt, Redeliver
from eiraku.spec.tables import Purpose
from eiraku.testing.patches import Patch, edit, instead

AREA = Area(__name__)
_write = Store._write
_redeliver, _on_redeliver = payer.redeliver, payee.on_redeliver


# --- the payer: a pending transaction that does not stay one ------------------------------------------------


class _TakenBack(PaymentSettled):
    """The pending transaction is undone and its units can be spent again."""


class _Forgotten(PaymentSettled):
    """The pending transaction is forgotten."""


class _Refunded(PaymentSettled):
    """The transaction is settled and its units can be spent again."""


def undoing() -> Patch:
    """A store that can undo or forget a pending transaction."""
    spent: dict[bytes, tuple[Holding, ...]] = {}

    def write(store: Store, change: Change) -> None:
        if isinstance(change, PaymentPending):
            spent[change.pending.transaction] = store.holdings(change.pending.unit_ids)
        if isinstance(change, _TakenBack | _Forgotten):
            tx = change.settlement.transaction
            store._db.execute("DELETE FROM pending_unit WHERE tx = ?", (tx,))
            store._db.execute("DELETE FROM pending WHERE tx = ?", (tx,))
        else:
            _write(store, change)
        if isinstance(change, _TakenBack | _Refunded):
            store._add(spent[change.settlement.transaction])

    return instead(Store._write, write)


def undone(kind: type[PaymentSettled], when: Callable[[Open, core.Turn], bool]) -> Sequence[Patch]:
    """A purse that writes a change of this kind when a session with PAY or REDELIVER sent ends `when`."""
    deliver = core.deliver

    def more(session: SessionState, data: bytes, env: Env) -> core.Turn:
        after, effects = turn = deliver(session, data, env)
        if (
            not isinstance(session, Open)
            or not isinstance(session.data, payer.Paid)
            or not when(session, turn)
        ):
            return turn
        settlement = Settlement(
            transaction=session.data.transaction,
            payee=session.link.peer.number,
            amount=session.data.amount,
            offer_digest=session.data.offer_digest,
            receipt=b"",
        )
        return after, (Write(change=kind(settlement=settlement)), *effects)

    return [instead(core.deliver, more), undoing()]


def rejected(turn: core.Turn) -> bool:
    """Whether the peer answered REJECT."""
    return any(isinstance(effect, PeerRejected) for effect in turn[1])


def refused(turn: core.Turn) -> bool:
    """Whether the purse refused what came."""
    return any(isinstance(effect, Refuse) for effect in turn[1])


@AREA.makes("EPP-TRF-111")
def takes_rejected_payments_back() -> Sequence[Patch]:
    """Can spend the units again if its PAY is answered with REJECT."""
    return undone(_TakenBack, lambda state, turn: rejected(turn) and state.link.purpose is Purpose.PAY)


@AREA.makes("EPP-CRS-013")
def forgets_rejected_redeliveries() -> Sequence[Patch]:
    """Forgets a pending transaction if its redelivery is answered with REJECT."""
    return undone(_Forgotten, lambda state, turn: rejected(turn) and state.link.purpose is Purpose.REDELIVER)


@AREA.makes("EPP-CRS-014")
def takes_failed_payments_back() -> Sequence[Patch]:
    """Can spend the units again if the session fails between PAY and RECEIPT."""
    return undone(_TakenBack, lambda _, turn: refused(turn))


@AREA.makes("EPP-TRF-018")
def refunds_itself() -> Sequence[Patch]:
    """Can spend the units again when it has the RECEIPT."""
    settle = payer.on_receipt

    def refund(link: Link, state: payer.Paid, receipt: Receipt) -> Answer:
        answer = settle(link, state, receipt)
        if isinstance(answer.change, PaymentSettled):
            return replace(answer, change=_Refunded(settlement=answer.change.settlement))
        return answer

    return [instead(payer.on_receipt, refund), undoing()]


# --- the payer: redelivery ----------------------------------------------------------------------------------


def redelivering(
    other: Callable[[Pending, Offer, Env], Redeliver],
) -> Callable[[RedeliverOrder, Terms, Env], Answer]:
    """`payer.redeliver`, with another message; it is still the pending transaction that is paid."""

    def redeliver(order: RedeliverOrder, terms: Terms, env: Env) -> Answer:
        answer = _redeliver(order, terms, env)
        pending = payer.to_redeliver(order, terms, env.ledger)
        offer = messages.decode(pending.offer)
        if not isinstance(offer, Offer):
            return answer
        return replace(answer, say=other(pending, offer, env).encode())

    return redeliver


@AREA.makes("EPP-CRS-007")
def redelivers_in_another_order() -> Sequence[Patch]:
    """Turns the order of the units round in REDELIVER."""

    def backwards(pending: Pending, offer: Offer, _: Env) -> Redeliver:
        offered = replace(offer, units=offer.units[::-1]).encode()
        return Redeliver(offer=offered, endorsements=pending.endorsements[::-1])

    return [instead(payer.redeliver, redelivering(backwards))]


def provisioned(env: Env) -> Provision:
    """What the purse was made with."""
    provision = env.ledger.provision()
    if provision is None:
        raise AssertionError("a session of an empty purse")
    return provision


@AREA.makes("EPP-HIS-006")
def endorses_anew() -> Sequence[Patch]:
    """Redelivers under a new transaction, with new endorsements of the same units and hops."""

    def anew(pending: Pending, offer: Offer, env: Env) -> Redeliver:
        provision = provisioned(env)
        key = provisioning.identity(provision).key
        transaction = env.random(16)
        moves = [
            objects.EndorsementPayload(
                unit_id=unit_id,
                hop=unit.hop + 1,
                history_digest=hashlib.sha256(unit.history).digest(),
                payer=provision.number,
                payee=pending.payee,
                transaction=transaction,
            )
            for unit_id, unit in zip(pending.unit_ids, offer.units, strict=True)
        ]
        return Redeliver(
            offer=replace(offer, transaction=transaction).encode(),
            endorsements=tuple(units.endorse(key, move) for move in moves),
        )

    def redeliver(order: RedeliverOrder, terms: Terms, env: Env) -> Answer:
        answer = redelivering(anew)(order, terms, env)
        sent = messages.decode(answer.say or b"")
        if not isinstance(sent, Redeliver) or not isinstance(answer.data, payer.Paid):
            return answer
        offer = messages.decode(sent.offer)
        if not isinstance(offer, Offer):
            return answer
        digest = messages.offer_digest(sent.offer)
        return replace(answer, data=replace(answer.data, transaction=offer.transaction, offer_digest=digest))

    return [instead(payer.redeliver, redeliver)]


@AREA.makes("EPP-CRS-008")
def redelivers_once() -> Sequence[Patch]:
    """Redelivers a pending transaction only once."""
    check = holder.check_order
    done: set[bytes] = set()

    def check_order(purse: Ready, order: Order, env: Env) -> None:
        if isinstance(order, RedeliverOrder) and order.transaction in done:
            raise Refusal(Code.UNKNOWN_TRANSACTION, "EPP-CRS-008", "delivered once already")
        check(purse, order, env)

    def redeliver(order: RedeliverOrder, terms: Terms, env: Env) -> Answer:
        done.add(order.transaction)
        return _redeliver(order, terms, env)

    return [instead(holder.check_order, check_order), instead(payer.redeliver, redeliver)]


AREA.edits(
    "EPP-CRS-009",
    "takes_any_order_to_redeliver",
    "Takes an order to redeliver a transaction that is not pending.",
    holder.check_order,
    ("payer.to_redeliver(order, purse.terms, env.ledger)", "pass"),
)


# --- the payee ----------------------------------------------------------------------------------------------

REPEAT = "receipt = Receipt(transaction=credit.transaction, signature=credit.receipt)"
AREA.edits(
    "EPP-CRS-010",
    "refuses_repeats",
    "Refuses REDELIVER of a transaction that it has credited.",
    payee.on_redeliver,
    (REPEAT, 'raise Refusal(Code.TRANSACTION, "EPP-CRS-010", "credited already")'),
)


@AREA.replaces("EPP-CRS-010", (payee, "on_redeliver"))
def signs_another_receipt(link: Link, message: Redeliver, env: Env) -> Answer:
    """Signs a good receipt anew for each REDELIVER, with other bytes."""
    answer = _on_redeliver(link, message, env)
    offer = messages.decode(message.offer)
    if not isinstance(answer.change, CommittedBefore) or not isinstance(offer, Offer):
        return answer
    identity = link.terms.identity
    payload = objects.ReceiptPayload(
        transaction=offer.transaction,
        payer=link.peer.number,
        payee=identity.claims.number,
        amount=offer.amount,
        offer_digest=messages.offer_digest(message.offer),
    )
    covered = ("Signature1", cbor.encode({1: -8}), objects.CONTEXT_RECEIPT, payload.encode())
    signature = _sign_otherwise(provisioned(env).private_key, cbor.encode(covered))
    return replace(answer, say=Receipt(transaction=offer.transaction, signature=signature).encode())


def _sign_otherwise(seed: bytes, message: bytes) -> bytes:
    """A valid Ed25519 signature that is not the one of RFC 8032: its nonce is another hash."""
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | 1 << 254
    public = edwards.encode(edwards.multiply(scalar, edwards.BASE))
    r = int.from_bytes(hashlib.sha512(b"other" + digest[32:] + message).digest(), "little") % edwards.L
    first = edwards.encode(edwards.multiply(r, edwards.BASE))
    k = int.from_bytes(hashlib.sha512(first + public + message).digest(), "little") % edwards.L
    return first + ((r + k * scalar) % edwards.L).to_bytes(32, "little")


@AREA.makes("EPP-CRS-010")
def writes_repeats() -> Sequence[Patch]:
    """Makes a durable write for each REDELIVER of a transaction that it has credited."""

    def repeats(session: SessionState, turn: core.Turn) -> bool:
        waits = isinstance(session, Open) and isinstance(session.data, payee.WaitOffer)
        return waits and [type(effect) for effect in turn[1]] == [Send] and isinstance(turn[0], NoSession)

    return writing(repeats)


AREA.edits(
    "EPP-CRS-011",
    "receipts_another_offer",
    "Answers REDELIVER of a credited transaction with the receipt though the OFFER is another.",
    payee.on_redeliver,
    ("if credit.offer_digest != messages.offer_digest(message.offer):", "if False:"),
)
CHECKED = "check_offer(link, offer, message.offer, None, env.ledger)"
AREA.edits(
    "EPP-CRS-012",
    "refuses_unknown_redeliveries",
    "Refuses REDELIVER of a transaction that it has not credited.",
    payee.on_redeliver,
    (
        "if credit is None:",
        'if credit is None:\n        raise Refusal(Code.TRANSACTION, "EPP-CRS-012", "not known")',
    ),
)


@AREA.makes("EPP-CRS-040")
def judges_redelivery_by_its_request() -> Sequence[Patch]:
    """Refuses REDELIVER of another amount than it requested."""
    call = "payee.on_redeliver(state.link, message, env)"
    return [
        edit(
            core.respond,
            (call, call.replace("message", "(state.data, message)")),
        ),
        edit(
            payee.on_redeliver,
            (
                "    offer = messages.decode(message.offer)\n",
                (
                    "    waiting, message = message\n"
                    "    offer = messages.decode(message.offer)\n"
                    "    if isinstance(offer, Offer) and waiting.requested not in (None, offer.amount):\n"
                    '        raise Refusal(Code.AMOUNT, "EPP-CRS-040", "not what was requested")\n'
                ),
            ),
        ),
    ]


TRUSTED = """Accepted(
            transaction=offer.transaction,
            amount=offer.amount,
            digest=messages.offer_digest(message.offer),
            units=tuple((anchor.parse_unit(offered.unit), offered) for offered in offer.units),
        )"""
AREA.edits(
    "EPP-CRS-012",
    "trusts_redeliveries",
    "Does not check the units that come with REDELIVER.",
    payee.on_redeliver,
    (CHECKED, TRUSTED),
)


@AREA.replaces("EPP-CRS-012", (payee, "on_redeliver"))
def trusts_redelivered_endorsements(link: Link, message: Redeliver, env: Env) -> Answer:
    """Does not verify the endorsements that come with REDELIVER."""
    verify = units.is_endorsed
    units.is_endorsed = lambda *_: True
    try:
        return _on_redeliver(link, message, env)
    finally:
        units.is_endorsed = verify
