"""The tests a wallet is judged by. They run only under ``pytest --wallet`` or ``eiraku certify``.

Modules of this folder import each other by their full names (``eiraku.conformance.suite.sides``).
"""
