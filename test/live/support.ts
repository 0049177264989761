import type {Batch} from '../../src/columns/batch.ts';
import type {CatalogSnapshot} from '../../src/catalog/contract.ts';
import type {PgError} from '../../src/common/errors.ts';
import {oid, type OwnerId, type Seq} from '../../src/common/ids.ts';
import {buildOperator} from '../../src/exec/build.ts';
import {datumAt} from '../../src/exec/column-store.ts';
import type {RunContext} from '../../src/exec/operator.ts';
import type {BoundExpr} from '../../src/expr/bound.ts';
import {ExprCompiler} from '../../src/expr/compiler.ts';
import {FactoryCache} from '../../src/expr/factory-cache.ts';
import {createFunctionLibrary} from '../../src/functions/library.ts';
import {analyzeLive} from '../../src/live/analyze.ts';
import {CHANGE_DELETE, type Frame, MARK, RESET} from '../../src/live/frame.ts';
import {LiveHub} from '../../src/live/hub.ts';
import {ResumeTokens, tokenAt} from '../../src/live/resume-token.ts';
import type {
  LiveAuthority,
  LiveCursor,
  LiveSink,
  SnapshotRows,
  SnapshotSource,
  SubscribeOptions,
  SubscribeStart,
} from '../../src/live/subscription-types.ts';
import {exprText} from '../../src/live/expr-text.ts';
import {ROW_CODEC} from '../../src/live/subscription-types.ts';
import type {QueryPlan, TableScanPlan} from '../../src/sql/plan/plan.ts';
import type {Storage, TableStorage} from '../../src/storage/contract.ts';
import type {Datum, TypeInstance} from '../../src/types/contract.ts';
import {createBuiltinTypes} from '../../src/types/registry.ts';
import {begin} from '../storage/support.ts';

const types = createBuiltinTypes();
export const library = createFunctionLibrary();
export const factories = new FactoryCache();

export function typeOf(id: number): TypeInstance {
  return types.typeByOid(oid(id))!;
}

/** As much of a catalog as live queries look at: these tables. */
export function fakeCatalog(tables: readonly TableStorage[]): CatalogSnapshot {
  const find = (id: number): TableStorage | undefined => tables.find(table => table.oid === id);
  return {
    databaseOid: oid(5),
    tableByOid: (id: number) => {
      const found = find(id);
      if (found === undefined) return undefined;
      const columns = found.columns.map(column => ({
        attnum: column.attnum,
        name: column.name,
        typeOid: column.type.oid,
        typmod: -1,
        isDropped: false,
      }));
      return {oid: found.oid, name: found.name, columns, schemaVersion: found.schemaVersion};
    },
    indexesOf: () => [],
    typeByOid: (id: number) => types.typeByOid(oid(id)),
    roleByOid: () => undefined,
  } as unknown as CatalogSnapshot;
}

export function column(index: number, type: number): BoundExpr {
  return {kind: 'column', index, type: typeOf(type), typmod: -1, location: -1};
}

export function constant(value: Datum, type: number): BoundExpr {
  return {kind: 'constant', value, type: typeOf(type), typmod: -1, location: -1};
}

export function param(index: number, type: number): BoundExpr {
  return {kind: 'param', index, type: typeOf(type), typmod: -1, location: -1};
}

export function call(
  source: string,
  args: readonly BoundExpr[],
  type = 16,
  volatility: 'i' | 's' | 'v' = 'i',
): BoundExpr {
  return {
    ...{
      kind: 'call',
      function: oid(1),
      source,
      isStrict: true,
      volatility,
      args,
      operatorName: '',
      functionName: source,
    },
    ...{type: typeOf(type), typmod: -1, location: -1},
  };
}

export function and(...args: readonly BoundExpr[]): BoundExpr {
  return {kind: 'and', args, type: typeOf(16), typmod: -1, location: -1};
}

