"""The one profile of Hypothesis for the tests of this repository: a pytest plugin, named in `pyproject.toml`.

No deadlines: a loaded machine must not fail a test. With CI set every run draws the same examples.
"""

import os

from hypothesis import settings

settings.register_profile(
    "repository", deadline=None, derandomize="CI" in os.environ, print_blob=True, database=None
)
settings.load_profile("repository")
