"""Sphinx configuration. Build with: sphinx-build -n -W docs docs/_build/html."""

import sys
from importlib.metadata import version as distribution_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "Eiraku"
author = "The Eiraku maintainers"
project_copyright = "the Eiraku maintainers, Apache License 2.0"
release = distribution_version("eiraku")
version = release

extensions = ["myst_parser", "eiraku_proofs", "eiraku_requirements"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
highlight_language = "none"  # most blocks without a language are message flows
suppress_warnings = ["myst.header"]  # requirements are level 4 in every chapter, under a section or not
exclude_patterns = ["_build", "_ext"]

html_theme = "furo"
html_title = f"Eiraku {release}"
html_static_path = ["_static"]
html_css_files = ["eiraku.css"]
html_show_sphinx = False
