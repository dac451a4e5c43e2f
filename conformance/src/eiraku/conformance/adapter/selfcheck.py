"""Before a wallet is judged: does its adapter tell the suite the truth?

Each item is about the adapter, not about EPP/1. `run_selfcheck` works without a valid purse; given one (the
arguments of `Wallet.provision`, with at least one holding) it also sees whether the wallet accepts anything
and whether ``reset`` really forgets. No item depends on another: after a failure the wallet is restarted.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from eiraku.conformance.adapter.client import State, Wallet
from eiraku.conformance.adapter.errors import AdapterFailure, SelectorError
from eiraku.conformance.adapter.protocol import ProtocolError, check_response, parse_object, shorten
from eiraku.conformance.adapter.responses import Bare, Errored, Rejected
from eiraku.conformance.adapter.transports import Selector
from eiraku.conformance.results import MANDATORY_CAPABILITIES, Model, Outcome

_NOBODY = {
    "purse": {"number": bytes(8), "private_key": bytes(32), "purse_id": b"\x00"},
    "anchor": {
        "economies": [],
        "device_root": bytes(32),
        "money_root": bytes(32),
        "device_keys": b"\x00",
        "money_keys": b"\x00",
        "device_seal": bytes(16),
        "money_seal": bytes(16),
        "scheme_keys": [],
    },
    "policy": {},
    "bulletin": None,
    "holdings": [],
}
"""Well formed for the protocol, and a purse that no wallet may take."""

_HIGH = 1_000_000


class Item(Model, frozen=True, kw_only=True):
    """One line of the self-check. The outcome is one of those of a check."""

    name: str
    outcome: Outcome
    detail: str = ""


class _NotApplicable(Exception):
    """The item needs something this wallet or this run does not have."""


class _Advice(Exception):
    """Allowed by the protocol, but the wallet's owner will want to know."""


@dataclass(frozen=True, slots=True)
class _Context:
    wallet: Wallet
    provisioning: Mapping[str, Any] | None


def run_selfcheck(
    selector: str | Selector, *, timeout: float = 10.0, provisioning: Mapping[str, Any] | None = None
) -> Iterator[Item]:
    """Yield the items as they are checked. Raises SelectorError if there is no wallet to reach."""
    with Wallet(selector, timeout=timeout, seed=bytes(32)) as wallet:
        context = _Context(wallet, provisioning)
        for name, check in _ITEMS.items():
            if check is not _starts and wallet.info is None:
                yield Item(name=name, outcome=Outcome.NOT_RUN, detail="the wallet does not start")
            else:
                yield _judge(name, check, context)


def _judge(name: str, check: Callable[[_Context], None], context: _Context) -> Item:
    wallet = context.wallet
    try:
        if check is not _starts:
            if not wallet.running:
                wallet.start()
            wallet.reset()
        check(context)
    except SelectorError:
        raise
    except AssertionError as error:
        return Item(name=name, outcome=Outcome.FAIL, detail=str(error))
    except _NotApplicable as error:
        return Item(name=name, outcome=Outcome.NOT_APPLICABLE, detail=str(error))
    except _Advice as error:
        return Item(name=name, outcome=Outcome.WARN, detail=str(error))
    except AdapterFailure as failure:
        return Item(name=name, outcome=failure.outcome, detail=str(failure))
    return Item(name=name, outcome=Outcome.PASS)


def _starts(context: _Context) -> None:
    context.wallet.start()


def _capabilities(context: _Context) -> None:
    info = context.wallet.info
    assert info is not None  # noqa: S101 - no item but the first is reached without it
    missing = [name for name in MANDATORY_CAPABILITIES if name not in info.capabilities]
    if missing:
        raise _Advice(f"not declared, so it cannot be certified: {', '.join(missing)}")
    if info.unknown_capabilities:
        raise _Advice(f"unknown to this suite: {', '.join(info.unknown_capabilities)}")


def _versions(context: _Context) -> None:
    wallet = context.wallet
    wallet.connect()
    request = {"seq": 1, "verb": "start", "protocol": {"min": _HIGH, "max": _HIGH}}
    answer = wallet.exchange_line(msgspec.json.encode(request))
    wallet.close()
    response = _read("start", answer)
    _require(
        isinstance(response, Rejected | Errored) and response.seq == 1,
        f"start with protocol {_HIGH} only: expected rejected or errored, found {shorten(answer)}",
    )


def _sequence(context: _Context) -> None:
    for seq in (_HIGH, 7, 2**53 - 1):
        answer = context.wallet.exchange_line(msgspec.json.encode({"seq": seq, "verb": "state"}))
        found = parse_object(answer)["seq"]
        _require(found == seq, f"expected seq {seq}, found {found}")


def _unknown_verb(context: _Context) -> None:
    answer = context.wallet.exchange_line(msgspec.json.encode({"seq": _HIGH, "verb": "no-such-verb"}))
    response = _read("no-such-verb", answer)
    _require(
        isinstance(response, Bare) and response.outcome == "unsupported" and response.seq == _HIGH,
        f"unknown verb: expected unsupported, found {shorten(answer)}",
    )


