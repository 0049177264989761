import type {Constraint} from '@pgsql/types';
import {hasPrivileges} from '../../catalog/acl.ts';
import type {
  ColumnDescriptor,
  ConstraintDescriptor,
  IndexDescriptor,
  TableDescriptor,
} from '../../catalog/descriptors.ts';
import {isMaterialized} from '../../catalog/stored-queries.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {errorType} from '../../sql/bind/display-type.ts';
import {newBinding} from '../../sql/bind/statement.ts';
import {coercionPath} from '../../sql/bind/coercion-path.ts';
import {validateForeignKey} from '../foreign-keys/validate.ts';
import type {SessionContext} from '../session-context.ts';
import {loadLocked} from '../table-loading.ts';
import {stringList} from './ast-values.ts';
import {chooseConstraintName, columnsPart} from './choose-name.ts';
import {columnNamed, plainConstraint, type ConstraintPlace} from './constraint-definitions.ts';
import {lockTable} from './ddl.ts';
import {relationNamed} from './object-names.ts';

/** FOREIGN KEY (columns) REFERENCES table [(columns)]; the referenced table is locked against changes of its keys. */
export async function defineForeignKey(
  place: ConstraintPlace,
  node: Constraint,
): Promise<ConstraintDescriptor> {
  const {session, table} = place;
  const target = relationNamed(session, node.pktable);
  if (target.kind !== 'table' || isMaterialized(target))
    throw new PgError(
      SqlState.wrongObjectType,
      `referenced relation "${target.name}" is not a table`,
    );
  await lockTable(session, target, 'shareRowExclusive');
  await loadLocked(session, target.oid);
  const referenced = session.transaction.catalog.tableByOid(target.oid) ?? target;
  checkKinds(table, referenced);
  if (node.fk_with_period === true || node.pk_with_period === true)
    throw featureNotSupported('PERIOD foreign keys are not supported');
  const columns = stringList(node.fk_attrs).map(name => referencedColumn(table, name));
  const {index, columns: targets} = targetColumns(place, referenced, stringList(node.pk_attrs));
  if (columns.length !== targets.length) {
    throw new PgError(
      SqlState.invalidForeignKey,
      'number of referencing and referenced columns for foreign key disagree',
    );
  }
  checkReferences(place, referenced, targets);
  const name =
    node.conname ??
    chooseConstraintName(place.chooser, [
      table.name,
      columnsPart(columns.map(each => each.name)),
      'fkey',
    ]);
  const setColumns = onDeleteColumns(table, columns, stringList(node.fk_del_set_cols));
  checkTypes(session, columns, targets, name);
  return {
    ...plainConstraint(place, 'f', name),
    columns: columns.map(column => column.attnum),
    isDeferrable: node.deferrable === true,
    isDeferred: node.initdeferred === true,
    isValidated: node.skip_validation !== true,
    index: index.oid,
    referencedTable: referenced.oid,
    referencedColumns: targets.map(column => column.attnum),
    onUpdate: (node.fk_upd_action ?? 'a') as ConstraintDescriptor['onUpdate'],
    onDelete: (node.fk_del_action ?? 'a') as ConstraintDescriptor['onDelete'],
    ...(setColumns.length === 0 ? {} : {onDeleteColumns: setColumns}),
    match: node.fk_matchtype === 'f' ? 'f' : matchSimple(node.fk_matchtype),
  };
}

/** The columns of ON DELETE SET NULL | DEFAULT (columns), which are among those of the key. */
function onDeleteColumns(
  table: TableDescriptor,
  columns: readonly ColumnDescriptor[],
  names: readonly string[],
): number[] {
  const attnums = names.map(name => {
    const column = referencedColumn(table, name);
    if (columns.includes(column)) return column.attnum;
    throw new PgError(
      SqlState.invalidColumnReference,
      `column "${name}" referenced in ON DELETE SET action must be part of foreign key`,
    );
  });
  return [...new Set(attnums)];
}

function matchSimple(type: string | undefined): 's' {
  if (type === 'p') throw featureNotSupported('MATCH PARTIAL not yet implemented');
  return 's';
}

function invalid(message: string): PgError {
  return new PgError(SqlState.invalidTableDefinition, message);
}

/** Which kinds of tables may reference which. */
function checkKinds(table: TableDescriptor, referenced: TableDescriptor): void {
  if (table.persistence === 'p' && referenced.persistence !== 'p') {
    throw invalid('constraints on permanent tables may reference only permanent tables');
  }
  if (table.persistence === 'u' && referenced.persistence === 't') {
    throw invalid('constraints on unlogged tables may reference only permanent or unlogged tables');
  }
  if (table.persistence === 't' && referenced.persistence !== 't') {
    throw invalid('constraints on temporary tables may reference only temporary tables');
  }
  if (referenced.tableKind === 'stream' && table.oid !== referenced.oid)
    throw featureNotSupported('foreign keys may not reference stream tables');
  if (table.tableKind === 'shared' && referenced.tableKind === 'user') {
    throw featureNotSupported('foreign keys of shared tables may reference only shared tables');
  }
}

