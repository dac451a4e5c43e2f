"""Every check of a purse on what a peer, a holder or a centre gives it: one small method each.

A method returns what it has established, or raises Refusal. The order in which the core calls them is
normative (EPP-SES-025; chapter 7, "Payee"). They are methods of one object, so that a purse that lacks
exactly one check, with which a test suite is tested, is a subclass with one method.
Amounts are in minor units, epochs integers, hops as held unless "new" is said.
"""

from collections.abc import Sequence
from dataclasses import replace

from eiraku.reference import anchor
from eiraku.reference.anchor import SignedPurseId, SignedUnit
from eiraku.reference.crypto import cose
from eiraku.reference.edhoc.messages import Ead
from eiraku.reference.policy import Policy
from eiraku.reference.purse import credential
from eiraku.reference.purse.ledger import Credit, Ledger, Pending
from eiraku.reference.purse.state import HeldBulletin, Identity, RedeliverOrder, SentOffer, Terms
from eiraku.spec import messages, objects, shape
from eiraku.spec.cbor import Map
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.objects import Bulletin, PurseId, Role, Unit


class PeerChecks:
    """Handshake: the peer's purse ID, and the version."""

    def sealed_purse_id(self, terms: Terms, id_cred: Map) -> bytes:
        """The purse ID in ID_CRED_x."""
        # EPP-PID-010
        return credential.unseal(terms.identity.anchor.scheme_key, id_cred)

    def purse_id_shape(self, raw: bytes) -> SignedPurseId:
        """A purse ID of the right shape."""
        # EPP-PID-001
        return anchor.parse_purse_id(raw)

    def purse_id_signature(self, terms: Terms, purse_id: SignedPurseId) -> None:
        """Signed by the device centre."""
        # EPP-PID-002
        anchor.check_purse_id_signature(terms.identity.anchor, purse_id)

    def purse_id_seal(self, terms: Terms, peer: PurseId) -> None:
        """The device centre's seal."""
        # EPP-PID-003
        anchor.check_purse_id_seal(terms.identity.anchor, peer)

    def purse_id_economy(self, terms: Terms, peer: PurseId) -> None:
        """An economy of the anchor."""
        # EPP-PID-007
        anchor.check_purse_id_economy(terms.identity.anchor, peer)

    def peer_expiry(self, terms: Terms, peer: PurseId) -> None:
        """Valid up to and in its last epoch; `issued` is not compared (EPP-PID-005)."""
        # EPP-PID-004
        if terms.epoch > peer.expires:
            raise Refusal(Code.PURSE_EXPIRED, "EPP-PID-004", f"peer: expired after epoch {peer.expires}")

    def same_purse(self, terms: Terms, peer: PurseId) -> None:
        """Not oneself."""
        own = terms.identity.claims
        # EPP-SES-021
        if peer.number == own.number or peer.public_key == own.public_key:
            raise Refusal(Code.SAME_PURSE, "EPP-SES-021", "peer: this purse itself")

    def revocation(self, terms: Terms, peer: PurseId) -> None:
        """Not on the bulletin."""
        # EPP-SES-022
        if peer.number in terms.revoked:
            raise Refusal(Code.PURSE_REVOKED, "EPP-SES-022", "peer: revoked by the bulletin")

    def role_pair(self, terms: Terms, payer: PurseId, payee: PurseId) -> int:
        """The limit of the operation that applies, for both tiers."""
        policy = terms.identity.policy
        same = self.same_holder(payer, payee)
        operation = policy.operation(payer.role, payee.role, same_holder=same)
        # EPP-SES-023, EPP-POL-002
        if operation is None:
            raise Refusal(
                Code.ROLE_PAIR,
                "EPP-SES-023",
                f"policy: nothing from {payer.role.name} to {payee.role.name}, same holder: {same}",
            )
        # EPP-POL-005
        return policy.limit(operation, payer.tier, payee.tier)

    def same_holder(self, payer: PurseId, payee: PurseId) -> bool:
        """Whether both purses are one holder's."""
        # EPP-POL-003
        return payer.holder == payee.holder

    def pending_payee(self, ledger: Ledger, order: RedeliverOrder, peer: PurseId) -> None:
        """The payee of the transaction that is to be delivered again."""
        pending = ledger.pending(order.transaction)
        # EPP-SES-024
        if pending is None or pending.payee != peer.number:
            raise Refusal(Code.TRANSACTION, "EPP-SES-024", "peer: not the payee of the pending transaction")

    def version_offer(self, ead: Sequence[Ead]) -> int:
        """The highest version that both support, from EAD_1."""
        # EPP-SES-008
        return credential.choose_version(self.versions(ead))

    def versions(self, ead: Sequence[Ead]) -> tuple[int, ...]:
        """The versions that EAD_1 offers; none if it has no such item."""
        # EPP-SES-010
        return credential.read_offer(credential.only(ead))

    def version_choice(self, ead: Sequence[Ead]) -> None:
        """EAD_2 names a version that was offered."""
        # EPP-SES-009
        credential.check_choice(credential.only(ead))

    def no_version(self, ead: Sequence[Ead]) -> None:
        """EAD_3 and EAD_4 know no critical item."""
        # EPP-SES-010
        if any(item.critical for item in ead):
            raise Refusal(Code.MALFORMED, "EPP-SES-010", "critical EAD item in the wrong message")


