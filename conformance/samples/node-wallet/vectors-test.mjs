// Against published vectors: EDHOC (RFC 9529 section 2), Ed25519 edge cases, HPKE, and the positive vectors of EPP/1.
import { test } from "node:test";
import * as assert from "node:assert";
import { readFileSync } from "node:fs";
import { checkUpdate } from "./bulletin.mjs";
import { decode, decodeSequence, encode } from "./cbor.mjs";
import { sigStructure, signAttached, signDetached } from "./cose.mjs";
import { SUITES, Schedule, isError, oneByteString, parseEad, parseMessage1, parsePlaintext } from "./edhoc.mjs";
import { ID_CRED, memberMac, openPurseId, sealPurseId } from "./identity.mjs";
import { schemeKeyId, takeAnchor, withList } from "./keylists.mjs";
import * as keys from "./keys.mjs";
import { parseMessage } from "./messages.mjs";
import { endorse, parseUnit, sealHistory, verifyUnit } from "./money.mjs";
import { Records } from "./records.mjs";
import { read } from "./revoked.mjs";

const vectors = (name) => JSON.parse(readFileSync(new URL(`../../../spec/src/eiraku/spec/vectors/${name}`, import.meta.url)));
const trace = vectors("rfc9529.json");
const hex = (section, prefix) => {
  const entry = trace.method_0_suite_0.find((e) => e.section === section && e.name.split(" | ").at(-1).startsWith(prefix));
  return Buffer.from(entry.hex, "hex");
};

test("method 0, suite 0", () => {
  const gy = hex("message_2", "G_Y (Raw");
  const shared = keys.x25519(hex("message_2", "Y (Raw"), hex("message_1", "G_X (Raw"));
  assert.deepEqual(shared, hex("message_2", "G_XY"));
  const s = new Schedule(keys.CCM_8, hex("message_1", "message_1 (CBOR"), gy, shared);
  assert.deepEqual(s.th2, hex("message_2", "TH_2 (Raw"));
  assert.deepEqual(s.prk, hex("message_2", "PRK_2e"));
  const plaintext2 = s.stream2(hex("message_2", "CIPHERTEXT_2"));
  assert.deepEqual(plaintext2, hex("message_2", "PLAINTEXT_2"));
  const parsed = parsePlaintext(plaintext2, true);
  const credR = hex("message_2", "CRED_R (CBOR");
  const signed2 = s.signed2(parsed.cR, parsed.idCred, credR, Buffer.alloc(0));
  assert.deepEqual(signed2, hex("message_2", "Message to be signed 2"));
  assert.ok(keys.verify(hex("message_2", "PK_R"), signed2, parsed.signature));
  assert.deepEqual(keys.sign(hex("message_2", "SK_R"), signed2), parsed.signature);
  s.after2(plaintext2, credR);
  const plaintext3 = s.open3(hex("message_3", "CIPHERTEXT_3"));
  assert.deepEqual(plaintext3, hex("message_3", "PLAINTEXT_3"));
  const parsed3 = parsePlaintext(plaintext3, false);
  const credI = hex("message_3", "CRED_I (CBOR");
  const signed3 = s.signed3(parsed3.idCred, credI, Buffer.alloc(0));
  assert.ok(keys.verify(hex("message_3", "PK_I"), signed3, parsed3.signature));
  s.after3(plaintext3, credI);
  assert.deepEqual(s.seal4(Buffer.alloc(0)), hex("message_4", "CIPHERTEXT_4"));
  assert.deepEqual(s.prkExporter, hex("PRK_out and PRK_exporter", "PRK_exporter (Raw"));
  assert.deepEqual(s.exporter(0, 16), hex("OSCORE Parameters", "OSCORE Master Secret (Raw"));
});

test("published invalid message_1", () => {
  for (const entry of trace.invalid.filter((e) => e.name.includes("message_1"))) {
    const raw = Buffer.from(entry.hex, "hex");
    let refused = false;
    try {
      const m = parseMessage1(raw);
      refused = m.method !== 0 || m.gx.length !== 32 || keys.x25519(keys.random(32), m.gx) === null;
    } catch {
      refused = true;
    }
    assert.ok(refused, entry.section);
    assert.ok(!isError(raw));
  }
});

const bytes = (text) => Buffer.from(text, "hex");
const cases = (name) => vectors(name).cases;
const byId = (name) => new Map(cases(name).map((c) => [c.id, c]));
const same = (found, expected, what) => assert.equal(found.toString("hex"), expected, what);

