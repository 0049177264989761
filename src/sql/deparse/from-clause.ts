import type {Alias, JoinExpr, Node, RangeFunction, RangeSubselect, RangeVar} from '@pgsql/types';
import {relationName} from '../../catalog/names.ts';
import {quoteIdentifier} from '../../catalog/quote.ts';
import {featureNotSupported} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {walkExpr} from '../../expr/children.ts';
import {namesOf} from '../bind/ast.ts';
import type {RangeItem, ScopeColumn} from '../bind/block.ts';
import type {SetFunctionCall} from '../plan/plan.ts';
import {nameToday} from './query-trace.ts';
import type {QueryWriter} from './query-writer.ts';

/** FROM with its items, each on a line (get_from_clause). */
export function printFrom(printer: QueryWriter, nodes: readonly Node[]): void {
  const {out} = printer;
  nodes.forEach((node, at) => {
    if (at === 0) {
      printer.clause(' FROM ', 2);
      return item(printer, node);
    }
    out.append(', ');
    const text = out.capture(() => item(printer, node));
    if (text.startsWith('\n')) out.trimSpaces();
    else printer.clause('', 4);
    out.append(text);
  });
}

function item(printer: QueryWriter, node: Node): void {
  if ('RangeVar' in node) return relation(printer, node.RangeVar);
  if ('JoinExpr' in node) return join(printer, node.JoinExpr);
  if ('RangeSubselect' in node) return subquery(printer, node.RangeSubselect);
  if ('RangeFunction' in node) return functions(printer, node.RangeFunction);
  throw featureNotSupported('this query cannot be printed');
}

function relation(printer: QueryWriter, node: RangeVar): void {
  const {out, block} = printer;
  let schema: Oid | null = null;
  let today = node.relname ?? '';
  const name = node.relname ?? '';
  const cte = node.schemaname === undefined ? block.findCte(name) : null;
  if (cte !== null) out.append(quoteIdentifier(name));
  else {
    if (node.inh !== true) out.append('ONLY ');
    const found = findRelation(printer, node);
    if (found === undefined) throw featureNotSupported('this query cannot be printed');
    schema = found.schema;
    today = printer.scope.snapshot.relationByOid(found.oid)?.name ?? name;
    out.append(relationName(printer.scope, found.oid));
  }
  const alias = node.alias?.aliasname ?? name;
  const found = itemNamed(printer, alias, cte === null && node.alias === undefined ? schema : null);
  const shown = found === undefined ? alias : printer.aliasOf(found);
  if (node.alias !== undefined || shown !== today) out.append(` ${quoteIdentifier(shown)}`);
  if (namesOf(node.alias?.colnames).length > 0) columnNames(printer, found);
}

