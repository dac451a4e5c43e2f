// Policy (chapter 9): validity, and the operation that applies to a pair of purses.
import { Refusal } from "./codes.mjs";
import { ROLES } from "./identity.mjs";
import { historySize } from "./money.mjs";
import { ROOM } from "./room.mjs";

const fail = (detail) => {
  throw new Refusal("policy", detail);
};

function names(object, expected, where) {
  if (object === null || typeof object !== "object" || Array.isArray(object)) fail(`${where} is no table`);
  const got = Object.keys(object);
  if (got.length !== expected.length || !expected.every((name) => got.includes(name))) fail(`names in ${where}`);
}

function range(value, low, high, where) {
  if (!Number.isSafeInteger(value) || value < low || value > high) fail(`${where} outside ${low}..${high}`);
}

function limits(table, where) {
  if (table === null || typeof table !== "object" || Array.isArray(table)) fail(`${where} is no table`);
  let last = 0;
  for (let tier = 0; tier <= 7; tier++) {
    if (!(tier in table)) continue;
    range(table[tier], 0, Number.MAX_SAFE_INTEGER, where);
    if (table[tier] < last) fail(`${where} falls as the tier rises`);
    last = table[tier];
  }
  if (Object.keys(table).some((tier) => !/^[0-7]$/.test(tier))) fail(`tier in ${where}`);
}

function roles(list, where) {
  const known = Array.isArray(list) && list.every((role) => ROLES.has(role));
  if (!known || list.length === 0 || new Set(list).size !== list.length) fail(`roles in ${where}`);
}

const SIZES = ["capacity", "max_bulletin", "max_record", "max_given", "max_credited", "max_seen"];

/** EPP-POL-016 to EPP-POL-018 */
function sizes(policy) {
  if (policy.max_seen < policy.capacity) fail("max_seen below capacity");
  if (policy.max_record < 366 + historySize(Math.min(policy.max_hops + 1, 254))) fail("max_record too short");
  for (const name of SIZES) if (policy[name] > ROOM[name]) fail(`${name} above ${ROOM[name]}`);
}

/** Refuse an invalid policy with `policy` (EPP-POL-001, EPP-POL-006 to EPP-POL-018). */
export function checkPolicy(policy) {
  names(policy, ["max_units", "max_hops", ...SIZES, "min_life", "claim_grace", "balance_limits", "operations"], "policy");
  range(policy.max_units, 1, 64, "max_units");
  range(policy.capacity, 1, 65535, "capacity");
  range(policy.max_bulletin, 4096, 1048576, "max_bulletin");
  range(policy.max_hops, 1, 255, "max_hops");
  range(policy.max_record, 1, 65535, "max_record");
  for (const name of ["max_given", "max_credited", "max_seen"]) range(policy[name], 1, 0xffffffff, name);
  for (const name of ["min_life", "claim_grace"]) range(policy[name], 0, 0xffffffff, name);
  sizes(policy);
  limits(policy.balance_limits, "balance_limits");
  if (!Array.isArray(policy.operations)) fail("operations");
  const taken = new Set();
  for (const operation of policy.operations) {
    names(operation, ["name", "payer", "payee", "same_holder", "min_amount", "limits"], "operation");
    // EPP-POL-012
    if (typeof operation.name !== "string" || operation.name === "") fail("name of operation");
    if (typeof operation.same_holder !== "boolean") fail("same_holder");
    roles(operation.payer, "payer");
    roles(operation.payee, "payee");
    range(operation.min_amount, 1, Number.MAX_SAFE_INTEGER, "min_amount");
    // EPP-POL-030
    if (operation.min_amount > 1 && operation.payee.some((role) => ROLES.get(role) >= 3)) fail("min_amount of the way home");
    limits(operation.limits, "limits");
    const pairs = new Set(
      operation.payer.flatMap((a) => operation.payee.map((b) => `${a} ${b} ${operation.same_holder}`)),
    );
    for (const pair of pairs) {
      if (taken.has(pair)) fail(`two operations for ${pair}`);
      taken.add(pair);
    }
  }
}

const roleName = (number) => [...ROLES.keys()][number - 1];

/** The operation for a payer and a payee (parsed purse IDs), or undefined (EPP-POL-002, EPP-POL-003). */
export function operationFor(policy, payer, payee) {
  const same = payer.holder.equals(payee.holder);
  return policy.operations.find(
    (o) => o.same_holder === same && o.payer.includes(roleName(payer.role)) && o.payee.includes(roleName(payee.role)),
  );
}

/** Whether any operation lets this purse pay the issuing centre (EPP-KEY-040). */
export const mayPayCentre = (policy, self) =>
  policy.operations.some((o) => o.payer.includes(roleName(self.role)) && o.payee.includes("centre"));

const limitOf = (table, tier) => table[tier] ?? 0;

/** EPP-POL-005 */
export const transferLimit = (operation, payer, payee) =>
  Math.min(limitOf(operation.limits, payer.tier), limitOf(operation.limits, payee.tier));

/** Largest amount for this purse as `side` ("payer", "payee") in any operation (EPP-TRF-010, EPP-TRF-068). */
export const highestLimit = (policy, self, side) =>
  Math.max(
    0,
    ...policy.operations.filter((o) => o[side].includes(roleName(self.role))).map((o) => limitOf(o.limits, self.tier)),
  );

/** Least amount for this purse as `side` in any operation (EPP-TRF-085, EPP-TRF-088). */
export const leastAmount = (policy, self, side) =>
  Math.min(...policy.operations.filter((o) => o[side].includes(roleName(self.role))).map((o) => o.min_amount));

export const balanceLimit = (policy, tier) => limitOf(policy.balance_limits, tier);
