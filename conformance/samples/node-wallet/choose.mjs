// Which units make up an amount exactly (EPP-TRF-011, EPP-TRF-060). Units: {value, size, ...}.
import { Refusal } from "./codes.mjs";
import { MAX_MESSAGE } from "./messages.mjs";

const byWeight = (a, b) => a.weight - b.weight;
const head = (n) => (n < 24 ? 1 : n < 256 ? 2 : n < 65536 ? 3 : 5);

/** Size in bytes of the REDELIVER for these units: [{unit, hop, history}]. */
export function redeliverSize(units, amount) {
  const offered = units.map((u) => 1 + head(u.unit.length) + u.unit.length + head(u.hop) + head(u.history.length) + u.history.length);
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

/** Fewest bytes: from small values to large, pair what is not needed for the current bit (package-merge). */
function smallest(units, amount) {
  let packages = [];
  const chosen = [];
  for (let value = 1, left = amount; value <= 2 ** 40; value *= 2) {
    const own = units.filter((u) => u.value === value).map((u) => ({ weight: u.unit.length + u.history.length + 76, units: [u] }));
    packages = [...packages, ...own].sort(byWeight);
    if (left % 2 === 1) {
      if (packages.length === 0) return null;
      chosen.push(packages.shift());
    }
    left = Math.floor(left / 2);
    if (value === 2 ** 40) chosen.push(...packages.splice(0, left));
    const pairs = [];
    for (let i = 0; i + 1 < packages.length; i += 2) {
      pairs.push({ weight: packages[i].weight + packages[i + 1].weight, units: [...packages[i].units, ...packages[i + 1].units] });
    }
    packages = pairs;
  }
  const flat = chosen.flatMap((p) => p.units);
  return flat.reduce((sum, u) => sum + u.value, 0) === amount ? flat : null;
}

/**
 * Choose at most maxUnits units worth exactly the amount.
 * Refuses with `insufficient-funds`, `no-exact-change` or `too-large`.
 */
export function choose(units, amount, maxUnits) {
  if (units.reduce((sum, u) => sum + u.value, 0) < amount) throw new Refusal("insufficient-funds");
  const few = fewest(units, amount);
  if (few === null || few.length > maxUnits) throw new Refusal("no-exact-change");
  if (redeliverSize(few, amount) <= MAX_MESSAGE) return few;
  const small = smallest(units, amount);
  // EPP-TRF-060
  if (small === null || small.length > maxUnits || redeliverSize(small, amount) > MAX_MESSAGE) throw new Refusal("too-large");
  return small;
}
