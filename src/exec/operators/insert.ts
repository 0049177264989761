// Hot path: every INSERT.
import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import {PgError} from '../../common/errors.ts';
import type {OwnerId, Rid} from '../../common/ids.ts';
import {IntSet} from '../../common/int-set.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {InsertPlan} from '../../sql/plan/plan.ts';
import type {KeyConflict, RowVersion, TableStorage} from '../../storage/contract.ts';
import type {Datum} from '../../types/contract.ts';
import type {RowBlock} from '../../storage/tx/row-block.ts';
import {readRow} from '../column-store.ts';
import type {CompiledRow, CompiledScalar} from '../compiler.ts';
import type {ExecEnv} from '../environment.ts';
import type {Operator, RowChanges, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';
import {Returning} from '../returning.ts';
import {RowQuery} from '../row-query.ts';
import {concurrentDelete, concurrentUpdate, RowConstraints} from '../row-errors.ts';
import {RowPolicies} from '../row-policies.ts';
import {BlockMaker} from './block-maker.ts';

/** Rows of a batch from which they are inserted as columns. */
const LEAST_BLOCK = 32;

/** What hands rows to an INSERT and has a say in them: COPY. */
export interface RowFeed {
  /** Whether it takes every row. */
  readonly takesAll: boolean;
  /** Whether a row with its defaults is taken. */
  accepts(run: RunContext, row: readonly Datum[]): boolean;
  /** The rows of a batch are found to be right, and will be inserted unless this throws. */
  prepared(): void;
}

/** INSERT, with ON CONFLICT. Runs to its end before the first RETURNING row leaves. */
export class Insert implements Operator {
  readonly #plan: InsertPlan;
  readonly #input: Operator;
  readonly #defaults: readonly (CompiledScalar | null)[];
  readonly #generated: CompiledRow;
  readonly #constraints: RowConstraints;
  readonly #policies: RowPolicies;
  readonly #existingPolicies: RowPolicies;
  readonly #updatePolicies: RowPolicies;
  /** The batch being prepared while a policy is asked, its next row, and that row's values once made. */
  #pending: Batch | null = null;
  #pendingAt = 0;
  #pendingRow: Datum[] | null = null;
  #feed: RowFeed | null = null;
  /** With a feed: of each row the place in its batch. */
  #origins: number[] = [];
  readonly #conflictSet: CompiledRow;
  readonly #conflictWhere: CompiledRow | null;
  readonly #conflictQuery: RowQuery | null;
  /** Of the conflict under way, kept while it waits: whether the policies of the row that is there were passed, and the values of SET. */
  #mayUpdate = false;
  #conflictValues: readonly Datum[] | null = null;
  readonly #blockMaker: BlockMaker;
  /** Whether many rows are inserted as columns: nothing asks for them one by one. */
  #takesBlocks = false;
  /** The block being inserted, from row `#at` on. */
  #block: RowBlock | null = null;
  readonly #returning: Returning;
  readonly #values: Datum[] = [];
  #run!: RunContext;
  #changes: RowChanges | null = null;
  #table!: TableStorage;
  #rows: Datum[][] = [];
  #owners: OwnerId[] = [];
  #at = 0;
  #isDone = false;
  #pendingConflict: KeyConflict | null = null;
  /** Rows inserted or updated by this command: ON CONFLICT DO UPDATE may not touch them again. */
  #touched: IntSet | null = null;
  /** Own rows from this identity on were inserted by this command. */
  #firstRid: Rid | null = null;

  constructor(plan: InsertPlan, env: ExecEnv) {
    this.#plan = plan;
    this.#input = env.build(plan.input);
    const given = new Set(plan.targets);
    this.#defaults = plan.defaults.map((expr, i) =>
      expr === null || given.has(i) ? null : env.compiler.scalar(expr),
    );
    this.#generated = env.compiler.row(plan.generated.map(column => column.expr));
    this.#constraints = new RowConstraints(plan.checks, env);
    this.#policies = new RowPolicies(plan.checks, env);
    const conflict = plan.onConflict;
    this.#existingPolicies = new RowPolicies(conflict?.existingChecks ?? [], env, 'existing');
    this.#updatePolicies = new RowPolicies(conflict?.updateChecks ?? [], env);
    this.#conflictSet = env.compiler.row(
      plan.onConflict === null ? [] : plan.onConflict.set.map(entry => entry.expr),
    );
    const where = plan.onConflict?.where ?? null;
    this.#conflictWhere = where === null ? null : env.compiler.row([where]);
    const query = plan.onConflict?.query ?? null;
    this.#conflictQuery = query === null ? null : new RowQuery(query, env);
    this.#blockMaker = new BlockMaker(plan, this.#defaults, this.#constraints);
    this.#returning = new Returning(plan.returning, plan.columns, env);
  }

  /** To be called before `open`. */
  feedBy(feed: RowFeed): void {
    this.#feed = feed;
  }

  /** The row of the feed's batch that is being worked at, null = none. */
  get inputRow(): number | null {
    if (this.#blockMaker.at !== null) return this.#blockMaker.at;
    if (this.#block !== null) return Math.max(this.#at, this.#block.at);
    if (this.#pending !== null) return physicalRow(this.#pending, this.#pendingAt);
    return this.#origins[this.#at] ?? null;
  }

  /** Whether that row is still being made and checked. */
  get isPreparing(): boolean {
    return this.#pending !== null || this.#blockMaker.at !== null;
  }

  open(run: RunContext): void {
    this.#run = run;
    this.#table = run.tableStorage(this.#plan.table);
    this.#changes = run.rowChanges(this.#plan.table);
    this.#takesBlocks =
      this.#changes === null && this.#isPlain && (this.#feed === null || this.#feed.takesAll);
    this.#block = null;
    this.#blockMaker.at = null;
    this.#rows = [];
    this.#at = 0;
    this.#isDone = false;
    this.#pendingConflict = null;
    this.#mayUpdate = false;
    this.#conflictValues = null;
    this.#conflictQuery?.reset();
    this.#touched = null;
    this.#firstRid = this.#plan.onConflict === null ? null : run.tx.nextRid;
    this.#forgetPending();
    this.#returning.reset();
    this.#input.open(run);
  }

  get #isPlain(): boolean {
    const {onConflict, ownerColumn, generated} = this.#plan;
    if (onConflict !== null || ownerColumn !== null || generated.length > 0) return false;
    return this.#policies.isEmpty && !this.#returning.isWanted;
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    while (!this.#isDone) if (!this.#work()) return PAUSE;
    return this.#returning.next(wanted);
  }

  /** One batch of work; false = paused. */
  #work(): boolean {
    if (this.#block !== null) return this.#insertBlock(this.#block);
    if (this.#pending === null && this.#at >= this.#rows.length) {
      const batch = this.#input.next(BATCH_CAPACITY);
      if (batch === PAUSE) return false;
      if (batch === END) {
        this.#isDone = true;
        return true;
      }
      this.#rows = [];
      this.#owners = [];
      this.#origins = [];
      this.#at = 0;
      if (this.#takesBlocks && batch.count >= LEAST_BLOCK) {
        const block = this.#blockMaker.make(this.#run, this.#table, batch);
        this.#feed?.prepared();
        this.#block = block;
        return this.#insertBlock(block);
      }
      this.#pending = batch;
      this.#pendingAt = 0;
    }
    if (this.#pending !== null && !this.#prepare(this.#pending)) return false;
    return this.#plan.onConflict === null ? this.#insertAll() : this.#insertEach();
  }

  /** Makes and checks the rows of a batch; false = a policy paused. */
  #prepare(batch: Batch): boolean {
    for (; this.#pendingAt < batch.count; this.#pendingAt++) {
      readRow(batch, this.#pendingAt, this.#values);
      const row = this.#pendingRow ?? this.#newRow(this.#values);
      if (row === null) continue;
      if (!this.#policies.isEmpty) {
        this.#pendingRow = row;
        if (!this.#policies.verify(this.#run, this.#table, row)) return false;
        this.#pendingRow = null;
      }
      this.#constraints.verify(this.#run, this.#table, row);
      this.#rows.push(row);
      this.#owners.push(this.#ownerOf(this.#values));
      if (this.#feed !== null) this.#origins.push(physicalRow(batch, this.#pendingAt));
    }
    this.#pending = null;
    this.#feed?.prepared();
    return true;
  }

  /** Null where the feed does not want it. */
  #newRow(values: readonly Datum[]): Datum[] | null {
    const {targets, generated} = this.#plan;
    const row: Datum[] = new Array<Datum>(this.#defaults.length);
    for (let i = 0; i < row.length; i++) {
      const make = this.#defaults[i]!;
      row[i] = make === null ? null : make(this.#run);
    }
    for (let i = 0; i < targets.length; i++) row[targets[i]!] = values[i]!;
    if (this.#feed !== null && !this.#feed.accepts(this.#run, row)) return null;
    if (generated.length > 0) {
      const computed = this.#generated(this.#run, row);
      for (let i = 0; i < generated.length; i++) row[generated[i]!.position] = computed[i]!;
    }
    return row;
  }

  #ownerOf(values: readonly Datum[]): OwnerId {
    if (this.#table.kind === 'shared') return 0 as OwnerId;
    const {ownerColumn} = this.#plan;
    if (ownerColumn === null) return this.#run.owner;
    return resolveOwner(this.#run, this.#table, values[ownerColumn]!);
  }

  #insertAll(): boolean {
    const {tx} = this.#run;
    const {taken, result} = tx.insertMany(this.#table, this.#rows, this.#owners, this.#at);
    for (let i = 0; i < taken; i++)
      this.#took(this.#rows[this.#at + i]!, this.#owners[this.#at + i]!, null, null);
    this.#at += taken;
    if (result instanceof Promise) {
      this.#run.pause = result;
      return false;
    }
    if (result !== 'done') throw this.#constraints.duplicate(this.#run, this.#table, result);
    return !this.#run.sliceUsed();
  }

  #insertBlock(block: RowBlock): boolean {
    const {tx} = this.#run;
    const owner = this.#table.kind === 'shared' ? (0 as OwnerId) : this.#run.owner;
    const {taken, result} = tx.insertBlock(this.#table, owner, block, this.#at);
    this.#run.affectedRows += taken;
    this.#at += taken;
    if (result instanceof Promise) {
      if (taken > 0) this.#block = block.again();
      this.#run.pause = result;
      return false;
    }
    if (result !== 'done') throw this.#constraints.duplicate(this.#run, this.#table, result);
    this.#block = null;
    this.#at = 0;
    return !this.#run.sliceUsed();
  }

  #took(
    row: readonly Datum[],
    owner: OwnerId,
    rid: Rid | null,
    before: readonly Datum[] | null,
  ): void {
    this.#run.affectedRows++;
    if (this.#changes !== null) this.#changes.note(owner, before, row);
    if (this.#returning.isWanted) this.#returning.add(this.#run, row, rid, owner, []);
  }

  #insertEach(): boolean {
    while (this.#at < this.#rows.length) {
      const row = this.#rows[this.#at]!;
      const owner = this.#owners[this.#at]!;
      if (this.#pendingConflict === null) {
        const result = this.#run.tx.insert(this.#table, owner, row);
        if (result instanceof Promise) {
          this.#run.pause = result;
          return false;
        }
        if (result === 'done') {
          this.#took(row, owner, null, null);
          this.#at++;
          continue;
        }
        this.#pendingConflict = result;
      }
      if (!this.#resolve(this.#pendingConflict, row)) return false;
      if (this.#run.sliceUsed()) return false;
    }
    return true;
  }

  /** Handles the pending conflict of the current row; false = paused and to be repeated. */
  #resolve(conflict: KeyConflict, row: readonly Datum[]): boolean {
    const onConflict = this.#plan.onConflict!;
    if (onConflict.arbiters.length > 0 && !onConflict.arbiters.includes(conflict.index.oid)) {
      throw this.#constraints.duplicate(this.#run, this.#table, conflict);
    }
    const {tx} = this.#run;
    if (onConflict.action === 'nothing') {
      if (isFrozen(tx)) {
        const holder = tx.newestVersion(this.#table, conflict.rid);
        if (holder instanceof Promise) return this.#wait(holder);
        if (holder !== null && holder.seq > tx.snapshot().seq) throw concurrentUpdate();
      }
      this.#finishRow();
      return true;
    }
    const mode = onConflict.changesKey ? 'update' : 'noKeyUpdate';
    const lock = tx.lockRow(this.#table, conflict.rid, mode, 'wait');
    if (lock instanceof Promise) return this.#wait(lock);
    const existing = tx.newestVersion(this.#table, conflict.rid);
    if (existing instanceof Promise) return this.#wait(existing);
    if (existing === null) {
      if (isFrozen(tx)) throw concurrentDelete();
      // The row that held the key is gone: insert again.
      this.#forgetConflict();
      return true;
    }
    if (isFrozen(tx) && existing.seq > tx.snapshot().seq) throw concurrentUpdate();
    return this.#updateExisting(existing, row);
  }

  #wait(promise: Promise<void>): boolean {
    this.#run.pause = promise;
    return false;
  }

  #finishRow(): void {
    this.#forgetConflict();
    this.#at++;
  }

  #forgetConflict(): void {
    this.#mayUpdate = false;
    this.#conflictValues = null;
    this.#pendingConflict = null;
  }

  /** The values of SET for a row pair; 'skip' where WHERE is not true, null = paused. */
  #askConflict(both: readonly Datum[]): readonly Datum[] | 'skip' | null {
    if (this.#conflictQuery !== null) {
      const row = this.#conflictQuery.ask(this.#run, both);
      if (row === PAUSE) return null;
      return row[0] === true ? row.slice(1) : 'skip';
    }
    const where = this.#conflictWhere;
    if (where !== null && where(this.#run, both)[0] !== true) return 'skip';
    return this.#conflictSet(this.#run, both);
  }

  #updateExisting(existing: RowVersion, excluded: readonly Datum[]): boolean {
    this.#touched ??= new IntSet();
    if (this.#touched.has(Number(existing.rid)) || this.#insertedHere(existing)) {
      throw new PgError(
        SqlState.cardinalityViolation,
        'ON CONFLICT DO UPDATE command cannot affect row a second time',
        {
          hint: 'Ensure that no rows proposed for insertion within the same command have duplicate constrained values.',
        },
      );
    }
    // First: neither WHERE nor SET may tell of a row that the policies hide.
    if (!this.#mayUpdate && !this.#existingPolicies.verify(this.#run, this.#table, existing.row))
      return false;
    this.#mayUpdate = true;
    const both = [...existing.row, ...excluded];
    const values = this.#conflictValues ?? this.#askConflict(both);
    if (values === null) return false;
    if (values === 'skip') {
      this.#finishRow();
      return true;
    }
    this.#conflictValues = values;
    const next = existing.row.slice();
    const {set} = this.#plan.onConflict!;
    for (let i = 0; i < set.length; i++) next[set[i]!.position] = values[i]!;
    const computed = this.#generated(this.#run, next);
    for (let i = 0; i < computed.length; i++)
      next[this.#plan.generated[i]!.position] = computed[i]!;
    if (!this.#updatePolicies.verify(this.#run, this.#table, next)) return false;
    this.#constraints.verify(this.#run, this.#table, next);
    const result = this.#run.tx.update(this.#table, existing, next);
    if (result instanceof Promise) return this.#wait(result);
    if (result !== 'done') throw this.#constraints.duplicate(this.#run, this.#table, result);
    this.#touched.add(Number(existing.rid));
    this.#took(next, existing.owner, existing.rid, existing.row);
    this.#finishRow();
    return true;
  }

  #insertedHere({rid, seq}: RowVersion): boolean {
    return seq === 0n && rid >= this.#firstRid!;
  }

  #forgetPending(): void {
    this.#pending = null;
    this.#pendingRow = null;
    this.#policies.reset();
    this.#existingPolicies.reset();
    this.#updatePolicies.reset();
  }

  close(): void {
    this.#input.close();
    this.#block = null;
    this.#conflictQuery?.reset();
    this.#forgetPending();
    this.#returning.reset();
    this.#rows = [];
  }
}

/** The owner that `_user_id` names: another's needs the service right (42501), an unknown role is 42704, NULL 23502. */
export function resolveOwner(run: RunContext, table: TableStorage, name: Datum): OwnerId {
  if (name === null) {
    throw new PgError(
      SqlState.notNullViolation,
      `null value in column "_user_id" of relation "${table.name}"`,
    );
  }
  const owner = run.ownerByName(name as string);
  if (owner === run.owner) return owner;
  if (!run.hasServiceRight) {
    throw new PgError(
      SqlState.insufficientPrivilege,
      `permission denied to write rows of another user in table ${table.name}`,
    );
  }
  if (owner === undefined)
    throw new PgError(SqlState.undefinedObject, `role "${name}" does not exist`);
  run.noteCrossing('write', table, owner);
  return owner;
}

function physicalRow({selection}: Batch, index: number): number {
  return selection === null ? index : selection[index]!;
}

/** Whether a transaction keeps the snapshot of its first statement. */
function isFrozen({isolation}: RunContext['tx']): boolean {
  return isolation === 'repeatable read' || isolation === 'serializable';
}
