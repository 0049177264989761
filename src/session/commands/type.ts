import type {AlterEnumStmt, CompositeTypeStmt, CreateEnumStmt} from '@pgsql/types';
import type {ColumnDescriptor, TypeDescriptor} from '../../catalog/descriptors.ts';
import {PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {featureNotSupported} from '../../common/errors.ts';
import type {Execution} from '../execution.ts';
import {checkOwner} from '../privileges.ts';
import type {SessionContext} from '../session-context.ts';
import {listName, rangeVarName, stringList, type QualifiedName} from './ast-values.ts';
import {checkColumnType, plainColumn} from './column-definitions.ts';
import type {CommandInput} from './command-types.ts';
import {alterStored, change, ddlExecution, newOid, NO_OID, notice, puts} from './ddl.ts';
import {newObjectAcl} from './default-privileges.ts';
import {typeRef} from './definition-binding.ts';
import {creationSchema, nameText} from './object-names.ts';
import {typeDescriptorNamed} from './type-names.ts';
import {claimTableName, claimTypeName} from './claim-name.ts';

/** A new type in its schema; 42710 when the name is taken. */
export function newType(
  session: SessionContext,
  name: QualifiedName,
  typeKind: TypeDescriptor['typeKind'],
): TypeDescriptor {
  const schema = creationSchema(session, name);
  const {catalog} = session.transaction;
  const existing = catalog.typeByName(schema.oid, name.name);
  if (existing !== undefined && !(existing.category === 'A' && existing.element !== null)) {
    const relation = catalog.relationByName(schema.oid, name.name);
    if (typeKind === 'c' && relation !== undefined)
      throw new PgError(SqlState.duplicateTable, `relation "${name.name}" already exists`);
    throw new PgError(SqlState.duplicateObject, `type "${name.name}" already exists`);
  }
  return {
    kind: 'type',
    oid: newOid(session),
    name: name.name,
    owner: session.currentRole,
    acl: newObjectAcl(session, 'T', schema.oid, session.currentRole),
    comment: null,
    schema: schema.oid,
    typeKind,
    arrayOid: newOid(session),
    labels: [],
    baseType: NO_OID,
    baseTypmod: -1,
    isNotNull: false,
    defaultText: null,
    columns: [],
  };
}

/** CREATE TYPE ... AS ENUM. */
export function createEnumCommand({session, node}: CommandInput<CreateEnumStmt>): Execution {
  return ddlExecution(session, 'CREATE TYPE', async () => {
    const type = newType(session, listName(stringList(node.typeName)), 'e');
    await claimTypeName(session, type.schema, type.name);
    const seen = new Set<string>();
    const labels = stringList(node.vals).map((label, at) => {
      checkLabel(label);
      if (seen.has(label)) {
        throw new PgError(
          SqlState.uniqueViolation,
          'duplicate key value violates unique constraint "pg_enum_typid_label_index"',
          {
            detail: `Key (enumtypid, enumlabel)=(${type.oid}, ${label}) already exists.`,
            schema: 'pg_catalog',
            table: 'pg_enum',
            constraint: 'pg_enum_typid_label_index',
          },
        );
      }
      seen.add(label);
      return {oid: newOid(session), label, sortOrder: at + 1};
    });
    change(session, puts({...type, labels}));
  });
}

function checkLabel(label: string): void {
  if (Buffer.byteLength(label) <= 63) return;
  throw new PgError(SqlState.invalidName, `invalid enum label "${label}"`, {
    detail: 'Labels must be 63 bytes or less.',
  });
}

/** CREATE TYPE ... AS (attributes). */
export function createCompositeCommand({
  session,
  node,
  statement,
}: CommandInput<CompositeTypeStmt>): Execution {
  return ddlExecution(session, 'CREATE TYPE', async () => {
    const type = newType(session, rangeVarName(node.typevar ?? {}), 'c');
    await claimTableName(session, type.schema, type.name);
    const columns: ColumnDescriptor[] = [];
    for (const item of node.coldeflist ?? []) {
      if (!('ColumnDef' in item)) continue;
      const name = item.ColumnDef.colname ?? '';
      if (columns.some(column => column.name === name)) {
        throw new PgError(SqlState.duplicateColumn, `column "${name}" specified more than once`);
      }
      const ref = typeRef(session, item.ColumnDef.typeName!, statement.text);
      checkColumnType(name, ref.type);
      columns.push(plainColumn(columns.length + 1, name, ref));
    }
    change(session, puts({...type, columns}));
  });
}

/** ALTER TYPE ... ADD VALUE | RENAME VALUE. */
export function alterEnumCommand({session, node}: CommandInput<AlterEnumStmt>): Execution {
  return ddlExecution(session, 'ALTER TYPE', async () => {
    const name = listName(stringList(node.typeName));
    const type = typeDescriptorNamed(session, name, 'type');
    if (type.typeKind !== 'e')
      throw new PgError(SqlState.wrongObjectType, `${nameText(name)} is not an enum`);
    checkOwner(session.transaction.catalog, session.currentRole, type, 'type');
    if (node.oldVal !== undefined && node.oldVal !== '')
      renameLabel(session, type, node.oldVal, node.newVal ?? '');
    else addLabel(session, type, node);
    refreshTables(session, type);
  });
}

function notALabel(label: string): PgError {
  return new PgError(SqlState.invalidParameterValue, `"${label}" is not an existing enum label`);
}

function renameLabel(
  session: SessionContext,
  type: TypeDescriptor,
  from: string,
  to: string,
): void {
  checkLabel(to);
  if (!type.labels.some(each => each.label === from)) throw notALabel(from);
  if (type.labels.some(each => each.label === to))
    throw new PgError(SqlState.duplicateObject, `enum label "${to}" already exists`);
  const isStored = [...session.transaction.catalog.tables()].some(table => usesType(table, type));
  // Stored rows hold the label itself.
  if (isStored)
    throw featureNotSupported(
      'ALTER TYPE ... RENAME VALUE is not supported while tables use the type',
    );
  change(
    session,
    puts({
      ...type,
      labels: type.labels.map(each => (each.label === from ? {...each, label: to} : each)),
    }),
  );
}

function addLabel(session: SessionContext, type: TypeDescriptor, node: AlterEnumStmt): void {
  const label = node.newVal ?? '';
  checkLabel(label);
  if (type.labels.some(each => each.label === label)) {
    if (node.skipIfNewValExists !== true)
      throw new PgError(SqlState.duplicateObject, `enum label "${label}" already exists`);
    notice(session, `enum label "${label}" already exists, skipping`, {}, SqlState.duplicateObject);
    return;
  }
  const sorted = [...type.labels].sort((a, b) => a.sortOrder - b.sortOrder);
  const neighbor = node.newValNeighbor;
  let at = sorted.length;
  if (neighbor !== undefined && neighbor !== '') {
    const found = sorted.findIndex(each => each.label === neighbor);
    if (found < 0) throw notALabel(neighbor);
    at = node.newValIsAfter === true ? found + 1 : found;
  }
  const before = sorted[at - 1]?.sortOrder ?? (sorted[0]?.sortOrder ?? 1) - 2;
  const after = sorted[at]?.sortOrder ?? before + 2;
  const added = {
    oid: newOid(session),
    label,
    sortOrder: at === sorted.length ? before + 1 : (before + after) / 2,
  };
  change(session, puts({...type, labels: [...type.labels, added]}));
}

function usesType(
  table: {readonly columns: readonly ColumnDescriptor[]},
  type: TypeDescriptor,
): boolean {
  const isOf = (oid: Oid): boolean => oid === type.oid || oid === type.arrayOid;
  return table.columns.some(column => !column.isDropped && isOf(column.typeOid));
}

/** Tables that use a changed type take its new instance: their keys are built again. */
export function refreshTables(session: SessionContext, type: TypeDescriptor): void {
  for (const table of [...session.transaction.catalog.tables()]) {
    if (usesType(table, type)) alterStored(session, table, puts({...table}));
  }
}
