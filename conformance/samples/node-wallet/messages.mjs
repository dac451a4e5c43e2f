// Messages of a transfer (chapter 7), one CBOR array each, as {type, ...fields}.
import { decode, encode } from "./cbor.mjs";
import { NUMBER, Refusal } from "./codes.mjs";
import * as shape from "./shape.mjs";

const OFFERED = shape.tuple(shape.bytes(0, Infinity), shape.int(0, 255), shape.bytes(0, Infinity));

const SHAPES = {
  1: ["request", shape.tuple(shape.is(1), shape.amount, shape.text(0, 64)), ["amount", "reference"]],
  2: ["offer", shape.tuple(shape.is(2), shape.transaction, shape.amount, shape.list(OFFERED)),
    ["transaction", "amount", "units"]],
  3: ["accept", shape.tuple(shape.is(3), shape.transaction, shape.digest), ["transaction", "digest"]],
  4: ["pay", shape.tuple(shape.is(4), shape.transaction, shape.list(shape.signature)), ["transaction", "signatures"]],
  5: ["receipt", shape.tuple(shape.is(5), shape.transaction, shape.signature), ["transaction", "signature"]],
  6: ["redeliver", shape.tuple(shape.is(6), shape.bytes(0, Infinity), shape.list(shape.signature)),
    ["offer", "signatures"]],
  7: ["reject", shape.tuple(shape.is(7), shape.int(1, 65535), shape.nullOr(shape.int(0, 65535))), ["code", "index"]],
};

/** Parse one message. Refuses with `malformed` (EPP-TRF-002). */
export function parseMessage(raw) {
  const value = decode(raw);
  const known = Array.isArray(value) && typeof value[0] === "number" && SHAPES[value[0]];
  if (!known) throw new Refusal("malformed", "unknown message");
  const [type, check, names] = known;
  const fields = check(value);
  const message = { type };
  names.forEach((name, i) => (message[name] = fields[i + 1]));
  if (type === "offer") message.units = message.units.map(([unit, hop, history]) => ({ unit, hop, history }));
  return message;
}

/** Parse the bytes of an OFFER inside a REDELIVER. */
export function parseOffer(raw) {
  const message = parseMessage(raw);
  if (message.type !== "offer") throw new Refusal("malformed", "not an OFFER");
  return message;
}

export const request = (amount, reference) => encode([1, amount, reference]);
export const offer = (transaction, amount, units) =>
  encode([2, transaction, amount, units.map((u) => [u.unit, u.hop, u.history])]);
export const accept = (transaction, digest) => encode([3, transaction, digest]);
export const pay = (transaction, signatures) => encode([4, transaction, signatures]);
export const receipt = (transaction, signature) => encode([5, transaction, signature]);
export const redeliver = (offerBytes, signatures) => encode([6, offerBytes, signatures]);
export const reject = (code, index) => encode([7, NUMBER.get(code), index]);
