"""Wallets that each misread the specification in one place of a session: see `hint_wallets`."""

import runpy
from pathlib import Path

from eiraku.reference import records
from eiraku.reference.edhoc import initiator, party, responder, schedule
from eiraku.reference.records import Channel
from eiraku.spec.tables import Side
from eiraku.testing.patches import edit

_COMMON = runpy.run_path(str(Path(__file__).with_name("hint_wallets.py")))
FOUND, declare, add, area, HASH = (_COMMON[name] for name in ("FOUND", "declare", "add", "area", "HASH"))

# --- the handshake ---

area("hints_session.MESSAGE_2", "give", Side.RESPONDER, "EPP-SES-013")
TH = "digest(cbor.encode_sequence(g_y, message_1_digest))"
for words, instead in {
    "decrypts with TH_2 over H(message_1) before G_Y": "digest(cbor.encode_sequence(message_1_digest, g_y))",
    "decrypts with TH_2 over G_Y and H(message_1) as raw bytes, not as CBOR byte strings": (
        "digest(g_y + message_1_digest)"
    ),
}.items():
    declare(words, schedule.th_2, (TH, instead))
for words, instead in {
    "decrypts with TH_2 over a message_1 without its last item (EPP member)": "schedule.digest(data[:-20])",
}.items():
    declare(words, responder.read_message_1, ("schedule.digest(data)", instead))
add(
    "decrypts with TH_2 over message_1 itself, not its digest",
    lambda _: [
        edit(responder.read_message_1, ("schedule.digest(data)", "data")),
        edit(schedule.th_2, (TH, "digest(cbor.encode(g_y) + message_1_digest)")),
    ],
)
declare(
    "decrypts with PRK_2e extracted with an empty salt",
    schedule.prk_2e,
    ("hkdf.extract(th_2, g_xy)", "hkdf.extract(b'', g_xy)"),
)
declare(
    "decrypts with PRK_2e of salt and secret exchanged",
    schedule.prk_2e,
    ("hkdf.extract(th_2, g_xy)", "hkdf.extract(g_xy, th_2)"),
)
for words, instead in {
    "decrypts with the label of another output of EDHOC_KDF (1)": "kdf(prk, 1, th_2, length)",
    "decrypts with an info of EDHOC_KDF without the length": (
        "hkdf.expand(prk, cbor.encode_sequence(KEYSTREAM_2, th_2), length)"
    ),
    "decrypts with TH_2 in the info of EDHOC_KDF as raw bytes": (
        "hkdf.expand(prk, cbor.encode(KEYSTREAM_2) + th_2 + cbor.encode(length), length)"
    ),
    "is not encrypted": "bytes(length)",
}.items():
    declare(words, schedule.keystream_2, ("kdf(prk, KEYSTREAM_2, th_2, length)", instead))

area("hints_session.SIGNATURE", "give", Side.RESPONDER, "EPP-SES-013")
OVER = "schedule.to_be_signed(id_cred, th, party.cred, ead, mac)"
SIGNING = {"at": (initiator, responder)}
for words, changes in {
    "verifies over the MAC alone, without a Sig_structure": ((OVER, "mac"),),
    "verifies with a MAC of 16 bytes": (
        ("schedule.mac(prk, label, ", "schedule.kdf(prk, label, "),
        ("c_r=c_r))", "c_r=c_r), 16)"),
    ),
    "verifies with a MAC of 8 bytes": (
        ("schedule.mac(prk, label, ", "schedule.kdf(prk, label, "),
        ("c_r=c_r))", "c_r=c_r), 8)"),
    ),
    "verifies with the label of the other role's MAC": (
        ("schedule.mac(prk, label,", "schedule.mac(prk, 8 - label,"),
    ),
    "verifies with the other role's context (without C_R in context_2, with it in context_3)": (
        ("c_r=c_r))", "c_r=b''))"),
    ),
    "verifies with an empty context of the MAC": (
        ("schedule.context(id_cred, th, party.cred, ead, c_r=c_r)", "b''"),
    ),
    "verifies without CRED": (
        ("id_cred, th, party.cred, ead, c_r", "id_cred, th, b'', ead, c_r"),
        ("id_cred, th, party.cred, ead, mac", "id_cred, th, b'', ead, mac"),
    ),
    "verifies without EAD": (
        ("party.cred, ead, c_r", "party.cred, b'', c_r"),
        ("party.cred, ead, mac", "party.cred, b'', mac"),
    ),
    "verifies with ID_CRED as it travels (the kid alone)": (("cbor.encode(party.id_cred)", "bytes([1])"),),
    "verifies with an empty payload in place of the MAC": (("ead, mac)", "ead, b'')"),),
    "verifies with an empty external_aad": ((OVER, "cbor.encode(('Signature1', id_cred, b'', mac))"),),
}.items():
    declare(words, party.sign, *changes, **SIGNING)
for words, external in {
    "verifies without the transcript hash": "party.cred + ead",
    "verifies with the transcript hash as raw bytes, not as a CBOR byte string": "th + party.cred + ead",
    "verifies with CRED before the transcript hash": "party.cred + cbor.encode(th) + ead",
}.items():
    declare(
        words,
        party.sign,
        ("schedule.context(id_cred, th, party.cred, ead, c_r=c_r)", f"c_r + id_cred + {external}"),
        (OVER, f"cbor.encode(('Signature1', id_cred, {external}, mac))"),
        **SIGNING,
    )

