import type {FuncCall, WindowDef} from '@pgsql/types';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {SortKey, WindowCall, WindowFrame} from '../plan/plan.ts';
import {namesOf} from './ast.ts';
import {type Binding, isUnknown} from './binding.ts';
import type {Block, BoundWindow} from './block.ts';
import {requireCode} from './calls.ts';
import {coerce, coerceBoolean} from './coerce.ts';
import {rejectClause} from './expr-aggregate.ts';
import {baseType, canCoerce} from './coercion-path.ts';
import {errorType} from './display-type.ts';
import {matchFunction, resolveCall, undefinedFunction} from './call-resolution.ts';
import {sameExpr} from './expr-equal.ts';
import {mapChildren} from './expr-map.ts';
import type {SubqueryExpr} from './logical.ts';
import {bindSortKeys} from './sort-keys.ts';
import {TypeOid} from './type-oids.ts';
import {aggregateFacts, bindUserAggregate} from './user-aggregate.ts';

/** Binds a call with OVER (PostgreSQL transformWindowFuncCall). */
export function bindWindowCall(
  block: Block,
  node: FuncCall,
  bindArgs: () => BoundExpr[],
): BoundExpr {
  const binding = block.binding;
  const location = node.location ?? -1;
  const name = namesOf(node.funcname).join('.');
  if (block.isInWindow)
    throw binding.error(
      SqlState.windowingError,
      'window function calls cannot be nested',
      location,
    );
  if (block.isInAggregate)
    throw binding.error(
      SqlState.groupingError,
      'aggregate function calls cannot contain window function calls',
      location,
    );
  rejectClause(binding, block.clause, 'window functions', SqlState.windowingError, location);
  block.isInWindow = true;
  const args = bindArgs();
  const filter =
    node.agg_filter === undefined
      ? null
      : coerceBoolean(binding, block.expr(node.agg_filter), 'FILTER');
  block.isInWindow = false;
  const match = matchFunction(binding, node, args);
  if (match === null || match === 'ambiguous')
    throw undefinedFunction(binding, node, args, match === 'ambiguous');
  const {row} = match;
  if (row.kind !== 'w' && row.kind !== 'a') {
    throw binding.error(
      SqlState.wrongObjectType,
      `OVER specified, but ${name} is not a window function nor an aggregate function`,
      location,
    );
  }
  if (row.kind === 'a' && args.length === 0 && node.agg_star !== true)
    throw binding.error(
      SqlState.wrongObjectType,
      `${name}(*) must be used to call a parameterless aggregate function`,
      location,
    );
  if (node.agg_distinct === true)
    throw binding.error(
      SqlState.featureNotSupported,
      'DISTINCT is not implemented for window functions',
      location,
    );
  if (node.agg_order !== undefined && node.agg_order.length > 0) {
    throw binding.error(
      SqlState.featureNotSupported,
      'aggregate ORDER BY is not implemented for window functions',
      location,
    );
  }
  if (row.kind === 'w' && filter !== null) {
    throw binding.error(
      SqlState.featureNotSupported,
      'FILTER is not implemented for non-aggregate window functions',
      location,
    );
  }
  const facts = row.kind === 'a' ? aggregateFacts(binding, row.oid) : null;
  if (row.kind === 'a' && facts === null)
    requireCode(binding, {...row, source: row.name}, 'aggregate', location);
  const resolved = resolveCall(binding, match, args, location);
  const window = bindWindow(block, node.over!);
  const call: WindowCall = {
    function: row.oid,
    source: row.kind === 'a' ? (facts === null ? row.name : '') : row.source,
    name: row.name,
    type: resolved.type,
    isAggregate: row.kind === 'a',
    ...(facts === null ? {} : {user: bindUserAggregate(binding, row, facts, resolved.args)}),
    args: resolved.args,
    filter,
  };
  const column = binding.newColumn(row.name, resolved.type, -1);
  binding.owners.set(column.id, block.real);
  window.calls.push({column, call});
  return binding.columnExpr(column, location);
}

interface WindowParts {
  readonly partitionBy: readonly BoundExpr[];
  readonly orderBy: readonly SortKey[];
  readonly frame: WindowFrame;
  /** Subqueries of the frame's offsets. */
  readonly offsets: readonly SubqueryExpr[];
}

/** The window of an OVER clause; equal windows are one. */
function bindWindow(block: Block, definition: WindowDef): BoundWindow {
  const parts = windowParts(block, definition, new Set());
  const pin = (constant: Parameters<Binding['literals']['pin']>[0]): void =>
    block.binding.literals.pin(constant);
  const known = block.windows.find(window => sameWindow(window, parts, pin));
  if (known !== undefined) return known;
  const made: BoundWindow = {...parts, calls: []};
  block.windows.push(made);
  return made;
}

