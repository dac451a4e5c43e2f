"""The part of the proofs that a solver does: tables, custody of units, policy, chains, boundary cases."""
