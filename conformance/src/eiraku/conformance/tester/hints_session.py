"""Misreadings in the handshake. See `hints`.

Names are those of RFC 9528. With method 0 PRK_2e, PRK_3e2m and PRK_4e3m are one, called `prk` here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from eiraku.conformance.results import Hint
from eiraku.conformance.tester.hints import Table, tried
from eiraku.reference.crypto import ed25519, hkdf
from eiraku.reference.crypto.aead import CannotOpen
from eiraku.reference.edhoc import messages, schedule
from eiraku.reference.edhoc.messages import Plaintext
from eiraku.reference.edhoc.schedule import SUITES, Suite
from eiraku.spec import cbor
from eiraku.spec.errors import Refusal

# --- PLAINTEXT_2 --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Second:
    """A message_2 of the wallet whose plaintext has no sense."""

    message_1: bytes
    g_y: bytes
    g_xy: bytes
    ciphertext: bytes

    @property
    def th_2(self) -> bytes:
        """The right one."""
        return schedule.th_2(self.g_y, schedule.digest(self.message_1))

    def decrypted(self, *, th: bytes | None = None, prk: bytes | None = None, label: int = 0) -> bytes:
        """PLAINTEXT_2 if this were so."""
        th = self.th_2 if th is None else th
        prk = schedule.prk_2e(th, self.g_xy) if prk is None else prk
        keystream = schedule.kdf(prk, label, th, len(self.ciphertext))
        return schedule.xor(self.ciphertext, keystream)

    def keystream(self, info: bytes) -> bytes:
        """PLAINTEXT_2 with another `info` of EDHOC_KDF."""
        prk = schedule.prk_2e(self.th_2, self.g_xy)
        return schedule.xor(self.ciphertext, hkdf.expand(prk, info, len(self.ciphertext)))


def _th_2(make: Callable[[Second, bytes], bytes]) -> Callable[[Second], bytes]:
    return lambda case: case.decrypted(th=schedule.digest(make(case, schedule.digest(case.message_1))))


MESSAGE_2: Table[Second, bytes] = {
    "decrypts with TH_2 over H(message_1) before G_Y": _th_2(
        lambda case, digest: cbor.encode_sequence(digest, case.g_y)
    ),
    "decrypts with TH_2 over message_1 itself, not its digest": _th_2(
        lambda case, _: cbor.encode(case.g_y) + case.message_1
    ),
    "decrypts with TH_2 over G_Y and H(message_1) as raw bytes, not as CBOR byte strings": _th_2(
        lambda case, digest: case.g_y + digest
    ),
    "decrypts with TH_2 over a message_1 without its last item (EPP member)": _th_2(
        lambda case, _: cbor.encode_sequence(case.g_y, schedule.digest(case.message_1[:-20]))
    ),
    "decrypts with PRK_2e extracted with an empty salt": lambda case: case.decrypted(
        prk=hkdf.extract(b"", case.g_xy)
    ),
    "decrypts with PRK_2e of salt and secret exchanged": lambda case: case.decrypted(
        prk=hkdf.extract(case.g_xy, case.th_2)
    ),
    "decrypts with the label of another output of EDHOC_KDF (1)": lambda case: case.decrypted(label=1),
    "decrypts with an info of EDHOC_KDF without the length": lambda case: case.keystream(
        cbor.encode_sequence(schedule.KEYSTREAM_2, case.th_2)
    ),
    "decrypts with TH_2 in the info of EDHOC_KDF as raw bytes": lambda case: case.keystream(
        cbor.encode(schedule.KEYSTREAM_2) + case.th_2 + cbor.encode(len(case.ciphertext))
    ),
    "is not encrypted": lambda case: case.ciphertext,
}


def message_2(case: Second) -> tuple[Hint, ...]:
    """How a message_2 may have been encrypted."""
    return tried("message_2", MESSAGE_2, case, _is_plaintext_2)


def _is_plaintext_2(plaintext: bytes) -> bool:
    try:
        messages.read_plaintext_2(plaintext)
    except Refusal:
        return False
    return True


# --- Signature_or_MAC_2 and _3 ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What one of them should cover."""

    name: str
    """``message_2`` or ``message_3``."""
    prk: bytes
    th: bytes
    c_r: bytes
    """As it travels; empty for message_3."""
    plain: Plaintext
    cred: bytes
    public: bytes
    label: int
    length: int = hkdf.HASH_LENGTH

    @property
    def id_cred(self) -> bytes:
        """The whole map."""
        return cbor.encode(self.plain.id_cred)

    @property
    def context(self) -> bytes:
        """context_2 or context_3."""
        return schedule.context(self.id_cred, self.th, self.cred, self.plain.ead_bytes, c_r=self.c_r)

    def mac(self, context: bytes | None = None) -> bytes:
        """MAC_2 or MAC_3."""
        return schedule.kdf(self.prk, self.label, self.context if context is None else context, self.length)

    def covered(self, *, mac: bytes | None = None, external_aad: bytes | None = None) -> bytes:
        """The Sig_structure."""
        if external_aad is None:
            external_aad = cbor.encode(self.th) + self.cred + self.plain.ead_bytes
        return cbor.encode(("Signature1", self.id_cred, external_aad, self.mac() if mac is None else mac))

    def without(self, *, th: bool = False, cred: bool = False, ead: bool = False) -> bytes:
        """The Sig_structure and the MAC with something left out of both."""
        said = b"" if th else cbor.encode(self.th)
        said += b"" if cred else self.cred
        said += b"" if ead else self.plain.ead_bytes
        return self.covered(mac=self.mac(self.c_r + self.id_cred + said), external_aad=said)

    def fits(self, message: bytes) -> bool:
        """Whether the signature is one over `message`."""
        return ed25519.verify(self.public, message, self.plain.signature)


