"""Reports of a run of the suite, all made from a `Run` alone: terminal, JSON, JUnit XML, a page and a badge.

What comes from the wallet is hostile: every report shows it without letting it act.
"""
