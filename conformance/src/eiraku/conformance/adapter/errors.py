"""What can go wrong between the suite and a wallet. The kinds are disjoint, and none of them is a refusal.

`SelectorError` blames the person who started the run (exit code 2). The three `AdapterFailure` kinds blame
the wallet or its adapter and become the outcome of the check that met them.
"""

from typing import ClassVar

from eiraku.conformance.results import Outcome
from eiraku.spec.errors import Misuse, Refused


class SelectorError(Misuse):
    """No wallet can be reached by this selector. The message says what was expected and what to do."""


class AdapterFailure(Refused):
    """Base of the three ways a wallet can fail to answer. Never raised itself."""

    outcome: ClassVar[Outcome]
    """What a check that meets it ends with."""


class AdapterCrash(AdapterFailure):
    """The process died, or the connection ended, before the response was complete."""

    outcome = Outcome.CRASH


class AdapterTimeout(AdapterFailure):
    """No complete response within the time allowed for the verb."""

    outcome = Outcome.TIMEOUT


class AdapterError(AdapterFailure):
    """There was a response, but not one the protocol allows."""

    outcome = Outcome.ADAPTER_ERROR
