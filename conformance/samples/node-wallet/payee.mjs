// The payee (chapter 7): checks of an OFFER in the order of the text, credit, receipts, redelivery.
import { Refusal } from "./codes.mjs";
import { sha256 } from "./keys.mjs";
import * as messages from "./messages.mjs";
import * as money from "./money.mjs";
import { balanceLimit, transferLimit } from "./policy.mjs";
import * as room from "./room.mjs";

const VAULT = 3;
const CENTRE = 4;

/** Run f; a refusal in it names the unit at fault (EPP-TRF-112). */
function atUnit(index, f) {
  try {
    return f();
  } catch (error) {
    if (error instanceof Refusal) throw new Refusal(error.code, error.detail, index);
    throw error;
  }
}

function shapeOrNull(raw) {
  try {
    return money.parseUnit(raw);
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}

export class Payee {
  constructor(store, own, handshake, purpose, role) {
    Object.assign(this, { store, own, purpose, payer: handshake.payer, operation: handshake.operation });
    this.state = role === "initiator" ? "requested" : "wait offer";
  }

  first() {
    if (this.state !== "requested") return null;
    return { out: messages.request(this.purpose.amount, this.purpose.reference), closed: false };
  }

  receive(raw) {
    const message = messages.parseMessage(raw);
    if (message.type === "reject") return { out: null, closed: true }; // EPP-TRF-005
    const accepted = this.state === "accepted";
    if (!accepted && message.type === "offer") return this.#offer(raw, message);
    if (!accepted && message.type === "redeliver") return this.#redeliver(message);
    if (accepted && message.type === "pay") return this.#pay(message);
    // EPP-TRF-001
    throw new Refusal("unexpected-message", `${message.type} while payee, ${this.state}`);
  }

  #creditedBefore(transaction) {
    return this.store.state.credited[`${this.payer.number.toString("hex")}/${transaction.toString("hex")}`];
  }

  #offer(raw, offer) {
    this.bundle = this.#check(raw, offer, this.purpose.kind === "request" ? this.purpose.amount : null);
    this.state = "accepted";
    return { out: messages.accept(offer.transaction, this.bundle.digest), closed: false }; // EPP-TRF-045
  }

  #pay(message) {
    // EPP-TRF-047
    if (!message.transaction.equals(this.bundle.transaction)) throw new Refusal("transaction", "other than accepted");
    return this.#credit(this.bundle, message.signatures);
  }

  #redeliver(message) {
    const offer = messages.parseOffer(message.offer);
    const before = this.#creditedBefore(offer.transaction);
    if (before) {
      // EPP-CRS-011
      if (before.digest !== sha256(message.offer).toString("hex")) throw new Refusal("transaction", "other OFFER");
      // EPP-CRS-010
      return { out: messages.receipt(offer.transaction, Buffer.from(before.receipt, "hex")), closed: true };
    }
    // EPP-CRS-012
    return this.#credit(this.#check(message.offer, offer, null), message.signatures);
  }

  /** The checks of an OFFER, in their order; `requested` is null where any amount will do. */
  #check(raw, offer, requested) {
    const { self, policy, epoch } = this.own;
    const { state } = this.store;
    // EPP-TRF-030
    if (offer.amount === 0 || (requested !== null && offer.amount !== requested)) throw new Refusal("amount");
    // EPP-TRF-031
    if (offer.amount > transferLimit(this.operation, this.payer, self)) throw new Refusal("amount-limit");
    // EPP-TRF-087
    if (offer.amount < this.operation.min_amount) throw new Refusal("amount-limit");
    // EPP-TRF-032
    if (offer.units.length === 0 || offer.units.length > policy.max_units) throw new Refusal("unit-count");
    const ids = new Set();
    offer.units.forEach((offered, index) => {
      const unit = shapeOrNull(offered.unit);
      // EPP-TRF-033
      if (unit && ids.has(unit.id)) throw new Refusal("duplicate-unit", "", index);
      if (unit) ids.add(unit.id);
    });
    // EPP-TRF-034
    if (this.#creditedBefore(offer.transaction)) throw new Refusal("transaction", "credited before");
    const units = offer.units.map((offered, index) => atUnit(index, () => this.#checkUnit(offered)));
    // EPP-TRF-042
    if (units.reduce((sum, u) => sum + u.value, 0) !== offer.amount) throw new Refusal("sum");
    units.forEach((unit, index) => atUnit(index, () => this.#checkNew(unit)));
    const held = room.held(state, policy, epoch);
    // EPP-TRF-043
    if (held.count + units.length > policy.capacity) throw new Refusal("capacity");
    // EPP-TRF-062
    if (room.credited(state, epoch) >= policy.max_credited) throw new Refusal("capacity", "credited");
    const unseen = units.filter((u) => !(u.id in state.seen)).length;
    // EPP-TRF-063
    if (room.seen(state, epoch) + unseen > policy.max_seen) throw new Refusal("capacity", "seen");
    // EPP-TRF-044
    if (held.value + offer.amount > balanceLimit(policy, self.tier)) throw new Refusal("balance-limit");
    return { transaction: offer.transaction, amount: offer.amount, units, digest: sha256(raw) };
  }

  /** EPP-TRF-035 to 039 */
  #checkUnit(offered) {
    const { anchor, self, policy, epoch } = this.own;
    const unit = money.parseUnit(offered.unit);
    const key = money.verifyUnit(unit, anchor, self.role === CENTRE);
    // EPP-UNI-005, EPP-TRF-083
    if (epoch + (self.role < VAULT ? policy.min_life : 0) > unit.expires) throw new Refusal("unit-expired");
    money.checkValue(unit);
    const hop = offered.hop + 1;
    // EPP-HIS-005
    const limit = self.role < VAULT ? Math.min(unit.maxHops, policy.max_hops) : 255;
    if (hop > limit) throw new Refusal("hop-limit");
    // EPP-HIS-004
    if (offered.history.length !== money.historySize(offered.hop)) throw new Refusal("history-size");
    return { ...unit, hop, history: offered.history, historyKey: Buffer.from(key.history, "hex") };
  }

  /** EPP-TRF-040 and 041 */
  #checkNew(unit) {
    const { state } = this.store;
    const pending = Object.values(state.pending).some((p) => p.units.includes(unit.id));
    if (unit.id in state.units || pending) throw new Refusal("unit-held");
    if (unit.id in state.seen && unit.hop <= state.seen[unit.id].hop) throw new Refusal("unit-seen");
  }

  /** EPP-TRF-047 to 050, EPP-CRS-002 */
  #credit(bundle, signatures) {
    const { self, privateKey } = this.own;
    const { transaction, amount, units, digest } = bundle;
    if (signatures.length !== units.length) throw new Refusal("endorsement", "number of endorsements");
    const moves = units.map((u) => ({
      unitId: u.id, hop: u.hop, history: u.history, payer: this.payer.number, payee: self.number, transaction,
    }));
    moves.forEach((move, index) => {
      // EPP-TRF-048
      if (!money.endorsed(this.payer.publicKey, move, signatures[index])) throw new Refusal("endorsement", "", index);
    });
    const histories = units.map((u, i) => money.sealHistory(u.historyKey, moves[i], signatures[i]));
    const receipt = money.signReceipt(privateKey, { transaction, payer: this.payer.number, payee: self.number, amount, digest });
    const payer = this.payer.number.toString("hex");
    const hex = transaction.toString("hex");
    this.store.write((state) => {
      units.forEach((u, i) => {
        state.units[u.id] = money.kept(u, u.hop, histories[i]);
        state.seen[u.id] = { hop: u.hop, expires: u.expires };
      });
      state.credited[`${payer}/${hex}`] = {
        transaction: hex, payer, amount, digest: digest.toString("hex"), receipt: receipt.toString("hex"),
        expires: room.lastEpoch(units),
      };
    });
    return { out: messages.receipt(transaction, receipt), closed: true };
  }
}