function referencedColumn(table: TableDescriptor, name: string): ColumnDescriptor {
  const column = columnNamed(table, name);
  if (column !== undefined) return column;
  throw new PgError(
    SqlState.undefinedColumn,
    `column "${name}" referenced in foreign key constraint does not exist`,
  );
}

function targetColumns(
  place: ConstraintPlace,
  referenced: TableDescriptor,
  names: readonly string[],
): {readonly index: IndexDescriptor; readonly columns: readonly ColumnDescriptor[]} {
  const indexes = place.session.transaction.catalog.indexesOf(referenced.oid);
  if (names.length === 0) {
    const index = indexes.find(each => each.isPrimary);
    if (index === undefined)
      throw new PgError(
        SqlState.undefinedObject,
        `there is no primary key for referenced table "${referenced.name}"`,
      );
    return {
      index,
      columns: index.keys.map(
        key => referenced.columns.find(column => column.attnum === key.attnum)!,
      ),
    };
  }
  const columns = names.map(name => referencedColumn(referenced, name));
  if (new Set(columns).size < columns.length) {
    throw new PgError(
      SqlState.invalidForeignKey,
      'foreign key referenced-columns list must not contain duplicates',
    );
  }
  const wanted = new Set<number>(columns.map(column => column.attnum));
  const index = indexes.find(
    each =>
      each.isUnique &&
      each.predicateText === null &&
      each.keys.length === wanted.size &&
      each.keys.every(key => wanted.has(key.attnum)),
  );
  if (index !== undefined) return {index, columns};
  throw new PgError(
    SqlState.invalidForeignKey,
    `there is no unique constraint matching given keys for referenced table "${referenced.name}"`,
  );
}

/** The REFERENCES privilege, on the table or on each column. */
function checkReferences(
  place: ConstraintPlace,
  referenced: TableDescriptor,
  columns: readonly ColumnDescriptor[],
): void {
  const {session} = place;
  const {catalog} = session.transaction;
  const role = session.currentRole;
  if (hasPrivileges(catalog, role, {kind: 'r', owner: referenced.owner, acl: referenced.acl}, 'x'))
    return;
  const isHeld = columns.every(
    column =>
      column.acl !== null &&
      hasPrivileges(catalog, role, {kind: 'c', owner: referenced.owner, acl: column.acl}, 'x'),
  );
  if (!isHeld)
    throw new PgError(
      SqlState.insufficientPrivilege,
      `permission denied for table ${referenced.name}`,
    );
}

/** Checks the foreign keys of a column, at either end, after it took another type and other values. */
export async function recheckForeignKeys(
  session: SessionContext,
  table: Oid,
  attnum: number,
): Promise<void> {
  const {catalog} = session.transaction;
  const own = catalog.constraintsOf(table).filter(each => each.type === 'f');
  const touched = new Set([
    ...own.filter(each => each.columns.includes(attnum)),
    ...catalog
      .referencingConstraints(table)
      .filter(each => each.referencedColumns.includes(attnum)),
  ]);
  for (const constraint of touched) {
    const columnsAt = (oid: Oid, attnums: readonly number[]): ColumnDescriptor[] =>
      attnums.map(at => catalog.tableByOid(oid)!.columns.find(column => column.attnum === at)!);
    const columns = columnsAt(constraint.table, constraint.columns);
    const targets = columnsAt(constraint.referencedTable, constraint.referencedColumns);
    checkTypes(session, columns, targets, constraint.name);
    if (constraint.isValidated) await validateForeignKey(session, constraint.oid);
  }
}

function checkTypes(
  session: SessionContext,
  columns: readonly ColumnDescriptor[],
  targets: readonly ColumnDescriptor[],
  name: string,
): void {
  const binding = newBinding(session.planner.context([]), '');
  for (let i = 0; i < columns.length; i++) {
    const from = binding.type(columns[i]!.typeOid);
    const to = binding.type(targets[i]!.typeOid);
    if (
      from.oid === to.oid ||
      sameFamily(from.oid, to.oid) ||
      coercionPath(binding, from, to, 'implicit') !== null
    )
      continue;
    throw new PgError(
      SqlState.datatypeMismatch,
      `foreign key constraint "${name}" cannot be implemented`,
      {
        detail: `Key columns "${columns[i]!.name}" and "${targets[i]!.name}" are of incompatible types: ${errorType(from)} and ${errorType(to)}.`,
      },
    );
  }
}

/** Types of one btree operator family compare with each other without a cast. */
function sameFamily(a: Oid, b: Oid): boolean {
  return FAMILIES.some(family => family.includes(a) && family.includes(b));
}

const FAMILIES: readonly (readonly number[])[] = [
  [20, 21, 23],
  [700, 701],
  [25, 19, 1043],
  [1082, 1114, 1184],
];
