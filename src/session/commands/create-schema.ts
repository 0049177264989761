import type {CreateSchemaStmt, Node, RangeVar} from '@pgsql/types';
import {hasPrivileges, rolesOfMember, isSuperuser} from '../../catalog/acl.ts';
import type {RoleDescriptor, SchemaDescriptor} from '../../catalog/descriptors.ts';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {ParsedStatement} from '../../sql/contract.ts';
import {discardRows, type Execution} from '../execution.ts';
import type {SessionContext} from '../session-context.ts';
import type {CommandInput} from './command-types.ts';
import {change, ddlExecution, newOid, NO_OID, notice, puts} from './ddl.ts';
import {newObjectAcl} from './default-privileges.ts';
import {roleNamed} from './object-names.ts';
import {claimSchemaName} from './claim-name.ts';

/** CREATE SCHEMA [IF NOT EXISTS] [name] [AUTHORIZATION role] [element ...]; CREATE NAMESPACE is the same. */
export function createSchemaCommand({
  session,
  node,
  statement,
}: CommandInput<CreateSchemaStmt>): Execution {
  return ddlExecution(session, 'CREATE SCHEMA', async () => {
    const owner = ownerOf(session, node);
    const name = node.schemaname ?? owner.name;
    checkRights(session, owner, name);
    const {catalog} = session.transaction;
    if (catalog.schemaByName(name) !== undefined) {
      if (node.if_not_exists !== true)
        throw new PgError(SqlState.duplicateSchema, `schema "${name}" already exists`);
      notice(session, `schema "${name}" already exists, skipping`, {}, SqlState.duplicateSchema);
      return;
    }
    await claimSchemaName(session, name);
    const schema: SchemaDescriptor = {
      kind: 'schema',
      oid: newOid(session),
      name,
      owner: owner.oid,
      acl: newObjectAcl(session, 'n', NO_OID, owner.oid),
      comment: null,
    };
    change(session, puts(schema));
    await createElements(session, node, statement, {schema: name, owner});
  });
}

function ownerOf(session: SessionContext, node: CreateSchemaStmt): RoleDescriptor {
  if (node.authrole !== undefined) return roleNamed(session, node.authrole);
  return session.transaction.catalog.roleByOid(session.currentRole)!;
}

function checkRights(session: SessionContext, owner: RoleDescriptor, name: string): void {
  const {catalog} = session.transaction;
  for (const database of catalog.databases()) {
    if (database.oid !== catalog.databaseOid) continue;
    const target = {kind: 'd', owner: database.owner, acl: database.acl} as const;
    if (!hasPrivileges(catalog, session.currentRole, target, 'C')) {
      throw new PgError(
        SqlState.insufficientPrivilege,
        `permission denied for database ${database.name}`,
      );
    }
  }
  const {currentRole} = session;
  if (!isSuperuser(currentRole, catalog) && !rolesOfMember(currentRole, catalog).has(owner.oid)) {
    throw new PgError(SqlState.insufficientPrivilege, `must be member of role "${owner.name}"`);
  }
  if (!name.startsWith('pg_')) return;
  throw new PgError(SqlState.reservedName, `unacceptable schema name "${name}"`, {
    detail: 'The prefix "pg_" is reserved for system schemas.',
  });
}

/** The order in which PostgreSQL makes embedded elements. */
const ELEMENT_ORDER: readonly string[] = [
  'CreateSeqStmt',
  'CreateStmt',
  'ViewStmt',
  'IndexStmt',
  'CreateTrigStmt',
  'GrantStmt',
];

async function createElements(
  session: SessionContext,
  node: CreateSchemaStmt,
  statement: ParsedStatement,
  into: {readonly schema: string; readonly owner: RoleDescriptor},
): Promise<void> {
  const elements = [...(node.schemaElts ?? [])].sort((a, b) => orderOf(a) - orderOf(b));
  if (elements.length === 0) return;
  const role = session.currentRole;
  const path = session.settings.raw('search_path') ?? '';
  const mark = session.settings.mark();
  session.setCurrentRole(into.owner.oid);
  session.settings.set(
    'search_path',
    `"${into.schema.replaceAll('"', '""')}"${path === '' ? '' : `, ${path}`}`,
    true,
  );
  try {
    for (const element of elements) {
      const ast = inSchema(element, into.schema);
      const execution = session.prepareExecution({...statement, ast, custom: null}, [], false);
      await execution.run(Infinity, discardRows);
      execution.close();
    }
  } finally {
    session.settings.rollbackTo(mark);
    session.setCurrentRole(role);
  }
}

function orderOf(node: Node): number {
  return ELEMENT_ORDER.indexOf(Object.keys(node)[0] ?? '');
}

/** An element with its object in the new schema; 42P15 when it names another. */
function inSchema(node: Node, schema: string): Node {
  if ('CreateStmt' in node)
    return {CreateStmt: {...node.CreateStmt, relation: placed(node.CreateStmt.relation, schema)}};
  if ('CreateSeqStmt' in node)
    return {
      CreateSeqStmt: {...node.CreateSeqStmt, sequence: placed(node.CreateSeqStmt.sequence, schema)},
    };
  if ('ViewStmt' in node)
    return {ViewStmt: {...node.ViewStmt, view: placed(node.ViewStmt.view, schema)}};
  if ('IndexStmt' in node)
    return {IndexStmt: {...node.IndexStmt, relation: placed(node.IndexStmt.relation, schema)}};
  return node;
}

function placed(range: RangeVar | undefined, schema: string): RangeVar {
  const given = range?.schemaname;
  if (given !== undefined && given !== '' && given !== schema) {
    throw new PgError(
      SqlState.invalidSchemaDefinition,
      `CREATE specifies a schema (${given}) different from the one being created (${schema})`,
    );
  }
  return {...range, schemaname: schema};
}
