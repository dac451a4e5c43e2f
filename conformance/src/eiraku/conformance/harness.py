"""The active part of the pytest plugin: runs the wallet, names the outcome of each check, collects them.

One `Harness` lives in every pytest process that collects tests. Under pytest-xdist the workers have one
wallet each; what they find travels to the controller in the ``user_properties`` of the last report of each
test, and the first of them brings the catalogue of all checks with it.
"""

import contextlib
import hashlib
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from eiraku.conformance import SUITE_FOLDER, SUITE_PACKAGE, stimulus, twice
from eiraku.conformance.adapter.errors import AdapterFailure, SelectorError
from eiraku.conformance.adapter.transports import parse_selector
from eiraku.conformance.catalogue import build_catalogue, check_id, deselect, selection
from eiraku.conformance.classify import NotAttempted, classify, worst_failure
from eiraku.conformance.evidence import EvidenceNotes
from eiraku.conformance.findings import Conditions, Findings, requirement_set
from eiraku.conformance.results import (
    MANDATORY_CAPABILITIES,
    Check,
    CheckResult,
    Evidence,
    Level,
    Outcome,
    Run,
    Shard,
)
from eiraku.conformance.trial import TRIAL, Message, Trial, show_in_pytest
from eiraku.conformance.watch import WatchedWallet
from eiraku.spec.errors import Misuse

_PROPERTY = "eiraku"
_GIVE_UP = 3
"""Starts of the wallet that may fail in a row before the rest is not tried."""
_NO_START = f"the wallet failed to start {_GIVE_UP} times in a row"
_TRACEBACK_KEPT = 12000
_SHOWN = frozenset({Outcome.PASS, Outcome.NOT_APPLICABLE, Outcome.NOT_RUN})


def activate(config: pytest.Config) -> "Harness":
    """What the plugin registers to become active. Raises pytest.UsageError if an option is wrong."""
    seed = config.getoption("wallet_seed")
    if not re.fullmatch("[0-9a-f]{64}", seed):
        raise pytest.UsageError(f"--wallet-seed: expected 64 hex digits in lower case, found {seed!r}")
    try:
        parse_selector(config.getoption("wallet"))
    except SelectorError as error:
        raise pytest.UsageError(f"--wallet: {error}") from error
    try:
        Shard.parse(config.getoption("wallet_shard") or "1/1")
    except Misuse as error:
        raise pytest.UsageError(f"--wallet-shard: {error}") from error
    pytest.register_assert_rewrite(SUITE_PACKAGE)
    _prepare_hypothesis(config, seed)
    return Harness(config)


def _prepare_hypothesis(config: pytest.Config, seed: str) -> None:
    """Draw from the run's seed, keep no database of earlier failures: a rerun does the same again."""
    from hypothesis import settings

    # Hypothesis takes its own profile where CI is set, and that one ignores the seed
    settings.register_profile("eiraku", database=None, deadline=None, print_blob=False, derandomize=False)
    settings.load_profile("eiraku")
    if getattr(config.option, "hypothesis_seed", None) is None:
        config.option.hypothesis_seed = str(int(seed, 16))


