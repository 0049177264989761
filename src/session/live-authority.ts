import type {CatalogSnapshot} from '../catalog/contract.ts';
import {featureNotSupported, PgError} from '../common/errors.ts';
import type {Oid, OwnerId} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import {ExprCompiler} from '../expr/compiler.ts';
import {analyzeLive} from '../live/analyze.ts';
import type {ChannelQuery} from '../live/channel-changes.ts';
import {jsonCodec} from '../live/json-codec.ts';
import type {AnyShape} from '../live/live-shape.ts';
import {isSameQuery} from '../live/same-query.ts';
import {type LiveAuthority, ROW_CODEC, type SubscribeOptions} from '../live/subscription-types.ts';
import type {QueryPlan} from '../sql/plan/plan.ts';
import {
  checkStorageLimit,
  crossedTable,
  crossedTables,
  everybodyFor,
  NOBODY,
  ownerOf,
} from './live-owner.ts';
import {type LivePlanning, planLive} from './live-planning.ts';
import {securityOf} from './live-security.ts';
import {checkPlanPrivileges} from './privileges.ts';
import {hasServiceRight} from './run-context.ts';
import type {Engine, PlanEntry, PlannedQuery} from './session-context.ts';

/** How a plan is kept live; 0A000 when it cannot be. Kept beside the plan's catalog snapshot. */
export function liveShapeOf(entry: PlanEntry): AnyShape {
  const shapes = entry.catalog.memo('live.shapes', () => new WeakMap<QueryPlan, AnyShape>());
  let shape = shapes.get(entry.plan);
  if (shape === undefined) {
    shape = analyzeLive(entry.plan, entry.catalog);
    shapes.set(entry.plan, shape);
  }
  return shape;
}

/** Whose authority a subscription has, and how its rows are encoded. */
export interface AuthorityKey extends LivePlanning {
  readonly own: OwnerId;
  readonly everybody: OwnerId | null;
  readonly owner: OwnerId | null;
  readonly codec: 'rows' | 'json' | 'exactJson';
  /** The tables that are read across users must lie in this storage; null = anywhere. */
  readonly storage: string | null;
}

/** Parts of options that are code. Subscriptions to one plan with equal keys share them: there may be 100,000. */
type LiveParts = Pick<
  ChannelQuery,
  'compiler' | 'storageOf' | 'newest' | 'scopeOwner' | 'codec' | 'authority'
>;

/** The parts of the newest subscription to a plan; another key makes new ones. `text`: of the query, by which it is planned anew. */
export function partsOf(
  engine: Engine,
  entry: PlanEntry,
  key: AuthorityKey,
  asked: Pick<ChannelQuery, 'queryText' | 'context'>,
): LiveParts {
  const {catalog, plan} = entry;
  const known = catalog.memo(
    'live.parts',
    () => new WeakMap<QueryPlan, {readonly key: AuthorityKey; readonly parts: LiveParts}>(),
  );
  const last = known.get(plan);
  if (last !== undefined && !last.parts.authority.isStale && isSameKey(last.key, key))
    return last.parts;
  const parts = makeParts(engine, entry, key, asked);
  known.set(plan, {key, parts});
  return parts;
}

function isSameKey(a: AuthorityKey, b: AuthorityKey): boolean {
  return (
    a.databaseOid === b.databaseOid &&
    a.role === b.role &&
    a.rowSecurity === b.rowSecurity &&
    a.own === b.own &&
    a.everybody === b.everybody &&
    a.owner === b.owner &&
    a.codec === b.codec &&
    a.storage === b.storage &&
    a.searchPath.join() === b.searchPath.join()
  );
}

/** Keeps no session: sessions end before the plans that they shared. */
function makeParts(
  engine: Engine,
  entry: PlanEntry,
  key: AuthorityKey,
  asked: Pick<ChannelQuery, 'queryText' | 'context'>,
): LiveParts {
  const {catalog} = entry;
  const {databaseOid, own, everybody, codec} = key;
  return {
    compiler: new ExprCompiler(engine.library, catalog, engine.factories),
    storageOf: (at, table) => engine.storages.get(at, table),
    newest: () => engine.catalog(databaseOid),
    scopeOwner: scope => (scope === 'none' ? null : scope === 'own' ? own : everybody),
    codec: codec === 'rows' ? ROW_CODEC : jsonCodec(catalog, codec === 'exactJson'),
    authority: new SessionAuthority(engine, entry, key, asked),
  };
}

