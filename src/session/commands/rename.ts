import type {RenameStmt} from '@pgsql/types';
import {hasPrivileges} from '../../catalog/acl.ts';
import type {CatalogSnapshot} from '../../catalog/contract.ts';
import type {
  CatalogObject,
  ConstraintDescriptor,
  Descriptor,
  IndexDescriptor,
  RelationDescriptor,
  RoleDescriptor,
  TableDescriptor,
} from '../../catalog/descriptors.ts';
import {
  isMaterialized,
  queryTextOf,
  relationWord,
  relationWords,
  withQueryText,
} from '../../catalog/stored-queries.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {TableStorage} from '../../storage/contract.ts';
import type {Execution} from '../execution.ts';
import {checkOwner} from '../privileges.ts';
import type {SessionContext} from '../session-context.ts';
import {clusterByWith} from './cluster-by.ts';
import {alterTarget, objectWord} from './alter-target.ts';
import {alteredColumn, withColumn} from './alter-column.ts';
import type {CommandInput} from './command-types.ts';
import {checkColumnName} from './column-definitions.ts';
import {columnNamed} from './constraint-definitions.ts';
import {
  alterStored,
  change,
  currentTable,
  ddlExecution,
  lockTable,
  NO_OID,
  notice,
  puts,
} from './ddl.ts';
import {findRelation, nameOf, nameText, roleByName} from './object-names.ts';
import {renamePolicy} from './policy.ts';
import {checkRoleName} from './role-options.ts';
import {StoredTexts} from './stored-texts.ts';
import {refreshTables} from './type.ts';
import {claimRelationName} from './claim-name.ts';

type Relation = Exclude<RelationDescriptor, {kind: 'systemRelation'}>;

/** ALTER ... RENAME. */
export function renameCommand({session, node, statement}: CommandInput<RenameStmt>): Execution {
  const type = node.renameType;
  const isPart = type === 'OBJECT_COLUMN' || type === 'OBJECT_ATTRIBUTE';
  const word =
    type === 'OBJECT_TABCONSTRAINT'
      ? 'table'
      : type === 'OBJECT_DOMCONSTRAINT'
        ? 'domain'
        : objectWord(isPart ? node.relationType : type);
  return ddlExecution(session, `ALTER ${word.toUpperCase()}`, async () => {
    const to = node.newname ?? '';
    switch (type) {
      case 'OBJECT_TABLE':
      case 'OBJECT_VIEW':
      case 'OBJECT_MATVIEW':
      case 'OBJECT_INDEX':
      case 'OBJECT_SEQUENCE':
        return renameRelation(session, await relationOf(session, node, word), to);
      case 'OBJECT_COLUMN':
        return renameColumn(session, await relationOf(session, node, word), node.subname ?? '', to);
      case 'OBJECT_TABCONSTRAINT':
        return renameConstraint(
          session,
          await relationOf(session, node, word),
          node.subname ?? '',
          to,
        );
      case 'OBJECT_ATTRIBUTE':
        return renameAttribute(session, node, to);
      case 'OBJECT_POLICY':
        return renamePolicy(session, node);
      case 'OBJECT_ROLE':
        return renameRole(
          session,
          roleByName(session.transaction.catalog, node.subname ?? ''),
          to,
          statement.text,
        );
      case 'OBJECT_DOMCONSTRAINT': {
        const domain = alterTarget(session, 'OBJECT_DOMAIN', node.object);
        const constraint = session.transaction.catalog
          .constraintsOf(domain.oid)
          .find(each => each.name === node.subname);
        if (constraint === undefined)
          throw new PgError(
            SqlState.undefinedObject,
            `constraint "${node.subname}" for domain "${domain.name}" does not exist`,
          );
        checkOwner(session.transaction.catalog, session.currentRole, domain, 'type');
        change(session, puts({...constraint, name: to}));
        return;
      }
      case 'OBJECT_DATABASE':
        return renameNamed(
          session,
          alterTarget(session, type, {String: {sval: node.subname ?? ''}}),
          to,
        );
      case 'OBJECT_SCHEMA':
        return renameNamed(
          session,
          alterTarget(session, type, {String: {sval: node.subname ?? ''}}),
          to,
        );
      default:
        return renameNamed(session, alterTarget(session, type, node.object), to);
    }
  });
}

