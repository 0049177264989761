import {featureNotSupported} from '../../common/errors.ts';
import {oid} from '../../common/ids.ts';
import type {FunctionRow} from '../../catalog/contract.ts';
import type {BoundExpr, CallExpr} from '../../expr/bound.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {Binding} from './binding.ts';
import {errorType} from './display-type.ts';

/** A call of a resolved function whose arguments have their types already. A function without code is 0A000. */
export function makeCall(
  binding: Binding,
  row: FunctionRow,
  args: readonly BoundExpr[],
  type: TypeInstance,
  location: number,
  operatorName = '',
): CallExpr {
  requireCode(binding, row, 'scalar', location);
  if (row.volatility === 'v') binding.hasVolatile = true;
  return {
    kind: 'call',
    type,
    typmod: -1,
    location,
    function: row.oid,
    source: row.source,
    isStrict: row.isStrict,
    volatility: row.volatility,
    args,
    operatorName,
    functionName: row.name,
    ...(binding.definer === 0 || row.volatility === 'i' ? {} : {asRole: binding.definer}),
  };
}

/** Raises 0A000 when a function resolves but has no code. */
export function requireCode(
  binding: Binding,
  row: FunctionRow,
  kind: 'scalar' | 'aggregate' | 'setReturning',
  location: number,
): void {
  const library = binding.context.library;
  if (binding.trace !== null) return;
  if (library[kind](row.source) !== undefined) return;
  const args = row.argTypes.map(arg => errorType(binding.type(arg))).join(', ');
  const position = binding.position(location);
  throw featureNotSupported(
    `function ${row.name}(${args}) is not supported`,
    position === undefined ? {} : {position},
  );
}

/** A call of code that no row of pg_proc names. */
export function internalCall(
  source: string,
  args: readonly BoundExpr[],
  type: TypeInstance,
): BoundExpr {
  return {
    ...{kind: 'call', type, typmod: -1, location: -1, function: oid(0), source, isStrict: false},
    ...{volatility: 'i', args, operatorName: '', functionName: source},
  };
}
