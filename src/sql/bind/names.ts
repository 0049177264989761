import type {ColumnRef} from '@pgsql/types';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import {stringOf} from './ast.ts';
import type {Block, RangeItem, ScopeColumn} from './block.ts';
import {suggestion} from './name-hints.ts';
import {pseudoColumn, systemColumn} from './system-columns.ts';
import {TypeOid} from './type-oids.ts';

/** Binds a column reference: column, whole row, hidden or system column (PostgreSQL transformColumnRef). */
export function bindColumnRef(block: Block, reference: ColumnRef): BoundExpr {
  const last = reference.fields?.at(-1);
  if (last !== undefined && 'A_Star' in last) return bindStar(block, reference);
  const fields = (reference.fields ?? []).map(stringOf);
  const location = reference.location ?? 0;
  switch (fields.length) {
    case 1:
      return bindUnqualified(block, fields[0]!, location);
    case 2:
      return bindQualified(block, null, fields[0]!, fields[1]!, location);
    case 3:
      return bindQualified(block, fields[0]!, fields[1]!, fields[2]!, location);
    case 4:
      return bindQualified(block, fields[1]!, fields[2]!, fields[3]!, location);
    default:
      throw block.binding.error(
        SqlState.syntaxError,
        `improper qualified name (too many dotted names): ${fields.join('.')}`,
        location,
      );
  }
}

/** `t.*` as a value: the whole row. */
function bindStar(block: Block, reference: ColumnRef): BoundExpr {
  const names = (reference.fields ?? []).slice(0, -1).map(stringOf);
  const location = reference.location ?? 0;
  const alias = names.at(-1);
  if (alias === undefined)
    throw block.binding.error(
      SqlState.syntaxError,
      'row expansion via "*" is not supported here',
      location,
    );
  for (let level: Block | null = block; level !== null; level = level.outer) {
    const item = findItem(level, names.at(-2) ?? null, alias, location);
    if (item !== null) return wholeRow(level, item, location);
  }
  throw missingRelation(block, alias, location);
}

function bindUnqualified(block: Block, name: string, location: number): BoundExpr {
  for (let level: Block | null = block; level !== null; level = level.outer) {
    const found = findColumn(level, name, location);
    if (found !== null) {
      checkReach(block, found.item, location);
      return useColumn(level, found.column, location);
    }
    const scalar = level.scalarNames?.get(name);
    if (scalar !== undefined) return {...scalar, location};
    if (name === 'value' && level.domainValue !== null) return {...level.domainValue, location};
    const hidden = findHidden(level, name, location);
    if (hidden !== null) return hidden;
  }
  const binding = block.binding;
  for (let level: Block | null = block; level !== null; level = level.outer) {
    const item = level.items.find(candidate => candidate.isNamed && candidate.alias === name);
    if (item !== undefined) return wholeRow(level, item, location);
  }
  const parameter = binding.parameterNames?.indexOf(name) ?? -1;
  if (parameter !== -1) return binding.parameters.reference(parameter + 1, location);
  throw binding.error(
    SqlState.undefinedColumn,
    `column "${name}" does not exist`,
    location,
    suggestion(block, null, name),
  );
}

function findColumn(
  level: Block,
  name: string,
  location: number,
): {readonly item: RangeItem; readonly column: ScopeColumn} | null {
  let found: {item: RangeItem; column: ScopeColumn} | null = null;
  for (const item of level.items) {
    if (!item.showsColumns) continue;
    for (const column of item.columns) {
      if (column.name !== name) continue;
      if (found !== null)
        throw level.binding.error(
          SqlState.ambiguousColumn,
          `column reference "${name}" is ambiguous`,
          location,
        );
      found = {item, column};
    }
  }
  return found;
}

/** `_seq`, `_user_id` and PostgreSQL's system columns, when exactly one item has them. */
function findHidden(level: Block, name: string, location: number): BoundExpr | null {
  let found: BoundExpr | null = null;
  for (const item of level.items) {
    if (item.scan === null || !item.isNamed) continue;
    const expr = systemColumn(level, item, name, location);
    if (expr === null) continue;
    if (found !== null)
      throw level.binding.error(
        SqlState.ambiguousColumn,
        `column reference "${name}" is ambiguous`,
        location,
      );
    found = expr;
  }
  return found;
}

function bindQualified(
  block: Block,
  schema: string | null,
  relation: string,
  name: string,
  location: number,
): BoundExpr {
  const binding = block.binding;
  for (let level: Block | null = block; level !== null; level = level.outer) {
    if (
      level.scalarNames !== null &&
      level.scalarRelation === relation &&
      level.scalarNames.has(name)
    ) {
      return {...level.scalarNames.get(name)!, location};
    }
    const item = findItem(level, schema, relation, location);
    if (item === null) continue;
    checkReach(block, item, location);
    const columns = item.columns.filter(column => column.name === name);
    if (columns.length > 1)
      throw binding.error(
        SqlState.ambiguousColumn,
        `column reference "${name}" is ambiguous`,
        location,
      );
    if (columns[0] !== undefined) return useColumn(level, columns[0], location);
    const system = systemColumn(level, item, name, location);
    if (system !== null) return system;
    throw binding.error(
      SqlState.undefinedColumn,
      `column ${relation}.${name} does not exist`,
      location,
      suggestion(block, relation, name),
    );
  }
  if (schema === null && relation === binding.parameterScope) {
    const parameter = binding.parameterNames?.indexOf(name) ?? -1;
    if (parameter !== -1) return binding.parameters.reference(parameter + 1, location);
  }
  throw missingRelation(block, relation, location);
}

