import {setImmediate as nextTurn} from 'node:timers/promises';
import {PgError} from '../../common/errors.ts';
import type {Datum} from '../../types/contract.ts';
import {END, PAUSE, type Storage, type StorageIndex, type TableStorage} from '../contract.ts';
import {readCell} from '../hot/cells.ts';
import {KeyCodec} from '../hot/key-codec.ts';
import {hashKey} from '../segment-keys.ts';

const BUCKETS = 256;
const ROWS_PER_TURN = 8192;
const MOST = 100;

type Each = (rid: number, owner: number, row: readonly Datum[]) => void;

/** Checks that row ids and unique keys are unique over hot rows and segments together; one line per key that is not. */
export async function checkKeys(storage: Storage, table: TableStorage): Promise<readonly string[]> {
  if (table.kind === 'stream' || table.persistence === 't') return [];
  try {
    return await repeatedIn(storage, table);
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    return [`table ${table.namespace}.${table.name}: its rows cannot be read: ${error.message}`];
  }
}

async function repeatedIn(storage: Storage, table: TableStorage): Promise<readonly string[]> {
  const indexes = table.indexes.filter(index => index.isUnique);
  const codecs = indexes.map(index => new KeyCodec(index));
  const rids = new Hashes();
  const keys = indexes.map(() => new Hashes());
  const name = `${table.namespace}.${table.name}`;
  await eachRow(storage, table, (rid, owner, row) => {
    rids.add(rid);
    for (let i = 0; i < codecs.length; i++) {
      const key = keyOf(codecs[i]!, owner, row);
      if (key !== null) keys[i]!.add(hashKey(key));
    }
  });
  const findings = (await rids.repeated()).map(
    rid => `table ${name}: row ${rid} is stored more than once`,
  );
  for (let i = 0; i < indexes.length; i++) {
    const suspects = new Set(await keys[i]!.repeated());
    if (suspects.size === 0) continue;
    findings.push(...(await repeatedKeys(storage, table, indexes[i]!, suspects)));
  }
  return findings.slice(0, MOST);
}

/** Looks at the rows whose hashes meet: equal hashes are not yet equal keys. */
async function repeatedKeys(
  storage: Storage,
  table: TableStorage,
  index: StorageIndex,
  suspects: ReadonlySet<number>,
): Promise<string[]> {
  const codec = new KeyCodec(index);
  const seen = new Map<string, number>();
  const findings: string[] = [];
  await eachRow(storage, table, (rid, owner, row) => {
    const key = keyOf(codec, owner, row);
    if (key === null || !suspects.has(hashKey(key))) return;
    const first = seen.get(key);
    if (first === undefined) seen.set(key, rid);
    else
      findings.push(
        `index ${table.namespace}.${index.name}: rows ${first} and ${rid} have the same key`,
      );
  });
  return findings;
}

function keyOf(codec: KeyCodec, owner: number, row: readonly Datum[]): string | null {
  const key = codec.ofRow(row);
  return key === null ? null : `${owner}/${key}`;
}

async function eachRow(storage: Storage, table: TableStorage, each: Each): Promise<void> {
  const tx = storage.begin({
    isolation: 'repeatable read',
    isReadOnly: true,
    databaseOid: table.databaseOid,
    waiter: {pid: 0, lockTimeoutMs: () => 0, deadlockTimeoutMs: () => 1000},
    pinsSnapshot: true,
  });
  tx.beginStatement();
  const width = table.columns.length;
  const cursor = tx.scan({
    table,
    owner: null,
    columns: [...table.columns.keys(), 'rid', 'owner'],
    predicates: [],
    lookup: null,
    order: null,
  });
  const row: Datum[] = table.columns.map(() => null);
  let rows = 0;
  try {
    for (;;) {
      const batch = cursor.next(1024);
      if (batch === END) return;
      if (batch === PAUSE) {
        await (cursor.pause ?? nextTurn());
        continue;
      }
      const {vectors, selection, count} = batch;
      for (let i = 0; i < count; i++) {
        const at = selection === null ? i : selection[i]!;
        for (let column = 0; column < width; column++) row[column] = readCell(vectors[column]!, at);
        each(Number(readCell(vectors[width]!, at)), Number(readCell(vectors[width + 1]!, at)), row);
      }
      rows += count;
      if (rows >= ROWS_PER_TURN) {
        rows = 0;
        await nextTurn();
      }
    }
  } finally {
    cursor.close();
    tx.endStatement();
    tx.rollback();
  }
}

/** Numbers in buckets, each sorted in a turn of its own. */
class Hashes {
  readonly #buckets: Float64Array[] = Array.from({length: BUCKETS}, () => new Float64Array(16));
  readonly #counts = new Int32Array(BUCKETS);

  add(hash: number): void {
    const at = Math.floor(Math.abs(hash)) % BUCKETS;
    const count = this.#counts[at]!++;
    let bucket = this.#buckets[at]!;
    if (count === bucket.length) {
      bucket = new Float64Array(count * 2);
      bucket.set(this.#buckets[at]!);
      this.#buckets[at] = bucket;
    }
    bucket[count] = hash;
  }

  /** The numbers that were added more than once. */
  async repeated(): Promise<number[]> {
    const found = new Set<number>();
    for (let i = 0; i < BUCKETS; i++) {
      const sorted = this.#buckets[i]!.subarray(0, this.#counts[i]).sort();
      for (let at = 1; at < sorted.length; at++)
        if (sorted[at] === sorted[at - 1]) found.add(sorted[at]!);
      if (sorted.length > 1024) await nextTurn();
    }
    return [...found];
  }
}
