// Ed25519 with the strict rule (EPP-KEY-001 to 004), X25519, SHA-256, HKDF, AEADs, HPKE base seal.
import * as crypto from "node:crypto";
import { Refusal } from "./codes.mjs";

const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const ED_PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const ED_SPKI = Buffer.from("302a300506032b6570032100", "hex");
const X_PKCS8 = Buffer.from("302e020100300506032b656e04220420", "hex");
const X_SPKI = Buffer.from("302a300506032b656e032100", "hex");

const privateKey = (prefix, raw) =>
  crypto.createPrivateKey({ key: Buffer.concat([prefix, raw]), format: "der", type: "pkcs8" });
const publicKey = (prefix, raw) =>
  crypto.createPublicKey({ key: Buffer.concat([prefix, raw]), format: "der", type: "spki" });
const rawPublic = (key) => crypto.createPublicKey(key).export({ format: "der", type: "spki" }).subarray(12);

function littleEndian(raw) {
  return BigInt("0x" + Buffer.from(raw).reverse().toString("hex"));
}

// The y coordinates of the eight points whose order divides 8; the sign bit does not matter.
const SMALL_ORDER_Y = new Set([
  0n, 1n, P - 1n,
  littleEndian(Buffer.from("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "hex")),
  littleEndian(Buffer.from("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "hex")),
]);

/** Whether 32 bytes are the canonical encoding of a y coordinate that is not of small order. */
export function soundPoint(raw) {
  const y = littleEndian(raw) & ((1n << 255n) - 1n);
  return y < P && !SMALL_ORDER_Y.has(y);
}

function power(base, exponent) {
  let result = 1n;
  for (let b = base % P, e = exponent; e > 0n; e >>= 1n, b = (b * b) % P) if (e & 1n) result = (result * b) % P;
  return result;
}

const D = (-121665n * power(121666n, P - 2n)) % P;

/** Whether a canonical y belongs to a point: (y^2 - 1) / (d y^2 + 1) is a square. */
export function onCurve(raw) {
  const y = littleEndian(raw) & ((1n << 255n) - 1n);
  const product = ((y * y - 1n) * (D * y * y + 1n)) % P;
  return power(((product % P) + P) % P, (P - 1n) / 2n) === 1n;
}

/** Whether the signature verifies under the strict rule; key 32, signature 64 bytes. */
export function verify(key, message, signature) {
  // EPP-KEY-002, EPP-KEY-003
  if (!soundPoint(key) || !soundPoint(signature.subarray(0, 32))) return false;
  // EPP-KEY-004
  if (littleEndian(signature.subarray(32)) >= L) return false;
  try {
    // EPP-KEY-001: OpenSSL compares the encoding of [S]B - [k]A with R and uses no cofactor
    return crypto.verify(null, message, publicKey(ED_SPKI, key), signature);
  } catch {
    return false;
  }
}

/** Ed25519 signature (64 bytes) with a 32-byte private key. */
export const sign = (key, message) => crypto.sign(null, message, privateKey(ED_PKCS8, key));

/** Ed25519 public key (32 bytes) of a private key. */
export const edPublic = (key) => rawPublic(privateKey(ED_PKCS8, key));

/** X25519 public key (32 bytes) of a private key. */
export const xPublic = (key) => rawPublic(privateKey(X_PKCS8, key));

/** Shared secret (32 bytes), or null if it is all zero. */
export function x25519(mine, theirs) {
  try {
    const secret = crypto.diffieHellman({ privateKey: privateKey(X_PKCS8, mine), publicKey: publicKey(X_SPKI, theirs) });
    return secret.every((byte) => byte === 0) ? null : secret;
  } catch {
    return null;
  }
}

export const random = (size) => crypto.randomBytes(size);
export const sha256 = (...parts) => {
  const hash = crypto.createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};
export const equal = (a, b) => a.length === b.length && crypto.timingSafeEqual(a, b);

/** HKDF-Extract (RFC 5869). */
export const extract = (salt, ikm) =>
  crypto.createHmac("sha256", salt.length ? salt : Buffer.alloc(32)).update(ikm).digest();

/** HKDF-Expand (RFC 5869) to `length` bytes. */
export function expand(prk, info, length) {
  const blocks = [];
  let block = Buffer.alloc(0);
  for (let i = 1; blocks.length * 32 < length; i++) {
    block = crypto.createHmac("sha256", prk).update(block).update(info).update(Buffer.from([i])).digest();
    blocks.push(block);
  }
  return Buffer.concat(blocks).subarray(0, length);
}

/** AEADs of cipher suites 4 and 0: key, nonce and tag sizes in bytes. */
export const CHACHA = { name: "chacha20-poly1305", key: 32, nonce: 12, tag: 16 };
export const CCM_8 = { name: "aes-128-ccm", key: 16, nonce: 13, tag: 8 };

/** Ciphertext with its tag. */
export function seal(aead, key, nonce, aad, plaintext) {
  const cipher = crypto.createCipheriv(aead.name, key, nonce, { authTagLength: aead.tag });
  cipher.setAAD(aad, { plaintextLength: plaintext.length });
  const body = cipher.update(plaintext);
  return Buffer.concat([body, cipher.final(), cipher.getAuthTag()]);
}

/** Plaintext, or null if the ciphertext does not open. */
export function open(aead, key, nonce, aad, ciphertext) {
  const length = ciphertext.length - aead.tag;
  if (length < 0) return null;
  try {
    const decipher = crypto.createDecipheriv(aead.name, key, nonce, { authTagLength: aead.tag });
    decipher.setAuthTag(ciphertext.subarray(length));
    decipher.setAAD(aad, { plaintextLength: length });
    return Buffer.concat([decipher.update(ciphertext.subarray(0, length)), decipher.final()]);
  } catch {
    return null;
  }
}

const KEM_SUITE = Buffer.from("KEM\x00\x20", "latin1");
const HPKE_SUITE = Buffer.from("HPKE\x00\x20\x00\x01\x00\x03", "latin1");
const EMPTY = Buffer.alloc(0);
const labelled = (suite, label) => Buffer.concat([Buffer.from("HPKE-v1"), suite, Buffer.from(label)]);
const hpkeExtract = (suite, salt, label, ikm) => extract(salt, Buffer.concat([labelled(suite, label), ikm]));
const hpkeExpand = (suite, prk, label, info, length) =>
  expand(prk, Buffer.concat([Buffer.from([length >> 8, length & 255]), labelled(suite, label), info]), length);

function hpkeContext(shared, enc, recipient, info) {
  const prk = hpkeExtract(KEM_SUITE, EMPTY, "eae_prk", shared);
  const secret = hpkeExpand(KEM_SUITE, prk, "shared_secret", Buffer.concat([enc, recipient]), 32);
  const context = Buffer.concat([
    Buffer.from([0]),
    hpkeExtract(HPKE_SUITE, EMPTY, "psk_id_hash", EMPTY),
    hpkeExtract(HPKE_SUITE, EMPTY, "info_hash", info),
  ]);
  const key = hpkeExtract(HPKE_SUITE, secret, "secret", EMPTY);
  return [hpkeExpand(HPKE_SUITE, key, "key", context, 32), hpkeExpand(HPKE_SUITE, key, "base_nonce", context, 12)];
}

/** HPKE base mode, one shot, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305: enc || ciphertext. */
export function hpkeSeal(recipient, info, plaintext, ephemeral = random(32)) {
  // EPP-HIS-007
  const enc = xPublic(ephemeral);
  const shared = x25519(ephemeral, recipient);
  if (shared === null) throw new Refusal("provision", "history key of small order");
  const [key, nonce] = hpkeContext(shared, enc, recipient, info);
  return Buffer.concat([enc, seal(CHACHA, key, nonce, EMPTY, plaintext)]);
}

/** The reverse (only centres can; here for the self-test). Plaintext or null. */
export function hpkeOpen(secretKey, info, sealed) {
  const enc = sealed.subarray(0, 32);
  const shared = x25519(secretKey, enc);
  if (shared === null) return null;
  const [key, nonce] = hpkeContext(shared, enc, xPublic(secretKey), info);
  return open(CHACHA, key, nonce, EMPTY, sealed.subarray(32));
}