/** 42P10 for an item that a LATERAL one finds and must not use (PostgreSQL check_lateral_ref_ok). */
function checkReach(block: Block, item: RangeItem, location: number): void {
  if (item.outOfReach === null) return;
  const name = item.alias;
  throw block.binding.error(
    SqlState.invalidColumnReference,
    `invalid reference to FROM-clause entry for table "${name}"`,
    location,
    item.outOfReach === 'target'
      ? {
          hint: `There is an entry for table "${name}", but it cannot be referenced from this part of the query.`,
        }
      : {detail: 'The combining JOIN type must be INNER or LEFT for a LATERAL reference.'},
  );
}

/** 42P01 for a qualifier that FROM does not have, with PostgreSQL's hints. */
export function missingRelation(block: Block, relation: string, location: number): Error {
  const binding = block.binding;
  const rest = block.items.find(
    item =>
      item.scan !== null &&
      item.scan.relation.name === relation &&
      item.alias !== relation &&
      item.isNamed,
  );
  if (rest !== undefined) {
    return binding.error(
      SqlState.undefinedTable,
      `invalid reference to FROM-clause entry for table "${relation}"`,
      location,
      {
        hint: `Perhaps you meant to reference the table alias "${rest.alias}".`,
      },
    );
  }
  if (isUnseen(block, relation)) {
    return binding.error(
      SqlState.undefinedTable,
      `invalid reference to FROM-clause entry for table "${relation}"`,
      location,
      {
        hint: `There is an entry for table "${relation}", but it cannot be referenced from this part of the query.`,
      },
    );
  }
  return binding.error(
    SqlState.undefinedTable,
    `missing FROM-clause entry for table "${relation}"`,
    location,
  );
}

function isUnseen(block: Block, relation: string): boolean {
  for (let level: Block | null = block; level !== null; level = level.outer)
    if (level.unseen.some(item => item.isNamed && item.alias === relation)) return true;
  return false;
}

/** The item of one level that a qualifier names. */
export function findItem(
  level: Block,
  schema: string | null,
  relation: string,
  location: number,
): RangeItem | null {
  const schemaOid = schema === null ? null : (level.binding.schema(schema)?.oid ?? -1);
  const found = level.items.filter(
    item =>
      item.isNamed && item.alias === relation && (schemaOid === null || item.schema === schemaOid),
  );
  if (found.length > 1)
    throw level.binding.error(
      SqlState.ambiguousAlias,
      `table reference "${relation}" is ambiguous`,
      location,
    );
  return found[0] ?? null;
}

/** An expression for a column of an item; notes who owns it and that it is read. */
export function useColumn(level: Block, column: ScopeColumn, location: number): BoundExpr {
  level.binding.owners.set(column.id, level.real);
  level.binding.trace?.column(level, column.id);
  if (column.attnum > 0) column.use?.columns.add(column.attnum);
  return {kind: 'column', type: column.type, typmod: column.typmod, location, index: column.id};
}

/** t as a value: a row of its columns, or the one column of a scalar function. */
export function wholeRow(level: Block, item: RangeItem, location: number): BoundExpr {
  checkReach(level, item, location);
  if (item.isScalarFunction && item.columns.length >= 1)
    return useColumn(level, item.columns[0]!, location);
  const type = item.rowType ?? level.binding.type(TypeOid.record);
  const fields = item.columns.map(column => useColumn(level, column, location));
  const names = item.columns.map(column => column.name);
  const presence = presenceOf(level, item);
  const row: BoundExpr = {
    kind: 'row',
    type,
    typmod: -1,
    location,
    fields,
    ...(item.rowType === null ? {names} : {}),
    ...(presence === null ? {} : {presence}),
  };
  level.binding.rowNames.set(row, names);
  return row;
}

/** A column that is NULL only where an outer join found no row of the item; null when there is always one. */
function presenceOf(level: Block, item: RangeItem): BoundExpr | null {
  const {nullable} = item;
  if (nullable === null || nullable === 'never') return null;
  const {binding} = level;
  if (item.scan?.relation.kind === 'table') {
    const column = pseudoColumn(level, item.scan, 'tableoid', 'tableoid');
    binding.owners.set(column.id, level.real);
    return binding.columnExpr(column);
  }
  if (nullable.column === null) {
    const {join, side} = nullable;
    const column = binding.newColumn('*', binding.boolType, -1);
    const expr = binding.constant(binding.boolType, true);
    join[side] = {kind: 'compute', input: join[side], outputs: [{column, expr}]};
    nullable.column = column;
  }
  binding.owners.set(nullable.column.id, level.real);
  return binding.columnExpr(nullable.column);
}