/** A text that was planned anew over a catalog. */
interface Replanned extends PlannedQuery, Pick<ChannelQuery, 'queryText' | 'context'> {
  readonly catalog: CatalogSnapshot;
  readonly shape: AnyShape;
}

/** The authority of a role over the tables of one plan, and what is needed to make the plan again. */
class SessionAuthority implements LiveAuthority {
  readonly databaseOid: Oid;
  isStale = false;
  changeReason: 'policy' | 'schema' = 'schema';
  readonly #engine: Engine;
  readonly #key: AuthorityKey;
  readonly #asked: Pick<ChannelQuery, 'queryText' | 'context'>;
  readonly #security: string;
  #entry: PlanEntry;
  #shape: AnyShape;
  /** The catalog that the plan was made for, or one in which it means the same. */
  #catalog: CatalogSnapshot;
  /** Whether the rights were looked at in that catalog. */
  #isChecked = false;
  /** What was planned anew last: most subscriptions have the same text. */
  #replanned: Replanned | null = null;

  constructor(
    engine: Engine,
    entry: PlanEntry,
    key: AuthorityKey,
    asked: Pick<ChannelQuery, 'queryText' | 'context'>,
  ) {
    this.databaseOid = key.databaseOid;
    this.#engine = engine;
    this.#key = key;
    this.#asked = asked;
    this.#entry = entry;
    this.#shape = liveShapeOf(entry);
    this.#catalog = entry.catalog;
    this.#security = securityOf(entry.catalog, key.role, entry.plan);
  }

