// EDHOC (RFC 9528), method 0: key schedule, messages and their parts. No protocol state, no policy.
import { decode, decodeSequence, encode, sequence } from "./cbor.mjs";
import { Refusal } from "./codes.mjs";
import * as keys from "./keys.mjs";

const HASH = 32;
export const KID = 4;
export const SUITES = new Map([[4, keys.CHACHA], [0, keys.CCM_8]]);

const malformed = (detail) => new Refusal("malformed", detail);
const isBytes = (value) => value instanceof Uint8Array;

/** EDHOC_KDF of RFC 9528 section 4.1.2. */
export const kdf = (prk, label, context, length) => keys.expand(prk, sequence(label, context, length), length);

/** Key schedule of one run; aead is that of the selected suite. Transcripts follow RFC 9528 section 5. */
export class Schedule {
  constructor(aead, message1, gy, shared) {
    this.aead = aead;
    this.th2 = keys.sha256(sequence(gy, keys.sha256(message1)));
    this.prk = keys.extract(this.th2, shared); // PRK_2e = PRK_3e2m = PRK_4e3m in method 0
  }

  /** Encrypt or decrypt PLAINTEXT_2. */
  stream2(text) {
    const stream = kdf(this.prk, 0, this.th2, text.length);
    return Buffer.from(text.map((byte, i) => byte ^ stream[i]));
  }

  /** Message to be signed by the responder; credential and EAD are encoded CBOR. */
  signed2(cR, idCred, credential, ead) {
    const context = Buffer.concat([encode(cR), encode(idCred), encode(this.th2), credential, ead]);
    const mac = kdf(this.prk, 2, context, HASH);
    return encode(["Signature1", encode(idCred), Buffer.concat([encode(this.th2), credential, ead]), mac]);
  }

  after2(plaintext, credential) {
    this.th3 = keys.sha256(encode(this.th2), plaintext, credential);
  }

  signed3(idCred, credential, ead) {
    const context = Buffer.concat([encode(idCred), encode(this.th3), credential, ead]);
    const mac = kdf(this.prk, 6, context, HASH);
    return encode(["Signature1", encode(idCred), Buffer.concat([encode(this.th3), credential, ead]), mac]);
  }

  after3(plaintext, credential) {
    this.th4 = keys.sha256(encode(this.th3), plaintext, credential);
    this.prkExporter = kdf(kdf(this.prk, 7, this.th4, HASH), 10, Buffer.alloc(0), HASH);
  }

  /** EDHOC_Exporter with an empty context. */
  exporter(label, length) {
    return kdf(this.prkExporter, label, Buffer.alloc(0), length);
  }

  #secrets(label, th) {
    const aad = encode(["Encrypt0", Buffer.alloc(0), th]);
    return [kdf(this.prk, label, th, this.aead.key), kdf(this.prk, label + 1, th, this.aead.nonce), aad];
  }

  seal3(plaintext) { return keys.seal(this.aead, ...this.#secrets(3, this.th3), plaintext); }
  open3(ciphertext) { return keys.open(this.aead, ...this.#secrets(3, this.th3), ciphertext); }
  seal4(plaintext) { return keys.seal(this.aead, ...this.#secrets(8, this.th4), plaintext); }
  open4(ciphertext) { return keys.open(this.aead, ...this.#secrets(8, this.th4), ciphertext); }
}

/** A connection identifier: an integer of one byte, or a byte string that does not look like one. */
function connectionId(value) {
  if (typeof value === "number" && value >= -24 && value <= 23) return value;
  const oneByteInteger = isBytes(value) && value.length === 1 && (value[0] & 0xdf) < 24;
  if (isBytes(value) && !oneByteInteger) return value;
  throw malformed("connection identifier");
}

/** EAD items of decoded sequence items: [{label, value: Buffer|null}]. Refuses with `malformed`. */
export function parseEad(items) {
  const out = [];
  for (let i = 0; i < items.length; i++) {
    const label = items[i].value;
    if (typeof label !== "number" && typeof label !== "bigint") throw malformed("EAD label");
    const value = i + 1 < items.length && isBytes(items[i + 1].value) ? items[++i].value : null;
    out.push({ label, value });
  }
  return out;
}

/** message_1 up to its shape: {method, suites, gx, ci, ead}. Refuses with `malformed`. */
export function parseMessage1(raw) {
  const items = decodeSequence(raw);
  if (items.length < 4) throw malformed("message_1 too short");
  const [method, suites, gx, ci] = items.map((item) => item.value);
  if (!Number.isSafeInteger(method)) throw malformed("METHOD");
  const several = Array.isArray(suites) && suites.length >= 2 && suites.every(Number.isSafeInteger);
  if (!several && !Number.isSafeInteger(suites)) throw malformed("SUITES_I");
  if (!isBytes(gx)) throw malformed("G_X");
  return {
    method, suites: several ? suites : [suites], gx, ci: connectionId(ci), ead: parseEad(items.slice(4)),
  };
}

/** Whether the first item is an integer: where a byte string is due, an EDHOC error (EPP-SES-018, EPP-SES-033). */
export const beginsWithInteger = (raw) => raw.length > 0 && raw[0] < 0x40;

/** Whether what stands in place of message_1 is an EDHOC error: ERR_CODE, ERR_INFO and nothing else (EPP-SES-032). */
export function isError(raw) {
  try {
    return beginsWithInteger(raw) && decodeSequence(raw).length === 2;
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}

/** The one byte string that message_2, 3 or 4 is. Refuses with `malformed`. */
export function oneByteString(raw) {
  const items = decodeSequence(raw);
  if (items.length !== 1 || !isBytes(items[0].value)) throw malformed("one byte string expected");
  return items[0].value;
}

/** What stands for an ID_CRED_x with a kid of one byte that is an integer's encoding (RFC 9528 section 3.5.3.2). */
export const shortKid = (idCred) => decode(idCred.get(KID));

/** ID_CRED_x as a map: a lone kid travels without it (RFC 9528 section 3.5.3.2). */
function wholeIdCred(item) {
  if (!(item instanceof Map)) {
    const kid = connectionId(item);
    return new Map([[KID, isBytes(kid) ? kid : encode(kid)]]);
  }
  if (item.size === 1 && isBytes(item.get(KID))) throw malformed("kid in its map");
  return item;
}

/** PLAINTEXT_2 or PLAINTEXT_3: {cR, idCred, signature, ead, eadRaw}. Refuses with `malformed`. */
export function parsePlaintext(raw, withConnectionId) {
  const items = decodeSequence(raw);
  const cR = withConnectionId ? connectionId(items.shift()?.value) : null;
  const [idItem, signature] = items.map((item) => item.value);
  const idCred = wholeIdCred(idItem);
  if (!isBytes(signature) || signature.length !== 64) throw malformed("plaintext");
  const rest = items.slice(2);
  return { cR, idCred, signature, ead: parseEad(rest), eadRaw: Buffer.concat(rest.map((item) => item.raw)) };
}
