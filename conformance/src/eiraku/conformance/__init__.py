"""The conformance suite: does a wallet do what the specification of EPP/1 requires?"""
