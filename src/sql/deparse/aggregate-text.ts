import type {FuncCall, SelectStmt, WindowDef} from '@pgsql/types';
import {quoteIdentifier} from '../../catalog/quote.ts';
import {featureNotSupported} from '../../common/errors.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {Block, BoundWindow} from '../bind/block.ts';
import type {AggregateCall, WindowFrame} from '../plan/plan.ts';
import type {QueryWriter} from './query-writer.ts';

/** An aggregate, window or set-returning call that binding made a column of. */
export function printAggregate(printer: QueryWriter, column: number, node: FuncCall): void {
  for (let level: Block | null = printer.block; level !== null; level = level.parent) {
    const aggregate = level.aggregates.find(each => each.column.id === column);
    if (aggregate !== undefined) return aggregateCall(printer, aggregate.call, node);
    for (const window of level.windows) {
      const found = window.calls.find(each => each.column.id === column);
      if (found === undefined) continue;
      functionCall(printer, found.call.function, found.call.name, found.call.args, node);
      if (found.call.filter !== null) filter(printer, found.call.filter);
      printer.out.append(' OVER ');
      if (node.over?.name !== undefined) return printer.out.append(quoteIdentifier(node.over.name));
      return windowSpec(printer, window, node.over ?? {});
    }
    const set = level.setCalls.find(
      each => each.call.columns.length === 1 && each.call.columns[0]!.id === column,
    );
    if (set !== undefined)
      return printer.exprs.functionCall(
        set.call.call.function,
        set.call.call.name,
        set.call.call.args,
      );
  }
  throw featureNotSupported('this query cannot be printed');
}

function functionCall(
  printer: QueryWriter,
  fn: AggregateCall['function'],
  name: string,
  args: readonly BoundExpr[],
  node: FuncCall,
): void {
  if (node.agg_star === true) printer.out.append(`${printer.exprs.functionName(fn, name)}(*)`);
  else printer.exprs.functionCall(fn, name, args);
}

function filter(printer: QueryWriter, condition: BoundExpr): void {
  printer.out.append(' FILTER (WHERE ');
  printer.expr(condition, false);
  printer.out.append(')');
}

function aggregateCall(printer: QueryWriter, call: AggregateCall, node: FuncCall): void {
  const {out} = printer;
  if (call.kind !== 'n') {
    printer.list(
      `${printer.exprs.functionName(call.function, call.name)}(`,
      call.args.slice(0, call.directArgCount),
      ') WITHIN GROUP (ORDER BY ',
    );
    keys(printer, call.orderBy);
    out.append(')');
  } else if (call.orderBy.length > 0) {
    printer.list(
      `${printer.exprs.functionName(call.function, call.name)}(${call.isDistinct ? 'DISTINCT ' : ''}`,
      call.args,
      ' ORDER BY ',
    );
    keys(printer, call.orderBy);
    out.append(')');
  } else if (call.isDistinct) {
    printer.exprs.functionCall(call.function, call.name, call.args, 'DISTINCT ');
  } else functionCall(printer, call.function, call.name, call.args, node);
  if (call.filter !== null) filter(printer, call.filter);
}

function keys(printer: QueryWriter, order: AggregateCall['orderBy']): void {
  order.forEach((key, at) => {
    if (at > 0) printer.out.append(', ');
    printer.sortKey(key);
  });
}

const NON_DEFAULT = 0x1;
const BETWEEN = 0x10;

function windowSpec(printer: QueryWriter, window: BoundWindow, definition: WindowDef): void {
  const parts: (() => void)[] = [];
  if (window.partitionBy.length > 0) {
    parts.push(() => {
      printer.out.append('PARTITION BY ');
      window.partitionBy.forEach((expr, at) => {
        if (at > 0) printer.out.append(', ');
        printer.sortExpr(expr);
      });
    });
  }
  if (window.orderBy.length > 0) {
    parts.push(() => {
      printer.out.append('ORDER BY ');
      keys(printer, window.orderBy);
    });
  }
  const options = definition.frameOptions ?? 0;
  if ((options & NON_DEFAULT) !== 0)
    parts.push(() => frame(printer, window.frame, (options & BETWEEN) !== 0));
  printer.out.append('(');
  parts.forEach((part, at) => {
    if (at > 0) printer.out.append(' ');
    part();
  });
  printer.out.append(')');
}

function frame(printer: QueryWriter, spec: WindowFrame, isBetween: boolean): void {
  const {out} = printer;
  out.append(`${spec.mode.toUpperCase()} ${isBetween ? 'BETWEEN ' : ''}`);
  frameBound(printer, spec.start);
  if (isBetween) {
    out.append(' AND ');
    frameBound(printer, spec.end);
  }
  if (spec.exclude === 'currentRow') out.append(' EXCLUDE CURRENT ROW');
  else if (spec.exclude === 'group') out.append(' EXCLUDE GROUP');
  else if (spec.exclude === 'ties') out.append(' EXCLUDE TIES');
}

function frameBound(printer: QueryWriter, bound: WindowFrame['start'] | WindowFrame['end']): void {
  switch (bound.kind) {
    case 'unboundedPreceding':
      return printer.out.append('UNBOUNDED PRECEDING');
    case 'unboundedFollowing':
      return printer.out.append('UNBOUNDED FOLLOWING');
    case 'currentRow':
      return printer.out.append('CURRENT ROW');
    default:
      printer.expr(bound.offset!, false);
      printer.out.append(bound.kind === 'preceding' ? ' PRECEDING' : ' FOLLOWING');
  }
}

/** WINDOW name AS (...), for the windows that calls use by name. */
export function printWindowClause(printer: QueryWriter, statement: SelectStmt): void {
  let isFirst = true;
  for (const node of statement.windowClause ?? []) {
    if (!('WindowDef' in node)) continue;
    const name = node.WindowDef.name ?? '';
    const window = printer.trace.windowNamed(printer.block, name);
    if (window === null) continue;
    if (isFirst) printer.clause(' WINDOW ', 1);
    else printer.out.append(', ');
    isFirst = false;
    printer.out.append(`${quoteIdentifier(name)} AS `);
    windowSpec(printer, window, node.WindowDef);
  }
}
