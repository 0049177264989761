import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import {internalError, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {AggregateRun} from '../../functions/contract.ts';
import type {ApplyPlan} from '../../sql/plan/plan.ts';
import {PgArray} from '../../types/array-value.ts';
import type {Datum} from '../../types/contract.ts';
import {PgRecord} from '../../types/record-value.ts';
import {ColumnStore, readRow} from '../column-store.ts';
import type {CompiledRow} from '../compiler.ts';
import type {ExecEnv} from '../environment.ts';
import {checkRoom} from '../../functions/room.ts';
import type {Operator, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';

/** A subquery in an expression: input rows and one more column. The subplan runs per row under its guard, or once when nothing binds it. */
export class Apply implements Operator {
  readonly #plan: ApplyPlan;
  readonly #input: Operator;
  readonly #subplan: Operator;
  readonly #guard: CompiledRow | null;
  readonly #bindings: CompiledRow;
  readonly #test: CompiledRow | null;
  readonly #results: ColumnStore;
  readonly #rows: ColumnStore;
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  readonly #row: Datum[] = [];
  readonly #subRow: Datum[] = [];
  /** array_agg, where the elements are arrays themselves. */
  readonly #stack: AggregateRun | null;
  #run!: RunContext;
  #batch: Batch | null = null;
  #at = 0;
  #isSubOpen = false;
  #accumulated: Datum[] = [];
  #seen = false;
  #value: Datum = null;
  #once: {readonly value: Datum} | null = null;
  /** Rows of a run-once subplan for any/all, which differ per input row only in the test. */
  #isMaterialised = false;

  constructor(plan: ApplyPlan, env: ExecEnv) {
    this.#plan = plan;
    this.#input = env.build(plan.input);
    this.#subplan = env.build(plan.subplan);
    this.#guard = plan.guard === null ? null : env.compiler.row([plan.guard]);
    this.#bindings = env.compiler.row(plan.bindings.map(binding => binding.expr));
    this.#test = plan.test === null ? null : env.compiler.row([plan.test]);
    this.#results = new ColumnStore([plan.columns[plan.columns.length - 1]!.type]);
    this.#stack = plan.mode === 'array' ? stackOf(plan, env) : null;
    this.#rows = new ColumnStore(plan.subplan.columns.map(column => column.type));
  }

  open(run: RunContext): void {
    this.#run = run;
    this.#batch = null;
    this.#isSubOpen = false;
    this.#once = null;
    this.#isMaterialised = false;
    this.#rows.reset();
    this.#input.open(run);
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    if (this.#batch === null) {
      const batch = this.#input.next(wanted);
      if (batch === END || batch === PAUSE) return batch;
      this.#batch = batch;
      this.#at = 0;
      this.#results.reset();
    }
    const batch = this.#batch;
    while (this.#at < batch.count) {
      if (!this.#evaluate(batch)) return PAUSE;
      this.#results.appendRow([this.#value]);
      this.#at++;
      if (this.#at < batch.count && this.#run.sliceUsed()) return PAUSE;
    }
    return this.#finish(batch);
  }

  /** The batch compacted to dense rows beside the result column. */
  #finish(batch: Batch): Batch {
    this.#batch = null;
    const out = this.#out;
    const width = batch.vectors.length;
    out.vectors = batch.vectors.slice();
    out.count = batch.count;
    out.selection = batch.selection;
    if (batch.selection === null) {
      out.vectors[width] = this.#results.gather(0, null, 0, batch.count);
      return out;
    }
    const size = batch.selection[batch.count - 1]! + 1;
    const scattered = new Int32Array(size).fill(-1);
    for (let i = 0; i < batch.count; i++) scattered[batch.selection[i]!] = i;
    out.vectors[width] = this.#results.gather(0, scattered, 0, size);
    return out;
  }

  /** Sets #value for live row #at; false = paused. */
  #evaluate(batch: Batch): boolean {
    if (!this.#isSubOpen) {
      readRow(batch, this.#at, this.#row);
      if (this.#guard !== null && this.#guard(this.#run, this.#row)[0] !== true) {
        this.#value = null;
        return true;
      }
      if (this.#once !== null) {
        this.#value = this.#once.value;
        return true;
      }
      if (this.#isMaterialised) {
        this.#value = this.#testStored();
        return true;
      }
      this.#openSubplan();
    }
    return this.#drain();
  }

  #openSubplan(): void {
    const {bindings} = this.#plan;
    if (bindings.length > 0) {
      const values = this.#bindings(this.#run, this.#row);
      for (let i = 0; i < bindings.length; i++) this.#run.outer[bindings[i]!.slot] = values[i]!;
    }
    this.#subplan.open(this.#run);
    this.#isSubOpen = true;
    this.#accumulated = [];
    this.#seen = false;
    this.#value = this.#initial();
  }

  #initial(): Datum {
    switch (this.#plan.mode) {
      case 'exists':
      case 'any':
        return false;
      case 'all':
        return true;
      default:
        return null;
    }
  }

  /** Pulls the subplan until the answer is known; false = paused. */
  #drain(): boolean {
    const {mode, runOnce} = this.#plan;
    const keepsRows = runOnce && (mode === 'any' || mode === 'all');
    for (;;) {
      const rows = this.#subplan.next(
        mode === 'exists' ? 1 : mode === 'scalar' || mode === 'row' ? 2 : BATCH_CAPACITY,
      );
      if (rows === PAUSE) return false;
      if (rows === END) break;
      if (keepsRows) {
        this.#rows.append(rows);
        continue;
      }
      if (this.#take(rows)) break;
      if (this.#run.sliceUsed()) return false;
    }
    this.#isSubOpen = false;
    if (mode === 'array') this.#value = this.#array();
    if (keepsRows) {
      this.#isMaterialised = true;
      this.#value = this.#testStored();
    } else if (runOnce) this.#once = {value: this.#value};
    return true;
  }

  /** Looks at one batch of subquery rows; true = the answer is known. */
  #take(rows: Batch): boolean {
    switch (this.#plan.mode) {
      case 'exists':
        this.#value = true;
        return true;
      case 'scalar':
      case 'row':
        if (this.#seen || rows.count > 1) {
          throw new PgError(
            SqlState.cardinalityViolation,
            'more than one row returned by a subquery used as an expression',
          );
        }
        this.#seen = true;
        readRow(rows, 0, this.#subRow);
        this.#value = this.#plan.mode === 'scalar' ? this.#subRow[0]! : this.#record(this.#subRow);
        return false;
      case 'array':
        for (let i = 0; i < rows.count; i++) {
          readRow(rows, i, this.#subRow);
          checkRoom(this.#accumulated.length);
          this.#accumulated.push(this.#subRow[0]!);
        }
        return false;
      default:
        for (let i = 0; i < rows.count; i++) {
          readRow(rows, i, this.#subRow);
          if (this.#combine(this.#subRow)) return true;
        }
        return false;
    }
  }

  /** ARRAY(subquery); arrays become one array of a higher dimension. */
  #array(): Datum {
    const stack = this.#stack;
    if (stack === null || this.#accumulated.length === 0) return PgArray.of(this.#accumulated);
    let state = stack.init();
    for (const value of this.#accumulated) state = stack.step(state, [value]);
    return stack.final(state);
  }

  #record(fields: readonly Datum[]): Datum {
    const types = this.#plan.subplan.columns.map(column => column.type);
    const oids = types.map(type => type.oid);
    const type = this.#plan.columns[this.#plan.columns.length - 1]!.type;
    return new PgRecord(type.oid, oids, fields.slice(0, types.length), null, types);
  }

  #testStored(): Datum {
    this.#value = this.#initial();
    for (let i = 0; i < this.#rows.size; i++) if (this.#combine(this.#rows.row(i))) break;
    return this.#value;
  }

  /** Three-valued ANY and ALL; true = decided. */
  #combine(subRow: readonly Datum[]): boolean {
    const result = this.#test!(this.#run, [
      ...this.#row.slice(0, this.#plan.input.columns.length),
      ...subRow,
    ])[0]!;
    const isAny = this.#plan.mode === 'any';
    if (result === isAny) {
      this.#value = isAny;
      return true;
    }
    if (result === null) this.#value = null;
    return false;
  }

  close(): void {
    this.#input.close();
    this.#subplan.close();
    this.#rows.reset();
  }
}

function stackOf(plan: ApplyPlan, env: ExecEnv): AggregateRun | null {
  const type = plan.subplan.columns[0]!.type;
  if (type.category !== 'A') return null;
  const result = plan.columns[plan.columns.length - 1]!.type;
  const run = env.library.aggregate('array_agg')?.create({
    args: [type],
    result,
    lookup: env.types,
    context: () => {
      throw internalError('array_agg needs no context');
    },
  });
  return run ?? null;
}
