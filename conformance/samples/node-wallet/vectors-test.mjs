// EDHOC key schedule against the published trace (RFC 9529 section 2), Ed25519 against the published edge cases.
import { test } from "node:test";
import * as assert from "node:assert";
import { readFileSync } from "node:fs";
import { decode, decodeSequence, encode } from "./cbor.mjs";
import { Schedule, isError, parseMessage1, parsePlaintext } from "./edhoc.mjs";
import * as keys from "./keys.mjs";

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
