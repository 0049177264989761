import type {CatalogSnapshot} from '../catalog/contract.ts';
import {PgError} from '../common/errors.ts';
import type {OwnerId} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {BoundExpr} from '../expr/bound.ts';
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
  const {entry, params, slots} = request;
  const {catalog, plan} = entry;
  const shape = liveShapeOf(entry);
  const role = session.currentRole;
  const context = frozenContext(session.evalContext);
  const compiler = new ExprCompiler(engine.library, catalog, engine.factories);
  const evaluate = (name: BoundExpr): string | null =>
    compiler.scalar(name)({params, slots, outer: [], context}) as string | null;
  const own = session.effectiveOwner;
  const security = securityOf(catalog, role, plan);
  const everybody = hasServiceRight(catalog, role) ? null : own;
  const owner =
    shape.class === 'E'
      ? own
      : ownerOf(session, shape.class === 'A' ? shape : shape.inner, catalog, evaluate);
  recordCrossings(session, shape, shape.class === 'E' ? everybody : owner);
  return {
    shape,
    params,
    slots,
    context,
    compiler,
    databaseOid: session.database.oid,
    storageOf: (at, table) => engine.storages.get(at, table),
    catalog,
    newest: () => engine.catalog(session.database.oid),
    owner,
    scopeOwner: scope => (scope === 'none' ? null : scope === 'own' ? own : everybody),
    maxResultRows: session.settings.number('live_max_result_rows'),
    role,
    userName: session.currentUser,
    name: request.name,
    queryText: request.text,
    codec: request.codec === 'rows' ? ROW_CODEC : jsonCodec(catalog, request.codec === 'exactJson'),
    source: new SessionSnapshots(session, context),
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
function frozenContext(context: EvalContext): EvalContext {
  const {format, types, clock, sequences, settings, catalog, random, extern} = context;
  const currentUser = context.session.currentUser();
  const sessionUser = context.session.sessionUser();
  const currentDatabase = context.session.currentDatabase();
  const schemas = context.session.currentSchemas(false);
  const allSchemas = context.session.currentSchemas(true);
  const pid = context.session.backendPid();
  return {
    format,
    types,
    clock,
    sequences,
    settings,
    catalog,
    random,
    extern,
    session: {
      currentUser: () => currentUser,
      sessionUser: () => sessionUser,
      currentDatabase: () => currentDatabase,
      currentSchemas: includeImplicit => (includeImplicit ? allSchemas : schemas),
      backendPid: () => pid,
    },
  };
}
