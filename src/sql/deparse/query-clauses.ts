import type {GroupingSet, Node, SelectStmt} from '@pgsql/types';
import {quoteIdentifier} from '../../catalog/quote.ts';
import {namesOf} from '../bind/ast.ts';
import type {QueryWriter} from './query-writer.ts';

/** GROUP BY with its sets. */
export function printGroupBy(printer: QueryWriter, statement: SelectStmt): void {
  const nodes = statement.groupClause ?? [];
  if (nodes.length === 0) return;
  printer.clause(' GROUP BY ', 1);
  if (statement.groupDistinct === true) printer.out.append('DISTINCT ');
  separated(printer, nodes.flatMap(rowParts), node =>
    'GroupingSet' in node
      ? groupingSet(printer, node.GroupingSet)
      : printer.sortExpr(printer.outputRef(node)),
  );
}

function rowParts(node: Node): readonly Node[] {
  return 'RowExpr' in node && node.RowExpr.row_format === 'COERCE_IMPLICIT_CAST'
    ? (node.RowExpr.args ?? [])
    : [node];
}

function separated<T>(printer: QueryWriter, items: readonly T[], print: (item: T) => void): void {
  items.forEach((item, at) => {
    if (at > 0) printer.out.append(', ');
    print(item);
  });
}

function groupingSet(printer: QueryWriter, set: GroupingSet): void {
  const {out} = printer;
  const content = set.content ?? [];
  const kind = set.kind ?? 'GROUPING_SET_EMPTY';
  if (kind === 'GROUPING_SET_EMPTY') return out.append('()');
  const word =
    kind === 'GROUPING_SET_ROLLUP'
      ? 'ROLLUP('
      : kind === 'GROUPING_SET_CUBE'
        ? 'CUBE('
        : 'GROUPING SETS (';
  const childOmits = kind === 'GROUPING_SET_ROLLUP' || kind === 'GROUPING_SET_CUBE';
  out.append(word);
  separated(printer, content, node => {
    if ('GroupingSet' in node) return groupingSet(printer, node.GroupingSet);
    const parts = rowParts(node);
    const needsParens = !childOmits || parts.length !== 1;
    if (needsParens) out.append('(');
    separated(printer, parts, part => printer.sortExpr(printer.outputRef(part)));
    if (needsParens) out.append(')');
  });
  out.append(')');
}

/** Items of ORDER BY; `position` gives the column number that a set operation's item names. */
export function printOrderBy(
  printer: QueryWriter,
  nodes: readonly Node[],
  position: ((node: Node) => number | null) | null,
): void {
  const {out} = printer;
  separated(printer, nodes, node => {
    const sort = 'SortBy' in node ? node.SortBy : {node};
    const at = position?.(sort.node!) ?? null;
    if (at !== null) out.append(String(at));
    else printer.sortExpr(printer.outputRef(sort.node!));
    const isDescending =
      sort.sortby_dir === 'SORTBY_DESC' ||
      (sort.sortby_dir === 'SORTBY_USING' && namesOf(sort.useOp).at(-1) === '>');
    const nulls = sort.sortby_nulls ?? 'SORTBY_NULLS_DEFAULT';
    if (isDescending) out.append(nulls === 'SORTBY_NULLS_LAST' ? ' DESC NULLS LAST' : ' DESC');
    else if (nulls === 'SORTBY_NULLS_FIRST') out.append(' NULLS FIRST');
  });
}

const strengths: Readonly<Record<string, string>> = {
  LCS_FORKEYSHARE: ' FOR KEY SHARE',
  LCS_FORSHARE: ' FOR SHARE',
  LCS_FORNOKEYUPDATE: ' FOR NO KEY UPDATE',
  LCS_FORUPDATE: ' FOR UPDATE',
};

/** FOR UPDATE and its kin. */
export function printLocking(printer: QueryWriter, statement: SelectStmt): void {
  for (const node of statement.lockingClause ?? []) {
    if (!('LockingClause' in node)) continue;
    const {strength, lockedRels, waitPolicy} = node.LockingClause;
    const named = (lockedRels ?? []).flatMap(rel =>
      'RangeVar' in rel ? [rel.RangeVar.relname ?? ''] : [],
    );
    for (const item of printer.block.items) {
      const isLocked =
        lockedRels === undefined
          ? item.scan !== null || item.rowType !== null
          : named.includes(item.alias);
      if (!isLocked || !item.isNamed) continue;
      printer.clause(strengths[strength ?? ''] ?? ' FOR UPDATE', 0);
      printer.out.append(` OF ${quoteIdentifier(printer.aliasOf(item))}`);
      if (waitPolicy === 'LockWaitError') printer.out.append(' NOWAIT');
      else if (waitPolicy === 'LockWaitSkip') printer.out.append(' SKIP LOCKED');
    }
  }
}
