"""pytest plugin beside that of the suite: ``--wallet-report DIR`` writes the reports of a plain pytest run.

It imports nothing heavy until there is a report to write.
"""

from pathlib import Path

import pytest

from eiraku.conformance import HARNESS


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the option beside those of the suite's plugin."""
    group = parser.getgroup("eiraku")
    group.addoption("--wallet-report", metavar="DIR", default=None, help="write the reports into this folder")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the reports where the results are collected, if they were asked for and there is a run."""
    config = session.config
    folder, harness = config.getoption("wallet_report"), config.pluginmanager.get_plugin(HARNESS)
    if folder and harness is not None and not harness.is_worker and not config.getoption("collectonly"):
        from eiraku.report.certify.writing import write_all

        write_all(harness.run(), Path(folder))
