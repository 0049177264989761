import type {CatalogSnapshot} from '../catalog/contract.ts';
import {PgError} from '../common/errors.ts';
import type {Oid, OwnerId} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import {ExprCompiler} from '../expr/compiler.ts';
import {analyzeLive} from '../live/analyze.ts';
import type {ChannelQuery} from '../live/channels.ts';
import {jsonCodec} from '../live/json-codec.ts';
import type {AnyShape, LiveShape} from '../live/live-shape.ts';
import {ROW_CODEC} from '../live/subscription-types.ts';
import type {EvalContext} from '../functions/contract.ts';
import type {QueryPlan} from '../sql/plan/plan.ts';
import type {Datum} from '../types/contract.ts';
import {recordCrossing} from './crossing.ts';
import {securityOf} from './live-security.ts';
import {SessionSnapshots} from './live-source.ts';
import {checkPlanPrivileges} from './privileges.ts';
import {hasServiceRight} from './run-context.ts';
import type {PlanEntry, SessionContext} from './session-context.ts';

/** A live query as it was asked: its plan with values. */
export interface LiveRequest {
  readonly entry: PlanEntry;
  readonly params: readonly Datum[];
  readonly slots: readonly Datum[];
  /** Name of the live query, or ''. */
  readonly name: string;
  readonly text: string;
  readonly codec: 'rows' | 'json' | 'exactJson';
}

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

/** Everything about a subscription but its receiver: the authority is that of the session's role now. */
export function liveOptions(session: SessionContext, request: LiveRequest): ChannelQuery {
  const {engine} = session;
  const {entry, params, slots, codec} = request;
  const {catalog} = entry;
  const shape = liveShapeOf(entry);
  const databaseOid = session.database.oid;
  const role = session.currentRole;
  const context = frozenContext(session.evalContext, catalog);
  const own = session.effectiveOwner;
  const everybody = hasServiceRight(catalog, role) ? null : own;
  const owner =
    shape.class === 'E'
      ? own
      : ownerOf(session, shape.class === 'A' ? shape : shape.inner, catalog, name => {
          const compiler = new ExprCompiler(engine.library, catalog, engine.factories);
          return compiler.scalar(name)({params, slots, outer: [], context}) as string | null;
        });
  recordCrossings(session, shape, shape.class === 'E' ? everybody : owner);
  return {
    ...partsOf(session.engine, entry, {databaseOid, role, own, everybody, owner, codec}),
    shape,
    params,
    slots,
    context,
    databaseOid,
    catalog,
    owner,
    maxResultRows: session.settings.number('live_max_result_rows'),
    role,
    userName: session.currentUser,
    name: request.name,
    queryText: request.text,
    source: new SessionSnapshots(session, context),
  };
}

/** Whose authority a subscription has, and how its rows are encoded. */
interface PartsKey {
  readonly databaseOid: Oid;
  readonly role: Oid;
  readonly own: OwnerId;
  readonly everybody: OwnerId | null;
  readonly owner: OwnerId | null;
  readonly codec: LiveRequest['codec'];
}

/** Parts of options that are code. Subscriptions to one plan with equal keys share them: there may be 100,000. */
type LiveParts = Pick<
  ChannelQuery,
  'compiler' | 'storageOf' | 'newest' | 'scopeOwner' | 'codec' | 'authorize'
>;

/** The parts of the newest subscription to a plan; another key makes new ones. */
function partsOf(engine: SessionContext['engine'], entry: PlanEntry, key: PartsKey): LiveParts {
  const {catalog, plan} = entry;
  const known = catalog.memo(
    'live.parts',
    () => new WeakMap<QueryPlan, {readonly key: PartsKey; readonly parts: LiveParts}>(),
  );
  const last = known.get(plan);
  if (last !== undefined && isSameKey(last.key, key)) return last.parts;
  const parts = makeParts(engine, entry, key);
  known.set(plan, {key, parts});
  return parts;
}

function isSameKey(a: PartsKey, b: PartsKey): boolean {
  return (
    a.databaseOid === b.databaseOid &&
    a.role === b.role &&
    a.own === b.own &&
    a.everybody === b.everybody &&
    a.owner === b.owner &&
    a.codec === b.codec
  );
}

/** Keeps no session: sessions end before the plans that they shared. */
function makeParts(
  engine: SessionContext['engine'],
  entry: PlanEntry,
  {databaseOid, role, own, everybody, owner, codec}: PartsKey,
): LiveParts {
  const {catalog, plan} = entry;
  const shape = liveShapeOf(entry);
  const security = securityOf(catalog, role, plan);
  return {
    compiler: new ExprCompiler(engine.library, catalog, engine.factories),
    storageOf: (at, table) => engine.storages.get(at, table),
    newest: () => engine.catalog(databaseOid),
    scopeOwner: scope => (scope === 'none' ? null : scope === 'own' ? own : everybody),
    codec: codec === 'rows' ? ROW_CODEC : jsonCodec(catalog, codec === 'exactJson'),
    authorize: at => {
      assertSameViews(at, catalog, plan);
      if (securityOf(at, role, plan) !== security) throw securityChanged();
      authorize(at, role, plan, shape, shape.class === 'E' ? everybody : owner);
    },
  };
}