function sameWindow(
  left: WindowParts,
  right: WindowParts,
  pin: Parameters<typeof sameExpr>[2],
): boolean {
  return (
    left.partitionBy.length === right.partitionBy.length &&
    left.orderBy.length === right.orderBy.length &&
    left.partitionBy.every((expr, index) => sameExpr(expr, right.partitionBy[index]!, pin)) &&
    left.orderBy.every((key, index) => {
      const other = right.orderBy[index]!;
      return (
        key.descending === other.descending &&
        key.nullsFirst === other.nullsFirst &&
        sameExpr(key.expr, other.expr, pin)
      );
    }) &&
    sameFrame(left.frame, right.frame, pin)
  );
}

function sameFrame(
  left: WindowFrame,
  right: WindowFrame,
  pin: Parameters<typeof sameExpr>[2],
): boolean {
  const sameBound = (
    a: {kind: string; offset: BoundExpr | null},
    b: {kind: string; offset: BoundExpr | null},
  ): boolean =>
    a.kind === b.kind &&
    (a.offset === null
      ? b.offset === null
      : b.offset !== null && sameExpr(a.offset, b.offset, pin));
  return (
    left.mode === right.mode &&
    left.exclude === right.exclude &&
    sameBound(left.start, right.start) &&
    sameBound(left.end, right.end)
  );
}

function windowParts(block: Block, definition: WindowDef, seen: Set<string>): WindowParts {
  const binding = block.binding;
  const location = definition.location ?? -1;
  const baseName = definition.name ?? definition.refname;
  const base = baseName === undefined ? null : namedParts(block, baseName, seen, location);
  if (definition.name !== undefined && base !== null) return base;
  const hasOwnOrder = (definition.orderClause ?? []).length > 0;
  if (base !== null && (definition.partitionClause ?? []).length > 0) {
    throw binding.error(
      SqlState.windowingError,
      `cannot override PARTITION BY clause of window "${baseName}"`,
      location,
    );
  }
  if (base !== null && hasOwnOrder && base.orderBy.length > 0) {
    throw binding.error(
      SqlState.windowingError,
      `cannot override ORDER BY clause of window "${baseName}"`,
      location,
    );
  }
  return block.within('window definitions', () => {
    const partitionBy =
      base?.partitionBy ?? (definition.partitionClause ?? []).map(node => block.expr(node));
    const orderBy =
      base !== null && base.orderBy.length > 0
        ? base.orderBy
        : bindSortKeys(block, definition.orderClause ?? []);
    const before = block.subqueries.length;
    const frame = bindFrame(block, definition, orderBy);
    return {partitionBy, orderBy, frame, offsets: block.subqueries.splice(before)};
  });
}

function namedParts(block: Block, name: string, seen: Set<string>, location: number): WindowParts {
  const definition = block.namedWindows.get(name);
  if (definition === undefined || seen.has(name)) {
    throw block.binding.error(
      SqlState.undefinedObject,
      `window "${name}" does not exist`,
      location,
    );
  }
  seen.add(name);
  const {name: _own, ...rest} = definition;
  return windowParts(block, rest, seen);
}

const FrameOption = {
  range: 0x2,
  rows: 0x4,
  groups: 0x8,
  startUnboundedPreceding: 0x20,
  endUnboundedPreceding: 0x40,
  startUnboundedFollowing: 0x80,
  endUnboundedFollowing: 0x100,
  startCurrentRow: 0x200,
  endCurrentRow: 0x400,
  startOffsetPreceding: 0x800,
  endOffsetPreceding: 0x1000,
  startOffsetFollowing: 0x2000,
  endOffsetFollowing: 0x4000,
  excludeCurrentRow: 0x8000,
  excludeGroup: 0x10000,
  excludeTies: 0x20000,
} as const;

