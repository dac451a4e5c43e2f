// Which units make up an amount exactly (EPP-TRF-011, EPP-TRF-060, EPP-TRF-064, EPP-TRF-065). Units: {value, size, ...}.
import { Refusal } from "./codes.mjs";

const head = (n) => (n < 24 ? 1 : n < 256 ? 2 : n < 65536 ? 3 : 5);

/** Bytes that one unit adds to a REDELIVER, with its endorsement. */
const bytesOf = (u) =>
  1 + head(u.unit.length) + u.unit.length + head(u.hop) + head(u.history.length) + u.history.length + 66;

/** Size in bytes of the REDELIVER for these units: [{unit, hop, history}]. */
export function redeliverSize(units, amount) {
  const offered = units.map((u) => bytesOf(u) - 66);
  const amountHead = amount > 0xffffffff ? 9 : head(amount);
  const offer = 1 + 1 + 17 + amountHead + head(units.length) + offered.reduce((a, b) => a + b, 0);
  return 1 + 1 + head(offer) + offer + head(units.length) + units.length * 66;
}

/** Fewest units, and of one value the smallest: denominations divide each other, so greed is exact. */
function fewest(units, amount) {
  const sorted = [...units].sort((a, b) => b.value - a.value || a.history.length - b.history.length);
  const chosen = [];
  let left = amount;
  for (const unit of sorted) {
    if (unit.value > left) continue;
    chosen.push(unit);
    left -= unit.value;
  }
  return left === 0 ? chosen : null;
}

/**
 * Short enough, with at most maxUnits units: all values from large to small, keeping for each (demand left in this
 * value, units used) the fewest bytes. A demand above the number of units that may still be used is hopeless.
 */
function shortEnough(units, amount, { max_units: maxUnits, max_record: maxRecord }) {
  let states = new Map([["0 0", { demand: 0, bytes: 0, chosen: [] }]]);
  for (let value = 2 ** 40; value >= 1; value /= 2) {
    const own = units.filter((u) => u.value === value).sort((a, b) => bytesOf(a) - bytesOf(b));
    const bit = value === 2 ** 40 ? Math.floor(amount / value) : Math.floor(amount / value) % 2;
    const next = new Map();
    for (const { demand, bytes, chosen } of states.values()) {
      const wanted = 2 * demand + bit;
      for (let n = 0, sum = bytes; n <= Math.min(own.length, wanted, maxUnits - chosen.length); n++) {
        const left = wanted - n;
        const count = chosen.length + n;
        const known = next.get(`${left} ${count}`);
        if (left <= maxUnits - count && (known === undefined || sum < known.bytes)) {
          next.set(`${left} ${count}`, { demand: left, bytes: sum, chosen: [...chosen, ...own.slice(0, n)] });
        }
        if (n < own.length) sum += bytesOf(own[n]);
      }
    }
    states = next;
  }
  return [...states.values()]
    .filter(({ demand, chosen }) => demand === 0 && redeliverSize(chosen, amount) <= maxRecord)
    .map(({ chosen }) => chosen)[0];
}

/**
 * Choose units worth exactly the amount, within max_units and max_record of the policy.
 * Refuses with `insufficient-funds`, `no-exact-change` or `too-large`.
 */
export function choose(units, amount, policy) {
  if (units.reduce((sum, u) => sum + u.value, 0) < amount) throw new Refusal("insufficient-funds");
  const few = fewest(units, amount);
  if (few === null || few.length > policy.max_units) throw new Refusal("no-exact-change");
  if (redeliverSize(few, amount) <= policy.max_record) return few;
  const other = shortEnough(units, amount, policy);
  // EPP-TRF-060
  if (other === undefined) throw new Refusal("too-large");
  return other;
}
