// What this wallet has room for (EPP-POL-018), and how full its tables are (EPP-CRS-022).

/** The greatest of each size of a policy. */
export const ROOM = {
  capacity: 65535, max_bulletin: 1048576, max_record: 65535, max_given: 65536, max_credited: 65536, max_seen: 1048576,
};

const counting = (table, epoch) => Object.values(table).filter((entry) => epoch <= entry.expires).length;

/** EPP-CRS-030 */
export const lapsed = (pending, policy, epoch) => epoch > pending.expires + policy.claim_grace;

const pendings = (state, policy, epoch) => Object.values(state.pending).filter((p) => !lapsed(p, policy, epoch));

/** Transactions given away that count: pending ones until they lapse, settled ones until their last unit has expired. */
export const given = (state, policy, epoch) => pendings(state, policy, epoch).length + counting(state.settled, epoch);

/** Spendable and pending units that count against the capacity, and the value of the spendable ones (EPP-CRS-032). */
export function held(state, policy, epoch) {
  const here = Object.values(state.units).filter((unit) => epoch <= unit.expires);
  const away = pendings(state, policy, epoch).reduce((n, p) => n + p.units.length, 0);
  return { count: here.length + away, value: here.reduce((sum, unit) => sum + unit.value, 0) };
}

/** Credited transactions that count. */
export const credited = (state, epoch) => counting(state.credited, epoch);

/** Units of the seen-set that count. */
export const seen = (state, epoch) => counting(state.seen, epoch);

/** Last epoch of the longest-lived of some units. */
export const lastEpoch = (units) => Math.max(...units.map((unit) => unit.expires));
