import type {AlterObjectSchemaStmt} from '@pgsql/types';
import type {
  CatalogObject,
  Descriptor,
  SchemaDescriptor,
  TableDescriptor,
} from '../../catalog/descriptors.ts';
import {relationWord} from '../../catalog/stored-queries.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Execution} from '../execution.ts';
import {checkOwner} from '../privileges.ts';
import type {SessionContext} from '../session-context.ts';
import {alterTarget, objectWord} from './alter-target.ts';
import type {CommandInput} from './command-types.ts';
import {alterStored, change, ddlExecution, lockTable, notice, puts} from './ddl.ts';
import {creationSchema, findRelation, isTemporary, nameOf, nameText} from './object-names.ts';
import {StoredTexts} from './stored-texts.ts';
import {claimRelationName} from './claim-name.ts';

type Movable = Extract<Descriptor, CatalogObject & {readonly schema: unknown}>;

/** ALTER ... SET SCHEMA. */
export function setSchemaCommand({session, node}: CommandInput<AlterObjectSchemaStmt>): Execution {
  return ddlExecution(session, `ALTER ${objectWord(node.objectType).toUpperCase()}`, async () => {
    const object =
      node.relation === undefined
        ? alterTarget(session, node.objectType, node.object)
        : relationOf(session, node);
    if (object === undefined) return;
    if (!('schema' in object))
      throw featureNotSupported(
        `ALTER ${objectWord(node.objectType).toUpperCase()} ... SET SCHEMA is not supported`,
      );
    const schema = creationSchema(session, {schema: node.newschema ?? '', name: object.name});
    checkOwner(session.transaction.catalog, session.currentRole, object, relationWord(object));
    const isRelation =
      object.kind === 'table' || object.kind === 'view' || object.kind === 'sequence';
    if (isRelation) await lockTable(session, object, 'accessExclusive');
    if (object.schema === schema.oid) return;
    if (isRelation) await claimRelationName(session, schema.oid, object.name);
    move(session, object, schema);
  });
}

function relationOf(session: SessionContext, node: AlterObjectSchemaStmt): Movable | undefined {
  const name = nameOf(session, node.relation);
  const found = findRelation(session, name, node.missing_ok === true);
  if (found === undefined) {
    const message = `relation "${nameText(name)}" does not exist`;
    if (node.missing_ok !== true) throw new PgError(SqlState.undefinedTable, message);
    notice(session, `${message}, skipping`);
    return undefined;
  }
  if (found.kind === 'systemRelation')
    throw new PgError(
      SqlState.insufficientPrivilege,
      `permission denied: "${found.name}" is a system catalog`,
    );
  if (found.kind === 'index') {
    throw new PgError(SqlState.wrongObjectType, `cannot change schema of index "${found.name}"`, {
      hint: 'Change the schema of the table instead.',
    });
  }
  if (found.kind === 'sequence' && found.ownedByTable !== 0) {
    throw featureNotSupported('cannot move an owned sequence into another schema', {
      detail: `Sequence "${found.name}" is linked to table "${session.transaction.catalog.tableByOid(found.ownedByTable)?.name ?? ''}".`,
    });
  }
  checkWord(found, objectWord(node.objectType));
  return found;
}

function checkWord(found: Movable, word: string): void {
  const isOther = word === 'table' ? false : relationWord(found) !== word;
  if (isOther) throw new PgError(SqlState.wrongObjectType, `"${found.name}" is not a ${word}`);
}

function move(session: SessionContext, object: Movable, schema: SchemaDescriptor): void {
  const before = session.transaction.catalog;
  if (isTemporary(schema) || isTemporary(before.schemaByOid(object.schema))) {
    throw featureNotSupported('cannot move objects into or out of temporary schemas');
  }
  const isRelation =
    object.kind === 'table' || object.kind === 'view' || object.kind === 'sequence';
  if (isRelation && before.relationByName(schema.oid, object.name) !== undefined) {
    throw new PgError(
      SqlState.duplicateTable,
      `relation "${object.name}" already exists in schema "${schema.name}"`,
    );
  }
  if (object.kind === 'table') moveTable(session, object, schema);
  else change(session, puts({...object, schema: schema.oid}));
  new StoredTexts(session, before, object.name).rewrite();
}

/** A table takes its indexes, constraints and owned sequences along. */
function moveTable(
  session: SessionContext,
  table: TableDescriptor,
  schema: SchemaDescriptor,
): void {
  const {catalog} = session.transaction;
  const parts = [
    ...catalog.indexesOf(table.oid),
    ...catalog.constraintsOf(table.oid),
    ...[...catalog.sequences()].filter(each => each.ownedByTable === table.oid),
  ];
  alterStored(
    session,
    table,
    puts(...[table, ...parts].map(each => ({...each, schema: schema.oid}))),
  );
}
