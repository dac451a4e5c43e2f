// Against published vectors: EDHOC (RFC 9529 section 2), Ed25519 edge cases, HPKE, one payment of EPP/1.
import { test } from "node:test";
import * as assert from "node:assert";
import { readFileSync } from "node:fs";
import { checkUpdate } from "./bulletin.mjs";
import { decode, decodeSequence, encode } from "./cbor.mjs";
import { CONTEXT, signAttached } from "./cose.mjs";
import { Schedule, isError, oneByteString, parseMessage1, parsePlaintext } from "./edhoc.mjs";
import { ID_CRED, memberMac, openPurseId, sealPurseId } from "./identity.mjs";
import { schemeKeyId, takeAnchor, withList } from "./keylists.mjs";
import * as keys from "./keys.mjs";
import { parseMessage } from "./messages.mjs";
import { endorse, parseUnit, sealHistory } from "./money.mjs";
import { Records } from "./records.mjs";
import { read } from "./revoked.mjs";

const vectors = (name) => JSON.parse(readFileSync(new URL(`../../../spec/vectors/${name}`, import.meta.url)));
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

test("one payment of EPP/1", () => {
  const entries = new Map(vectors("epp1.json").vectors.map((v) => [v.id, v.values]));
  const value = (id, name) => Buffer.from(entries.get(id)[name], "hex");
  const unit = parseUnit(value("unit", "unit"));
  assert.equal(unit.id, entries.get("unit").unit_id);
  for (const [id, name, context] of [["unit", "unit", CONTEXT.unit], ["bulletin", "bulletin", CONTEXT.bulletin],
    ["purse-id-A", "purse_id", CONTEXT.purseId], ["purse-id-B", "purse_id", CONTEXT.purseId]]) {
    const key = value(id, "private_key");
    assert.deepEqual(signAttached(key, keys.edPublic(key), context, value(id, "payload")), value(id, name));
  }
  const anchor = { device_keys: [{
    kid: keys.sha256(keys.edPublic(value("bulletin", "private_key"))).toString("hex", 0, 8),
    public: keys.edPublic(value("bulletin", "private_key")).toString("hex"), from: 0, to: 99,
  }] };
  const policy = { max_bulletin: 8192 };
  const first = checkUpdate(value("bulletin", "update"), anchor, policy, null);
  assert.deepEqual(read(first.list), [5n, 7n, 20n]);
  const whole = checkUpdate(value("bulletin-2", "update"), anchor, policy, null);
  assert.deepEqual(read(whole.list), Array.from({ length: 2800 }, (_, n) => BigInt(n + 1) ** 2n));
  assert.deepEqual(checkUpdate(value("delta", "update"), anchor, policy, first), whole);
  const move = (id) => {
    const [unitId, hop, , payer, payee, transaction] = decode(value(id, "endorsement_payload"));
    const history = decode(value(id, "layer"))[0];
    return { unitId: unitId.toString("hex"), hop, history, payer, payee, transaction };
  };
  const historyKey = keys.xPublic(value("first-move", "history_private_key"));
  for (const id of ["genesis", "first-move"]) {
    const sealed = sealHistory(historyKey, move(id), value(id, "signature"), value(id, "ephemeral"));
    assert.deepEqual(sealed, value(id, "sealed_history"));
  }
  assert.deepEqual(endorse(value("unit", "private_key"), move("genesis")), value("genesis", "signature"));

  const cred = { I: value("purse-id-B", "purse_id"), R: value("purse-id-A", "purse_id") };
  const items = Object.fromEntries([["I", "B"], ["R", "A"]].map(([side, purse]) => {
    const id = `sealed-purse-id-${purse}`;
    const sealed = sealPurseId(cred[side], entries.get(id).scheme_key, value(id, "nonce"));
    assert.deepEqual(sealed, value(id, "ead_item"));
    assert.deepEqual(encode(ID_CRED), value(id, "id_cred"));
    return [side, sealed];
  }));
  const publicKey = (purseId) => decode(decode(purseId)[2]).get(8).get(1).get(-2);
  const wire = (n) => value("handshake", `message_${n}`);
  const schemeKey = entries.get("sealed-purse-id-A").scheme_key;
  assert.deepEqual(memberMac(schemeKey, wire(1).subarray(0, -20)), wire(1).subarray(-16));
  const [mine, gx] = [value("handshake", "ephemeral_responder"), parseMessage1(wire(1)).gx];
  const s = new Schedule(keys.CHACHA, wire(1), keys.xPublic(mine), keys.x25519(mine, gx));
  const plaintext2 = s.stream2(oneByteString(wire(2)).subarray(32));
  const two = parsePlaintext(plaintext2, true);
  assert.deepEqual(two.idCred, ID_CRED);
  assert.deepEqual(openPurseId(two, schemeKey).raw, cred.R);
  assert.ok(two.eadRaw.includes(items.R));
  assert.ok(keys.verify(publicKey(cred.R), s.signed2(two.cR, two.idCred, cred.R, two.eadRaw), two.signature));
  s.after2(plaintext2, cred.R);
  const plaintext3 = s.open3(oneByteString(wire(3)));
  const three = parsePlaintext(plaintext3, false);
  assert.deepEqual(three.eadRaw, items.I);
  assert.ok(keys.verify(publicKey(cred.I), s.signed3(ID_CRED, cred.I, three.eadRaw), three.signature));
  s.after3(plaintext3, cred.I);
  assert.deepEqual(encode(s.seal4(Buffer.alloc(0))), wire(4));
  assert.deepEqual(s.prkExporter, value("handshake", "prk_exporter"));

  const sides = { initiator: new Records(s, "initiator"), responder: new Records(s, "responder") };
  let [from, to] = ["initiator", "responder"];
  for (const name of ["request", "offer", "accept", "pay", "receipt"]) {
    const plaintext = value(`message-${name}`, "plaintext");
    assert.equal(parseMessage(plaintext).type, name);
    const record = sides[from].seal(plaintext);
    assert.deepEqual(record, value(`message-${name}`, "record"));
    assert.deepEqual(sides[to].open(record), plaintext);
    [from, to] = [to, from];
  }
});

