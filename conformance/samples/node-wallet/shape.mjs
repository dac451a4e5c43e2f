// Shapes of schema.cddl as small checking functions: each returns the value or refuses with `malformed`.
import { Refusal } from "./codes.mjs";

function demand(ok, what) {
  if (!ok) throw new Refusal("malformed", what);
}

/** Integer between low and high, both included (bigints beyond 2^53). */
export const int = (low, high) => (value) => {
  demand(typeof value === "number" || typeof value === "bigint", "integer expected");
  demand(value >= low && value <= high, `integer outside ${low}..${high}`);
  return value;
};

/** Byte string of low to high bytes. */
export const bytes = (low, high = low) => (value) => {
  demand(value instanceof Uint8Array, "byte string expected");
  demand(value.length >= low && value.length <= high, `byte string not of ${low}..${high} bytes`);
  return value;
};

/** Text of low to high bytes of UTF-8. */
export const text = (low, high) => (value) => {
  demand(typeof value === "string", "text expected");
  const length = Buffer.byteLength(value, "utf8");
  demand(length >= low && length <= high, `text not of ${low}..${high} bytes`);
  return value;
};

/** Array of exactly these element shapes. */
export const tuple = (...shapes) => (value) => {
  demand(Array.isArray(value) && value.length === shapes.length, `array of ${shapes.length} expected`);
  return value.map((element, i) => shapes[i](element));
};

/** Array of low to high elements of one shape. */
export const list = (shape, low = 0, high = Infinity) => (value) => {
  demand(Array.isArray(value), "array expected");
  demand(value.length >= low && value.length <= high, `array not of ${low}..${high}`);
  return value.map((element) => shape(element));
};

/** Map with exactly these keys; returns the values in the order given. */
export const map = (...entries) => (value) => {
  demand(value instanceof Map && value.size === entries.length, `map of ${entries.length} expected`);
  return entries.map(([key, shape]) => {
    demand(value.has(key), `key ${key} missing`);
    return shape(value.get(key));
  });
};

/** One constant. */
export const is = (constant) => (value) => {
  demand(value === constant, `${constant} expected`);
  return value;
};

/** null, or the given shape. */
export const nullOr = (shape) => (value) => (value === null ? null : shape(value));

// EPP-ENC-012
export const amount = int(0, Number.MAX_SAFE_INTEGER);
export const epoch = int(0, 0xffffffff);
export const number8 = bytes(8);
export const transaction = bytes(16);
export const digest = bytes(32);
export const signature = bytes(64);