test("keys by name", () => {
  for (const { id, kind, inputs, outputs } of cases("keys.json")) {
    const secret = keys.sha256(Buffer.from(inputs.name)).subarray(0, inputs.length);
    same(secret, outputs.private, id);
    if (kind === "Ed25519") same(keys.edPublic(secret), outputs.public, id);
    if (kind === "X25519") same(keys.xPublic(secret), outputs.public, id);
    if (outputs.kid) same(keys.sha256(bytes(outputs.public)).subarray(0, 8), outputs.kid, id);
  }
});

test("signed objects", () => {
  for (const { id, object, inputs, outputs } of cases("objects.json")) {
    const [key, payload] = [bytes(inputs.private_key), bytes(outputs.payload)];
    if (inputs.kid) same(signAttached(key, keys.edPublic(key), inputs.context, payload), outputs.encoded, id);
    else same(signDetached(key, inputs.context, payload), outputs.signature, id);
    same(sigStructure(bytes(outputs.protected), Buffer.from(inputs.context), payload), outputs.sig_structure, id);
    if (object === "unit") assert.equal(parseUnit(bytes(outputs.encoded)).id, outputs.unit_id, id);
    if (object === "endorsement") {
      const [unitId, hop, , payer, payee, transaction] = decode(payload);
      const layer = byId("sealing.json").get(id.replace("endorsement", "layer"));
      const history = bytes(layer.inputs.fields.inner);
      same(endorse(key, { unitId: unitId.toString("hex"), hop, history, payer, payee, transaction }), outputs.signature, id);
    }
  }
});

test("revoked lists, whole and as a delta", () => {
  const trusted = takeAnchor(vectors("keys.json").anchor);
  const policy = { max_bulletin: 8192 };
  const [first, second, delta] = cases("revoked.json");
  const held = [first, second].map(({ inputs, outputs }) => {
    const news = checkUpdate(bytes(outputs.update), trusted, policy, null);
    assert.deepEqual(read(news.list).map(Number), inputs.numbers);
    return news;
  });
  assert.deepEqual(checkUpdate(bytes(delta.outputs.update), trusted, policy, held[0]), held[1]);
});

test("sealed purse IDs and histories", () => {
  for (const { id, kind, inputs, outputs } of cases("sealing.json")) {
    if (kind === "purse-id") {
      const sealed = sealPurseId(bytes(inputs.purse_id), inputs.scheme_key, bytes(inputs.nonce));
      same(sealed, outputs.ead_item, id);
      const peer = { idCred: ID_CRED, ead: parseEad(decodeSequence(sealed)) };
      same(openPurseId(peer, inputs.scheme_key).raw, inputs.purse_id, id);
    } else {
      const { inner, payer, payee, transaction, signature } = inputs.fields;
      const move = { unitId: inputs.unit_id, history: bytes(inner), payer: bytes(payer), payee: bytes(payee), transaction: bytes(transaction) };
      const secret = bytes(inputs.history_private_key);
      const sealed = sealHistory(keys.xPublic(secret), move, bytes(signature), bytes(inputs.ephemeral_private_key));
      same(sealed, outputs.sealed, id);
      same(keys.hpkeOpen(secret, bytes(outputs.info), sealed), outputs.plaintext, id);
    }
  }
});

/** The key schedule of a case, and every value of it that this wallet computes, checked. */
function schedule({ inputs, outputs }) {
  const out = Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, bytes(value)]));
  const cred = { r: bytes(inputs.responder.cred), i: bytes(inputs.initiator.cred) };
  const gxy = keys.x25519(bytes(inputs.responder.ephemeral_private_key), parseMessage1(out.message_1).gx);
  assert.deepEqual(gxy, out.g_xy);
  assert.deepEqual(memberMac(inputs.scheme_key, out.message_1.subarray(0, -20)), out.message_1.subarray(-16));
  const s = new Schedule(SUITES.get(inputs.suites.at(-1)), out.message_1, keys.xPublic(bytes(inputs.responder.ephemeral_private_key)), gxy);
  assert.deepEqual([s.th2, s.prk], [out.th_2, out.prk_2e]);
  const plaintext2 = s.stream2(oneByteString(out.message_2).subarray(32));
  assert.deepEqual(plaintext2, out.plaintext_2);
  const two = parsePlaintext(plaintext2, true);
  assert.deepEqual(encode(two.idCred), out.id_cred_r);
  const signed2 = s.signed2(two.cR, two.idCred, cred.r, two.eadRaw);
  assert.deepEqual(signed2, out.sig_structure_2);
  assert.deepEqual(keys.sign(bytes(inputs.responder.private_key), signed2), two.signature);
  s.after2(plaintext2, cred.r);
  assert.deepEqual(s.th3, out.th_3);
  const plaintext3 = s.open3(oneByteString(out.message_3));
  assert.deepEqual(plaintext3, out.plaintext_3);
  const three = parsePlaintext(plaintext3, false);
  const signed3 = s.signed3(three.idCred, cred.i, three.eadRaw);
  assert.deepEqual(signed3, out.sig_structure_3);
  assert.deepEqual(keys.sign(bytes(inputs.initiator.private_key), signed3), three.signature);
  s.after3(plaintext3, cred.i);
  assert.deepEqual(s.th4, out.th_4);
  assert.deepEqual(encode(s.seal4(out.plaintext_4)), out.message_4);
  assert.deepEqual(s.prkExporter, out.prk_exporter);
  return s;
}

