import {getHeapStatistics} from 'node:v8';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';

/** Rows between two looks at the memory. */
const EVERY = 4096;
/** Share of the heap beyond which no transaction may grow: its commit, and the growth of arrays and maps, need the rest. */
const SHARE = 0.6;

/** 53200 before the rows that an open transaction keeps fill the memory of the process, which would end it for everybody. */
export function checkWriteRoom(rows: number): void {
  if (rows % EVERY !== 0) return;
  const {used_heap_size: used, heap_size_limit: limit} = getHeapStatistics();
  if (used < limit * SHARE) return;
  throw new PgError(SqlState.outOfMemory, 'out of memory', {
    detail: `A transaction of ${rows} rows and more does not fit into memory.`,
    hint: 'Load in several transactions, or start the server with a larger --max-old-space-size.',
  });
}
