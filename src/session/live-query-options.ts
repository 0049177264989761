import type {CatalogSnapshot} from '../catalog/contract.ts';
import type {Oid, OwnerId} from '../common/ids.ts';
import {ExprCompiler} from '../expr/compiler.ts';
import type {ChannelQuery} from '../live/channel-changes.ts';
import type {AnyShape} from '../live/live-shape.ts';
import type {SnapshotSource} from '../live/subscription-types.ts';
import type {EvalContext} from '../functions/contract.ts';
import type {Datum} from '../types/contract.ts';
import {recordCrossing} from './crossing.ts';
import {type AuthorityKey, liveShapeOf, partsOf} from './live-authority.ts';
import {crossedTables, everybodyFor, NOBODY, ownerOf} from './live-owner.ts';
import {SessionSnapshots} from './live-source.ts';
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
  /** The storage that tables read across users must lie in; null = any. */
  readonly storage: string | null;
}

/** Everything about a subscription but its receiver: the authority is that of the session's role now. */
export function liveOptions(session: SessionContext, request: LiveRequest): ChannelQuery {
  const {engine} = session;
  const {entry, params, slots, codec, storage} = request;
  const {catalog} = entry;
  const shape = liveShapeOf(entry);
  const databaseOid = session.database.oid;
  const role = session.currentRole;
  const {context, source} = frozen(session, catalog);
  const own = session.effectiveOwner;
  const everybody = everybodyFor({catalog, role, own});
  const owner = ownerOf({catalog, role, own}, shape, name => {
    const compiler = new ExprCompiler(engine.library, catalog, engine.factories);
    return compiler.scalar(name)({params, slots, outer: [], context}) as string | null;
  });
  const rowSecurity = session.settings.raw('row_security') === 'off' ? 'off' : 'on';
  const key: AuthorityKey = {
    ...{databaseOid, role, rowSecurity, searchPath: session.searchPath()},
    ...{own, everybody, owner, codec, storage},
  };
  recordCrossings(session, shape, shape.class === 'E' ? everybody : owner);
  return {
    ...partsOf(engine, entry, key, {queryText: request.text, context}),
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
    source,
  };
}

/** The audit log's records of reading rows of others, made before the first row. */
function recordCrossings(session: SessionContext, shape: AnyShape, owner: OwnerId | null): void {
  if (owner === session.effectiveOwner || owner === NOBODY) return;
  const {catalog} = session.transaction;
  for (const target of crossedTables(catalog, shape))
    recordCrossing(session, {
      action: owner === null ? 'read all owners' : 'read as user',
      subject: owner === null ? null : (catalog.roleByOid(owner)?.name ?? null),
      target,
    });
}

/** What the subscriptions of a session share. */
interface Frozen {
  readonly settingsVersion: number;
  readonly session: EvalContext['session'];
  readonly context: EvalContext;
  readonly source: SnapshotSource;
  readonly role: Oid;
  readonly owner: OwnerId;
}

/** The session as it is now: what a subscription computes does not change with a later SET. Shared as long as nothing of it changes. */
function frozen(session: SessionContext, snapshot: CatalogSnapshot): Frozen {
  const known = snapshot.memo('live.frozen', () => new WeakMap<SessionContext, Frozen>());
  const last = known.get(session);
  const names = frozenSession(session.evalContext, last?.session);
  const settingsVersion = session.settings.version;
  const {currentRole: role, effectiveOwner: owner} = session;
  const isSame =
    last !== undefined &&
    last.session === names &&
    last.settingsVersion === settingsVersion &&
    last.role === role &&
    last.owner === owner;
  if (isSame) return last;
  const context = frozenContext(session.evalContext, names);
  const source = new SessionSnapshots(session, context);
  const now = {settingsVersion, session: names, context, source, role, owner};
  known.set(session, now);
  return now;
}

function frozenContext(context: EvalContext, session: EvalContext['session']): EvalContext {
  const {format, types, clock, sequences, settings, catalog, random, extern} = context;
  const as = (role: number): EvalContext => context.as?.(role) ?? context;
  return {format, types, clock, sequences, settings, catalog, random, extern, session, as};
}

/** Names of the session as they are; those of the last time when they are the same. */
function frozenSession(
  {session}: EvalContext,
  last: EvalContext['session'] | undefined,
): EvalContext['session'] {
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
  return {
    currentUser: () => user,
    sessionUser: () => sessionUser,
    currentDatabase: () => database,
    currentSchemas: includeImplicit => (includeImplicit ? allSchemas : schemas),
    backendPid: () => pid,
  };
}

function areSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}
