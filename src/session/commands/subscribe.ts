import type {Batch} from '../../columns/batch.ts';
import type {Vector} from '../../columns/vector.ts';
import {PgError} from '../../common/errors.ts';
import {oid, type Seq} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {RowBatchBuilder} from '../../exec/column-store.ts';
import {type Frame, OP_NAMES} from '../../live/frame.ts';
import type {ChannelQuery} from '../../live/channel-changes.ts';
import {tokenAt} from '../../live/resume-token.ts';
import type {
  LiveCursor,
  LiveSink,
  SubscribeOptions,
  SubscribeStart,
} from '../../live/subscription-types.ts';
import type {CustomStatement, ParsedStatement} from '../../sql/contract.ts';
import type {Datum, TypeInstance} from '../../types/contract.ts';
import type {ResultShape} from '../contract.ts';
import type {Execution, RowReceiver, RunResult} from '../execution.ts';
import {liveShapeOf} from '../live-authority.ts';
import {liveOptions} from '../live-query-options.ts';
import {textOf} from '../statement-text.ts';
import type {PlannedQuery, SessionContext} from '../session-context.ts';

type SubscribeNode = Extract<CustomStatement, {kind: 'subscribe'}>;

const META_COLUMNS = 4;
const BATCH_ROWS = 1024;

/**
 * SUBSCRIBE: rows (_op snap), a mark, then a row per change as commits come; it ends only when cancelled (57014 with
 * the resume token as detail).
 * With a row limit it answers as soon as it has a row; between two calls it keeps nothing but its place in the log.
 */
export class SubscribeExecution implements Execution, LiveSink {
  readonly shape: ResultShape;
  readonly parameterTypes: readonly TypeInstance[];
  readonly #session: SessionContext;
  readonly #surface: SubscribeOptions['surface'];
  readonly #planned: PlannedQuery;
  readonly #params: readonly Datum[];
  readonly #start: SubscribeStart;
  readonly #text: string;
  #builder: RowBatchBuilder | null = null;
  readonly #blank: readonly null[];
  readonly #progressMs: number;
  readonly #storage: string | null;
  #query: ChannelQuery | null = null;
  #subscription: LiveCursor | null = null;
  #receiver: RowReceiver | null = null;
  #maxRows = 0;
  #leftover: Frame | null = null;
  #leftoverAt = 0;
  #error: PgError | null = null;
  #answer: (() => void) | null = null;
  #isDraining = false;
  #isPatient = true;
  #isGivenUp = false;
  #timer: NodeJS.Timeout | null = null;
  sent = 0;

