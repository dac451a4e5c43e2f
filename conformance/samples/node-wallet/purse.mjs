// The purse: provisioning, orders of the holder, sessions, state. Everything volatile hangs on `this` and is
// dropped by restart(); everything durable is in the store.
import { checkUpdate, restored, stored as kept } from "./bulletin.mjs";
import { choose } from "./choose.mjs";
import { Refusal, as, told } from "./codes.mjs";
import { beginsWithInteger } from "./edhoc.mjs";
import { Handshake } from "./handshake.mjs";
import { checkPurseId, parsePurseId } from "./identity.mjs";
import { edPublic } from "./keys.mjs";
import { schemeKeysAt, takeAnchor, withList, withSchemeKey } from "./keylists.mjs";
import { reject } from "./messages.mjs";
import { checkValue, historySize, parseUnit, verifyUnit } from "./money.mjs";
import { checkPolicy, highestLimit, leastAmount, mayPayCentre } from "./policy.mjs";
import { Records } from "./records.mjs";
import { has } from "./revoked.mjs";
import * as room from "./room.mjs";
import * as shape from "./shape.mjs";
import { newTransfer, spendable, stored } from "./transfer.mjs";

const hexBytes = (text) => Buffer.from(text, "hex");

export class Purse {
  constructor(store) {
    this.store = store;
    this.restart();
  }

  /** After a loss of power: sessions and purposes are volatile. */
  restart() {
    this.store.load();
    this.purpose = null;
    this.session = null;
  }

