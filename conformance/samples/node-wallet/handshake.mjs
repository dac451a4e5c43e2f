// States of the handshake (chapter 5), both sides, on top of edhoc.mjs.
// receive(raw) returns the answer or null; a Refusal it throws carries the answer to the peer as `out`.
import { decode, decodeSequence, encode, sequence } from "./cbor.mjs";
import { Refusal, as } from "./codes.mjs";
import * as edhoc from "./edhoc.mjs";
import { ID_CRED, checkPurseId, memberMac, openPurseId, sealPurseId } from "./identity.mjs";
import * as keys from "./keys.mjs";
import { operationFor } from "./policy.mjs";
import * as shape from "./shape.mjs";

const MAX_HANDSHAKE = 2048;
const VERSION_LABEL = 65001;
const MEMBER_LABEL = 65002;
const MEMBER_SIZE = 20;
const VERSIONS = [1];
const NO_ID = Buffer.alloc(0);
const NO_EAD = Buffer.alloc(0);
const VERSION = shape.int(1, 255);
const REFUSED = sequence(1, "");

/**
 * The value of `EPP version` among EAD items, or null. Unknown critical items are refused; where the item is not
 * permitted it is an unknown one (EPP-SES-010, EPP-SES-082 to 084). `known`: a further label, judged elsewhere.
 */
function versionItem(items, permitted, known = null) {
  let value = null;
  for (const item of items) {
    if (known !== null && Math.abs(Number(item.label)) === known) continue;
    if (permitted && item.label === -VERSION_LABEL && value === null) {
      if (item.value === null) throw new Refusal("malformed", "EPP version without a value");
      value = decode(item.value);
    } else if (item.label < 0 || (permitted && item.label === VERSION_LABEL)) {
      throw new Refusal("malformed", `EAD item ${item.label}`);
    }
  }
  return value;
}

function offeredVersions(value) {
  const versions = shape.list(VERSION)(value);
  const ascending = versions.every((v, i) => i === 0 || versions[i - 1] < v);
  if (versions.length === 0 || !ascending) throw new Refusal("malformed", "list of versions");
  return versions;
}

export class Handshake {
  /**
   * own: {self: parsed purse ID, privateKey, anchor, schemeKeys, policy, epoch, revoked: {has(hex)}} as of the opening;
   * purpose: {kind, payee?: hex}.
   */
  constructor(own, role, purpose) {
    this.own = own;
    this.schemeKey = own.schemeKeys.initiator; // of a responder: the one that the initiator used
    this.purpose = purpose;
    this.suites = [...edhoc.SUITES.keys()]; // most preferred first
    this.state = role === "initiator" ? "idle" : "wait message_1";
    this.peer = null;
    this.schedule = null;
    this.ephemeral = keys.random(32); // EPP-SES-011
  }

  /** message_1 of the initiator. */
  start() {
    const ead = sequence(-VERSION_LABEL, encode(VERSIONS)); // EPP-SES-006
    const before = Buffer.concat([sequence(0, this.suites[0], keys.xPublic(this.ephemeral), NO_ID), ead]);
    this.message1 = Buffer.concat([before, this.#member(before)]); // EPP-SES-037
    this.state = "wait message_2";
    return this.message1;
  }

  receive(raw) {
    const state = this.state;
    try {
      const first = state === "wait message_1";
      if (!first && edhoc.beginsWithInteger(raw)) return this.#ended(); // EPP-SES-018, EPP-SES-087
      // EPP-SES-026
      if (raw.length > MAX_HANDSHAKE) throw new Refusal("too-large", "handshake message");
      if (first && edhoc.isError(raw)) return this.#ended(); // EPP-SES-032
      switch (state) {
        case "wait message_1": return this.#message1(raw);
        case "wait message_2": return this.#message2(raw);
        case "wait message_3": return this.#message3(raw);
        case "wait message_4": return this.#message4(raw);
      }
      throw new Error(`handshake in state ${state}`);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.state = "closed"; // EPP-SES-017
      // EPP-SES-016
      if (error.out === undefined) error.out = REFUSED;
      throw error;
    }
  }

  /** The peer has sent an error: nothing is answered. */
  #ended() {
    this.state = "closed";
    return null;
  }

  /** The item `EPP member` after these bytes of message_1. */
  #member(before, schemeKey = this.schemeKey) {
    return sequence(-MEMBER_LABEL, memberMac(schemeKey, before));
  }

  /** Membership: the right item, at the end and only there (EPP-SES-038, EPP-SES-039, EPP-SES-041). */
  #checkMember(raw, ead) {
    const before = raw.subarray(0, -MEMBER_SIZE);
    // EPP-KEY-046
    this.schemeKey = this.own.schemeKeys.responder.find((key) =>
      keys.equal(raw.subarray(-MEMBER_SIZE), this.#member(before, key)));
    const items = ead.filter((item) => Math.abs(Number(item.label)) === MEMBER_LABEL);
    if (this.schemeKey === undefined || items.length !== 1 || items[0] !== ead.at(-1)) throw new Refusal("authentication", "not a member");
  }

  #message1(raw) {
    // EPP-SES-088: in this order
    const m = edhoc.parseMessage1(raw);
    if (m.method !== 0) throw new Refusal("malformed", "METHOD"); // EPP-SES-001
    this.#chooseSuite(m.suites);
    if (m.gx.length !== 32) throw new Refusal("malformed", "length of G_X");
    const value = versionItem(m.ead, true, MEMBER_LABEL);
    const common = value === null ? [] : offeredVersions(value).filter((v) => VERSIONS.includes(v));
    // EPP-SES-008
    if (common.length === 0) throw new Refusal("version");
    this.#checkMember(raw, m.ead); // EPP-SES-040
    const shared = this.#shared(m.gx);

    const { self } = this.own;
    const gy = keys.xPublic(this.ephemeral);
    this.schedule = new edhoc.Schedule(this.aead, raw, gy, shared);
    const version = sequence(-VERSION_LABEL, encode(Math.max(...common))); // EPP-SES-007
    const ead = Buffer.concat([version, sealPurseId(self.raw, this.schemeKey)]);
    const signature = keys.sign(this.own.privateKey, this.schedule.signed2(NO_ID, ID_CRED, self.raw, ead));
    const plaintext = Buffer.concat([sequence(NO_ID, edhoc.shortKid(ID_CRED), signature), ead]);
    const message2 = encode(Buffer.concat([gy, this.schedule.stream2(plaintext)]));
    this.schedule.after2(plaintext, self.raw);
    this.state = "wait message_3";
    return message2;
  }

