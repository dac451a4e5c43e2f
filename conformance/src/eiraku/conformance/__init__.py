"""The conformance suite: does a wallet do what the specification of EPP/1 requires?"""

from pathlib import Path

SUITE_PACKAGE = "eiraku.conformance.suite"
"""The suite that certifies; a run of any other never does."""
SUITE_FOLDER = Path(__file__).parent / "suite"
CATALOGUE = Path(__file__).parent / "catalogue.json"
"""What the suite consists of, by module: a run without one of its checks never certifies."""
DEFAULT_SEED = "00" * 32
"""For whoever wants the same run again; a wallet can know it, so nothing is certified with it."""
"""Of a run that names none. Known to every wallet beforehand, so never signed."""
HARNESS = "eiraku-harness"
"""Name under which the active part of the plugin registers itself with pytest."""
