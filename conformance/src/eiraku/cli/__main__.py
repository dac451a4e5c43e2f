"""``python -m eiraku.cli``: the command ``eiraku``."""

from eiraku.cli import entry

entry()
