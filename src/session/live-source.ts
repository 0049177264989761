import type {Batch} from '../columns/batch.ts';
import type {Oid, OwnerId, Seq} from '../common/ids.ts';
import {buildOperator} from '../exec/build.ts';
import type {EvalContext} from '../functions/contract.ts';
import {END, type Operator, type PAUSE} from '../exec/operator.ts';
import type {SnapshotRows, SnapshotSource} from '../live/subscription-types.ts';
import type {Plan} from '../sql/plan/plan.ts';
import type {Transaction} from '../storage/contract.ts';
import type {Datum} from '../types/contract.ts';
import {ExecutionRun} from './run-context.ts';
import type {SessionContext} from './session-context.ts';

/** Reads the first rows of a live query for a session: over a snapshot of their own, without the session's uncommitted writes. */
export class SessionSnapshots implements SnapshotSource {
  readonly #session: SessionContext;
  readonly #context: EvalContext;
  readonly #role: Oid;
  readonly #owner: OwnerId;

  /** Role and owner stay those of the moment in which the subscription is opened. */
  constructor(session: SessionContext, context: EvalContext) {
    this.#session = session;
    this.#context = context;
    this.#role = session.currentRole;
    this.#owner = session.effectiveOwner;
  }

  open(
    plan: Plan,
    params: readonly Datum[],
    slots: readonly Datum[],
    outerCount: number,
  ): SnapshotRows {
    const session = this.#session;
    const {engine} = session;
    const catalog = engine.catalog(session.database.oid);
    const tx = engine.storage.begin({
      isolation: 'repeatable read',
      isReadOnly: true,
      databaseOid: session.database.oid,
      waiter: {pid: session.pid, lockTimeoutMs: () => 0, deadlockTimeoutMs: () => 1000},
    });
    try {
      tx.beginStatement();
      const free = catalog.memo('live.operators', () => new FreeOperators());
      const operator =
        free.take(plan) ??
        buildOperator(plan, {
          library: engine.library,
          types: catalog,
          factories: engine.factories,
          isInstrumented: false,
          injectsPauses: engine.injectsPauses,
        });
      const run = new DetachedRun(outerCount, this.#context);
      run.startAt(
        session,
        {catalog, tx, currentRole: this.#role, owner: this.#owner},
        {params, slots},
      );
      run.startSlice();
      operator.open(run);
      return new OperatorRows({operator, plan, free}, run, tx);
    } catch (error) {
      tx.rollback();
      throw error;
    }
  }
}

/** A run that outlives the statement which began it: no cancel of the session ends it, no SET changes it. */
class DetachedRun extends ExecutionRun {
  readonly #context: EvalContext;

  constructor(outerCount: number, context: EvalContext) {
    super(outerCount);
    this.#context = context;
  }

  override get context(): EvalContext {
    return this.#context;
  }

  override checkInterrupts(): void {}

  /** It was recorded when the live query was opened. */
  override noteCrossing(): void {}
}

/** Operator trees of plans that are not in use: first rows of a plan are read for thousands of subscriptions. */
class FreeOperators {
  readonly #free = new WeakMap<Plan, Operator[]>();

  take(plan: Plan): Operator | undefined {
    return this.#free.get(plan)?.pop();
  }

  /** It was read to its end, and closed. */
  give(plan: Plan, operator: Operator): void {
    const free = this.#free.get(plan);
    if (free === undefined) this.#free.set(plan, [operator]);
    else if (free.length < MAX_FREE) free.push(operator);
  }
}

const MAX_FREE = 8;

/** An operator tree with its transaction, closed together. */
class OperatorRows implements SnapshotRows {
  readonly seq: Seq;
  readonly #operator: Operator;
  readonly #origin: {readonly plan: Plan; readonly free: FreeOperators};
  readonly #run: ExecutionRun;
  readonly #tx: Transaction;
  #isAtEnd = false;
  #isClosed = false;

  constructor(
    from: {readonly operator: Operator; readonly plan: Plan; readonly free: FreeOperators},
    run: ExecutionRun,
    tx: Transaction,
  ) {
    this.#operator = from.operator;
    this.#origin = from;
    this.#run = run;
    this.#tx = tx;
    this.seq = tx.snapshot().seq;
  }

  get pause(): Promise<unknown> | null {
    return this.#run.pause;
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    this.#run.pause = null;
    this.#run.startSlice();
    const batch = this.#operator.next(wanted);
    this.#isAtEnd = batch === END;
    return batch;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#operator.close();
    this.#tx.rollback();
    if (this.#isAtEnd) this.#origin.free.give(this.#origin.plan, this.#operator);
  }
}
