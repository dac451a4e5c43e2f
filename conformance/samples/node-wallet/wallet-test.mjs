// Two wallets against each other, with centres of our own: node --test wallet-test.mjs
import { test } from "node:test";
import * as assert from "node:assert";
import { Adapter } from "./adapter.mjs";
import { describe } from "./bulletin.mjs";
import { decode, encode } from "./cbor.mjs";
import { choose, redeliverSize } from "./choose.mjs";
import { CONTEXT, signAttached } from "./cose.mjs";
import { Refusal } from "./codes.mjs";
import * as keys from "./keys.mjs";
import { schemeKeyId } from "./keylists.mjs";
import { offer, redeliver } from "./messages.mjs";
import { endorse, endorsed, parseUnit, sealHistory } from "./money.mjs";
import { has, read, write } from "./revoked.mjs";

const pair = () => {
  const secret = keys.random(32);
  return { secret, public: keys.edPublic(secret) };
};
const money = pair();
const device = pair();
const historySecret = keys.random(32);
const SEAL = keys.random(16);
const ZERO = Buffer.alloc(8);
const roots = { device: pair(), money: pair() };
const schemeKey = keys.random(32).toString("hex");

/** A key list of one centre under its root: sequence, and the last epoch of its key. */
function list(centre, sequence, last) {
  const fields = {
    device: [[[device.public, 0, last]], [[Buffer.from(schemeKeyId(schemeKey), "hex"), 0, 1000]]],
    money: [[[money.public, keys.xPublic(historySecret), 0, last]]],
  };
  const root = roots[centre];
  return signAttached(root.secret, root.public, CONTEXT[centre], encode([sequence, 1000, ...fields[centre]])).toString("hex");
}

const ANCHOR = {
  economies: [392], device_root: roots.device.public.toString("hex"), money_root: roots.money.public.toString("hex"),
  device_keys: list("device", 1, 1000), money_keys: list("money", 1, 1000),
  device_seal: SEAL.toString("hex"), money_seal: SEAL.toString("hex"), scheme_keys: [schemeKey],
};
const POLICY = {
  max_units: 8, capacity: 20, max_bulletin: 8192, max_hops: 10, max_record: 65535, max_given: 50, max_credited: 50, max_seen: 100, min_life: 0, claim_grace: 5, balance_limits: { 0: 100000 },
  operations: [{ name: "transfer", payer: ["person"], payee: ["person", "merchant"], same_holder: false, min_amount: 1, limits: { 0: 5000 } }],
};
const WIDE = { max_units: 64, max_record: 65535 };
let serial = 0;

function signed(list, epoch) {
  return signAttached(device.secret, device.public, CONTEXT.bulletin, describe(list, epoch, Buffer.alloc(32)));
}

function bulletin(epoch, revoked = []) {
  const list = write(revoked.map((number) => BigInt(`0x${number.toString("hex")}`)).sort((a, b) => (a < b ? -1 : 1)));
  return encode([signed(list, epoch), list.chunks.map(([, data]) => data)]).toString("hex");
}

function unit(holder, value, expires = 100) {
  const payload = encode([++serial, 0, value, 392, 1, expires, 12, SEAL, Buffer.alloc(0)]);
  const raw = signAttached(money.secret, money.public, CONTEXT.unit, payload);
  const move = {
    unitId: parseUnit(raw).id, hop: 0, history: Buffer.alloc(0), payer: ZERO, payee: holder, transaction: keys.random(16),
  };
  const history = sealHistory(keys.xPublic(historySecret), move, endorse(money.secret, move));
  return { unit: raw.toString("hex"), hop: 0, history: history.toString("hex") };
}

class Wallet {
  constructor(values, changes = {}) {
    this.adapter = new Adapter();
    this.key = pair();
    this.number = keys.random(8);
    const claims = new Map([
      [8, new Map([[1, new Map([[1, 1], [-1, 6], [-2, this.key.public]])]])],
      [-70000, [this.number, changes.role ?? 1, 0, keys.random(32), 392, 1, changes.expires ?? 100, SEAL, Buffer.alloc(0)]],
    ]);
    const id = signAttached(device.secret, device.public, CONTEXT.purseId, encode(claims));
    this.call("start", { protocol: { min: 1, max: 1 } });
    const answer = this.call("provision", {
      purse: { number: this.number.toString("hex"), private_key: this.key.secret.toString("hex"), purse_id: id.toString("hex") },
      anchor: ANCHOR, policy: POLICY, bulletin: bulletin(5, changes.revoked ?? []), holdings: values.map((v) => unit(this.number, v)),
    });
    assert.equal(answer.outcome, "accepted", JSON.stringify(answer));
  }

