import {featureNotSupported, internalError} from '../../common/errors.ts';
import {childrenOf} from '../../expr/children.ts';
import {inputsOf, producedIds} from '../bind/logical-walk.ts';
import {lockModes} from '../bind/locking.ts';
import {keyColumnsOf} from '../bind/unique-keys.ts';
import type {ColumnId, LogicalNode, ScanNode} from '../bind/logical.ts';
import {layoutOf, type PhysicalPlanner, unique, type OuterSlots, type Planned} from './planner.ts';
import {planRequery, requeryColumns} from './physical-requery.ts';
import type {Plan, RowMark} from './plan.ts';

/** FOR UPDATE: the scans' rid, seq, owner, location and columns travel up to the LockRows node. */
export function planLock(
  planner: PhysicalPlanner,
  node: LogicalNode & {readonly kind: 'lock'},
  needed: readonly ColumnId[],
  outer: OuterSlots,
): Planned {
  const {catalog} = planner.state.binding.context;
  checkNullable(node.input, node.scans);
  const keyColumns = new Map(
    node.scans.map(scan => [
      scan,
      scan.lock!.mode === 'keyShare' ? keyColumnsOf(catalog, scan.relation.oid) : null,
    ]),
  );
  const isKeyShared = (scan: ScanNode, attnum: number): boolean =>
    keyColumns.get(scan)?.includes(attnum) === true;
  const wanted = unique([
    ...needed,
    ...requeryColumns(node.requery, node.input),
    ...node.scans.flatMap(scan =>
      scan.columns
        .filter(column => typeof column.source !== 'number' || isKeyShared(scan, column.source))
        .map(column => column.id),
    ),
  ]);
  const input = planner.plan(node.input, wanted, outer);
  const marks = node.scans.map((scan): RowMark => {
    const at = (source: string): number => {
      const column = scan.columns.find(candidate => candidate.source === source);
      const index = column === undefined ? -1 : input.layout.indexOf(column.id);
      if (index === -1) throw internalError(`locked scan without ${source}`);
      return index;
    };
    const columns = scan.columns.flatMap((column): RowMark['columns'][number][] => {
      const index = input.layout.indexOf(column.id);
      if (index === -1) return [];
      if (typeof column.source === 'number') return [{input: index, output: column.source}];
      return column.source === 'userId' ? [{input: index, output: 'userId'}] : [];
    });
    return {
      table: scan.relation.oid,
      rid: at('rid'),
      seq: at('seq'),
      owner: at('owner'),
      location: at('location'),
      mode: scan.lock!.mode,
      wait: scan.lock!.wait,
      columns,
      keyColumns: keyColumns.get(scan) ?? null,
      recheck: recheckOf(planner, node.input, input, outer),
    };
  });
  const plan: Plan = {
    kind: 'lockRows',
    ...planner.state.base(planner.state.describe(input.layout), planner.state.rows(node)),
    input: input.plan,
    marks,
    requery: planRequery(planner, node.requery, layoutOf(input.layout), outer),
  };
  return {plan, layout: input.layout};
}

/** The WHERE of the locked query as far as its columns are at hand above. */
function recheckOf(
  planner: PhysicalPlanner,
  node: LogicalNode,
  input: Planned,
  outer: OuterSlots,
): RowMark['recheck'] {
  const layout = new Map(input.layout.map((id, index) => [id, index]));
  const conditions = conditionsIn(node).filter(condition => canEvaluate(condition, layout, outer));
  const terms = conditions.map(condition => planner.state.expr(condition, layout, outer));
  const first = terms[0];
  if (first === undefined) return null;
  return terms.length === 1
    ? first
    : {kind: 'and', type: first.type, typmod: -1, location: -1, args: terms};
}

type Condition = (LogicalNode & {readonly kind: 'filter'})['conditions'][number];

function conditionsIn(node: LogicalNode): Condition[] {
  switch (node.kind) {
    case 'filter':
      return [...node.conditions, ...conditionsIn(node.input)];
    case 'compute':
    case 'sort':
    case 'limit':
    case 'apply':
      return conditionsIn(node.input);
    case 'join':
      return node.joinType === 'inner'
        ? [...node.on, ...conditionsIn(node.left), ...conditionsIn(node.right)]
        : [];
    default:
      return [];
  }
}

function canEvaluate(
  condition: Condition,
  layout: ReadonlyMap<ColumnId, number>,
  outer: OuterSlots,
): boolean {
  let isOk = true;
  const visit = (value: Condition): void => {
    if (value.kind === 'column' && !layout.has(value.index) && !outer.has(value.index))
      isOk = false;
    for (const child of childrenOf(value)) visit(child);
  };
  visit(condition);
  return isOk;
}

/** 0A000 for rows that an outer join may replace by NULLs, as far as its conditions let it. */
function checkNullable(node: LogicalNode, scans: readonly ScanNode[]): void {
  if (node.kind === 'join' && node.joinType !== 'inner') {
    if (node.joinType === 'left' || node.joinType === 'full') checkSide(node.right, scans);
    if (node.joinType === 'right' || node.joinType === 'full') checkSide(node.left, scans);
  }
  if (node.kind !== 'lock') for (const input of inputsOf(node)) checkNullable(input, scans);
}

function checkSide(side: LogicalNode, scans: readonly ScanNode[]): void {
  const ids = producedIds(side);
  const found = scans.find(scan => scan.columns.some(column => ids.has(column.id)));
  if (found === undefined) return;
  const {text} = Object.values(lockModes).find(({mode}) => mode === found.lock!.mode)!;
  throw featureNotSupported(`${text} cannot be applied to the nullable side of an outer join`);
}
