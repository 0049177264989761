import type {BoundExpr} from '../../expr/bound.ts';
import {inputsOf, isDml} from '../bind/logical-walk.ts';
import type {BoundQuery, CteDefinition, LogicalNode} from '../bind/logical.ts';
import {mapNode} from './logical-map.ts';
import {hasVolatile} from './physical.ts';

/** Replaces WITH queries that are read once (and are not volatile, recursive or MATERIALIZED) by their text's place, as PostgreSQL does. */
export function inlineCtes(node: LogicalNode): LogicalNode {
  const inner = mapNode(node, inlineCtes, expr => expr);
  if (inner.kind !== 'with') return inner;
  let ctes = [...inner.ctes];
  let body = inner.body;
  for (const cte of inner.ctes) {
    if (!canInline(cte)) continue;
    const references =
      countReferences(body, cte.id) +
      ctes.reduce((sum, other) => sum + countInCte(other, cte.id), 0);
    const mode = materialized(cte);
    if (references === 0) {
      ctes = ctes.filter(other => other.id !== cte.id);
      continue;
    }
    if (mode !== 'never' && references !== 1) continue;
    if (references !== 1) continue;
    const query = (ctes.find(other => other.id === cte.id) ?? cte).query as BoundQuery;
    body = replaceScan(body, cte.id, query);
    ctes = ctes
      .filter(other => other.id !== cte.id)
      .map(other => replaceInCte(other, cte.id, query));
  }
  return ctes.length === 0 ? body : {...inner, ctes, body};
}

function materialized(cte: CteDefinition): string {
  return 'materialized' in cte ? String(cte.materialized) : 'default';
}

function canInline(cte: CteDefinition): boolean {
  if (cte.isDataModifying || isDml(cte.query.node) || materialized(cte) === 'always') return false;
  return !hasVolatile(cte.query.node) && cte.query.node.kind !== 'lock';
}

function countReferences(node: LogicalNode, id: number): number {
  if (node.kind === 'cteScan') return node.cte === id ? 1 : 0;
  return (
    inputsOf(node).reduce((sum, input) => sum + countReferences(input, id), 0) *
    (node.kind === 'recursive' ? 2 : 1)
  );
}

function countInCte(cte: CteDefinition, id: number): number {
  if (cte.id === id) return 0;
  const {node} = cte.query;
  if (!isDml(node)) return countReferences(node, id);
  return countReferences(node.kind === 'insert' ? node.source.node : node.input, id) * 2;
}

function replaceScan(node: LogicalNode, id: number, query: BoundQuery): LogicalNode {
  if (node.kind === 'cteScan' && node.cte === id) {
    const outputs = node.columns.map((column, index) => {
      const source = query.columns[index]!;
      const expr: BoundExpr = {
        kind: 'column',
        type: source.type,
        typmod: source.typmod,
        location: -1,
        index: source.id,
      };
      return {column, expr};
    });
    return {kind: 'compute', input: query.node, outputs};
  }
  return mapNode(
    node,
    input => replaceScan(input, id, query),
    expr => expr,
  );
}

function replaceInCte(cte: CteDefinition, id: number, query: BoundQuery): CteDefinition {
  if (isDml(cte.query.node)) return cte;
  return {
    ...cte,
    query: {...(cte.query as BoundQuery), node: replaceScan(cte.query.node, id, query)},
  };
}
