"""Mutants of chapter 11: what an outsider sees."""

from collections.abc import Sequence

from eiraku.conformance.mutants.registry import defect, lacking
from eiraku.conformance.mutants.wallet import Patch, replaced
from eiraku.reference.edhoc import initiator
from eiraku.reference.edhoc.messages import Ead
from eiraku.reference.edhoc.party import Party
from eiraku.reference.purse.core import Purse
from eiraku.reference.purse.state import Env, Ready, Turn
from eiraku.spec.objects import PurseId
from eiraku.spec.tables import Side

_write_1 = initiator.write_message_1
LABEL = 65100
"""Of an EAD item that nobody needs."""


@defect("EPP-SEC-001")
class ShowsItsNumber(Purse):
    """Puts its purse number into message_1, as an EAD item that is not critical."""

    def open_session(self, ready: Ready, side: Side, env: Env) -> Turn:
        item = Ead(label=LABEL, value=ready.identity.claims.number)
        return _with_item(self, ready, side, env, item)


@defect("EPP-SEC-002")
class ShowsItsMake(Purse):
    """Puts 16 bytes that never change into message_1, as an EAD item that is not critical."""

    def open_session(self, ready: Ready, side: Side, env: Env) -> Turn:
        return _with_item(self, ready, side, env, Ead(label=LABEL, value=b"Acme purse 2.0.1"))


def _with_item(purse: Purse, ready: Ready, side: Side, env: Env, item: Ead) -> Turn:
    """Open a session with one more item in EAD_1."""

    def write(
        party: Party[PurseId], *, ephemeral: bytes, ead: Sequence[Ead]
    ) -> tuple[initiator.WaitMessage2[PurseId], bytes]:
        return _write_1(party, ephemeral=ephemeral, ead=[*ead, item])

    with replaced(Patch(owner=initiator, name="write_message_1", value=write)):
        return Purse.open_session(purse, ready, side, env)


@defect("EPP-SEC-004")
class TrustsTheSchemeKey(lacking("purse_id_signature", "purse_id_seal")):  # type: ignore[misc]  # made on the spot
    """Takes every purse ID that is sealed under the scheme key for good."""
