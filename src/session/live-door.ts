import type {CatalogSnapshot} from '../catalog/contract.ts';
import type {Batch} from '../columns/batch.ts';
import type {PgError} from '../common/errors.ts';
import type {Seq} from '../common/ids.ts';
import {datumAt} from '../columns/vector-builder.ts';
import {type Frame, MARK, RESET} from '../live/frame.ts';
import {jsonOperations, jsonRow} from '../live/json-codec.ts';
import {resultOrder} from '../live/result-order.ts';
import {tokenAt} from '../live/resume-token.ts';
import type {AnyShape} from '../live/live-shape.ts';
import type {LiveCursor, LiveSink} from '../live/subscription-types.ts';
import type {LiveHandle, LiveReceiver, LiveRequest} from './live-contract.ts';
import {findLiveQuery, liveStatement, readArgumentList} from './live-functions.ts';
import {liveOptions} from './live-query-options.ts';
import type {SessionContext} from './session-context.ts';

/** Opens a live query for a client that is not in a statement: WebSocket, embedded use. The caller then calls `leave`. */
export async function openLive(
  session: SessionContext,
  request: LiveRequest,
  receiver: LiveReceiver,
): Promise<LiveHandle> {
  session.enter(request.sql ?? request.name ?? '');
  try {
    const handle = await subscribe(session, request, receiver);
    if (session.transaction.status === 'implicit') await session.transaction.commit();
    return handle;
  } catch (error) {
    throw session.failed(error);
  }
}

async function subscribe(
  session: SessionContext,
  request: LiveRequest,
  receiver: LiveReceiver,
): Promise<LiveHandle> {
  session.enterPlan();
  const named = request.name === null ? null : findLiveQuery(session, request.name);
  const text = named?.queryText ?? request.sql ?? '';
  const statement = liveStatement(session, text);
  const plan = () => session.planner.plan(statement, named?.argTypes ?? []);
  const locking = session.lockTables(plan().entry.plan);
  if (locking !== undefined) await locking;
  const {entry, slots} = plan();
  const params = readArgumentList(session, request.args, entry.plan.parameterTypes);
  const name = named?.name ?? '';
  const query = liveOptions(session, {
    entry,
    params,
    slots,
    name,
    text,
    codec: 'exactJson',
    storage: request.storage ?? null,
  });
  const columns = columnsOf(entry.catalog, query.shape);
  const {snapshot, lastRows, resume, from} = request;
  const subscription = session.engine.live.hub.subscribe({
    ...query,
    sink: new ReceiverSink(receiver, columns.names),
    surface: 'websocket',
    pid: session.pid,
    start: {snapshot, lastRows, resume, from},
  });
  return new SubscriptionHandle(subscription);
}

/** What a handle says of its columns: the same object for all subscriptions of a shape. */
interface HandleColumns {
  readonly columns: LiveHandle['columns'];
  readonly names: readonly string[];
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
      names: shape.columns.map(column => column.name),
      order: resultOrder(shape),
    };
    known.set(shape, answer);
  }
  return answer;
}

/** There may be 100,000 of them: it keeps nothing of how it was opened, as closures would. */
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

/** Frames as JSON texts. */
class ReceiverSink implements LiveSink {
  readonly #receiver: LiveReceiver;
  readonly #names: readonly string[];

  constructor(receiver: LiveReceiver, names: readonly string[]) {
    this.#receiver = receiver;
    this.#names = names;
  }

  get wanted(): number {
    return this.#receiver.wanted;
  }

  snapshot(seq: Seq, batch: Batch): void {
    const rows: string[] = [];
    const width = this.#names.length;
    for (let i = 0; i < batch.count; i++) {
      const at = batch.selection === null ? i : batch.selection[i]!;
      const row = batch.vectors.map(vector => datumAt(vector, at) as string | null);
      rows.push(jsonRow(row, width));
    }
    this.#receiver.rows(seq, rows);
  }

  frame(frame: Frame): void {
    const token = tokenAt(frame.seq, frame.tokenTail);
    if (frame.ops[0] === MARK) this.#receiver.mark(frame.seq, token);
    else if (frame.ops[0] === RESET) this.#receiver.reset(frame.seq, frame.reason);
    else {
      const operations = jsonOperations(frame, this.#names);
      this.#receiver.changes(frame.seq, operations, token, frame.reason === 'lag');
    }
  }

  closed(error: PgError): void {
    this.#receiver.closed(error);
  }

  flush(): void {
    this.#receiver.flush();
  }
}
