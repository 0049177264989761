// Hot path: MERGE.
import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import {PgError} from '../../common/errors.ts';
import type {OwnerId, Rid} from '../../common/ids.ts';
import {IntSet} from '../../common/int-set.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {MergeActionPlan, MergePlan} from '../../sql/plan/plan.ts';
import type {RowVersion, TableStorage} from '../../storage/contract.ts';
import type {Datum} from '../../types/contract.ts';
import {readRow} from '../column-store.ts';
import type {CompiledRow, PlanCompiler} from '../compiler.ts';
import type {ExecEnv} from '../environment.ts';
import type {Operator, RowChanges, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';
import {concurrentDelete, concurrentUpdate, RowConstraints} from '../row-errors.ts';
import {RowPolicies} from '../row-policies.ts';
import {RowRequery} from '../row-requery.ts';
import {refreshTarget, seenVersion} from '../target-version.ts';
import {isVolatileExpr, type Replay, waitingCode} from '../waiting.ts';
import {resolveOwner} from './insert.ts';

interface Action {
  readonly plan: MergeActionPlan;
  readonly condition: CompiledRow | null;
  readonly set: CompiledRow;
  readonly owner: CompiledRow | null;
  readonly existing: RowPolicies;
  readonly written: RowPolicies;
}

interface Counts {
  tuplesInserted: number;
  tuplesUpdated: number;
  tuplesDeleted: number;
  tuplesSkipped: number;
}

/**
 * MERGE: for each input row the first action that fits. A matched row is locked when its action changes it; when it was changed meanwhile
 * the join condition and then the actions are tried again on the newest version (READ COMMITTED), and when it is gone or no longer joins,
 * the row counts as not matched (PostgreSQL ExecMerge).
 */
export class MergeRows implements Operator {
  readonly #plan: MergePlan;
  readonly #input: Operator;
  readonly #matched: readonly Action[];
  readonly #notMatched: readonly Action[];
  readonly #generated: CompiledRow;
  readonly #recheck: CompiledRow | null;
  readonly #requery: RowRequery | null;
  readonly #constraints: RowConstraints;
  /** Keeps volatile results while a row waits: none is evaluated twice. */
  readonly #replay: Replay | null;
  #run!: RunContext;
  #changes: RowChanges | null = null;
  #table!: TableStorage;
  #rows: Datum[][] = [];
  #at = 0;
  #isDone = false;
  #touched = new IntSet();
  #counts: Counts = noCounts();
  /** Whether the join condition of a row that was given its newest version has not answered yet: it may wait. */
  #isRechecking = false;

  constructor(plan: MergePlan, env: ExecEnv) {
    this.#plan = plan;
    this.#input = env.build(plan.input);
    const exprs = [
      ...plan.actions.flatMap(({condition, set, owner}) => [
        ...(condition === null ? [] : [condition]),
        ...set.map(item => item.expr),
        ...(owner === null ? [] : [owner]),
      ]),
      ...plan.generated.map(item => item.expr),
      ...(plan.recheck === null ? [] : [plan.recheck]),
    ];
    const waiting = exprs.some(isVolatileExpr) ? waitingCode(exprs, env) : null;
    const compiler = waiting?.compiler ?? env.compiler;
    this.#replay = waiting?.replay ?? null;
    const actions = plan.actions.map(action => compiled(action, compiler, env));
    this.#matched = actions.filter(action => action.plan.isMatched);
    this.#notMatched = actions.filter(action => !action.plan.isMatched);
    this.#generated = compiler.row(plan.generated.map(item => item.expr));
    this.#recheck = plan.recheck === null ? null : compiler.row([plan.recheck]);
    this.#requery = plan.requery === null ? null : new RowRequery(plan.requery, env);
    const policies = plan.actions.flatMap(action => action.writtenChecks);
    this.#constraints = new RowConstraints([...plan.checks, ...policies], env);
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
    this.#counts = noCounts();
    this.#replay?.clear();
    this.#resetPolicies();
    this.#requery?.reset();
    this.#input.open(run);
  }

  next(_wanted: number): Batch | typeof END | typeof PAUSE {
    while (!this.#isDone) if (!this.#work()) return PAUSE;
    return END;
  }

  /** One batch of work; false = paused. */
  #work(): boolean {
    if (this.#at >= this.#rows.length) {
      const batch = this.#input.next(BATCH_CAPACITY);
      if (batch === PAUSE) return false;
      if (batch === END) {
        this.#isDone = true;
        const counters = this.#run.counters?.get(this.#plan.id);
        if (counters !== undefined) Object.assign(counters.extra, this.#counts);
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
          ? this.#merge(row)
          : this.#replay.attemptStep(this.#run, () => this.#merge(row)))
      )
        return false;
      this.#at++;
      if (this.#run.sliceUsed()) return false;
    }
    return true;
  }

  /** Does the action of one input row; false = waiting, repeat. */
  #merge(input: Datum[]): boolean {
    if (input[this.#plan.rid] !== null) {
      const outcome = this.#changeMatched(input);
      if (outcome !== 'gone') return outcome === 'done';
      // Remembered in the row: repeated after a wait, it is not matched from the start, and evaluates nothing of before.
      input[this.#plan.rid] = null;
      this.#replay?.clear();
    } else if (this.#requery?.isUnderWay === true && this.#refresh(input) === 'paused')
      return false;
    const action = this.#choose(this.#notMatched, input);
    if (action === null) return this.#skip();
    return this.#insert(action, input);
  }

  #changeMatched(input: Datum[]): 'done' | 'paused' | 'gone' {
    const {plan, tx} = {plan: this.#plan, tx: this.#run.tx};
    const rid = input[plan.rid] as Rid;
    if (this.#isRechecking || this.#requery?.isUnderWay === true) {
      const again = this.#refresh(input);
      if (again !== 'kept') return again;
    }
    for (;;) {
      const action = this.#choose(this.#matched, input);
      if (action === null) {
        this.#skip();
        return 'done';
      }
      if (this.#touched.has(Number(rid)) || tx.isChangedNow(this.#table, rid)) throw secondTime();
      const {kind, changesKey} = action.plan;
      const mode = kind === 'update' && !changesKey ? 'noKeyUpdate' : 'update';
      const lock = tx.lockRow(this.#table, rid, mode, 'wait');
      if (lock instanceof Promise) return this.#pauseFor(lock);
      const seen = seenVersion(plan, input);
      const newest = tx.newestVersion(this.#table, rid, seen);
      if (newest instanceof Promise) return this.#pauseFor(newest);
      const isFrozen = tx.isolation === 'repeatable read' || tx.isolation === 'serializable';
      if (newest === null) {
        if (isFrozen) throw concurrentDelete();
        input[plan.rid] = null;
        this.#replay?.clear();
        return this.#requery === null ? 'gone' : this.#goneOrPaused(input);
      }
      if (newest === seen || newest.seq === seen.seq) {
        if (!action.existing.verify(this.#run, this.#table, newest.row)) return 'paused';
        const isDone =
          kind === 'delete' ? this.#delete(newest) : this.#update(action, input, newest);
        return isDone ? 'done' : 'paused';
      }
      if (isFrozen) throw concurrentUpdate();
      this.#requery?.keep(input);
      refreshTarget(plan, input, newest);
      this.#replay?.clear();
      const again = this.#refresh(input);
      if (again !== 'kept') return again;
    }
  }

  /** Joins the newest version of the target's row with the source's row again. */
  #refresh(input: Datum[]): 'kept' | 'gone' | 'paused' {
    if (this.#requery === null) {
      if (this.#recheck === null) return 'kept';
      this.#isRechecking = true;
      const isKept = this.#recheck(this.#run, input)[0] === true;
      this.#isRechecking = false;
      this.#replay?.clear();
      return isKept ? 'kept' : 'gone';
    }
    const isKept = this.#requery.refresh(this.#run, input);
    if (isKept === PAUSE) return 'paused';
    return isKept && input[this.#plan.rid] !== null ? 'kept' : 'gone';
  }

  /** The target's row was deleted: subqueries of the actions for a row without match are evaluated now. */
  #goneOrPaused(input: Datum[]): 'gone' | 'paused' {
    return this.#refresh(input) === 'paused' ? 'paused' : 'gone';
  }

  /** The first action whose condition is true; null for none, and for DO NOTHING. */
  #choose(actions: readonly Action[], input: readonly Datum[]): Action | null {
    for (let i = 0; i < actions.length; i++) {
      const action = actions[i]!;
      if (action.condition !== null && action.condition(this.#run, input)[0] !== true) continue;
      return action.plan.kind === 'nothing' ? null : action;
    }
    return null;
  }

  #skip(): boolean {
    this.#counts.tuplesSkipped++;
    return true;
  }

  #delete(old: RowVersion): boolean {
    const result = this.#run.tx.delete(this.#table, old);
    if (result instanceof Promise) return this.#wait(result);
    this.#touched.add(Number(old.rid));
    this.#counts.tuplesDeleted++;
    return this.#changed(old.owner, old.row, null);
  }

  #update(action: Action, input: readonly Datum[], old: RowVersion): boolean {
    const row = old.row.slice();
    if (!this.#assign(action, input, row)) return false;
    const result = this.#run.tx.update(this.#table, old, row);
    if (result instanceof Promise) return this.#wait(result);
    if (result !== 'done') throw this.#constraints.duplicate(this.#run, this.#table, result);
    this.#touched.add(Number(old.rid));
    this.#counts.tuplesUpdated++;
    return this.#changed(old.owner, old.row, row);
  }

  #insert(action: Action, input: readonly Datum[]): boolean {
    const row: Datum[] = new Array<Datum>(this.#plan.oldColumns.length).fill(null);
    if (!this.#assign(action, input, row)) return false;
    const owner = this.#ownerOf(action, input);
    const result = this.#run.tx.insert(this.#table, owner, row);
    if (result instanceof Promise) return this.#wait(result);
    if (result !== 'done') throw this.#constraints.duplicate(this.#run, this.#table, result);
    this.#counts.tuplesInserted++;
    return this.#changed(owner, null, row);
  }

  /** Makes and checks the row that an action writes; false = a policy paused. */
  #assign({plan, set, written}: Action, input: readonly Datum[], row: Datum[]): boolean {
    const values = set(this.#run, input);
    for (let i = 0; i < values.length; i++) row[plan.set[i]!.position] = values[i]!;
    const {generated} = this.#plan;
    if (generated.length > 0) {
      const computed = this.#generated(this.#run, row);
      for (let i = 0; i < computed.length; i++) row[generated[i]!.position] = computed[i]!;
    }
    if (!written.verify(this.#run, this.#table, row)) return false;
    this.#constraints.verify(this.#run, this.#table, row);
    return true;
  }

  #ownerOf({owner}: Action, input: readonly Datum[]): OwnerId {
    if (this.#table.kind === 'shared') return 0 as OwnerId;
    if (owner === null) return this.#run.owner;
    return resolveOwner(this.#run, this.#table, owner(this.#run, input)[0]!);
  }

  #changed(
    owner: OwnerId,
    before: readonly Datum[] | null,
    after: readonly Datum[] | null,
  ): boolean {
    if (this.#changes !== null) this.#changes.note(owner, before, after);
    this.#run.affectedRows++;
    return true;
  }

  #wait(promise: Promise<void>): boolean {
    this.#run.pause = promise;
    return false;
  }

  #pauseFor(promise: Promise<void>): 'paused' {
    this.#run.pause = promise;
    return 'paused';
  }

  #resetPolicies(): void {
    for (const action of [...this.#matched, ...this.#notMatched]) {
      action.existing.reset();
      action.written.reset();
    }
  }

  close(): void {
    this.#input.close();
    this.#requery?.reset();
    this.#resetPolicies();
    this.#rows = [];
  }
}

function noCounts(): Counts {
  return {tuplesInserted: 0, tuplesUpdated: 0, tuplesDeleted: 0, tuplesSkipped: 0};
}

function compiled(plan: MergeActionPlan, compiler: PlanCompiler, env: ExecEnv): Action {
  const {condition, owner} = plan;
  return {
    plan,
    condition: condition === null ? null : compiler.row([condition]),
    set: compiler.row(plan.set.map(item => item.expr)),
    owner: owner === null ? null : compiler.row([owner]),
    existing: new RowPolicies(plan.existingChecks, env, 'target'),
    written: new RowPolicies(plan.writtenChecks, env),
  };
}

function secondTime(): PgError {
  return new PgError(
    SqlState.cardinalityViolation,
    'MERGE command cannot affect row a second time',
    {hint: 'Ensure that not more than one source row matches any one target row.'},
  );
}