  call(verb, fields = {}) {
    const answer = this.adapter.handle({ seq: 7, verb, ...fields });
    assert.equal(answer.seq, 7);
    assert.notEqual(answer.outcome, "errored", answer.detail);
    return answer;
  }

  act(action, fields = {}) { return this.call("act", { action, ...fields }); }
  get state() { return this.call("state"); }
}

/** Run a session to its end or to `steps` messages; returns all answers. */
function session(initiator, responder, { steps = 99, suites } = {}) {
  responder.call("open", { role: "responder" });
  let answer = initiator.call("open", { role: "initiator" });
  if (suites) answer = { ...answer, out: restart(initiator, suites) };
  const answers = [answer];
  let to = responder;
  while (answer.out && steps-- > 0) {
    answer = to.call("deliver", { data: answer.out });
    answers.push(answer);
    to = to === responder ? initiator : responder;
  }
  return answers;
}

/** message_1 of an open session again, with other suites. */
function restart(wallet, suites) {
  const { handshake } = wallet.adapter.purse.session;
  handshake.suites = suites;
  return handshake.start().toString("hex");
}

const outcome = (answers) => answers.map((a) => a.code ?? a.outcome).filter((o) => o !== "accepted");

test("all four combinations of roles", () => {
  for (const [payerFirst, order] of [[true, "receive"], [true, "request"], [false, "request"]]) {
    const [payer, payee] = [new Wallet([1, 2, 4, 8]), new Wallet([16])];
    assert.equal(payer.act("pay", { amount: 11 }).outcome, "accepted");
    payee.act(order, order === "request" ? { amount: 11, reference: "tea" } : {});
    const answers = payerFirst ? session(payer, payee) : session(payee, payer);
    assert.deepEqual(outcome(answers), []);
    assert.deepEqual([payer.state.balance, payee.state.balance], [4, 27]);
    assert.deepEqual([payer.state.settled.length, payee.state.credited.length, payer.state.pending.length], [1, 1, 0]);
    assert.deepEqual([payer.state.writes, payee.state.writes], [3, 2]);
    assert.equal(payee.state.units.filter((u) => u.hop === 1).length, 3);
    // and on to a third, hop 2
    const third = new Wallet([]);
    payee.act("pay", { amount: 3 });
    third.act("receive");
    assert.deepEqual(outcome(session(payee, third)), []);
    assert.ok(third.state.units.every((u) => u.hop === 2));
  }
});

test("the centre can open the history", () => {
  const [payer, payee] = [new Wallet([4]), new Wallet([])];
  payer.act("pay", { amount: 4 });
  payee.act("receive");
  session(payer, payee);
  const [[id, held]] = Object.entries(payee.adapter.store.state.units);
  const info = Buffer.concat([Buffer.from("EPP/1 history"), Buffer.from(id, "hex")]);
  const sealed = Buffer.from(held.history, "hex");
  assert.equal(sealed.length, 303);
  const [inner, from, to, transaction, signature] = decode(keys.hpkeOpen(historySecret, info, sealed));
  const move = { unitId: id, hop: 1, history: inner, payer: from, payee: to, transaction };
  assert.ok(endorsed(payer.key.public, move, signature));
  assert.equal(decode(keys.hpkeOpen(historySecret, info, inner)).length, 5);
});

test("power cuts at every write and every message, then redelivery", () => {
  for (const when of ["before", "after"]) {
    for (const victim of [0, 1]) {
      for (const write of [1, 2]) {
        const both = [new Wallet([1, 2, 4]), new Wallet([])];
        both[0].act("pay", { amount: 5 });
        both[1].act("receive");
        both[victim].call("power_cut", { when, write });
        session(...both);
        settle(...both);
      }
    }
  }
  for (let steps = 0; steps < 9; steps++) {
    const both = [new Wallet([1, 2, 4]), new Wallet([])];
    both[0].act("pay", { amount: 5 });
    both[1].act("receive");
    session(...both, { steps });
    both.forEach((w) => w.call("power_cut", { when: "now" }));
    settle(...both);
  }
});