class Harness:
    """See the module's docstring. One per pytest process."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.is_worker = hasattr(config, "workerinput")
        self.findings = Findings()
        self.seed = bytes.fromhex(config.getoption("wallet_seed"))
        self.level = Level(config.getoption("wallet_level"))
        given = config.getoption("wallet_shard")
        self.shard = Shard.parse(given) if given else None
        self.wallet = WatchedWallet(
            config.getoption("wallet"),
            timeout=config.getoption("wallet_timeout"),
            seed=stimulus.wallet_seed(self.seed),
        )
        self.keywords = {info.id: info.keyword for info in requirement_set().requirements}
        self.listener: Callable[[CheckResult], None] | None = None
        """Told of every result as it comes."""
        self.certifying = False
        """Whether ``eiraku certify`` is the one who runs the checks."""
        self._failed_starts = 0
        self._first = ""
        """Transcript of the check without restarts, while it is run with them."""
        self._catalogue_sent = False
        self._workers: set[int] = set()

    # --- the wallet -----------------------------------------------------------------------------------

    def running_wallet(self) -> WatchedWallet:
        """The wallet, started if need be. Raises AdapterFailure or NotAttempted."""
        if not self.wallet.running:
            if self._failed_starts >= _GIVE_UP:
                raise NotAttempted(_NO_START)
            try:
                self.wallet.start()
            except SelectorError as error:
                pytest.exit(f"--wallet: {error}", returncode=pytest.ExitCode.USAGE_ERROR)
            except AdapterFailure:
                self._failed_starts += 1
                raise
        return self.wallet

    def judge_another(self, selector: str) -> None:
        """End this wallet and go on with another."""
        self.wallet.close()
        self.wallet = WatchedWallet(
            selector,
            timeout=self.config.getoption("wallet_timeout"),
            seed=stimulus.wallet_seed(self.seed),
        )
        self._failed_starts = 0

    def ready_wallet(self) -> WatchedWallet:
        """The wallet, running and reset. Raises as `running_wallet`."""
        if self.wallet.kills:
            # What it draws now depends on how often it was killed; no check may see of another.
            self.wallet.close()
        wallet = self.running_wallet()
        wallet.clear_trace()
        try:
            wallet.reset()
        except AdapterFailure:
            self._failed_starts += 1
            raise
        self._failed_starts = 0
        return wallet

    # --- collection -----------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> Iterator[None]:
        """Enter every check into the catalogue, then leave out what was not asked for."""
        catalogue = build_catalogue(items, self.keywords)
        deselect(items, catalogue, self.level, self.shard, config)
        yield
        # Every worker of pytest-xdist comes to the same order.
        items.sort(key=lambda item: stimulus.place(self.seed, check_id(item.nodeid)))
        left = {check_id(item.nodeid) for item in items}
        for key, check in catalogue.items():
            if key not in left and not check.deselected:
                catalogue[key] = msgspec.structs.replace(check, deselected="deselected on the command line")
        self.findings.catalogue = catalogue

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A module that cannot be imported leaves a gap."""
        if report.failed:
            self.findings.interrupted = f"the suite could not be collected: {report.nodeid or 'unknown file'}"

    # --- one check ------------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """At level full a check that passes is run again, with restarts."""
        if self.level is not Level.FULL:
            return None
        self._first = ""
        twice.run_twice(item, nextitem, lambda: self._again(item))
        return True

    def _again(self, item: pytest.Item) -> bool:
        self._first = self.wallet.transcript
        return item.stash[TRIAL].outcome is Outcome.PASS

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Begin the trial; judge the capabilities it needs."""
        trial = Trial(self.findings.catalogue[check_id(item.nodeid)])
        item.stash[TRIAL] = trial
        self.wallet.notes, self.wallet.violation = trial.notes, None
        full = self.level is Level.FULL
        self.wallet.restarts = bool(self._first) if full else twice.picked(self.seed, trial.check.id)
        if self._failed_starts >= _GIVE_UP:
            item.session.shouldstop = _NO_START
        self.wallet.take_failures()
        self.wallet.clear_trace()
        if trial.check.needs:
            wallet = self.running_wallet()
            missing = [name for name in trial.check.needs if not wallet.declares(name)]
            mandatory = [name for name in missing if name in MANDATORY_CAPABILITIES]
            if mandatory:
                pytest.fail(f"not declared though mandatory: {', '.join(mandatory)}", pytrace=False)
            if missing:
                trial.outcome = Outcome.NOT_APPLICABLE
                trial.reason = f"the wallet does not declare {', '.join(missing)}"
                pytest.skip(trial.reason)

    def look_last(self, item: pytest.Item) -> None:
        """After a check that has passed so far: what is watched in every one. Raises Violation."""
        if item.stash[TRIAL].outcome is Outcome.PASS:
            self.wallet.ends()

    def notes_of(self, item: pytest.Item) -> EvidenceNotes:
        """Where the running check writes its evidence."""
        return item.stash[TRIAL].notes

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[Any]) -> Iterator[None]:
        """Name the outcome; attach the result to the last report."""
        report: pytest.TestReport = yield  # type: ignore[assignment]  # hook wrappers are generators
        trial = item.stash[TRIAL]
        trial.seconds += call.duration
        before = trial.outcome
        if call.excinfo is not None and trial.outcome is Outcome.PASS:
            trial.outcome, trial.reason = classify(call.excinfo.value)
            trial.traceback = report.longreprtext[-_TRACEBACK_KEPT:]
        if hasattr(report, "wasxfail"):
            trial.outcome = Outcome.HARNESS_ERROR
            trial.reason = "the check is marked xfail; list it with --expected-failures instead"
        # What is watched in every check is judged whatever became of the check.
        violation = self.wallet.violation
        if violation is not None and trial.outcome in {Outcome.PASS, Outcome.FAIL, Outcome.HARNESS_ERROR}:
            trial.outcome, trial.reason = Outcome.FAIL, str(violation)
            trial.violated = trial.notes.violated = violation.requirement
        # A wallet that failed has failed, also if the check took the exception for a refusal.
        failure = worst_failure(self.wallet.take_failures())
        if failure is not None and trial.outcome in {Outcome.PASS, Outcome.FAIL, Outcome.HARNESS_ERROR}:
            trial.outcome, trial.reason = failure
        if trial.outcome is Outcome.FAIL and self._only_advice(trial.check):
            trial.outcome = Outcome.WARN
        if trial.outcome is not before:
            show_in_pytest(report, item, trial)
        if report.when == "teardown":
            report.user_properties.append((_PROPERTY, msgspec.to_builtins(self._message(trial))))
        return report  # type: ignore[return-value]  # see above

    def _only_advice(self, check: Check) -> bool:
        return all(
            self.keywords.get(requirement, "MUST") in {"SHOULD", "SHOULD NOT", "MAY"}
            for requirement in check.requirements
        )

    def _message(self, trial: Trial) -> Message:
        check = trial.check
        evidence = None
        if trial.outcome not in _SHOWN:
            notes = trial.notes
            notes.gather()
            evidence = Evidence(
                expected=notes.expected,
                actual=notes.actual or trial.reason,
                violated=notes.violated,
                hints=tuple(notes.hints),
                insights=tuple(notes.insights),
                steps=tuple(notes.steps),
                exchanges=self.wallet.trace,
                stderr=self.wallet.stderr,
                traceback=trial.traceback,
                notes=tuple(notes.notes),
            )
        catalogue = () if self._catalogue_sent else tuple(self.findings.catalogue.values())
        self._catalogue_sent = True
        return Message(
            result=CheckResult(
                id=check.id,
                title=check.title,
                location=check.location,
                requirements=check.requirements,
                level=check.level,
                needs=check.needs,
                outcome=trial.outcome,
                seconds=round(trial.seconds, 4),
                transcript=twice.joined(self._first, self.wallet.transcript),
                reason=trial.reason,
                violated=trial.violated,
                evidence=evidence,
            ),
            process=os.getpid(),
            wallet=self.wallet.info,
            times=self.wallet.take_times(),
            catalogue=catalogue if self.is_worker else (),
        )

    # --- all checks -----------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the result out of the report, where the results are collected."""
        if self.is_worker:
            return
        for name, value in list(report.user_properties):
            if name == _PROPERTY:
                report.user_properties.remove((name, value))
                self._take(msgspec.convert(value, Message))
        key = check_id(report.nodeid)
        check = self.findings.catalogue.get(key)
        if report.when not in {"setup", "call", "teardown"} and check is not None:
            # pytest-xdist writes such a report when a worker dies.
            self._record(
                CheckResult(
                    id=check.id,
                    title=check.title,
                    location=check.location,
                    requirements=check.requirements,
                    level=check.level,
                    needs=check.needs,
                    outcome=Outcome.HARNESS_ERROR,
                    reason="the process that ran the check died",
                )
            )

    def _record(self, result: CheckResult) -> None:
        self.findings.results[result.id] = result
        if self.listener is not None:
            self.listener(result)

    def _take(self, message: Message) -> None:
        findings = self.findings
        self._record(message.result)
        self._workers.add(message.process)
        findings.wallet = message.wallet or findings.wallet
        findings.add_times(message.times)
        if message.catalogue:
            findings.catalogue.update({check.id: check for check in message.catalogue})

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Ctrl-C, pytest.exit, or a wallet that cannot be started."""
        self.findings.interrupted = str(excinfo.value) or "interrupted"
        # Left alone, a worker goes on for as long as its check does.
        for worker in self._workers - {os.getpid()}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGINT)

    def conditions(self) -> Conditions:
        """What this run was asked to do."""
        folders = {str(SUITE_FOLDER), str(SUITE_FOLDER.parent)}
        names = {SUITE_PACKAGE, SUITE_PACKAGE.rpartition(".")[0]}
        arguments = [str(argument) for argument in self.config.args]
        whole = all(a in names or str(Path(a).resolve()) in folders for a in arguments)
        inside = all(
            a.startswith(SUITE_PACKAGE) or Path(a.split("::")[0]).resolve().is_relative_to(SUITE_FOLDER)
            for a in arguments
        )
        policy = self.config.getoption("wallet_policy")
        return Conditions(
            suite=SUITE_PACKAGE if whole or inside else " ".join(arguments),
            certifying=self.certifying,
            selector=self.config.getoption("wallet"),
            seed=self.seed.hex(),
            level=self.level,
            shard=self.shard,
            selection=" ".join([*([] if whole or not inside else arguments), *selection(self.config)]),
            policy=hashlib.sha256(Path(policy).read_bytes()).hexdigest() if policy else "",
        )

    def run(self) -> Run:
        """The run so far."""
        return self.findings.run(self.conditions())

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """The verdict, below pytest's own summary."""
        if not self.config.getoption("collectonly"):
            from eiraku.conformance.verdict import verdict

            judgement = verdict(self.run())
            terminalreporter.write_line(f"EPP/1: {judgement.words}")
            for reason in judgement.reasons:
                terminalreporter.write_line(f"  {reason}")

    def pytest_unconfigure(self) -> None:
        """End the wallet, whatever happened."""
        self.wallet.close()
