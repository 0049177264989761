import {Breather} from './slices.ts';

const RUN = 512;
const ROWS_PER_LOOK = 256;

/**
 * Sorts large arrays without holding the event loop: sorted input is only checked, else runs are
 * sorted and merged with turns between.
 */
export async function sortInSlices<T>(
  items: T[],
  compare: (a: T, b: T) => number,
  breather: Breather = new Breather(),
): Promise<T[]> {
  if (items.length <= RUN) return items.sort(compare);
  if (await isSorted(items, compare, breather)) return items;
  let runs: T[][] = [];
  for (let from = 0; from < items.length; from += RUN) {
    runs.push(items.slice(from, from + RUN).sort(compare));
    if (breather.isDue) await breather.rest();
  }
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let i = 0; i < runs.length; i += 2) {
      const right = runs[i + 1];
      merged.push(right === undefined ? runs[i]! : await merge(runs[i]!, right, compare, breather));
    }
    runs = merged;
  }
  return runs[0]!;
}

async function isSorted<T>(
  items: readonly T[],
  compare: (a: T, b: T) => number,
  breather: Breather,
): Promise<boolean> {
  for (let i = 1; i < items.length; i++) {
    if (compare(items[i - 1]!, items[i]!) > 0) return false;
    if (i % ROWS_PER_LOOK === 0 && breather.isDue) await breather.rest();
  }
  return true;
}

async function merge<T>(
  left: readonly T[],
  right: readonly T[],
  compare: (a: T, b: T) => number,
  breather: Breather,
): Promise<T[]> {
  const out: T[] = [];
  let l = 0;
  let r = 0;
  while (l < left.length && r < right.length) {
    out.push(compare(left[l]!, right[r]!) <= 0 ? left[l++]! : right[r++]!);
    if (out.length % ROWS_PER_LOOK === 0 && breather.isDue) await breather.rest();
  }
  while (l < left.length) out.push(left[l++]!);
  while (r < right.length) out.push(right[r++]!);
  return out;
}
