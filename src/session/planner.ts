import type {FunctionRow} from '../catalog/contract.ts';
import type {Node} from '@pgsql/types';
import {intoClause, withoutInto} from '../sql/bind/into.ts';
import {PgError} from '../common/errors.ts';
import type {Oid} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import {buildOperator} from '../exec/build.ts';
import type {BoundExpr} from '../expr/bound.ts';
import {ExprCompiler} from '../expr/compiler.ts';
import type {BindContext, LiteralToken, ParsedStatement} from '../sql/contract.ts';
import {CatalogLookups} from '../sql/plan/catalog-lookups.ts';
import type {PlanEnvironment} from '../sql/plan/plan-cache.ts';
import {describeQuery, type PlannedStatement, planStatement} from '../sql/plan/plan-statement.ts';
import type {Datum, TypeInstance} from '../types/contract.ts';
import {makeCommand} from './commands/registry.ts';
import type {Execution} from './execution.ts';
import {type PlanLookups, StoredPlan} from './plan-store.ts';
import {resultChanged, sameShape, shapeOf} from './result-shape.ts';
import type {
  PlanEntry,
  PlannedQuery,
  PreparedStatement,
  SessionContext,
  StatementPlanner,
} from './session-context.ts';

const NO_SLOTS: readonly Datum[] = [];
const NO_PARAMS: readonly Datum[] = [];
const NO_TYPES: readonly Oid[] = [];
/** OID of the type unknown. */
const UNKNOWN = 705;

/** From parsed statements to plans for one session: bind context, plan store, prepared statements. */
export class Planner implements StatementPlanner {
  readonly #session: SessionContext;

  constructor(session: SessionContext) {
    this.#session = session;
  }

  /** What binding sees of the session now. */
  context(parameterTypes: readonly Oid[]): BindContext {
    const session = this.#session;
    const {engine, transaction} = session;
    const {catalog} = transaction;
    return {
      catalog,
      searchPath: session.searchPath(),
      role: session.currentRole,
      rowSecurity: this.#rowSecurity(),
      format: session.evalContext.format,
      parameterTypes,
      library: engine.library,
      evaluate: expr => this.evaluate(expr, NO_PARAMS),
      estimateRows: table => this.#estimateRows(table),
      parser: engine.parser,
      cache: engine.bindCache,
    };
  }

  /** What plans under row-level security depend on: the role and row_security. */
  get roleKey(): string {
    this.#environmentKey();
    return this.#roleKey;
  }

  #isCurrent(entry: PlanEntry): boolean {
    return entry.isCurrent(this.#session.transaction.catalog, () => this.#session.searchPath());
  }

