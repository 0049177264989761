import type {SubLink} from '@pgsql/types';
import {featureNotSupported} from '../../common/errors.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import {namesOf} from '../bind/ast.ts';
import type {QueryWriter} from './query-writer.ts';

/** A subquery in an expression (get_sublink_expr). */
export function printSubLink(printer: QueryWriter, node: SubLink, test: BoundExpr | null): void {
  const {out} = printer;
  const kind = node.subLinkType ?? 'EXISTS_SUBLINK';
  out.append(kind === 'ARRAY_SUBLINK' ? 'ARRAY(' : '(');
  if (test !== null) printLeft(printer, test);
  const operator = node.operName === undefined ? '=' : (namesOf(node.operName).at(-1) ?? '=');
  const word = keyword(kind, operator);
  out.append(word === '' ? '' : `${word}(`);
  if (node.subselect === undefined || !('SelectStmt' in node.subselect))
    throw featureNotSupported('this query cannot be printed');
  printer.query(node.subselect.SelectStmt, {columnNames: null, showsNames: false});
  out.append(word === '' ? ')' : '))');
}

function keyword(kind: string, operator: string): string {
  switch (kind) {
    case 'EXISTS_SUBLINK':
      return 'EXISTS ';
    case 'ANY_SUBLINK':
      return operator === '=' ? ' IN ' : ` ${operator} ANY `;
    case 'ALL_SUBLINK':
      return ` ${operator} ALL `;
    case 'ROWCOMPARE_SUBLINK':
      return ` ${operator} `;
    default:
      return '';
  }
}

function printLeft(printer: QueryWriter, test: BoundExpr): void {
  switch (test.kind) {
    case 'call':
      return printer.expr(test.args[0]!, true);
    case 'and':
    case 'or':
      return printer.list(
        '(',
        test.args.map(arg => (arg.kind === 'call' ? arg.args[0]! : arg)),
        ')',
      );
    case 'rowCompare':
      return printer.list('(', test.left, ')');
    default:
      throw featureNotSupported('this query cannot be printed');
  }
}
