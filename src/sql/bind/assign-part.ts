import type {A_Indices, Node} from '@pgsql/types';
import {featureNotSupported} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {TypeInstance} from '../../types/contract.ts';
import {stringOf} from './ast.ts';

import type {Block} from './block.ts';
import {internalCall} from './calls.ts';
import {jsonbKey} from './expr-array.ts';
import {coerce, compositeColumns, tryCoerce} from './coerce.ts';
import {errorType} from './display-type.ts';
import {TypeOid} from './type-oids.ts';

/** Where a value goes within a column: `SET a[1].b = v` has the steps [1] and .b. */
interface Place {
  readonly block: Block;
  readonly column: string;
  readonly steps: readonly Node[];
  readonly value: Node | BoundValue;
  /** Of the target, for errors of types that do not fit. */
  readonly location: number;
}

/** A value that is bound already. */
export interface BoundValue {
  readonly bound: BoundExpr;
}

/** The column's new value when a part of it is assigned (PostgreSQL transformAssignmentIndirection). */
export function assignPart(
  block: Block,
  column: string,
  current: BoundExpr,
  steps: readonly Node[],
  value: Node | BoundValue,
  location: number,
): BoundExpr {
  if ('SetToDefault' in value) {
    throw block.binding.error(
      SqlState.featureNotSupported,
      'cannot set an array element to DEFAULT',
      -1,
    );
  }
  return assign({block, column, steps, value, location}, current, 0);
}

function assign(place: Place, current: BoundExpr, at: number): BoundExpr {
  const step = place.steps[at]!;
  if ('A_Indices' in step) return assignSubscripts(place, current, at);
  const name = stringOf(step);
  if (name === '') throw featureNotSupported('assignment to * is not supported');
  return assignField(place, current, at, name);
}

function baseType(type: TypeInstance): TypeInstance {
  let base = type;
  while (base.base !== null) base = base.base;
  return base;
}

function assignSubscripts(place: Place, current: BoundExpr, at: number): BoundExpr {
  const {block, steps} = place;
  const {binding} = block;
  const indices: A_Indices[] = [];
  let end = at;
  for (; end < steps.length; end++) {
    const step = steps[end]!;
    if (!('A_Indices' in step)) break;
    indices.push(step.A_Indices);
  }
  const base = baseType(current.type);
  if (base.oid === TypeOid.jsonb) return assignJsonb(place, current, indices, end);
  if (FIXED.has(base.oid)) return assignFixed(place, current, indices, end);
  if (base.element === null || base.category !== 'A') {
    throw binding.error(
      SqlState.datatypeMismatch,
      `cannot subscript type ${errorType(current.type)} because it does not support subscripting`,
      -1,
    );
  }
  const isSlice = indices.some(part => part.is_slice === true);
  const int4 = binding.type(TypeOid.int4);
  const bound = (node: Node | undefined): BoundExpr =>
    node === undefined ? binding.constant(int4, null) : subscript(block, node);
  const bounds = indices.flatMap(part => {
    const upper = bound(part.uidx);
    if (isSlice && part.is_slice !== true) return [binding.constant(int4, 1), upper];
    return [bound(part.lidx), upper];
  });
  if (end < steps.length) {
    throw featureNotSupported('assignment to a field of an array element is not supported');
  }
  const value = assignedValue(place, isSlice ? base : base.element, current.typmod);
  const given = indices
    .flatMap(part => [part.is_slice === true ? part.lidx : part.uidx, part.uidx])
    .map(node => (node === undefined ? 'o' : 'g'));
  const flag = binding.constant(binding.type(TypeOid.text), isSlice ? given.join('') : '');
  return coerce(
    binding,
    internalCall('wadi_array_assign', [current, value, flag, ...bounds], base),
    current.type,
    {context: 'explicit'},
  );
}

function subscript(block: Block, node: Node): BoundExpr {
  const {binding} = block;
  const given = block.expr(node);
  const expr = tryCoerce(binding, given, binding.type(TypeOid.int4), {context: 'assignment'});
  if (expr !== null) return expr;
  throw binding.error(
    SqlState.datatypeMismatch,
    'array subscript must have type integer',
    given.location,
  );
}