  #provisioned() {
    // EPP-GEN-004
    if (this.store.state.purse === null) throw new Refusal("not-provisioned");
    return this.store.state;
  }

  epoch() {
    return this.store.state.bulletin?.epoch ?? 0; // EPP-GEN-003
  }

  /** EPP-GEN-005: one durable write, or none; in the order of EPP-GEN-008. */
  provision({ purse, anchor: given, policy, bulletin, holdings }) {
    if (this.store.state.purse !== null) throw new Refusal("provision", "provisioned already");
    checkPolicy(policy);
    const anchor = takeAnchor(given);
    const self = as("provision", () => {
      const self = checkPurseId(hexBytes(purse.purse_id), anchor);
      if (self.number.toString("hex") !== purse.number) throw new Refusal("provision", "number");
      if (!edPublic(hexBytes(purse.private_key)).equals(self.publicKey)) throw new Refusal("provision", "private key");
      return self;
    });
    const units = as("provision", () =>
      holdings.map(({ unit, hop, history }) => {
        const parsed = parseUnit(hexBytes(unit));
        verifyUnit(parsed, anchor, self.role === 4); // EPP-KEY-009
        checkValue(parsed);
        // EPP-GEN-015
        if (hop > 255 || hexBytes(history).length !== historySize(hop)) throw new Refusal("history-size");
        return stored(parsed.raw, hop, hexBytes(history));
      }));
    if (new Set(units.map(([id]) => id)).size !== units.length) throw new Refusal("provision", "unit given twice");
    // EPP-GEN-017
    if (units.length > policy.capacity) throw new Refusal("provision", "more units than capacity");
    const news = bulletin === null ? null : kept(checkUpdate(hexBytes(bulletin), anchor, policy, null));
    this.store.write((state) => {
      Object.assign(state, { purse, anchor, policy, bulletin: news, pending: {}, settled: {}, credited: {} });
      state.units = Object.fromEntries(units);
      state.seen = Object.fromEntries(units.map(([id, { hop, expires }]) => [id, { hop, expires }]));
    });
    this.purpose = null;
    this.session = null;
  }

  /** An order to pay, whoever is met or the purse `payee` (EPP-TRF-010, EPP-TRF-085, EPP-TRF-061, EPP-TRF-011). */
  pay(amount, payee = null) {
    const { anchor, policy } = this.#provisioned();
    if (amount === 0) throw new Refusal("amount", "zero");
    if (amount > highestLimit(policy, this.#own().self, "payer")) throw new Refusal("amount-limit");
    if (amount < leastAmount(policy, this.#own().self, "payer")) throw new Refusal("amount-limit");
    if (room.given(this.store.state, policy, this.epoch()) >= policy.max_given) throw new Refusal("capacity", "given");
    const toCentre = mayPayCentre(policy, this.#own().self); // EPP-KEY-040
    choose(spendable(this.store.state, this.epoch(), anchor, toCentre), amount, policy);
    this.purpose = { kind: "pay", amount, payee };
  }

  /** EPP-TRF-029, EPP-TRF-068, EPP-TRF-088, EPP-TRF-067 */
  request(amount, reference) {
    const { policy } = this.#provisioned();
    if (amount === 0 || amount > Number.MAX_SAFE_INTEGER) throw new Refusal("amount", "outside the range");
    if (amount > highestLimit(policy, this.#own().self, "payee")) throw new Refusal("amount-limit");
    if (amount < leastAmount(policy, this.#own().self, "payee")) throw new Refusal("amount-limit");
    shape.text(0, 64)(reference);
    if (!reference.isWellFormed()) throw new Refusal("malformed", "reference");
    this.purpose = { kind: "request", amount, reference };
  }

  receive() {
    this.#provisioned();
    this.purpose = { kind: "receive" };
  }

  redeliver(transaction) {
    const { pending: all, policy } = this.#provisioned();
    const pending = all[transaction];
    // EPP-CRS-009, EPP-CRS-030
    if (!pending || room.lapsed(pending, policy, this.epoch())) throw new Refusal("unknown-transaction");
    this.purpose = { kind: "redeliver", transaction, payee: pending.payee };
  }

  /** EPP-BUL-002, EPP-BUL-004 */
  bulletin(raw) {
    const state = this.#provisioned();
    const held = state.bulletin === null ? null : restored(state.bulletin);
    const news = checkUpdate(raw, state.anchor, state.policy, held);
    if (news !== held) this.store.write((next) => (next.bulletin = kept(news)));
  }

  /** A key list of one centre (EPP-KEY-026). */
  keys(centre, raw) {
    this.#trust(withList(this.#provisioned().anchor, centre, raw));
  }

  /** EPP-KEY-048, EPP-KEY-049 */
  schemeKey(key) {
    this.#trust(withSchemeKey(this.#provisioned().anchor, key, this.epoch()));
  }

  #trust(anchor) {
    // EPP-KEY-025, EPP-KEY-035
    if (anchor !== null) this.store.write((next) => (next.anchor = anchor));
  }

  /** What a session sees of the purse, fixed when it opens. */
  #own() {
    const { purse, anchor, policy, bulletin } = this.store.state;
    const list = bulletin === null ? { k: 0, chunks: [] } : restored(bulletin).list;
    return {
      self: parsePurseId(hexBytes(purse.purse_id)), privateKey: hexBytes(purse.private_key),
      anchor, schemeKeys: schemeKeysAt(anchor, this.epoch()), policy, epoch: this.epoch(),
      revoked: { has: (number) => has(list, BigInt(`0x${number}`)) },
    };
  }

  /** Begin a session; returns {out, open}. */
  open(role) {
    this.session = null; // EPP-SES-027
    this.#provisioned();
    const purpose = this.purpose;
    // EPP-GEN-002, EPP-GEN-021
    if (purpose === null) throw new Refusal("declined", "no purpose");
    if (purpose.kind === "receive" && role === "initiator") throw new Refusal("declined", "nothing to say");
    const own = this.#own();
    // EPP-KEY-043
    if (Object.values(own.anchor.lists).some((list) => own.epoch > list.expires)) throw new Refusal("anchor-expired");
    if (own.schemeKeys.initiator === undefined) throw new Refusal("anchor-expired", "no scheme key"); // EPP-KEY-047
    this.purpose = null; // EPP-GEN-022
    const handshake = new Handshake(own, role, purpose);
    this.session = { role, purpose, own, handshake, transfer: null, records: null };
    return { out: role === "initiator" ? handshake.start() : null, open: true };
  }

  /** Bytes from the peer; returns {out, open}. A Refusal it throws carries `out`; the session is then closed. */
  deliver(raw) {
    const session = this.session;
    if (this.store.state.purse === null) throw new Refusal("not-provisioned");
    // EPP-REC-005
    if (session === null) throw Object.assign(new Refusal("unexpected-message", "no session"), { out: null });
    try {
      const result = session.transfer === null ? this.#handshake(session, raw) : this.#record(session, raw);
      if (!result.open) this.session = null;
      return result;
    } catch (error) {
      this.session = null;
      if (error instanceof Refusal && error.out === undefined) {
        // EPP-TRF-007, EPP-TRF-117, EPP-ERR-002
        error.out = session.records.seal(reject(...told(error)));
      }
      throw error;
    }
  }

  #handshake(session, raw) {
    const { handshake, role, purpose, own } = session;
    const out = handshake.receive(raw);
    if (handshake.state !== "open") return { out, open: handshake.state !== "closed" };
    session.records = new Records(handshake.schedule, role, own.policy.max_record);
    session.transfer = newTransfer(this.store, own, handshake, purpose, role);
    const first = session.transfer.first();
    return { out: first === null ? out : session.records.seal(first.out), open: true };
  }

  #record(session, raw) {
    // EPP-SES-033: the initiator has refused message_4
    if (session.role === "responder" && !session.heard && beginsWithInteger(raw)) return { out: null, open: false };
    session.heard = true;
    const { out, closed } = session.transfer.receive(session.records.open(raw));
    return { out: out === null ? null : session.records.seal(out), open: !closed };
  }

  /** The durable state as the adapter reports it. */
  report() {
    const { units, pending, credited, settled, policy } = this.store.state;
    const list = Object.entries(units);
    return {
      balance: list.reduce((sum, [, unit]) => sum + unit.value, 0),
      epoch: this.epoch(),
      units: list.map(([unit_id, { value, hop }]) => ({ unit_id, value, hop })),
      pending: Object.entries(pending).filter(([, p]) => !room.lapsed(p, policy, this.epoch())).map(([transaction, p]) => ({
        transaction, payee: p.payee, amount: p.amount, units: p.units,
      })),
      credited: Object.values(credited).map(({ transaction, payer, amount }) => ({ transaction, payer, amount })),
      settled: Object.entries(settled).map(([transaction, s]) => ({ transaction, payee: s.payee, amount: s.amount })),
      writes: this.store.writes,
      digest: this.store.digest().toString("hex"),
    };
  }
}
