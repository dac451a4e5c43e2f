// Purse IDs (chapter 3): shape, checks under the anchor, and the sealed form on the wire.
import { decode } from "./cbor.mjs";
import { Refusal, as } from "./codes.mjs";
import { CONTEXT, parseSigned, verifySigned } from "./cose.mjs";
import { KID } from "./edhoc.mjs";
import * as keys from "./keys.mjs";
import * as shape from "./shape.mjs";

const MAX_SIZE = 512;
export const ROLES = new Map([["person", 1], ["merchant", 2], ["vault", 3], ["centre", 4]]);

const COSE_KEY = shape.map([1, shape.is(1)], [-1, shape.is(6)], [-2, shape.bytes(32)]);
const ATTRIBUTES = shape.tuple(
  shape.number8, shape.int(1, 4), shape.int(0, 7), shape.digest, shape.int(1, 65535),
  shape.epoch, shape.epoch, shape.bytes(16), shape.bytes(0, 32),
);
const CLAIMS = shape.map([8, shape.map([1, COSE_KEY])], [-70000, ATTRIBUTES]);

/** Parse and check a purse ID in the order of EPP-SES-025 up to its economy. Refuses with `authentication`. */
export function checkPurseId(raw, anchor) {
  return as("authentication", () => {
    // EPP-PID-001
    if (raw.length > MAX_SIZE) throw new Refusal("authentication", "purse ID too long");
    const object = parseSigned(raw, CONTEXT.purseId);
    const [[[, , publicKey]], attributes] = CLAIMS(decode(object.payload));
    const [number, role, tier, holder, economy, issued, expires, seal] = attributes;
    if (number.every((byte) => byte === 0)) throw new Refusal("authentication", "number zero");
    if (issued > expires) throw new Refusal("authentication", "issued after it expires");
    // EPP-PID-002
    verifySigned(object, anchor.device_keys, issued, "authentication");
    // EPP-PID-003
    if (seal.toString("hex") !== anchor.device_seal) throw new Refusal("authentication", "other seal");
    // EPP-PID-007
    if (!anchor.economies.includes(economy)) throw new Refusal("authentication", "other economy");
    return { number, role, tier, holder, expires, publicKey, raw };
  });
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

/** schemeKey: 32 bytes in hex, as in the anchor. ID_CRED_x with a fresh nonce (EPP-PID-008, EPP-PID-009). */
export function sealPurseId(raw, schemeKey, nonce = keys.random(16)) {
  const [key, iv] = schemeSecrets(schemeKey, nonce);
  return new Map([[KID, Buffer.concat([nonce, keys.seal(keys.CHACHA, key, iv, Buffer.alloc(0), raw)])]]);
}

/** The purse ID inside ID_CRED_x. Refuses with `authentication`. */
export function openPurseId(idCred, schemeKey) {
  return as("authentication", () => {
    // EPP-PID-010
    const [sealed] = shape.map([KID, shape.bytes(33, 16 + MAX_SIZE + 16)])(idCred);
    const [key, iv] = schemeSecrets(schemeKey, sealed.subarray(0, 16));
    const raw = keys.open(keys.CHACHA, key, iv, Buffer.alloc(0), sealed.subarray(16));
    if (raw === null) throw new Refusal("authentication", "sealed purse ID does not open");
    return raw;
  });
}
