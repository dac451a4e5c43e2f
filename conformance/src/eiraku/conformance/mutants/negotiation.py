"""Mutants of chapter 5: method, cipher suite, version, EAD, the shape of message_1."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from eiraku.conformance.mutants.registry import Area
from eiraku.reference.edhoc import errors, initiator, messages, responder
from eiraku.reference.edhoc.messages import Ead, Message1, Plaintext
from eiraku.reference.edhoc.party import Credential, Established, Party, SubjectT, identify, rest_of_ead
from eiraku.reference.purse import credential, handshake
from eiraku.reference.purse.state import Answer, Env, Terms
from eiraku.spec import cbor
from eiraku.spec.cbor import Item
from eiraku.spec.errors import Code, Refusal
from eiraku.testing.patches import Patch, patched

AREA = Area(__name__)
_message_1 = handshake.message_1
_read, _on_message_1 = messages.read_message_1, handshake.on_message_1
_understood, _only = messages.understood, credential.only
_key_of, _check_member = credential.key_of, credential.check_member
_read_message_4 = initiator.read_message_4
_read_byte_string = messages.read_byte_string


@AREA.replaces("EPP-SES-001", (messages, "read_message_1"))
def takes_any_method(data: bytes) -> Message1:
    """Goes on with method 0 whatever method message_1 names."""
    return replace(_read(data), method=0)


@AREA.replaces("EPP-SES-002", (handshake, "message_1"))
def selects_suite_0_first(terms: Terms, env: Env) -> Answer:
    """As initiator selects cipher suite 0."""
    with patched([(handshake, "SUITES", (0, 4))]):
        return _message_1(terms, env)


AREA.sets(
    "EPP-SES-003",
    "declares_suite0_in_vain",
    "Declares suite 0 and refuses it.",
    (handshake, "SUITES"),
    (4,),
)


@AREA.replaces("EPP-SES-004", (errors, "wrong_suite"))
def answers_suites_with_error_1(suites: tuple[int, ...]) -> bytes:
    """Answers an unsupported suite like any other fault, without its own suites."""
    return errors.unspecified()


@AREA.replaces("EPP-SES-061", (errors, "wrong_suite"))
def lists_suites_that_it_has_not(suites: tuple[int, ...]) -> bytes:
    """Lists suites that it does not support beside its own."""
    return cbor.encode_sequence(errors.WRONG_SUITE, (*suites, 2))


@AREA.replaces("EPP-SES-061", (errors, "wrong_suite"))
def lists_its_suites_in_another_order(suites: tuple[int, ...]) -> bytes:
    """Lists its suites with the one first that it has in hardware."""
    return cbor.encode_sequence(errors.WRONG_SUITE, errors.suites_item(suites[::-1]))


@AREA.replaces("EPP-SES-061", (errors, "wrong_suite"))
def lists_its_first_suite_alone(suites: tuple[int, ...]) -> bytes:
    """Lists suite 4 only, though it supports suite 0 too."""
    return cbor.encode_sequence(errors.WRONG_SUITE, suites[0])


AREA.edits(
    "EPP-SES-060",
    "lists_suites_that_it_has_not_first",
    "Begins its SUITES_I with a suite that it does not support.",
    initiator.write_message_1,
    ("errors.suites_item(offered)", "errors.suites_item((6, *offered))"),
)


@AREA.replaces("EPP-SES-005", (errors, "suites_item"))
def lists_only_its_last_suite(suites: tuple[int, ...]) -> Item:
    """Does not list the suite that the initiator prefers of those that both support."""
    return suites[-1]


@AREA.replaces("EPP-SES-005", (messages, "read_message_1"))
def lets_suites_be_downgraded(data: bytes) -> Message1:
    """Looks only at the selected suite, not at those that come before it."""
    message = _read(data)
    return replace(message, suites=message.suites[-1:])


@AREA.replaces("EPP-SES-006", (credential, "offer"))
def offers_an_unknown_version() -> Ead:
    """Offers version 2 beside version 1."""
    return Ead(label=credential.LABEL_VERSION, value=cbor.encode((1, 2)), critical=True)


@AREA.replaces("EPP-SES-007", (credential, "choose_version"))
def picks_the_highest_version(offered: tuple[int, ...]) -> int:
    """Picks the highest version that the peer offers, known or not."""
    if 1 not in offered:
        raise Refusal(Code.VERSION, "EPP-SES-008", "no common version")
    return max(offered)


@AREA.replaces("EPP-SES-008", (credential, "choose_version"))
def assumes_version_1(offered: tuple[int, ...]) -> int:
    """Goes on without the item `EPP version`."""
    if offered and 1 not in offered:
        raise Refusal(Code.VERSION, "EPP-SES-008", "no common version")
    return 1


@AREA.replaces("EPP-SES-008", (credential, "choose_version"))
def ignores_the_versions_offered(offered: tuple[int, ...]) -> int:
    """Goes on with version 1 though the peer does not offer it."""
    if not offered:
        raise Refusal(Code.VERSION, "EPP-SES-008", "no version")
    return 1


@AREA.replaces("EPP-SES-009", (credential, "check_choice"))
def goes_on_without_a_version(value: bytes | None) -> None:
    """As initiator goes on if message_2 names no version."""
    if value is not None and cbor.decode(value) != 1:
        raise Refusal(Code.VERSION, "EPP-SES-009", "not offered")


@AREA.replaces("EPP-SES-009", (credential, "check_choice"))
def takes_a_version_it_did_not_offer(value: bytes | None) -> None:
    """As initiator goes on with whatever version message_2 names."""
    if value is None:
        raise Refusal(Code.VERSION, "EPP-SES-009", "no version")


@AREA.replaces("EPP-SES-010", (messages, "understood"))
def ignores_unknown_critical_items(items: Iterable[Ead], labels: Collection[int]) -> tuple[Ead, ...]:
    """Ignores critical EAD items that it does not know."""
    return tuple(item for item in items if item.label in labels)


@AREA.replaces("EPP-SES-082", (messages, "understood"))
def refuses_unknown_items(items: Iterable[Ead], labels: Collection[int]) -> tuple[Ead, ...]:
    """Refuses every EAD item that it does not know."""
    return _understood((replace(item, critical=bool(item.label)) for item in items), labels)


@AREA.replaces("EPP-SES-086", (messages, "read_byte_string"))
def takes_the_first_byte_string(data: bytes) -> bytes:
    """Takes the first byte string of message_2, message_3 and message_4, and ignores what follows."""
    return _read_byte_string(data if errors.begins_with_integer(data) else cbor.split(data)[0])


@AREA.replaces("EPP-SES-034", (messages, "understood"))
def refuses_padding(items: Iterable[Ead], labels: Collection[int]) -> tuple[Ead, ...]:
    """Refuses a message with padding."""
    return _understood((replace(item, critical=item.critical or not item.label) for item in items), labels)


@AREA.replaces("EPP-SES-034", (messages, "understood"))
def takes_padding_once(items: Iterable[Ead], labels: Collection[int]) -> tuple[Ead, ...]:
    """Refuses a message with more than one item of padding."""
    found = tuple(items)
    if sum(not item.label for item in found) > 1:
        raise Refusal(Code.MALFORMED, "EPP-SES-034", "padding twice")
    return _understood(found, labels)


@AREA.replaces("EPP-SES-083", (credential, "only"))
def takes_the_first_version_item(ead: Sequence[Ead]) -> bytes | None:
    """Takes the first of two version items."""
    return _only(ead[:1])


@AREA.replaces("EPP-SES-083", (credential, "only"))
def takes_a_version_item_that_is_not_critical(ead: Sequence[Ead]) -> bytes | None:
    """Takes a version item that is not critical."""
    return _only([replace(item, critical=True) for item in ead])


@AREA.replaces("EPP-SES-085", (initiator, "identify"), (responder, "identify"))
def judges_ead_before_the_signature(
    party: Party[SubjectT], plain: Plaintext, prk: bytes, label: int, th: bytes, *, c_r: bytes = b""
) -> Credential[SubjectT]:
    """Looks at the EAD of messages 2 and 3 before it verifies the signature."""
    rest_of_ead(party, plain)
    return identify(party, plain, prk, label, th, c_r=c_r)


AREA.edits(
    "EPP-SES-084",
    "knows_the_purse_id_in_message_1",
    "Takes a critical item `EPP purse ID` in EAD_1 for one that it knows.",
    handshake.on_message_1,
    ("us.ead_labels | {credential.LABEL_MEMBER}", "us.ead_labels | {credential.LABEL_MEMBER, 65003}"),
)


@AREA.replaces("EPP-SES-084", (initiator, "read_message_4"))
def knows_the_purse_id_in_message_4(
    state: initiator.WaitMessage4[SubjectT], data: bytes
) -> Established[SubjectT]:
    """Takes a critical item `EPP purse ID` in EAD_4 for one that it knows."""
    done = _read_message_4(
        replace(state, party=replace(state.party, ead_labels=frozenset({65001, 65003}))), data
    )
    return replace(done, ead_4=tuple(item for item in done.ead_4 if item.label != credential.LABEL_PURSE_ID))


AREA.sets(
    "EPP-SES-026",
    "reads_handshake_messages_of_any_size",
    "Reads a handshake message of more than 2048 bytes.",
    (messages, "LIMIT"),
    65535,
)


@AREA.replaces("EPP-SES-020", (messages, "read_message_1"))
def refuses_connection_identifiers(data: bytes) -> Message1:
    """Refuses every connection identifier but the empty one."""
    message = _read(data)
    if message.c_i:
        raise Refusal(Code.MALFORMED, "EPP-SES-020", "connection identifier")
    return message


@AREA.replaces("EPP-SES-029", (handshake, "on_message_1"))
def unwraps_message_1(terms: Terms, data: bytes, env: Env) -> Answer:
    """Takes a message_1 inside a byte string."""
    try:
        items = cbor.decode_sequence(data)
    except Refusal:
        items = ()
    match items:
        case (bytes(inner),):
            return _on_message_1(terms, inner, env)
    return _on_message_1(terms, data, env)


@AREA.replaces("EPP-SES-029", (messages, "parse_suites"))
def takes_an_array_of_one_suite(item: Item) -> tuple[int, ...] | None:
    """Takes an array with a single suite."""
    if isinstance(item, tuple) and len(item) == 1:
        item = item[0]
    return errors.parse_suites(item)


AREA.edits(
    "EPP-SES-088",
    "judges_the_version_before_the_suite",
    "Looks at the version before it looks at method and suite.",
    handshake.on_message_1,
    (
        "message = responder.read_message_1(",
        (
            "early = edhoc_messages.read_message_1(data)\n"
            "    known = edhoc_messages.understood(early.ead, us.ead_labels)\n"
            "    credential.choose_version(credential.read_offer(credential.only(known)))\n"
            "    message = responder.read_message_1("
        ),
    ),
)
AREA.edits(
    "EPP-SES-088",
    "judges_membership_before_the_version",
    "Looks at the membership before it looks at the version.",
    handshake.on_message_1,
    (
        "version = credential.choose_version(",
        ("credential.check_member(scheme_key, data, message.ead)\n    version = credential.choose_version("),
    ),
)

# --- membership ---------------------------------------------------------------------------------------------

AREA.edits(
    "EPP-SES-037",
    "shows_no_membership",
    "As initiator leaves out the item `EPP member`.",
    handshake.message_1,
    ("last=partial(credential.member, terms.scheme_key)", "last=None"),
    collateral={"*": "no responder answers, so nothing works"},
)
CHECK_MEMBER = "credential.check_member(scheme_key, data, message.ead)"
AREA.edits(
    "EPP-SES-038",
    "asks_for_no_membership",
    "Answers whoever sends a message_1, so that an outsider recognises it by its signature.",
    handshake.on_message_1,
    (CHECK_MEMBER, "pass"),
    expected=("EPP-SES-038", "*test_outsider_with_a_list_of_purse_ids*"),
)
AREA.edits(
    "EPP-SES-038",
    "compares_one_byte_of_membership",
    "Compares only the first byte of the membership.",
    credential.key_of,
    ("hmac.compare_digest(", "(lambda a, b: a[:5] == b[:5])("),
)
AREA.edits(
    "EPP-SES-038",
    "covers_only_the_key_by_membership",
    "Asks for a MAC over nothing, which everybody can copy from a message_1 that was heard.",
    credential.member,
    ("before, hashlib", 'b"", hashlib'),
    collateral={"*": "no other purse accepts its message_1, nor it theirs"},
)


@AREA.makes("EPP-SES-038")
def takes_membership_anywhere() -> Sequence[Patch]:
    """Takes a membership that is not the last item, for all that stands before it."""

    def found(message_1: bytes) -> tuple[bytes, bytes]:
        start = message_1.rfind(b"\x39\xfd\xe9\x50")
        return message_1[:start], message_1[start:][: credential.MEMBER_BYTES]

    def key_of(scheme_keys: Sequence[bytes], message_1: bytes) -> bytes | None:
        return _key_of(scheme_keys, b"".join(found(message_1)))

    def check_member(scheme_key: bytes | None, message_1: bytes, ead: Sequence[Ead]) -> None:
        _check_member(scheme_key, found(message_1)[1], ead)

    return [(credential, "key_of", key_of), (credential, "check_member", check_member)]


AREA.edits(
    "EPP-SES-039",
    "takes_membership_twice",
    "Looks only at the last item `EPP member`.",
    credential.check_member,
    ("shown != [message_1[-MEMBER_BYTES:]]", "not shown"),
)


# --- the peer -----------------------------------------------------------------------------------------------

EXPIRY = """    # EPP-PID-004: valid up to and in its last epoch; `issued` is not compared (EPP-PID-005)
    if terms.epoch > peer.expires:
"""
AREA.edits(
    "EPP-SES-025",
    "checks_revocation_before_expiry",
    "Looks whether a peer is revoked before it looks whether its purse ID has expired.",
    handshake.judge,
    (
        EXPIRY,
        '    if int.from_bytes(peer.number, "big") in terms.revoked:\n'
        '        raise Refusal(Code.PURSE_REVOKED, "EPP-SES-022", "too early")\n' + EXPIRY,
    ),
)

AREA.edits(
    "EPP-SES-025",
    "opens_message_4_before_it_looks_at_its_form",
    "Decrypts message_4 before it sees that bytes follow it.",
    initiator.read_message_4,
    (
        "    ciphertext = messages.read_byte_string(data)\n",
        (
            "    short = len(data) < 24\n"
            "    ciphertext = data[1 : 1 + data[0] - 0x40] if short else messages.read_byte_string(data)\n"
        ),
    ),
    ("    try:\n        items", "    messages.read_byte_string(data)\n    try:\n        items"),
)
