"""pytest plugin: ``pytest --pyargs eiraku.conformance.suite --wallet SELECTOR``.

Without ``--wallet`` the plugin does nothing but register its options and markers and keep the suite out of
other collections; it imports nothing heavy. With it, every collected test is a check of a wallet:

- markers: ``requirement(*ids)`` (each check has one, else it is a usage error), ``level(name)`` (smoke,
  standard or full; standard if absent), ``needs(*capabilities)``;
- fixtures: ``wallet`` (a `Wallet` client, reset before each check), ``evidence`` (what to show if the check
  fails), ``check_seed`` (32 bytes that depend on the run's seed and the check's id), ``run_level``;
- outcomes are those of `eiraku.conformance.results.Outcome`.

All option names begin with ``--wallet``: other plugins already own ``--timeout``, ``--report`` and the like,
and an installed plugin must never break somebody else's run.
"""

from pathlib import Path

import pytest

from eiraku.conformance import DEFAULT_SEED, HARNESS, SUITE_FOLDER

_MARKERS = (
    "requirement(*ids): the numbered requirements the check tests",
    "level(name): smoke, standard (the default) or full",
    "needs(*capabilities): capabilities the wallet has to declare for the check to make sense",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the options, whether or not the plugin becomes active."""
    group = parser.getgroup("eiraku", "conformance of a wallet to EPP/1")
    group.addoption(
        "--wallet",
        metavar="SELECTOR",
        default=None,
        help="the wallet: cmd:PROGRAM ARGS, tcp:HOST:PORT or python:MODULE:FACTORY",
    )
    group.addoption(
        "--wallet-level",
        choices=("smoke", "standard", "full"),
        default="standard",
        help="how much is run (default: standard)",
    )
    group.addoption(
        "--wallet-seed",
        metavar="HEX",
        default=DEFAULT_SEED,
        help="32 bytes all randomness of the suite is drawn from (default: zeros)",
    )
    group.addoption(
        "--wallet-timeout",
        metavar="SECONDS",
        type=float,
        default=10.0,
        help="time a wallet has to answer a request; start and power_cut get twice as long (default: 10)",
    )
    group.addoption("--wallet-policy", metavar="FILE", default=None, help="policy (TOML) to give the wallet")
    group.addoption(
        "--wallet-shard",
        metavar="I/N",
        default=None,
        help="run only the I-th of N parts of the checks; eiraku merge makes one run of the parts",
    )
    group.addoption(
        "--wallet-only",
        metavar="ID",
        default=None,
        help="run only this check (id, or module, or id without parameters) or the checks of a requirement",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Import the suite by path: its package lies in a namespace that no rootdir contains."""
    if early_config.known_args_namespace.wallet is not None:
        early_config.known_args_namespace.importmode = "importlib"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the markers; become active if a wallet is named."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)
    if config.getoption("wallet") is not None:
        from eiraku.conformance import fixtures, harness

        config.option.importmode = "importlib"
        if not hasattr(config.option, "tbstyle"):
            # No terminal of pytest's own: as Python prints it. Its own form parses every module anew for each
            # failure, which costs more than the check.
            config.option.tbstyle = "native"
        config.pluginmanager.register(harness.activate(config), HARNESS)
        config.pluginmanager.register(fixtures, "eiraku-fixtures")
    elif any(str(argument).startswith("eiraku.conformance") for argument in config.args):
        raise pytest.UsageError("the conformance suite judges a wallet: add --wallet SELECTOR")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Keep the suite out of runs that name no wallet."""
    if config.getoption("wallet") is None and collection_path.is_relative_to(SUITE_FOLDER):
        return True
    return None
