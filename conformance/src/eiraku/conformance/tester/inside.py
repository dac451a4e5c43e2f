"""What only the two ends of a session know, for the report of a check that failed in it.

While a session goes on nothing is computed; its messages are kept as they went into the transcript. If the
check fails, everything is derived from them once more, as far as it goes.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from eiraku.conformance.evidence import EvidenceNotes
from eiraku.conformance.results import Fact, Insight
from eiraku.conformance.tester import hints_session
from eiraku.conformance.tester.hints import shown
from eiraku.conformance.tester.hints_session import Later, Proof, Second
from eiraku.reference.crypto.aead import CannotOpen
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.reference.edhoc import messages as edhoc
from eiraku.reference.edhoc import party, schedule
from eiraku.spec import cbor
from eiraku.spec.errors import Refusal
from eiraku.spec.tables import Side

R = TypeVar("R")
_3 = (schedule.K_3, schedule.IV_3)
_4 = (schedule.K_4, schedule.IV_4)
_SECRETS = (
    "TH_2",
    "PRK_2e",
    "PRK_3e2m",
    "PLAINTEXT_2",
    "TH_3",
    "PRK_4e3m",
    "PLAINTEXT_3",
    "TH_4",
    "PLAINTEXT_4",
    "PRK_out",
    "PRK_exporter",
)
_PLAINTEXTS = {2: "PLAINTEXT_2", 3: "PLAINTEXT_3", 4: "PLAINTEXT_4"}


@dataclass(slots=True, kw_only=True)
class Inside:
    """One session."""

    wallet: Side
    """The side that the wallet plays."""
    ephemeral: bytes = b""
    """Ours, private."""
    messages: dict[int, bytes] = field(default_factory=dict)
    """As they are in our transcript."""
    creds: dict[Side, bytes] = field(default_factory=dict)
    """CRED_I and CRED_R, the wallet's once it is known."""
    public_key: bytes = b""
    """The wallet's, once it is known."""
    suite: int = 4
    guess: bytes = b""
    """The wallet's credential, if it is the one with which it was provisioned."""

    def values(self) -> dict[str, bytes]:
        """Every value of `_SECRETS` that can be derived, and some more."""
        found: dict[str, bytes] = {}
        with suppress(Refusal, CannotOpen):
            first = self._first()
            found.update(first)
            # One after the other: what was found before it ends is kept.
            for each in self._rest(first):
                found.update([each])
        return found

    def tell(self, notes: EvidenceNotes) -> None:
        """Put what is known into the evidence of the check, and the plaintexts to their messages."""
        found = self.values()
        facts = [Fact(name=name, value=found[name].hex()) for name in _SECRETS if name in found]
        if facts:
            notes.insights.append(
                Insight(title=f"Session, the wallet as {self.wallet.value}", facts=tuple(facts))
            )
        for number, name in _PLAINTEXTS.items():
            if name in found:
                said = f"{name}: {shown(found[name])}"
                notes.decode(f"message_{number}", self.messages[number], said)

    def explain(self, number: int, notes: EvidenceNotes) -> None:
        """Why the wallet's message of that number, 2 to 4, is wrong."""
        found = self.values()
        if number == 2 and "PLAINTEXT_2" in found:
            self._of_message_2(found, notes)
        elif number == 3 and "TH_3" in found and "PLAINTEXT_3" in found:
            plain = _read(edhoc.read_plaintext_3, found["PLAINTEXT_3"])
            self._signature("message_3", plain, found["TH_3"], found, notes)
        elif number in {3, 4}:
            self._later(number, found, notes)

    def _first(self) -> dict[str, bytes]:
        """Everything up to PLAINTEXT_2. Raises Refusal."""
        if 2 not in self.messages:
            return {}
        content = _content(self.messages[2])
        g_y, ciphertext = content[: edhoc.KEY_LENGTH], content[edhoc.KEY_LENGTH :]
        ours = AgreementKey(self.ephemeral)
        other = g_y if self.wallet is Side.RESPONDER else edhoc.read_message_1(self.messages[1]).g_x
        g_xy = party.agree(ours, other)
        th_2 = schedule.th_2(g_y, schedule.digest(self.messages[1]))
        prk = schedule.prk_2e(th_2, g_xy)
        plaintext = schedule.xor(ciphertext, schedule.keystream_2(prk, th_2, len(ciphertext)))
        prks = dict.fromkeys(("PRK_2e", "PRK_3e2m", "PRK_4e3m"), prk)
        return {
            **prks,
            "G_Y": g_y,
            "G_XY": g_xy,
            "CIPHERTEXT_2": ciphertext,
            "TH_2": th_2,
            "PLAINTEXT_2": plaintext,
        }

    def _rest(self, found: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
        """Everything after that, as far as it goes. Raises Refusal, CannotOpen."""
        suite = schedule.SUITES[self.suite]
        if "TH_2" not in found or Side.RESPONDER not in self.creds:
            return
        prk = found["PRK_2e"]
        th_3 = schedule.next_th(found["TH_2"], found["PLAINTEXT_2"], self.creds[Side.RESPONDER])
        yield "TH_3", th_3
        if 3 not in self.messages:
            return
        ciphertext = _content(self.messages[3])
        yield "CIPHERTEXT_3", ciphertext
        plaintext = schedule.open_(suite, prk, th_3, _3, ciphertext)
        yield "PLAINTEXT_3", plaintext
        if Side.INITIATOR not in self.creds:
            return
        th_4 = schedule.next_th(th_3, plaintext, self.creds[Side.INITIATOR])
        yield "TH_4", th_4
        out = schedule.prk_out(prk, th_4)
        yield "PRK_out", out
        yield "PRK_exporter", schedule.prk_exporter(out)
        if 4 in self.messages:
            yield "CIPHERTEXT_4", _content(self.messages[4])
            yield "PLAINTEXT_4", schedule.open_(suite, prk, th_4, _4, _content(self.messages[4]))

    def _of_message_2(self, found: dict[str, bytes], notes: EvidenceNotes) -> None:
        read = _read(edhoc.read_plaintext_2, found["PLAINTEXT_2"])
        if read is None:
            case = Second(
                message_1=self.messages[1],
                g_y=found["G_Y"],
                g_xy=found["G_XY"],
                ciphertext=found["CIPHERTEXT_2"],
            )
            notes.hints += hints_session.message_2(case)
            return
        c_r, plain = read
        sent = edhoc.encode_identifier(c_r)
        self._signature("message_2", plain, found["TH_2"], found, notes, c_r=sent)

    def _signature(
        self,
        name: str,
        plain: edhoc.Plaintext | None,
        th: bytes,
        found: dict[str, bytes],
        notes: EvidenceNotes,
        *,
        c_r: bytes = b"",
    ) -> None:
        if plain is None or not self.public_key:
            return
        label = schedule.MAC_2 if name == "message_2" else schedule.MAC_3
        proof = Proof(
            name=name,
            prk=found["PRK_2e"],
            th=th,
            c_r=c_r,
            plain=plain,
            cred=self.creds[self.wallet],
            public=self.public_key,
            label=label,
        )
        number = name[-1]
        facts = (
            Fact(name=f"context_{number}", value=proof.context.hex()),
            Fact(name=f"MAC_{number}", value=proof.mac().hex()),
            Fact(name="Sig_structure", value=proof.covered().hex()),
            Fact(name="public key", value=proof.public.hex()),
            Fact(name="signature", value=plain.signature.hex()),
        )
        notes.insights.append(Insight(title=f"Signature_or_MAC_{number}, as it was verified", facts=facts))
        if not proof.fits(proof.covered()):
            notes.hints += hints_session.signature(proof)

    def _later(self, number: int, found: dict[str, bytes], notes: EvidenceNotes) -> None:
        before, at = number - 1, f"TH_{number}"
        if at not in found or f"CIPHERTEXT_{number}" not in found:
            return
        mine, other = (Side.RESPONDER, Side.INITIATOR) if number == 3 else (Side.INITIATOR, Side.RESPONDER)
        case = Later(
            name=f"message_{number}",
            suite=schedule.SUITES[self.suite],
            prk=found["PRK_2e"],
            before=found[f"TH_{before}"],
            plaintext=found[f"PLAINTEXT_{before}"],
            sealed=found[f"CIPHERTEXT_{before}"],
            cred=self.creds[mine],
            other=self.creds.get(other, self.guess),
            labels=_3 if number == 3 else _4,
            others=_4 if number == 3 else _3,
            ciphertext=found[f"CIPHERTEXT_{number}"],
        )
        facts = (
            Fact(name="associated data", value=schedule.enc_structure(case.th).hex()),
            Fact(name="ciphertext", value=case.ciphertext.hex()),
        )
        notes.insights.append(Insight(title=f"CIPHERTEXT_{number}, as it was opened", facts=facts))
        notes.hints += hints_session.later(case)


def _content(message: bytes) -> bytes:
    content = cbor.decode(message)
    return content if isinstance(content, bytes) else b""


def _read(read: Callable[[bytes], R], plaintext: bytes) -> R | None:
    try:
        return read(plaintext)
    except Refusal:
        return None
