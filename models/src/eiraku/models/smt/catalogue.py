"""All proofs by the solver, in the order of the page: tables, custody, policy, chains, limits, epochs."""

from typing import Final

from eiraku.models.smt import arithmetic, chains, changes, epochs, given_policy, policy, recovery
from eiraku.models.smt.proof import Proof

PROOFS: Final[tuple[Proof, ...]] = (
    *changes.PROOFS,
    *recovery.PROOFS,
    *policy.PROOFS,
    *given_policy.PROOFS,
    *chains.PROOFS,
    *arithmetic.PROOFS,
    *epochs.PROOFS,
)
"""Each holds, and each of its twins fails."""
