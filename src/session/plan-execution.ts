// Hot path: every statement that returns rows runs here.
import type {Batch} from '../columns/batch.ts';
import type {Oid} from '../common/ids.ts';
import {assert} from '../common/errors.ts';
import {ColumnStore} from '../exec/column-store.ts';
import {END, PAUSE} from '../exec/operator.ts';
import type {KeptView} from '../storage/contract.ts';
import type {Datum} from '../types/contract.ts';
import type {Formats, ResultShape} from './contract.ts';
import type {Execution, RowReceiver, RunResult} from './execution.ts';
import {resultChanged, sameShape} from './result-shape.ts';
import type {PlanEntry, PlanInstance, PlannedQuery, SessionContext} from './session-context.ts';

/** Runs an operator tree. */
export class PlanExecution implements Execution {
  shape: ResultShape | null;
  readonly #session: SessionContext;
  #entry: PlanEntry;
  #instance: PlanInstance | null;
  readonly #params: readonly Datum[];
  #slots: readonly Datum[];
  readonly #replan: (() => PlannedQuery) | null;
  #isLocked = false;
  #isOpen = false;
  #isDone = false;
  #affected = 0;
  /** Rows of RETURNING that wait for the next Execute: such a statement runs to its end at the first. */
  #stored: ColumnStore | null = null;
  /** What it sees, once it is read in portions. */
  #view: KeptView | null = null;
  #storedAt = 0;
  sent = 0;

  /** `replan` plans the statement anew when its tables were changed while it waited for their locks; null: such a wait ends in an error. */
  constructor(
    session: SessionContext,
    entry: PlanEntry,
    params: readonly Datum[],
    slots: readonly Datum[],
    replan: (() => PlannedQuery) | null = null,
  ) {
    this.#session = session;
    this.#replan = replan;
    this.#entry = entry;
    this.#instance = null;
    this.#params = params;
    this.#slots = slots;
    this.shape = entry.shape;
  }

  /** Uses this instance (EXPLAIN ANALYZE's) instead of one from the pool. */
  useInstance(instance: PlanInstance): void {
    this.#instance = instance;
  }

