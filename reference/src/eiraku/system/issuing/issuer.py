"""The issuing centre on a database: its office, and the parts that work in it.

Everything that it answers is durable before it answers, and the same request again gets the same answer
(specification, chapter 12). Amounts and values are in minor units.
"""

from eiraku.system.issuing.accounts import Accounts
from eiraku.system.issuing.claims import Claims
from eiraku.system.issuing.deposits import Deposits
from eiraku.system.issuing.history import History
from eiraku.system.issuing.issues import Issues
from eiraku.system.issuing.office import Office


class Issuer:
    """An issuing centre, of an office that is opened, or made by `Office.create`."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.accounts = Accounts(office)
        self.issues = Issues(office)
        self.deposits = Deposits(office)
        self.claims = Claims(office)
        self.history = History(office)
