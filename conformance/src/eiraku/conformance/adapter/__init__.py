"""The adapter: how the suite talks to a wallet, and how a wallet written in Python answers."""
