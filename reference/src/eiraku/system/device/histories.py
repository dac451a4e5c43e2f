"""What the device centre reads in the issuing centre's database for an inspection (EPP-DEV-126 to 130)."""

from collections.abc import Mapping, Sequence

from sqlalchemy import func, select

from eiraku.system.database import batches
from eiraku.system.device.inspection import UnitKnown
from eiraku.system.issuing.history import History
from eiraku.system.issuing.schema import DEPOSIT, UNIT, State, read_path


def last_deposit(history: History) -> int:
    """Sequence number of the last deposit; 0 before the first."""
    with history.database.reading() as connection:
        return int(connection.execute(select(func.max(DEPOSIT.c.sequence))).scalar_one() or 0)


def units_known(
    history: History, unit_ids: Sequence[bytes], *, until: int | None
) -> Mapping[bytes, UnitKnown | None]:
    """What was known of each unit (32-byte identifiers) when deposit `until` was the last; None: not issued.

    Without `until` everything known now.
    """
    known: dict[bytes, UnitKnown | None] = dict.fromkeys(unit_ids)
    with history.database.reading() as connection:
        for some in batches(unit_ids):
            query = select(DEPOSIT).where(DEPOSIT.c.unit_id.in_(some)).order_by(DEPOSIT.c.sequence)
            if until is not None:
                query = query.where(DEPOSIT.c.sequence <= until)
            paths: dict[bytes, list[bytes]] = {}
            for row in connection.execute(query):
                paths.setdefault(row.unit_id, []).append(row.path)
            for row in connection.execute(select(UNIT).where(UNIT.c.unit_id.in_(some))):
                chains = tuple(read_path(row.unit_id, path) for path in paths.get(row.unit_id, ()) if path)
                state = State(row.state)
                if state is State.REDEEMED and not chains:
                    state = State.OUTSTANDING  # redeemed after the challenge
                known[row.unit_id] = UnitKnown(
                    value=row.value, state=state.label, first_holder=row.holder, chains=chains
                )
    return known