/** SELECT `exprs` FROM table WHERE filter, as the planner would make it. */
export function planOf(
  table: TableStorage,
  filter: BoundExpr | null,
  exprs: readonly BoundExpr[],
  parameterTypes: readonly number[] = [],
): QueryPlan {
  const columns = table.columns.map(each => ({name: each.name, type: each.type, typmod: -1}));
  const scan: TableScanPlan = {
    ...{
      kind: 'tableScan',
      id: 1,
      estimatedRows: 10,
      columns,
      table: table.oid,
      tableName: table.name,
      alias: table.name,
    },
    ...{
      scope: table.kind === 'shared' ? 'none' : 'own',
      outputs: table.columns.map(each => each.attnum),
      filter,
      pushed: [],
    },
    ...{lookup: null, ownerEquals: null, order: null},
  };
  const output = exprs.map((expr, index) => ({name: `c${index}`, type: expr.type, typmod: -1}));
  return {
    kind: 'select',
    root: {kind: 'project', id: 0, estimatedRows: 10, columns: output, input: scan, exprs},
    columns: output.map(each => ({...each, tableOid: oid(0), attnum: 0})),
    returnsRows: true,
    parameterTypes: parameterTypes.map(typeOf),
    ...{
      outerCount: 0,
      privileges: [],
      isReadOnly: true,
      tables: [],
      hasVolatile: false,
      runsFunctions: false,
      sequences: [],
      dependsOnRole: false,
    },
  };
}

export function makeHub(storage: Storage): LiveHub {
  return new LiveHub({
    storage,
    tokens: new ResumeTokens(Buffer.alloc(32, 7), 'e0'),
    ownerName: owner => `r${owner}`,
    now: () => 0n,
  });
}

/** A client that applies what it gets to its own copy of the result. */
export class Client implements LiveSink {
  /** Rows by their first column. */
  readonly state = new Map<Datum, readonly Datum[]>();
  readonly log: string[] = [];
  /** State after each `_last`, by seq. */
  readonly states: {readonly seq: Seq; readonly text: string; readonly token: string}[] = [];
  error: PgError | null = null;
  resets = 0;
  capacity = Infinity;
  onEvent: () => void = () => {};

  get wanted(): number {
    return this.capacity;
  }

  get text(): string {
    return [...this.state.values()]
      .map(row => row.join(','))
      .sort()
      .join(' ');
  }

  snapshot(seq: Seq, batch: Batch): void {
    for (let i = 0; i < batch.count; i++) {
      const at = batch.selection === null ? i : batch.selection[i]!;
      const row = batch.vectors.map(vector => datumAt(vector, at));
      if (this.state.has(row[0]!)) throw new Error(`snapshot gives ${String(row[0])} twice`);
      this.state.set(row[0]!, row);
    }
    this.capacity -= batch.count;
    this.log.push(`snap ${batch.count}`);
    void seq;
    this.onEvent();
  }

  frame(frame: Frame): void {
    if (frame.ops[0] === RESET) {
      this.state.clear();
      this.resets++;
      this.log.push(`reset ${frame.reason}`);
    } else if (frame.ops[0] === MARK) this.log.push('mark');
    else this.#apply(frame);
    this.capacity -= frame.ops.length;
    if (frame.ops[0] !== RESET)
      this.states.push({
        seq: frame.seq,
        text: this.text,
        token: tokenAt(frame.seq, frame.tokenTail),
      });
    this.onEvent();
  }

  #apply(frame: Frame): void {
    for (let i = 0; i < frame.ops.length; i++) {
      const row = frame.rows[i] as readonly Datum[];
      const key = row[0]!;
      this.log.push(`${['ins', 'upd', 'del'][frame.ops[i]!]} ${row.join(',')}`);
      if (frame.ops[i] === 0 && this.state.has(key))
        throw new Error(`inserted twice: ${String(key)}`);
      if (frame.ops[i] !== 0 && !this.state.has(key))
        throw new Error(`unknown row: ${String(key)}`);
      if (frame.ops[i] === CHANGE_DELETE) this.state.delete(key);
      else this.state.set(key, row);
    }
  }

  closed(error: PgError): void {
    this.error = error;
  }

  flush(): void {}
}

export interface Asked {
  readonly plan: QueryPlan;
  readonly table: TableStorage;
  readonly params?: readonly Datum[];
  readonly owner?: number | null;
  readonly role?: number;
  readonly start?: Partial<SubscribeStart>;
  readonly catalog?: CatalogSnapshot;
  readonly authority?: LiveAuthority;
}

