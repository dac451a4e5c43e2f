"""Inspection of a purse: its self-report against itself, the reports before, and the issuing centre (S-26).

Pure comparisons (EPP-DEV-007, EPP-DEV-017 to 019, EPP-DEV-114 to 130). Where all purses are honest there is
no finding, whatever they did. A finding shows two statements that cannot both be true; it convicts nobody,
for what a purse holds may have been spent twice by somebody before it. Amounts are in minor units; purse
numbers 8, unit identifiers 32 bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from eiraku.reference.crypto import cose
from eiraku.spec import objects
from eiraku.spec.centre_objects import CONTEXT_SELF_REPORT, REQUEST_MAX, SelfReport
from eiraku.spec.errors import Code, Refusal
from eiraku.system.issuing.chain import Chain


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A contradiction, both sides in words. `kind`: stable name of the comparison (EPP-DEV-020)."""

    kind: str
    unit_id: bytes | None = None
    reported: str
    known: str

    @property
    def text(self) -> str:
        """One line for people."""
        unit = "" if self.unit_id is None else f"unit {self.unit_id.hex()[:16]}: "
        return f"{self.kind}: {unit}reported: {self.reported}; known: {self.known}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitKnown:
    """What the issuing centre knew of a unit when the challenge was made.

    `state`: `outstanding`, `redeemed`, `refunded` or `expired`; `chains`: of the deposits until then.
    """

    value: int
    state: str
    first_holder: bytes
    chains: tuple[Chain, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBefore:
    """A unit in earlier reports: whose, at which hop; `first` and `last`: when these reports came.

    Times count challenges and reports of the centre.
    """

    number: bytes
    hop: int
    first: int
    last: int


def read(number: bytes, public_key: bytes, signed: bytes) -> SelfReport:
    """A self-report signed by this purse; the challenge is not looked at. Raises Refusal."""
    parsed = cose.parse(signed, limit=4 * REQUEST_MAX)
    # EPP-DEV-006
    if parsed.kid is not None:
        raise Refusal(Code.MALFORMED, "EPP-DEV-006", "self-report: expected no key identifier")
    if not cose.verify(public_key, CONTEXT_SELF_REPORT, parsed):
        raise Refusal(Code.AUTHENTICATION, "EPP-DEV-007", "self-report: signature does not verify")
    report = SelfReport.decode(parsed.payload)
    if report.number != number:
        raise Refusal(Code.AUTHENTICATION, "EPP-DEV-007", "self-report: of another purse number")
    return report


def by_itself(report: SelfReport, *, role: objects.Role) -> Iterator[Finding]:
    """Order, uniqueness and sums (EPP-DEV-017, EPP-DEV-114)."""
    # EPP-DEV-017
    if any(a[0] >= b[0] for a, b in pairwise(report.units)):
        yield Finding(kind="order", reported="units in another order, or twice", known="ascending, each once")
    if any(a[0] >= b[0] for a, b in pairwise(report.pending)):
        yield Finding(
            kind="order", reported="pending in another order, or twice", known="ascending, each once"
        )
    pending = sum(amount for _, _, amount in report.pending)
    rest = report.given + report.credited - report.settled - pending
    # EPP-DEV-114: a purse of the issuing centre gives what it took to the centre's database (EPP-CEN-063)
    if rest != report.balance and role is not objects.Role.CENTRE:
        yield Finding(
            kind="totals",
            reported=f"a balance of {report.balance}",
            known=f"given {report.given} + credited {report.credited} - settled {report.settled} "
            f"- pending {pending} = {rest}",
        )


def against_clock(report: SelfReport, epoch: int) -> Iterator[Finding]:
    """No purse is ahead of the device centre (EPP-DEV-116)."""
    # EPP-DEV-116
    if report.epoch > epoch:
        yield Finding(
            kind="epoch", reported=f"a bulletin of epoch {report.epoch}", known=f"the newest has {epoch}"
        )


def against_last(report: SelfReport, last: SelfReport) -> Iterator[Finding]:
    """What never shrinks, and what a pending transaction can become (EPP-DEV-018, EPP-DEV-117 to 118)."""
    # EPP-DEV-018
    if report.given != last.given:
        yield Finding(kind="total", reported=f"given {report.given}", known=f"given {last.given} before")
    for name, now, before in (
        ("credited", report.credited, last.credited),
        ("settled", report.settled, last.settled),
        ("epoch", report.epoch, last.epoch),
    ):
        # EPP-DEV-018, EPP-DEV-117
        if now < before:
            kind = "epoch" if name == "epoch" else "total"
            yield Finding(kind=kind, reported=f"{name} {now}", known=f"{name} {before} before")
    # EPP-DEV-118
    now_pending = {transaction: (payee, amount) for transaction, payee, amount in report.pending}
    gone = 0
    for transaction, payee, amount in last.pending:
        found = now_pending.get(transaction)
        if found is None:
            gone += amount
        elif found != (payee, amount):
            yield Finding(
                kind="pending",
                reported=f"transaction {transaction.hex()}: {found[1]} to {found[0].hex()}",
                known=f"{amount} to {payee.hex()} before",
            )
    if gone > max(0, report.settled - last.settled):
        yield Finding(
            kind="pending",
            reported=f"{gone} no longer pending, {report.settled - last.settled} settled since",
            known="what is pending ends only by being settled or by lapsing",
        )


def against_flow(
    report: SelfReport, last: SelfReport, known: Mapping[bytes, UnitKnown | None]
) -> Iterator[Finding]:
    """Units come only with what is credited, and go only with what is given away (EPP-DEV-119).

    A unit of which nothing is known counts as 1.
    """

    def value(units: set[tuple[bytes, int]]) -> int:
        found = [known.get(unit_id) for unit_id, _ in units]
        return sum(1 if unit is None else unit.value for unit in found)

    def given_away(of: SelfReport) -> int:
        return of.settled + sum(amount for _, _, amount in of.pending)

    now, before = set(report.units), set(last.units)
    # EPP-DEV-119
    for word, units, done, amount in (
        ("came", now - before, "credited", report.credited - last.credited),
        ("went", before - now, "given away", given_away(report) - given_away(last)),
    ):
        if units and value(units) > amount:
            yield Finding(
                kind="flow",
                reported=f"{len(units)} units worth {value(units)} or more {word} since the last report",
                known=f"{amount} was {done} since, by the totals of both",
            )


def against_memory(
    report: SelfReport, last: SelfReport, *, known_before: bool, renewed: bool
) -> Iterator[Finding]:
    """Digest and content belong together, and no earlier memory comes back (EPP-DEV-120 to 122).

    `known_before`: the digest is that of an earlier report, not only of the last; `renewed`: this purse ever
    got another purse ID, which changes the digest and nothing else that is reported.
    """
    same = report.digest == last.digest
    # EPP-DEV-120
    if same and _content(report) != _content(last):
        yield Finding(
            kind="memory", reported="the digest of the memory as before", known="another content before"
        )
    # EPP-DEV-121
    if not same and _content(report) == _content(last) and not renewed:
        yield Finding(
            kind="memory",
            reported="a new digest of the memory",
            known="the same content with another one before",
        )
    # EPP-DEV-122
    if not same and known_before:
        yield Finding(
            kind="memory",
            reported="the digest of the memory in an earlier report",
            known="another one in a report between",
        )


def against_held(
    number: bytes,
    unit_id: bytes,
    hop: int,
    before: Sequence[HeldBefore],
    *,
    challenged: int,
    last: int | None,
) -> Iterator[Finding]:
    """One unit against what anybody reported before (EPP-DEV-019, EPP-DEV-123 to 125).

    `challenged`: when this report's challenge was made; `last`: when the purse's last report came.
    """
    for known in before:
        held = f"purse {known.number.hex()} reported it at hop {known.hop}"
        reported = f"held at hop {hop}"
        if known.number != number:
            # EPP-DEV-019, EPP-DEV-123: a unit at one hop has one holder, for ever; and hops only rise
            if known.hop == hop:
                yield Finding(kind="two-holders", unit_id=unit_id, reported=reported, known=held)
            elif known.hop > hop and known.first < challenged:
                yield Finding(
                    kind="hop", unit_id=unit_id, reported=reported, known=f"{held} before the challenge"
                )
        elif known.hop == hop:
            # EPP-DEV-125
            if known.last != last:
                yield Finding(
                    kind="returned",
                    unit_id=unit_id,
                    reported=f"{reported} again",
                    known="it was no longer there in a report between",
                )
        # EPP-DEV-124: out by one move, back by another
        elif hop < known.hop + 2:
            yield Finding(kind="hop", unit_id=unit_id, reported=reported, known=held)


def against_issuer(
    report: SelfReport, known: Mapping[bytes, UnitKnown | None], *, number: bytes
) -> Iterator[Finding]:
    """Each unit against the issuing centre (EPP-DEV-126 to 129), and their sum against the balance."""
    for unit_id, hop in report.units:
        yield from _unit(unit_id, hop, known.get(unit_id), number)
    units = [known.get(unit_id) for unit_id, _ in report.units]
    value = sum(unit.value for unit in units if unit is not None)
    # EPP-DEV-115
    if None not in units and value != report.balance:
        yield Finding(
            kind="sum", reported=f"a balance of {report.balance}", known=f"its units were issued for {value}"
        )


def _unit(unit_id: bytes, hop: int, known: UnitKnown | None, number: bytes) -> Iterator[Finding]:
    reported = f"held at hop {hop}"
    # EPP-DEV-126
    if known is None:
        yield Finding(kind="not-issued", unit_id=unit_id, reported=reported, known="no such unit was issued")
        return
    # EPP-DEV-127
    if hop == 0 and known.first_holder != number:
        yield Finding(
            kind="first-holder",
            unit_id=unit_id,
            reported=reported,
            known=f"it was issued to purse {known.first_holder.hex()}",
        )
    # EPP-DEV-128
    for chain in known.chains:
        moves = chain.endorsements[hop + 1 : hop + 2]
        if moves and moves[0].payer == number and chain.endorsements[hop].payee == number:
            yield Finding(
                kind="given-away",
                unit_id=unit_id,
                reported=reported,
                known=f"a deposit has this purse's endorsement of hop {hop + 1} "
                f"to purse {moves[0].payee.hex()}",
            )
            return
    # The issuing centre's own purse holds what is deposited already until it is collected (EPP-CEN-063). And
    # a refunded unit may still be with an honest payee whose receipt was lost and who never redeemed it.
    own = any(len(c.endorsements) == hop + 1 and c.endorsements[-1].payee == number for c in known.chains)
    # EPP-DEV-129
    if known.state == "redeemed" and not own:
        last = known.chains[0].endorsements[-1]
        yield Finding(
            kind="redeemed",
            unit_id=unit_id,
            reported=reported,
            known=f"it was redeemed at hop {last.hop} from purse {last.payer.hex()}, by another path; "
            "a deposit of this one would show the double-spender",
        )


def _content(report: SelfReport) -> tuple[object, ...]:
    totals = (report.balance, report.given, report.credited, report.settled)
    return report.number, report.epoch, report.units, report.pending, totals