  #message2(raw) {
    const body = edhoc.oneByteString(raw);
    if (body.length < 32) throw new Refusal("malformed", "message_2 too short"); // EPP-SES-086
    const gy = body.subarray(0, 32);
    this.aead = edhoc.SUITES.get(this.suites[0]);
    this.schedule = new edhoc.Schedule(this.aead, this.message1, gy, this.#shared(gy));
    const plaintext = this.schedule.stream2(body.subarray(32));
    const parsed = as("authentication", () => edhoc.parsePlaintext(plaintext, true));
    const { peer, rest } = this.#authenticate(parsed, (credential) =>
      this.schedule.signed2(parsed.cR, parsed.idCred, credential, parsed.eadRaw));
    const value = versionItem(rest, true);
    // EPP-SES-009
    if (value === null || !VERSIONS.includes(VERSION(value))) throw new Refusal("version");
    this.#admit(peer);

    const { self } = this.own;
    this.schedule.after2(plaintext, peer.raw);
    const ead3 = sealPurseId(self.raw, this.schemeKey);
    const signature = keys.sign(this.own.privateKey, this.schedule.signed3(ID_CRED, self.raw, ead3));
    const plaintext3 = Buffer.concat([sequence(edhoc.shortKid(ID_CRED), signature), ead3]);
    const message3 = encode(this.schedule.seal3(plaintext3));
    this.schedule.after3(plaintext3, self.raw);
    this.state = "wait message_4";
    return message3;
  }

  #message3(raw) {
    const plaintext = this.schedule.open3(edhoc.oneByteString(raw));
    if (plaintext === null) throw new Refusal("authentication", "message_3 does not open");
    const parsed = as("authentication", () => edhoc.parsePlaintext(plaintext, false));
    const { peer, rest } = this.#authenticate(parsed, (credential) =>
      this.schedule.signed3(parsed.idCred, credential, parsed.eadRaw));
    versionItem(rest, false);
    this.#admit(peer);
    this.schedule.after3(plaintext, peer.raw);
    this.state = "open";
    return encode(this.schedule.seal4(NO_EAD)); // EPP-SES-014
  }

  #message4(raw) {
    const plaintext = this.schedule.open4(edhoc.oneByteString(raw));
    // EPP-SES-015
    if (plaintext === null) throw new Refusal("authentication", "message_4 does not open");
    versionItem(as("authentication", () => edhoc.parseEad(decodeSequence(plaintext))), false);
    this.state = "open";
    return null;
  }

  #chooseSuite(offered) {
    const selected = offered.at(-1);
    const before = offered.slice(0, -1).some((suite) => this.suites.includes(suite));
    // EPP-SES-004, EPP-SES-005, EPP-SES-061
    if (!this.suites.includes(selected) || before) {
      const own = this.suites.length === 1 ? this.suites[0] : this.suites;
      throw Object.assign(new Refusal("suite", `suites ${offered}`), { out: sequence(2, own) });
    }
    this.aead = edhoc.SUITES.get(selected);
  }

  #shared(theirs) {
    const shared = keys.x25519(this.ephemeral, theirs);
    // EPP-SES-012
    if (shared === null) throw new Refusal("authentication", "all-zero shared secret");
    return shared;
  }

  /** Purse ID and handshake signature of the peer, in the order of EPP-SES-025; and the `rest` of its EAD items. */
  #authenticate(parsed, signed) {
    const { raw, rest } = openPurseId(parsed, this.schemeKey);
    const peer = checkPurseId(raw, this.own.anchor);
    // EPP-SES-013
    if (!keys.verify(peer.publicKey, signed(raw), parsed.signature)) {
      throw new Refusal("authentication", "handshake signature");
    }
    return { peer, rest };
  }

  /** What follows the proof of identity in EPP-SES-025. */
  #admit(peer) {
    const { self, policy, epoch, revoked } = this.own;
    if (epoch > peer.expires) throw new Refusal("purse-expired"); // EPP-PID-004
    if (peer.number.equals(self.number) || peer.publicKey.equals(self.publicKey)) throw new Refusal("same-purse");
    if (revoked.has(peer.number.toString("hex"))) throw new Refusal("purse-revoked"); // EPP-SES-022
    const paying = this.purpose.kind === "pay" || this.purpose.kind === "redeliver";
    this.payer = paying ? self : peer;
    this.payee = paying ? peer : self;
    this.operation = operationFor(policy, this.payer, this.payee);
    if (this.operation === undefined) throw new Refusal("role-pair"); // EPP-SES-023
    const { kind, payee } = this.purpose;
    // EPP-SES-024
    if (kind === "redeliver" && payee !== peer.number.toString("hex")) throw new Refusal("transaction", "other payee");
    // EPP-TRF-080
    if (kind === "pay" && payee !== null && payee !== peer.number.toString("hex")) throw new Refusal("wrong-payee");
    this.peer = peer;
  }
}