/** Subscribes a client to a plan over real storage. */
export function subscribe(hub: LiveHub, asked: Asked, client: Client): LiveCursor {
  return hub.subscribe(optionsOf(hub, asked, client));
}

export function optionsOf(hub: LiveHub, asked: Asked, client: Client): SubscribeOptions {
  const {plan, table} = asked;
  const catalog = asked.catalog ?? fakeCatalog([table]);
  const params = asked.params ?? [];
  const authority = asked.authority ?? changingAuthority();
  const context = {format: {timeZone: 'UTC'}} as never;
  const owner =
    asked.owner === undefined || asked.owner === null ? null : (oid(asked.owner) as OwnerId);
  return {
    ...{
      shape: analyzeLive(plan, catalog),
      params,
      slots: [],
      context,
      compiler: new ExprCompiler(library, types, factories),
    },
    ...{
      databaseOid: oid(5),
      storageOf: () => table,
      scopeOwner: () => owner,
      maxResultRows: 1000,
      catalog,
      newest: () => catalog,
      owner,
      role: oid(asked.role ?? 10),
      userName: 'u',
      pid: 1,
      name: '',
    },
    ...{surface: 'subscribe', codec: ROW_CODEC, sink: client, authority},
    queryText: exprText(asked.plan.root as unknown as BoundExpr),
    source: new TestSnapshots(hub.storage, table, owner),
    tag: null,
    start: {snapshot: true, lastRows: null, resume: null, from: null, ...asked.start},
  };
}

/** A right whose answer to a new catalog can be set. */
export function changingAuthority(): LiveAuthority & {
  answer: 'same' | 'changed' | PgError;
  rebind: LiveAuthority['rebind'];
} {
  return {
    ...{databaseOid: oid(5), isStale: false, changeReason: 'policy', answer: 'same'},
    check() {
      if (this.answer === 'same' || this.answer === 'changed') return this.answer;
      throw this.answer;
    },
    rebind: options => options,
  };
}

class TestSnapshots implements SnapshotSource {
  readonly #storage: Storage;
  readonly #table: TableStorage;
  readonly #owner: OwnerId | null;

  constructor(storage: Storage, table: TableStorage, owner: OwnerId | null) {
    this.#storage = storage;
    this.#table = table;
    this.#owner = owner;
  }

  open(plan: Parameters<SnapshotSource['open']>[0], params: readonly Datum[]): SnapshotRows {
    const tx = begin(this.#storage, 'repeatable read');
    const operator = buildOperator(plan, {
      library,
      types,
      factories,
      isInstrumented: false,
      injectsPauses: true,
    });
    const run = {
      ...{
        params,
        slots: [],
        outer: [],
        context: {} as never,
        tx,
        owner: this.#owner,
        counters: null,
        pause: null as Promise<unknown> | null,
        topScans: new Map(),
      },
      ...{
        tableStorage: () => this.#table,
        hasServiceRight: true,
        ownerName: (owner: number) => `r${owner}`,
        sliceUsed: () => false,
        checkInterrupts: () => {},
      },
      ...{workMemBytes: 1e9},
    };
    operator.open(run as unknown as RunContext);
    return {
      seq: tx.snapshot().seq,
      get pause() {
        return run.pause;
      },
      next: wanted => operator.next(Math.min(wanted, 3)),
      close: () => {
        operator.close();
        tx.rollback();
      },
    };
  }
}

/** Lets everything settle: all commits durable and delivered. */
export async function settle(
  storage: Storage,
  client: Client | null = null,
  subscription: LiveCursor | null = null,
): Promise<void> {
  await storage.whenDurable(storage.lastSeq);
  for (let i = 0; i < 200; i++) {
    await new Promise<void>(resolve => setImmediate(resolve));
    if (client !== null && client.capacity <= 0) {
      client.capacity = 5;
      subscription?.wake();
    }
    if (subscription !== null && subscription.state === 'live' && i > 3) return;
  }
}

/** Seeded random numbers. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return below => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