test("key lists of EPP/1", () => {
  const entries = new Map(vectors("epp1.json").vectors.map((v) => [v.id, v.values]));
  const value = (id, name) => Buffer.from(entries.get(id)[name], "hex");
  const { scheme_key, id } = entries.get("scheme-key-id");
  assert.equal(schemeKeyId(scheme_key), id);
  for (const centre of ["device", "money"]) {
    for (const n of [1, 2]) {
      const name = `${centre}-keys-${n}`;
      const root = value(name, "private_key");
      const signed = signAttached(root, keys.edPublic(root), CONTEXT[centre], value(name, "payload"));
      assert.deepEqual(signed, value(name, "key_list"));
    }
  }
  const root = (name) => keys.edPublic(value(name, "private_key")).toString("hex");
  const before = takeAnchor({
    device_root: root("device-keys-1"), money_root: root("money-keys-1"), scheme_keys: [scheme_key], economies: [392],
    device_keys: entries.get("device-keys-1").key_list, money_keys: entries.get("money-keys-1").key_list,
  });
  const device = withList(before, "device", value("device-keys-2", "key_list"));
  const after = withList(device, "money", value("money-keys-2", "key_list"));
  assert.throws(() => withList(after, "money", value("money-keys-1", "key_list")), /keys-stale/);
  const good = (anchor, name) => {
    const unit = parseUnit(value(name, "unit"));
    assert.equal(unit.id, entries.get(name).unit_id);
    const key = anchor.money_keys.find((entry) => entry.kid === unit.object.kid.toString("hex"));
    return key !== undefined && key.from <= unit.issued && unit.issued <= key.to
      && keys.verify(Buffer.from(key.public, "hex"), unit.object.covered, unit.object.signature);
  };
  assert.deepEqual(["unit-under-revoked-key", "unit-under-successor"].map((name) => [before, after].map((a) => good(a, name))),
    [[true, false], [false, true]]);
});

test("Ed25519 edge cases: only those that the strict rule allows", () => {
  const accepted = vectors("ed25519-speccheck.json").cases.map((c) =>
    keys.verify(...[c.pub_key, c.message, c.signature].map((x) => Buffer.from(x, "hex"))));
  // key and R of mixed order in case 3, whose equation holds without the cofactor
  assert.deepEqual(accepted.flatMap((ok, i) => (ok ? [i] : [])), [3]);
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
