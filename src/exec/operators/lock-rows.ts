import type {Batch} from '../../columns/batch.ts';
import {PgError} from '../../common/errors.ts';
import type {OwnerId, Rid, Seq} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {LockRowsPlan, RowMark} from '../../sql/plan/plan.ts';
import type {RowVersion, TableStorage} from '../../storage/contract.ts';
import type {Datum} from '../../types/contract.ts';
import {RowBatchBuilder, readRow} from '../column-store.ts';
import type {CompiledRow} from '../compiler.ts';
import type {ExecEnv} from '../environment.ts';
import type {Operator, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';
import {concurrentUpdate} from '../row-errors.ts';
import {RowRequery} from '../row-requery.ts';
import {mayWait, type Replay, waitingCode} from '../waiting.ts';

/** SELECT ... FOR UPDATE and its kin: each row is locked when it is wanted, re-read and re-checked when it was changed meanwhile. */
export class LockRows implements Operator {
  readonly #plan: LockRowsPlan;
  readonly #input: Operator;
  readonly #rechecks: readonly (CompiledRow | null)[];
  /** Where a condition may wait, or is not to be evaluated twice. */
  readonly #replay: Replay | null;
  readonly #requery: RowRequery | null;
  readonly #builder: RowBatchBuilder;
  #run!: RunContext;
  #rows: Datum[][] = [];
  #at = 0;
  #mark = 0;
  /** Whether a part of the row at hand was changed meanwhile. */
  #isChanged = false;
  /** Whether the part at hand was given its newest version, and its condition has not answered yet. */
  #isRechecking = false;

  constructor(plan: LockRowsPlan, env: ExecEnv) {
    this.#plan = plan;
    this.#input = env.build(plan.input);
    const rechecks = plan.marks.flatMap(mark => (mark.recheck === null ? [] : [mark.recheck]));
    const waiting = rechecks.some(mayWait) ? waitingCode(rechecks, env) : null;
    const compiler = waiting?.compiler ?? env.compiler;
    this.#replay = waiting?.replay ?? null;
    this.#rechecks = plan.marks.map(mark =>
      mark.recheck === null ? null : compiler.row([mark.recheck]),
    );
    this.#requery = plan.requery === null ? null : new RowRequery(plan.requery, env);
    this.#builder = new RowBatchBuilder(plan.columns.map(column => column.type));
  }

  open(run: RunContext): void {
    this.#run = run;
    this.#rows = [];
    this.#at = 0;
    this.#mark = 0;
    this.#isChanged = false;
    this.#isRechecking = false;
    this.#replay?.clear();
    this.#requery?.reset();
    this.#builder.reset();
    this.#input.open(run);
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    for (;;) {
      if (this.#at >= this.#rows.length) {
        const batch = this.#input.next(wanted);
        if (batch === END || batch === PAUSE) return batch;
        this.#rows = [];
        for (let i = 0; i < batch.count; i++) {
          const row: Datum[] = [];
          readRow(batch, i, row);
          this.#rows.push(row);
        }
        this.#at = 0;
        this.#mark = 0;
        this.#builder.reset();
      }
      if (!this.#lockBatch()) return PAUSE;
      const count = this.#builder.count;
      if (count === 0) {
        if (this.#run.sliceUsed()) return PAUSE;
        continue;
      }
      const out = this.#builder.finish();
      out.count = count;
      return out;
    }
  }

  #lockBatch(): boolean {
    for (; this.#at < this.#rows.length; this.#at++) {
      const row = this.#rows[this.#at]!;
      let isKept = true;
      for (; isKept && this.#mark < this.#plan.marks.length; this.#mark++) {
        const outcome = this.#lock(this.#plan.marks[this.#mark]!, this.#mark, row);
        if (outcome === 'paused') return false;
        isKept = outcome === 'kept';
      }
      if (isKept && this.#isChanged && this.#requery !== null) {
        const again = this.#requery.refresh(this.#run, row);
        if (again === PAUSE) return false;
        isKept = again;
      }
      this.#mark = 0;
      if (this.#isChanged) this.#requery?.reset();
      this.#isChanged = false;
      if (isKept) this.#builder.push(row);
    }
    return true;
  }

  #lock(mark: RowMark, index: number, row: Datum[]): 'kept' | 'dropped' | 'paused' {
    const rid = row[mark.rid] as Rid | null;
    if (rid === null) return 'kept';
    if (this.#isRechecking) return this.#isStillWanted(index, row);
    const {tx} = this.#run;
    const table = this.#run.tableStorage(mark.table);
    // Changed by another part of this statement (WITH): PostgreSQL passes it over.
    if (tx.isChangedNow(table, rid)) return 'dropped';
    const lock = tx.lockRow(table, rid, mark.mode, mark.wait);
    if (lock instanceof Promise) return this.#wait(lock);
    if (lock === 'unavailable') {
      if (mark.wait === 'skip') return 'dropped';
      throw new PgError(
        SqlState.lockNotAvailable,
        `could not obtain lock on row in relation "${table.name}"`,
      );
    }
    const seenSeq = (row[mark.seq] ?? 0n) as Seq;
    const seen: RowVersion = {
      rid,
      owner: row[mark.owner] as OwnerId,
      row: NO_ROW,
      location: row[mark.location] as number,
      seq: seenSeq,
    };
    const newest = tx.newestVersion(table, rid, seen);
    if (newest instanceof Promise) return this.#wait(newest);
    const isFrozen = tx.isolation === 'repeatable read' || tx.isolation === 'serializable';
    if (newest === null) {
      // PostgreSQL tells of an update here.
      if (isFrozen) throw concurrentUpdate();
      return 'dropped';
    }
    if (newest === seen || newest.seq === seenSeq) return 'kept';
    if (mark.keyColumns !== null && hasSameKey(mark, mark.keyColumns, table, row, newest))
      return 'kept';
    if (isFrozen) throw concurrentUpdate();
    this.#requery?.keep(row);
    this.#refresh(mark, table, row, newest);
    this.#isChanged = true;
    if (this.#requery !== null) return 'kept';
    return this.#isStillWanted(index, row);
  }

  /** Whether the newest version fits the condition, which may wait. */
  #isStillWanted(index: number, row: readonly Datum[]): 'kept' | 'dropped' | 'paused' {
    const recheck = this.#rechecks[index]!;
    if (recheck === null) return 'kept';
    this.#isRechecking = true;
    const result =
      this.#replay === null
        ? recheck(this.#run, row)
        : this.#replay.attempt(this.#run, () => recheck(this.#run, row));
    if (result === undefined) return 'paused';
    this.#isRechecking = false;
    return result[0] === true ? 'kept' : 'dropped';
  }

  #refresh(mark: RowMark, table: TableStorage, row: Datum[], newest: RowVersion): void {
    for (const {input, output} of mark.columns) {
      if (output === 'userId') continue;
      const position = positionOf(table, output);
      if (position !== -1) row[input] = newest.row[position]!;
    }
    row[mark.seq] = newest.seq;
    row[mark.location] = newest.location;
  }

  #wait(promise: Promise<void>): 'paused' {
    this.#run.pause = promise;
    return 'paused';
  }

  close(): void {
    this.#input.close();
    this.#requery?.reset();
    this.#rows = [];
  }
}

const NO_ROW: readonly Datum[] = [];

function positionOf(table: TableStorage, attnum: number): number {
  return table.columns.findIndex(column => (column.catalogAttnum ?? column.attnum) === attnum);
}

/** Whether a newer version of the row at hand has its unique keys. */
function hasSameKey(
  mark: RowMark,
  keyColumns: readonly number[],
  table: TableStorage,
  row: readonly Datum[],
  newest: RowVersion,
): boolean {
  for (const {input, output} of mark.columns) {
    if (output === 'userId' || !keyColumns.includes(output)) continue;
    const position = positionOf(table, output);
    if (position === -1) continue;
    const before = row[input]!;
    const after = newest.row[position]!;
    if (before === null || after === null) {
      if (before !== after) return false;
    } else if (table.columns[position]!.type.compare(before, after) !== 0) return false;
  }
  return true;
}