def _raw_th(case: Proof) -> bytes:
    said = case.th + case.cred + case.plain.ead_bytes
    return case.covered(mac=case.mac(case.c_r + case.id_cred + said), external_aad=said)


def _cred_first(case: Proof) -> bytes:
    said = case.cred + cbor.encode(case.th) + case.plain.ead_bytes
    return case.covered(mac=case.mac(case.c_r + case.id_cred + said), external_aad=said)


def _compact(case: Proof) -> bytes:
    kid = messages.encode_id_cred(case.plain.id_cred)
    said = cbor.encode(case.th) + case.cred + case.plain.ead_bytes
    return cbor.encode(("Signature1", kid, said, case.mac(case.c_r + kid + said)))


SIGNATURE: Table[Proof, bytes] = {
    "verifies over the MAC alone, without a Sig_structure": Proof.mac,
    "verifies with a MAC of 16 bytes": lambda case: case.covered(mac=replace(case, length=16).mac()),
    "verifies with a MAC of 8 bytes": lambda case: case.covered(mac=replace(case, length=8).mac()),
    "verifies with the label of the other role's MAC": lambda case: case.covered(
        mac=replace(case, label=schedule.MAC_2 + schedule.MAC_3 - case.label).mac()
    ),
    "verifies with the other role's context (without C_R in context_2, with it in context_3)": lambda case: (
        case.covered(mac=replace(case, c_r=b"" if case.c_r else b"\x40").mac())
    ),
    "verifies with an empty context of the MAC": lambda case: case.covered(mac=case.mac(b"")),
    "verifies without CRED": lambda case: case.without(cred=True),
    "verifies without EAD": lambda case: case.without(ead=True),
    "verifies without the transcript hash": lambda case: case.without(th=True),
    "verifies with the transcript hash as raw bytes, not as a CBOR byte string": _raw_th,
    "verifies with CRED before the transcript hash": _cred_first,
    "verifies with ID_CRED as it travels (the kid alone)": _compact,
    "verifies with an empty external_aad": lambda case: case.covered(external_aad=b""),
    "verifies with an empty payload in place of the MAC": lambda case: case.covered(mac=b""),
}


