// Key lists (chapter 3): what a root says of the keys of its centre; the anchor that is made of two of them.
// An anchor as the store keeps it: as given, with `device_keys` and `money_keys` as entries {kid, public, from, to}
// in hex, and in `lists` for each centre {signed, sequence, expires, scheme: [{id, from, to}]}.
import { decode } from "./cbor.mjs";
import { Refusal, as } from "./codes.mjs";
import { CONTEXT, parseSigned } from "./cose.mjs";
import * as keys from "./keys.mjs";
import * as shape from "./shape.mjs";

const MAX_SIZE = 4096;
const MAX_SCHEME_KEYS = 4;

const entries = (...parts) => shape.list(shape.tuple(...parts, shape.epoch, shape.epoch), 1, 32);
const SHAPES = {
  device: shape.tuple(shape.amount, shape.epoch, entries(shape.bytes(32)), entries(shape.bytes(8))),
  money: shape.tuple(shape.amount, shape.epoch, entries(shape.bytes(32), shape.bytes(32))),
};

const kidOf = (key) => keys.sha256(key).toString("hex", 0, 8);
const hexBytes = (text) => Buffer.from(text, "hex");
const sound = (key) => keys.soundPoint(key) && keys.onCurve(key); // EPP-KEY-002

/** By which identifier (hex) a device list names a scheme key (hex). */
export const schemeKeyId = (key) => keys.sha256(Buffer.from("EPP/1 scheme key"), hexBytes(key)).toString("hex", 0, 8);

/** Size, shape and signature of a list, under the root (hex) of its centre. */
function readList(centre, raw, root) {
  if (raw.length > MAX_SIZE) throw new Refusal("too-large", "key list"); // EPP-KEY-021
  const object = parseSigned(raw, CONTEXT[centre]);
  const [sequence, expires, items, scheme = []] = SHAPES[centre](decode(object.payload)); // EPP-KEY-022
  // EPP-KEY-020
  if (object.kid.toString("hex") !== kidOf(hexBytes(root)) || !keys.verify(hexBytes(root), object.covered, object.signature)) {
    throw new Refusal("keys-signature");
  }
  return {
    list: { signed: raw.toString("hex"), sequence, expires, scheme: scheme.map(([id, from, to]) => ({ id: id.toString("hex"), from, to })) },
    entries: items.map((item) => ({
      kid: kidOf(item[0]), public: item[0].toString("hex"), from: item.at(-2), to: item.at(-1),
      ...(centre === "money" && { history: item[1].toString("hex") }),
    })),
  };
}

/** EPP-KEY-027, EPP-KEY-029 to 031. */
function checkKeys({ list, entries }, anchor) {
  const kids = entries.map((entry) => entry.kid);
  const ids = list.scheme.map((entry) => entry.id);
  const unsound = (detail) => new Refusal("malformed", detail);
  if (new Set(kids).size !== kids.length || new Set(ids).size !== ids.length) throw unsound("a key twice");
  if (!entries.every((entry) => sound(hexBytes(entry.public)))) throw unsound("Ed25519 key");
  const small = ({ history }) => history && keys.x25519(Buffer.alloc(32, 1), hexBytes(history)) === null;
  if (entries.some(small)) throw unsound("history key");
  const roots = [anchor.device_root, anchor.money_root].map((root) => kidOf(hexBytes(root)));
  if (kids.some((kid) => roots.includes(kid))) throw unsound("a root");
}

/** EPP-GEN-010 */
function checkEconomies(economies) {
  const wrong = economies.some((e) => !Number.isInteger(e) || e < 1 || e > 65535);
  if (wrong || economies.length === 0 || new Set(economies).size !== economies.length) throw new Refusal("provision", "economies");
}

/** EPP-GEN-020, EPP-KEY-066, EPP-KEY-067, EPP-KEY-068 */
function checkSchemeKeys(held, list) {
  const once = new Set(held).size === held.length;
  const named = held.every((key) => list.scheme.some((entry) => entry.id === schemeKeyId(key)));
  if (held.length > MAX_SCHEME_KEYS || held.length === 0 || !once || !named) throw new Refusal("provision", "scheme keys");
}

/** The anchor of a provisioning, verified. Refuses with `provision`. */
export function takeAnchor(given) {
  const anchor = heldAnchor(given);
  checkSchemeKeys(given.scheme_keys, anchor.lists.device);
  return anchor;
}

/** The anchor that a purse has held for a while: its scheme keys may be over. Refuses with `provision`. */
export function heldAnchor(given) {
  const roots = [given.device_root, given.money_root];
  // EPP-KEY-033
  if (roots[0] === roots[1]) throw new Refusal("provision", "one root");
  // EPP-KEY-034
  return as("provision", () => {
    const device = readList("device", hexBytes(given.device_keys), roots[0]);
    const money = readList("money", hexBytes(given.money_keys), roots[1]);
    checkKeys(device, given);
    checkKeys(money, given);
    checkEconomies(given.economies);
    return {
      ...given, device_keys: device.entries, money_keys: money.entries,
      lists: { device: device.list, money: money.list },
    };
  });
}

/** The anchor with another list, or null if it has that list (EPP-KEY-026). */
export function withList(anchor, centre, raw) {
  const found = readList(centre, raw, anchor[`${centre}_root`]);
  const held = anchor.lists[centre];
  if (found.list.signed === held.signed) return null; // EPP-KEY-025
  if (found.list.sequence <= held.sequence) throw new Refusal("keys-stale"); // EPP-KEY-023, EPP-KEY-024
  checkKeys(found, anchor);
  // EPP-KEY-037
  return { ...anchor, [`${centre}_keys`]: found.entries, lists: { ...anchor.lists, [centre]: found.list } };
}

// EPP-KEY-064
const isOver = (entry, epoch) => !entry || entry.to < Math.max(epoch, entry.from);
const entryOf = (anchor, key) => anchor.lists.device.scheme.find((entry) => entry.id === schemeKeyId(key));

/** The anchor with another scheme key (hex), or null if it has that key. */
export function withSchemeKey(anchor, key, epoch) {
  if (!entryOf(anchor, key)) throw new Refusal("keys-signature", "no such scheme key"); // EPP-KEY-048
  if (isOver(entryOf(anchor, key), epoch)) throw new Refusal("keys-stale", "a scheme key that is over"); // EPP-KEY-065
  if (anchor.scheme_keys.includes(key)) return null;
  // EPP-KEY-049
  const kept = anchor.scheme_keys.filter((held) => !isOver(entryOf(anchor, held), epoch));
  if (kept.length === MAX_SCHEME_KEYS) throw new Refusal("capacity", "scheme keys");
  return { ...anchor, scheme_keys: [...kept, key] };
}

/** Scheme keys (hex): `initiator` the one that an initiator uses, if any, `responder` those of a responder. */
export function schemeKeysAt(anchor, epoch) {
  const named = anchor.scheme_keys
    .map((key) => ({ key, entry: entryOf(anchor, key) }))
    .filter(({ entry }) => !isOver(entry, epoch));
  const [first] = named
    .filter(({ entry }) => entry.from <= epoch)
    .sort((a, b) => b.entry.from - a.entry.from || (a.entry.id < b.entry.id ? -1 : 1));
  return { initiator: first?.key, responder: named.map(({ key }) => key) }; // EPP-KEY-045, EPP-KEY-046
}

/** Whether a stored unit {kid, issued} is valid under the lists of an anchor. */
export const valid = (anchor, unit) =>
  anchor.money_keys.some((key) => key.kid === unit.kid && key.from <= unit.issued && unit.issued <= key.to);
