import type {ScanTop} from '../storage/scan-top.ts';
import type {Batch} from '../columns/batch.ts';
import type {ExprRun} from '../expr/run.ts';
import type {CatalogSnapshot, RuntimeFacts, SystemRelations} from '../catalog/contract.ts';
import type {Oid, OwnerId} from '../common/ids.ts';
import type {Datum} from '../types/contract.ts';
import type {FunctionLibrary} from '../functions/contract.ts';
import type {StorageIndex, TableStorage, Transaction} from '../storage/contract.ts';
import {END, PAUSE} from '../storage/contract.ts';

export {END, PAUSE};

/**
 * Fills and returns at most `wanted` rows (wanted >= 1), and evaluates no expression for a row beyond them. A returned
 * batch has count >= 1.
 * After END, `next` returns END again. After PAUSE the same call is repeated (when `run.pause` holds a promise, after
 * it settled): loop state lives in fields.
 * `open(run)` may be called again to restart (per outer row of an Apply); it allocates nothing that an earlier open
 * already made. After an error only close() may be called.
 */
export interface Operator {
  open(run: RunContext): void;
  next(wanted: number): Batch | typeof END | typeof PAUSE;
  close(): void;
}

/** What EXPLAIN ANALYZE counts per plan node. */
export interface NodeCounters {
  rows: number;
  loops: number;
  timeMs: number;
  pauses: number;
  spilledBytes: number;
  extra: Record<string, number>;
}

/** One execution of a plan. Expressions see it as ExprRun. One object per portal, reused when a prepared statement runs again. */
export interface RunContext extends ExprRun {
  readonly catalog: CatalogSnapshot;
  readonly tx: Transaction;
  readonly library: FunctionLibrary;
  readonly systemRelations: SystemRelations;
  readonly facts: RuntimeFacts;
  /** Effective user whose rows "own" scopes read: role OID of current_user (or of the caller under SECURITY DEFINER). */
  readonly owner: OwnerId;
  readonly currentRole: Oid;
  /** Storage shape of a table, cached by identity of its descriptor. */
  tableStorage(table: Oid): TableStorage;
  /** Whether the current role may reach other owners' rows of user tables. */
  readonly hasServiceRight: boolean;
  /** Takes note that the statement reaches rows of another owner (null: of all), for the audit log. */
  noteCrossing(act: 'read' | 'write', table: TableStorage, owner: OwnerId | null): void;
  /** Whether storage gives an owner's rows (null: a shared table's) in the order of an index, and reading so pays for few rows. */
  canOrder(table: TableStorage, index: StorageIndex, owner: OwnerId | null): boolean;
  /** Ids of the scan plans that give the order that their plan wishes, in this execution. */
  readonly orderedScans: Set<number>;
  /** By id of a scan plan: which of its rows the sort above wants, by position in the scan's output. */
  readonly topScans: Map<number, ScanTop>;
  /** Owner id of a role name; undefined when no such role. */
  ownerByName(name: string): OwnerId | undefined;
  ownerName(owner: OwnerId): string;
  /** Promise that the last PAUSE waits for, or null when the slice was merely used up. Operators set it before returning PAUSE. */
  pause: Promise<unknown> | null;
  /**
   * True when the current slice (about 5 ms) is used up; cheap (checks the clock every so many calls). Long loops poll
   * it and return PAUSE.
   */
  sliceUsed(): boolean;
  /** Throws 57014 when cancelled or past statement_timeout. Called per batch. */
  checkInterrupts(): void;
  /** Bytes of memory an operator may use before it spills (work_mem). */
  readonly workMemBytes: number;
  /** Directory for spill files. */
  readonly spillDir: string;
  /** Non-null under EXPLAIN ANALYZE: counters by plan node id. */
  readonly counters: Map<number, NodeCounters> | null;
  /** Rows changed by the top ModifyTable (command tag). */
  affectedRows: number;
  /** Where changes of a table's rows are to be noted, for the checks at the end of the statement; null when none are needed. */
  rowChanges(table: Oid): RowChanges | null;
}

/** Takes note of changed rows (in TableStorage order): INSERT has no `before`, DELETE no `after`. */
export interface RowChanges {
  note(owner: OwnerId, before: readonly Datum[] | null, after: readonly Datum[] | null): void;
}