  constructor(
    session: SessionContext,
    statement: ParsedStatement,
    options: SubscribeNode['options'],
    params: readonly Datum[],
    surface: SubscribeOptions['surface'] = 'subscribe',
  ) {
    this.#session = session;
    this.#surface = surface;
    this.#params = params;
    this.#text = textOf(statement);
    const {start, progressMs, storage} = readOptions(options);
    this.#storage = storage;
    this.#start = start;
    this.#progressMs = progressMs;
    this.#planned = session.planner.plan({...statement, custom: null}, []);
    const {plan, shape} = this.#planned.entry;
    liveShapeOf(this.#planned.entry);
    this.parameterTypes = plan.parameterTypes;
    this.shape = {fields: [...metaFields(session), ...shape!.fields]};
    this.#blank = plan.columns.map(() => null);
  }

  /** FETCH: up to `maxRows` rows as soon as there are any; after `timeoutMs` without one (null: once it is up to date), none. */
  async fetch(maxRows: number, receiver: RowReceiver, timeoutMs: number | null): Promise<void> {
    const timer = timeoutMs === null ? null : setTimeout(() => this.#give(), timeoutMs);
    this.#isPatient = timeoutMs !== null;
    this.#isGivenUp = false;
    try {
      await this.run(maxRows, receiver);
    } finally {
      if (timer !== null) clearTimeout(timer);
      this.#isPatient = true;
      this.#isGivenUp = false;
    }
  }

  #give(): void {
    this.#isGivenUp = true;
    this.#answer?.();
  }

  run(maxRows: number, receiver: RowReceiver): RunResult | Promise<RunResult> {
    this.sent = 0;
    this.#receiver = receiver;
    this.#maxRows = maxRows;
    if (this.#subscription === null) this.#open();
    else {
      this.#emitLeftover();
      this.#subscription.wake();
    }
    return this.#wait();
  }

  #open(): void {
    const session = this.#session;
    const {entry, slots} = this.#planned;
    this.#query = liveOptions(session, {
      entry,
      params: this.#params,
      slots,
      name: '',
      text: this.#text,
      codec: 'rows',
      storage: this.#storage,
    });
    this.#subscription = session.engine.live.hub.subscribe({
      ...this.#query,
      sink: this,
      surface: this.#surface,
      pid: session.pid,
      tag: null,
      start: this.#start,
    });
    if (this.#progressMs > 0)
      this.#timer = setInterval(() => this.#subscription?.mark(), this.#progressMs);
  }

  /** Until cancelled; with a row limit until there is a row. */
  async #wait(): Promise<RunResult> {
    try {
      for (;;) {
        if (this.#error !== null) throw this.#error;
        if (this.sent > 0 && this.#maxRows !== Infinity) return 'suspended';
        if (this.#isGivenUp) return 'suspended';
        if (!this.#isPatient) {
          if (this.#subscription!.state === 'live') return 'suspended';
          setTimeout(() => this.#answer?.(), 1);
        }
        const {promise, resolve} = Promise.withResolvers<void>();
        this.#answer = resolve;
        await this.#session.wait(promise);
      }
    } catch (error) {
      throw this.#ended(error);
    } finally {
      this.#answer = null;
      this.#receiver = null;
    }
  }

  #ended(error: unknown): unknown {
    const subscription = this.#subscription;
    if (subscription === null || !(error instanceof PgError)) return error;
    const token = this.#leftover === null ? subscription.token : tokenBefore(this.#leftover);
    this.close();
    return error.with({detail: token});
  }

  // --- the receiver of the subscription

  get wanted(): number {
    const receiver = this.#receiver;
    if (receiver === null || this.#leftover !== null) return 0;
    if (receiver.isFull) {
      this.#wakeWhenDrained(receiver);
      return 0;
    }
    return this.#maxRows - this.sent;
  }

  #wakeWhenDrained(receiver: RowReceiver): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    void receiver.drained().then(() => {
      this.#isDraining = false;
      this.#subscription?.wake();
    });
  }

  snapshot(seq: Seq, batch: Batch): void {
    this.#receiver!.rows(withMeta(seq, batch));
    this.sent += batch.count;
  }

  frame(frame: Frame): void {
    this.#leftover = frame;
    this.#leftoverAt = 0;
    this.#emitLeftover();
  }

  /** Gives what remains of a commit, as far as the row limit allows. */
  #emitLeftover(): void {
    const frame = this.#leftover;
    if (frame === null || this.#receiver === null) return;
    while (this.#leftoverAt < frame.ops.length && this.sent < this.#maxRows) {
      const count = Math.min(
        frame.ops.length - this.#leftoverAt,
        this.#maxRows - this.sent,
        BATCH_ROWS,
      );
      this.#receiver.rows(this.#batchOf(frame, this.#leftoverAt, count));
      this.#leftoverAt += count;
      this.sent += count;
    }
    if (this.#leftoverAt === frame.ops.length) this.#leftover = null;
  }

  #batchOf(frame: Frame, from: number, count: number): Batch {
    const isWhole = frame.isShared && from === 0 && count === frame.ops.length;
    if (!isWhole) return this.#fill((this.#builder ??= this.#newBuilder()), frame, from, count);
    frame.batch ??= this.#fill(this.#newBuilder(), frame, from, count);
    return frame.batch;
  }

  #newBuilder(): RowBatchBuilder {
    return new RowBatchBuilder(this.shape.fields.map(field => field.type));
  }

  #fill(builder: RowBatchBuilder, frame: Frame, from: number, count: number): Batch {
    builder.reset();
    for (let i = from; i < from + count; i++) {
      const isLast = i === frame.ops.length - 1;
      const row = (frame.rows[i] ?? this.#blank) as readonly Datum[];
      builder.push([
        frame.seq,
        OP_NAMES[frame.ops[i]!]!,
        isLast,
        isLast ? tokenAt(frame.seq, frame.tokenTail) : null,
        ...row,
      ]);
    }
    const batch = builder.finish();
    batch.count = count;
    return batch;
  }

  closed(error: PgError): void {
    this.#error = error;
    this.#answer?.();
  }

  flush(): void {
    if (this.sent === 0 || this.#receiver === null) return;
    if (this.#maxRows === Infinity) this.#session.sink.flush();
    else this.#answer?.();
  }

  tag(): string {
    return `SUBSCRIBE ${this.sent}`;
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#receiver = null;
    this.#subscription?.close();
  }
}

/** Where to resume when a commit was given in part: before it. */
function tokenBefore(frame: Frame): string {
  return tokenAt((frame.seq - 1n) as Seq, frame.tokenTail);
}

function metaFields(session: SessionContext): ResultShape['fields'] {
  const {catalog} = session.transaction;
  const field = (name: string, type: number): ResultShape['fields'][number] => ({
    name,
    type: catalog.typeByOid(oid(type))!,
    typmod: -1,
    tableOid: oid(0),
    attnum: 0,
  });
  return [field('_seq', 20), field('_op', 25), field('_last', 16), field('_resume', 25)];
}

/** A batch of first rows with `_seq, _op, _last, _resume` in front. */
function withMeta(seq: Seq, batch: Batch): Batch {
  const size =
    batch.selection === null
      ? batch.count
      : batch.count === 0
        ? 0
        : batch.selection[batch.count - 1]! + 1;
  const meta: Vector[] = [
    {kind: 'int64', values: new BigInt64Array(size).fill(seq), nulls: null},
    {kind: 'string', values: new Array<string>(size).fill('snap'), nulls: null},
    {kind: 'bool', values: new Uint8Array(size), nulls: null},
    {kind: 'string', values: new Array<string>(size).fill(''), nulls: new Uint8Array(size).fill(1)},
  ];
  return {
    count: batch.count,
    selection: batch.selection,
    vectors: [...meta.slice(0, META_COLUMNS), ...batch.vectors],
  };
}

interface ReadOptions {
  readonly start: SubscribeStart;
  readonly progressMs: number;
  readonly storage: string | null;
}

function readOptions(options: SubscribeNode['options']): ReadOptions {
  let start: SubscribeStart = {snapshot: true, lastRows: null, resume: null, from: null};
  let progressMs = 0;
  let storage: string | null = null;
  for (const [name, value] of Object.entries(options)) {
    switch (name.toLowerCase()) {
      case 'snapshot':
        start = {...start, snapshot: booleanOption(name, value)};
        break;
      case 'last_rows':
        start = {...start, lastRows: Number(integerOption(name, value))};
        break;
      case 'resume':
        start = {...start, resume: value};
        break;
      case 'from':
      case 'from_seq_id':
        start = {...start, from: integerOption(name, value) as Seq};
        break;
      case 'progress':
        progressMs = Math.max(100, durationOption(name, value));
        break;
      case 'storage':
        storage = value;
        break;
      default:
        throw new PgError(
          SqlState.invalidParameterValue,
          `unrecognized SUBSCRIBE option "${name}"`,
        );
    }
  }
  return {start, progressMs, storage};
}

function booleanOption(name: string, value: string): boolean {
  if (/^(true|on|1|yes)$/i.test(value)) return true;
  if (/^(false|off|0|no)$/i.test(value)) return false;
  throw new PgError(
    SqlState.invalidParameterValue,
    `SUBSCRIBE option "${name}" requires a Boolean value`,
  );
}

function integerOption(name: string, value: string): bigint {
  if (!/^\d{1,18}$/.test(value))
    throw new PgError(
      SqlState.invalidParameterValue,
      `SUBSCRIBE option "${name}" requires a non-negative integer`,
    );
  return BigInt(value);
}

/** Milliseconds of an option such as '5s'. */
export function durationOption(name: string, value: string): number {
  const match = /^(\d{1,9})\s*(ms|s|min)?$/.exec(value);
  if (match === null)
    throw new PgError(
      SqlState.invalidParameterValue,
      `SUBSCRIBE option "${name}" requires a time, such as '5s'`,
    );
  const unit = match[2] === 'ms' ? 1 : match[2] === 'min' ? 60_000 : 1000;
  return Math.min(Number(match[1]) * unit, 86_400_000);
}