/** Whose rows: null = all owners or a shared table. */
function ownerOf(
  session: SessionContext,
  shape: LiveShape,
  catalog: CatalogSnapshot,
  evaluate: (name: NonNullable<LiveShape['scan']['ownerEquals']>) => string | null,
): OwnerId | null {
  if (shape.scope === 'none') return null;
  const own = session.effectiveOwner;
  if (shape.scope === 'own') return own;
  const limit = hasServiceRight(catalog, session.currentRole) ? null : own;
  if (shape.scan.ownerEquals === null) return limit;
  const name = evaluate(shape.scan.ownerEquals);
  const wanted = name === null ? undefined : catalog.roleByName(name)?.oid;
  return wanted === undefined || (limit !== null && limit !== wanted) ? NOBODY : wanted;
}

/** An owner that no row has. */
const NOBODY = 0xffffffff as OwnerId;

function securityChanged(): PgError {
  return new PgError(
    SqlState.objectNotInPrerequisiteState,
    'the row-level security policies of this live query have changed',
    {hint: 'Subscribe again.'},
  );
}

function authorize(
  catalog: CatalogSnapshot,
  role: SessionContext['currentRole'],
  plan: QueryPlan,
  shape: AnyShape,
  owner: OwnerId | null,
): void {
  if (catalog.roleByOid(role) === undefined) {
    throw new PgError(SqlState.insufficientPrivilege, `role with OID ${role} was dropped`);
  }
  checkPlanPrivileges(catalog, role, plan.privileges);
  const crossing = crossedTable(shape);
  if (crossing !== null && owner !== role && owner !== NOBODY && !hasServiceRight(catalog, role)) {
    throw new PgError(
      SqlState.insufficientPrivilege,
      `permission denied for rows of other users in table ${crossing}`,
    );
  }
}

/** 55000 when a view has another definition than the one that the plan was made from. */
function assertSameViews(now: CatalogSnapshot, before: CatalogSnapshot, plan: QueryPlan): void {
  if (now === before) return;
  for (const {relation} of plan.privileges) {
    const view = before.relationByOid(relation);
    const today = now.relationByOid(relation);
    if (view?.kind !== 'view' || today === view) continue;
    if (today?.kind === 'view' && today.queryText === view.queryText) continue;
    throw new PgError(
      SqlState.objectNotInPrerequisiteState,
      `the definition of view "${view.name}" has changed`,
      {hint: 'Subscribe again.'},
    );
  }
}

/** The audit log's records of reading rows of others, made before the first row. */
function recordCrossings(session: SessionContext, shape: AnyShape, owner: OwnerId | null): void {
  if (owner === session.effectiveOwner || owner === NOBODY) return;
  const {catalog} = session.transaction;
  const tables = shape.class === 'E' ? shape.tables : [shape.class === 'A' ? shape : shape.inner];
  for (const {table, scope} of tables) {
    if (scope !== 'all') continue;
    const descriptor = catalog.tableByOid(table)!;
    recordCrossing(session, {
      action: owner === null ? 'read all owners' : 'read as user',
      subject: owner === null ? null : (catalog.roleByOid(owner)?.name ?? null),
      target: `${catalog.schemaByOid(descriptor.schema)!.name}.${descriptor.name}`,
    });
  }
}

/** Name of a table that is read across its owners; null when there is none. */
function crossedTable(shape: AnyShape): string | null {
  if (shape.class === 'E')
    return shape.tables.find(table => table.scope === 'all')?.tableName ?? null;
  const row = shape.class === 'A' ? shape : shape.inner;
  return row.scope === 'all' ? row.tableName : null;
}

/** The session's context as it is now: what a subscription computes does not change with a later SET. */
function frozenContext(context: EvalContext, snapshot: CatalogSnapshot): EvalContext {
  const {format, types, clock, sequences, settings, catalog, random, extern} = context;
  const session = frozenSession(context, snapshot);
  return {format, types, clock, sequences, settings, catalog, random, extern, session};
}

/** Subscriptions of a session share it as long as nothing of it changes. */
function frozenSession(context: EvalContext, snapshot: CatalogSnapshot): EvalContext['session'] {
  const known = snapshot.memo(
    'live.sessions',
    () => new WeakMap<EvalContext, EvalContext['session']>(),
  );
  const {session} = context;
  const last = known.get(context);
  const user = session.currentUser();
  const sessionUser = session.sessionUser();
  const schemas = session.currentSchemas(false);
  const allSchemas = session.currentSchemas(true);
  if (
    last?.currentUser() === user &&
    last.sessionUser() === sessionUser &&
    areSame(last.currentSchemas(false), schemas) &&
    areSame(last.currentSchemas(true), allSchemas)
  )
    return last;
  const database = session.currentDatabase();
  const pid = session.backendPid();
  const frozen: EvalContext['session'] = {
    currentUser: () => user,
    sessionUser: () => sessionUser,
    currentDatabase: () => database,
    currentSchemas: includeImplicit => (includeImplicit ? allSchemas : schemas),
    backendPid: () => pid,
  };
  known.set(context, frozen);
  return frozen;
}

function areSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}
