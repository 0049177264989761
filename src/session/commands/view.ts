import type {AlterTableCmd, Node, SelectStmt, ViewStmt} from '@pgsql/types';
import type {ColumnDescriptor, ViewDescriptor} from '../../catalog/descriptors.ts';
import {formatType} from '../../catalog/names.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {intoClause} from '../../sql/bind/into.ts';
import {viewChanges} from '../../sql/bind/statement.ts';
import {planStatement} from '../../sql/plan/plan-statement.ts';
import type {QueryPlan} from '../../sql/plan/plan.ts';
import type {Execution} from '../execution.ts';
import {checkOwner} from '../privileges.ts';
import type {SessionContext} from '../session-context.ts';
import {booleanOption, constantText, defElems, stringList} from './ast-values.ts';
import {checkColumnName, checkColumnType, plainColumn} from './column-definitions.ts';
import type {CommandInput} from './command-types.ts';
import {change, ddlExecution, lockTable, newOid, newTypePair, notice, puts} from './ddl.ts';
import {newObjectAcl} from './default-privileges.ts';
import {storedQuery} from './definition-binding.ts';
import {tablePlacement} from './new-relation.ts';
import {nameScope} from './object-text.ts';
import {optionName} from './table-options.ts';
import {claimTableName} from './claim-name.ts';

/** CREATE [OR REPLACE] [TEMP] VIEW. */
export function viewCommand({session, node, statement}: CommandInput<ViewStmt>): Execution {
  return ddlExecution(session, 'CREATE VIEW', async () => {
    const query = node.query;
    if (query === undefined)
      throw featureNotSupported('CREATE VIEW without a query is not supported');
    rejectQueries(query);
    const {plan} = planStatement(
      {ast: query, text: statement.text},
      {
        ...session.planner.context([]),
        rowSecurity: 'ignored',
      },
      {isUnrun: true},
    );
    if (plan.parameterTypes.length > 0)
      throw new PgError(SqlState.undefinedParameter, 'there is no parameter $1');
    const usesTemporary = plan.privileges.some(each => isTemporaryRelation(session, each.relation));
    const range = {
      ...node.view,
      ...(usesTemporary && node.view?.relpersistence !== 't' ? {relpersistence: 't'} : {}),
    };
    if (range.relpersistence !== node.view?.relpersistence)
      notice(session, `view "${range.relname ?? ''}" will be a temporary view`);
    const {schema, name} = tablePlacement(session, range, statement.text);
    const columns = viewColumns(session, plan, stringList(node.aliases));
    const options = viewOptions(node);
    const queryText = storedQuery(
      session,
      query,
      statement.text,
      columns.map(column => column.name),
    );
    const existing = session.transaction.catalog.relationByName(schema.oid, name);
    const made = {columns, options, queryText};
    if (existing === undefined) {
      await claimTableName(session, schema.oid, name);
      const oids = {oid: newOid(session), rowType: newTypePair(session)};
      const view: ViewDescriptor = {
        kind: 'view',
        ...oids,
        name,
        owner: session.currentRole,
        acl: newObjectAcl(session, 'r', schema.oid, session.currentRole),
        comment: null,
        schema: schema.oid,
        ...made,
      };
      checkCheckOption(session, view);
      change(session, puts(view));
      return;
    }
    if (node.replace !== true)
      throw new PgError(SqlState.duplicateTable, `relation "${name}" already exists`);
    if (existing.kind !== 'view')
      throw new PgError(SqlState.wrongObjectType, `"${name}" is not a view`);
    checkOwner(session.transaction.catalog, session.currentRole, existing, 'view');
    await lockTable(session, existing, 'accessExclusive');
    const replaced = {
      ...existing,
      ...made,
      columns: replacedColumns(session, existing, columns),
    };
    checkCheckOption(session, replaced);
    change(session, puts(replaced));
  });
}

