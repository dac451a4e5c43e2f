"""Units of a vault for others, at the issuing centre, wherever it is interrupted (EPP-VLT-005, EPP-CEN-013).

A plan is durable before its first unit goes home. Then come payments to the centre's purse, in as many
sessions as it takes, and the issue; each can be done again, so an exchange goes on from wherever it is.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

from eiraku.reference.purse import holder
from eiraku.reference.purse.payee import check_room
from eiraku.reference.purse.state import PayUnitsOrder, RedeliverOrder
from eiraku.spec.centre_objects import Account, NoBody
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.objects import VALUES, Role
from eiraku.system.exchange.carrier import Carrier
from eiraku.system.exchange.outbox import Outbox
from eiraku.system.vault import stock as vault_stock
from eiraku.system.vault.errors import NotTaken, PeerRefused
from eiraku.system.vault.issues import ISSUING_CENTRE, Issues
from eiraku.system.vault.peers import Peers
from eiraku.system.vault.policy import VaultPolicy
from eiraku.system.vault.progress import Progress
from eiraku.system.vault.purse import VaultPurse
from eiraku.system.vault.stock import Exchange, Shelf


class Exchanging:
    """What a vault does with its units. `centre`: the way to the issuing centre; nobody has the purse
    meanwhile. Methods raise as `carry_out`.
    """

    def __init__(
        self,
        purse: VaultPurse,
        policy: VaultPolicy,
        centre: Carrier,
        *,
        peers: Peers,
        outbox: Outbox,
        issues: Issues,
        progress: Progress,
    ) -> None:
        self.purse = purse
        self.policy = policy
        self._centre = centre
        self._peers = peers
        self._outbox = outbox
        self._issues = issues
        self._progress = progress

    # --- what there is ---

    def shelf(self) -> Shelf:
        """What can be paid, and what can only go home."""
        return Shelf.sort(
            self.purse.device.store.summaries(),
            epoch=self.purse.epoch,
            policy=self.purse.identity.policy,
            vault_policy=self.policy,
        )

    def account(self) -> int:
        """What the vault has at the issuing centre. Raises ServiceUnreachable, ServiceRefused, Refusal."""
        answer = self._outbox.ask(ISSUING_CENTRE, "account", NoBody().encode())
        return Account.decode(answer).amount

    # --- exchanges ---

    def exact(self, values: Sequence[int]) -> None:
        """Get units of these values, for worn and then other units, with the account."""
        self.carry_out(lambda: vault_stock.exact(self.shelf(), values, self.account))

    def change(self, amount: int) -> None:
        """See to it that an amount can be paid exactly (EPP-VLT-005)."""
        identity = self.purse.identity
        holder.check_amount(identity, amount)

        def plan() -> Exchange | None:
            return vault_stock.change(
                self.shelf(),
                amount,
                max_units=identity.policy.max_units,
                vault_policy=self.policy,
                account=self.account,
            )

        # What is here exactly is paid, whatever else is under way with the centre.
        if plan() is not None:
            self.carry_out(plan)

    def redeem(self, amount: int | None) -> None:
        """Send units home that make up `amount`, or all of them."""

        def plan() -> Exchange:
            shelf = self.shelf()
            units = (*shelf.worn, *shelf.fresh)
            units = units if amount is None else vault_stock.worth(shelf, amount)
            return Exchange(home=tuple(unit.unit_id for unit in units), values=())

        self.carry_out(plan)

    def restock(self) -> bool:
        """Bring the stock to what the policy wants; False if it is."""

        def plan() -> Exchange | None:
            store, epoch = self.purse.device.store, self.purse.epoch
            count, _ = store.total(epoch)
            room = self.purse.identity.policy.capacity - count - store.pending_units(epoch)
            return vault_stock.restock(
                self.shelf(), vault_policy=self.policy, account=self.account(), room=room
            )

        return self.carry_out(plan)

    def carry_out(self, plan: Callable[[], Exchange | None]) -> bool:
        """Complete what was interrupted, and then carry out a plan; False if there is none.

        Raises Refusal (INSUFFICIENT_FUNDS, CAPACITY, BALANCE_LIMIT, ...), PeerRefused, ServiceRefused for the
        issue: then it is given up, and what went home is in the account. Raises ServiceUnreachable,
        PurseLostPower, VaultSuspended, ServiceRefused for a session: then it goes on later. Raises NotTaken:
        the issue waits for room.
        """
        # EPP-VLT-029: one that was interrupted comes first. Its plan is durable, and there is room for one.
        # What is wrong with a payment or an issue of the past is for `settle` to say.
        self.redeliver()
        with suppress(NotTaken):
            self._outbox.finish(ISSUING_CENTRE)
        self.go_on()
        made = plan()
        if made is None:
            return False
        self._room(made)
        self._progress.set_plan(made)
        self.go_on()
        return True

    def go_on(self) -> None:
        """The exchange that is under way, from wherever it is."""
        plan = self._progress.plan()
        if plan is None:
            return
        policy, own = self.purse.identity.policy, self.purse.identity.claims
        try:
            units = [unit for unit in self.purse.device.store.summaries() if unit.unit_id in set(plan.home)]
            redemption = policy.operation(Role.VAULT, Role.CENTRE, same_holder=False)
            limit = 0 if redemption is None else redemption.limit(own.tier)
            bundles = vault_stock.bundles(
                units, max_units=policy.max_units, max_record=policy.max_record, limit=limit
            )
            for bundle in bundles:
                self._peers.meet(self._centre, PayUnitsOrder(unit_ids=bundle))
            if plan.values:
                self._issues.ask(plan.values)
            else:
                self._progress.set_plan(None)
        except (Refusal, PeerRefused):
            # EPP-VLT-030
            self._progress.set_plan(None)
            raise

    def redeliver(self) -> Refusal | PeerRefused | None:
        """Deliver again what is pending to the centre; the first refusal, which stops nothing else."""
        first: Refusal | PeerRefused | None = None
        claimed = self._progress.claimed()
        for pending in self.purse.device.store.pendings(self.purse.epoch):
            if pending.payee in self._progress.centres and pending.transaction not in claimed:
                try:
                    self._peers.meet(self._centre, RedeliverOrder(transaction=pending.transaction))
                except (Refusal, PeerRefused) as refused:
                    first = first or refused
        return first

    def _room(self, plan: Exchange) -> None:
        """An issue that will not be taken is not asked for. Raises Refusal."""
        store, epoch = self.purse.device.store, self.purse.epoch
        home = {unit.unit_id: unit.value for unit in store.summaries() if unit.expires >= epoch}
        count, balance = store.total(epoch)
        count += store.pending_units(epoch) + len(plan.values) - len(plan.home)
        balance += sum(plan.values) - sum(home[unit_id] for unit_id in plan.home)
        # EPP-VLT-009
        check_room(self.purse.ready.terms, store, count=count, new=len(plan.values), balance=balance)
        # EPP-VLT-009
        if len(plan.values) > vault_stock.ISSUE_MAX:
            raise Refusal(Code.UNIT_COUNT, "EPP-VLT-009", f"more than {vault_stock.ISSUE_MAX} units at once")


def denominations(values: Sequence[int]) -> tuple[int, ...]:
    """Values that can be issued. Raises Refusal."""
    for value in values:
        # EPP-UNI-007
        if value not in VALUES:
            raise Refusal(
                Code.UNIT_VALUE, "EPP-UNI-007", f"{value} is no denomination; they are 1, 2, 4, ..."
            )
    # EPP-CEN-066
    if not values:
        raise Refusal(Code.UNIT_COUNT, "EPP-CEN-066", "expected one value or more")
    return tuple(values)