function bindFrame(block: Block, definition: WindowDef, orderBy: readonly SortKey[]): WindowFrame {
  const options = definition.frameOptions ?? 0;
  const has = (flag: keyof typeof FrameOption): boolean => (options & FrameOption[flag]) !== 0;
  const mode = has('rows') ? 'rows' : has('groups') ? 'groups' : 'range';
  const offset = (node: WindowDef['startOffset']): BoundExpr =>
    frameOffset(block, node!, mode, orderBy, definition.location ?? -1);
  const start: WindowFrame['start'] = has('startOffsetPreceding')
    ? {kind: 'preceding', offset: offset(definition.startOffset)}
    : has('startOffsetFollowing')
      ? {kind: 'following', offset: offset(definition.startOffset)}
      : {kind: has('startCurrentRow') ? 'currentRow' : 'unboundedPreceding', offset: null};
  const end: WindowFrame['end'] = has('endOffsetPreceding')
    ? {kind: 'preceding', offset: offset(definition.endOffset)}
    : has('endOffsetFollowing')
      ? {kind: 'following', offset: offset(definition.endOffset)}
      : {kind: has('endUnboundedFollowing') ? 'unboundedFollowing' : 'currentRow', offset: null};
  const exclude = has('excludeCurrentRow')
    ? 'currentRow'
    : has('excludeGroup')
      ? 'group'
      : has('excludeTies')
        ? 'ties'
        : 'noOthers';
  if (mode === 'groups' && orderBy.length === 0) {
    throw block.binding.error(
      SqlState.windowingError,
      'GROUPS mode requires an ORDER BY clause',
      definition.location ?? -1,
    );
  }
  return {mode, start, end, exclude};
}

function frameOffset(
  block: Block,
  node: NonNullable<WindowDef['startOffset']>,
  mode: WindowFrame['mode'],
  orderBy: readonly SortKey[],
  location: number,
): BoundExpr {
  const binding = block.binding;
  const expr = block.expr(node);
  checkNoVariables(block, expr, mode);
  if (mode !== 'range')
    return coerce(binding, expr, binding.type(TypeOid.int8), {context: 'assignment'});
  const key = orderBy[0]?.expr;
  if (orderBy.length !== 1 || key === undefined) {
    throw binding.error(
      SqlState.windowingError,
      'RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column',
      location,
    );
  }
  return coerce(binding, expr, rangeOffsetType(binding, key.type, expr), {context: 'implicit'});
}

/** Types that an offset of RANGE may have, by the sort key's type: PostgreSQL's in_range functions. */
const rangeOffsets: Readonly<Record<string, readonly (keyof typeof TypeOid)[]>> = {
  int2: ['int2', 'int4', 'int8'],
  int4: ['int2', 'int4', 'int8'],
  int8: ['int8'],
  float4: ['float8'],
  float8: ['float8'],
  numeric: ['numeric'],
  date: ['interval'],
  timestamp: ['interval'],
  timestamptz: ['interval'],
  time: ['interval'],
  timetz: ['interval'],
  interval: ['interval'],
};

/** The type that an offset of RANGE becomes (PostgreSQL transformFrameOffsetClause). */
function rangeOffsetType(binding: Binding, keyType: TypeInstance, expr: BoundExpr): TypeInstance {
  const key = baseType(keyType);
  const what = 'RANGE with offset PRECEDING/FOLLOWING is not supported for column type';
  const known = rangeOffsets[key.name];
  if (known === undefined) {
    const shown = key.name === 'varchar' ? 'text' : errorType(key);
    throw binding.error(SqlState.featureNotSupported, `${what} ${shown}`, expr.location);
  }
  const preferred = isUnknown(expr) ? key.oid : expr.type.oid;
  const fitting = known
    .map(name => TypeOid[name])
    .filter(type => isUnknown(expr) || canCoerce(binding, [expr.type], [type]));
  const exact = fitting.find(type => type === preferred);
  if (exact !== undefined) return binding.type(exact);
  if (fitting.length === 1) return binding.type(fitting[0]!);
  const offset = errorType(expr.type);
  if (fitting.length === 0)
    throw binding.error(
      SqlState.featureNotSupported,
      `${what} ${errorType(key)} and offset type ${offset}`,
      expr.location,
      {hint: 'Cast the offset value to an appropriate type.'},
    );
  throw binding.error(
    SqlState.featureNotSupported,
    `RANGE with offset PRECEDING/FOLLOWING has multiple interpretations for column type ${errorType(key)} and offset type ${offset}`,
    expr.location,
    {hint: 'Cast the offset value to the exact intended type.'},
  );
}

/** 42P10 for a column of this query level in a frame's offset. */
function checkNoVariables(block: Block, expr: BoundExpr, mode: WindowFrame['mode']): void {
  const check = (part: BoundExpr): BoundExpr => {
    if (part.kind !== 'column') return mapChildren(part, check);
    const isOwn = block.items.some(item => item.columns.some(column => column.id === part.index));
    if (!isOwn) return part;
    throw block.binding.error(
      SqlState.invalidColumnReference,
      `argument of ${mode.toUpperCase()} must not contain variables`,
      part.location,
    );
  };
  check(expr);
}
