import type {FuncCall, Node, RangeFunction} from '@pgsql/types';
import {featureNotSupported} from '../../common/errors.ts';
import type {FunctionRow} from '../../catalog/contract.ts';
import {oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {Binding} from './binding.ts';
import {baseType} from './coercion-path.ts';
import {columnName} from './column-name.ts';
import {namesOf} from './ast.ts';
import {applySubqueries, type Block, type RangeItem, type ScopeColumn} from './block.ts';
import {matchFunction, type ResolvedCall, resolveCall} from './call-resolution.ts';
import {checkedParts, coerce, hasDomains} from './coerce.ts';
import {bindBody} from './function-body.ts';
import {checkStrictSubquery, strictArguments, strictRows} from './strict-body.ts';
import {jsonRecord} from './json-record.ts';
import type {BoundQuery, LogicalColumn, LogicalNode, LogicalSetCall} from './logical.ts';
import {renameColumns} from './relations.ts';
import {rowsFrom} from './rows-from.ts';
import {runsInSession, sessionSetCall} from './session-function.ts';
import {type ResultField, resultFields, setFunction} from './set-call.ts';
import {resolveTypeName} from './type-name.ts';
import {TypeOid} from './type-oids.ts';

interface BoundFunction {
  readonly call: LogicalSetCall;
  /** One scalar column. */
  readonly isScalar: boolean;
  readonly name: string;
  /** Name of the lone OUT parameter, which names the column. */
  readonly outName: string | null;
  /** A LANGUAGE sql function: its query takes the place of the call. */
  readonly query: BoundQuery | null;
}

/** Function(s) in FROM: f(x), ROWS FROM (...), WITH ORDINALITY, column definition lists. */
export function bindRangeFunction(
  block: Block,
  node: RangeFunction,
  left: readonly RangeItem[],
): {readonly node: LogicalNode; readonly items: readonly RangeItem[]} {
  const binding = block.binding;
  const view = block.lateralView(left);
  const parts = (node.functions ?? []).flatMap(item => spreadUnnest(item));
  const functions = view.within('functions in FROM', () =>
    parts.map(({call, definitions}) =>
      bindFunction(view, call, definitions.length > 0 ? definitions : (node.coldeflist ?? [])),
    ),
  );
  binding.trace?.functions(
    node,
    functions.map(item => item.call.call),
  );
  const ordinality =
    node.ordinality === true
      ? binding.newColumn('ordinality', binding.type(TypeOid.int8), -1)
      : null;
  const alias = node.alias?.aliasname ?? functions[0]?.name ?? '';
  const subqueries = view.takeSubqueries();
  const first = functions[0]!;
  const isScalar = functions.length === 1 && first.isScalar;
  const item = (columns: readonly LogicalColumn[]): RangeItem =>
    itemOf(block, node, alias, columns, isScalar, first.outName);
  if (functions.some(each => each.query !== null)) {
    if (functions.length === 1 && ordinality === null)
      return {node: applied(first.query!.node, subqueries), items: [item(first.query!.columns)]};
    const rows = rowsFrom(binding, functions, ordinality);
    return {node: applied(rows.node, subqueries), items: [item(rows.columns)]};
  }
  const scan: LogicalNode = {
    kind: 'functionScan',
    alias,
    functions: functions.map(item => item.call),
    ordinality,
  };
  const columns = [
    ...functions.flatMap(item => item.call.columns),
    ...(ordinality === null ? [] : [ordinality]),
  ];
  return {node: applied(scan, subqueries), items: [item(columns)]};
}

function applied(
  node: LogicalNode,
  subqueries: Parameters<typeof applySubqueries>[1],
): LogicalNode {
  if (subqueries.length === 0) return node;
  const left = applySubqueries({kind: 'values', rows: [[]], columns: []}, subqueries);
  return {kind: 'join', joinType: 'inner', left, right: node, on: [], isNullAware: false};
}

function itemOf(
  block: Block,
  node: RangeFunction,
  alias: string,
  columns: readonly LogicalColumn[],
  isScalar: boolean,
  outName: string | null,
): RangeItem {
  let scope = columns.map(
    (column): ScopeColumn => ({...column, tableOid: oid(0), attnum: 0, use: null}),
  );
  if (isScalar && node.alias !== undefined && scope[0] !== undefined && outName === null)
    scope[0] = {...scope[0], name: alias};
  scope = renameColumns(block.binding, alias, scope, namesOf(node.alias?.colnames), -1);
  return {
    alias,
    schema: oid(0),
    columns: scope,
    scan: null,
    rowType: null,
    use: null,
    isNamed: true,
    showsColumns: true,
    isTarget: false,
    isScalarFunction: isScalar,
    nullable: null,
    outOfReach: null,
    unlockable: 'a function',
  };
}

interface FunctionPart {
  readonly call: Node;
  readonly definitions: readonly Node[];
}

/** unnest(a, b) in FROM is ROWS FROM (unnest(a), unnest(b)). */
function spreadUnnest(item: Node): FunctionPart[] {
  if (!('List' in item)) return [{call: item, definitions: []}];
  const [call, definitions] = item.List.items ?? [];
  const defs =
    definitions !== undefined && 'List' in definitions ? (definitions.List.items ?? []) : [];
  if (
    call !== undefined &&
    'FuncCall' in call &&
    namesOf(call.FuncCall.funcname).at(-1) === 'unnest' &&
    (call.FuncCall.args?.length ?? 0) > 1
  ) {
    return (call.FuncCall.args ?? []).map(arg => ({
      call: {FuncCall: {...call.FuncCall, args: [arg]}},
      definitions: [],
    }));
  }
  return [{call: call!, definitions: defs}];
}

function bindFunction(view: Block, node: Node, definitions: readonly Node[]): BoundFunction {
  const binding = view.binding;
  if (!('FuncCall' in node))
    return scalarInFrom(view, view.expr(node), columnName(node), definitions, null);
  const call: FuncCall = node.FuncCall;
  const args = (call.args ?? []).map(arg =>
    view.expr('NamedArgExpr' in arg ? arg.NamedArgExpr.arg! : arg),
  );
  const match = matchFunction(binding, call, args);
  const name = namesOf(call.funcname).at(-1) ?? '';
  if (match === null || match === 'ambiguous' || match.row.kind !== 'f')
    return scalarInFrom(view, view.expr(node), name, definitions, null);
  const resolved = resolveCall(
    binding,
    match,
    args,
    call.location ?? -1,
    call.func_variadic === true,
  );
  if (definitions.length > 0) checkDefinitions(binding, resolved, definitions);
  const fields = definedFields(view, definitions) ?? resultFields(binding, resolved);
  if (fields === null && resolved.type.oid === TypeOid.record) {
    throw binding.error(
      SqlState.syntaxError,
      'a column definition list is required for functions returning "record"',
      call.location ?? -1,
    );
  }
  const record =
    definitions.length > 0 && fields !== null && binding.trace === null
      ? jsonRecord(view, resolved, fields)
      : null;
  if (record !== null) {
    return {call: noCall(name), isScalar: false, name, outName: null, query: record};
  }
  const isSql = match.row.sqlBody !== null && match.row.returnsSet && binding.trace === null;
  const isRun = isSql && runsInSession(binding, match.row);
  if (isSql && !isRun) return sqlFunction(view, resolved, fields, name);
  const isDefinedRow =
    definitions.length > 0 && /^jsonb?_(populate|to)_record$/.test(match.row.source);
  if (!match.row.returnsSet && !isDefinedRow)
    return scalarInFrom(view, view.expr(node), name, definitions, fields);
  const set = isRun
    ? sessionSetCall(binding, resolved, fields)
    : setFunction(binding, resolved, fields, call.location ?? -1);
  const outName = fields === null ? loneOutName(match.row) : null;
  const columns = set.columns.map(column =>
    binding.newColumn(outName ?? column.name, column.type, column.typmod),
  );
  const checked = checkedRows(binding, resolved, {call: set, columns}, name);
  if (checked !== null)
    return {call: noCall(name), isScalar: fields === null, name, outName, query: checked};
  return {call: {call: set, columns}, isScalar: fields === null, name, outName, query: null};
}

/** The rows of json_populate_recordset and its kin with what is in domains checked; null when nothing is. */
function checkedRows(
  binding: Binding,
  {row, type}: ResolvedCall,
  call: LogicalSetCall,
  name: string,
): BoundQuery | null {
  if (!/^jsonb?_(populate|to)_record(set)?$/.test(row.source) || binding.trace !== null)
    return null;
  const input: LogicalNode = {
    kind: 'functionScan',
    alias: name,
    functions: [call],
    ordinality: null,
  };
  if (type.kind === 'd' && baseType(type).kind === 'c')
    return domainRows(binding, type, call, input);
  const outputs = call.columns.map(column => {
    const expr = binding.columnExpr(column);
    return {
      column: binding.newColumn(column.name, column.type, column.typmod),
      expr: checkedParts(binding, expr, column.type, -1),
      isPlain: !hasDomains(binding, column.type),
    };
  });
  if (outputs.every(output => output.isPlain)) return null;
  return {
    node: {kind: 'compute', input, outputs: outputs.map(({column, expr}) => ({column, expr}))},
    columns: outputs.map(({column}) => ({...column, tableOid: oid(0), attnum: 0})),
  };
}

/** Rows of a domain over a composite type: each is checked as a whole, then taken apart. */
function domainRows(
  binding: Binding,
  type: TypeInstance,
  call: LogicalSetCall,
  input: LogicalNode,
): BoundQuery {
  const plain = {typmod: -1, location: -1};
  const fields = call.columns.map(column => binding.columnExpr(column));
  const row: BoundExpr = {kind: 'row', ...plain, type: baseType(type), fields};
  const whole = binding.newColumn('row', type, -1);
  const checked: LogicalNode = {
    kind: 'compute',
    input,
    outputs: [{column: whole, expr: checkedParts(binding, row, type, -1)}],
  };
  const outputs = call.columns.map((column, index) => ({
    column: binding.newColumn(column.name, column.type, column.typmod),
    expr: {
      kind: 'field',
      type: column.type,
      typmod: column.typmod,
      location: -1,
      arg: binding.columnExpr(whole),
      index,
    } as const,
  }));
  return {
    node: {kind: 'compute', input: checked, outputs},
    columns: outputs.map(({column}) => ({...column, tableOid: oid(0), attnum: 0})),
  };
}

/** 42601 for a column definition list of a function whose result is known without it. */
function checkDefinitions(
  binding: Binding,
  call: ResolvedCall,
  definitions: readonly Node[],
): void {
  const outs = [...call.row.argModes].filter(mode => 'obt'.includes(mode)).length;
  if (call.type.oid === TypeOid.record && outs === 0) return;
  const [first] = definitions;
  const location = first !== undefined && 'ColumnDef' in first ? first.ColumnDef.location : -1;
  const message =
    call.type.oid === TypeOid.record
      ? 'a column definition list is redundant for a function with OUT parameters'
      : baseType(call.type).kind === 'c'
        ? 'a column definition list is redundant for a function returning a named composite type'
        : 'a column definition list is only allowed for functions returning "record"';
  throw binding.error(SqlState.syntaxError, message, location ?? -1);
}

function loneOutName(row: FunctionRow): string | null {
  const outs = row.argNames.filter((_name, index) => 'obt'.includes(row.argModes[index] ?? 'i'));
  return outs.length === 1 && outs[0] !== '' ? outs[0]! : null;
}

function definedFields(view: Block, definitions: readonly Node[]): ResultField[] | null {
  if (definitions.length === 0) return null;
  return definitions.map(definition => {
    if (!('ColumnDef' in definition))
      throw featureNotSupported('this column definition is not supported');
    const {type, typmod} = resolveTypeName(definition.ColumnDef.typeName!, view.binding);
    return {name: definition.ColumnDef.colname ?? '', type, typmod};
  });
}

/** An ordinary function or expression in FROM: one row. */
function scalarInFrom(
  view: Block,
  expr: BoundExpr,
  name: string,
  definitions: readonly Node[],
  known: readonly ResultField[] | null,
): BoundFunction {
  const binding = view.binding;
  const fields = definedFields(view, definitions) ?? known;
  const call = {
    function: expr.kind === 'call' ? expr.function : oid(0),
    source: expr.kind === 'call' ? expr.source : '',
    name,
    isStrict: false,
    args: [],
    columns: fields ?? [{name, type: expr.type, typmod: expr.typmod}],
    returnsRow: fields !== null,
    expr,
  };
  const columns = call.columns.map(column =>
    binding.newColumn(column.name, column.type, column.typmod),
  );
  return {call: {call, columns}, isScalar: fields === null, name, outName: null, query: null};
}

function sqlFunction(
  view: Block,
  resolved: ResolvedCall,
  fields: readonly ResultField[] | null,
  name: string,
): BoundFunction {
  const binding = view.binding;
  return binding.withoutPositions(() => {
    const body = bindBody(view, resolved);
    const wanted = fields ?? [{name, type: resolved.type, typmod: -1}];
    if (wanted.length !== body.columns.length)
      throw featureNotSupported(
        `SQL function ${name} whose body returns rows of another shape is not supported`,
      );
    // A STRICT function without SETOF still gives its one row.
    const isSet = resolved.row.returnsSet;
    const input = isSet ? strictRows(binding, resolved, body.node) : body.node;
    if (!isSet) checkStrictSubquery(resolved);
    const strict = isSet ? null : strictArguments(binding, resolved);
    const outputs = wanted.map((field, index) => {
      const expr = coerce(binding, binding.columnExpr(body.columns[index]!), field.type, {
        context: 'assignment',
      });
      const kept = strict === null ? expr : strict.wrap(expr);
      return {column: binding.newColumn(field.name, field.type, field.typmod), expr: kept};
    });
    const query: BoundQuery = {
      node: {kind: 'compute', input, outputs},
      columns: outputs.map(({column}) => ({...column, tableOid: oid(0), attnum: 0})),
    };
    return {call: noCall(name), isScalar: fields === null, name, outName: null, query};
  });
}

/** Stands where a query takes the place of a call. */
function noCall(name: string): LogicalSetCall {
  const call = {
    function: oid(0),
    source: '',
    name,
    isStrict: false,
    args: [],
    columns: [],
    returnsRow: false,
    expr: null,
  };
  return {columns: [], call};
}
