"""Formal models of the protocol and the tools that run and check them. Imports `eiraku.spec` only."""
