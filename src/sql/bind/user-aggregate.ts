import type {Node} from '@pgsql/types';
import type {FunctionRow} from '../../catalog/contract.ts';
import type {AggregateFacts} from '../../catalog/descriptors.ts';
import type {Oid} from '../../common/ids.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {UserAggregate} from '../plan/plan-calls.ts';
import type {Binding} from './binding.ts';
import {coerceImplicit} from './coerce.ts';
import {resolvePolymorphic} from './polymorphic.ts';
import {noteCall} from './substitutes.ts';

/** What CREATE AGGREGATE said of a function; null for built-in aggregates. */
export function aggregateFacts(binding: Binding, fn: Oid): AggregateFacts | null {
  const own = binding.context.catalog.get('function', fn);
  return own?.kind === 'function' ? (own.aggregate ?? null) : null;
}

/** The functions of an aggregate made by CREATE AGGREGATE, bound over [state, arguments...]. */
export function bindUserAggregate(
  binding: Binding,
  row: FunctionRow,
  facts: AggregateFacts,
  args: readonly BoundExpr[],
): UserAggregate {
  const {catalog} = binding.context;
  noteCall(binding, row.oid);
  const types = args.map(arg => arg.type);
  const state = resolvePolymorphic(binding, types, row.argTypes, facts.stateType).result;
  const transition = catalog.functionByOid(facts.transition)!;
  const step = callOver(binding, transition, [state, ...types]);
  const final =
    facts.final === 0 ? null : callOver(binding, catalog.functionByOid(facts.final)!, [state]);
  const {format} = binding.context;
  return {
    step: coerceImplicit(binding, step, state),
    isStrict: transition.isStrict,
    initial: facts.initial === null ? null : state.input(facts.initial, -1, format),
    final,
    isFinalStrict: facts.final !== 0 && catalog.functionByOid(facts.final)!.isStrict,
  };
}

/** A function called with the columns of a row as its arguments. */
function callOver(binding: Binding, row: FunctionRow, types: readonly TypeInstance[]): BoundExpr {
  const schema = binding.context.catalog.schemaByOid(row.schema)!.name;
  const name = (text: string): Node => ({String: {sval: text}});
  const columns = types.map((type, index) => ({
    name: `a${index}`,
    expr: {kind: 'column', type, typmod: -1, location: -1, index} as const,
  }));
  const call: Node = {
    FuncCall: {
      funcname: [name(schema), name(row.name)],
      args: columns.map((column): Node => ({ColumnRef: {fields: [name(column.name)]}})),
    },
  };
  return binding.withoutPositions(() =>
    binding.hooks.scalar(binding, call, {
      columns,
      domainValue: null,
      clause: 'SELECT',
      relationName: '',
    }),
  );
}