class HolderChecks:
    """Orders of the holder, and bulletins."""

    def amount_to_pay(self, amount: int) -> None:
        """Not nothing."""
        # EPP-TRF-010
        if amount <= 0:
            raise Refusal(Code.AMOUNT, "EPP-TRF-010", "nothing to pay")

    def highest_limit(self, policy: Policy, own: PurseId, amount: int) -> None:
        """Within what any operation allows."""
        highest = policy.highest_limit(own.role, own.tier)
        # EPP-TRF-010
        if amount > highest:
            raise Refusal(Code.AMOUNT_LIMIT, "EPP-TRF-010", f"{amount} is above the limit of {highest}")

    def amount_to_request(self, amount: int, reference: str) -> None:
        """Something that a REQUEST can say."""
        # EPP-TRF-029
        if not 0 < amount <= shape.AMOUNT_MAX:
            raise Refusal(Code.AMOUNT, "EPP-TRF-029", f"cannot request {amount}")
        # EPP-TRF-029
        if len(reference.encode()) > messages.REFERENCE_MAX:
            raise Refusal(Code.MALFORMED, "EPP-TRF-029", "reference: longer than 64 bytes")

    def to_redeliver(self, ledger: Ledger, transaction: bytes) -> Pending:
        """A transaction that is pending."""
        pending = ledger.pending(transaction)
        # EPP-CRS-009
        if pending is None:
            raise Refusal(Code.UNKNOWN_TRANSACTION, "EPP-CRS-009", "this transaction is not pending")
        return pending

    def bulletin(self, identity_anchor: anchor.TrustAnchor, signed: bytes) -> Bulletin:
        """Signed by the device centre."""
        # EPP-BUL-001, EPP-BUL-003
        return anchor.verify_bulletin(identity_anchor, signed)

    def newer(self, held: HeldBulletin | None, bulletin: Bulletin, signed: bytes) -> bool:
        """Whether a bulletin is new here; False for the one that is held already."""
        if held is None:
            return True
        if signed == held.signed:
            return False
        # EPP-BUL-002
        if bulletin.epoch <= held.epoch:
            raise Refusal(
                Code.BULLETIN_STALE, "EPP-BUL-002", f"bulletin of epoch {bulletin.epoch}, now {held.epoch}"
            )
        return True


class PayerChecks:
    """Messages to a payer."""

    def requested_amount(self, wanted: int, requested: int) -> None:
        """What the holder consented to."""
        # EPP-TRF-013
        if requested != wanted:
            raise Refusal(Code.AMOUNT, "EPP-TRF-013", f"peer requests {requested}, holder pays {wanted}")

    def payer_limit(self, limit: int, amount: int) -> None:
        """Within the limit of the operation, inclusive."""
        # EPP-TRF-014, EPP-POL-004
        if amount > limit:
            raise Refusal(Code.AMOUNT_LIMIT, "EPP-TRF-014", f"{amount} is above the limit of {limit}")

    def accepted_offer(self, offer: SentOffer, accept: messages.Accept) -> None:
        """ACCEPT is about the OFFER that was sent."""
        # EPP-TRF-015
        if accept.transaction != offer.transaction or accept.offer_digest != offer.digest:
            raise Refusal(Code.TRANSACTION, "EPP-TRF-015", "ACCEPT is for another offer")

    def receipt(self, payee: PurseId, expected: objects.ReceiptPayload, receipt: messages.Receipt) -> None:
        """RECEIPT is signed by the payee over this transaction."""
        # EPP-TRF-017
        if receipt.transaction != expected.transaction:
            raise Refusal(Code.RECEIPT, "EPP-TRF-017", "RECEIPT is for another transaction")
        # EPP-TRF-017
        if not cose.verify_detached(
            payee.public_key, objects.CONTEXT_RECEIPT, expected.encode(), receipt.signature
        ):
            raise Refusal(Code.RECEIPT, "EPP-TRF-017", "RECEIPT does not verify")


