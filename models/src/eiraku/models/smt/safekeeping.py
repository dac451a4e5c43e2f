"""Proof that two purses keep each unit in exactly one place, whatever channel and power supply do."""

from collections.abc import Iterator
from dataclasses import replace

import z3

from eiraku.models.smt.custody import CLOSED
from eiraku.models.smt.habits import Habits, takes_redelivery
from eiraku.models.smt.induction import Claim, prove
from eiraku.models.smt.proof import Proof, Result, Term, Twin
from eiraku.models.smt.purses import NEVER, NOW, TOTAL, VALUE, WATCHED, Purse
from eiraku.models.smt.relation import EVENT, EXPORTED, STATE, Tables
from eiraku.spec.tables import Transfer, TransferEvent

PAIRS = (NOW.pair(0), NOW.pair(1))


def start() -> Term:
    """The unit is spendable at A, nothing has happened yet."""
    parts: list[Term] = [NOW.a.spend, z3.Not(NOW.away), NOW.next_session == 1]
    parts += [NOW.a.hop >= 0, NOW.a.seen == NOW.a.hop, z3.Not(NOW.b.spend), NOW.b.seen == NEVER]
    parts += [NOW.a.balance + NOW.b.balance == TOTAL, NOW.a.balance >= VALUE, NOW.b.balance >= 0]
    for purse, _ in PAIRS:
        parts += [
            z3.Not(z3.Or(purse.pend, purse.alone, purse.owes, purse.has, purse.forked, purse.twice)),
            purse.state == CLOSED,
            purse.session == 0,
            purse.signed == NEVER,
            purse.credit == z3.K(z3.IntSort(), NEVER),
            purse.settled == z3.K(z3.IntSort(), z3.BoolVal(False)),
        ]
    return z3.And(parts)


def in_transit(purse: Purse, peer: Purse) -> Term:
    """Pending here and not credited there: the unit is between them (EPP-CRS-005)."""
    return z3.And(purse.pend, peer.credit[purse.pend_tx] == NEVER)


def claims(habits: Habits) -> tuple[Claim, ...]:
    """What is promised."""
    places = [NOW.a.spend, NOW.b.spend, NOW.away, *(in_transit(*pair) for pair in PAIRS)]
    moving = z3.Or(places[2:])
    made = [
        Claim(says="The unit is in two places.", holds=z3.AtMost(*places, 1)),
        Claim(says="The unit is in no place.", holds=z3.Or(places)),
        Claim(
            says="The sum is another than at the beginning.",
            holds=NOW.a.balance + NOW.b.balance + z3.If(moving, VALUE, 0) == TOTAL,
        ),
    ]
    for name, (purse, peer) in zip("AB", PAIRS, strict=True):
        lookup, fresh = takes_redelivery(habits, peer, purse.pend_tx, purse.pend_hop, purse.pend_bytes)
        made += [
            Claim(
                says=f"At {name} the unit is both spendable and pending.",
                holds=z3.Not(z3.And(purse.spend, purse.pend)),
            ),
            Claim(says=f"{name} has credited the unit twice.", holds=z3.Not(purse.twice)),
            Claim(
                says=f"{name} has settled what its peer never credited.",
                holds=z3.Implies(purse.settled[WATCHED], peer.credit[WATCHED] != NEVER),
            ),
            Claim(
                says=f"{name} holds a pending unit whose redelivery its peer will always refuse.",
                holds=z3.Implies(purse.pend, z3.Or(lookup, fresh)),
            ),
            Claim(says=f"{name} has signed two endorsements for one hop.", holds=z3.Not(purse.forked)),
            Claim(
                says=f"{name} can spend a unit that it has given away.",
                holds=z3.Implies(purse.spend, purse.signed <= purse.hop),
            ),
        ]
    return tuple(made)


