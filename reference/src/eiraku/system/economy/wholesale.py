"""The wholesale side of a run: the backing register, fed from the bookings of the issuing centre."""

from collections.abc import Sequence
from pathlib import Path

from eiraku.reference.crypto.drbg import Drbg
from eiraku.system.database import Database
from eiraku.system.economy.scenario import Economy
from eiraku.system.issuing.issuer import Issuer
from eiraku.system.wholesale.accounts import Standing
from eiraku.system.wholesale.bookings import Follower
from eiraku.system.wholesale.register import SCHEMA, Register


class Wholesale:
    """Every economy is a member and has contributed its assets. Raises what the register raises."""

    def __init__(self, directory: Path, economies: Sequence[Economy], random: Drbg) -> None:
        self._random = random
        self._database = Database(f"sqlite:///{directory / 'register.db'}", SCHEMA)
        self.register = Register.create(self._database, origin="simulation", epoch=1, random=random)
        self._follower = Follower(self._database)
        for economy in economies:
            self.register.join(random(16), economy.number)
            self.contribute(economy.number, economy.assets)

    def contribute(self, economy: int, amount: int) -> None:
        """An economy brings in assets, for bonds on its own account."""
        self.register.contribute(self._random(16), economy, amount)

    def follow(self, issuer: Issuer, epoch: int) -> None:
        """Post every new booking of the issuing centre."""
        self.register.advance(epoch)
        self._follower.sync(issuer.history)

    def differences(self, issuer: Issuer) -> list[str]:
        """Economies whose issued account is not what is outstanding, in words."""
        return [str(difference) for difference in self._follower.reconcile(issuer.history)]

    def standings(self) -> dict[int, Standing]:
        """Own account, issued account and bonds of every economy."""
        return self.register.standings()

    def close(self) -> None:
        """Close the database."""
        self._database.close()
