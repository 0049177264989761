import type {Batch} from '../columns/batch.ts';
import {datumAt} from '../columns/vector-builder.ts';
import type {PgError} from '../common/errors.ts';
import type {Seq} from '../common/ids.ts';
import {CHANGE_INSERT, Frame, MARK} from './frame.ts';
import type {LiveHub} from './hub.ts';
import {jsonPayloads} from './json-codec.ts';
import type {LiveCursor, LiveSink, SubscribeOptions} from './subscription-types.ts';

/** What a channel delivers: a subscription without a receiver. */
export type ChannelQuery = Omit<SubscribeOptions, 'sink' | 'start' | 'surface' | 'pid' | 'tag'>;

/** Payloads with the seq that each is of. */
export type ChangePayloads = readonly (readonly [seq: Seq, payload: string])[];

/** What changed in a kept result since a commit: the net effect when it is known, else a reset and all rows. */
export async function resultChanges(
  hub: LiveHub,
  asked: {
    readonly query: ChannelQuery;
    readonly since: Seq;
    /** Why it is a reset in any case; null when it need not be one. */
    readonly reason: string | null;
    readonly maxBytes: number;
  },
): Promise<ChangePayloads> {
  const {query, since, reason, maxBytes} = asked;
  const sink = new CollectingSink();
  const start = {snapshot: true, lastRows: null, resume: null, from: since};
  const cursor = hub.subscribe({...channelOptions(query), sink, start}, reason);
  try {
    sink.cursor = cursor;
    const frames = await sink.collected;
    const names = query.shape.columns.map(column => column.name);
    return frames.flatMap(frame =>
      jsonPayloads(frame, names, maxBytes).map(payload => [frame.seq, payload] as const),
    );
  } finally {
    cursor.close();
  }
}

/** Takes everything up to the first mark, first rows as insertions. */
class CollectingSink implements LiveSink {
  readonly wanted = Infinity;
  readonly collected: Promise<readonly Frame[]>;
  cursor: LiveCursor | null = null;
  readonly #frames: Frame[] = [];
  readonly #done: PromiseWithResolvers<readonly Frame[]> = Promise.withResolvers();

  constructor() {
    this.collected = this.#done.promise;
  }

  snapshot(seq: Seq, batch: Batch): void {
    const rows: unknown[][] = [];
    for (let i = 0; i < batch.count; i++) {
      const at = batch.selection === null ? i : batch.selection[i]!;
      rows.push(batch.vectors.map(vector => datumAt(vector, at)));
    }
    const ops = rows.map(() => CHANGE_INSERT as typeof CHANGE_INSERT);
    const tail = this.#frames[0]?.tokenTail ?? '';
    this.#frames.push(
      new Frame(
        seq,
        ops,
        rows,
        rows.map(() => null),
        tail,
      ),
    );
  }

  frame(frame: Frame): void {
    if (frame.ops[0] === MARK) this.#done.resolve(this.#frames);
    else this.#frames.push(frame);
  }

  closed(error: PgError): void {
    this.#done.reject(error);
  }

  flush(): void {}
}

/** The query of a channel as that of a subscription to nobody. */
export function channelOptions(query: ChannelQuery): SubscribeOptions {
  const start = {snapshot: false, lastRows: null, resume: null, from: null};
  return {...query, sink: NO_SINK, surface: 'channel', pid: 0, start, tag: null};
}

/** Takes nothing: for reads of the log without a subscription. */
const NO_SINK: LiveSink = {
  wanted: 0,
  snapshot: () => {},
  frame: () => {},
  closed: () => {},
  flush: () => {},
};