def invariant() -> tuple[Term, ...]:
    """What every step keeps."""
    places = [NOW.a.spend, NOW.b.spend, NOW.away, *(in_transit(*pair) for pair in PAIRS)]
    moving = z3.Or(places[2:])
    parts: list[Term] = [
        z3.AtMost(*places, 1),
        z3.Or(places),
        NOW.a.balance + NOW.b.balance + z3.If(moving, VALUE, 0) == TOTAL,
    ]
    for purse, peer in PAIRS:
        parts += _durable(purse, peer)
        parts += _volatile(purse, peer)
        parts += _on_the_way(purse, peer)
    return tuple(parts)


def _durable(purse: Purse, peer: Purse) -> Iterator[Term]:
    yield z3.Not(z3.And(purse.spend, purse.pend))
    yield z3.Not(z3.Or(purse.twice, purse.forked))
    yield z3.Implies(purse.spend, z3.And(purse.hop == purse.seen, peer.seen <= purse.hop))
    yield purse.signed <= purse.seen
    yield z3.Implies(purse.pend, z3.And(purse.seen == purse.pend_hop, purse.pend_tx == purse.pend_bytes))
    yield z3.Implies(purse.pend, purse.pend_tx >= 0)
    yield z3.Implies(in_transit(purse, peer), peer.seen < purse.pend_hop)
    yield z3.Implies(in_transit(purse, peer), z3.Not(peer.pend))
    credited = peer.credit[purse.pend_tx]
    yield z3.Implies(purse.pend, z3.Or(credited == NEVER, credited == purse.pend_bytes))
    yield z3.Implies(NOW.away, purse.seen <= NOW.away_hop)
    yield z3.Implies(purse.settled[WATCHED], peer.credit[WATCHED] != NEVER)


def _volatile(purse: Purse, peer: Purse) -> Iterator[Term]:
    tied = z3.And(purse.tx == purse.tx_bytes, purse.tx >= 0)
    offered = purse.state == STATE[Transfer.PAYER_OFFERED]
    agreed = z3.And(offered, purse.has, purse.mail == EVENT[TransferEvent.ACCEPT])
    paid = purse.state == STATE[Transfer.PAYER_PAID]
    accepted = purse.state == STATE[Transfer.PAYEE_ACCEPTED]
    yield z3.Implies(offered, z3.And(tied, purse.spend, purse.tx_hop == purse.hop + 1, z3.Not(purse.owes)))
    yield z3.Implies(offered, peer.credit[purse.tx] == NEVER)
    yield z3.Implies(agreed, z3.Not(peer.pend))
    yield z3.Implies(
        paid, z3.And(tied, purse.pend, purse.pend_tx == purse.tx, purse.pend_hop == purse.tx_hop)
    )
    yield z3.Implies(accepted, z3.And(tied, purse.credit[purse.tx] == NEVER, z3.Not(purse.owes)))
    yield z3.Implies(accepted, z3.And(z3.Not(purse.spend), z3.Not(purse.pend), purse.seen < purse.tx_hop))
    after_accept = purse.owed == EVENT[TransferEvent.ACCEPT]
    promised = EVENT.among(purse.owed, (TransferEvent.PAY, TransferEvent.REDELIVER))
    yield z3.Implies(z3.And(purse.owes, after_accept), paid)
    yield z3.Implies(z3.And(purse.owes, promised), purse.credit[purse.tx] != NEVER)
    yield z3.Implies(purse.owes, z3.Or(after_accept, promised, purse.owed == EVENT[TransferEvent.RECEIPT]))


def _on_the_way(purse: Purse, peer: Purse) -> Iterator[Term]:
    """About a message from `purse` to `peer`."""
    tied = z3.And(peer.mail_tx == peer.mail_bytes, peer.mail_tx >= 0)
    pending = z3.And(purse.pend, purse.pend_tx == peer.mail_tx, purse.pend_hop == peer.mail_hop)
    credited = peer.credit[peer.mail_tx]
    value = EVENT.among(peer.mail, (TransferEvent.PAY, TransferEvent.REDELIVER))
    offer = peer.mail == EVENT[TransferEvent.OFFER]
    receipt = peer.mail == EVENT[TransferEvent.RECEIPT]
    yield z3.Implies(z3.And(peer.has, z3.Or(offer, value)), tied)
    yield z3.Implies(
        z3.And(peer.has, value), z3.Or(credited == peer.mail_bytes, z3.And(credited == NEVER, pending))
    )
    yield z3.Implies(z3.And(peer.has, receipt), purse.credit[peer.mail_tx] != NEVER)