/** Types of fixed length whose parts have numbers: name, point, lseg, box, line. */
const FIXED: ReadonlySet<number> = new Set([19, 600, 601, 603, 628]);

/** p[0] = x of a point, name and their kin: from 0, within what is there; a NULL on either side changes nothing. */
function assignFixed(
  place: Place,
  current: BoundExpr,
  indices: readonly A_Indices[],
  end: number,
): BoundExpr {
  const {block, steps} = place;
  const base = baseType(current.type);
  const isSlice = indices.some(part => part.is_slice === true);
  const subscripts = indices.map(part => subscript(block, part.uidx ?? part.lidx!));
  if (end < steps.length)
    throw featureNotSupported('assignment to a field of an array element is not supported');
  const value = assignedValue(place, isSlice ? base : base.element!, -1);
  if (isSlice)
    throw featureNotSupported('updates on slices of fixed-length arrays not implemented');
  const source = base.oid === TypeOid.name ? 'wadi_name_assign' : 'wadi_geometry_assign';
  const made = internalCall(source, [current, value, ...subscripts], base);
  return coerce(block.binding, made, current.type, {context: 'explicit'});
}

function assignedValue(
  place: Place,
  type: TypeInstance,
  typmod: number,
  field: string | null = null,
): BoundExpr {
  const {block, column, value} = place;
  const {binding} = block;
  const expr = 'bound' in value ? value.bound : block.expr(value);
  const converted = tryCoerce(binding, expr, type, {
    context: 'assignment',
    typmod,
    location: expr.location,
  });
  if (converted !== null) return converted;
  const given = errorType(expr.type);
  throw binding.error(
    SqlState.datatypeMismatch,
    field === null
      ? `subscripted assignment to "${column}" requires type ${errorType(type)} but expression is of type ${given}`
      : `subfield "${field}" is of type ${errorType(type)} but expression is of type ${given}`,
    place.location,
    {hint: 'You will need to rewrite or cast the expression.'},
  );
}

function assignJsonb(
  place: Place,
  current: BoundExpr,
  indices: readonly A_Indices[],
  end: number,
): BoundExpr {
  const {block, steps} = place;
  const {binding} = block;
  if (end < steps.length || indices.some(part => part.is_slice === true)) {
    throw binding.error(SqlState.datatypeMismatch, 'jsonb subscript does not support slices', -1);
  }
  let isArray = false;
  const keys = indices.map((part, index) => {
    const expr = block.expr(part.uidx!);
    if (index === 0) isArray = baseType(expr.type).category === 'N';
    return jsonbKey(binding, expr);
  });
  const value = assignedValue(place, binding.type(TypeOid.jsonb), -1);
  const flag = binding.constant(binding.type(TypeOid.bool), isArray);
  return internalCall(
    'wadi_jsonb_assign',
    [current, value, flag, ...keys],
    binding.type(TypeOid.jsonb),
  );
}

function assignField(place: Place, current: BoundExpr, at: number, name: string): BoundExpr {
  const {block, column, steps} = place;
  const {binding} = block;
  const columns = compositeColumns(binding, current.type);
  if (columns === null) {
    throw binding.error(
      SqlState.datatypeMismatch,
      `cannot assign to field "${name}" of column "${column}" because its type ${errorType(current.type)} is not a composite type`,
      -1,
    );
  }
  if (!columns.some(each => each.name === name)) {
    throw binding.error(
      SqlState.undefinedColumn,
      `cannot assign to field "${name}" of column "${column}" because there is no such column in data type ${errorType(current.type)}`,
      -1,
    );
  }
  const fields = columns.map((each, index): BoundExpr => {
    const field: BoundExpr = {
      ...{kind: 'field', type: each.type, typmod: each.typmod, location: -1},
      ...{arg: current, index},
    };
    if (each.name !== name) return field;
    return at + 1 < steps.length
      ? assign(place, field, at + 1)
      : assignedValue(place, each.type, each.typmod, name);
  });
  const row: BoundExpr = {
    ...{kind: 'row', type: baseType(current.type), typmod: -1, location: -1},
    fields,
  };
  return coerce(place.block.binding, row, current.type, {context: 'explicit'});
}

/** A call of a function that has no SQL name. */