function settle(payer, payee) {
  payer.call("power_cut", { when: "never" });
  payee.call("power_cut", { when: "never" });
  const [before, there] = [payer.state, payee.state];
  const twice = before.pending.some((p) => there.credited.some((c) => c.transaction === p.transaction)) ? 5 : 0;
  const total = before.balance + before.pending.reduce((n, p) => n + p.amount, 0) + there.balance - twice;
  assert.equal(total, 7);
  for (const { transaction } of before.pending) {
    assert.equal(payer.act("redeliver", { transaction }).outcome, "accepted");
    payee.act("request", { amount: 1, reference: "" });
    assert.deepEqual(outcome(session(payee, payer)), []);
    assert.equal(payer.act("redeliver", { transaction }).code, "unknown-transaction");
  }
  assert.equal(payer.state.pending.length, 0);
  assert.equal(payer.state.balance + payee.state.balance, 7);
}

test("suite 0, which this wallet answers but never proposes", () => {
  const [payer, payee] = [new Wallet([1, 2, 4]), new Wallet([])];
  payer.act("pay", { amount: 7 });
  payee.act("receive");
  assert.deepEqual(outcome(session(payer, payee, { suites: [0] })), []);
  assert.equal(payee.state.balance, 7);
});

test("refusals on both sides", () => {
  const payer = new Wallet([8, 8]);
  assert.equal(payer.act("pay", { amount: 0 }).code, "amount");
  assert.equal(payer.act("pay", { amount: 5001 }).code, "amount-limit");
  assert.equal(payer.act("pay", { amount: 17 }).code, "insufficient-funds");
  assert.equal(payer.act("pay", { amount: 9 }).code, "no-exact-change");
  assert.equal(payer.call("open", { role: "initiator" }).code, "declined");
  assert.equal(payer.call("deliver", { data: "00" }).code, "unexpected-message");
  const run = (payee, order = "receive", fields = {}) => {
    payer.act("pay", { amount: 8 });
    payee.act(order, fields);
    return outcome(session(payer, payee));
  };
  assert.deepEqual(run(new Wallet([], { expires: 4 })), ["purse-expired"]);
  assert.deepEqual(run(new Wallet([], { role: 3 })), ["role-pair"]);
  assert.deepEqual(run(new Wallet([], { revoked: [payer.number] })), ["purse-revoked"]);
  assert.deepEqual(run(new Wallet([]), "request", { amount: 7, reference: "" }), ["amount"]);
  assert.deepEqual(run(new Wallet(Array(20).fill(1))), ["capacity"]);
  assert.deepEqual(run(new Wallet([65536, 32768, 1024, 512, 128, 16, 8, 4, 1])), ["balance-limit"]);
  assert.equal(payer.state.writes, 1);
  const payee = new Wallet([]);
  payee.act("bulletin", { bulletin: bulletin(101) });
  assert.deepEqual(run(payee), ["purse-expired"]);
  assert.equal(payee.act("bulletin", { bulletin: bulletin(100) }).code, "bulletin-stale");
  assert.equal(payee.act("bulletin", { bulletin: bulletin(101) }).outcome, "accepted");
  assert.equal(payee.state.writes, 2);
  assert.deepEqual(run(new Wallet([])), []);
});

test("lists and deltas", () => {
  const squares = Array.from({ length: 2800 }, (_, n) => BigInt(n + 1) ** 2n);
  const list = write(squares);
  assert.equal(list.chunks.length, 2);
  assert.deepEqual(read(list), squares);
  assert.ok(squares.every((number) => has(list, number) && !has(list, number + 2n)));
  assert.deepEqual(write([5n, 7n, 20n]), { count: 3, k: 2, chunks: [[5n, Buffer.from("3c7f", "hex")]] });
  assert.throws(() => read({ count: 1, k: 0, chunks: [[1n, Buffer.alloc(4096, 0xff)]] }), { code: "malformed" });
  const [payer, payee] = [new Wallet([8, 8]), new Wallet([])];
  const number = BigInt(`0x${payer.number.toString("hex")}`);
  const coded = ({ count, k, chunks }) => [count, k, chunks];
  const delta = (epoch, from, after, removed, added) => encode([
    signed(write(after), epoch), encode([from, coded(write(removed)), coded(write(added))]),
  ]).toString("hex");
  const run = () => {
    payer.act("pay", { amount: 8 });
    payee.act("receive");
    return outcome(session(payer, payee));
  };
  assert.equal(payee.act("bulletin", { bulletin: delta(6, 5, [number], [], [number]) }).outcome, "accepted");
  assert.deepEqual(run(), ["purse-revoked"]);
  assert.equal(payee.act("bulletin", { bulletin: delta(7, 5, [], [number], []) }).code, "bulletin-stale");
  assert.equal(payee.act("bulletin", { bulletin: delta(7, 6, [], [], [number]) }).code, "malformed");
  assert.equal(payee.act("bulletin", { bulletin: delta(7, 6, [], [], []) }).code, "bulletin-signature");
  assert.equal(payee.act("bulletin", { bulletin: delta(7, 6, [], [number], []) }).outcome, "accepted");
  assert.deepEqual(run(), []);
});