area("hints_session.LATER", "give", Side.INITIATOR, "EPP-SES-013")
for words, instead in {
    "opens with a transcript hash without CRED (TH_3 without CRED_R, TH_4 without CRED_I)": (
        "schedule.next_th(th_2, plaintext, b'')"
    ),
    "opens with a transcript hash with the other side's CRED": (
        "schedule.next_th(th_2, plaintext, party.cred)"
    ),
    "opens with a transcript hash over the ciphertext instead of the plaintext": (
        "schedule.next_th(th_2, cbor.encode(ciphertext), peer.cred)"
    ),
    "opens with a transcript hash over the plaintext as a CBOR byte string": (
        "schedule.next_th(th_2, cbor.encode(plaintext), peer.cred)"
    ),
    "opens with a transcript hash over the one before as raw bytes": (
        "schedule.digest(th_2 + plaintext + peer.cred)"
    ),
    "opens with the transcript hash before (TH_2 for TH_3, TH_3 for TH_4)": "th_2",
}.items():
    declare(words, initiator.read_message_2, ("schedule.next_th(th_2, plaintext, peer.cred)", instead))
for words, instead in {
    "opens with empty associated data": "b''",
    "opens with the transcript hash alone as associated data": "th",
    "opens with the transcript hash in the Enc_structure as a CBOR byte string once more": (
        'cbor.encode(("Encrypt0", b"", cbor.encode(th)))'
    ),
    "opens with the Enc_structure of COSE_Encrypt": 'cbor.encode(("Encrypt", b"", th))',
}.items():
    declare(words, schedule.enc_structure, ('cbor.encode(("Encrypt0", b"", th))', instead))
for words, old, new in (
    (
        "opens with the labels of the other message's key and IV",
        "(schedule.K_3, schedule.IV_3)",
        "(schedule.K_4, schedule.IV_4)",
    ),
    (
        "opens with the labels of key and IV exchanged",
        "(schedule.K_3, schedule.IV_3)",
        "(schedule.IV_3, schedule.K_3)",
    ),
    (
        "opens with keys from PRK_out",
        "schedule.seal(state.suite, state.prk,",
        "schedule.seal(state.suite, schedule.prk_out(state.prk, state.th_3),",
    ),
    (
        "opens with the AEAD of the other suite",
        "schedule.seal(state.suite,",
        "schedule.seal(schedule.SUITES[0],",
    ),
):
    declare(words, initiator.write_message_3, (old, new))

area("hints_session.LATER", "give", Side.RESPONDER, "EPP-SES-015")
declare(
    "opens with the labels of the other message's key and IV",
    responder.write_message_4,
    ("(schedule.K_4, schedule.IV_4)", "(schedule.K_3, schedule.IV_3)"),
)
declare(
    "opens with a transcript hash without CRED (TH_3 without CRED_R, TH_4 without CRED_I)",
    responder.read_message_3,
    ("schedule.next_th(state.th_3, plaintext, peer.cred)", "schedule.next_th(state.th_3, plaintext, b'')"),
)

# --- records ---

SEALED = 'self.sending.key, self.sending.nonce, b"", message'
area("hints_records.RECORD", "take", Side.RESPONDER, "EPP-REC-002")
NONCE = "replace(self.sending, number={}).nonce"
for words, number in {
    "opens as the record before (number - 1)": "max(self.sending.number - 1, 0)",
    "opens as the record after (number + 1)": "self.sending.number + 1",
}.items():
    declare(words, Channel.seal, ("self.sending.nonce", NONCE.format(number)))
for words, nonce in {
    "opens with the vector as nonce, without the number": "self.sending.iv",
    "opens with the number alone as nonce": "self.sending.number.to_bytes(len(self.sending.iv), 'big')",
    "opens with the number in little-endian order": (
        "(int.from_bytes(self.sending.iv, 'little') ^ self.sending.number).to_bytes(12, 'little')"
    ),
}.items():
    declare(words, Channel.seal, ("self.sending.nonce", nonce))
declare(
    "opens with the number as associated data",
    Channel.seal,
    (SEALED, SEALED.replace('b""', "cbor.encode(self.sending.number)")),
)
declare(
    "opens with one counter for both directions",
    Channel.seal,
    ("self.sending.nonce", NONCE.format("self.sending.number + self.receiving.number")),
)
area("hints_records.RECORD", "take", Side.RESPONDER, "EPP-REC-001")
declare(
    "opens with an Enc_structure as associated data",
    Channel.seal,
    (SEALED, SEALED.replace('b""', "cbor.encode(('Encrypt0', b'', b''))")),
)
area("hints_records.RECORD", "give", Side.INITIATOR, "EPP-REC-001")
declare(
    "opens under the other direction's key",
    records.channel,
    ("sending=com_ka, receiving=com_kb", "sending=com_kb, receiving=com_ka"),
)
DERIVED = 'session.exporter(label, b"", aead.key_length + aead.nonce_length)'
for words, derived in {
    "opens with key and vector exported apart": (
        "session.exporter(label, b'', aead.key_length) + session.exporter(label, b'', aead.nonce_length)"
    ),
    "opens with the hash of nothing as the context of the exporter": DERIVED.replace(
        'b""', f"{HASH}.sha256().digest()"
    ),
    "opens with keys derived from PRK_out, not from PRK_exporter": (
        "__import__('eiraku.reference.edhoc.schedule', fromlist=['x']).kdf(session.prk_out, label, b'', 44)"
    ),
}.items():
    declare(words, records.channel, (DERIVED, derived))
declare(
    "opens with the vector before the key",
    records.channel,
    (
        "key=material[: aead.key_length], iv=material[aead.key_length :]",
        "key=material[12:], iv=material[:12]",
    ),
)
area("hints_records.RECORD", "give", Side.INITIATOR, "EPP-REC-006")
declare(
    "opens, but stands alone instead of in a CBOR byte string",
    Channel.seal,
    ("cbor.encode(sealed)", "sealed"),
)
