"""Mutants of chapter 1: roles, provisioning."""

from dataclasses import replace

from eiraku.conformance.mutants.registry import defect
from eiraku.reference.anchor import TrustAnchor, parse_unit, verify_purse_id
from eiraku.reference.purse.core import Purse, Result
from eiraku.reference.purse.ledger import Holding
from eiraku.reference.purse.state import (
    Effect,
    Empty,
    Env,
    GivenHolding,
    Input,
    OpenSession,
    Provisioning,
    PurseState,
    Refuse,
)
from eiraku.spec.errors import Code, Refusal


@defect("EPP-GEN-004")
class OpensUnprovisioned(Purse):
    """Says nothing against a session of an empty purse."""

    def step(self, state: PurseState, given: Input, env: Env) -> Result:
        if isinstance(state, Empty) and isinstance(given, OpenSession):
            return state, ()
        return super().step(state, given, env)


@defect("EPP-GEN-005")
class TakesAnyPurseId(Purse):
    """Lets itself be provisioned with a purse ID that it could not verify."""

    def check_identity(self, anchor: TrustAnchor, given: Provisioning) -> None:
        try:
            verify_purse_id(anchor, given.purse_id)
        except Refusal:
            return
        super().check_identity(anchor, given)


@defect("EPP-GEN-005")
class TakesAnyPrivateKey(Purse):
    """Lets itself be provisioned with a private key that does not belong to its purse ID."""

    def check_identity(self, anchor: TrustAnchor, given: Provisioning) -> None:
        claims = verify_purse_id(anchor, given.purse_id).claims
        if given.number != claims.number:
            raise Refusal(Code.PROVISION, "EPP-GEN-005", "number")


@defect("EPP-GEN-005")
class TakesAnyNumber(Purse):
    """Lets itself be provisioned with another number than its purse ID's."""

    def check_identity(self, anchor: TrustAnchor, given: Provisioning) -> None:
        claims = verify_purse_id(anchor, given.purse_id).claims
        super().check_identity(anchor, replace(given, number=claims.number))


@defect("EPP-GEN-005")
class TakesAnyHoldings(Purse):
    """Lets itself be provisioned with units that do not verify."""

    def check_holding(self, anchor: TrustAnchor, item: GivenHolding) -> Holding:
        unit = parse_unit(item.unit)
        return Holding(
            unit_id=unit.unit_id,
            unit=item.unit,
            value=unit.unit.value,
            expires=unit.unit.expires,
            max_hops=unit.unit.max_hops,
            hop=item.hop,
            history=item.history,
        )


@defect("EPP-GEN-005")
class IsHalfProvisioned(Purse):
    """Keeps the purse when it refuses a holding."""

    def provision(self, state: PurseState, given: Provisioning) -> tuple[PurseState, tuple[Effect, ...]]:
        try:
            return super().provision(state, given)
        except Refusal as refusal:
            if not given.holdings or refusal.code is not Code.PROVISION:
                raise
            after, effects = super().provision(state, replace(given, holdings=()))
            return after, (*effects, Refuse(refusal=refusal))