function findRelation(printer: QueryWriter, node: RangeVar) {
  const {catalog, searchPath} = printer.context;
  const name = node.relname ?? '';
  if (node.schemaname !== undefined && node.schemaname !== '') {
    const schema = catalog.schemaByName(node.schemaname);
    return schema === undefined ? undefined : catalog.relationByName(schema.oid, name);
  }
  for (const schema of searchPath) {
    const found = catalog.relationByName(schema, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

function itemNamed(
  printer: QueryWriter,
  alias: string,
  schema: Oid | null = null,
): RangeItem | undefined {
  return printer.block.items.find(
    each => each.isNamed && each.alias === alias && (schema === null || each.schema === schema),
  );
}

function columnNames(printer: QueryWriter, found: RangeItem | undefined): void {
  if (found === undefined || found.columns.length === 0) return;
  const names = found.columns.map(column => quoteIdentifier(columnToday(printer, found, column)));
  printer.out.append(`(${names.join(', ')})`);
}

function columnToday(printer: QueryWriter, item: RangeItem, column: ScopeColumn): string {
  const {name} = column;
  const origin = item.rowType === null ? null : column;
  return nameToday({alias: '', name, origin}, printer.context.catalog, printer.scope.snapshot);
}

/** 0A000 when a column of USING has another name today: PostgreSQL gives its table a list of aliases then. */
function refuseRenamed(printer: QueryWriter, using: readonly string[]): void {
  for (const found of printer.block.items) {
    for (const column of found.columns) {
      if (!using.includes(column.name) || columnToday(printer, found, column) === column.name)
        continue;
      throw featureNotSupported(
        'renaming a column by which a view joins (USING) is not supported',
        {
          hint: 'Drop the view, rename the column and create the view again.',
        },
      );
    }
  }
}

const joinWords: Readonly<Record<string, string>> = {
  JOIN_LEFT: ' LEFT JOIN ',
  JOIN_FULL: ' FULL JOIN ',
  JOIN_RIGHT: ' RIGHT JOIN ',
};

function join(printer: QueryWriter, node: JoinExpr): void {
  const {out} = printer;
  const using = node.isNatural === true ? printer.trace.usingOf(node) : namesOf(node.usingClause);
  const hasCondition = using.length > 0 || node.quals !== undefined;
  out.append('(');
  item(printer, node.larg!);
  out.keyword(
    joinWords[node.jointype ?? ''] ?? (hasCondition ? ' JOIN ' : ' CROSS JOIN '),
    -8,
    8,
    4,
  );
  item(printer, node.rarg!);
  if (using.length > 0) {
    refuseRenamed(printer, using);
    out.append(` USING (${using.map(quoteIdentifier).join(', ')})`);
    if (node.join_using_alias !== undefined)
      out.append(` AS ${quoteIdentifier(node.join_using_alias.aliasname ?? '')}`);
  } else if (node.quals !== undefined) {
    out.append(' ON (');
    printer.expr(printer.bound(node.quals), false);
    out.append(')');
  } else if (joinWords[node.jointype ?? ''] !== undefined) out.append(' ON TRUE');
  out.append(')');
  aliasText(printer, node.alias);
}

function subquery(printer: QueryWriter, node: RangeSubselect): void {
  const {out} = printer;
  if (node.subquery === undefined || !('SelectStmt' in node.subquery))
    throw featureNotSupported('this query cannot be printed');
  if (node.lateral === true) out.append('LATERAL ');
  out.append('(');
  printer.query(node.subquery.SelectStmt, {columnNames: null, showsNames: true});
  out.append(')');
  aliasText(printer, node.alias);
}

function aliasText(printer: QueryWriter, alias: Alias | undefined): void {
  if (alias === undefined) return;
  const found = itemNamed(printer, alias.aliasname ?? '');
  printer.out.append(
    ` ${quoteIdentifier(found === undefined ? (alias.aliasname ?? '') : printer.aliasOf(found))}`,
  );
  if (namesOf(alias.colnames).length > 0) columnNames(printer, found);
}

function functions(printer: QueryWriter, node: RangeFunction): void {
  const {out} = printer;
  const calls = printer.trace.functionsOf(node);
  if (node.lateral === true || calls.some(each => readsItems(printer, each)))
    out.append('LATERAL ');
  const isUnnest = calls.length > 1 && node.is_rowsfrom !== true;
  if (calls.length === 1 && node.is_rowsfrom !== true) call(printer, calls[0]!);
  else if (isUnnest)
    printer.list(
      'UNNEST(',
      calls.flatMap(each => each.args),
      ')',
    );
  else {
    out.append('ROWS FROM(');
    calls.forEach((each, at) => {
      if (at > 0) out.append(', ');
      call(printer, each);
    });
    out.append(')');
  }
  if (node.ordinality === true) out.append(' WITH ORDINALITY');
  const alias = node.alias?.aliasname ?? calls[0]?.name ?? '';
  const found = itemNamed(printer, alias);
  out.append(` ${quoteIdentifier(found === undefined ? alias : printer.aliasOf(found))}`);
  const definitions = (node.coldeflist ?? []).length > 0 ? calls[0]!.columns : null;
  if (definitions === null) return columnNames(printer, found);
  out.append(
    `(${definitions.map(column => `${quoteIdentifier(column.name)} ${printer.exprs.typeText(column.type, column.typmod)}`).join(', ')})`,
  );
}

/** Whether a function's arguments read items of the same FROM. */
function readsItems(printer: QueryWriter, each: SetFunctionCall): boolean {
  let found = false;
  for (const arg of each.expr === null ? each.args : [each.expr]) {
    walkExpr(arg, expr => {
      if (expr.kind === 'column')
        found ||= printer.block.items.some(item =>
          item.columns.some(column => column.id === expr.index),
        );
    });
  }
  return found;
}

function call(printer: QueryWriter, each: SetFunctionCall): void {
  if (each.expr !== null) printer.expr(each.expr, true);
  else printer.exprs.functionCall(each.function, each.name, each.args);
}