  check(catalog: CatalogSnapshot): 'same' | 'changed' {
    if (catalog === this.#catalog && this.#isChecked) return 'same';
    if (catalog !== this.#catalog && !this.#goesOn(catalog)) return 'changed';
    this.#authorize(catalog);
    this.#catalog = catalog;
    this.#isChecked = true;
    return 'same';
  }

  /** Whether everything that the plan was made of is the same in a newer catalog, or makes the same plan. */
  #goesOn(catalog: CatalogSnapshot): boolean {
    const {role, own, everybody} = this.#key;
    if (catalog.roleByOid(role) === undefined) throw roleDropped(role);
    // The service right was given: what was its own rows is everybody's now.
    const isWider =
      crossedTable(this.#shape) !== null &&
      everybody !== null &&
      everybodyFor({catalog, role, own}) === null;
    if (isWider) this.changeReason = 'policy';
    if (isWider) return false;
    if (securityOf(catalog, role, this.#entry.plan) !== this.#security) {
      this.changeReason = 'policy';
      return false;
    }
    if (this.#isUntouched(catalog)) return true;
    const {entry} = this.#planned(catalog, this.#asked);
    const shape = liveShapeOf(entry);
    const before = {shape: this.#shape, catalog: this.#catalog};
    if (!isSameQuery(before, {shape, catalog}, this.#key.codec !== 'rows')) return false;
    if (!hasSameTypes(this.#shape, shape)) return false;
    this.#entry = entry;
    this.#shape = shape;
    return true;
  }

  /** Whether all that the plan was made from is what it was. */
  #isUntouched(catalog: CatalogSnapshot): boolean {
    const before = this.#catalog;
    const {plan} = this.#entry;
    for (const {relation} of plan.privileges)
      if (before.relationByOid(relation) !== catalog.relationByOid(relation)) return false;
    for (const {oid} of plan.tables) {
      if (before.relationByOid(oid) !== catalog.relationByOid(oid)) return false;
      if (!areSame(before.indexesOf(oid), catalog.indexesOf(oid))) return false;
    }
    return this.#entry.definitionsHold(catalog);
  }

  #planned(
    catalog: CatalogSnapshot,
    asked: Pick<ChannelQuery, 'queryText' | 'context'>,
  ): PlannedQuery {
    const types = this.#entry.plan.parameterTypes.map(type => type.oid);
    return planLive(this.#engine, this.#key, {...asked, catalog, parameterTypes: types});
  }

  /** 42501 when the role lost a right that the plan needs. */
  #authorize(catalog: CatalogSnapshot): void {
    const {role, owner, everybody, storage} = this.#key;
    if (catalog.roleByOid(role) === undefined) throw roleDropped(role);
    checkPlanPrivileges(catalog, role, this.#entry.plan.privileges);
    if (storage !== null) checkStorageLimit({catalog, role}, this.#shape, storage);
    const crossing = crossedTable(this.#shape);
    const whose = this.#shape.class === 'E' ? everybody : owner;
    if (crossing === null || whose === role || whose === NOBODY || hasServiceRight(catalog, role))
      return;
    throw new PgError(
      SqlState.insufficientPrivilege,
      `permission denied for rows of other users in table ${crossing}`,
    );
  }

  rebind(options: SubscribeOptions): SubscribeOptions {
    const engine = this.#engine;
    const catalog = engine.catalog(this.databaseOid);
    const {role, own} = this.#key;
    if (catalog.roleByOid(role) === undefined) throw roleDropped(role);
    const {entry, slots, shape} = this.#plannedAnew(catalog, options);
    if (!hasSameColumns(options.shape, shape)) throw resultChanged();
    const everybody = everybodyFor({catalog, role, own});
    const {params, context} = options;
    const owner = ownerOf({catalog, role, own}, shape, name => {
      const compiler = new ExprCompiler(engine.library, catalog, engine.factories);
      return compiler.scalar(name)({params, slots, outer: [], context}) as string | null;
    });
    const key = {...this.#key, everybody, owner};
    const parts = partsOf(engine, entry, key, {queryText: options.queryText, context});
    parts.authority.check(catalog);
    this.#recordCrossing(options, {shape, owner, everybody, catalog});
    return {...options, ...parts, shape, slots, catalog, owner};
  }

  #plannedAnew(catalog: CatalogSnapshot, {queryText, context}: SubscribeOptions): Replanned {
    const last = this.#replanned;
    const isSame =
      last !== null &&
      last.catalog === catalog &&
      last.queryText === queryText &&
      last.context === context;
    if (isSame) return last;
    const {entry, slots} = this.#planned(catalog, {queryText, context});
    const shape = liveShapeOf(entry);
    this.#replanned = {catalog, queryText, context, entry, slots, shape};
    return this.#replanned;
  }

  /** The audit log's record when the rows of others are read from now on: durable before the first of them is given. */
  #recordCrossing(
    options: SubscribeOptions,
    now: {
      readonly shape: AnyShape;
      readonly owner: OwnerId | null;
      readonly everybody: OwnerId | null;
      readonly catalog: CatalogSnapshot;
    },
  ): void {
    const {own} = this.#key;
    const whose = now.shape.class === 'E' ? now.everybody : now.owner;
    if (whose === own || whose === NOBODY) return;
    const known = new Set(crossedTables(this.#catalog, options.shape));
    const wasEverybody = options.scopeOwner('all') === null;
    for (const target of crossedTables(now.catalog, now.shape)) {
      if (wasEverybody && known.has(target)) continue;
      const record = this.#engine.audit.append(this.databaseOid, {
        action: whose === null ? 'read all owners' : 'read as user',
        subject: whose === null ? null : (now.catalog.roleByOid(whose)?.name ?? null),
        target,
        actor: options.context.session.sessionUser(),
        details: {query: options.queryText.slice(0, 1000)},
        clientAddress: null,
      });
      // Behind a commit that is under way: the first rows would not wait for it.
      if (record.applied !== undefined) throw mustSubscribeAgain();
    }
  }
}

function areSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, at) => item === b[at]);
}

/** Whether values are read and written by the same code. */
function hasSameTypes(before: AnyShape, now: AnyShape): boolean {
  return before.columns.every(({type}, index) => now.columns[index]?.type === type);
}

function hasSameColumns(before: AnyShape, now: AnyShape): boolean {
  return (
    before.columns.length === now.columns.length &&
    before.columns.every(({name, type, typmod}, index) => {
      const column = now.columns[index]!;
      return column.name === name && column.type.oid === type.oid && column.typmod === typmod;
    })
  );
}

function resultChanged(): PgError {
  return featureNotSupported('cached plan must not change result type', {
    detail: 'The columns of this live query have changed.',
    hint: 'Subscribe again.',
  });
}

function roleDropped(role: Oid): PgError {
  return new PgError(SqlState.insufficientPrivilege, `role with OID ${role} was dropped`);
}

function mustSubscribeAgain(): PgError {
  return new PgError(
    SqlState.objectNotInPrerequisiteState,
    'the rights of this live query have changed',
    {hint: 'Subscribe again.'},
  );
}
