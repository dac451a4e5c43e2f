"""Mutants of chapter 11: what an outsider sees."""

from dataclasses import replace

from eiraku.conformance.mutants.registry import defect, replaces
from eiraku.reference.edhoc import initiator
from eiraku.reference.edhoc.messages import Ead
from eiraku.reference.edhoc.party import Party, SubjectT
from eiraku.reference.purse import credential
from eiraku.reference.purse.checks import Checks
from eiraku.reference.purse.core import Purse
from eiraku.reference.purse.state import Env, Ready, Terms, Turn
from eiraku.reference.anchor import SignedPurseId
from eiraku.spec.tables import Side

_write_1, _offer = initiator.write_message_1, credential.offer
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
        party: Party[SubjectT], *, ephemeral: bytes, ead: list[Ead]
    ) -> tuple[initiator.WaitMessage2[SubjectT], bytes]:
        return _write_1(party, ephemeral=ephemeral, ead=[*ead, item])

    initiator.write_message_1 = write
    try:
        return Purse.open_session(purse, ready, side, env)
    finally:
        initiator.write_message_1 = _write_1


@defect("EPP-SEC-004")
class TrustsTheSchemeKey(Checks):
    """Takes every purse ID that is sealed under the scheme key for good."""

    def purse_id_signature(self, terms: Terms, purse_id: SignedPurseId) -> None:
        return

    def purse_id_seal(self, terms, peer) -> None:
        return
