// Purse IDs (chapter 3): shape, checks under the anchor, and the sealed form on the wire.
import { decode, decodeSequence, encode, sequence } from "./cbor.mjs";
import { Refusal, as } from "./codes.mjs";
import { CONTEXT, parseSigned, verifySigned } from "./cose.mjs";
import { KID } from "./edhoc.mjs";
import * as keys from "./keys.mjs";
import * as shape from "./shape.mjs";

const MAX_SIZE = 256;
export const ROLES = new Map([["person", 1], ["merchant", 2], ["vault", 3], ["centre", 4]]);

const COSE_KEY = shape.map([1, shape.is(1)], [-1, shape.is(6)], [-2, shape.bytes(32)]);
const ATTRIBUTES = shape.tuple(
  shape.number8, shape.int(1, 4), shape.int(0, 7), shape.digest, shape.int(1, 65535),
  shape.epoch, shape.epoch, shape.bytes(16), shape.bytes(0, 32),
);
const CLAIMS = shape.map([8, shape.map([1, COSE_KEY])], [-70000, ATTRIBUTES]);

/** The shape of a purse ID (EPP-PID-001). Refuses with `authentication`. */
export function parsePurseId(raw) {
  return as("authentication", () => {
    if (raw.length > MAX_SIZE) throw new Refusal("authentication", "purse ID too long");
    const object = parseSigned(raw, CONTEXT.purseId);
    const [[[, , publicKey]], attributes] = CLAIMS(decode(object.payload));
    const [number, role, tier, holder, economy, issued, expires, seal] = attributes;
    if (number.every((byte) => byte === 0)) throw new Refusal("authentication", "number zero");
    if (issued > expires) throw new Refusal("authentication", "issued after it expires");
    return { object, number, role, tier, holder, economy, issued, expires, seal, publicKey, raw };
  });
}

/** Parse and check a purse ID in the order of EPP-SES-025 up to its economy. Refuses with `authentication`. */
export function checkPurseId(raw, anchor) {
  const found = parsePurseId(raw);
  // EPP-PID-002
  verifySigned(found.object, anchor.device_keys, found.issued, "authentication");
  // EPP-PID-003
  if (found.seal.toString("hex") !== anchor.device_seal) throw new Refusal("authentication", "other seal");
  // EPP-PID-007
  if (!anchor.economies.includes(found.economy)) throw new Refusal("authentication", "other economy");
  return found;
}

function schemeSecrets(schemeKey, nonce) {
  const okm = keys.expand(keys.extract(nonce, Buffer.from(schemeKey, "hex")), Buffer.from("EPP/1 sealed purse ID"), 44);
  return [okm.subarray(0, 32), okm.subarray(32)];
}

/** The value of `EPP member` after these bytes of message_1; schemeKey in hex (EPP-SES-037). */
export function memberMac(schemeKey, before) {
  const key = keys.expand(keys.extract(Buffer.alloc(0), Buffer.from(schemeKey, "hex")), Buffer.from("EPP/1 member"), 32);
  return keys.extract(key, before).subarray(0, 16); // HKDF-Extract is HMAC-SHA-256
}

const PURSE_ID_LABEL = 65003;
const SEALED = shape.bytes(16 + MAX_SIZE + 16);

/** ID_CRED_x of every purse (EPP-PID-012). */
export const ID_CRED = new Map([[KID, Buffer.from([1])]]);

/** schemeKey: 32 bytes in hex. The item of EAD, with a fresh nonce (EPP-PID-008, EPP-PID-009). */
export function sealPurseId(raw, schemeKey, nonce = keys.random(16)) {
  const [key, iv] = schemeSecrets(schemeKey, nonce);
  const padded = Buffer.concat([raw, Buffer.alloc(MAX_SIZE - raw.length)]); // EPP-PID-030
  return sequence(-PURSE_ID_LABEL, Buffer.concat([nonce, keys.seal(keys.CHACHA, key, iv, Buffer.alloc(0), padded)]));
}

/** The purse ID of a peer with this ID_CRED_x and these EAD items, and the other items. Refuses with `authentication`. */
export function openPurseId({ idCred, ead }, schemeKey) {
  return as("authentication", () => {
    // EPP-PID-012
    if (!encode(idCred).equals(encode(ID_CRED))) throw new Refusal("authentication", "ID_CRED_x");
    const isPurseId = ({ label }) => Math.abs(Number(label)) === PURSE_ID_LABEL;
    const [item, ...more] = ead.filter(isPurseId);
    // EPP-PID-013
    if (item?.label !== -PURSE_ID_LABEL || more.length > 0) throw new Refusal("authentication", "EPP purse ID");
    const sealed = SEALED(item.value); // EPP-PID-010
    const [key, iv] = schemeSecrets(schemeKey, sealed.subarray(0, 16));
    const padded = keys.open(keys.CHACHA, key, iv, Buffer.alloc(0), sealed.subarray(16));
    if (padded === null) throw new Refusal("authentication", "sealed purse ID does not open");
    const [{ raw }, ...zeros] = decodeSequence(padded);
    // EPP-PID-031
    if (zeros.some(({ value }) => value !== 0)) throw new Refusal("authentication", "padding");
    return { raw, rest: ead.filter((other) => !isPurseId(other)) };
  });
}
