// Transfer states (chapter 7): common part and payer. The payee's checks are in payee.mjs.
// first() and receive(message) return {out: message|null, closed}; refusals become REJECT in purse.mjs.
import { choose } from "./choose.mjs";
import { Refusal } from "./codes.mjs";
import { random, sha256 } from "./keys.mjs";
import * as messages from "./messages.mjs";
import { valid } from "./keylists.mjs";
import { endorse, kept, parseUnit, receiptVerifies } from "./money.mjs";
import { Payee } from "./payee.mjs";
import { transferLimit } from "./policy.mjs";
import { lastEpoch } from "./room.mjs";

const RECEIVES_AT_ANY_HOP = 3; // roles vault and centre
const CENTRE = 4;

/** Units of the store that some payee takes at an epoch (EPP-TRF-011, EPP-KEY-039): [{id, value, unit, hop, history, ...}]. */
export function spendable(state, epoch, anchor, toCentre) {
  return Object.entries(state.units)
    .map(([id, held]) => ({
      id, value: held.value, hop: held.hop, expires: held.expires, maxHops: held.maxHops,
      unit: Buffer.from(held.unit, "hex"), history: Buffer.from(held.history, "hex"), good: valid(anchor, held),
    }))
    .filter((unit) => unit.expires >= epoch && unit.hop <= 254 && (toCentre || unit.good));
}

class Payer {
  constructor(store, own, handshake, purpose, role) {
    Object.assign(this, { store, own, purpose, payee: handshake.payee, operation: handshake.operation });
    this.state = "wait request";
    this.initiator = role === "initiator";
  }

  first() {
    if (!this.initiator) return null;
    return this.purpose.kind === "pay" ? this.#offer() : this.#redeliver();
  }

  receive(raw) {
    const message = messages.parseMessage(raw);
    if (message.type === "reject") return { out: null, closed: true }; // EPP-TRF-005
    const handler = {
      "wait request/request": () => this.#request(message),
      "offered/accept": () => this.#accept(message),
      "paid/receipt": () => this.#receipt(message),
    }[`${this.state}/${message.type}`];
    // EPP-TRF-001
    if (!handler) throw new Refusal("unexpected-message", `${message.type} while payer, ${this.state}`);
    return handler();
  }

  #request(message) {
    if (this.purpose.kind === "redeliver") return this.#redeliver();
    // EPP-TRF-013
    if (message.amount !== this.purpose.amount) throw new Refusal("amount", "other than set");
    return this.#offer();
  }

  #offer() {
    const { anchor, policy, self, epoch } = this.own;
    const { amount } = this.purpose;
    // EPP-TRF-014
    if (amount > transferLimit(this.operation, self, this.payee)) throw new Refusal("amount-limit");
    // EPP-TRF-086
    if (amount < this.operation.min_amount) throw new Refusal("amount-limit");
    const anyHop = this.payee.role >= RECEIVES_AT_ANY_HOP;
    const alive = anyHop ? epoch : epoch + policy.min_life; // EPP-TRF-084
    // EPP-TRF-012
    const fit = spendable(this.store.state, alive, anchor, this.payee.role === CENTRE).filter(
      (u) => anyHop || u.hop + 1 <= Math.min(u.maxHops, policy.max_hops),
    );
    try {
      this.units = choose(fit, amount, policy);
    } catch (error) {
      // EPP-TRF-116, EPP-TRF-117
      throw error instanceof Refusal ? Object.assign(error, { wire: "amount" }) : error;
    }
    this.transaction = random(16); // EPP-TRF-003
    this.offer = messages.offer(this.transaction, amount, this.units);
    this.digest = sha256(this.offer);
    this.amount = amount;
    this.state = "offered";
    return { out: this.offer, closed: false };
  }

  #redeliver() {
    const hex = this.purpose.transaction;
    const pending = this.store.state.pending[hex];
    if (!pending) throw new Refusal("unknown-transaction"); // EPP-CRS-009
    const offer = Buffer.from(pending.offer, "hex");
    this.transaction = Buffer.from(hex, "hex");
    this.digest = sha256(offer);
    this.amount = pending.amount;
    this.state = "paid";
    // EPP-CRS-007
    return { out: messages.redeliver(offer, pending.signatures.map((s) => Buffer.from(s, "hex"))), closed: false };
  }

  #accept(message) {
    // EPP-TRF-015
    if (!message.transaction.equals(this.transaction) || !message.digest.equals(this.digest)) {
      throw new Refusal("transaction", "ACCEPT of something else");
    }
    const signatures = this.units.map((u) =>
      endorse(this.own.privateKey, {
        unitId: u.id, hop: u.hop + 1, history: u.history,
        payer: this.own.self.number, payee: this.payee.number, transaction: this.transaction,
      }));
    // EPP-CRS-001
    this.store.write((state) => {
      for (const unit of this.units) {
        delete state.units[unit.id];
        state.seen[unit.id].hop = unit.hop + 1; // EPP-TRF-115
      }
      state.pending[this.transaction.toString("hex")] = {
        payee: this.payee.number.toString("hex"), amount: this.amount, offer: this.offer.toString("hex"),
        signatures: signatures.map((s) => s.toString("hex")), units: this.units.map((u) => u.id),
        expires: lastEpoch(this.units),
      };
    });
    this.state = "paid";
    return { out: messages.pay(this.transaction, signatures), closed: false }; // EPP-TRF-016
  }

  #receipt(message) {
    const { number, publicKey } = this.payee;
    const fields = {
      transaction: this.transaction, payer: this.own.self.number, payee: number,
      amount: this.amount, digest: this.digest,
    };
    // EPP-TRF-017
    if (!message.transaction.equals(this.transaction) || !receiptVerifies(publicKey, fields, message.signature)) {
      throw new Refusal("receipt");
    }
    const hex = this.transaction.toString("hex");
    // EPP-CRS-003
    this.store.write((state) => {
      const { expires } = state.pending[hex];
      delete state.pending[hex];
      state.settled[hex] = {
        payee: number.toString("hex"), amount: this.amount, receipt: message.signature.toString("hex"), expires,
      };
    });
    return { out: null, closed: true };
  }
}

/** The transfer that follows a handshake, for the purpose that was set. */
export function newTransfer(store, own, handshake, purpose, role) {
  const side = purpose.kind === "pay" || purpose.kind === "redeliver" ? Payer : Payee;
  return new side(store, own, handshake, purpose, role);
}

/** A unit as the store keeps it. */
export function stored(raw, hop, history) {
  const unit = parseUnit(raw);
  return [unit.id, kept(unit, hop, history)];
}
