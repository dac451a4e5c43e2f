"""The methods of both centres: bodies, who may ask, answers (specification, chapter 16, EPP-SVC-010, -011).

Bodies and answers are CBOR items. Every handler is idempotent by request id, or does what can be done again
without harm; so a request whose answer was lost with the power may be carried out once more.
"""

from collections.abc import Callable, Mapping

from eiraku.spec import cbor, shape
from eiraku.spec.centre_objects import Claim, IssueBody, ReceiptBody, Renewed, SchemeKeys, SuspectBody
from eiraku.spec.objects import Role
from eiraku.system.device.registry import Registry
from eiraku.system.exchange.carrier import ServiceRefused
from eiraku.system.exchange.trust import SCHEME_KEYS
from eiraku.system.issuing.issuer import Issuer
from eiraku.system.services.requests import Caller, Handler, Method

RULE = "EPP-SVC-010"
NOTHING = cbor.encode(None)
VAULTS = frozenset({Role.VAULT})
CASES_MAX = 100


def issuing_centre(issuer: Issuer, registry: Registry) -> Mapping[str, Method]:
    """`issue`, `receipt`, `account`, `claim`, `cases`, `suspect`."""

    def issue(caller: Caller, request_id: bytes, body: bytes) -> bytes:
        read = IssueBody.decode(body)
        return issuer.issues.issue(
            request_id, caller.number, read.economy, read.values, at_economy=caller.economy
        )

    def receipt(caller: Caller, _request_id: bytes, body: bytes) -> bytes:
        read = ReceiptBody.decode(body)
        issuer.issues.receipt(caller.number, read.transaction, read.signature)
        return NOTHING

    def account(caller: Caller, _request_id: bytes, body: bytes) -> bytes:
        fields(body, 0)
        return cbor.encode(issuer.accounts.amount(caller.number))

    def claim(caller: Caller, _request_id: bytes, body: bytes) -> bytes:
        read = Claim.decode(body)
        beneficiary = registry.purses.lookup(read.beneficiary)
        # EPP-SVC-010
        if beneficiary is None or beneficiary.role is not Role.VAULT:
            detail = "expected the number of a registered vault as beneficiary"
            raise ServiceRefused("not-allowed", RULE, detail)
        return cbor.encode(issuer.claims.claim(caller.number, read, economy=beneficiary.economy))

    def cases(_caller: Caller, _request_id: bytes, body: bytes) -> bytes:
        (after,) = fields(body, 1)
        found = issuer.history.cases(shape.uint(after, RULE, "after", 0, 2**53 - 1))[:CASES_MAX]
        return cbor.encode(tuple((c.sequence, c.kind, c.purse, c.unit_id, c.hop, c.epoch) for c in found))

    return {
        "issue": Method(handler=issue, roles=VAULTS),
        "receipt": Method(handler=receipt, roles=VAULTS),
        "account": Method(handler=account),
        "claim": Method(handler=claim),
        "cases": Method(handler=cases, roles=VAULTS),
        "suspect": Method(handler=_suspect(registry), roles=VAULTS),
    }


def device_centre(registry: Registry, issuer: Issuer, *, lifetime: int) -> Mapping[str, Method]:
    """`renew`, `scheme-keys`, `challenge`, `self-report`, `suspect`.

    `lifetime`: most epochs of a renewed purse ID.
    """

    def renew(caller: Caller, _request_id: bytes, body: bytes) -> bytes:
        (wanted,) = fields(body, 1)
        latest = registry.bulletins.epoch + lifetime
        expires = shape.uint(wanted, RULE, "expires", 0, shape.EPOCH_MAX)
        # EPP-SVC-011
        if expires > latest:
            detail = f"expected an epoch up to {latest}, found {expires}"
            raise ServiceRefused("not-allowed", "EPP-SVC-011", detail)
        purse_id = registry.purses.renew(caller.number, expires)
        # EPP-DEV-046
        return Renewed(
            purse_id=purse_id, device_keys=registry.keys.newest(), money_keys=issuer.office.key_list()
        ).encode()

    def scheme_keys(_caller: Caller, _request_id: bytes, body: bytes) -> bytes:
        fields(body, 0)
        # EPP-DEV-048
        return SchemeKeys(keys=registry.keys.scheme_keys()).encode()

    def challenge(caller: Caller, _request_id: bytes, body: bytes) -> bytes:
        fields(body, 0)
        return cbor.encode(registry.inspections.challenge(caller.number, issuer.history))

    def self_report(caller: Caller, _request_id: bytes, body: bytes) -> bytes:
        # What was found is for the operator: a purse that cheats must not learn what gave it away.
        registry.inspections.inspect(caller.number, body, issuer.history)
        return NOTHING

    return {
        "renew": Method(handler=renew),
        SCHEME_KEYS: Method(handler=scheme_keys),
        "challenge": Method(handler=challenge),
        "self-report": Method(handler=self_report),
        "suspect": Method(handler=_suspect(registry), roles=VAULTS),
    }


def fields(body: bytes, count: int) -> tuple[cbor.Item, ...]:
    """The body as an array of `count` items. Raises Refusal(MALFORMED)."""
    return shape.array(cbor.decode(body), RULE, "body", count)


def callers(registry: Registry) -> Callable[[bytes], Caller | None]:
    """Registered purses, as a gate asks for them."""

    def find(number: bytes) -> Caller | None:
        found = registry.purses.lookup(number)
        if found is None:
            return None
        return Caller(
            number=found.number,
            public_key=found.public_key,
            role=found.role,
            holder=found.holder,
            economy=found.economy,
            good=found.active,
        )

    return find


def _suspect(registry: Registry) -> Handler:
    def suspect(caller: Caller, _request_id: bytes, body: bytes) -> bytes:
        read = SuspectBody.decode(body)
        registry.suspects.report(caller.number, read.number, read.code, read.unit_id, read.epoch)
        return NOTHING

    return suspect
