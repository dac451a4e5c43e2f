"""Reports of a run of the proofs: terminal, JSON and a page with the recorded attacks."""
