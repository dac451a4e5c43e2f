// The negative vectors: every input, judged by this wallet from nothing but the files: node --test negative-test.mjs
import { test, mock } from "node:test";
import * as assert from "node:assert";
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import { readFileSync } from "node:fs";
import { checkUpdate, restored, stored as kept } from "./bulletin.mjs";
import { decode, encode } from "./cbor.mjs";
import { Refusal } from "./codes.mjs";
import { CONTEXT, verifyDetached } from "./cose.mjs";
import { oneByteString } from "./edhoc.mjs";
import { Handshake } from "./handshake.mjs";
import { ID_CRED, checkPurseId, openPurseId, parsePurseId } from "./identity.mjs";
import { heldAnchor, schemeKeysAt, takeAnchor } from "./keylists.mjs";
import { CCM_8, CHACHA, sha256 } from "./keys.mjs";
import { parseMessage, parseOffer } from "./messages.mjs";
import { checkValue, parseUnit, receiptVerifies, verifyUnit } from "./money.mjs";
import { operationFor } from "./policy.mjs";
import { Purse } from "./purse.mjs";
import { Records } from "./records.mjs";
import { has } from "./revoked.mjs";
import { lastEpoch } from "./room.mjs";
import { newTransfer, stored } from "./transfer.mjs";

const bytes = (text) => Buffer.from(text, "hex");
const load = (name) => JSON.parse(readFileSync(new URL(`../../../spec/src/eiraku/spec/vectors/${name}`, import.meta.url)));