  lock(): Promise<void> | undefined {
    if (this.#isLocked) return undefined;
    const waiting = this.#session.lockTables(this.#entry.plan);
    if (waiting !== undefined) return this.#lockLater(waiting);
    this.#isLocked = true;
    return undefined;
  }

  async #lockLater(waiting: Promise<void>): Promise<void> {
    for (let pending: Promise<void> | undefined = waiting; pending !== undefined; ) {
      await pending;
      if (this.#entry.catalog !== this.#session.transaction.catalog) this.#planAgain();
      pending = this.#session.lockTables(this.#entry.plan);
    }
    this.#isLocked = true;
  }

  #planAgain(): void {
    const {catalog} = this.#session.transaction;
    const {plan, catalog: before} = this.#entry;
    if (this.#entry.isCurrent(catalog, () => this.#session.searchPath())) return;
    const isSame = plan.tables.every(({oid}) => catalog.tableByOid(oid) === before.tableByOid(oid));
    if (isSame && (this.#replan === null || this.#instance !== null)) return;
    if (this.#replan === null || this.#instance !== null) throw resultChanged();
    const {entry, slots} = this.#replan();
    this.#entry = entry;
    this.#slots = slots;
    this.shape = entry.shape;
  }

  reads(table: Oid): boolean {
    const {kind, tables} = this.#entry.plan;
    return kind === 'select' && tables.some(({oid}) => oid === table);
  }

  start(view: KeptView | null = null): void {
    this.#begin();
    if (view !== null) this.#instance!.run.tx.useView(view);
    this.#suspend();
  }

  /** Rights, snapshot, role. */
  #begin(): void {
    const session = this.#session;
    session.checkPrivileges(this.#entry.plan);
    this.#instance ??= this.#entry.take(session.engine, false);
    session.beginStatement(this.#entry.plan.isReadOnly);
    this.#instance.run.start(session, this.#params, this.#slots);
  }

  #open(): void {
    if (this.#view === null) this.#begin();
    const {run, operator} = this.#instance!;
    this.#isOpen = true;
    if (this.#view === null && this.#entry.plan.runsFunctions) this.#view = run.tx.keepView();
    if (this.#view !== null) run.tx.useView(this.#view);
    operator.open(run);
  }

  /** Other statements come before the next portion. */
  #suspend(): 'suspended' {
    const {tx} = this.#instance!.run;
    this.#view ??= tx.keepView();
    tx.useView(null);
    return 'suspended';
  }

  run(maxRows: number, receiver: RowReceiver): RunResult | Promise<RunResult> {
    this.sent = 0;
    if (this.#stored !== null) return this.#emitStored(this.#stored, maxRows, receiver);
    if (this.#isDone) return 'complete';
    if (maxRows !== Infinity && this.shape !== null && this.#entry.plan.kind !== 'select')
      return this.#runStored(maxRows, receiver);
    const locked = this.lock();
    if (locked !== undefined) return this.#afterLocks(locked, maxRows, receiver);
    if (!this.#isOpen) this.#open();
    else if (this.#view !== null) this.#instance!.run.tx.useView(this.#view);
    return this.#pull(maxRows, receiver);
  }

  #runStored(maxRows: number, receiver: RowReceiver): RunResult | Promise<RunResult> {
    const stored = new ColumnStore(this.shape!.fields.map(field => field.type));
    const result = this.run(Infinity, {
      rows: batch => stored.append(batch),
      isFull: false,
      drained: () => Promise.resolve(),
    });
    const emit = (): RunResult => {
      this.#stored = stored;
      return this.#emitStored(stored, maxRows, receiver);
    };
    return result instanceof Promise ? result.then(emit) : emit();
  }

  #emitStored(stored: ColumnStore, maxRows: number, receiver: RowReceiver): RunResult {
    const batch: Batch = {count: 0, selection: null, vectors: []};
    const end = Math.min(stored.size, this.#storedAt + maxRows);
    this.sent = end - this.#storedAt;
    while (this.#storedAt < end) {
      const to = Math.min(end, this.#storedAt + 1024);
      stored.fill(batch, null, this.#storedAt, to);
      batch.count = to - this.#storedAt;
      receiver.rows(batch);
      this.#storedAt = to;
    }
    return this.sent >= maxRows ? 'suspended' : 'complete';
  }

  async #afterLocks(
    locked: Promise<void>,
    maxRows: number,
    receiver: RowReceiver,
  ): Promise<RunResult> {
    const told = this.shape;
    await locked;
    if (!sameShape(told, this.shape)) throw resultChanged();
    this.#open();
    return this.#pull(maxRows, receiver);
  }

  #pull(maxRows: number, receiver: RowReceiver): RunResult | Promise<RunResult> {
    const {run, operator} = this.#instance!;
    run.startSlice();
    for (;;) {
      run.checkInterrupts();
      const batch = operator.next(Math.min(maxRows - this.sent, 1024));
      if (batch === END) {
        const checks = run.changes === null ? undefined : this.#checkChanges();
        if (checks !== undefined) return this.#afterChecks(checks);
        this.#finish();
        return 'complete';
      }
      if (batch === PAUSE) return this.#resume(run.pause, maxRows, receiver);
      assert(batch.count > 0, 'a batch has rows');
      if (this.#session.auditPending !== null) return this.#afterAudit(batch, maxRows, receiver);
      if (this.shape !== null) receiver.rows(batch);
      this.sent += batch.count;
      if (this.sent >= maxRows) return this.#suspend();
      if (receiver.isFull) return this.#resume(receiver.drained(), maxRows, receiver);
      if (run.sliceUsed()) return this.#resume(null, maxRows, receiver);
    }
  }

  /** A record of crossing users comes before the rows. */
  async #afterAudit(batch: Batch, maxRows: number, receiver: RowReceiver): Promise<RunResult> {
    await this.#session.auditPending;
    // The batch may lie in the versions that the snapshot keeps.
    this.#instance!.run.tx.checkSnapshot();
    if (this.shape !== null) receiver.rows(batch);
    this.sent += batch.count;
    if (this.sent >= maxRows) return this.#suspend();
    return this.#resume(receiver.isFull ? receiver.drained() : null, maxRows, receiver);
  }

  async #resume(
    pause: Promise<unknown> | null,
    maxRows: number,
    receiver: RowReceiver,
  ): Promise<RunResult> {
    this.#instance!.run.pause = null;
    try {
      await this.#session.wait(pause);
    } catch (error) {
      // Files of segments go with the snapshot.
      this.#instance?.run.tx.checkSnapshot();
      throw error;
    }
    if (this.#view !== null) this.#instance!.run.tx.useView(this.#view);
    return this.#pull(maxRows, receiver);
  }

  /** What the rows changed by the statement demand at its end: foreign keys. */
  #checkChanges(): Promise<void> | undefined {
    const {run} = this.#instance!;
    const {changes} = run;
    run.changes = null;
    return changes!.finish();
  }

  async #afterChecks(checks: Promise<void>): Promise<RunResult> {
    await checks;
    this.#finish();
    return 'complete';
  }

  #finish(): void {
    this.#isDone = true;
    this.#affected = this.#instance!.run.affectedRows;
    this.#session.holdSeen();
    this.#session.endStatement();
    this.#dropView();
    this.#release();
  }

  #dropView(): void {
    if (this.#view === null) return;
    this.#instance?.run.tx.useView(null);
    this.#view.release();
    this.#view = null;
  }

  #release(): void {
    const instance = this.#instance;
    if (instance === null || !this.#isOpen) return;
    this.#instance = null;
    instance.operator.close();
    if (instance.run.counters === null) this.#entry.give(instance);
  }

  tag(rowCount: number): string {
    const affected = this.#stored === null ? this.#affected : rowCount;
    switch (this.#entry.plan.kind) {
      case 'select':
        return `SELECT ${rowCount}`;
      case 'insert':
        return `INSERT 0 ${affected}`;
      case 'update':
        return `UPDATE ${affected}`;
      case 'delete':
        return `DELETE ${affected}`;
      case 'merge':
        return `MERGE ${affected}`;
    }
  }

  close(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#dropView();
    // After an error the operators' state is unknown: the tree is not used again.
    const instance = this.#instance;
    this.#instance = null;
    if (instance !== null && this.#isOpen) instance.operator.close();
  }
}

/** Writes rows to the client in the portal's formats. */
export class ClientReceiver implements RowReceiver {
  readonly #session: SessionContext;
  readonly #shape: ResultShape;
  readonly #formats: Formats;

  constructor(session: SessionContext, shape: ResultShape, formats: Formats) {
    this.#session = session;
    this.#shape = shape;
    this.#formats = formats;
  }

  rows(batch: Batch): void {
    this.#session.holdSeen();
    this.#session.sink.dataRows(
      this.#shape,
      this.#formats,
      batch,
      {from: 0, to: batch.count},
      this.#session.evalContext.format,
    );
  }

  get isFull(): boolean {
    return this.#session.sink.isFull;
  }

  drained(): Promise<void> {
    return this.#session.sink.drained();
  }
}
