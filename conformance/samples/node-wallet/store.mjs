// Durable store: one JSON file, replaced atomically; one write per commit point (chapter 8).
// Power cuts of the adapter are armed here, since only here "before" and "after" a write have a meaning.
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { sha256 } from "./keys.mjs";

/** Thrown where the power fails. Whoever catches it must drop everything volatile. */
export class PowerCut extends Error {}

const EMPTY = {
  purse: null, anchor: null, policy: null, bulletin: null,
  units: {}, pending: {}, settled: {}, credited: {}, seen: {},
};

export class Store {
  constructor() {
    this.temporary = null;
    this.open(null);
  }

  /** Go on with what is in `directory`, or with nothing in a temporary one. */
  open(directory) {
    this.remove();
    if (directory === null) this.temporary = fs.mkdtempSync(path.join(os.tmpdir(), "node-wallet-"));
    this.directory = directory ?? this.temporary;
    this.file = path.join(this.directory, "purse.json");
    this.writes = 0;
    this.armed = null;
    this.load();
  }

  /** Erase everything, also the count of writes. */
  reset() {
    fs.rmSync(this.file, { force: true });
    this.writes = 0;
    this.armed = null;
    this.load();
  }

  /** Read the file again, as after a restart. */
  load() {
    this.text = fs.existsSync(this.file) ? fs.readFileSync(this.file, "utf8") : JSON.stringify(EMPTY);
    this.state = JSON.parse(this.text);
  }

  /** Digest (32 bytes) of all that is durable. */
  digest() {
    return sha256(this.text);
  }

  /** Cut the power "before" or "after" the n-th write from now; null disarms. */
  arm(when, n) {
    this.armed = when === null ? null : { when, left: n };
  }

  /** One durable write: `change` edits a copy of the state, which replaces it whole or not at all. */
  write(change) {
    const next = JSON.parse(this.text);
    change(next);
    const text = JSON.stringify(next);
    const due = this.armed !== null && --this.armed.left === 0 ? this.armed.when : null;
    if (due !== null) this.armed = null;
    if (due === "before") throw new PowerCut();
    this.#replace(text);
    this.writes += 1;
    if (due === "after") throw new PowerCut();
    this.text = text;
    this.state = next;
  }

  #replace(text) {
    const temporary = `${this.file}.new`;
    const handle = fs.openSync(temporary, "w", 0o600);
    fs.writeFileSync(handle, text);
    fs.fsyncSync(handle);
    fs.closeSync(handle);
    fs.renameSync(temporary, this.file);
    const directory = fs.openSync(this.directory, "r");
    fs.fsyncSync(directory);
    fs.closeSync(directory);
  }

  /** Remove the temporary directory, if there is one (the adapter's `stop`). */
  remove() {
    if (this.temporary !== null) fs.rmSync(this.temporary, { recursive: true, force: true });
    this.temporary = null;
  }
}