/** 0A000 for SELECT INTO and data-modifying WITH in the query of a view; `what` names the kind of view. */
export function rejectQueries(query: object, what = 'views must not contain'): void {
  const select = 'SelectStmt' in query ? (query.SelectStmt as SelectStmt) : {};
  if (intoClause(select) !== null) throw featureNotSupported('views must not contain SELECT INTO');
  const changesData = (select.withClause?.ctes ?? []).some(each =>
    /"ctequery":\{"(?:Insert|Update|Delete|Merge)Stmt"/.test(JSON.stringify(each)),
  );
  if (changesData) throw featureNotSupported(`${what} data-modifying statements in WITH`);
}

/** Whether a relation lies in a schema of temporary objects. */
export function isTemporaryRelation(session: SessionContext, relation: number): boolean {
  const {catalog} = session.transaction;
  const found = catalog.relationByOid(relation as never);
  if (found === undefined || found.kind === 'systemRelation') return false;
  return /^pg_temp_\d+$/.test(catalog.schemaByOid(found.schema)?.name ?? '');
}

/** The columns of a plan as those of a new relation, renamed by an alias list. */
export function viewColumns(
  session: SessionContext,
  plan: QueryPlan,
  aliases: readonly string[],
  excess = 'CREATE VIEW specifies more column names than columns',
): ColumnDescriptor[] {
  if (aliases.length > plan.columns.length) throw new PgError(SqlState.syntaxError, excess);
  const seen = new Set<string>();
  return plan.columns.map((column, at) => {
    const name = aliases[at] ?? column.name;
    checkColumnName(name);
    checkColumnType(name, column.type);
    if (seen.has(name))
      throw new PgError(SqlState.duplicateColumn, `column "${name}" specified more than once`);
    seen.add(name);
    const made = plainColumn(at + 1, name, {type: column.type, typmod: column.typmod});
    const from = session.transaction.catalog.relationByOid(column.tableOid);
    if (!column.type.isCollatable || from === undefined || !('columns' in from)) return made;
    const origin = from.columns.find(each => each.attnum === column.attnum);
    return origin?.typeOid === made.typeOid ? {...made, collation: origin.collation} : made;
  });
}

function viewOptions(node: ViewStmt): Record<string, string> {
  const options = readViewOptions(node.options);
  if (node.withCheckOption === 'LOCAL_CHECK_OPTION') options['check_option'] = 'local';
  else if (node.withCheckOption === 'CASCADED_CHECK_OPTION') options['check_option'] = 'cascaded';
  return options;
}

/** Options of WITH (...) or SET (...). */
function readViewOptions(nodes: readonly Node[] | undefined): Record<string, string> {
  const options: Record<string, string> = {};
  for (const option of defElems(nodes)) {
    const name = optionName(option);
    if (name === 'check_option') options[name] = checkOption(constantText(option.arg));
    else if (name === 'security_barrier' || name === 'security_invoker')
      options[name] = String(booleanOption(option));
    else throw new PgError(SqlState.invalidParameterValue, `unrecognized parameter "${name}"`);
  }
  return options;
}

function checkOption(value: string): string {
  if (value === 'local' || value === 'cascaded') return value;
  throw new PgError(
    SqlState.invalidParameterValue,
    `invalid value for enum option "check_option": ${value}`,
    {detail: 'Valid values are "local" and "cascaded".'},
  );
}

/** 0A000 for a check option of a view through which nothing can be changed. */
function checkCheckOption(session: SessionContext, view: ViewDescriptor): void {
  if (view.options['check_option'] === undefined) return;
  const {problem} = viewChanges(session.planner.context([]), view);
  if (problem === null) return;
  throw featureNotSupported(
    'WITH CHECK OPTION is supported only on automatically updatable views',
    {hint: problem},
  );
}

/** ALTER VIEW ... SET (options) and RESET (options). */
export function setViewOptions(
  session: SessionContext,
  view: ViewDescriptor,
  cmd: AlterTableCmd,
): void {
  const nodes = cmd.def !== undefined && 'List' in cmd.def ? cmd.def.List.items : [];
  const names = new Set(defElems(nodes).map(optionName));
  const kept = Object.entries(view.options).filter(([name]) => !names.has(name));
  const given = cmd.subtype === 'AT_SetRelOptions' ? readViewOptions(nodes) : {};
  const changed = {...view, options: {...Object.fromEntries(kept), ...given}};
  checkCheckOption(session, changed);
  change(session, puts(changed));
}

/** OR REPLACE: the old columns must stay as they are; new ones may follow. */
function replacedColumns(
  session: SessionContext,
  view: ViewDescriptor,
  columns: readonly ColumnDescriptor[],
): ColumnDescriptor[] {
  const invalid = (message: string, hint?: string): PgError =>
    new PgError(SqlState.invalidTableDefinition, message, {hint});
  const scope = nameScope(session);
  if (columns.length < view.columns.length) throw invalid('cannot drop columns from view');
  return columns.map((column, at) => {
    const old = view.columns[at];
    if (old === undefined) return column;
    if (old.name !== column.name) {
      throw invalid(
        `cannot change name of view column "${old.name}" to "${column.name}"`,
        'Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead.',
      );
    }
    if (old.typeOid !== column.typeOid || old.typmod !== column.typmod) {
      const from = formatType(scope, old.typeOid, old.typmod);
      const to = formatType(scope, column.typeOid, column.typmod);
      throw invalid(`cannot change data type of view column "${old.name}" from ${from} to ${to}`);
    }
    return {...column, acl: old.acl, comment: old.comment, defaultText: old.defaultText};
  });
}