class PayeeChecks:
    """Messages to a payee."""

    def offer_amount(self, requested: int | None, amount: int) -> None:
        """Not nothing, and what was requested, if something was."""
        # EPP-TRF-030
        if amount == 0 or requested not in (None, amount):
            raise Refusal(Code.AMOUNT, "EPP-TRF-030", f"peer offers {amount}, requested: {requested}")

    def offer_limit(self, limit: int, amount: int) -> None:
        """Within the limit of the operation, inclusive."""
        # EPP-TRF-031, EPP-POL-004
        if amount > limit:
            raise Refusal(Code.AMOUNT_LIMIT, "EPP-TRF-031", f"{amount} is above the limit of {limit}")

    def unit_count(self, policy: Policy, count: int) -> None:
        """At least one unit, and no more than the policy allows."""
        # EPP-TRF-032, EPP-POL-004
        if not 1 <= count <= policy.max_units:
            raise Refusal(Code.UNIT_COUNT, "EPP-TRF-032", f"{count} units, {policy.max_units} allowed")

    def duplicate(self, unit_id: bytes, earlier: set[bytes]) -> None:
        """Not the same as an earlier one of the bundle."""
        # EPP-TRF-033, EPP-UNI-009
        if unit_id in earlier:
            raise Refusal(Code.DUPLICATE_UNIT, "EPP-TRF-033", "occurs before in the bundle")

    def new_transaction(self, credit: Credit | None) -> None:
        """Not a transaction that is credited already."""
        # EPP-TRF-034
        if credit is not None:
            raise Refusal(Code.TRANSACTION, "EPP-TRF-034", "this transaction is credited already")

    def unit_shape(self, raw: bytes) -> SignedUnit:
        """A unit of the right shape."""
        # EPP-TRF-035, EPP-UNI-001
        return anchor.parse_unit(raw)

    def unit_signature(self, terms: Terms, unit: SignedUnit) -> None:
        """Signed by the issuing centre."""
        # EPP-TRF-036, EPP-UNI-002
        anchor.check_unit_signature(terms.identity.anchor, unit)

    def unit_seal(self, terms: Terms, unit: Unit) -> None:
        """The issuing centre's seal."""
        # EPP-TRF-037, EPP-UNI-003
        anchor.check_unit_seal(terms.identity.anchor, unit)

    def unit_economy(self, terms: Terms, unit: Unit) -> None:
        """An economy of the anchor."""
        # EPP-TRF-037, EPP-UNI-004
        anchor.check_unit_economy(terms.identity.anchor, unit)

    def unit_expiry(self, terms: Terms, unit: Unit) -> None:
        """Good up to and in its last epoch; `issued` is not compared (EPP-UNI-006)."""
        # EPP-TRF-038, EPP-UNI-005
        if terms.epoch > unit.expires:
            raise Refusal(Code.UNIT_EXPIRED, "EPP-UNI-005", f"expired after epoch {unit.expires}")

    def unit_value(self, unit: Unit) -> None:
        """A permitted denomination."""
        # EPP-TRF-038, EPP-UNI-007
        anchor.check_unit_value(unit)

    def hop_limit(self, terms: Terms, unit: Unit, new_hop: int) -> None:
        """Within the limits of the unit and of the policy; a vault or the centre takes more."""
        identity = terms.identity
        most = min(unit.max_hops, identity.policy.max_hops)
        # EPP-HIS-005: an endorsement has no room for a hop above 255, not even to a vault
        if identity.claims.role in (Role.VAULT, Role.CENTRE):
            most = objects.HOP_MAX
        # EPP-TRF-039, EPP-HIS-005, EPP-POL-004
        if new_hop > most:
            raise Refusal(Code.HOP_LIMIT, "EPP-HIS-005", f"hop {new_hop} is above the limit of {most}")

    def history_size(self, hop: int, size: int) -> None:
        """The size that belongs to the hop, in bytes."""
        # EPP-TRF-039, EPP-HIS-004
        if size != objects.history_size(hop):
            raise Refusal(
                Code.HISTORY_SIZE,
                "EPP-HIS-004",
                f"history of {size} bytes, {objects.history_size(hop)} belong to hop {hop}",
            )

    def held(self, ledger: Ledger, unit_id: bytes) -> None:
        """Not here already."""
        # EPP-TRF-040
        if ledger.is_held(unit_id):
            raise Refusal(Code.UNIT_HELD, "EPP-TRF-040", "is held here")

    def seen(self, ledger: Ledger, unit_id: bytes, new_hop: int) -> None:
        """Further on its way than when it was last here."""
        last = ledger.last_seen(unit_id)
        # EPP-TRF-041
        if last is not None and new_hop <= last:
            raise Refusal(Code.UNIT_SEEN, "EPP-TRF-041", f"hop {new_hop}, was here at hop {last}")

    def offer_sum(self, amount: int, total: int) -> None:
        """The values make up the amount."""
        # EPP-TRF-042
        if total != amount:
            raise Refusal(Code.SUM, "EPP-TRF-042", f"units of {total} for an amount of {amount}")

    def capacity(self, policy: Policy, count: int) -> None:
        """Room for so many units in all."""
        # EPP-TRF-043, EPP-POL-004
        if count > policy.capacity:
            raise Refusal(Code.CAPACITY, "EPP-TRF-043", f"{count} units, room for {policy.capacity}")

    def balance_limit(self, policy: Policy, tier: int, balance: int) -> None:
        """The balance afterwards is within the limit, inclusive."""
        limit = policy.balance_limit(tier)
        # EPP-TRF-044, EPP-POL-004
        if balance > limit:
            raise Refusal(Code.BALANCE_LIMIT, "EPP-TRF-044", f"balance of {balance}, at most {limit}")

    def paid_transaction(self, accepted: bytes, paid: bytes) -> None:
        """PAY is for the transaction that was accepted."""
        # EPP-TRF-047
        if paid != accepted:
            raise Refusal(Code.TRANSACTION, "EPP-TRF-047", "PAY is for another transaction")

    def endorsement_count(self, units: int, endorsements: int) -> None:
        """One endorsement for each unit."""
        # EPP-TRF-047
        if endorsements != units:
            raise Refusal(Code.ENDORSEMENT, "EPP-TRF-047", f"{endorsements} endorsements for {units} units")

    def endorsement(self, payer: PurseId, payload: objects.EndorsementPayload, signature: bytes) -> None:
        """Signed by the payer over exactly this move."""
        # EPP-HIS-002, EPP-TRF-048
        if not cose.verify_detached(
            payer.public_key, objects.CONTEXT_ENDORSEMENT, payload.encode(), signature
        ):
            raise Refusal(Code.ENDORSEMENT, "EPP-HIS-002", "endorsement does not verify")

    def same_offer(self, credit: Credit, offer_digest: bytes) -> None:
        """REDELIVER of a credited transaction repeats the OFFER byte for byte."""
        # EPP-CRS-011
        if credit.offer_digest != offer_digest:
            raise Refusal(Code.TRANSACTION, "EPP-CRS-011", "credited with another offer")


