import type {Node, RangeTableSample} from '@pgsql/types';
import {featureNotSupported} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import {namesOf} from './ast.ts';
import type {Block, RangeItem} from './block.ts';
import {internalCall} from './calls.ts';
import {coerce} from './coerce.ts';
import type {LogicalNode} from './logical.ts';
import {pseudoColumn} from './system-columns.ts';
import {TypeOid} from './type-oids.ts';

interface Sampled {
  readonly node: LogicalNode;
  readonly items: readonly RangeItem[];
}

/** table TABLESAMPLE BERNOULLI | SYSTEM (percent) [REPEATABLE (seed)]; there are no pages: both choose rows. */
export function bindTableSample(
  block: Block,
  sample: RangeTableSample,
  item: Sampled,
  left: readonly RangeItem[],
): Sampled {
  const {binding} = block;
  const range =
    sample.relation !== undefined && 'RangeVar' in sample.relation ? sample.relation : null;
  const scan = item.items[0]?.scan ?? null;
  if (scan === null)
    throw binding.error(
      SqlState.featureNotSupported,
      'TABLESAMPLE clause can only be applied to tables and materialized views',
      range?.RangeVar.location ?? -1,
    );
  const method = namesOf(sample.method).at(-1) ?? '';
  if (method !== 'bernoulli' && method !== 'system')
    throw binding.error(
      SqlState.undefinedObject,
      `tablesample method ${method} does not exist`,
      sample.location ?? -1,
    );
  const args = sample.args ?? [];
  if (args.length !== 1)
    throw binding.error(
      SqlState.invalidTablesampleArgument,
      `tablesample method ${method} requires 1 argument, not ${args.length}`,
      sample.location ?? -1,
    );
  if (scan.relation.kind !== 'table')
    throw featureNotSupported('TABLESAMPLE of system catalogs is not supported');
  if (binding.trace !== null) throw featureNotSupported('TABLESAMPLE in views is not supported');
  const view = block.lateralView(left);
  const number = (node: Node, type: number): BoundExpr =>
    coerce(
      binding,
      view.within('functions in FROM', () => view.expr(node)),
      binding.type(type as never),
      {context: 'assignment'},
    );
  const percent = number(args[0]!, FLOAT4);
  const seed = sample.repeatable === undefined ? null : number(sample.repeatable, FLOAT8);
  if (view.takeSubqueries().length > 0)
    throw featureNotSupported('subqueries in TABLESAMPLE are not supported');
  binding.hasVolatile = true;
  const rid = binding.columnExpr(pseudoColumn(block, scan, 'rid', '_rid'));
  const call =
    seed === null
      ? internalCall('wadi_sample', [rid, percent], binding.type(TypeOid.bool))
      : internalCall('wadi_sample_repeatable', [rid, percent, seed], binding.type(TypeOid.bool));
  // Never the same for two: a live query of it has no meaning.
  const condition: BoundExpr = call.kind === 'call' ? {...call, volatility: 'v'} : call;
  return {...item, node: {kind: 'filter', input: item.node, conditions: [condition]}};
}

const FLOAT4 = 700;
const FLOAT8 = 701;
