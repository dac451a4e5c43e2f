"""Mutants of chapter 11: what an outsider sees."""

from collections.abc import Sequence

from eiraku.conformance.mutants.registry import Area
from eiraku.reference.purse import handshake
from eiraku.testing.patches import Patch, edit

AREA = Area(__name__)
OFFERED = "ead=[credential.offer()]"

AREA.edits(
    "EPP-SEC-001",
    "shows_its_number",
    "Puts its purse number into message_1, as an EAD item that is not critical.",
    handshake.message_1,
    (OFFERED, "ead=[credential.offer(), Ead(label=65100, value=terms.identity.claims.number)]"),
)
AREA.edits(
    "EPP-SEC-002",
    "shows_its_make",
    "Puts 16 bytes that never change into message_1, as an EAD item that is not critical.",
    handshake.message_1,
    (OFFERED, 'ead=[credential.offer(), Ead(label=65100, value=b"Acme purse 2.0.1")]'),
)


AREA.edits(
    "EPP-SES-062",
    "pads_at_random",
    "Puts padding of a random length into message_1.",
    handshake.message_1,
    (OFFERED, "ead=[credential.offer(), Ead(label=0, value=bytes(env.random(1)[0] % 7))]"),
)
AREA.edits(
    "EPP-SES-062",
    "pads_purses_of_one_role",
    "Puts padding into message_2 if it is a merchant's.",
    handshake.on_message_1,
    (
        "ead=[credential.choice(version)]",
        "ead=[credential.choice(version), *([Ead(label=0)] if terms.identity.claims.role == 2 else [])]",
    ),
)


@AREA.makes("EPP-SEC-004")
def trusts_the_scheme_key() -> Sequence[Patch]:
    """Takes every purse ID that is sealed under the scheme key for good."""
    signature = ("anchor.check_purse_id_signature(trusted, purse_id)", "pass")
    seal = ("anchor.check_purse_id_seal(trusted, purse_id.claims)", "pass")
    return [edit(handshake.resolve, signature, seal)]
