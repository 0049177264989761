// Hot path: UPDATE and DELETE.
import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import type {Rid} from '../../common/ids.ts';
import {IntSet} from '../../common/int-set.ts';
import type {DeletePlan, UpdatePlan} from '../../sql/plan/plan.ts';
import type {LockResult, RowVersion, TableStorage} from '../../storage/contract.ts';
import type {Datum} from '../../types/contract.ts';
import {readRow} from '../column-store.ts';
import type {CompiledRow} from '../compiler.ts';
import type {ExecEnv} from '../environment.ts';
import type {Operator, RowChanges, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';
import {Returning} from '../returning.ts';
import {concurrentDelete, concurrentUpdate, RowConstraints} from '../row-errors.ts';
import {RowPolicies} from '../row-policies.ts';
import {RowRequery} from '../row-requery.ts';
import {refreshTarget, seenVersion} from '../target-version.ts';
import {isVolatileExpr, waitingCode, type Replay} from '../waiting.ts';

/**
 * UPDATE and DELETE: locks each row, makes sure that it acts on the newest version (READ COMMITTED re-reads and
 * re-checks a row changed meanwhile, PostgreSQL 13.2.1),
 * and changes each row at most once. Runs to its end before the first RETURNING row leaves.
 */
export class ModifyRows implements Operator {
  readonly #plan: UpdatePlan | DeletePlan;
  readonly #input: Operator;
  readonly #set: CompiledRow;
  readonly #generated: CompiledRow;
  readonly #recheck: CompiledRow | null;
  readonly #requery: RowRequery | null;
  readonly #constraints: RowConstraints;
  readonly #policies: RowPolicies;
  readonly #returning: Returning;
  /** Keeps volatile results while a row waits (for a lock, for a call): none is evaluated twice. */
  readonly #replay: Replay | null;
  #run!: RunContext;
  #changes: RowChanges | null = null;
  #table!: TableStorage;
  #rows: Datum[][] = [];
  #at = 0;
  #isDone = false;
  #touched = new IntSet();
  /** The new row of the row at hand, where its key decided the lock. */
  #next: Datum[] | null = null;
  /** Whether the row at hand was given its newest version, and its condition has not answered yet. */
  #isRechecking = false;

  constructor(plan: UpdatePlan | DeletePlan, env: ExecEnv) {
    this.#plan = plan;
    this.#input = env.build(plan.input);
    const isUpdate = plan.kind === 'update';
    const set = isUpdate ? plan.set.map(entry => entry.expr) : [];
    const generated = isUpdate ? plan.generated.map(entry => entry.expr) : [];
    const rowExprs = [...set, ...generated, ...(plan.recheck === null ? [] : [plan.recheck])];
    const waiting = rowExprs.some(isVolatileExpr) ? waitingCode(rowExprs, env) : null;
    const compiler = waiting?.compiler ?? env.compiler;
    this.#replay = waiting?.replay ?? null;
    this.#set = compiler.row(set);
    this.#generated = compiler.row(generated);
    this.#recheck = plan.recheck === null ? null : compiler.row([plan.recheck]);
    this.#requery = plan.requery === null ? null : new RowRequery(plan.requery, env);
    this.#constraints = new RowConstraints(isUpdate ? plan.checks : [], env);
    this.#policies = new RowPolicies(isUpdate ? plan.checks : [], env);
    this.#returning = new Returning(plan.returning, plan.columns, env);
  }

  open(run: RunContext): void {
    this.#run = run;
    this.#table = run.tableStorage(this.#plan.table);
    this.#changes = run.rowChanges(this.#plan.table);
    this.#rows = [];
    this.#at = 0;
    this.#isDone = false;
    this.#isRechecking = false;
    this.#touched = new IntSet();
    this.#returning.reset();
    this.#replay?.clear();
    this.#policies.reset();
    this.#requery?.reset();
    this.#input.open(run);
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    while (!this.#isDone) if (!this.#work()) return PAUSE;
    return this.#returning.next(wanted);
  }

  #work(): boolean {
    if (this.#at >= this.#rows.length) {
      const batch = this.#input.next(BATCH_CAPACITY);
      if (batch === PAUSE) return false;
      if (batch === END) {
        this.#isDone = true;
        return true;
      }
      this.#rows = [];
      this.#at = 0;
      for (let i = 0; i < batch.count; i++) {
        const row: Datum[] = [];
        readRow(batch, i, row);
        this.#rows.push(row);
      }
    }
    while (this.#at < this.#rows.length) {
      const row = this.#rows[this.#at]!;
      if (
        !(this.#replay === null
          ? this.#modify(row)
          : this.#replay.attemptStep(this.#run, () => this.#modify(row)))
      )
        return false;
      this.#at++;
      if (this.#run.sliceUsed()) return false;
    }
    return true;
  }

  /** Changes the row of one input row; false = waiting, repeat. */
  #modify(input: Datum[]): boolean {
    const {plan, tx} = {plan: this.#plan, tx: this.#run.tx};
    const rid = input[plan.rid];
    // The nullable side of an outer join has no row.
    if (rid === null || this.#touched.has(Number(rid))) return true;
    // Another part of this statement (WITH) was first.
    if (tx.isChangedNow(this.#table, rid as Rid)) return true;
    if (this.#isRechecking && !this.#isStillWanted(input)) return true;
    const seen = seenVersion(plan, input);
    this.#next = null;
    const mode = this.#changesKey(plan, input, seen) ? 'update' : 'noKeyUpdate';
    const lock = tx.lockRow(this.#table, rid as Rid, mode, 'wait');
    if (lock instanceof Promise) return this.#wait(lock);
    const newest = tx.newestVersion(this.#table, rid as Rid, seen);
    if (newest instanceof Promise) return this.#wait(newest);
    const isFrozen = tx.isolation === 'repeatable read' || tx.isolation === 'serializable';
    if (newest === null) {
      if (isFrozen) throw concurrentDelete();
      return true;
    }
    if (newest !== seen && newest.seq !== seen.seq) {
      if (isFrozen) throw concurrentUpdate();
      this.#next = null;
      this.#requery?.keep(input);
      refreshTarget(plan, input, newest);
      if (this.#requery !== null) return this.#applyAgain(this.#requery, input, newest);
      if (this.#recheck !== null) {
        // What was evaluated for the older version is not repeated.
        this.#replay?.clear();
        this.#isRechecking = true;
        if (!this.#isStillWanted(input)) return true;
      }
    } else if (this.#requery?.isUnderWay === true)
      return this.#applyAgain(this.#requery, input, newest);
    return this.#apply(input, newest);
  }

  /** Whether the newest version fits the condition, which may wait: it is asked again then, not skipped. */
  #isStillWanted(input: readonly Datum[]): boolean {
    const isWanted = this.#recheck!(this.#run, input)[0] === true;
    this.#isRechecking = false;
    this.#replay?.clear();
    return isWanted;
  }

  /** The whole query of the row is asked again for its newest version. */
  #applyAgain(requery: RowRequery, input: Datum[], newest: RowVersion): boolean {
    const isKept = requery.refresh(this.#run, input);
    if (isKept === PAUSE) return false;
    this.#next = null;
    return isKept ? this.#apply(input, newest) : true;
  }

  #apply(input: readonly Datum[], old: RowVersion): boolean {
    const plan = this.#plan;
    let row = old.row;
    if (plan.kind === 'delete') {
      const result = this.#run.tx.delete(this.#table, old);
      if (result instanceof Promise) return this.#wait(result);
    } else {
      const next = this.#next ?? this.#newRow(plan, input, old);
      if (this.#next === null && plan.keyPositions.length > 0) {
        // Made of a newer version than the lock was chosen for.
        const lock = this.#lockFor(plan, old, next);
        if (lock instanceof Promise) return this.#wait(lock);
      }
      if (!this.#policies.verify(this.#run, this.#table, next)) return false;
      this.#constraints.verify(this.#run, this.#table, next);
      const result = this.#run.tx.update(this.#table, old, next);
      if (result instanceof Promise) return this.#wait(result);
      if (result !== 'done') throw this.#constraints.duplicate(this.#run, this.#table, result);
      row = next;
    }
    this.#touched.add(Number(old.rid));
    if (this.#changes !== null)
      this.#changes.note(old.owner, old.row, plan.kind === 'delete' ? null : row);
    this.#run.affectedRows++;
    if (this.#returning.isWanted) this.#returning.add(this.#run, row, old.rid, old.owner, input);
    return true;
  }

  /** Whether the row is deleted, or gets another unique key; the new row is kept for `#apply`. */
  #changesKey(plan: UpdatePlan | DeletePlan, input: readonly Datum[], seen: RowVersion): boolean {
    if (plan.kind === 'delete') return true;
    if (plan.keyPositions.length === 0) return false;
    this.#next = this.#newRow(plan, input, seen);
    return this.#hasOtherKey(plan, seen, this.#next);
  }

  #lockFor(plan: UpdatePlan, old: RowVersion, next: readonly Datum[]): LockResult {
    if (!this.#hasOtherKey(plan, old, next)) return 'granted';
    return this.#run.tx.lockRow(this.#table, old.rid, 'update', 'wait');
  }

  #hasOtherKey(plan: UpdatePlan, old: RowVersion, next: readonly Datum[]): boolean {
    const {columns} = this.#table;
    for (const position of plan.keyPositions) {
      const before = old.row[position]!;
      const after = next[position]!;
      if (before === null || after === null) {
        if (before !== after) return true;
      } else if (columns[position]!.type.compare(before, after) !== 0) return true;
    }
    return false;
  }

  #newRow(plan: UpdatePlan, input: readonly Datum[], old: RowVersion): Datum[] {
    const next = old.row.slice();
    const values = this.#set(this.#run, input);
    for (let i = 0; i < values.length; i++) next[plan.set[i]!.position] = values[i]!;
    if (plan.generated.length > 0) {
      const computed = this.#generated(this.#run, next);
      for (let i = 0; i < computed.length; i++) next[plan.generated[i]!.position] = computed[i]!;
    }
    return next;
  }

  #wait(promise: Promise<void>): boolean {
    this.#run.pause = promise;
    return false;
  }

  close(): void {
    this.#input.close();
    this.#requery?.reset();
    this.#policies.reset();
    this.#returning.reset();
    this.#rows = [];
  }
}
