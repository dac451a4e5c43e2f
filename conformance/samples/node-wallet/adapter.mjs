// Adapter: one JSON request per line on standard input, one response per line on standard output.
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { Refusal } from "./codes.mjs";
import { Purse } from "./purse.mjs";
import { ROOM } from "./room.mjs";
import { PowerCut, Store } from "./store.mjs";

const PROTOCOL = 1;
const CAPABILITIES = ["initiator", "responder", "payer", "payee", "power-cut", "store", "suite-0"];

const hex = (bytes) => (bytes === null ? null : bytes.toString("hex"));

export class Adapter {
  constructor() {
    this.store = new Store();
    this.purse = new Purse(this.store);
    this.started = false;
  }

  /** One request object to one response object; never throws. */
  handle(request) {
    const seq = Number.isSafeInteger(request?.seq) ? request.seq : 0;
    try {
      return { seq, ...this.#answer(request) };
    } catch (error) {
      if (error instanceof PowerCut) {
        this.purse.restart();
        return { seq, outcome: "power-cut" };
      }
      if (error instanceof Refusal) return { seq, ...this.#rejected(request.verb, error) };
      return { seq, outcome: "errored", detail: String(error.stack ?? error) };
    }
  }

  #rejected(verb, error) {
    const base = { outcome: "rejected", code: error.code, detail: error.detail };
    if (verb !== "open" && verb !== "deliver") return base;
    return { ...base, out: hex(error.out ?? null), session: "closed" };
  }

  #answer(request) {
    const verbs = {
      start: () => this.#start(request),
      reset: () => this.#reset(),
      provision: () => this.#done(this.purse.provision(request)),
      act: () => this.#act(request),
      open: () => this.#progress(this.purse.open(request.role)),
      deliver: () => this.#progress(this.purse.deliver(Buffer.from(request.data, "hex"))),
      state: () => ({ outcome: "accepted", ...this.purse.report() }),
      power_cut: () => this.#powerCut(request),
      stop: () => this.#done(this.store.remove()),
    };
    if (!Object.hasOwn(verbs, request.verb)) return { outcome: "unsupported" };
    if (!this.started && request.verb !== "start" && request.verb !== "stop") throw new Error("start comes first");
    return verbs[request.verb]();
  }

  #done() {
    return { outcome: "accepted" };
  }

  #progress({ out, open }) {
    return { outcome: "accepted", out: hex(out), session: open ? "open" : "closed" };
  }

  /** The store may be that of a process that was killed: whatever is in it holds. */
  #start({ protocol, store }) {
    if (protocol.min > PROTOCOL || protocol.max < PROTOCOL) throw new Error("no common adapter protocol");
    this.store.open(store ?? null);
    this.purse.restart();
    this.started = true;
    return { outcome: "accepted", protocol: PROTOCOL, name: "node-wallet", version: "1", capabilities: CAPABILITIES, room: ROOM };
  }

  #reset() {
    this.store.reset();
    this.purse.restart();
    return this.#done();
  }

  #act(request) {
    const actions = {
      pay: () => this.purse.pay(request.amount, request.payee),
      request: () => this.purse.request(request.amount, request.reference),
      receive: () => this.purse.receive(),
      redeliver: () => this.purse.redeliver(request.transaction),
      bulletin: () => this.purse.bulletin(Buffer.from(request.bulletin, "hex")),
      keys: () => this.purse.keys(request.centre, Buffer.from(request.keys, "hex")),
      "scheme-key": () => this.purse.schemeKey(request.key),
    };
    if (!Object.hasOwn(actions, request.action)) return { outcome: "unsupported" };
    return this.#done(actions[request.action]());
  }

  #powerCut({ when, write }) {
    if (when === "now") this.purse.restart();
    else if (when === "never") this.store.arm(null);
    else this.store.arm(when, write);
    return this.#done();
  }
}

async function main() {
  const adapter = new Adapter();
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    let request = null;
    try {
      request = JSON.parse(line);
    } catch {
      // handled below: not an object
    }
    const response = request !== null && typeof request === "object"
      ? adapter.handle(request)
      : { seq: 0, outcome: "errored", detail: "not a JSON object" };
    process.stdout.write(`${JSON.stringify(response)}\n`);
    if (request?.verb === "stop") break;
  }
  adapter.store.remove();
  process.stdin.destroy();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await main();
