"""Accounts at the issuing centre: issues are paid from them, deposits credited to them (EPP-CEN-018)."""

from eiraku.spec.shape import AMOUNT_MAX
from eiraku.system.issuing.office import Office
from eiraku.system.issuing.schema import BOOKS, FUNDED, IssuerError, vault_account


class Accounts:
    """One for each purse number that was ever paid; amounts in minor units."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def fund(self, posting: bytes, vault: bytes, amount: int) -> bool:
        """Put `amount` into a vault's account, or take it out if negative; False: was so posted before.

        `posting`: 16 bytes, new for each. Raises IssuerError, BooksError, DatabaseError.
        """
        # EPP-CEN-077
        self._office.registered(vault, "EPP-CEN-077")
        if not amount or abs(amount) > AMOUNT_MAX:
            raise IssuerError(f"expected an amount other than 0, at most 2^53 - 1 either way, found {amount}")
        with self._office.database.writing() as connection:
            return BOOKS.post(connection, posting, {vault_account(vault): amount, FUNDED: -amount})

    def amount(self, vault: bytes) -> int:
        """What a purse number has at the centre; 0 for one without an account. Raises DatabaseError."""
        with self._office.database.reading() as connection:
            return BOOKS.amount(connection, vault_account(vault))
