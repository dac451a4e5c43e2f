// Bulletins, and the updates in which they reach a purse (chapter 4).
import { decode, encode } from "./cbor.mjs";
import { Refusal } from "./codes.mjs";
import { CONTEXT, parseSigned, verifySigned } from "./cose.mjs";
import { sha256 } from "./keys.mjs";
import * as revoked from "./revoked.mjs";
import * as shape from "./shape.mjs";

const MAX_UPDATE = 1_114_112;
const MAX_BULLETIN = 12_288;
const CHUNK = 4096;

const number = shape.int(1, 2n ** 64n - 1n);
const count = shape.int(0, 2n ** 64n - 1n);
const k = shape.int(0, 63);
const chunk = shape.bytes(0, CHUNK);

const BULLETIN = shape.tuple(shape.epoch, shape.digest, count, k, shape.list(shape.tuple(number, shape.digest), 0, 256));
const LIST = shape.tuple(count, k, shape.list(shape.tuple(number, chunk), 0, 256));
const DELTA = shape.tuple(shape.epoch, LIST, LIST);
const signed = shape.bytes(0, Infinity);
const WHOLE = shape.tuple(signed, shape.list(chunk, 0, 256));
const CHANGED = shape.tuple(signed, shape.bytes(1, 65535));

const listOf = ([count, k, chunks]) => ({ count, k, chunks: chunks.map(([first, data]) => [BigInt(first), data]) });

/**
 * Check an update in the order of EPP-BUL-006. `held`: what it gave the last time, or null.
 * Returns `held` itself for the bulletin held already, else {epoch, digest: of the signed bulletin, hex, list}.
 */
export function checkUpdate(raw, anchor, policy, held) {
  // EPP-BUL-007
  if (raw.length > MAX_UPDATE) throw new Refusal("too-large", "update");
  const items = decode(raw);
  const byDelta = Array.isArray(items) && items[1] instanceof Uint8Array;
  const [bulletin, rest] = (byDelta ? CHANGED : WHOLE)(items);
  // EPP-BUL-008
  if (bulletin.length > MAX_BULLETIN) throw new Refusal("too-large", "bulletin");
  const object = parseSigned(bulletin, CONTEXT.bulletin);
  const [epoch, , count, k, described] = BULLETIN(decode(object.payload));
  // EPP-BUL-001
  verifySigned(object, anchor.device_keys, epoch, "bulletin-signature");
  const digest = sha256(bulletin).toString("hex");
  // EPP-BUL-002
  if (held?.digest === digest) return held;
  if (held !== null && epoch <= held.epoch) throw new Refusal("bulletin-stale");
  // EPP-BUL-050
  if (epoch > anchor.lists.device.expires + 1) throw new Refusal("anchor-expired", "beyond the device list");
  // EPP-BUL-010
  if (described.length * CHUNK > policy.max_bulletin) throw new Refusal("too-large", "list");
  const list = byDelta ? applied(rest, held) : whole(rest, count, k, described);
  // EPP-BUL-012, EPP-BUL-023
  const same = described.every(([first, digest], n) =>
    BigInt(first) === list.chunks[n]?.[0] && digest.equals(sha256(list.chunks[n][1])));
  const alike = BigInt(count) === BigInt(list.count) && k === list.k && described.length === list.chunks.length;
  if (!same || !alike) throw new Refusal("bulletin-signature", "another list than the signed one");
  if (!byDelta) revoked.read(list);
  return { epoch, digest, list };
}

function whole(chunks, count, k, described) {
  // EPP-BUL-011
  if (chunks.length !== described.length) throw new Refusal("malformed", "another number of chunks");
  return listOf([count, k, described.map(([first], n) => [first, chunks[n]])]);
}

function applied(raw, held) {
  const [from, removed, added] = DELTA(decode(raw));
  // EPP-BUL-020
  const [gone, come] = [removed, added].map((list) => revoked.read(listOf(list)));
  // EPP-BUL-021
  if (held === null || held.epoch !== from) throw new Refusal("bulletin-stale", "a delta from another epoch");
  return revoked.write(revoked.change(revoked.read(held.list), gone, come));
}

/** What checkUpdate gave, as JSON can hold it; and back. */
export const stored = ({ epoch, digest, list: { count, k, chunks } }) =>
  ({ epoch, digest, count: String(count), k, chunks: chunks.map(([first, data]) => [String(first), data.toString("base64")]) });
export const restored = ({ epoch, digest, count, k, chunks }) => ({
  epoch, digest,
  list: { count: BigInt(count), k, chunks: chunks.map(([first, data]) => [BigInt(first), Buffer.from(data, "base64")]) },
});

/** The signed payload of a list, and its chunks (for the self-test). */
export function describe(list, epoch, policyDigest) {
  const described = list.chunks.map(([first, data]) => [first, sha256(data)]);
  return encode([epoch, policyDigest, list.count, list.k, described]);
}