def _prove(habits: Habits) -> Result:
    return prove(habits, start=start(), invariant=invariant(), claims=claims(habits))


def _twin(name: str, says: str, habits: Habits, about: str = "") -> Twin:
    """`about`: words of the claim whose loss is to be shown; else any."""
    broken = replace(habits, one_way=True)
    lost = tuple(claim for claim in claims(broken) if about in claim.says)
    return Twin(
        name=name,
        says=says,
        prove=lambda: prove(broken, start=start(), invariant=invariant(), claims=lost),
    )


def _without(state: Transfer, event: TransferEvent) -> Tables:
    return Tables(
        session=EXPORTED.session,
        start=EXPORTED.start,
        transfer=EXPORTED.transfer,
        commits=EXPORTED.commits - {(state, event)},
    )


_ACCEPTED = (Transfer.PAYER_OFFERED, TransferEvent.ACCEPT)
_PAID = (Transfer.PAYEE_ACCEPTED, TransferEvent.PAY)

CUSTODY = Proof(
    name="custody",
    says="Between two purses that follow the tables, with any number of sessions in both directions, loss,"
    " delay and repetition of messages and loss of power at any instant, each unit is in exactly one place;"
    " the sum of what is spendable and what is pending, counted once, is constant; nothing is credited"
    " twice; what is settled is credited; what is pending can be redelivered; and no purse signs twice for"
    " one hop or spends what it gave away.",
    requirements=(
        "EPP-CRS-001",
        "EPP-CRS-002",
        "EPP-CRS-003",
        "EPP-CRS-004",
        "EPP-CRS-005",
        "EPP-CRS-006",
        "EPP-CRS-008",
        "EPP-CRS-010",
        "EPP-CRS-012",
        "EPP-CRS-013",
        "EPP-CRS-014",
        "EPP-CRS-019",
        "EPP-TRF-016",
        "EPP-TRF-018",
        "EPP-TRF-019",
        "EPP-TRF-040",
        "EPP-TRF-041",
        "EPP-HIS-006",
    ),
    method="induction",
    prove=lambda: _prove(Habits()),
    twins=(
        _twin(
            "pay-before-commit",
            "PAY leaves before the payer's write.",
            Habits(late=frozenset({_ACCEPTED})),
            about="two places",
        ),
        _twin(
            "no-commit-before-pay",
            "The payer's write is missing.",
            Habits(tables=_without(*_ACCEPTED)),
            "two places",
        ),
        _twin(
            "receipt-before-commit",
            "RECEIPT leaves before the payee's write.",
            Habits(late=frozenset({_PAID})),
        ),
        _twin("no-commit-before-receipt", "The payee's write is missing.", Habits(tables=_without(*_PAID))),
        _twin(
            "credit-in-two-writes",
            "The payee writes the units first, and the credited transaction in a second write.",
            Habits(credits_in_two_writes=True),
        ),
        _twin("no-lookup", "The payee does not look for a credited transaction.", Habits(looks_up=False)),
        _twin(
            "no-lookup-and-no-memory",
            "Nor does it refuse a unit that it holds or has seen.",
            Habits(looks_up=False, refuses_held=False, refuses_seen=False),
        ),
        _twin(
            "pending-stays-spendable",
            "The payer's write does not take the unit from what can be spent.",
            Habits(pending_leaves_spendable=False),
        ),
        _twin(
            "pending-unit-taken-back",
            "A payer takes a unit again whose transfer is still pending.",
            Habits(takes_back_pending=True),
        ),
        _twin("settled-by-reject", "A payer settles when it gets REJECT.", Habits(settles_on_reject=True)),
        _twin("redelivered-anew", "A payer redelivers with a new OFFER.", Habits(redelivers_anew=True)),
    ),
)