test("every bit of every message matters", () => {
  for (let target = 0; target < 8; target++) {
    const [payer, payee] = [new Wallet([1, 2, 4]), new Wallet([])];
    payer.act("pay", { amount: 5 });
    payee.act("receive");
    const answers = session(payer, payee, { steps: target });
    const out = Buffer.from(answers.at(-1).out, "hex");
    out[Math.floor(Math.random() * out.length)] ^= 1 << Math.floor(Math.random() * 8);
    const victim = target % 2 === 0 ? payee : payer;
    const answer = victim.call("deliver", { data: out.toString("hex") });
    // what begins with an integer where a byte string is due is an error of the peer
    const error = target > 0 && target < 5 && out[0] < 0x40;
    assert.equal(answer.outcome, error ? "accepted" : "rejected");
    if (error || target > 3) assert.equal(answer.out, null);
  }
});

test("codes have numbers", () => assert.throws(() => new Refusal("nonsense"), /no such code/));

test("an exact choice is found wherever one is short enough", () => {
  const make = (value, history) => ({ value, hop: 9, unit: Buffer.alloc(110), history: Buffer.alloc(history) });
  const subsets = (units) => [...Array(1 << units.length).keys()].map((bits) => units.filter((_, i) => (bits >> i) & 1));
  for (let round = 0; round < 60; round++) {
    const units = Array.from({ length: 9 }, () => make(2 ** Math.floor(Math.random() * 4), 2000 + Math.floor(Math.random() * 25000)));
    const [amount, most] = [1 + Math.floor(Math.random() * 25), 1 + Math.floor(Math.random() * 8)];
    const exact = subsets(units).filter((s) => s.length <= most && s.reduce((sum, u) => sum + u.value, 0) === amount);
    const short = exact.some((s) => redeliverSize(s, amount) <= 65535);
    try {
      const chosen = choose(units, amount, { max_units: most, max_record: 65535 });
      assert.ok(short && chosen.reduce((sum, u) => sum + u.value, 0) === amount && chosen.length <= most);
      const bytes = redeliver(offer(Buffer.alloc(16), amount, chosen), chosen.map(() => Buffer.alloc(64)));
      assert.equal(redeliverSize(chosen, amount), bytes.length);
      assert.ok(bytes.length <= 65535);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      assert.ok(!short, error.message);
      assert.equal(error.code === "too-large", exact.length > 0);
    }
  }
  const many = Array.from({ length: 500 }, (_, i) => make(2 ** (i % 7), 1500));
  assert.equal(choose(many, 64 * 36, WIDE).length, 36);
  assert.throws(() => choose(Array.from({ length: 500 }, (_, i) => make(2 ** (i % 7), 3000)), 64 * 36, WIDE), /too-large/);
});

test("key lists: a unit under a revoked key stays, and is not paid with", () => {
  const wallet = new Wallet([8]);
  const give = (sequence, last) => wallet.act("keys", { centre: "money", keys: list("money", sequence, last) });
  assert.equal(give(2, 0).outcome, "accepted");
  assert.equal(wallet.state.balance, 8);
  assert.equal(wallet.act("pay", { amount: 8 }).code, "insufficient-funds");
  assert.equal(give(1, 1000).code, "keys-stale");
  assert.equal(give(2, 1).code, "keys-stale");
  const { writes } = wallet.state;
  assert.equal(give(2, 0).outcome, "accepted");
  assert.equal(wallet.state.writes, writes);
  assert.equal(give(3, 1).outcome, "accepted");
  assert.equal(wallet.act("pay", { amount: 8 }).outcome, "accepted");
});
