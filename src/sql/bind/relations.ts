import type {RangeVar} from '@pgsql/types';
import type {
  RelationDescriptor,
  SystemRelationDescriptor,
  TableDescriptor,
  ViewDescriptor,
} from '../../catalog/descriptors.ts';
import {featureNotSupported, type PgErrorFields} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Binding} from './binding.ts';
import type {Block, CteScope, PrivilegeUse, RangeItem, ScopeColumn} from './block.ts';
import type {ScanColumn, ScanNode} from './logical.ts';

/** The relation that a name means, along the search path; 42P01 when there is none. */
export function findRelation(
  binding: Binding,
  name: RangeVar,
  ctes: CteScope | null = null,
): RelationDescriptor {
  const catalog = binding.context.catalog;
  const relation = name.relname ?? '';
  const location = name.location ?? -1;
  if (name.schemaname !== undefined && name.schemaname !== '') {
    const schema = binding.schema(name.schemaname);
    const found = schema === undefined ? undefined : catalog.relationByName(schema.oid, relation);
    if (found === undefined)
      throw binding.error(
        SqlState.undefinedTable,
        `relation "${name.schemaname}.${relation}" does not exist`,
        location,
      );
    return found;
  }
  for (const schema of binding.context.searchPath) {
    const found = catalog.relationByName(schema, relation);
    if (found !== undefined) return found;
  }
  const missing = `relation "${relation}" does not exist`;
  throw binding.error(SqlState.undefinedTable, missing, location, laterHint(ctes, relation));
}

function laterHint(ctes: CteScope | null, name: string): PgErrorFields {
  for (let scope = ctes; scope !== null; scope = scope.parent) {
    if (scope.later?.includes(name) !== true) continue;
    return {
      detail: `There is a WITH item named "${name}", but it cannot be referenced from this part of the query.`,
      hint: 'Use WITH RECURSIVE, or re-order the WITH items to remove forward references.',
    };
  }
  return {};
}

/** Notes that a relation is used, for the privilege check at open; with `needsColumns` only if a column of it is. */
export function noteUse(
  binding: Binding,
  relation: Oid,
  privilege: PrivilegeUse['privilege'],
  needsColumns = false,
): PrivilegeUse {
  const use: PrivilegeUse = {
    relation,
    columns: new Set(),
    asRole: binding.asRole,
    privilege,
    needsColumns,
  };
  binding.uses.push(use);
  return use;
}

/** A scan of a stored or system relation with all its columns. */
export function makeScan(
  binding: Binding,
  relation: TableDescriptor | SystemRelationDescriptor,
  alias: string,
): ScanNode {
  const columns: ScanColumn[] = [];
  for (const column of relation.columns) {
    if (column.isDropped) continue;
    columns.push({
      id: binding.newId(),
      name: column.name,
      type: binding.type(column.typeOid),
      typmod: column.typmod,
      source: column.attnum,
    });
  }
  const scope = relation.kind === 'table' && relation.tableKind !== 'shared' ? 'own' : 'none';
  if (relation.kind === 'table') binding.lockTable(relation.oid, 'accessShare');
  return {kind: 'scan', relation, alias, columns, scope, asker: binding.definer, lock: null};
}

/** The FROM item of a scan. */
export function scanItem(
  block: Block,
  scan: ScanNode,
  alias: string,
  use: PrivilegeUse | null,
  isTarget = false,
): RangeItem {
  const {relation} = scan;
  const columns = scan.columns
    .filter(column => typeof column.source === 'number')
    .map(
      (column): ScopeColumn => ({
        name: column.name,
        id: column.id,
        type: column.type,
        typmod: column.typmod,
        tableOid: relation.oid,
        attnum: column.source as number,
        use,
      }),
    );
  const rowType =
    relation.kind === 'table'
      ? (block.binding.context.catalog.typeByOid(relation.rowType) ?? null)
      : null;
  return {
    alias,
    schema: alias === relation.name ? relation.schema : (0 as Oid),
    columns,
    scan,
    rowType,
    use,
    isNamed: true,
    showsColumns: true,
    isTarget,
    isScalarFunction: false,
    nullable: null,
    outOfReach: null,
    unlockable: null,
  };
}

/** Renames columns by an alias list: t(a, b). */
export function renameColumns(
  binding: Binding,
  alias: string,
  columns: readonly ScopeColumn[],
  names: readonly string[],
  _location: number,
): ScopeColumn[] {
  if (names.length > columns.length) {
    throw binding.error(
      SqlState.invalidColumnReference,
      `table "${alias}" has ${columns.length} columns available but ${names.length} columns specified`,
      -1,
    );
  }
  return columns.map((column, index) =>
    index < names.length ? {...column, name: names[index]!} : column,
  );
}

/** 42809 for what FROM cannot read. */
export function notReadable(
  binding: Binding,
  relation: RelationDescriptor,
  location: number,
): Error {
  if (relation.kind === 'index') {
    return binding.error(
      SqlState.wrongObjectType,
      `cannot open relation "${relation.name}"`,
      location,
      {
        detail: 'This operation is not supported for indexes.',
      },
    );
  }
  return featureNotSupported(`relation "${relation.name}" cannot be read`);
}

export type {ViewDescriptor};
