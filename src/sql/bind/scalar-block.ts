import type {Node} from '@pgsql/types';
import type {BoundExpr} from '../../expr/bound.ts';
import type {Binding, ScalarScope} from './binding.ts';
import {Block, type Binders, type Clause} from './block.ts';

/** Binds a stand-alone expression: its only names are the given columns (or VALUE). */
export function bindScalar(
  binding: Binding,
  binders: Binders,
  ast: Node,
  scope: ScalarScope,
): BoundExpr {
  const block = new Block(binding, binders, null, null);
  block.clause = scope.clause as Clause;
  block.scalarNames = new Map(scope.columns.map(column => [column.name, column.expr]));
  block.scalarRelation = scope.relationName;
  block.domainValue = scope.domainValue;
  return block.expr(ast);
}