/** The code with which f refuses, or null. */
function code(f) {
  try {
    f();
    return null;
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
}

const demand = (ok, name) => {
  if (!ok) throw new Refusal(name);
};

/** Run f with random values of the given lengths; any other is zero. */
function drawing(values, f) {
  const left = values.map(bytes);
  const draw = mock.method(crypto, "randomBytes", (size) => {
    const at = left.findIndex((value) => value.length === size);
    return at < 0 ? Buffer.alloc(size) : left.splice(at, 1)[0];
  });
  syncBuiltinESMExports();
  try {
    return f();
  } finally {
    draw.mock.restore();
    syncBuiltinESMExports();
  }
}

/** A store in memory: the state that a vector gives. */
class Memory {
  constructor(purse, { holdings = [], pending = [], credited = [], settled = [], seen = [] } = {}) {
    const unitsOf = (p) => parseOffer(bytes(p.offer)).units.map(({ unit }) => parseUnit(unit));
    const { purse_id, private_key, policy, bulletin } = purse ?? {};
    const anchor = purse ? heldAnchor(purse.anchor) : null;
    // EPP-KEY-042: the bulletin held stays in force when its key is revoked, or the list ends.
    const before = anchor && {
      ...anchor,
      device_keys: anchor.device_keys.map((key) => ({ ...key, from: 0, to: 0xffffffff })),
      lists: { ...anchor.lists, device: { ...anchor.lists.device, expires: 0xffffffff } },
    };
    this.state = {
      purse: purse && { purse_id, private_key },
      anchor, policy,
      bulletin: bulletin ? kept(checkUpdate(bytes(bulletin), before, policy, null)) : null,
      units: Object.fromEntries(holdings.map(({ unit, hop, history }) => stored(bytes(unit), hop, bytes(history)))),
      pending: Object.fromEntries(pending.map((p) => [p.transaction,
        { payee: p.payee, amount: p.amount, offer: p.offer, signatures: p.endorsements, units: unitsOf(p).map(({ id }) => id), expires: lastEpoch(unitsOf(p)) }])),
      settled: Object.fromEntries(settled.map(({ transaction, ...rest }) => [transaction, rest])),
      credited: Object.fromEntries(credited.map((c) => [`${c.payer}/${c.transaction}`,
        { transaction: c.transaction, payer: c.payer, amount: c.amount, digest: c.offer_digest, receipt: c.receipt, expires: c.expires }])),
      seen: Object.fromEntries(seen.map(({ unit_id, hop, expires }) => [unit_id, { hop, expires }])),
    };
    if (!purse) this.state.purse = null;
  }

  load() {}
  write(change) { change(this.state); }
}

/** What a session sees of a purse. */
function ownOf(purse, { state }) {
  const list = state.bulletin === null ? { k: 0, chunks: [] } : restored(state.bulletin).list;
  const { anchor } = state;
  const epoch = state.bulletin?.epoch ?? 0;
  return {
    self: parsePurseId(bytes(purse.purse_id)), privateKey: bytes(purse.private_key), anchor,
    schemeKeys: schemeKeysAt(anchor, epoch), policy: purse.policy, epoch, revoked: { has: (number) => has(list, BigInt(`0x${number}`)) },
  };
}

const purposeOf = ({ action, ...rest }, state) =>
  ({ kind: action, ...rest, payee: action === "redeliver" ? state.pending[rest.transaction].payee : rest.payee ?? null });

function handshake(group, input, purse) {
  return drawing([group.ephemeral_private_key, group.nonce], () => {
    const memory = new Memory(purse, group.memory);
    const own = ownOf(purse, memory);
    const side = new Handshake(own, group.role, purposeOf(group.purpose, memory.state));
    const said = group.role === "initiator" ? [side.start()] : [];
    for (const message of group.received) said.push(side.receive(bytes(message)));
    const sent = group.sent.map(bytes);
    assert.equal(said.length, sent.length);
    if (group.role === "initiator") assert.deepEqual(said, sent);
    // The order of the items of EAD_2 is free: what was sent counts.
    else if (sent.length > 0) side.schedule.after2(side.schedule.stream2(oneByteString(sent[0]).subarray(32)), own.self.raw);
    return code(() => side.receive(bytes(input)));
  });
}

/** The states of the table in chapter 7, as this wallet names them. */
const STATES = {
  "payer, waits for REQUEST": ["wait request", "responder"], "payer, OFFER sent": ["offered", "initiator"],
  "payer, PAY or REDELIVER sent": ["paid", "initiator"], "payee, REQUEST sent": ["requested", "initiator"],
  "payee, waits for OFFER": ["wait offer", "responder"], "payee, ACCEPT sent": ["accepted", "responder"],
};

function transfer(group, input, purse) {
  const memory = new Memory(purse, group.memory);
  const own = ownOf(purse, memory);
  const { number, public_key: key, holder, ...rest } = group.peer;
  const peer = { ...rest, number: bytes(number), publicKey: bytes(key), holder: bytes(holder) };
  const pays = group.purpose.action === "pay" || group.purpose.action === "redeliver";
  const [payer, payee] = pays ? [own.self, peer] : [peer, own.self];
  const [state, role] = STATES[group.state];
  const parties = { payer, payee, operation: operationFor(own.policy, payer, payee) };
  const session = newTransfer(memory, own, parties, purposeOf(group.purpose, memory.state), role);
  if (state === "accepted") session.receive(bytes(group.offer));
  session.state = state;
  if (pays && group.offer !== null) {
    const { transaction, amount, units } = parseOffer(bytes(group.offer));
    const held = units.map(({ unit, hop, history }) => ({ ...parseUnit(unit), unit, hop, history }));
    Object.assign(session, { transaction, amount, units: held, offer: bytes(group.offer), digest: sha256(bytes(group.offer)) });
  }
  return code(() => session.receive(bytes(input)));
}

function order({ memory, purpose }, { action, amount, payee, reference, transaction, role }, purse) {
  const wallet = new Purse(new Memory(purse, memory));
  const orders = {
    pay: () => wallet.pay(amount, payee), request: () => wallet.request(amount, reference), receive: () => wallet.receive(),
    redeliver: () => wallet.redeliver(transaction), open: () => wallet.open(role),
  };
  if (purpose !== null) wallet.purpose = purposeOf(purpose, wallet.store.state);
  return code(orders[action]);
}

function record({ suite, key, iv, number, max_record: longest }, input) {
  const probe = new Records({ aead: suite === 4 ? CHACHA : CCM_8, exporter: () => Buffer.concat([bytes(key), bytes(iv)]) }, "responder", longest);
  probe.receiving.count = number;
  return code(() => probe.open(bytes(input)));
}

const OPERATIONS = {
  item: (_, input) => code(() => decode(bytes(input))),
  message: (_, input) => code(() => parseMessage(bytes(input))),
  record,
  unit: ({ anchor, epoch }, input) => code(() => {
    const unit = parseUnit(bytes(input));
    verifyUnit(unit, takeAnchor(anchor));
    demand(epoch <= unit.expires, "unit-expired");
    checkValue(unit);
  }),
  "purse-id": ({ anchor }, input) => code(() => checkPurseId(bytes(input), takeAnchor(anchor))),
  "sealed-purse-id": ({ scheme_key: key }, input) => code(() => openPurseId({ idCred: ID_CRED, ead: [{ label: -65003, value: bytes(input) }] }, key)),
  endorsement: ({ public_key: key, fields: f }, input) => code(() => {
    const names = ["unit_id", "hop", "history_digest", "payer", "payee", "transaction"];
    const payload = encode(names.map((name) => (name === "hop" ? f.hop : bytes(f[name]))));
    demand(verifyDetached(bytes(key), CONTEXT.endorsement, payload, bytes(input)), "endorsement");
  }),
  receipt: ({ public_key: key, fields: f }, input) => code(() => {
    const fields = { transaction: bytes(f.transaction), payer: bytes(f.payer), payee: bytes(f.payee), amount: f.amount, digest: bytes(f.offer_digest) };
    demand(receiptVerifies(bytes(key), fields, bytes(input)), "receipt");
  }),
  handshake,
  idle: (_, input, purse) => code(() => new Purse(new Memory(purse)).deliver(bytes(input))),
  transfer,
  keys: ({ centre }, input, purse) => code(() => new Purse(new Memory(purse)).keys(centre, bytes(input))),
  "scheme-key": (_, input, purse) => code(() => new Purse(new Memory(purse)).schemeKey(input)),
  bulletin: (_, input, purse) => code(() => new Purse(new Memory(purse)).bulletin(bytes(input))),
  order,
  provision: ({ right }, input) => code(() => new Purse(new Memory(null)).provision({ ...right, ...input })),
};

for (const name of ["encoding", "objects", "session", "transfer", "holder"]) {
  test(`negative-${name}.json`, () => {
    const { purses = {}, groups } = load(`negative-${name}.json`);
    const wrong = [];
    for (const group of groups) {
      for (const { id, input, code: expected } of group.cases) {
        const found = OPERATIONS[group.operation](group, input, purses[group.purse] ?? null);
        if (found !== expected) wrong.push(`${id}: ${expected}, found ${found}`);
      }
    }
    assert.deepEqual(wrong, []);
  });
}
