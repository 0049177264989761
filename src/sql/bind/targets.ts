import type {Node, ResTarget} from '@pgsql/types';
import type {Oid} from '../../common/ids.ts';
import {oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import {stringOf} from './ast.ts';
import {isUnknown} from './binding.ts';
import type {Block, RangeItem} from './block.ts';
import {coerceImplicit, compositeColumns} from './coerce.ts';
import {columnName} from './column-name.ts';
import {findItem, missingRelation, useColumn} from './names.ts';
import {TypeOid} from './type-oids.ts';

/** An entry of a target list. */
export interface Target {
  readonly name: string;
  readonly expr: BoundExpr;
  readonly tableOid: Oid;
  readonly attnum: number;
}

/** Binds a target list; `*`, `t.*` and `(row).*` are expanded. */
export function bindTargets(
  block: Block,
  nodes: readonly Node[],
  resolveUnknown: boolean,
): Target[] {
  const targets: Target[] = [];
  for (const node of nodes) {
    if (!('ResTarget' in node)) continue;
    const expanded = expandStar(block, node.ResTarget);
    if (expanded !== null) targets.push(...expanded);
    else targets.push(bindTarget(block, node.ResTarget, resolveUnknown));
  }
  return targets;
}

function bindTarget(block: Block, target: ResTarget, resolveUnknown: boolean): Target {
  const bound = block.expr(target.val!);
  const expr = resolveUnknown ? resolveToText(block, bound) : bound;
  const origin = originOf(block, expr);
  return {name: target.name ?? columnName(target.val!), expr, ...origin};
}

/** An output column that is still unknown is text. */
export function resolveToText(block: Block, expr: BoundExpr): BoundExpr {
  return isUnknown(expr)
    ? coerceImplicit(block.binding, expr, block.binding.type(TypeOid.text))
    : expr;
}

/** Table and column that a plain column reference comes from. */
export function originOf(
  block: Block,
  expr: BoundExpr,
): {readonly tableOid: Oid; readonly attnum: number} {
  if (expr.kind === 'column') {
    for (let level: Block | null = block; level !== null; level = level.parent) {
      for (const item of level.items) {
        const column = item.columns.find(
          candidate => candidate.id === expr.index && candidate.tableOid !== 0,
        );
        if (column !== undefined) return {tableOid: column.tableOid, attnum: column.attnum};
        const system = item.scan?.columns.find(candidate => candidate.id === expr.index);
        if (system !== undefined && typeof system.source !== 'number')
          return systemOrigin(item, system.source);
      }
    }
  }
  return {tableOid: oid(0), attnum: 0};
}

function systemOrigin(
  item: RangeItem,
  source: string,
): {readonly tableOid: Oid; readonly attnum: number} {
  const attnums: Readonly<Record<string, number>> = {ctid: -1, tableoid: -6};
  const attnum = attnums[source] ?? 0;
  return {tableOid: attnum === 0 ? oid(0) : item.scan!.relation.oid, attnum};
}

function expandStar(block: Block, target: ResTarget): Target[] | null {
  const {val} = target;
  if (val === undefined) return null;
  if ('ColumnRef' in val) {
    const fields = val.ColumnRef.fields ?? [];
    const last = fields.at(-1);
    if (last === undefined || !('A_Star' in last)) return null;
    const location = val.ColumnRef.location ?? -1;
    if (fields.length === 1) return expandAll(block, location);
    return expandRelation(block, fields.slice(0, -1).map(stringOf), location, fields.slice(0, -1));
  }
  if ('A_Indirection' in val) {
    const steps = val.A_Indirection.indirection ?? [];
    const last = steps.at(-1);
    if (last === undefined || !('A_Star' in last)) return null;
    const rest = steps.slice(0, -1);
    return expandRow(
      block,
      block.expr(
        rest.length === 0
          ? val.A_Indirection.arg!
          : {A_Indirection: {...val.A_Indirection, indirection: rest}},
      ),
    );
  }
  return null;
}

function expandAll(block: Block, location: number): Target[] {
  if (block.items.length === 0)
    throw block.binding.error(
      SqlState.syntaxError,
      'SELECT * with no tables specified is not valid',
      location,
    );
  return block.items
    .filter(item => item.showsColumns)
    .flatMap(item => itemTargets(block, item, location));
}

/** All columns of an item as targets. */
export function itemTargets(block: Block, item: RangeItem, location: number): Target[] {
  const {unexpanded} = block.binding;
  const columns = item.columns.filter(column => !unexpanded.has(column.id));
  return columns.map(column => ({
    name: column.name,
    expr: useColumn(block, column, location),
    tableOid: column.tableOid,
    attnum: column.attnum,
  }));
}

function expandRelation(
  block: Block,
  names: readonly string[],
  location: number,
  fields: readonly Node[],
): Target[] {
  const relation = names.at(-1)!;
  const schema = names.length > 1 ? names.at(-2)! : null;
  for (let level: Block | null = block; level !== null; level = level.outer) {
    const item = findItem(level, schema, relation, location);
    if (item !== null) return itemTargets(level, item, location);
  }
  if (
    names.length > 1 ||
    block.items.some(item => item.columns.some(column => column.name === relation))
  ) {
    return expandRow(block, block.expr({ColumnRef: {fields: [...fields], location}}));
  }
  throw missingRelation(block, relation, location);
}

function expandRow(block: Block, value: BoundExpr): Target[] {
  const binding = block.binding;
  const columns = compositeColumns(binding, value.type);
  if (value.kind === 'row') {
    const names =
      columns?.map(column => column.name) ??
      binding.rowNames.get(value) ??
      value.fields.map((_field, index) => `f${index + 1}`);
    return value.fields.map((expr, index) => ({
      name: names[index] ?? `f${index + 1}`,
      expr,
      ...originOf(block, expr),
    }));
  }
  const fields = columns ?? binding.recordFields.get(value.kind === 'column' ? value.index : -1);
  if (fields === undefined || fields === null) {
    throw binding.error(
      SqlState.syntaxError,
      'record type has not been registered',
      value.location,
    );
  }
  return fields.map((field, index) => ({
    name: field.name,
    tableOid: oid(0),
    attnum: 0,
    expr: {
      kind: 'field',
      type: field.type,
      typmod: field.typmod,
      location: value.location,
      arg: value,
      index,
    },
  }));
}
