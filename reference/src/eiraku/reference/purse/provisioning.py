"""Making a purse: everything given is verified, then stored in one write, or nothing is (EPP-GEN-005)."""

from eiraku.reference.anchor import AnchorError, TrustAnchor, parse_purse_id, verify_purse_id, verify_unit
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.policy import Policy, PolicyError
from eiraku.reference.purse.ledger import Holding, Provision, Provisioned
from eiraku.reference.purse.seams import Seams
from eiraku.reference.purse.state import (
    Effect,
    Empty,
    GivenHolding,
    HeldBulletin,
    Identity,
    NoSession,
    Provisioning,
    PurseState,
    Ready,
    Write,
)
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.objects import HOP_MAX, Bulletin, history_size

RULE = "EPP-GEN-005"


class Maker(Seams):
    """Fills an empty purse."""

    def provision(self, state: PurseState, given: Provisioning) -> tuple[PurseState, tuple[Effect, ...]]:
        """Fill an empty purse. Raises Refusal: POLICY, PROVISION, or what is wrong with the bulletin."""
        # EPP-GEN-005
        if not isinstance(state, Empty):
            raise Refusal(Code.PROVISION, RULE, "this purse is provisioned already")
        policy = self.read_policy(given)
        try:
            anchor = TrustAnchor.from_mapping(given.anchor)
            self.check_identity(anchor, given)
            holdings = tuple(self.check_holding(anchor, item) for item in given.holdings)
        except AnchorError as error:
            raise Refusal(Code.PROVISION, RULE, str(error)) from None
        except Refusal as refusal:
            raise Refusal(Code.PROVISION, RULE, refusal.detail) from None
        # EPP-UNI-009
        if len({holding.unit_id for holding in holdings}) != len(holdings):
            raise Refusal(Code.PROVISION, RULE, "holdings: one unit is there twice")
        bulletin = None
        if given.bulletin is not None:
            bulletin = held_bulletin(self.checks.bulletin(anchor, given.bulletin), given.bulletin)
        provision = Provision(
            number=given.number,
            private_key=given.private_key,
            purse_id=given.purse_id,
            anchor=anchor,
            policy=policy,
        )
        ready = Ready(identity=identity(provision), bulletin=bulletin, order=None, session=NoSession())
        change = Provisioned(provision=provision, bulletin=given.bulletin, holdings=holdings)
        return ready, (Write(change=change),)

    def read_policy(self, given: Provisioning) -> Policy:
        """The policy. Raises Refusal(POLICY)."""
        try:
            return Policy.from_mapping(given.policy)
        except PolicyError as error:
            # EPP-POL-001
            raise Refusal(Code.POLICY, "EPP-POL-001", str(error)) from None

    def check_identity(self, anchor: TrustAnchor, given: Provisioning) -> None:
        """Purse ID, private key and number belong together. Raises Refusal."""
        claims = verify_purse_id(anchor, given.purse_id).claims
        # EPP-GEN-005
        if len(given.private_key) != 32 or SigningKey(given.private_key).public != claims.public_key:
            raise Refusal(Code.PROVISION, RULE, "private key: does not belong to the purse ID")
        # EPP-GEN-005
        if given.number != claims.number:
            raise Refusal(Code.PROVISION, RULE, "number: not that of the purse ID")

    def check_holding(self, anchor: TrustAnchor, item: GivenHolding) -> Holding:
        """A unit to begin with; one that has expired is no fault, it is only not spent. Raises Refusal."""
        unit = verify_unit(anchor, item.unit)
        # EPP-HIS-004
        if not 0 <= item.hop <= HOP_MAX or len(item.history) != history_size(item.hop):
            raise Refusal(Code.HISTORY_SIZE, "EPP-HIS-004", "holdings: history does not fit the hop")
        return Holding(
            unit_id=unit.unit_id,
            unit=item.unit,
            value=unit.unit.value,
            expires=unit.unit.expires,
            max_hops=unit.unit.max_hops,
            hop=item.hop,
            history=item.history,
        )


def identity(provision: Provision) -> Identity:
    """The working form of what is stored; it was verified when it was provisioned."""
    return Identity(
        key=SigningKey(provision.private_key),
        purse_id=provision.purse_id,
        claims=parse_purse_id(provision.purse_id).claims,
        anchor=provision.anchor,
        policy=provision.policy,
    )


def held_bulletin(bulletin: Bulletin, signed: bytes) -> HeldBulletin:
    """The working form of a bulletin."""
    return HeldBulletin(signed=signed, epoch=bulletin.epoch, revoked=frozenset(bulletin.revoked))
