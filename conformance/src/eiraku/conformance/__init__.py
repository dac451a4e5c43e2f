"""The conformance suite: does a wallet do what the specification of EPP/1 requires?"""

SUITE_PACKAGE = "eiraku.conformance.suite"
"""The suite that certifies; a run of any other never does."""
