import type {CatalogSnapshot} from '../catalog/contract.ts';
import type {Batch} from '../columns/batch.ts';
import type {PgError} from '../common/errors.ts';
import type {Oid, OwnerId, Seq} from '../common/ids.ts';
import type {END, PAUSE} from '../exec/operator.ts';
import type {BoundExpr} from '../expr/bound.ts';
import type {ExprCompiler} from '../expr/compiler.ts';
import type {ExprRun} from '../expr/run.ts';
import type {Plan, TableScanPlan} from '../sql/plan/plan.ts';
import type {TableStorage} from '../storage/contract.ts';
import type {Datum} from '../types/contract.ts';
import type {Frame} from './frame.ts';
import type {AnyShape, LiveShape, ResultShape} from './live-shape.ts';

/** Rows of a query at one seq. */
export interface SnapshotRows {
  readonly seq: Seq;
  next(wanted: number): Batch | typeof END | typeof PAUSE;
  /** What a PAUSE waits for; null when it only yields. */
  readonly pause: Promise<unknown> | null;
  close(): void;
}

/** Opens a plan over a new snapshot, without the session's own uncommitted writes. The snapshot is taken in the call. */
export interface SnapshotSource {
  open(
    plan: Plan,
    params: readonly Datum[],
    slots: readonly Datum[],
    outerCount: number,
  ): SnapshotRows;
}

/**
 * Where subscriptions deliver; `tag` says which of them. When it cannot take more it says `wanted` 0 and later calls `wake()` of each. A
 * subscription keeps no receiver of its own beside it: there may be 100,000.
 */
export interface LiveSink {
  /** Rows that it takes now; a frame is given whole when this is above 0. */
  readonly wanted: number;
  /** First rows, at most `wanted` of them; the batch is valid during the call. `shape`: how the subscription is kept. */
  snapshot(seq: Seq, batch: Batch, tag: LiveTag, shape: AnyShape): void;
  /** The shape may be another one since a reset. */
  frame(frame: Frame, tag: LiveTag, shape: AnyShape): void;
  /** The last call: authority lost, killed, table gone. */
  closed(error: PgError, tag: LiveTag): void;
  /** Everything of this turn was given. */
  flush(): void;
}

/** A subscription as its receiver calls it. */
export type LiveTag = string | number | null;

/** Who subscribes, to what, from where, but not with which values: one object for all subscriptions of a sink that differ in these. */
export interface SharedOptions<S extends AnyShape = AnyShape> {
  readonly shape: S;
  /** Settings and names as they stay for the subscription. */
  readonly context: ExprRun['context'];
  readonly compiler: ExprCompiler;
  readonly databaseOid: Oid;
  /** The table as a catalog has it. Throws when it is gone. */
  storageOf(catalog: CatalogSnapshot, table: Oid): TableStorage;
  /** The catalog that the query was planned against. */
  readonly catalog: CatalogSnapshot;
  /** The newest one. */
  newest(): CatalogSnapshot;
  /** Whose rows: null = all owners, or a shared table. Of class E: whose own rows. */
  readonly owner: OwnerId | null;
  /** Whose rows a table of a scope shows; null = everybody's. */
  scopeOwner(scope: TableScanPlan['scope']): OwnerId | null;
  /** More rows than these are not kept (classes B and E). */
  readonly maxResultRows: number;
  readonly role: Oid;
  readonly userName: string;
  readonly pid: number;
  /** Name of the live query, or ''. */
  readonly name: string;
  readonly surface: 'subscribe' | 'channel' | 'websocket' | 'copy' | 'cursor';
  readonly queryText: string;
  readonly codec: Codec;
  readonly sink: LiveSink;
  readonly source: SnapshotSource;
  readonly authority: LiveAuthority;
  /** Sends the rows there are; after a reset too. */
  readonly snapshot: boolean;
  /** Only the newest rows of the snapshot. */
  readonly lastRows: number | null;
}