test("sessions in both suites, and the records of their transfers", () => {
  for (const session of cases("session.json")) {
    for (const { id, inputs, steps } of cases("transfer.json").filter((c) => c.inputs.com_ka === session.outputs.com_ka)) {
      const s = schedule(session);
      const sides = { initiator: new Records(s, "initiator", 65535), responder: new Records(s, "responder", 65535) };
      assert.equal(s.aead, SUITES.get(inputs.suite));
      for (const { sender, message, plaintext, record } of steps) {
        assert.equal(parseMessage(bytes(plaintext)).type, message.toLowerCase(), id);
        same(sides[sender].seal(bytes(plaintext)), record, id);
        same(sides[sender === "initiator" ? "responder" : "initiator"].open(bytes(record)), plaintext, id);
      }
    }
  }
});

test("key lists", () => {
  const { anchor } = vectors("keys.json");
  const [named, objects] = [byId("keys.json"), byId("objects.json")];
  const signed = (id) => bytes(objects.get(id).outputs.encoded);
  for (const centre of ["device", "money"]) {
    same(signed(`${centre}-keys-1`), anchor[`${centre}_keys`]);
    assert.equal(anchor[`${centre}_root`], named.get(`${centre}-root`).outputs.public);
  }
  const ids = decode(bytes(objects.get("device-keys-2").outputs.payload))[3].map(([id]) => id.toString("hex"));
  assert.deepEqual(ids, ["scheme-key", "second-scheme-key"].map((id) => schemeKeyId(named.get(id).outputs.private)));
  const before = takeAnchor(anchor);
  const device = withList(before, "device", signed("device-keys-2"));
  const after = withList(device, "money", signed("money-keys-2"));
  assert.throws(() => withList(after, "money", signed("money-keys-1")), /keys-stale/);
  const good = (trusted, id) => {
    try {
      verifyUnit(parseUnit(signed(id)), trusted);
      return true;
    } catch {
      return false;
    }
  };
  const found = ["unit-under-a-revoked-key", "unit-under-a-successor"].map((id) => [before, after].map((a) => good(a, id)));
  assert.deepEqual(found, [[true, false], [false, true]]);
});

test("Ed25519 edge cases: only those that the strict rule allows", () => {
  for (const { pub_key: key, message, signature, expected } of cases("ed25519.json")) {
    assert.equal(keys.verify(bytes(key), bytes(message), bytes(signature)), expected === "accepted");
  }
});

test("HPKE base seal (RFC 9180 A.2.1)", () => {
  const b = (x) => Buffer.from(x, "hex");
  const sealed = keys.hpkeSeal(
    b("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a"),
    b("4f6465206f6e2061204772656369616e2055726e"), Buffer.from("Beauty is truth, truth beauty"),
    b("f4ec9b33b792c372c1d2c2063507b684ef925b8c75a42dbcbf57d63ccd381600"));
  assert.equal(sealed.subarray(0, 32).toString("hex"), "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a");
  // the published ciphertext has other associated data, which changes the tag only
  assert.equal(sealed.subarray(32, -16).toString("hex"), "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b");
});

test("strict CBOR", () => {
  for (const good of ["00", "1818", "1bffffffffffffffff", "3bffffffffffffffff", "a2010220f6", "f4", "6161"]) {
    assert.equal(encode(decode(Buffer.from(good, "hex"))).toString("hex"), good);
  }
  for (const bad of ["", "1817", "190017", "5f4100ff", "9fff", "0000", "a201020103", "a220f60102", "f7", "f93c00", "c100",
    "61ff", "5bffffffffffffffff", "9bffffffffffffffff", "f818", "81".repeat(17) + "00", "62c080", "1c"]) {
    assert.throws(() => decode(Buffer.from(bad, "hex")), /malformed/, bad);
  }
  assert.equal(decodeSequence(Buffer.from("0001", "hex")).length, 2);
});