  #isForRole(entry: PlanEntry): boolean {
    const now = this.roleKey;
    if (entry.roleKey !== null) return entry.roleKey === now;
    return entry.isSecurityOff === this.#isSecurityOff;
  }

  #makeRoleKey(): string {
    return `${this.#session.currentRole}${this.#rowSecurity()}`;
  }

  #rowSecurity(): 'on' | 'off' {
    return this.#session.settings.raw('row_security') === 'off' ? 'off' : 'on';
  }

  /** Evaluates an expression without columns now. */
  evaluate(expr: BoundExpr, params: readonly Datum[], slots: readonly Datum[] = NO_SLOTS): Datum {
    const {engine, transaction, evalContext} = this.#session;
    const compiler = new ExprCompiler(engine.library, transaction.catalog, engine.factories);
    return compiler.scalar(expr)({params, slots, outer: [], context: evalContext});
  }

  #keyBase = '';
  #roleKey = '';
  #isSecurityOff = false;
  #keyCatalog: object | null = null;
  #keyRole = -1;
  #keyVersion = -1;

  /** What a text's meaning depends on beside the catalog: database, the schemas on the search path that the role may use. */
  #environmentKey(): string {
    const session = this.#session;
    const {catalog} = session.transaction;
    if (
      this.#keyCatalog !== catalog ||
      this.#keyRole !== session.currentRole ||
      this.#keyVersion !== session.settings.version
    ) {
      this.#keyCatalog = catalog;
      this.#keyRole = session.currentRole;
      this.#keyVersion = session.settings.version;
      this.#roleKey = this.#makeRoleKey();
      this.#isSecurityOff = this.#rowSecurity() === 'off';
      this.#keyBase = `${session.database.oid}|${session.searchPath().join()}${this.#isSecurityOff ? '|off' : ''}`;
    }
    return this.#keyBase;
  }

  #environment(kind: string, parameterTypes: readonly Oid[]): PlanEnvironment<PlanEntry> {
    const {transaction, evalContext} = this.#session;
    return {
      key: `${this.#environmentKey()}|${kind}|${parameterTypes.join(',')}`,
      roleKey: this.#roleKey,
      catalog: transaction.catalog,
      isCurrent: entry => this.#isCurrent(entry),
      format: evalContext.format,
      estimateRows: table => this.#estimateRows(table),
    };
  }

  #estimateRows(table: Oid): number {
    const {engine, transaction} = this.#session;
    const descriptor = transaction.catalog.tableByOid(table);
    if (descriptor === undefined) return 0;
    return engine.storage.estimateRows(engine.storages.of(transaction.catalog, descriptor));
  }

  /**
   * The plan of a statement, from the cache when a text of the same tokens was planned and found in the catalog what it
   * would find now. A statement that is its whole text shares
   * its plan with texts that differ in literals; `isSimple` refuses parameters (42P02).
   */
  plan(statement: ParsedStatement, parameterTypes: readonly Oid[], isSimple = false): PlannedQuery {
    const {engine, transaction} = this.#session;
    const {catalog} = transaction;
    let lookups: PlanLookups | null = null;
    const plan = (literals: readonly LiteralToken[] | null): PlannedStatement => {
      const seen = new CatalogLookups(catalog);
      const context = this.#recordedContext(parameterTypes, seen);
      lookups = {catalog: seen, searchPath: context.searchPath};
      const planned = planStatement(statement, context, {literals, noParameters: isSimple});
      seen.close();
      return planned;
    };
    const store = (planned: PlannedStatement): StoredPlan =>
      new StoredPlan(planned.plan, catalog, this.roleKey, this.#isSecurityOff, lookups);
    if (transaction.hasDdl || !isWholeText(statement))
      return {entry: store(plan(null)), slots: NO_SLOTS};
    const environment = this.#environment(isSimple ? 'simple' : '', parameterTypes);
    return engine.plans.get(statement.text, environment, plan, store);
  }

  /** What binding sees, with a note of all that it looks up. */
  #recordedContext(parameterTypes: readonly Oid[], lookups: CatalogLookups): BindContext {
    const context = this.context(parameterTypes);
    const evaluate = (expr: BoundExpr): Datum => {
      lookups.noteEvaluated(expr);
      return context.evaluate(expr);
    };
    return {...context, catalog: lookups.catalog, evaluate};
  }

  /** An execution of a whole simple-query string whose plan is in the cache; null when it must be parsed. */
  cachedSimple(sql: string): (() => Execution) | null {
    const session = this.#session;
    if (session.transaction.hasDdl || session.transaction.status === 'failed') return null;
    const found = session.engine.plans.find(sql, this.#environment('simple', NO_TYPES));
    if (found === null) return null;
    const replan = (): PlannedQuery =>
      this.plan(session.engine.parser.parse(sql)[0]!, NO_TYPES, true);
    return () => session.executePlan(found.entry, NO_PARAMS, found.slots, replan);
  }

  /** Analyses a statement for Parse or PREPARE: parameter types and result columns. */
  prepare(
    name: string,
    text: string,
    statement: ParsedStatement | null,
    declared: readonly Oid[],
    fromSql: boolean,
  ): PreparedStatement {
    const session = this.#session;
    const base = {
      name,
      text,
      statement,
      declaredTypes: declared,
      fromSql,
      preparedAt: session.statementStartedAt,
      slots: NO_SLOTS,
      environment: this.#environmentKey(),
    };
    if (statement === null)
      return {...base, parameterTypes: this.#declared(declared), shape: null, entry: null};
    if (!session.planner.isPlannable(statement)) {
      const command = makeCommand(session, statement, NO_PARAMS);
      return {
        ...base,
        parameterTypes: command?.parameterTypes ?? this.#commandTypes(statement, declared),
        shape: command?.shape ?? null,
        entry: null,
      };
    }
    try {
      const {entry, slots} = this.plan(statement, declared);
      return {...base, slots, parameterTypes: entry.plan.parameterTypes, shape: entry.shape, entry};
    } catch (error) {
      // Folding a constant can fail (SELECT 1/0): PostgreSQL raises that at Bind, not at Parse.
      if (!(error instanceof PgError) || !error.code.startsWith('22')) throw error;
      const described = describeQuery(statement, this.context(declared));
      return {
        ...base,
        parameterTypes: described.parameterTypes,
        shape: described.columns === null ? null : shapeOf(described.columns),
        entry: null,
      };
    }
  }

  isPlannable(statement: ParsedStatement): boolean {
    if (statement.custom !== null || statement.ast === null) return false;
    const {ast} = statement;
    return (
      ('SelectStmt' in ast && intoClause(ast.SelectStmt) === null) ||
      'InsertStmt' in ast ||
      'UpdateStmt' in ast ||
      'DeleteStmt' in ast ||
      'MergeStmt' in ast
    );
  }

  /** Types of $n in a command: those that its query decides, if it holds one; else those that the client declared. */
  #commandTypes(statement: ParsedStatement, declared: readonly Oid[]): readonly TypeInstance[] {
    const inner = innerQuery(statement);
    if (inner === null || !this.isPlannable(inner)) return this.#declared(declared);
    return describeQuery(inner, this.context(declared)).parameterTypes;
  }

  #declared(declared: readonly Oid[]): readonly TypeInstance[] {
    const {catalog} = this.#session.transaction;
    return declared.map((type, index) => {
      if (type === 0 || type === UNKNOWN)
        throw new PgError(
          SqlState.indeterminateDatatype,
          `could not determine data type of parameter $${index + 1}`,
        );
      const found = catalog.typeByOid(type);
      if (found === undefined)
        throw new PgError(SqlState.undefinedObject, `type with OID ${type} does not exist`);
      return found;
    });
  }

  /** The execution of a prepared statement with its parameters; replans when what it was planned under has changed. */
  executionOf(prepared: PreparedStatement, params: readonly Datum[]): Execution {
    const session = this.#session;
    const statement = prepared.statement!;
    const {entry: known} = prepared;
    if (
      known === null ||
      prepared.environment !== this.#environmentKey() ||
      !this.#isCurrent(known) ||
      !this.#isForRole(known)
    ) {
      const types = prepared.parameterTypes.map(type => type.oid);
      const command = makeCommand(session, statement, params, types);
      if (command !== null) return command;
      this.#planAgain(prepared, statement);
    }
    const {entry, slots} = prepared;
    for (const check of entry!.bindChecks) this.evaluate(check, params, slots);
    return session.executePlan(entry!, params, slots, () => this.#planAgain(prepared, statement));
  }

  #planAgain(prepared: PreparedStatement, statement: ParsedStatement): PlannedQuery {
    const planned = this.plan(
      statement,
      prepared.parameterTypes.map(type => type.oid),
    );
    if (!sameShape(prepared.shape, planned.entry.shape)) throw resultChanged();
    prepared.entry = planned.entry;
    prepared.environment = this.#environmentKey();
    prepared.slots = planned.slots;
    return planned;
  }

  /** Calls a function by its row (FunctionCall message). */
  callFunction(row: FunctionRow, args: readonly Datum[]): Datum {
    const {catalog} = this.#session.transaction;
    const argExprs = row.argTypes.map(
      (type, index): BoundExpr => ({
        kind: 'param',
        index,
        type: catalog.typeByOid(type)!,
        typmod: -1,
        location: -1,
      }),
    );
    return this.evaluate(
      {
        kind: 'call',
        function: row.oid,
        source: row.source,
        isStrict: row.isStrict,
        volatility: row.volatility,
        args: argExprs,
        operatorName: '',
        functionName: row.name,
        type: catalog.typeByOid(row.returnType)!,
        typmod: -1,
        location: -1,
      },
      args,
    );
  }

  /** An instrumented tree for EXPLAIN ANALYZE. */
  instrumented(entry: PlanEntry): ReturnType<typeof buildOperator> {
    const {engine} = this.#session;
    return buildOperator(entry.plan.root, {
      library: engine.library,
      types: entry.catalog,
      factories: engine.factories,
      isInstrumented: true,
      injectsPauses: engine.injectsPauses,
    });
  }
}

/** The query within a command, whose parameters are the command's: of DECLARE, EXPLAIN, CREATE TABLE AS and SELECT INTO. */
function innerQuery(statement: ParsedStatement): ParsedStatement | null {
  const {ast} = statement;
  if (ast === null) return null;
  if ('SelectStmt' in ast) {
    const query = withoutInto(ast.SelectStmt);
    return {...statement, ast: {SelectStmt: query}, custom: null};
  }
  let query: Node | undefined;
  if ('DeclareCursorStmt' in ast) query = ast.DeclareCursorStmt.query;
  else if ('ExplainStmt' in ast) query = ast.ExplainStmt.query;
  else if ('CreateTableAsStmt' in ast) query = ast.CreateTableAsStmt.query;
  return query === undefined ? null : {...statement, ast: query, custom: null};
}

/** Whether a statement is all that its text holds, but for a final semicolon. */
function isWholeText(statement: ParsedStatement): boolean {
  const {text, location, length} = statement;
  if (location !== 0) return false;
  const rest =
    length === 0 || length >= text.length
      ? ''
      : Buffer.from(text).subarray(length).toString('latin1');
  return /^[\s;]*$/.test(rest);
}
