"""A history database filled with rows that never were money, to measure how cost depends on its size.

The rows look like redeemed units with their deposits, but there is no cryptography in them: identifiers and
paths are noise. Their first holder is `MARK`.
"""

from random import Random

from sqlalchemy import func, select

from eiraku.system.issuing.issuer import Issuer
from eiraku.system.issuing.schema import CENTRE, DEPOSIT, ENDORSEMENT_LENGTH, UNIT, State

MARK = b"prefill."
"""First holder of every unit that is not one."""
BATCH = 10_000


def prefill(issuer: Issuer, units: int, *, hops: int = 5) -> int:
    """Fill up to so many units, each with a path of `hops` + 1 endorsements; how many there are then.

    Raises DatabaseError.
    """
    with issuer.office.database.reading() as connection:
        there = connection.execute(select(func.count()).select_from(UNIT)).scalar_one()
    chance = Random(there)  # noqa: S311 - noise
    while there < units:
        count = min(BATCH, units - there)
        with issuer.office.database.writing() as connection:
            centre = connection.execute(select(CENTRE)).one()
            first = centre.next_number
            ids = [chance.randbytes(32) for _ in range(count)]
            connection.execute(
                UNIT.insert(),
                [
                    {
                        "number": first + at,
                        "issue": 0,
                        "unit_id": unit_id,
                        "kid": bytes(8),
                        "value": 1,
                        "economy": 392,
                        "issued": centre.epoch,
                        "expires": centre.epoch + centre.unit_lifetime,
                        "holder": MARK,
                        "transaction_id": bytes(16),
                        "state": int(State.REDEEMED),
                    }
                    for at, unit_id in enumerate(ids)
                ],
            )
            connection.execute(
                DEPOSIT.insert(),
                [
                    {
                        "unit_id": unit_id,
                        "epoch": centre.epoch,
                        "outcome": "credited",
                        "path": chance.randbytes(ENDORSEMENT_LENGTH * (hops + 1)),
                    }
                    for unit_id in ids
                ],
            )
            connection.execute(CENTRE.update().values(next_number=first + count))
        there += count
    if issuer.office.database.dialect == "sqlite":
        # What comes next is not to pay for what was written here.
        with issuer.office.database.reading() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return int(there)
