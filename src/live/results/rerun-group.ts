import {type Oid, oid, type OwnerId, type Seq} from '../../common/ids.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {Plan} from '../../sql/plan/plan.ts';
import type {CommitEvent, LogReader} from '../../storage/contract.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {ResultShape} from '../live-shape.ts';
import type {SubscribeOptions} from '../subscription-types.ts';
import {ResultGroup, type ResultHost, type ResultIdentity} from './result-group.ts';
import {identified, type ResultChange, type ResultRow, type RowIdentity} from './result-rows.ts';
import {QueryRun} from './run-query.ts';

/** Between two runs at least this long, and this many times the work of the last one, up to a bound. */
const MIN_PAUSE_MS = 5;
const MAX_PAUSE_MS = 5000;
const PAUSE_PER_WORK = 4;

/** What class E needs beside. */
export interface RerunHost extends ResultHost {
  /** The change log of a table that has a durable one; null otherwise. */
  durableLog(options: SubscribeOptions, table: Oid, owner: OwnerId | null): LogReader | null;
}

/** Class E: run again after commits on the tables that it reads, one run at a time, and compared with the result before. */
export class RerunGroup extends ResultGroup {
  readonly types: readonly TypeInstance[];
  readonly shape: ResultShape;
  /** Whose rows it reads, by table; null = everybody's. */
  readonly owners: ReadonlyMap<Oid, OwnerId | null>;
  readonly #identity: RowIdentity;
  readonly #plan: Plan;
  readonly #host: RerunHost;
  /** The newest commit that may have changed the result. */
  #touchedAt = 0n as Seq;
  #notBefore = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: SubscribeOptions<ResultShape>, identity: ResultIdentity, host: RerunHost) {
    super(options, identity, host);
    const {shape, codec} = options;
    this.shape = shape;
    this.#host = host;
    this.owners = new Map(
      shape.tables.map(({table, scope}) => [table, options.scopeOwner(scope)] as const),
    );
    const {exprs, keys, addsKey} = codec.results(shape);
    this.#plan = projected(shape, exprs);
    const types = exprs.map(expr => expr.type);
    const text = options.catalog.typeByOid(oid(25))!;
    this.types = addsKey ? [...types, text, text] : types;
    this.#identity = {types, keys, addsKey};
    this.#schedule();
  }

  get position(): Seq {
    const settled = this.host.settled();
    return this.#touchedAt > this.seq || settled < this.seq ? this.seq : settled;
  }

  reaches(seq: Seq): boolean {
    if (this.rows !== null && this.seq >= seq) return true;
    if (seq > this.#touchedAt) this.#touchedAt = seq;
    this.#schedule();
    return false;
  }

  /** A durable commit. */
  dispatch(event: CommitEvent): void {
    if (event.seq <= this.seq || !this.#concerns(event)) return;
    this.#touchedAt = event.seq;
    this.#schedule();
  }

  #concerns(event: CommitEvent): boolean {
    let concerns = false;
    for (let i = 0; i < event.parts.length; i++) {
      const part = event.parts[i]!;
      const owner = this.owners.get(part.table.oid);
      if (owner === undefined) continue;
      if (owner !== null && part.owner !== owner && !(part.isTruncate && part.owner === 0))
        continue;
      concerns = true;
      if (part.isTruncate) this.truncated(event.seq);
    }
    return concerns;
  }

  #schedule(): void {
    if (this.isClosed || this.isReading || this.#timer !== null) return;
    if (this.rows !== null && this.#touchedAt <= this.seq) return;
    const waitMs = Math.max(0, this.#notBefore - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.beginRead();
    }, waitMs);
  }

  protected read(): QueryRun {
    const {source, params, slots, maxResultRows} = this.options;
    const rows = source.open(this.#plan, params, slots, this.shape.plan.outerCount);
    return new QueryRun(rows, maxResultRows, this.receiver);
  }

  protected wasRead(seq: Seq, rows: readonly ResultRow[], workMs: number): void {
    const pauseMs = Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, workMs * PAUSE_PER_WORK));
    this.#notBefore = performance.now() + pauseMs;
    this.publish(seq, identified(rows, this.#identity));
    this.#schedule();
  }

  /** Nothing, when no table changed in between; else nobody knows what the result was. */
  changeSince(since: Seq): ResultChange | null | undefined {
    for (const [table, owner] of this.owners) {
      const log = this.#host.durableLog(this.options, table, owner);
      if (log === null) return undefined;
      const {entries, gap} = log.read(since, 1);
      if (gap || (entries[0] !== undefined && entries[0].seq <= this.seq)) return undefined;
    }
    return null;
  }

  override close(): void {
    super.close();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

function projected(shape: ResultShape, exprs: readonly BoundExpr[]): Plan {
  const {root} = shape.plan;
  return {
    kind: 'project',
    id: -1,
    estimatedRows: root.estimatedRows,
    columns: exprs.map((expr, index) => ({
      name: shape.columns[index]?.name ?? '?column?',
      type: expr.type,
      typmod: expr.typmod,
    })),
    input: root,
    exprs,
  };
}
