"""Reports of two wallets that were compared, made from a `DifferRun` alone: a page and JSON."""
