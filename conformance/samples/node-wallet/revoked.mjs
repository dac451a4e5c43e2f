// The code of a list of purse numbers (chapter 4, code of a list). Numbers are bigints; a list is
// {count, k, chunks: [[first number, Buffer], ...]}.
import { Refusal } from "./codes.mjs";

const CHUNK = 4096;
const NUMBER_MAX = 2n ** 64n - 1n;
const OCTETS = Array.from({ length: 256 }, (_, byte) => byte.toString(2).padStart(8, "0"));

/** k of a list: the greatest with count x 2^k <= last. EPP-BUL-016 */
function parameter(count, last) {
  if (count === 0) return 0;
  let k = 0;
  while (BigInt(count) << BigInt(k + 1) <= last) k++;
  return k;
}

/** Bits that a gap takes. */
const length = (gap, k) => Number(gap >> BigInt(k)) + 1 + k;

/** Read one chunk, `take` each of its numbers. Returns {last, used: bits of code}. */
function readChunk([first, bytes], k, take) {
  const bits = Array.from(bytes, (byte) => OCTETS[byte]).join("");
  const low = BigInt(k);
  let [last, at] = [first, 0];
  take(first);
  for (let zero = bits.indexOf("0"); zero >= 0; zero = bits.indexOf("0", at)) {
    const end = zero + 1 + k;
    // EPP-BUL-013
    if (end > bits.length) throw new Refusal("malformed", "a chunk ends within a code word");
    last += (BigInt(zero - at) << low) + BigInt(`0b${bits.slice(zero, end)}`) + 1n;
    // EPP-BUL-014
    if (last > NUMBER_MAX) throw new Refusal("malformed", "a number above 2^64 - 1");
    take(last);
    at = end;
  }
  // EPP-BUL-015
  if (bits.length - at >= 8) throw new Refusal("malformed", "eight one-bits or more at the end of a chunk");
  return { last, used: at };
}

/** The numbers of a list, as an array. Refuses with `malformed` what is not the one code of a list. */
export function read({ count, k, chunks }) {
  const numbers = [];
  let [last, used] = [0n, 0];
  for (const chunk of chunks) {
    const [first] = chunk;
    // EPP-BUL-003
    if (first <= last) throw new Refusal("malformed", "chunks do not ascend");
    const gap = first - last - 1n;
    // EPP-BUL-018
    if (last > 0n && used + length(gap, k) <= 8 * CHUNK) throw new Refusal("malformed", "a chunk has room left");
    ({ last, used } = readChunk(chunk, k, (number) => numbers.push(number)));
  }
  // EPP-BUL-017
  if (BigInt(count) !== BigInt(numbers.length)) throw new Refusal("malformed", "another count");
  if (k !== parameter(numbers.length, last)) throw new Refusal("malformed", "another k");
  return numbers;
}

/** The list of ascending numbers, in its code. */
export function write(numbers) {
  const k = parameter(numbers.length, numbers.at(-1) ?? 0n);
  const mask = (1n << BigInt(k)) - 1n;
  const chunks = [];
  let [words, used, last] = [[], 0, 0n];
  const close = () => {
    const bits = words.join("");
    const filled = bits.padEnd(Math.ceil(bits.length / 8) * 8, "1");
    if (chunks.length > 0) chunks.at(-1)[1] = Buffer.from((filled.match(/.{8}/g) ?? []).map((octet) => parseInt(octet, 2)));
  };
  for (const number of numbers) {
    const gap = number - last - 1n;
    if (chunks.length === 0 || used + length(gap, k) > 8 * CHUNK) {
      close();
      chunks.push([number, null]);
      [words, used] = [[], 0];
    } else {
      words.push("1".repeat(Number(gap >> BigInt(k))), (gap & mask).toString(2).padStart(k + 1, "0"));
      used += length(gap, k);
    }
    last = number;
  }
  close();
  return { count: numbers.length, k, chunks };
}

/** Whether a list that was read once has a number; reads one chunk. */
export function has({ k, chunks }, number) {
  let [low, high] = [0, chunks.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (chunks[middle][0] <= number) low = middle + 1;
    else high = middle;
  }
  let found = false;
  if (low > 0) readChunk(chunks[low - 1], k, (other) => (found ||= other === number));
  return found;
}

/** Numbers without those removed and with those added; all arrays ascend. EPP-BUL-022 */
export function change(numbers, removed, added) {
  const [held, gone] = [new Set(numbers), new Set(removed)];
  if (removed.some((number) => !held.has(number))) throw new Refusal("malformed", "removes what is not in the list");
  if (added.some((number) => held.has(number))) throw new Refusal("malformed", "adds what is in the list");
  const left = numbers.filter((number) => !gone.has(number));
  return [...left, ...added].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}
