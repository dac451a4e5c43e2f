// Strict CBOR of chapter 2: core deterministic encoding of a small subset of RFC 8949.
// Integers are numbers where exact, else bigints; byte strings are Buffers; maps are Maps.
import { Refusal } from "./codes.mjs";

const MAX_DEPTH = 16;
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const malformed = (detail) => new Refusal("malformed", detail);

function head(major, argument) {
  const n = BigInt(argument);
  if (n < 24n) return Buffer.from([(major << 5) | Number(n)]);
  const size = n < 0x100n ? 1 : n < 0x10000n ? 2 : n < 0x100000000n ? 4 : 8;
  const out = Buffer.alloc(1 + size);
  out[0] = (major << 5) | { 1: 24, 2: 25, 4: 26, 8: 27 }[size];
  if (size === 8) out.writeBigUInt64BE(n, 1);
  else out.writeUIntBE(Number(n), 1, size);
  return out;
}

/** Deterministic encoding of a value as one Buffer. */
export function encode(value) {
  if (value === false) return Buffer.from([0xf4]);
  if (value === true) return Buffer.from([0xf5]);
  if (value === null) return Buffer.from([0xf6]);
  if (typeof value === "bigint" || Number.isSafeInteger(value)) {
    const n = BigInt(value);
    return n >= 0n ? head(0, n) : head(1, -1n - n);
  }
  if (typeof value === "string") {
    const text = Buffer.from(value, "utf8");
    return Buffer.concat([head(3, text.length), text]);
  }
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value]);
  if (Array.isArray(value)) return Buffer.concat([head(4, value.length), ...value.map(encode)]);
  if (value instanceof Map) {
    const entries = [...value].map(([k, v]) => [encode(k), encode(v)]);
    entries.sort((a, b) => Buffer.compare(a[0], b[0]));
    return Buffer.concat([head(5, entries.length), ...entries.flat()]);
  }
  throw new TypeError(`not encodable: ${typeof value}`);
}

/** Encoding of several values one after the other (a CBOR sequence). */
export const sequence = (...values) => Buffer.concat(values.map(encode));

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  take(length) {
    // EPP-ENC-011
    if (length > this.bytes.length - this.at) throw malformed("ends early");
    this.at += Number(length);
    return this.bytes.subarray(this.at - Number(length), this.at);
  }

  argument(info) {
    if (info < 24) return info;
    // EPP-ENC-003
    if (info > 27) throw malformed("indefinite or reserved length");
    const size = 1 << (info - 24);
    const raw = this.take(size);
    const n = size === 8 ? raw.readBigUInt64BE() : raw.readUIntBE(0, size);
    const least = { 1: 24, 2: 0x100, 4: 0x10000, 8: 0x100000000n }[size];
    // EPP-ENC-002
    if (n < least) throw malformed("not the shortest head");
    return typeof n === "bigint" && n <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(n) : n;
  }

  count(info, bytesEach) {
    const n = this.argument(info);
    // EPP-ENC-011: each element takes at least one byte
    if (BigInt(n) * BigInt(bytesEach) > BigInt(this.bytes.length - this.at)) throw malformed("ends early");
    return Number(n);
  }

  item(depth) {
    const first = this.take(1)[0];
    const major = first >> 5;
    const info = first & 31;
    switch (major) {
      case 0:
        return this.argument(info);
      case 1: {
        const n = this.argument(info);
        if (typeof n === "number" && n < Number.MAX_SAFE_INTEGER) return -1 - n;
        return -1n - BigInt(n);
      }
      case 2:
        return this.take(this.argument(info));
      case 3:
        try {
          return UTF8.decode(this.take(this.argument(info)));
        } catch (error) {
          if (error instanceof Refusal) throw error;
          // EPP-ENC-007
          throw malformed("not UTF-8");
        }
      case 4:
        return this.array(info, depth + 1);
      case 5:
        return this.map(info, depth + 1);
      case 7:
        if (info === 20) return false;
        if (info === 21) return true;
        if (info === 22) return null;
    }
    // EPP-ENC-006
    throw malformed(`item type ${major}/${info}`);
  }

  array(info, depth) {
    // EPP-ENC-009
    if (depth > MAX_DEPTH) throw malformed("nested too deep");
    const out = [];
    for (let n = this.count(info, 1); n > 0; n--) out.push(this.item(depth));
    return out;
  }

  map(info, depth) {
    // EPP-ENC-009
    if (depth > MAX_DEPTH) throw malformed("nested too deep");
    const out = new Map();
    let last = null;
    for (let n = this.count(info, 2); n > 0; n--) {
      const start = this.at;
      const key = this.item(depth);
      const raw = this.bytes.subarray(start, this.at);
      // EPP-ENC-005: ascending order leaves no room for duplicates
      if (last !== null && Buffer.compare(last, raw) >= 0) throw malformed("map keys out of order");
      last = raw;
      out.set(key, this.item(depth));
    }
    return out;
  }
}

/** The one item that these bytes encode. Refuses with `malformed`. */
export function decode(bytes) {
  const reader = new Reader(bytes);
  const value = reader.item(0);
  // EPP-ENC-004
  if (reader.at !== bytes.length) throw malformed("bytes after the end");
  return value;
}

/** The items of a CBOR sequence as [{value, raw}]. Refuses with `malformed`. */
export function decodeSequence(bytes) {
  const reader = new Reader(bytes);
  const out = [];
  while (reader.at < bytes.length) {
    const start = reader.at;
    const value = reader.item(0);
    out.push({ value, raw: bytes.subarray(start, reader.at) });
  }
  return out;
}