def signature(case: Proof) -> tuple[Hint, ...]:
    """What a Signature_or_MAC that does not verify may cover."""
    return tried(f"signature in {case.name}", SIGNATURE, case, case.fits)


# --- CIPHERTEXT_3 and _4 ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """A message_3 or message_4 that does not open."""

    name: str
    """``message_3`` or ``message_4``."""
    suite: Suite
    prk: bytes
    before: bytes
    """TH_2, or TH_3."""
    plaintext: bytes
    """PLAINTEXT_2, or PLAINTEXT_3."""
    sealed: bytes
    """The ciphertext of that message."""
    cred: bytes
    """CRED_R, or CRED_I, which goes into the next transcript hash."""
    other: bytes
    """The credential of the other side; empty if it is not known."""
    labels: tuple[int, int]
    others: tuple[int, int]
    """Labels of key and IV: of this message, and of the other one."""
    ciphertext: bytes

    @property
    def th(self) -> bytes:
        """TH_3, or TH_4."""
        return schedule.next_th(self.before, self.plaintext, self.cred)

    def opens(
        self,
        *,
        th: bytes | None = None,
        aad: bytes | None = None,
        labels: tuple[int, int] | None = None,
        prk: bytes | None = None,
        suite: Suite | None = None,
    ) -> bool:
        """Whether it opens if this were so."""
        th, prk = self.th if th is None else th, prk or self.prk
        suite, (key, vector) = suite or self.suite, labels or self.labels
        cipher = suite.aead
        try:
            cipher.open(
                schedule.kdf(prk, key, th, cipher.key_length),
                schedule.kdf(prk, vector, th, cipher.nonce_length),
                schedule.enc_structure(th) if aad is None else aad,
                self.ciphertext,
            )
        except CannotOpen:
            return False
        return True

    def over(self, said: bytes) -> bool:
        """Whether it opens with a transcript hash over `said`."""
        return self.opens(th=schedule.digest(said))


LATER: Table[Later, bool] = {
    "opens with a transcript hash without CRED (TH_3 without CRED_R, TH_4 without CRED_I)": lambda case: (
        case.over(cbor.encode(case.before) + case.plaintext)
    ),
    "opens with a transcript hash with the other side's CRED": lambda case: (
        bool(case.other) and case.over(cbor.encode(case.before) + case.plaintext + case.other)
    ),
    "opens with a transcript hash over the ciphertext instead of the plaintext": lambda case: case.over(
        cbor.encode(case.before) + cbor.encode(case.sealed) + case.cred
    ),
    "opens with a transcript hash over the plaintext as a CBOR byte string": lambda case: case.over(
        cbor.encode(case.before) + cbor.encode(case.plaintext) + case.cred
    ),
    "opens with a transcript hash over the one before as raw bytes": lambda case: case.over(
        case.before + case.plaintext + case.cred
    ),
    "opens with the transcript hash before (TH_2 for TH_3, TH_3 for TH_4)": lambda case: case.opens(
        th=case.before
    ),
    "opens with empty associated data": lambda case: case.opens(aad=b""),
    "opens with the transcript hash alone as associated data": lambda case: case.opens(aad=case.th),
    "opens with the transcript hash in the Enc_structure as a CBOR byte string once more": lambda case: (
        case.opens(aad=schedule.enc_structure(cbor.encode(case.th)))
    ),
    "opens with the Enc_structure of COSE_Encrypt": lambda case: case.opens(
        aad=cbor.encode(("Encrypt", b"", case.th))
    ),
    "opens with the labels of the other message's key and IV": lambda case: case.opens(labels=case.others),
    "opens with the labels of key and IV exchanged": lambda case: case.opens(
        labels=(case.labels[1], case.labels[0])
    ),
    "opens with keys from PRK_out": lambda case: case.opens(prk=schedule.prk_out(case.prk, case.th)),
    "opens with the AEAD of the other suite": lambda case: case.opens(suite=SUITES[4 - case.suite.number]),
}


def later(case: Later) -> tuple[Hint, ...]:
    """How a message_3 or message_4 may have been sealed."""
    return tried(case.name, LATER, case, bool)
