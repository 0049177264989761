import type {CatalogSnapshot} from '../catalog/contract.ts';
import type {Batch} from '../columns/batch.ts';
import type {PgError} from '../common/errors.ts';
import type {Seq} from '../common/ids.ts';
import {datumAt} from '../columns/vector-builder.ts';
import type {ChannelQuery} from '../live/channel-changes.ts';
import {type Frame, MARK, RESET} from '../live/frame.ts';
import {jsonOperations, jsonRow} from '../live/json-codec.ts';
import {resultOrder} from '../live/result-order.ts';
import {tokenAt} from '../live/resume-token.ts';
import type {AnyShape} from '../live/live-shape.ts';
import type {LiveCursor, LiveSink} from '../live/subscription-types.ts';
import type {LiveHandle, LiveHandles, LiveReceiver, LiveRequest, LiveTag} from './live-contract.ts';
import {findLiveQuery, liveStatement, readArgumentList} from './live-functions.ts';
import {liveOptions} from './live-query-options.ts';
import type {SessionContext} from './session-context.ts';

/** Live queries of a session for a client that is not in a statement: WebSocket, embedded use. */
export class LiveDoor implements LiveHandles {
  readonly #session: SessionContext;
  /** One for each receiver, whatever it subscribes to. */
  readonly #sinks = new WeakMap<LiveReceiver, ReceiverSink>();

  constructor(session: SessionContext) {
    this.#session = session;
  }

  /** Opens one. The caller then calls `leave`. */
  async open(request: LiveRequest, receiver: LiveReceiver): Promise<LiveHandle> {
    const session = this.#session;
    session.enter(request.sql ?? request.name ?? '');
    try {
      const query = await plannedQuery(session, request);
      if (session.transaction.status === 'implicit') await session.transaction.commit();
      // Last, so that whoever awaits the handle has it before anything is given.
      const {snapshot, lastRows, resume, from, tag} = request;
      const sink = this.#sinkOf(receiver);
      const subscription = session.engine.live.hub.subscribe({
        ...query,
        ...{sink, surface: 'websocket', pid: session.pid, tag: tag ?? null},
        start: {snapshot, lastRows, resume, from},
      });
      return new SubscriptionHandle(subscription);
    } catch (error) {
      throw session.failed(error);
    }
  }

  #sinkOf(receiver: LiveReceiver): ReceiverSink {
    let sink = this.#sinks.get(receiver);
    if (sink === undefined) {
      sink = new ReceiverSink(receiver);
      this.#sinks.set(receiver, sink);
    }
    return sink;
  }

  find(id: number): LiveHandle | undefined {
    const subscription = this.#session.engine.live.hub.subscription(id);
    return subscription === undefined ? undefined : new SubscriptionHandle(subscription);
  }
}

async function plannedQuery(session: SessionContext, request: LiveRequest): Promise<ChannelQuery> {
  session.enterPlan();
  const named = request.name === null ? null : findLiveQuery(session, request.name);
  const text = named?.queryText ?? request.sql ?? '';
  const statement = liveStatement(session, text);
  const plan = () => session.planner.plan(statement, named?.argTypes ?? []);
  const locking = session.lockTables(plan().entry.plan);
  if (locking !== undefined) await locking;
  const {entry, slots} = plan();
  const params = readArgumentList(session, request.args, entry.plan.parameterTypes);
  return liveOptions(session, {
    ...{entry, params, slots, text},
    name: named?.name ?? '',
    codec: 'exactJson',
    storage: request.storage ?? null,
  });
}

/** What a handle says of its columns: the same object for all subscriptions of a shape. */
interface HandleColumns {
  readonly columns: LiveHandle['columns'];
  readonly order: LiveHandle['order'];
}

function columnsOf(catalog: CatalogSnapshot, shape: AnyShape): HandleColumns {
  const known = catalog.memo('live.columns', () => new WeakMap<AnyShape, HandleColumns>());
  let answer = known.get(shape);
  if (answer === undefined) {
    answer = {
      columns: shape.columns.map(({name, type}) => ({
        name,
        typeOid: type.oid,
        typeName: type.name,
      })),
      order: resultOrder(shape),
    };
    known.set(shape, answer);
  }
  return answer;
}

class SubscriptionHandle implements LiveHandle {
  readonly #subscription: LiveCursor;

  constructor(subscription: LiveCursor) {
    this.#subscription = subscription;
  }

  get #columns(): HandleColumns {
    const {catalog, shape} = this.#subscription.options;
    return columnsOf(catalog, shape);
  }

  get id(): number {
    return this.#subscription.id;
  }

  get class(): string {
    return this.#subscription.options.shape.class;
  }

  get columns(): LiveHandle['columns'] {
    return this.#columns.columns;
  }

  get order(): LiveHandle['order'] {
    return this.#columns.order;
  }

  get token(): string | undefined {
    return this.#subscription.token;
  }

  get seq(): Seq {
    return this.#subscription.position;
  }

  wake(): void {
    this.#subscription.wake();
  }

  close(): void {
    this.#subscription.close();
  }
}

/** Frames as JSON texts, for all live queries of a receiver. */
class ReceiverSink implements LiveSink {
  readonly #receiver: LiveReceiver;
  /** Column names of the newest shape that something was given of. */
  #shape: AnyShape | null = null;
  #names: readonly string[] = [];

  constructor(receiver: LiveReceiver) {
    this.#receiver = receiver;
  }

  get wanted(): number {
    return this.#receiver.wanted;
  }

  snapshot(seq: Seq, batch: Batch, tag: LiveTag, shape: AnyShape): void {
    const rows: string[] = [];
    const width = shape.columns.length;
    for (let i = 0; i < batch.count; i++) {
      const at = batch.selection === null ? i : batch.selection[i]!;
      const row = batch.vectors.map(vector => datumAt(vector, at) as string | null);
      rows.push(jsonRow(row, width));
    }
    this.#receiver.rows(seq, rows, tag);
  }

  frame(frame: Frame, tag: LiveTag, shape: AnyShape): void {
    const token = tokenAt(frame.seq, frame.tokenTail);
    const receiver = this.#receiver;
    if (frame.ops[0] === MARK) receiver.mark(frame.seq, token, tag);
    else if (frame.ops[0] === RESET)
      receiver.reset(frame.seq, frame.reason, {class: shape.class, order: resultOrder(shape)}, tag);
    else {
      const operations = jsonOperations(frame, this.#namesOf(shape));
      receiver.changes(frame.seq, operations, token, frame.reason === 'lag', tag);
    }
  }

  #namesOf(shape: AnyShape): readonly string[] {
    if (this.#shape !== shape) {
      this.#shape = shape;
      this.#names = shape.columns.map(column => column.name);
    }
    return this.#names;
  }

  closed(error: PgError, tag: LiveTag): void {
    this.#receiver.closed(error, tag);
  }

  flush(): void {
    this.#receiver.flush();
  }
}
