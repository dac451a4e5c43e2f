"""Reports of wallets that met, all made from an `InteropRun` alone: a page with the matrix, JSON, JUnit XML.

What comes from a wallet is hostile: every report shows it without letting it act.
"""
