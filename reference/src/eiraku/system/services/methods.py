"""The methods of both centres: bodies, who may ask, answers (specification, chapter 16, EPP-SVC-010, -011).

Bodies and answers are CBOR items. Every handler is idempotent by request id, or does what can be done again
without harm; so a request whose answer was lost with the power may be carried out once more.
"""

from collections.abc import Callable, Mapping

from eiraku.spec.centre_objects import (
    CASES_MAX,
    Account,
    Case,
    Cases,
    CasesBody,
    Claim,
    ClaimState,
    IssueBody,
    NoBody,
    Nothing,
    ReceiptBody,
    RenewBody,
    Renewed,
    SchemeKeys,
    SuspectBody,
)
from eiraku.spec.objects import Role
from eiraku.system.device.registry import Registry
from eiraku.system.exchange.carrier import ServiceRefused
from eiraku.system.exchange.trust import SCHEME_KEYS
from eiraku.system.issuing.issuer import Issuer
from eiraku.system.services.requests import Caller, Handler, Method

NOTHING = Nothing().encode()
VAULTS = frozenset({Role.VAULT})


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
        NoBody.decode(body)
        return Account(amount=issuer.accounts.amount(caller.number)).encode()

    def claim(caller: Caller, _request_id: bytes, body: bytes) -> bytes:
        read = Claim.decode(body)
        beneficiary = registry.purses.lookup(read.beneficiary)
        # EPP-SVC-071
        if beneficiary is None or beneficiary.role is not Role.VAULT:
            detail = "expected the number of a registered vault as beneficiary"
            raise ServiceRefused("not-allowed", "EPP-SVC-071", detail)
        state = issuer.claims.claim(caller.number, read, economy=beneficiary.economy)
        return ClaimState(state=state).encode()

    def cases(_caller: Caller, _request_id: bytes, body: bytes) -> bytes:
        found = issuer.history.cases(CasesBody.decode(body).after)[:CASES_MAX]
        cases = tuple(
            Case(
                sequence=case.sequence,
                kind=case.kind,
                purse=case.purse,
                unit_id=case.unit_id,
                hop=case.hop,
                epoch=case.epoch,
            )
            for case in found
        )
        return Cases(cases=cases).encode()

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
        expires = RenewBody.decode(body).expires
        latest = registry.bulletins.epoch + lifetime
        # EPP-SVC-011
        if expires > latest:
            detail = f"expected an epoch up to {latest}, found {expires}"
            raise ServiceRefused("not-allowed", "EPP-SVC-011", detail)
        # EPP-SVC-072
        purse_id = registry.purses.renew(caller.number, expires)
        # EPP-DEV-046
        return Renewed(
            purse_id=purse_id, device_keys=registry.keys.newest(), money_keys=issuer.office.key_list()
        ).encode()

    def scheme_keys(_caller: Caller, _request_id: bytes, body: bytes) -> bytes:
        NoBody.decode(body)
        # EPP-DEV-048
        return SchemeKeys(keys=registry.keys.scheme_keys()).encode()

    def challenge(caller: Caller, _request_id: bytes, body: bytes) -> bytes:
        NoBody.decode(body)
        return registry.inspections.challenge(caller.number, issuer.history)

    def self_report(caller: Caller, _request_id: bytes, body: bytes) -> bytes:
        # EPP-DEV-131
        registry.inspections.inspect(caller.number, body, issuer.history)
        return NOTHING

    return {
        "renew": Method(handler=renew),
        SCHEME_KEYS: Method(handler=scheme_keys),
        "challenge": Method(handler=challenge),
        "self-report": Method(handler=self_report),
        "suspect": Method(handler=_suspect(registry), roles=VAULTS),
    }


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
