"""Faults on purpose, and worlds to try purses in: for tests and studies. No product module imports it."""
