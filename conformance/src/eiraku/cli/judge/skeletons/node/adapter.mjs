// An adapter in JavaScript for Node 18 or later, without packages: it speaks the protocol and has no wallet
// behind it.
//
// Put calls to your wallet where it says HERE. As it stands it refuses every order, and so it can never pass.

import { createInterface } from "node:readline";

const SUPPORTED_PROTOCOL = 1;

/** The input is at fault, and the wallet knows why: `code` is a name of chapter 10 of the specification. */
class Refusal extends Error {
  constructor(code, detail = "") {
    super(detail || code);
    this.code = code;
  }
}

/** What the wallet wants to tell its peer, and whether the session goes on. */
const progress = (out, session) => ({ out: out === null ? null : Buffer.from(out).toString("hex"), session });

// One function per verb. It gets the request and returns the fields of an accepted response. It throws
// Refusal if the input is at fault; any other exception is the wallet's own fault.
const verbs = {
  start({ protocol, seed }) {
    if (protocol.min > SUPPORTED_PROTOCOL || protocol.max < SUPPORTED_PROTOCOL) {
      throw new Error(`this adapter speaks protocol ${SUPPORTED_PROTOCOL} only`);
    }
    // HERE: keep `seed` if the wallet can draw all its randomness from it; then declare "deterministic".
    return {
      protocol: SUPPORTED_PROTOCOL,
      name: "Skeleton",
      version: "0",
      // Declare what works. All five are needed to certify; "suite-0" and "deterministic" are optional.
      capabilities: ["initiator", "responder", "payer", "payee", "power-cut"],
      // HERE: how much the wallet can hold (EPP-POL-018); it refuses a policy that asks for more.
      room: {
        capacity: 256,
        max_bulletin: 65536,
        max_record: 32768,
        max_given: 1024,
        max_credited: 1024,
        max_seen: 4096,
      },
    };
  },

  reset() {
    // HERE: forget the purse, the money and the session.
    return {};
  },

  provision({ purse, anchor, policy, bulletin, holdings }) {
    // HERE: give the wallet Buffer.from(purse.private_key, "hex") and so on; refuse only what does not fit.
    throw new Refusal("provision", "there is no wallet here yet");
  },

  act({ action, amount, payee, reference, transaction, bulletin, centre, keys, key }) {
    // HERE: pay, request, receive and redeliver say what the next session is for; bulletin, keys and
    // scheme-key are deliveries.
    throw new Refusal("not-provisioned");
  },

  open({ role }) {
    // HERE: an initiator returns progress(message1, "open"), a responder progress(null, "open").
    throw new Refusal("not-provisioned");
  },

  deliver({ data }) {
    // HERE: const { answer, over } = wallet.receive(Buffer.from(data, "hex"));
    //       return progress(answer, over ? "closed" : "open");
    // A Refusal here also says what the wallet answers its peer: see inSession below.
    throw new Refusal("unexpected-message");
  },

  state() {
    // HERE: read all of it from durable storage. The digest changes if and only if something else does.
    return {
      balance: 0,
      epoch: 0,
      units: [],
      pending: [],
      credited: [],
      settled: [],
      writes: 0,
      digest: "00".repeat(32),
    };
  },

  power_cut({ when, write }) {
    // HERE: "now": drop everything that is not on disk and load again. "before" and "after": do so at the
    // write-th durable write from now; the request it happens in is answered { outcome: "power-cut" }. As
    // long as nothing is ever written, there is nothing to lose.
    return {};
  },

  stop() {
    return {};
  },
};

/** open and deliver tell the peer something and have a session even when they refuse. */
const inSession = (verb, error) =>
  verb === "open" || verb === "deliver" ? progress(error.out ?? null, error.session ?? "closed") : {};

function answer(line) {
  let request;
  try {
    request = JSON.parse(line);
  } catch (error) {
    return { seq: 0, outcome: "errored", detail: `no JSON: ${error.message}` };
  }
  if (!Number.isInteger(request?.seq)) {
    return { seq: 0, outcome: "errored", detail: "expected an object with an integer seq" };
  }
  const { seq, verb } = request;
  if (!Object.hasOwn(verbs, verb)) {
    return { seq, outcome: "unsupported" };
  }
  try {
    return { seq, outcome: "accepted", ...verbs[verb](request) };
  } catch (error) {
    if (error instanceof Refusal) {
      return { seq, outcome: "rejected", code: error.code, detail: error.message, ...inSession(verb, error) };
    }
    console.error(error); // standard error is kept for the report; standard output is for answers only
    return { seq, outcome: "errored", detail: String(error.message) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const response = answer(line);
  process.stdout.write(`${JSON.stringify(response)}\n`);
  if (response.outcome === "accepted" && JSON.parse(line).verb === "stop") {
    break;
  }
}
