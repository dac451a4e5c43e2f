"""The part of the proofs that a solver does: tables, custody of units, policy, chains, boundary cases."""

from eiraku.models.smt import arithmetic, chains, changes, given_policy, policy, recovery
from eiraku.models.smt.proof import Proof, Result, SolverUnknownError, Twin

PROOFS: tuple[Proof, ...] = (
    *changes.PROOFS,
    *recovery.PROOFS,
    *policy.PROOFS,
    *given_policy.PROOFS,
    *chains.PROOFS,
    *arithmetic.PROOFS,
)
"""All proofs; each holds, and each of its twins fails."""

__all__ = ["PROOFS", "Proof", "Result", "SolverUnknownError", "Twin"]
