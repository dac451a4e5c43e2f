"""Making a purse: everything given is verified, then stored in one write, or nothing is (EPP-GEN-005)."""

from collections.abc import Sequence

from eiraku.reference import anchor
from eiraku.reference.anchor import AnchorError, TrustAnchor
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.policy import Policy, Room
from eiraku.reference.purse import holder, units
from eiraku.reference.purse.ledger import Holding, Provision, Provisioned
from eiraku.reference.purse.state import (
    Effect,
    Empty,
    Identity,
    NoSession,
    Provisioning,
    PurseState,
    Ready,
    Write,
)
from eiraku.reference.settings import SettingsError
from eiraku.spec import objects
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import OfferedUnit
from eiraku.spec.objects import Role

RULE = "EPP-GEN-008"
"""For a fault of the anchor, which has many rules of its own."""
ROOM = Room(
    capacity=65535,
    max_bulletin=2**20,
    max_record=65535,
    max_given=2**24,
    max_credited=2**24,
    max_seen=2**24,
)
"""What a purse on this store has room for (EPP-POL-018)."""


def provision(state: PurseState, given: Provisioning) -> tuple[PurseState, tuple[Effect, ...]]:
    """Fill an empty purse. Raises Refusal: POLICY, PROVISION, or what is wrong with the bulletin."""
    # EPP-GEN-007
    if not isinstance(state, Empty):
        raise Refusal(Code.PROVISION, "EPP-GEN-007", "this purse is provisioned already")
    try:
        policy = Policy.from_mapping(given.policy)
    except SettingsError as error:
        # EPP-POL-001
        raise Refusal(Code.POLICY, "EPP-POL-001", str(error)) from None
    check_policy(policy)
    try:
        # EPP-KEY-033, EPP-KEY-034, EPP-GEN-020, EPP-GEN-010
        trusted = TrustAnchor.from_mapping(given.anchor)
        check_scheme_keys(trusted, given.anchor["scheme_keys"])
        check_identity(trusted, given)
        role = anchor.parse_purse_id(given.purse_id).claims.role
        holdings = tuple(check_holding(trusted, role, item) for item in given.holdings)
    except AnchorError as error:
        raise Refusal(Code.PROVISION, RULE, str(error)) from None
    except Refusal as refusal:
        raise Refusal(Code.PROVISION, refusal.requirement, refusal.detail) from None
    # EPP-GEN-016, EPP-UNI-009
    if len({holding.unit_id for holding in holdings}) != len(holdings):
        raise Refusal(Code.PROVISION, "EPP-GEN-016", "holdings: one unit is there twice")
    # EPP-GEN-017
    if len(holdings) > policy.capacity:
        detail = f"holdings: {len(holdings)} units, room for {policy.capacity}"
        raise Refusal(Code.PROVISION, "EPP-GEN-017", detail)
    bulletin = None
    if given.bulletin is not None:
        # EPP-BUL-006
        bulletin = holder.check_bulletin(trusted, policy, given.bulletin, None)
    made = Provision(
        number=given.number,
        private_key=given.private_key,
        purse_id=given.purse_id,
        anchor=trusted,
        policy=policy,
    )
    ready = Ready(identity=identity(made), bulletin=bulletin, order=None, session=NoSession())
    # EPP-GEN-005
    stored = None if bulletin is None else bulletin.stored
    change = Provisioned(provision=made, bulletin=stored, holdings=holdings)
    return ready, (Write(change=change),)


def check_policy(policy: Policy) -> None:
    """That this purse has the room. Raises Refusal."""
    name = policy.exceeded(ROOM)
    # EPP-POL-018
    if name is not None:
        detail = f"{name}: {getattr(policy, name)}, at most {getattr(ROOM, name)} here"
        raise Refusal(Code.POLICY, "EPP-POL-018", detail)


def check_scheme_keys(trusted: TrustAnchor, keys: Sequence[str]) -> None:
    """One or more, each once, all of the device list; `keys` as given. Raises Refusal."""
    # EPP-KEY-066
    if not keys:
        raise Refusal(Code.PROVISION, "EPP-KEY-066", "anchor: expected a scheme key, found none")
    # EPP-KEY-067
    if len(set(keys)) < len(keys):
        raise Refusal(Code.PROVISION, "EPP-KEY-067", "anchor: one scheme key is there twice")
    # EPP-KEY-068; EPP-KEY-069: in which epochs it is valid does not matter
    if not trusted.scheme_keys.keys() <= trusted.device.scheme.keys():
        raise Refusal(Code.PROVISION, "EPP-KEY-068", "anchor: a scheme key is not one of the key list")


def check_identity(trusted: TrustAnchor, given: Provisioning) -> None:
    """Purse ID, private key and number belong together. Raises Refusal."""
    # EPP-GEN-011; EPP-GEN-019: one that has expired is no fault
    claims = anchor.verify_purse_id(trusted, given.purse_id).claims
    # EPP-GEN-012
    if len(given.private_key) != 32 or SigningKey(given.private_key).public != claims.public_key:
        raise Refusal(Code.PROVISION, "EPP-GEN-012", "private key: does not belong to the purse ID")
    # EPP-GEN-013
    if given.number != claims.number:
        raise Refusal(Code.PROVISION, "EPP-GEN-013", "number: not that of the purse ID")


def check_holding(trusted: TrustAnchor, role: Role, item: OfferedUnit) -> Holding:
    """A unit to begin with; one that has expired is no fault, it is only not spent. Raises Refusal."""
    # EPP-GEN-014; EPP-GEN-018: expiry is not looked at; EPP-KEY-009, EPP-CEN-040
    unit = anchor.verify_unit(trusted, item.unit, at_any_epoch=role is Role.CENTRE)
    # EPP-GEN-015, EPP-HIS-004
    if not 0 <= item.hop <= objects.HOP_MAX or len(item.history) != objects.history_size(item.hop):
        raise Refusal(Code.HISTORY_SIZE, "EPP-HIS-004", "holdings: history does not fit the hop")
    return units.held(unit, item.hop, item.history)


def identity(provision: Provision) -> Identity:
    """The working form of what is stored; it was verified when it was provisioned."""
    return Identity(
        key=SigningKey(provision.private_key),
        purse_id=provision.purse_id,
        claims=anchor.parse_purse_id(provision.purse_id).claims,
        anchor=provision.anchor,
        policy=provision.policy,
    )
