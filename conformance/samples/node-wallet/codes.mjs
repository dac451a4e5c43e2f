// Refusals and their numbers (chapter 10).

const NAMES = [
  "malformed", "too-large", "unexpected-message", "version", "suite", "authentication", "record",
  "purse-expired", "purse-revoked", "same-purse", "role-pair", "amount", "amount-limit", "unit-count",
  "duplicate-unit", "unit-signature", "unit-seal", "unit-economy", "unit-expired", "unit-value", "hop-limit",
  "history-size", "unit-held", "unit-seen", "sum", "capacity", "balance-limit", "transaction", "endorsement",
  "receipt", "insufficient-funds", "no-exact-change", "declined", "bulletin-signature", "bulletin-stale",
  "unknown-transaction", "not-provisioned", "policy", "provision", "keys-signature", "keys-stale", "anchor-expired",
  "wrong-payee", "not-taken",
];

/** Wire number of each code. */
export const NUMBER = new Map(NAMES.map((name, index) => [name, index + 1]));

/** Codes that never go on the wire (EPP-ERR-002). */
export const LOCAL = new Set([
  "record", "insufficient-funds", "no-exact-change", "declined", "bulletin-signature", "bulletin-stale",
  "unknown-transaction", "not-provisioned", "policy", "provision", "keys-signature", "keys-stale", "anchor-expired",
]);

const OF_HOLDINGS = ["unit-held", "unit-seen", "capacity", "balance-limit"];

/** What the peer is told instead of a refusal: [code, index] (EPP-TRF-007, EPP-ERR-002, EPP-ERR-030, EPP-TRF-066). */
export function told({ code, index, wire }) {
  if (OF_HOLDINGS.includes(code)) return ["not-taken", null];
  return [wire ?? (LOCAL.has(code) ? "transaction" : code), index];
}

/** The input of a peer, or the order of the holder, is refused. Every other exception is our own fault. */
export class Refusal extends Error {
  /**
   * @param {string} code stable name, chapter 10
   * @param {string} detail for people
   * @param {number|null} index position of the unit at fault in the OFFER
   */
  constructor(code, detail = "", index = null) {
    super(`${code}: ${detail}`);
    if (!NUMBER.has(code)) throw new Error(`no such code: ${code}`);
    this.code = code;
    this.detail = detail;
    this.index = index;
  }
}

/** Run f; a refusal inside it becomes one with the given code (where a chapter names one code for every fault). */
export function as(code, f) {
  try {
    return f();
  } catch (error) {
    if (error instanceof Refusal) throw new Refusal(code, error.message, error.index);
    throw error;
  }
}
