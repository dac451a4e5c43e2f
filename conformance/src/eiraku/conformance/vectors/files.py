"""The negative files: from tables of faults, and from checks of the suite that are played."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, TypeAlias

import msgspec

from eiraku.conformance import tester
from eiraku.conformance.vectors import encoding, signed
from eiraku.conformance.vectors.played import Play, observe, plays, slug
from eiraku.conformance.vectors.recording import Observed, RecordingStage
from eiraku.reference.policy import Policy
from eiraku.spec.vectors.forms import File
from eiraku.spec.vectors.negative_forms import HolderRefused, SessionRefused, TransferRefused

Json: TypeAlias = dict[str, Any]
ALL = ("",)
"""Every check of a module."""

PLAYED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "session": {
        "test_session_messages": ALL,
        "test_session_negotiation": ALL,
        "test_membership": ALL,
        "test_session_peer": ("same_purse", "revoked", "role_pair", "redelivery_to_another"),
        "test_named_payee": ALL,
        "test_purse_id": ("stranger", "expired", "acceptable"),
        "test_sealed_purse_id": ALL,
        "test_key_changes": ("purse_under",),
        "test_session_authentication": ("small_order", "signature", "shape", "exchanged_purse_id"),
        "test_session_order": ("forged_message_4", "plaintext_of_message_4", "closed_after"),
        "test_records": ("bytes_without_a_session", "right_record_after_the_end"),
    },
    "transfer": {
        "test_transfer_payee": ALL,
        "test_transfer_pay": ALL,
        "test_transfer_payer": ALL,
        "test_transfer_turns": ("message_out_of_turn", "unknown_message"),
        "test_redelivery_refused": ALL,
        "test_key_changes": ("unit_under", "vault_takes", "centre_takes", "held_unit"),
        "test_room": ALL,
        "test_lapse": ALL,
        "test_least": ALL,
        "test_history": ("size", "hop_limit", "vault_and_centre", "last_hop"),
        "test_records": ("record_without_exactly_one_message",),
    },
    "holder": {
        "test_bulletin": ("signature", "stale", "bulletin_held_already_but"),
        "test_bulletin_form": ALL,
        "test_bulletin_delta": ("shape", "delta_", "order"),
        "test_revoked_list": (
            *("chunks", "cut", "number", "filling", "parameter", "count", "another"),
            "length_of_a_bulletin",
        ),
        "test_policy_forms": ("policy_at_fault", "policy_without_fault"),
        "test_provisioning": ALL,
        "test_anchor": ALL,
        "test_key_lists": ALL,
        "test_key_contents": ALL,
        "test_scheme_keys": ALL,
        "test_key_changes": ("order_to_pay", "bulletin_under"),
        "test_anchor_expiry": ALL,
        "test_room": ALL,
        "test_lapse": ALL,
        "test_least": ALL,
        "test_transfer_choice": ALL,
        "test_transfer_orders": ("order_to", "order_above", "length", "choice", "bundle_too_large"),
        "test_general": ("no_purpose", "initiator_that_only_receives"),
        "test_redelivery": ("wallet_refuses",),
    },
}
"""For each file the modules of the suite, and the beginnings of the names of their checks."""

OPERATIONS = {
    "session": {"handshake", "idle"},
    "transfer": {"transfer"},
    "holder": {"bulletin", "keys", "scheme-key", "order", "provision"},
}
HUGE = 200_000
"""Letters of an input that is in no file."""
LONG = 20_000
"""Letters of an input, or of what is given, beyond which a case is kept only if no other has its code."""


def _policy() -> Json:
    return Policy.from_toml(resources.files(tester).joinpath("policy.toml").read_text()).to_mapping()


def played(name: str) -> Iterator[Play]:
    """The checks whose cases are in a file."""
    for module, beginnings in PLAYED[name].items():
        for play in plays(module):
            if play.name.startswith(beginnings):
                yield play


@dataclass(slots=True)
class _Gathered:
    """Groups and their cases, and the purses that they name."""

    purses: dict[str, Json] = field(default_factory=dict)
    groups: dict[str, Json] = field(default_factory=dict)
    inputs: dict[str, Json] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    codes: set[tuple[str, str | None]] = field(default_factory=set)
    right: Json | None = None

    def add(self, play: Play, seen: Observed) -> None:
        """One case; one that is there already gets further requirements."""
        given, data = self._shared(seen.given), self._input(seen)
        key, where = _text(given), _text([given, data])
        found = self.inputs.get(where)
        if found is not None:
            if found["code"] != seen.code:
                raise AssertionError(f"{play.name} demands {seen.code}, {found['id']} {found['code']}")
            found["requirements"] = list(dict.fromkeys([*found["requirements"], *play.requirements]))
            return
        if len(_text(data)) > HUGE:
            return
        kind = (given["operation"], seen.code)
        if max(len(where), len(_text(data))) > LONG and kind in self.codes:
            return
        self.codes.add(kind)
        group = self.groups.setdefault(key, {"id": self._unique(_named(given)), **given, "cases": []})
        cited = [] if seen.cited is None else [seen.cited]
        self.inputs[where] = {
            "id": self._unique(slug(play.name if seen.code else f"{play.name}-control")),
            "requirements": list(dict.fromkeys([*cited, *play.requirements])),
            "input": data,
            "code": seen.code,
        }
        group["cases"].append(self.inputs[where])

    def _shared(self, given: Json) -> Json:
        """With the purse by its name; with what is right, where that is given."""
        if given["operation"] == "provision":
            return {**given, "right": self.right}
        if given["purse"] is None:
            return given
        content = _text(given["purse"])
        names = {_text(purse): name for name, purse in self.purses.items()}
        name = names.get(content, f"purse-{len(names) + 1}")
        self.purses[name] = given["purse"]
        return {**given, "purse": name}

    def _input(self, seen: Observed) -> Any:
        if seen.given["operation"] != "provision" or self.right is None:
            return seen.input
        return {name: value for name, value in seen.input.items() if _text(value) != _text(self.right[name])}

    def _unique(self, name: str) -> str:
        self.ids[name] = self.ids.get(name, 0) + 1
        return name if self.ids[name] == 1 else f"{name}-{self.ids[name]}"


def gather(name: str, chosen: Iterable[Play]) -> Json:
    """The purses and groups of a file, from checks."""
    stage, found = RecordingStage(_policy()), _Gathered()
    for play in chosen:
        kept = [s for s in observe(stage, play) if s.given["operation"] in OPERATIONS[name]]
        for seen in kept:
            if seen.given["operation"] == "provision" and found.right is None and seen.code is None:
                found.right = seen.input
        for seen in kept:
            if seen.given["operation"] != "provision" or found.right is not None:
                found.add(play, seen)
    stage.wallet.close()
    return {"purses": found.purses, "groups": list(found.groups.values())}


def _named(given: Json) -> str:
    match given["operation"]:
        case "handshake":
            number = 2 * len(given["received"]) + (1 if given["role"] == "responder" else 2)
            return f"message-{number}"
        case "transfer":
            return slug(given["state"]).lower()
        case operation:
            return str(operation)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _file(name: str, kind: type[File], title: str, about: str) -> Callable[[], File]:
    def make() -> File:
        head = {"schema": f"negative-{name}.schema.json", "title": title, "about": about}
        return msgspec.convert({**head, **gather(name, played(name))}, kind)

    return make


FILES: Mapping[str, Callable[[], File]] = {
    "negative-encoding.json": encoding.encoding,
    "negative-objects.json": signed.signed_objects,
    "negative-session.json": _file(
        "session",
        SessionRefused,
        "EPP/1: handshake messages that are refused",
        "The purse has been given a purpose and has opened a session; its random values are given too.",
    ),
    "negative-transfer.json": _file(
        "transfer",
        TransferRefused,
        "EPP/1: messages of a transfer that are refused",
        "The input is the plaintext of a record; the session is open, and in the given state.",
    ),
    "negative-holder.json": _file(
        "holder",
        HolderRefused,
        "EPP/1: bulletins, key lists, orders and provisionings that are refused",
        "What a purse is given other than by a peer in a session.",
    ),
}
"""Each file by its name, and what makes its content."""
