import {featureNotSupported} from '../../common/errors.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {Block} from './block.ts';
import {sameExpr} from './expr-equal.ts';
import {collectColumns, mapChildren} from './expr-map.ts';
import {freeColumnsOfQuery} from './logical-walk.ts';
import type {LogicalNode} from './logical.ts';
import {functionRows, rowsTogether} from './rows-together.ts';

type SetCalls = Block['setCalls'];

/** GROUP BY of a set-returning call that the target list has as well groups by that one: the key as its column. */
export function sharedSetCall(block: Block, key: BoundExpr): BoundExpr {
  if (key.kind !== 'column') return key;
  const mine = block.setCalls.at(-1);
  if (mine === undefined || mine.query !== null || mine.call.columns[0]?.id !== key.index)
    return key;
  const {call} = mine.call;
  const pin = (constant: Parameters<Parameters<typeof sameExpr>[2]>[0]): void =>
    block.binding.literals.pin(constant);
  const earlier = block.setCalls.find(
    item =>
      item !== mine &&
      item.query === null &&
      item.call.call.function === call.function &&
      item.call.call.args.length === call.args.length &&
      item.call.call.args.every((arg, index) => sameExpr(arg, call.args[index]!, pin)),
  );
  if (earlier === undefined) return key;
  block.setCalls.pop();
  return block.binding.columnExpr(earlier.call.columns[0]!, key.location);
}

/** Takes the set-returning calls that the keys of GROUP BY need out of the block: they run below the Aggregate. */
export function takeGroupedSets(block: Block, keys: readonly BoundExpr[]): SetCalls {
  const needed = new Set<number>();
  for (const key of keys) collectColumns(key, needed);
  const taken: SetCalls = [];
  for (let isGrowing = true; isGrowing; ) {
    isGrowing = false;
    for (const item of block.setCalls) {
      if (taken.includes(item) || !item.call.columns.some(column => needed.has(column.id)))
        continue;
      taken.push(item);
      for (const arg of item.call.call.args) collectColumns(arg, needed);
      isGrowing = true;
    }
  }
  block.setCalls = block.setCalls.filter(item => !taken.includes(item));
  return taken;
}

/** 0A000 for an expression over the aggregate that uses a grouped call's rows otherwise than as a key. */
export function checkGroupedSets(
  taken: SetCalls,
  keys: readonly BoundExpr[],
  exprs: readonly BoundExpr[],
): void {
  const rows = new Set(taken.flatMap(({call}) => call.columns.map(column => column.id)));
  for (const key of keys) if (key.kind === 'column') rows.delete(key.index);
  if (rows.size === 0) return;
  const check = (expr: BoundExpr): BoundExpr => {
    if (expr.kind === 'column' && rows.has(expr.index))
      throw featureNotSupported(
        'a set-returning function beside an expression of it in GROUP BY is not supported',
      );
    return mapChildren(expr, check);
  };
  for (const expr of exprs) check(expr);
}

/** Whether an expression reads rows of these calls. */
export function usesSets(expr: BoundExpr, setCalls: SetCalls): boolean {
  if (setCalls.length === 0) return false;
  const read = new Set<number>();
  collectColumns(expr, read);
  return setCalls.some(({call}) => call.columns.some(column => read.has(column.id)));
}

/** How many calls deep a call's arguments go: those without set-returning arguments are 0. */
function heights(setCalls: SetCalls): number[] {
  const known: number[] = [];
  const heightOf = (at: number): number => {
    if (known[at] !== undefined) return known[at];
    const {call, query} = setCalls[at]!;
    const read = new Set<number>(query === null ? [] : freeColumnsOfQuery(query));
    for (const arg of call.call.args) collectColumns(arg, read);
    let height = 0;
    setCalls.forEach((other, index) => {
      if (index !== at && other.call.columns.some(column => read.has(column.id)))
        height = Math.max(height, heightOf(index) + 1);
    });
    return (known[at] = height);
  };
  return setCalls.map((_item, at) => heightOf(at));
}

/** Set-returning functions of a target list, those of one height side by side, arguments first. */
export function projectSets(block: Block, input: LogicalNode, setCalls: SetCalls): LogicalNode {
  let node = input;
  const height = heights(setCalls);
  const top = Math.max(-1, ...height);
  for (let level = 0; level <= top; level++) {
    const calls = setCalls.filter((_item, at) => height[at] === level);
    const functions = calls.filter(item => item.query === null).map(item => item.call);
    const queries = calls.flatMap(({query}) => (query === null ? [] : [query.node]));
    if (queries.length === 0) {
      node = {kind: 'projectSet', input: node, functions};
      continue;
    }
    if (functions.length > 0) queries.push(functionRows(functions));
    const right = queries.length === 1 ? queries[0]! : rowsTogether(block.binding, queries);
    node = {kind: 'join', joinType: 'inner', left: node, right, on: [], isNullAware: false};
  }
  return node;
}