/** The relation, locked and owned; undefined when it is missing and may be. */
async function relationOf(
  session: SessionContext,
  node: RenameStmt,
  word: string,
): Promise<Relation | undefined> {
  const name = nameOf(session, node.relation);
  const relation = findRelation(session, name, node.missing_ok === true);
  if (relation === undefined) {
    const message = `relation "${nameText(name)}" does not exist`;
    if (node.missing_ok !== true) throw new PgError(SqlState.undefinedTable, message);
    notice(session, `${message}, skipping`);
    return undefined;
  }
  if (relation.kind === 'systemRelation') {
    throw new PgError(
      SqlState.insufficientPrivilege,
      `permission denied: "${relation.name}" is a system catalog`,
    );
  }
  const mustBe = word === 'view' || word === 'sequence' || word === 'materialized view';
  if (mustBe && relationWord(relation) !== word) {
    throw new PgError(SqlState.wrongObjectType, `"${relation.name}" is not a ${word}`);
  }
  checkOwner(session.transaction.catalog, session.currentRole, relation, relationWord(relation));
  await lockTable(
    session,
    relation.kind === 'index'
      ? currentTable(session.transaction.catalog, relation.table)
      : relation,
    'accessExclusive',
  );
  return session.transaction.catalog.get(relation.kind, relation.oid) as Relation;
}

async function renameRelation(
  session: SessionContext,
  relation: Relation | undefined,
  to: string,
): Promise<void> {
  if (relation === undefined) return;
  if (session.transaction.catalog.relationByName(relation.schema, to) !== undefined)
    throw new PgError(SqlState.duplicateTable, `relation "${to}" already exists`);
  await claimRelationName(session, relation.schema, to);
  const before = session.transaction.catalog;
  if (relation.kind === 'table') alterStored(session, relation, puts({...relation, name: to}));
  else if (relation.kind === 'index') renameIndex(session, relation, to);
  else change(session, puts({...relation, name: to}));
  new StoredTexts(session, before, relation.name).rewrite();
}

/** An index and its constraint have one name. */
function renameIndex(session: SessionContext, index: IndexDescriptor, to: string): void {
  const {catalog} = session.transaction;
  const constraint = catalog.constraintByOid(index.constraint);
  const parts: Descriptor[] = constraint === undefined ? [] : [{...constraint, name: to}];
  alterStored(session, currentTable(catalog, index.table), puts({...index, name: to}, ...parts));
}

function renameColumn(
  session: SessionContext,
  relation: Relation | undefined,
  from: string,
  to: string,
): void {
  if (relation === undefined) return;
  if (relation.kind !== 'table' && relation.kind !== 'view') {
    throw new PgError(
      SqlState.wrongObjectType,
      `cannot rename columns of relation "${relation.name}"`,
      {detail: `This operation is not supported for ${relationWords(relation)}.`},
    );
  }
  const column = columnNamed(relation, from);
  if (column === undefined)
    throw new PgError(SqlState.undefinedColumn, `column "${from}" does not exist`);
  if (columnNamed(relation, to) !== undefined) {
    throw new PgError(
      SqlState.duplicateColumn,
      `column "${to}" of relation "${relation.name}" already exists`,
    );
  }
  checkColumnName(to);
  const before = session.transaction.catalog;
  const found = withColumn(relation, column.attnum, {name: to});
  const renamed =
    found.kind === 'table' ? {...found, options: clusterByWith(found.options, from, to)} : found;
  if (renamed.kind === 'view') {
    const columnNames = renamed.columns.map(each => each.name);
    const queryText = new StoredTexts(session, before, from).query(renamed.queryText, columnNames);
    change(session, puts({...renamed, queryText}));
    new StoredTexts(session, before, from).rewrite();
    return;
  }
  const stored = session.storages.of(before, before.tableByOid(relation.oid)!);
  change(session, puts(withOwnNames(session, renamed, before, from)));
  new StoredTexts(session, before, from).rewrite();
  tellStorage(session, [stored]);
}

/** A materialized view's query names its columns. */
function withOwnNames(
  session: SessionContext,
  table: TableDescriptor,
  before: CatalogSnapshot,
  from: string,
): TableDescriptor {
  if (!isMaterialized(table)) return table;
  const names = table.columns.map(column => column.name);
  const text = new StoredTexts(session, before, from).query(queryTextOf(table), names);
  return withQueryText(table, text);
}

/** Storage hears of tables' new names when the texts of their indexes have them, too. */
function tellStorage(session: SessionContext, tables: readonly TableStorage[]): void {
  const {transaction, storages} = session;
  for (const before of tables) {
    transaction.tx.ddl({
      kind: 'alterTable',
      before,
      after: storages.get(transaction.catalog, before.oid),
    });
  }
}

