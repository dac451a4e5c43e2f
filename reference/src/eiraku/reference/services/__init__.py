"""Centres and vaults as services, and the purse's way to them (specification, chapter 16)."""