class CentreChecks:
    """What the centres give a purse, and what it is asked for."""

    def takes_issues(self, own: PurseId) -> None:
        """A vault."""
        # EPP-CEN-012
        if own.role is not Role.VAULT:
            raise Refusal(Code.ROLE_PAIR, "EPP-CEN-012", "an issue is for a vault")

    def is_collected(self, own: PurseId) -> None:
        """A purse of the issuing centre."""
        # EPP-CEN-010
        if own.role is not Role.CENTRE:
            raise Refusal(Code.ROLE_PAIR, "EPP-CEN-010", "only a centre collects from its purse")

    def issue_amount(self, amount: int) -> None:
        """Not nothing."""
        # EPP-CEN-012, EPP-TRF-030
        if amount == 0:
            raise Refusal(Code.AMOUNT, "EPP-TRF-030", "an issue of 0")

    def issue_count(self, count: int) -> None:
        """At least one unit; the limit is that of its length, not the policy's for a transfer."""
        # EPP-CEN-012, EPP-TRF-032
        if not count:
            raise Refusal(Code.UNIT_COUNT, "EPP-TRF-032", "an issue without units")

    def genesis(
        self, terms: Terms, unit: SignedUnit, payload: objects.EndorsementPayload, signature: bytes
    ) -> None:
        """Signed by the issuing centre over the first move of its unit."""
        key = terms.identity.anchor.money_keys[unit.kid].public
        # EPP-CEN-012, EPP-HIS-002
        if not cose.verify_detached(key, objects.CONTEXT_ENDORSEMENT, payload.encode(), signature):
            raise Refusal(Code.ENDORSEMENT, "EPP-CEN-012", "genesis endorsement does not verify")

    def renewal(self, identity: Identity, renewed: SignedPurseId) -> None:
        """The same purse, for longer."""
        own = identity.claims
        same = replace(
            renewed.claims, issued=own.issued, expires=own.expires, tier=own.tier, reserved=own.reserved
        )
        # EPP-DEV-002
        if same != own:
            raise Refusal(Code.AUTHENTICATION, "EPP-DEV-002", "purse ID: of another purse, or another holder")
        # EPP-DEV-002
        if renewed.claims.expires <= own.expires:
            raise Refusal(
                Code.AUTHENTICATION,
                "EPP-DEV-002",
                f"purse ID: expires {renewed.claims.expires}, expected later than {own.expires}",
            )

    def challenge(self, challenge: bytes) -> None:
        """16 bytes."""
        # EPP-DEV-006
        if len(challenge) != 16:
            raise Refusal(
                Code.MALFORMED, "EPP-DEV-006", f"challenge: expected 16 bytes, found {len(challenge)}"
            )


class Checks(PeerChecks, HolderChecks, PayerChecks, PayeeChecks, CentreChecks):
    """All of them."""