async function renameConstraint(
  session: SessionContext,
  relation: Relation | undefined,
  from: string,
  to: string,
): Promise<void> {
  if (relation === undefined) return;
  const {catalog} = session.transaction;
  const constraints = catalog.constraintsOf(relation.oid);
  const constraint = constraints.find(each => each.name === from);
  if (constraint === undefined)
    throw new PgError(
      SqlState.undefinedObject,
      `constraint "${from}" for table "${relation.name}" does not exist`,
    );
  if (constraints.some(each => each.name === to)) {
    throw new PgError(
      SqlState.duplicateObject,
      `constraint "${to}" for relation "${relation.name}" already exists`,
    );
  }
  const index = ownIndex(session, constraint);
  if (index === undefined) change(session, puts({...constraint, name: to}));
  else await renameRelation(session, index, to);
}

function ownIndex(
  session: SessionContext,
  constraint: ConstraintDescriptor,
): IndexDescriptor | undefined {
  if (constraint.type === 'f' || constraint.index === NO_OID) return undefined;
  const index = session.transaction.catalog.get('index', constraint.index);
  return index?.kind === 'index' ? index : undefined;
}

function renameAttribute(session: SessionContext, node: RenameStmt, to: string): void {
  const name = nameOf(session, node.relation);
  const type = alterTarget(session, 'OBJECT_TYPE', {
    List: {
      items: [name.schema, name.name].flatMap(each =>
        each === null ? [] : [{String: {sval: each}}],
      ),
    },
  });
  if (type.kind !== 'type' || type.typeKind !== 'c')
    throw new PgError(SqlState.wrongObjectType, `${name.name} is not a composite type`);
  checkOwner(session.transaction.catalog, session.currentRole, type, 'type');
  const column = alteredColumn(type, node.subname);
  if (columnNamed(type, to) !== undefined)
    throw new PgError(
      SqlState.duplicateColumn,
      `column "${to}" of relation "${type.name}" already exists`,
    );
  change(
    session,
    puts({
      ...type,
      columns: type.columns.map(each => (each === column ? {...each, name: to} : each)),
    }),
  );
  refreshTables(session, type);
}

function renameRole(session: SessionContext, role: RoleDescriptor, to: string, text: string): void {
  const {catalog} = session.transaction;
  if (role.oid === session.sessionRole) throw featureNotSupported('session user cannot be renamed');
  if (role.oid === session.currentRole) throw featureNotSupported('current user cannot be renamed');
  if (role.name.startsWith('pg_')) {
    throw new PgError(SqlState.reservedName, `role name "${role.name}" is reserved`, {
      detail: 'Role names starting with "pg_" are reserved.',
    });
  }
  checkRoleName(to, text);
  if (catalog.roleByName(to) !== undefined)
    throw new PgError(SqlState.duplicateObject, `role "${to}" already exists`);
  const mayCreate = catalog.roleByOid(session.currentRole)?.canCreateRole === true;
  if (!session.isSuperuser && role.isSuperuser)
    throw new PgError(SqlState.insufficientPrivilege, 'must be superuser to rename superusers');
  if (!session.isSuperuser && !mayCreate)
    throw new PgError(SqlState.insufficientPrivilege, 'permission denied to rename role');
  change(session, puts({...role, name: to}));
}

/** Schemas, types, functions, databases. */
function renameNamed(
  session: SessionContext,
  object: Extract<Descriptor, CatalogObject>,
  to: string,
): void {
  const before = session.transaction.catalog;
  checkOwner(before, session.currentRole, object, object.kind);
  if (object.kind === 'schema') checkSchemaName(session, to);
  if (object.kind === 'database' && object.oid === session.database.oid)
    throw featureNotSupported('current database cannot be renamed');
  const inside =
    object.kind === 'schema'
      ? [...before.tables()].filter(table => table.schema === object.oid)
      : [];
  const stored = inside.map(table => session.storages.of(before, table));
  change(session, puts({...object, name: to}, ...inside.map(table => ({...table}))));
  if (object.kind !== 'database') new StoredTexts(session, before, object.name).rewrite();
  tellStorage(session, stored);
  if (object.kind === 'type') refreshTables(session, object);
}

function checkSchemaName(session: SessionContext, to: string): void {
  const {catalog} = session.transaction;
  for (const database of catalog.databases()) {
    if (database.oid !== catalog.databaseOid) continue;
    if (
      hasPrivileges(
        catalog,
        session.currentRole,
        {kind: 'd', owner: database.owner, acl: database.acl},
        'C',
      )
    )
      continue;
    throw new PgError(
      SqlState.insufficientPrivilege,
      `permission denied for database ${database.name}`,
    );
  }
  if (!to.startsWith('pg_')) return;
  throw new PgError(SqlState.reservedName, `unacceptable schema name "${to}"`, {
    detail: 'The prefix "pg_" is reserved for system schemas.',
  });
}