def _garbage(context: _Context) -> None:
    wallet = context.wallet
    question = msgspec.json.encode({"seq": _HIGH, "verb": "state"})
    answer = wallet.exchange_line(b"this is no JSON\n" + question)
    if not _answers(answer, _HIGH):
        response = _read("no-such-verb", answer)
        _require(
            isinstance(response, Errored),
            f"a line of garbage: expected errored, found {shorten(answer)}",
        )
        # The answer to the question is still on its way; asking again brings it.
        answer = wallet.exchange_line(msgspec.json.encode({"seq": _HIGH + 1, "verb": "state"}))
        _require(_answers(answer, _HIGH), f"after a line of garbage: found {shorten(answer)}")
    # An answer may be left over now; the next item must not read it.
    wallet.close()


def _empty_state(context: _Context) -> None:
    _require_empty(context.wallet.state())


def _stable_state(context: _Context) -> None:
    first, second = context.wallet.state(), context.wallet.state()
    _require(first == second, "asking for the state twice gave two different answers")


def _no_session(context: _Context) -> None:
    reply = context.wallet.deliver(b"\x00")
    _require(reply.outcome == "rejected", f"deliver without a session: expected rejected, found {reply}")


def _no_purse(context: _Context) -> None:
    reply = context.wallet.open("initiator")
    _require(reply.outcome == "rejected", f"open before provision: expected rejected, found {reply}")


def _rejects(context: _Context) -> None:
    reply = context.wallet.provision(**_NOBODY)  # type: ignore[arg-type]  # one dictionary of mixed values
    _require(reply.outcome == "rejected", f"a purse that is none: expected rejected, found {reply}")


def _accepts(context: _Context) -> None:
    state = _provisioned(context)
    _require(state.balance > 0, f"provisioned with money: expected a balance, found {state.balance}")
    _require(
        state.balance == sum(unit.value for unit in state.units),
        f"expected a balance equal to the sum of the units, found {state.balance}",
    )
    # EPP-GEN-002: a session has a purpose, which the user names first.
    reply = context.wallet.act("pay", amount=state.units[0].value)
    _require(reply.accepted, f"act pay: expected accepted, found {reply}")
    reply = context.wallet.open("initiator")
    _require(
        reply.accepted and reply.out is not None, f"open as initiator: expected message_1, found {reply}"
    )


def _forgets(context: _Context) -> None:
    wallet = context.wallet
    before = wallet.state()
    provisioned = _provisioned(context)
    _require(provisioned.digest != before.digest, "provisioning changed the state, but not its digest")
    wallet.reset()
    after = wallet.state()
    _require_empty(after)
    _require(after.digest == before.digest, "after reset: expected the digest of an empty wallet")


def _survives_power_cut(context: _Context) -> None:
    wallet = context.wallet
    if not wallet.declares("power-cut"):
        raise _NotApplicable("the wallet does not declare power-cut")
    before = wallet.state() if context.provisioning is None else _provisioned(context)
    wallet.power_cut("now")
    after = wallet.state()
    _require(after == before, "power_cut now: expected the same durable state before and after")


def _stops(context: _Context) -> None:
    context.wallet.stop()


_ITEMS: dict[str, Callable[[_Context], None]] = {
    "start: the wallet says who it is": _starts,
    "start: capabilities are known and complete": _capabilities,
    "start: a version it does not speak is refused": _versions,
    "seq is echoed": _sequence,
    "an unknown verb is unsupported": _unknown_verb,
    "a line of garbage does no harm": _garbage,
    "state: complete, and empty after reset": _empty_state,
    "state: asking changes nothing": _stable_state,
    "deliver without a session is rejected": _no_session,
    "open before provision is rejected": _no_purse,
    "provision: a purse that is none is rejected": _rejects,
    "provision: a valid purse is accepted": _accepts,
    "reset forgets purse and money": _forgets,
    "power_cut now: durable state survives": _survives_power_cut,
    "stop is accepted": _stops,
}


def _provisioned(context: _Context) -> State:
    if context.provisioning is None:
        raise _NotApplicable("no valid purse at hand")
    reply = context.wallet.provision(**context.provisioning)
    _require(reply.accepted, f"provision: expected accepted, found {reply}")
    return context.wallet.state()


def _require_empty(state: State) -> None:
    found = [
        name
        for name in ("balance", "units", "pending", "credited", "settled", "writes")
        if getattr(state, name)
    ]
    _require(not found, f"after reset: expected an empty wallet, found {', '.join(found)} left over")


def _answers(line: bytes, seq: int) -> bool:
    return bool(_parse(line)["seq"] == seq)


def _read(verb: str, line: bytes) -> object:
    try:
        return check_response(verb, _parse(line))
    except ProtocolError as error:
        raise AssertionError(str(error)) from error


def _parse(line: bytes) -> dict[str, Any]:
    try:
        return parse_object(line)
    except ProtocolError as error:
        raise AssertionError(str(error)) from error


def _require(condition: bool, message: str) -> None:  # noqa: FBT001 - reads like assert
    if not condition:
        raise AssertionError(message)
