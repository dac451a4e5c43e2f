"""A vault: a purse of role `vault` that is online, between its customers and the two centres (chapter 14).

It serves one session at a time, reports suspect purses, stops when its bulletin may be stale, and exchanges
units at the issuing centre. Whatever is interrupted (power, a lost answer, a centre that cannot be reached)
is completed by `settle`; then value is where it belongs: in purses, in the vault, in its account.

A `Vault` may be called from several threads; one thing happens at a time. Beside what each method names they
raise DatabaseError and StoreError (the vault's own memory), and PurseLostPower.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

from eiraku.reference.purse.ledger import Pending
from eiraku.reference.purse.state import (
    Order,
    PayOrder,
    PayUnitsOrder,
    ReceiveOrder,
    RedeliverOrder,
)
from eiraku.spec import cbor
from eiraku.spec.centre_objects import Claim
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.objects import VALUES, Role
from eiraku.system.exchange.carrier import Carrier, ServiceRefused, ServiceUnreachable
from eiraku.system.exchange.sessions import Answer
from eiraku.system.vault import stock as vault_stock
from eiraku.system.vault.errands import (
    ISSUING_CENTRE,
    NotTaken,
)
from eiraku.system.vault.online import (
    BOTH,
    OnlineVault,
    VaultBusy,
    VaultError,
    VaultSuspended,
)
from eiraku.system.vault.peers import PeerRefused
from eiraku.system.vault.stock import Exchange, Shelf

__all__ = [
    "NotTaken",
    "PeerRefused",
    "Vault",
    "VaultBusy",
    "VaultError",
    "VaultSuspended",
]


class Vault(OnlineVault):
    """One vault. Call `refresh` and `settle` when it starts, and `tick` every now and then."""

    # --- sessions of customers: `services.sessions.Host` ---

    def begin(self, order: int | None = None, payee: bytes | None = None) -> None:
        """Be ready for one session, as responder: to receive, or to pay `order` out.

        `payee`: number of the only purse that may be paid. If a payment to it is pending, that one is
        delivered again instead (EPP-CRS-007). Makes change first, if it must. Raises ServiceRefused
        (VaultBusy, VaultSuspended, `unavailable`, or a code of chapter 10).
        """
        with self._alone():
            # EPP-VLT-003
            if self.suspended:
                raise VaultSuspended
            try:
                self._peers.begin(self._order(order, payee), payee)
            except Refusal as refusal:
                raise _as_answer(refusal) from refusal

    def deliver(self, data: bytes) -> Answer:
        """One message of the customer. Reports at once what is to be reported."""
        with self._lock:
            # EPP-VLT-006
            if not self._peers.active:
                raise ServiceRefused("session-order", "EPP-VLT-006", "no session is open; open one")
            return self._peers.deliver(data)

    def end(self) -> None:
        """Let go of a session that does not come to its end by itself."""
        with self._lock:
            self._peers.end()

    # --- the centres ---

    def tick(self) -> tuple[str, ...]:
        """Do what is due: the bulletin, reports, what was interrupted. The answer is what did not work."""
        problems: list[str] = []
        for task in (self.refresh, self.send_reports, self._settle_if_free):
            try:
                task()
            except (ServiceUnreachable, ServiceRefused, Refusal, ValueError) as problem:
                problems.append(str(problem))
        return tuple(problems)

    def issue(self, values: Sequence[int]) -> None:
        """Draw units of these values from the account. Raises as `exchange`."""
        _denominations(values)
        self._carry_out(lambda: Exchange(home=(), values=tuple(values)))

    def redeem(self, amount: int | None = None) -> None:
        """Send units home that make up `amount`, or all of them. Raises as `exchange`."""

        def plan() -> Exchange:
            shelf = self._shelf()
            units = (*shelf.worn, *shelf.fresh)
            units = units if amount is None else vault_stock.worth(shelf, amount)
            return Exchange(home=tuple(unit.unit_id for unit in units), values=())

        self._carry_out(plan)

    def exchange(self, values: Sequence[int]) -> None:
        """Get units of these values for others (EPP-CEN-013), with the account if units do not suffice.

        Raises Refusal (INSUFFICIENT_FUNDS, CAPACITY, BALANCE_LIMIT, ...), PeerRefused, ServiceRefused for the
        issue: then it is given up, and what went home is in the account. Raises ServiceUnreachable,
        PurseLostPower, VaultSuspended, ServiceRefused for a session: then `settle` completes it. Raises
        NotTaken: the issue waits for room.
        """
        _denominations(values)
        self._carry_out(lambda: vault_stock.exact(self._shelf(), values, self.account))

    def restock(self) -> bool:
        """Bring the stock to what the policy wants; False if it is. Raises as `exchange`."""

        def plan() -> Exchange | None:
            policy = self._identity.policy
            count, _ = self.device.store.total()
            room = policy.capacity - count - self.device.store.pending_units()
            return vault_stock.restock(
                self._shelf(), vault_policy=self.policy, account=self.account(), room=room
            )

        return self._carry_out(plan)

    def pay(self, carrier: Carrier, amount: int) -> None:
        """Pay the purse behind another service, such as another vault. Raises as `exchange`."""
        with self._alone():
            self._change(amount)
            self._meet(carrier, PayOrder(amount=amount))

    def claim(self, transaction: bytes) -> str:
        """Claim a pending payment whose receipt never comes (EPP-CEN-008); what the centre says of it.

        Raises Refusal for one that is not pending, ServiceRefused, ServiceUnreachable.
        """
        with self._lock:
            pending = self.device.store.pending(transaction)
            # EPP-CRS-009
            if pending is None:
                raise Refusal(Code.UNKNOWN_TRANSACTION, "EPP-CRS-009", "this transaction is not pending")
            body = Claim(
                offer=pending.offer,
                endorsements=pending.endorsements,
                payee=pending.payee,
                beneficiary=self.number,
            ).encode()
            answer = self._errands.ask(ISSUING_CENTRE, "claim", body)
            self._state.claim(transaction)
        return str(cbor.decode(answer))

    def settle(self) -> None:
        """Complete everything that was interrupted; nothing is done twice.

        Payments to the centre are delivered again, requests sent again, an exchange carried on, issues that
        waited taken, reports sent. Raises the first failure; call it again when its cause is gone. A payment
        that the centre refuses for good (its units have expired, say) is to be claimed; the rest goes on.
        """
        with self._alone():
            refused = self._redeliver_home()
            for audience in BOTH:
                self._errands.finish(audience)
            self._errands.take_waiting()
            self._carry_on()
            self.send_reports()
            if refused is not None:
                raise refused

    # --- inside: exchange ---

    def _carry_out(self, plan: Callable[[], Exchange | None]) -> bool:
        with self._alone():
            # One that was interrupted comes first: its plan is durable, and there is room for one. What is
            # wrong with a payment or an issue of the past is for `settle` to say.
            self._redeliver_home()
            with suppress(NotTaken):
                self._errands.finish(ISSUING_CENTRE)
            self._carry_on()
            made = plan()
            if made is None:
                return False
            self._room(made)
            self._state.set_plan(made)
            self._carry_on()
            return True

    def _redeliver_home(self) -> Refusal | PeerRefused | None:
        """Deliver again what is pending to the centre; the first refusal, which stops nothing else."""
        first: Refusal | PeerRefused | None = None
        claimed = self._state.claimed()
        for pending in self.device.store.pendings():
            if pending.payee in self._centres and pending.transaction not in claimed:
                try:
                    self._meet(self._issuing, RedeliverOrder(transaction=pending.transaction))
                except (Refusal, PeerRefused) as refused:
                    first = first or refused
        return first

    def _carry_on(self) -> None:
        """The exchange that is under way, from wherever it is."""
        plan = self._state.plan()
        if plan is None:
            return
        policy, own = self._identity.policy, self._identity.claims
        try:
            units = [unit for unit in self.device.store.summaries() if unit.unit_id in set(plan.home)]
            redemption = policy.operation(Role.VAULT, Role.CENTRE, same_holder=False)
            limit = 0 if redemption is None else redemption.limit(own.tier)
            for bundle in vault_stock.bundles(units, max_units=policy.max_units, limit=limit):
                self._meet(self._issuing, PayUnitsOrder(unit_ids=bundle))
            if plan.values:
                # EPP-CEN-013
                body = cbor.encode((own.economy, plan.values))
                self._errands.ask(ISSUING_CENTRE, "issue", body, ends_plan=True)
            else:
                self._state.set_plan(None)
        except (Refusal, PeerRefused):
            self._state.set_plan(None)
            raise

    def _room(self, plan: Exchange) -> None:
        """An issue that will not be taken is not asked for. Raises Refusal."""
        checks, claims, policy = self.device.purse.checks, self._identity.claims, self._identity.policy
        home = {unit.unit_id: unit.value for unit in self.device.store.summaries()}
        count, balance = self.device.store.total()
        count += self.device.store.pending_units() + len(plan.values) - len(plan.home)
        # EPP-VLT-009
        checks.capacity(policy, count)
        balance += sum(plan.values) - sum(home[unit_id] for unit_id in plan.home)
        checks.balance_limit(policy, claims.tier, balance)
        # EPP-VLT-009
        if len(plan.values) > vault_stock.ISSUE_MAX:
            raise Refusal(Code.UNIT_COUNT, "EPP-VLT-009", f"more than {vault_stock.ISSUE_MAX} units at once")

    def _change(self, amount: int) -> None:
        """See to it that an amount can be paid exactly (EPP-VLT-005). Raises as `exchange`."""
        checks, identity = self.device.purse.checks, self._identity
        checks.amount_to_pay(amount)
        checks.highest_limit(identity.policy, identity.claims, amount)

        def plan() -> Exchange | None:
            return vault_stock.change(
                self._shelf(),
                amount,
                max_units=identity.policy.max_units,
                vault_policy=self.policy,
                account=self.account,
            )

        # What is here exactly is paid, whatever else is under way with the centre.
        if plan() is not None:
            self._carry_out(plan)

    def _order(self, amount: int | None, payee: bytes | None) -> Order:
        if amount is None:
            return ReceiveOrder()
        pending = self._pending_for(payee)
        if pending is not None:
            return RedeliverOrder(transaction=pending.transaction)
        try:
            self._change(amount)
        except (ServiceUnreachable, NotTaken) as error:
            detail = "no exact change, and the issuing centre cannot be asked; try again later"
            raise ServiceRefused("unavailable", "EPP-VLT-005", detail) from error
        except PeerRefused as error:
            raise ServiceRefused("unavailable", "EPP-VLT-005", str(error)) from error
        return PayOrder(amount=amount)

    def _pending_for(self, payee: bytes | None) -> Pending | None:
        return next((each for each in self.device.store.pendings() if each.payee == payee), None)

    def _shelf(self) -> Shelf:
        return Shelf.sort(
            self.device.store.summaries(),
            epoch=self.epoch,
            policy=self._identity.policy,
            vault_policy=self.policy,
        )

    def _settle_if_free(self) -> None:
        with self._lock:
            if not self._peers.active:
                self.settle()


def _as_answer(refusal: Refusal) -> ServiceRefused:
    return ServiceRefused(refusal.code.label, refusal.requirement, refusal.detail)


def _denominations(values: Sequence[int]) -> None:
    for value in values:
        # EPP-UNI-007
        if value not in VALUES:
            raise Refusal(
                Code.UNIT_VALUE, "EPP-UNI-007", f"{value} is no denomination; they are 1, 2, 4, ..."
            )
    # EPP-CEN-012
    if not values:
        raise Refusal(Code.UNIT_COUNT, "EPP-CEN-012", "expected one value or more")
