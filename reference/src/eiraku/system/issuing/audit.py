"""An audit of an issuing centre: what stands in its database is verified again (chapter 12).

Everything is read page by page from one view of the database, and signatures are verified by workers: memory
does not grow with what is there. Nothing is changed. A centre does not keep sealed histories: of what came
home the endorsements are verified, and layers only where one was bad.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Select, func, select

from eiraku.reference.anchor import TrustAnchor
from eiraku.system.database import pages
from eiraku.system.issuing import recheck, review
from eiraku.system.issuing.chain import Endorsement
from eiraku.system.issuing.history import History
from eiraku.system.issuing.office import Office
from eiraku.system.issuing.pools import completed
from eiraku.system.issuing.recheck import IssueRow, Walk
from eiraku.system.issuing.schema import (
    BOOKING,
    BOOKS,
    CLAIM,
    DEPOSIT,
    FUNDED,
    ISSUE,
    UNIT,
    State,
    read_path,
    vault_account,
)

ISSUES, PATHS = 10, 200
"""Rows in one call of a worker."""
TOLD = 100
"""Problems that are told in words; all are counted."""

Progress = Callable[[str, int], None]
"""Is told how far the audit is: a table, and how many more of its rows are done."""


@dataclass(kw_only=True)
class Audit:
    """What was verified, as rows by table, and what is wrong. `problems`: the first 100, in words."""

    verified: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    found: int = 0
    problems: list[str] = field(default_factory=list)

    def blame(self, problems: Iterable[str]) -> None:
        """Note what is wrong."""
        for problem in problems:
            self.found += 1
            if len(self.problems) < TOLD:
                self.problems.append(problem)

    def document(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "good": not self.found,
            "verified": dict(sorted(self.verified.items())),
            "outcomes": dict(sorted(self.outcomes.items())),
            "problems_found": self.found,
            "problems": self.problems,
        }


def audit(
    office: Office,
    *,
    anchor: TrustAnchor,
    purse_ids: Callable[[bytes], bytes],
    executor: Executor,
    at_once: int = 1,
    progress: Progress = lambda _table, _rows: None,
) -> Audit:
    """Verify a whole centre again. Raises Unavailable.

    `anchor`: of the scheme, with every money key there was; `purse_ids`: the signed purse ID of a number,
    empty for one that is not registered; `at_once`: how many calls the executor has under way, each a page.
    """
    auditor = _Auditor(office, executor, at_once, progress)
    done = auditor.done
    with office.database.reading() as connection:
        done.blame(auditor.books(connection))
        done.blame(auditor.issues(connection))
        auditor.deposits(connection)
        auditor.claims(connection)
        done.blame(auditor.accounts(connection))
        done.blame(review.attribution(connection))
        for problems in review.cases(connection, auditor.opener, anchor, purse_ids):
            auditor.count("cases", 1)
            done.blame(problems)
    return done


class _Auditor:
    """The steps; what they find is added to `done`."""

    def __init__(self, office: Office, executor: Executor, at_once: int, progress: Progress) -> None:
        self.history = History(office)
        self.public_keys = office.public_keys
        self.executor = executor
        self.at_once = at_once
        self.progress = progress
        self.opener = office.opener()
        self.grace = office.rules.redemption_grace
        self.unit_keys = {key.kid: key.unit_key.public for key in office.money_keys(every=True)}
        self.done = Audit()
        self.credited: Counter[str] = Counter()

    def count(self, table: str, rows: int) -> None:
        """So many more rows of a table are done."""
        self.done.verified[table] += rows
        self.progress(table, rows)

    def books(self, connection: Connection) -> Iterator[str]:
        """Books, units, deposits and bookings agree (EPP-CEN-011, EPP-CEN-014, EPP-CEN-016)."""
        problem = self.history.problem(connection)
        if problem:
            yield problem
        for kind, states in (
            ("issue", tuple(State)),
            ("redeem", [State.REDEEMED]),
            ("refund", [State.REFUNDED]),
        ):
            booked = select(BOOKING.c.economy, func.sum(BOOKING.c.value)).where(BOOKING.c.kind == kind)
            units = select(UNIT.c.economy, func.sum(UNIT.c.value)).where(UNIT.c.state.in_(map(int, states)))
            found = _sums(connection, booked.group_by(BOOKING.c.economy))
            wanted = _sums(connection, units.group_by(UNIT.c.economy))
            if found != wanted:
                yield f"bookings of kind {kind}: {found} by economy, and the units are worth {wanted}"

    def issues(self, connection: Connection) -> Iterator[str]:
        """Each issue is in the history database as it was given out (EPP-CEN-012)."""
        columns = [ISSUE.c[name] for name in IssueRow._fields]
        calls = (
            (recheck.issues, self.unit_keys, rows, {row.vault: self.public_keys(row.vault) for row in rows})
            for page in pages(connection, select(*columns), ISSUE.c.request, ISSUES)
            for rows in [[IssueRow._make(row) for row in page]]
        )
        facts = [UNIT.c[name] for name in recheck.FACTS]
        total = 0
        for _, opened in completed(self.executor, calls, at_once=self.at_once):
            for request, units, problems in opened:
                query = select(*facts).where(UNIT.c.unit_id.in_([unit[0] for unit in units]))
                if set(units) != {tuple(row) for row in connection.execute(query)}:
                    yield f"issue {request.hex()}: the history database has other units"
                yield from (f"issue {request.hex()}: {problem}" for problem in problems)
                total += len(units)
            self.count("issues", len(opened))
        self.count("units", total)
        stored = connection.execute(select(func.count()).select_from(UNIT)).scalar_one()
        if stored != total:
            yield f"{total} units were issued, and the history database has {stored}"

    def deposits(self, connection: Connection) -> None:
        """Each deposit is what came home, walked again from its issue on (EPP-CEN-001, EPP-CEN-002)."""
        self._walk(
            "deposits",
            pages(connection, select(DEPOSIT), DEPOSIT.c.sequence, PATHS),
            connection,
            self._deposit,
        )

    def claims(self, connection: Connection) -> None:
        """Each claim is what its claimant signed (EPP-CEN-008, EPP-CEN-009)."""
        self._walk(
            "claims", pages(connection, select(CLAIM), CLAIM.c.sequence, PATHS), connection, self._claim
        )

    def accounts(self, connection: Connection) -> Iterator[str]:
        """Each account has what was funded, redeemed and refunded, less what was issued to it."""
        entry = BOOKS.entry
        funding = select(entry.c.posting).where(entry.c.account == FUNDED)
        funds = select(entry.c.account, func.sum(entry.c.amount)).where(
            entry.c.posting.in_(funding), entry.c.account != FUNDED
        )
        wanted = Counter(_sums(connection, funds.group_by(entry.c.account)))
        wanted.update(self.credited)
        issued = select(ISSUE.c.vault, func.sum(ISSUE.c.amount)).group_by(ISSUE.c.vault)
        for vault, amount in _sums(connection, issued).items():
            wanted[vault_account(vault)] -= amount
        both = CLAIM.join(UNIT, CLAIM.c.unit_id == UNIT.c.unit_id)
        refunded = select(CLAIM.c.beneficiary, func.sum(UNIT.c.value)).select_from(both)
        refunded = refunded.where(CLAIM.c.state == "refunded").group_by(CLAIM.c.beneficiary)
        for beneficiary, amount in _sums(connection, refunded).items():
            wanted[vault_account(beneficiary)] += amount
        found = BOOKS.amounts(connection, "vault:")
        for account in sorted(wanted.keys() | found.keys()):
            if wanted[account] != found.get(account, 0):
                yield f"{account}: {found.get(account, 0)}, and what was done sums to {wanted[account]}"

    # --- inside ---

    def _walk(
        self,
        table: str,
        rows: Iterator[Sequence[Any]],
        connection: Connection,
        problem: Callable[[Any, Any, Sequence[Endorsement]], str],
    ) -> None:
        """Compare paths with their units here, and have their signatures verified."""

        def calls() -> Iterator[tuple[Any, ...]]:
            for page in rows:
                query = select(UNIT).where(UNIT.c.unit_id.in_({row.unit_id for row in page}))
                units = {unit.unit_id: unit for unit in connection.execute(query)}
                walks: list[Walk] = []
                payers: set[bytes] = set()
                for row in page:
                    unit = units.get(row.unit_id)
                    chain = read_path(row.unit_id, row.path).endorsements
                    found = problem(row, unit, chain)
                    if found:
                        self.done.blame([f"{table} {row.sequence}: {found}"])
                    if unit is not None and chain:
                        walks.append(
                            Walk(row.sequence, row.unit_id, row.path, self.unit_keys.get(unit.kid, b""))
                        )
                        payers |= {each.payer for each in chain}
                yield recheck.walks, walks, {number: self.public_keys(number) for number in payers}
                self.count(table, len(page))

        for _, problems in completed(self.executor, calls(), at_once=self.at_once):
            self.done.blame((f"{table} {sequence}: {problem}" for sequence, problem in problems))

    def _deposit(self, row: Any, unit: Any, chain: Sequence[Endorsement]) -> str:
        self.done.outcomes[row.outcome] += 1
        if unit is None:
            return "of a unit that was not issued"
        # EPP-CEN-051
        if [each.hop for each in chain if each.payee in self.opener.centres] != [len(chain) - 1]:
            return "does not end where it first comes to the centre"
        # EPP-CEN-007
        if (row.outcome == "late") != (row.epoch > unit.expires + self.grace):
            return f"{row.outcome} in epoch {row.epoch}, of a unit that expires in {unit.expires}"
        if row.outcome == "credited":
            self.credited[vault_account(chain[-1].payer)] += unit.value
        return _beginning(unit, chain)

    def _claim(self, row: Any, unit: Any, chain: Sequence[Endorsement]) -> str:
        # EPP-CEN-003, EPP-CEN-030: of these there is a case, which is verified as one
        if (not chain and row.reason == "bad-history") or (unit is None and row.reason == "unknown"):
            return ""
        if unit is None or not chain:
            return "of a unit that was not issued" if unit is None else "without endorsements"
        last = chain[-1]
        # EPP-CEN-086: each endorsement is claimed once
        if sha256(last.payload(row.unit_id).encode()).digest() != row.endorsement:
            return "stands under another endorsement"
        if (last.payer, last.transaction) != (row.claimant, row.transaction_id):
            return "is not by its claimant"
        return _beginning(unit, chain)


def _beginning(unit: Any, chain: Sequence[Endorsement]) -> str:
    """Whether a path begins as the unit was issued."""
    if (chain[0].payee, chain[0].transaction) != (unit.holder, unit.transaction_id):
        return "begins with another endorsement than the one of its issue"
    return ""


def _sums(connection: Connection, query: Select[Any]) -> Mapping[Any, int]:
    return {key: int(amount) for key, amount in connection.execute(query) if amount}
