import type {
  AlterObjectSchemaStmt,
  AlterTableStmt,
  CommentStmt,
  Node,
  RangeVar,
  RenameStmt,
} from '@pgsql/types';
import type {LiveQueryDescriptor} from '../../catalog/descriptors.ts';
import {SchemaOid} from '../../catalog/well-known.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {ParsedStatement} from '../../sql/contract.ts';
import type {Datum} from '../../types/contract.ts';
import {type Execution, RowsExecution} from '../execution.ts';
import {findLiveQuery} from '../live-functions.ts';
import {checkOwner} from '../privileges.ts';
import {computedShape} from '../result-shape.ts';
import type {SessionContext} from '../session-context.ts';
import {change, ddlExecution, puts} from './ddl.ts';
import {ownLiveQuery} from './live-query.ts';
import {creationSchema, roleNamed} from './object-names.ts';
import {changeOwner} from './owner.ts';

/** ALTER LIVE QUERY [IF EXISTS] name RENAME TO | OWNER TO | SET SCHEMA. */
export function alterLiveQueryCommand(
  session: SessionContext,
  statement: ParsedStatement,
): Execution {
  return ddlExecution(session, 'ALTER LIVE QUERY', async () => {
    const {ast} = statement;
    if (ast !== null && 'RenameStmt' in ast) return rename(session, ast.RenameStmt);
    if (ast !== null && 'AlterObjectSchemaStmt' in ast)
      return move(session, ast.AlterObjectSchemaStmt);
    if (ast !== null && 'AlterTableStmt' in ast) return giveAway(session, ast.AlterTableStmt);
    throw notSupported();
  });
}

function rename(session: SessionContext, node: RenameStmt): void {
  if (node.renameType !== 'OBJECT_VIEW') throw notSupported();
  const query = owned(session, node.relation, node.missing_ok === true);
  if (query !== null) put(session, {...query, name: node.newname ?? ''});
}

function move(session: SessionContext, node: AlterObjectSchemaStmt): void {
  const query = owned(session, node.relation, node.missing_ok === true);
  if (query === null) return;
  const schema = creationSchema(session, {schema: node.newschema ?? '', name: query.name});
  if (schema.oid !== query.schema) put(session, {...query, schema: schema.oid});
}

/** 42710 when the name is taken in its schema. */
function put(session: SessionContext, query: LiveQueryDescriptor): void {
  const {catalog} = session.transaction;
  if (catalog.liveQueryByName(query.schema, query.name) !== undefined)
    throw new PgError(SqlState.duplicateObject, `live query "${query.name}" already exists`);
  change(session, puts(query));
}

function giveAway(session: SessionContext, node: AlterTableStmt): void {
  const [command] = node.cmds ?? [];
  const alter = command !== undefined && 'AlterTableCmd' in command ? command.AlterTableCmd : null;
  if (alter === null || node.cmds!.length > 1 || alter.subtype !== 'AT_ChangeOwner')
    throw notSupported();
  const query = owned(session, node.relation, node.missing_ok === true);
  const {newowner} = alter;
  if (query !== null) changeOwner(session, query, roleNamed(session, newowner));
}

/** COMMENT ON LIVE QUERY name IS 'text' | NULL. */
export function commentLiveQueryCommand(
  session: SessionContext,
  statement: ParsedStatement,
): Execution {
  return ddlExecution(session, 'COMMENT', async () => {
    const {CommentStmt: node} = statement.ast as {readonly CommentStmt: CommentStmt};
    const query = findLiveQuery(session, namesOf(node.object).join('.'));
    checkOwner(session.transaction.catalog, session.currentRole, query, 'live query');
    const comment = node.comment === undefined || node.comment === '' ? null : node.comment;
    change(session, puts({...query, comment}));
  });
}

function namesOf(object: Node | undefined): readonly string[] {
  if (object === undefined || !('List' in object)) return [];
  return (object.List.items ?? []).flatMap(item =>
    'String' in item ? [item.String.sval ?? ''] : [],
  );
}

/** SHOW LIVE QUERIES: as system.live_query_definitions. */
export function showLiveQueriesCommand(session: SessionContext): Execution {
  const {catalog} = session.transaction;
  const text = catalog.typeByOid(oid(25))!;
  const names = ['namespace', 'name', 'arguments', 'definition', 'owner', 'comment'];
  const shape = computedShape(names.map(name => [name, text] as const));
  const relation = catalog.relationByName(SchemaOid.system, 'live_query_definitions')!;
  const {systemRelations} = session.engine;
  const load = (): Datum[][] =>
    systemRelations.rows(catalog, relation.oid, session.facts, null).map(row => row.slice(1));
  return new RowsExecution(shape, load, 'SHOW');
}

/** The live query of a statement, which must be the role's own; null when it is missing and may be. */
function owned(
  session: SessionContext,
  relation: RangeVar | undefined,
  missingOk: boolean,
): LiveQueryDescriptor | null {
  const name = [relation?.schemaname ?? [], relation?.relname ?? ''].flat().join('.');
  return ownLiveQuery(session, name, missingOk);
}

function notSupported(): PgError {
  return featureNotSupported('this form of ALTER LIVE QUERY is not supported', {
    hint: 'RENAME TO, OWNER TO and SET SCHEMA are; CREATE OR REPLACE LIVE QUERY gives another definition.',
  });
}