/** What a subscription is opened with. */
export interface SubscribeOptions<S extends AnyShape = AnyShape>
  extends Omit<SharedOptions<S>, 'snapshot' | 'lastRows'> {
  readonly params: readonly Datum[];
  readonly slots: readonly Datum[];
  readonly start: SubscribeStart;
  /** Null: the sink has one subscription. */
  readonly tag: LiveTag;
}

/** By which right a query is read, and what it was planned from: shared by the subscriptions of a role to one plan. */
export interface LiveAuthority {
  readonly databaseOid: Oid;
  /** Its subscriptions get nothing more as they are: they are about to be ended, or planned anew. Set by the hub. */
  isStale: boolean;
  /** Whether the query means the same over a catalog. Throws when the role may not read it there, or nobody can. */
  check(catalog: CatalogSnapshot): 'same' | 'changed';
  /** A subscription bound and planned anew over the newest catalog. Throws when it has other columns, or no right any more. */
  rebind(options: SubscribeOptions): SubscribeOptions;
  /** Why a rebound subscription starts over. */
  readonly changeReason: 'policy' | 'schema';
}

/** How rows are given to the sink: a name for the cache, and the target list over the stored row. */
export interface Codec {
  readonly name: string;
  projection(shape: LiveShape): readonly BoundExpr[];
  /** For class E: the target list over the query's columns, which of it are a key, and whether rows without one get one. */
  results(shape: ResultShape): ResultTargets;
}

/** Rows of class E as a codec gives them. */
export interface ResultTargets {
  readonly exprs: readonly BoundExpr[];
  readonly keys: readonly number[] | null;
  readonly addsKey: boolean;
}

/** An open subscription, of any class. */
export interface LiveCursor {
  readonly id: number;
  readonly options: SharedOptions;
  readonly state: string;
  readonly changes: number;
  readonly resets: number;
  /** Milliseconds since its hub began: a small number, of which there may be 100,000. */
  readonly createdAt: number;
  /** Everything up to here was given, or had nothing for this query. */
  readonly position: Seq;
  /** Where to resume; undefined while the first rows are not all given. */
  readonly token: string | undefined;
  /** The receiver can take more. */
  wake(): void;
  /** Says how far it is, when it is live and the receiver takes it. */
  mark(): void;
  /** Ends with an error that the receiver is told. */
  fail(error: unknown): void;
  /** Ends without a word. */
  close(): void;
}

/** A subscription as it is kept for one plan of its query; another plan, another one. */
export interface PlannedCursor extends LiveCursor {
  changes: number;
  resets: number;
  /** With what it would be opened now. */
  asked(): SubscribeOptions;
  /** Lets go of everything; its receiver and its number live on in another one. */
  leave(): void;
}

/** What a subscription needs of its hub. */
export interface CursorHost {
  /** Does a part of its work in a later turn; `isUrgent`: its receiver has just come. */
  later(task: () => void, isUrgent: boolean): void;
  /** It has ended. */
  removed(cursor: PlannedCursor): void;
}

/** Target list as asked: rows of Datums. */
export const ROW_CODEC: Codec = {
  name: 'rows',
  projection: shape => shape.projection,
  results: ({columns, keyColumns}) => ({
    exprs: columns.map((column, index) => ({kind: 'column', index, ...column, location: -1})),
    keys: keyColumns,
    addsKey: false,
  }),
};

/** Where a subscription begins. */
export interface SubscribeStart {
  /** Sends the rows there are; after a reset too. */
  readonly snapshot: boolean;
  /** Only the newest rows of the snapshot. */
  readonly lastRows: number | null;
  readonly resume: string | null;
  /** Changes after this commit instead of a snapshot. */
  readonly from: Seq | null;
}

/** A row of system.live_queries. */
export interface LiveQueryInfo {
  readonly id: number;
  readonly name: string;
  readonly pid: number;
  readonly userName: string;
  readonly surface: string;
  readonly class: string;
  readonly query: string;
  readonly state: string;
  readonly sentSeq: Seq;
  readonly lag: bigint;
  readonly changes: bigint;
  readonly createdAt: bigint;
  readonly resets: number;
}
