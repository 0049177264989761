import type {Oid} from '../../common/ids.ts';
import type {Batch} from '../../columns/batch.ts';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {ColumnStore} from '../../exec/column-store.ts';
import {KeptRows} from '../../exec/spill/kept-rows.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {ResultShape} from '../contract.ts';
import type {Execution, RowReceiver, RunResult} from '../execution.ts';
import type {SessionContext} from '../session-context.ts';

/** Rows per portion. */
const PORTION = 1024;
/** How long portions from memory may follow each other, in milliseconds. */
const SLICE_MS = 5;
const scrollHint = {hint: 'Declare it with SCROLL option to enable backward scan.'};

/** 55000: a NO SCROLL cursor, or a portal of the protocol, was to go back. */
export function forwardOnly(): PgError {
  return new PgError(
    SqlState.objectNotInPrerequisiteState,
    'cursor can only scan forward',
    scrollHint,
  );
}

/**
 * A cursor: rows are kept as they are read, so that FETCH can go back, beyond work_mem in a file; moves over row positions 0 (before the
 * first) to n + 1.
 */
export class CursorExecution implements Execution {
  readonly shape: ResultShape;
  readonly #session: SessionContext;
  readonly #inner: Execution;
  readonly #canScroll: boolean;
  readonly #types: readonly TypeInstance[];
  readonly #rows: KeptRows;
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  #scratch: ColumnStore | null = null;
  #isExhausted = false;
  /** Rows before and including the current one; size + 1 = after the last. */
  #position = 0;
  sent = 0;

  constructor(session: SessionContext, inner: Execution, canScroll: boolean) {
    this.#session = session;
    this.#inner = inner;
    this.#canScroll = canScroll;
    this.shape = inner.shape!;
    this.#types = this.shape.fields.map(field => field.type);
    this.#rows = new KeptRows(this.#types, {spillDir: session.engine.spillDir, counters: null});
  }

  /** Execute of the extended protocol: forward. */
  run(maxRows: number, receiver: RowReceiver): RunResult | Promise<RunResult> {
    const moved = this.forward(maxRows, receiver);
    const result = (): RunResult => (this.sent >= maxRows ? 'suspended' : 'complete');
    return moved instanceof Promise ? moved.then(result) : result();
  }

  reads(table: Oid): boolean {
    return this.#inner.reads?.(table) === true;
  }

  tag(rowCount: number): string {
    return `SELECT ${rowCount}`;
  }

  /** Reads rows until `count` are there or the query ends. */
  fill(count: number): Promise<void> | undefined {
    if (this.#isExhausted || this.#rows.size >= count) return undefined;
    const limitBytes = this.#session.settings.number('work_mem') * 1024;
    const result = this.#inner.run(count - this.#rows.size, {
      rows: batch => this.#rows.append(batch, limitBytes),
      isFull: false,
      drained: () => Promise.resolve(),
    });
    if (result instanceof Promise) return result.then(outcome => this.#filled(outcome));
    this.#filled(result);
    return undefined;
  }

  #filled(outcome: RunResult): void {
    if (outcome !== 'complete') return;
    this.#isExhausted = true;
    this.#inner.close();
  }

  /** WITH HOLD at COMMIT: reads the rest, after which nothing of the transaction is needed. */
  async hold(): Promise<void> {
    await this.fill(Infinity);
  }

  forward(count: number, receiver: RowReceiver): Promise<void> | undefined {
    this.sent = 0;
    return this.#sendForward(count, receiver);
  }

  #sendForward(count: number, receiver: RowReceiver): Promise<void> | undefined {
    const goOn = (): Promise<void> | undefined => this.#sendForward(count, receiver);
    const deadline = performance.now() + SLICE_MS;
    while (this.sent < count) {
      const wanted = Math.min(count - this.sent, PORTION);
      const {size} = this.#rows;
      if (this.#position < size) {
        this.#rows.read(this.#position, Math.min(size, this.#position + wanted), this.#out);
        this.#position += this.#out.count;
        this.#send(this.#out, receiver);
        if (!this.#canScroll && this.#position === size) this.#rows.forget();
      } else if (this.#isExhausted) {
        this.#position = size + 1;
        return undefined;
      } else {
        const filling = this.fill(size + wanted);
        if (filling !== undefined) return filling.then(goOn);
      }
      const pause = this.#pauseOf(receiver, deadline);
      if (pause !== undefined) return pause.then(goOn);
    }
    return undefined;
  }

  #send(batch: Batch, receiver: RowReceiver): void {
    this.sent += batch.count;
    receiver.rows(batch);
  }

  /** What to wait for before the next portion: a full receiver, others' turns. */
  #pauseOf(receiver: RowReceiver, deadline: number): Promise<void> | undefined {
    this.#session.checkInterrupts();
    if (receiver.isFull) return this.#session.wait(receiver.drained());
    return performance.now() > deadline ? this.#session.wait(null) : undefined;
  }

  backward(count: number, receiver: RowReceiver): Promise<void> | undefined {
    this.#assertScrollable();
    this.sent = 0;
    const to = Math.max(0, Math.min(this.#position - 1, this.#rows.size));
    const from = Math.max(0, to - count);
    this.#position = to - from < count ? 0 : from + 1;
    return this.#sendBackward(from, to, receiver);
  }

  #sendBackward(from: number, to: number, receiver: RowReceiver): Promise<void> | undefined {
    const deadline = performance.now() + SLICE_MS;
    for (let end = to; end > from; ) {
      const start = Math.max(from, end - PORTION);
      this.#readReversed(start, end);
      this.#send(this.#out, receiver);
      end = start;
      const pause = end > from ? this.#pauseOf(receiver, deadline) : undefined;
      if (pause !== undefined) return pause.then(() => this.#sendBackward(from, start, receiver));
    }
    return undefined;
  }

  #readReversed(from: number, to: number): void {
    const scratch = (this.#scratch ??= new ColumnStore(this.#types));
    scratch.reset();
    for (let at = from; at < to; at += this.#out.count) {
      this.#rows.read(at, to, this.#out);
      scratch.append(this.#out);
    }
    const order = new Int32Array(to - from);
    for (let i = 0; i < order.length; i++) order[i] = order.length - 1 - i;
    scratch.fill(this.#out, order, 0, order.length);
  }

  /** FETCH ABSOLUTE n, FETCH RELATIVE n: to one row, or off either end. */
  async to(target: number, isRelative: boolean, receiver: RowReceiver): Promise<void> {
    this.sent = 0;
    let wanted = isRelative ? this.#position + target : target;
    if (!isRelative && target < 0) {
      this.#assertScrollable();
      await this.fill(Infinity);
      wanted = this.#rows.size + 1 + target;
    } else await this.fill(wanted);
    const {size} = this.#rows;
    const isOnRow = this.#position >= 1 && this.#position <= size;
    if (wanted < this.#position || (wanted === this.#position && isOnRow)) this.#assertScrollable();
    this.#position = Math.max(0, Math.min(wanted, size + 1));
    if (this.#position < 1 || this.#position > size) return;
    this.#rows.read(this.#position - 1, this.#position, this.#out);
    this.#send(this.#out, receiver);
  }

  #assertScrollable(): void {
    if (!this.#canScroll) throw forwardOnly();
  }

  close(): void {
    this.#inner.close();
    this.#rows.close();
    this.#scratch = null;
  }
}
