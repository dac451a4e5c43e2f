// COSE_Sign1 as chapter 3 profiles it: untagged, one exact protected header, context string as external_aad.
import { decode, encode } from "./cbor.mjs";
import { Refusal } from "./codes.mjs";
import { sha256, sign, verify } from "./keys.mjs";
import * as shape from "./shape.mjs";

export const CONTEXT = {
  purseId: "EPP/1 purse ID",
  bulletin: "EPP/1 bulletin",
  device: "EPP/1 device keys",
  money: "EPP/1 money keys",
  unit: "EPP/1 unit",
  endorsement: "EPP/1 endorsement",
  receipt: "EPP/1 receipt",
};

const PURSE_HEADER = encode(new Map([[1, -8]]));
const centreHeader = (kid) => encode(new Map([[1, -8], [4, kid]]));

/** Sig_structure of RFC 9052 section 4.4. */
export const sigStructure = (header, aad, payload) => encode(["Signature1", header, aad, payload]);

const SIGN1 = shape.tuple(shape.bytes(0, Infinity), shape.map(), shape.bytes(0, Infinity), shape.signature);
const HEADER = shape.map([1, shape.is(-8)], [4, shape.bytes(8)]);

/**
 * Parse an object that a centre signed. Refuses with `malformed`; verifies nothing.
 * Returns {kid, payload, signature, covered: Buffer of the Sig_structure}.
 */
export function parseSigned(raw, context) {
  const [header, , payload, signature] = SIGN1(decode(raw));
  // EPP-KEY-005
  const [, kid] = HEADER(decode(header));
  return { kid, payload, signature, covered: sigStructure(header, Buffer.from(context), payload) };
}

/** Verify a parsed object under the anchor's keys of its kind; `issued` in epochs, null: at any. Refuses with `code`. */
export function verifySigned(object, keys, issued, code) {
  // EPP-KEY-007, EPP-KEY-008
  const key = keys.find((entry) => Buffer.from(entry.kid, "hex").equals(object.kid));
  if (!key) throw new Refusal(code, "unknown key");
  // EPP-KEY-009
  if (issued !== null && (issued < key.from || issued > key.to)) throw new Refusal(code, "issued outside the validity of its key");
  if (!verify(Buffer.from(key.public, "hex"), object.covered, object.signature)) throw new Refusal(code, "bad signature");
  return key;
}

/** COSE_Sign1 by a centre (for the self-test). */
export function signAttached(privateKey, publicKey, context, payload) {
  const header = centreHeader(sha256(publicKey).subarray(0, 8));
  const signature = sign(privateKey, sigStructure(header, Buffer.from(context), payload));
  return encode([header, new Map(), payload, signature]);
}

/** Signature of a purse over a detached payload. */
export const signDetached = (privateKey, context, payload) =>
  sign(privateKey, sigStructure(PURSE_HEADER, Buffer.from(context), payload));

/** Whether a detached signature verifies. */
export const verifyDetached = (publicKey, context, payload, signature) =>
  verify(publicKey, sigStructure(PURSE_HEADER, Buffer.from(context), payload), signature);
