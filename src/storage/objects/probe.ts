import {randomUUID} from 'node:crypto';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {ObjectStore} from './contract.ts';

/** What a look at a storage found. */
export interface ProbeResult {
  readonly isReadable: boolean;
  readonly isWritable: boolean;
  readonly isListable: boolean;
  readonly isDeletable: boolean;
  /** Whether an object that is there is never replaced: without it no segment is safe. */
  readonly keepsExisting: boolean;
  readonly latencyMs: number;
  /** The first thing that failed. */
  readonly error: PgError | null;
}

const DIRECTORY = '.wadi-check';
const CONTENT = Buffer.from('wadi storage check\n');

/** Writes, reads, lists and deletes an object of a name that nobody has. */
export async function probe(store: ObjectStore): Promise<ProbeResult> {
  const key = `${DIRECTORY}/${randomUUID()}`;
  const found = {
    isReadable: false,
    isWritable: false,
    isListable: false,
    isDeletable: false,
    keepsExisting: false,
  };
  let error: PgError | null = null;
  const began = performance.now();
  try {
    found.isWritable = (await store.put(key, CONTENT, {ifAbsent: true})) === 'stored';
    const part = await store.get(key, {offset: 5, length: 7});
    found.isReadable = part !== null && part.equals(CONTENT.subarray(5, 12));
    if (!found.isReadable) throw failed('an object does not read back as it was written');
    found.keepsExisting =
      (await store.put(key, Buffer.from('another'), {ifAbsent: true})) === 'exists';
    if (!found.keepsExisting)
      throw failed('it replaces objects although it is told not to (If-None-Match)');
    found.isListable = (await store.list(key)).some(info => info.key === key);
    if (!found.isListable) throw failed('an object that was written is not listed');
  } catch (caught) {
    error = asPgError(caught);
  }
  if (found.isWritable) {
    try {
      await store.delete(key);
      found.isDeletable = (await store.head(key)) === null;
      if (!found.isDeletable) error ??= failed('an object that was deleted is still there');
    } catch (caught) {
      error ??= asPgError(caught);
    }
  }
  return {...found, latencyMs: performance.now() - began, error};
}

function failed(what: string): PgError {
  return new PgError(SqlState.ioError, `the storage cannot be used: ${what}`);
}

function asPgError(caught: unknown): PgError {
  if (caught instanceof PgError) return caught;
  const message = caught instanceof Error ? caught.message : String(caught);
  return new PgError(SqlState.ioError, message, {cause: caught});
}
