// What this wallet has room for (EPP-POL-018), and how full its tables are (EPP-CRS-022).

/** The greatest of each size of a policy. */
export const ROOM = {
  capacity: 65535, max_bulletin: 1048576, max_record: 65535, max_given: 65536, max_credited: 65536, max_seen: 1048576,
};

const counting = (table, epoch) => Object.values(table).filter((entry) => epoch <= entry.expires).length;

/** Transactions given away that count: pending ones always, settled ones until their last unit has expired. */
export const given = (state, epoch) => Object.keys(state.pending).length + counting(state.settled, epoch);

/** Credited transactions that count. */
export const credited = (state, epoch) => counting(state.credited, epoch);

/** Units of the seen-set that count. */
export const seen = (state, epoch) => counting(state.seen, epoch);

/** Last epoch of the longest-lived of some units. */
export const lastEpoch = (units) => Math.max(...units.map((unit) => unit.expires));
