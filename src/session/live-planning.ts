import type {CatalogSnapshot} from '../catalog/contract.ts';
import {PgError} from '../common/errors.ts';
import type {Oid} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {BoundExpr} from '../expr/bound.ts';
import {ExprCompiler} from '../expr/compiler.ts';
import type {ChannelQuery} from '../live/channel-changes.ts';
import type {BindContext, LiteralToken, ParsedStatement} from '../sql/contract.ts';
import type {SqlParser} from '../sql/parse/parser.ts';
import {CatalogLookups} from '../sql/plan/catalog-lookups.ts';
import type {PlanEnvironment} from '../sql/plan/plan-cache.ts';
import {type PlannedStatement, planStatement} from '../sql/plan/plan-statement.ts';
import {type PlanLookups, StoredPlan} from './plan-store.ts';
import type {Engine, PlanEntry, PlannedQuery} from './session-context.ts';

/** Under what the text of a live query was planned: kept with it, so that it can be planned again without its session. */
export interface LivePlanning {
  readonly databaseOid: Oid;
  readonly role: Oid;
  readonly rowSecurity: 'on' | 'off';
  readonly searchPath: readonly Oid[];
}

/** A live query to plan again. */
export interface LiveText extends Pick<ChannelQuery, 'queryText' | 'context'> {
  readonly catalog: CatalogSnapshot;
  readonly parameterTypes: readonly Oid[];
}

/** The plan of a live query's text over a newer catalog, shared with texts that differ in literals only. */
export function planLive(engine: Engine, planning: LivePlanning, asked: LiveText): PlannedQuery {
  const {databaseOid, role, rowSecurity, searchPath} = planning;
  const {queryText, context, catalog, parameterTypes} = asked;
  const roleKey = `${role}${rowSecurity}`;
  const estimateRows = (table: Oid): number => {
    const descriptor = catalog.tableByOid(table);
    return descriptor === undefined
      ? 0
      : engine.storage.estimateRows(engine.storages.of(catalog, descriptor));
  };
  const environment: PlanEnvironment<PlanEntry> = {
    key: `${databaseOid}|live|${searchPath.join()}|${rowSecurity}|${parameterTypes.join()}`,
    roleKey,
    catalog,
    isCurrent: entry => entry.isCurrent(catalog, () => searchPath),
    format: context.format,
    estimateRows,
  };
  const known = engine.plans.find(queryText, environment);
  if (known !== null) return known;
  const statement = selectOf(engine.parser, queryText);
  let lookups: PlanLookups | null = null;
  const plan = (literals: readonly LiteralToken[] | null): PlannedStatement => {
    const seen = new CatalogLookups(catalog);
    const evaluate = (expr: BoundExpr): ReturnType<BindContext['evaluate']> => {
      seen.noteEvaluated(expr);
      const compiler = new ExprCompiler(engine.library, catalog, engine.factories);
      return compiler.scalar(expr)({params: [], slots: [], outer: [], context});
    };
    lookups = {catalog: seen, searchPath};
    const planned = planStatement(
      statement,
      {
        ...{catalog: seen.catalog, searchPath, role, rowSecurity, format: context.format},
        ...{parameterTypes, library: engine.library, evaluate, estimateRows},
        ...{parser: engine.parser, cache: engine.bindCache},
      },
      {literals},
    );
    seen.close();
    return planned;
  };
  return engine.plans.get(
    queryText,
    environment,
    plan,
    planned => new StoredPlan(planned.plan, catalog, roleKey, rowSecurity === 'off', lookups),
  );
}

/** The SELECT of a live query's text: alone, or in SUBSCRIBE, COPY or DECLARE. */
function selectOf(parser: SqlParser, text: string): ParsedStatement {
  const [statement] = parser.parse(text);
  const ast = statement?.ast ?? null;
  if (statement === undefined || ast === null) throw notSelect();
  if ('SelectStmt' in ast) return {...statement, custom: null};
  const query =
    'CopyStmt' in ast
      ? ast.CopyStmt.query
      : 'DeclareCursorStmt' in ast
        ? ast.DeclareCursorStmt.query
        : undefined;
  if (query === undefined) throw notSelect();
  return {...statement, ast: query, custom: null};
}

function notSelect(): PgError {
  return new PgError(SqlState.invalidParameterValue, 'a live query must be one SELECT statement');
}
