// Units, endorsements, sealed histories and receipts (chapter 4).
import { decode, encode } from "./cbor.mjs";
import { Refusal } from "./codes.mjs";
import { CONTEXT, parseSigned, signDetached, verifyDetached, verifySigned } from "./cose.mjs";
import { hpkeSeal, sha256 } from "./keys.mjs";
import * as shape from "./shape.mjs";

const MAX_UNIT = 256;

const UNIT = shape.tuple(
  shape.int(0n, 2n ** 63n - 1n), shape.int(0, 0xffffffff), shape.amount, shape.int(1, 65535),
  shape.epoch, shape.epoch, shape.int(1, 255), shape.bytes(16), shape.bytes(0, 32),
);

/** Parse a unit; refuses ill-shaped ones with `malformed` (EPP-UNI-001). Verifies nothing. */
export function parseUnit(raw) {
  if (raw.length > MAX_UNIT) throw new Refusal("malformed", "unit too long");
  const object = parseSigned(raw, CONTEXT.unit);
  const [, , value, economy, issued, expires, maxHops, seal] = UNIT(decode(object.payload));
  if (issued > expires) throw new Refusal("malformed", "unit issued after it expires");
  // EPP-UNI-009
  const id = sha256(object.covered).toString("hex");
  return { raw, object, id, value, economy, issued, expires, maxHops, seal };
}

/**
 * Signature, seal and economy (EPP-UNI-002 to 004); returns the money key entry that signed the unit.
 * `atAnyEpoch`: whenever it was issued, as a centre takes it (EPP-CEN-040).
 */
export function verifyUnit(unit, anchor, atAnyEpoch = false) {
  const key = verifySigned(unit.object, anchor.money_keys, atAnyEpoch ? null : unit.issued, "unit-signature");
  if (unit.seal.toString("hex") !== anchor.money_seal) throw new Refusal("unit-seal");
  if (!anchor.economies.includes(unit.economy)) throw new Refusal("unit-economy");
  return key;
}

/** A parsed unit as the store keeps it. */
export const kept = (unit, hop, history) => ({
  unit: unit.raw.toString("hex"), kid: unit.object.kid.toString("hex"), hop, history: history.toString("hex"),
  value: unit.value, issued: unit.issued, expires: unit.expires, maxHops: unit.maxHops,
});

/** EPP-UNI-007 */
export function checkValue(unit) {
  const log = Math.log2(unit.value);
  if (!Number.isInteger(log) || log < 0 || log > 40) throw new Refusal("unit-value", String(unit.value));
}

/** Size in bytes of the sealed history that belongs to a hop. */
export function historySize(hop) {
  let size = 0;
  for (let h = 0; h <= hop; h++) size += 150 + (size < 24 ? 1 : size < 256 ? 2 : 3);
  return size;
}

const endorsementPayload = (move) =>
  encode([Buffer.from(move.unitId, "hex"), move.hop, sha256(move.history), move.payer, move.payee, move.transaction]);

/**
 * Sign a move away. move: {unitId: hex, hop: of the new holder, history: as offered, payer, payee, transaction}.
 * EPP-HIS-001
 */
export const endorse = (privateKey, move) => signDetached(privateKey, CONTEXT.endorsement, endorsementPayload(move));

/** EPP-HIS-002: whether the payer's signature covers exactly this move. */
export const endorsed = (publicKey, move, signature) =>
  verifyDetached(publicKey, CONTEXT.endorsement, endorsementPayload(move), signature);

/** EPP-HIS-003: the new layer, sealed for the issuing centre; the ephemeral key is given in tests only. */
export function sealHistory(historyKey, move, signature, ephemeral) {
  const layer = encode([move.history, move.payer, move.payee, move.transaction, signature]);
  const info = Buffer.concat([Buffer.from("EPP/1 history"), Buffer.from(move.unitId, "hex")]);
  return hpkeSeal(historyKey, info, layer, ephemeral);
}

const receiptPayload = (r) => encode([r.transaction, r.payer, r.payee, r.amount, r.digest]);

/** Receipt over {transaction, payer, payee, amount, digest of the OFFER}. */
export const signReceipt = (privateKey, r) => signDetached(privateKey, CONTEXT.receipt, receiptPayload(r));

/** Whether a receipt verifies under the payee's key over exactly these fields. */
export const receiptVerifies = (publicKey, r, signature) =>
  verifyDetached(publicKey, CONTEXT.receipt, receiptPayload(r), signature);
