"""The vault of a town at work, and lines to its centres that break: a part of a town, not a world.

Everything is real (centres, services, purses, memories) but the network: a `Line` carries to a service in
this process, and loses what it is told to lose. `Bank.missing` is what every test comes down to: nothing.
"""

from eiraku.reference.device import Device, Rejected
from eiraku.reference.meeting import lead
from eiraku.reference.purse.state import Order
from eiraku.system.services.local import LocalCarrier
from eiraku.system.vault.issues import ISSUING_CENTRE
from eiraku.system.vault.policy import VaultPolicy
from eiraku.system.vault.vault import BOTH, Vault
from eiraku.testing.bench import Line
from eiraku.testing.device import number_of
from eiraku.testing.town import VAULT, Town

FUNDS = 100_000


class Bank:
    """The vault of a town in a folder, with `FUNDS` in its account. `now`: what its clock says."""

    def __init__(self, town: Town, policy: VaultPolicy | None = None) -> None:
        """Switch the vault on, also one that was at work before."""
        self.town = town
        self.policy = policy
        self.device = town.devices[VAULT]
        self.now = 1000.0
        services = town.scheme.services
        self.issuing, self.device_centre = (Line(LocalCarrier(services[name])) for name in BOTH)
        # posted once, whatever is opened again
        town.issuer.accounts.fund(b"funds of a vault", town.numbers[VAULT], FUNDS)
        town.counter.collect()
        self.vault = self._open()
        self.vault.refresh()

    def _open(self) -> Vault:
        return Vault.open(
            self.device,
            self.issuing,
            self.device_centre,
            self.town.folder / "state.db",
            policy=self.policy,
            clock=lambda: self.now,
        )

    def restart(self) -> Vault:
        """The vault loses power and is switched on again, with what was durable."""
        self.vault.close()
        self.device.power_cut()
        self.vault = self._open()
        return self.vault

    def fine(self) -> None:
        """Both lines work, and the centre has let go of sessions that were broken off (EPP-SVC-056)."""
        self.issuing.weather = self.device_centre.weather = lambda _n: None
        sessions = self.town.scheme.services[ISSUING_CENTRE].sessions
        assert sessions is not None  # noqa: S101 - the counter has some
        sessions.drop_all()

    def meet(
        self, customer: Device, order: Order, pays_out: int | None = None, *, payee: bytes | None = None
    ) -> tuple[str, ...]:
        """A session of a customer with the vault; the codes by which the vault, then the customer refused.

        `pays_out`: what is ordered, for this customer or for the purse `payee`.
        """
        codes: list[str] = []
        result = customer.order(order)
        if isinstance(result, Rejected):
            return (result.refusal.code.label,)
        self.vault.begin(pays_out, payee or number_of(customer))

        def carry(data: bytes) -> bytes | None:
            if not self.vault.busy:
                return None
            answer = self.vault.deliver(data)
            codes.extend([answer.code] if answer.code else [])
            return answer.out

        for result in lead(customer, carry):
            last = result
        codes += [last.refusal.code.label] if isinstance(last, Rejected) else []
        self.vault.end()
        return tuple(codes)

    # --- where value is ---

    def outstanding(self) -> int:
        """What the issuing centre has issued and not got back."""
        return sum(self.town.issuer.history.outstanding().values())

    def account(self) -> int:
        """Of the vault, at the issuing centre."""
        return self.town.issuer.accounts.amount(self.vault.number)

    def held(self) -> int:
        """In all purses: spendable, or pending and not credited where it went; and in issues that wait."""
        homes = self.town.by_number()
        value = 0
        for number, device in homes.items():
            value += device.store.total()[1]
            for pending in device.store.pendings():
                if homes[pending.payee].store.credit(number, pending.transaction) is None:
                    value += pending.amount
        return value

    def missing(self) -> int:
        """What was funded, less what can be found. After `settle`: 0."""
        self.town.issuer.history.conserved()
        self.town.counter.collect()
        return FUNDS - self.account() - self.held()

    def close(self) -> None:
        """Close the vault, and the town."""
        self.vault.close()
        self.town.close()
