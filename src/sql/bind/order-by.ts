import type {Node, SortBy} from '@pgsql/types';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {SortKey} from '../plan/plan.ts';
import {locationOf, stringOf} from './ast.ts';
import type {Block, Clause} from './block.ts';
import {sameExpr} from './expr-equal.ts';
import {sortKey} from './sort-keys.ts';
import type {Target} from './targets.ts';

/** A sort key that is an output column, or an expression beside the outputs (`target` -1). */
export interface TargetKey {
  readonly target: number;
  readonly key: SortKey;
  readonly node: Node;
}

/** ORDER BY: output names, positions, expressions (PostgreSQL findTargetlistEntrySQL92). */
export function bindOrderBy(
  block: Block,
  nodes: readonly Node[],
  targets: readonly Target[],
): TargetKey[] {
  return nodes.map(node => {
    const sort: SortBy = 'SortBy' in node ? node.SortBy : {node};
    const {expr, target} = bindOutputRef(block, sort.node!, targets, 'ORDER BY');
    return {target, key: sortKey(block.binding, sort, expr), node: sort.node!};
  });
}

/** An item of ORDER BY, GROUP BY or DISTINCT ON as target position or expression. */
export function bindOutputRef(
  block: Block,
  node: Node,
  targets: readonly Target[],
  clause: Clause,
): {readonly expr: BoundExpr; readonly target: number} {
  const binding = block.binding;
  if (
    'ColumnRef' in node &&
    node.ColumnRef.fields?.length === 1 &&
    'String' in node.ColumnRef.fields[0]!
  ) {
    const name = stringOf(node.ColumnRef.fields[0]);
    const prefersInput =
      clause === 'GROUP BY' &&
      block.items.some(
        item => item.showsColumns && item.columns.some(column => column.name === name),
      );
    const found = prefersInput
      ? -1
      : targetByName(block, name, targets, clause, node.ColumnRef.location ?? -1);
    if (found !== -1) return {expr: targets[found]!.expr, target: found};
  }
  if ('A_Const' in node) {
    const constant = node.A_Const;
    const location = constant.location ?? 0;
    if (constant.ival === undefined)
      throw binding.error(SqlState.syntaxError, `non-integer constant in ${clause}`, location);
    const position = constant.ival.ival ?? 0;
    if (position < 1 || position > targets.length) {
      throw binding.error(
        SqlState.invalidColumnReference,
        `${clause} position ${position} is not in select list`,
        location,
      );
    }
    return {expr: targets[position - 1]!.expr, target: position - 1};
  }
  const expr = block.within(clause, () => block.expr(node));
  const target = targets.findIndex(candidate =>
    sameExpr(candidate.expr, expr, constant => binding.literals.pin(constant)),
  );
  return {expr: target === -1 ? expr : targets[target]!.expr, target};
}

function targetByName(
  block: Block,
  name: string,
  targets: readonly Target[],
  clause: Clause,
  location: number,
): number {
  let found = -1;
  for (let index = 0; index < targets.length; index++) {
    if (targets[index]!.name !== name) continue;
    if (
      found !== -1 &&
      !sameExpr(targets[found]!.expr, targets[index]!.expr, constant =>
        block.binding.literals.pin(constant),
      )
    ) {
      throw block.binding.error(
        SqlState.ambiguousColumn,
        `${clause} "${name}" is ambiguous`,
        location,
      );
    }
    if (found === -1) found = index;
  }
  return found;
}

/** Byte offset of the first item of a clause. */
export function clauseLocation(nodes: readonly Node[]): number {
  return locationOf(nodes[0]);
}
