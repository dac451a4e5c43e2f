// Encrypted records (chapter 6).
import { decode, encode } from "./cbor.mjs";
import { Refusal } from "./codes.mjs";
import * as keys from "./keys.mjs";

const COM_KA = 65001;
const COM_KB = 65002;

class Direction {
  constructor(schedule, label) {
    this.aead = schedule.aead;
    const secret = schedule.exporter(label, this.aead.key + this.aead.nonce);
    this.key = secret.subarray(0, this.aead.key);
    this.iv = secret.subarray(this.aead.key);
    this.count = 0;
  }

  /** EPP-REC-002: the number is implicit. */
  nonce() {
    const nonce = Buffer.from(this.iv);
    for (let i = nonce.length - 1, n = this.count++; n > 0; i--, n = Math.floor(n / 256)) nonce[i] ^= n % 256;
    return nonce;
  }
}

export class Records {
  constructor(schedule, role, longest) {
    this.longest = longest;
    const [mine, theirs] = role === "initiator" ? [COM_KA, COM_KB] : [COM_KB, COM_KA];
    this.sending = new Direction(schedule, mine);
    this.receiving = new Direction(schedule, theirs);
  }

  /** One message as a record. */
  seal(message) {
    return encode(keys.seal(this.sending.aead, this.sending.key, this.sending.nonce(), Buffer.alloc(0), message));
  }

  /** The message in a record. Refusals: `malformed` and `record` unanswered, `too-large` answered. */
  open(raw) {
    const ciphertext = byteString(raw);
    // EPP-ENC-010
    if (ciphertext.length > this.longest + this.receiving.aead.tag) throw new Refusal("too-large", "record");
    const { aead, key } = this.receiving;
    const message = keys.open(aead, key, this.receiving.nonce(), Buffer.alloc(0), ciphertext);
    // EPP-REC-003
    if (message === null) throw unanswered("record", "does not decrypt");
    return message;
  }
}

/** EPP-REC-006, EPP-REC-020 */
function byteString(raw) {
  try {
    const value = decode(raw);
    if (value instanceof Uint8Array) return value;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
  throw unanswered("malformed", "not one byte string");
}

const unanswered = (code, detail) => Object.assign(new Refusal(code, detail), { out: null });
