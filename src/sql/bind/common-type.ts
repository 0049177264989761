import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {TypeInstance} from '../../types/contract.ts';
import {type Binding, isUnknown} from './binding.ts';
import {coerce} from './coerce.ts';
import {baseType, canCoerce} from './coercion-path.ts';
import {errorType} from './display-type.ts';
import {TypeOid} from './type-oids.ts';

/** The type of UNION, CASE, VALUES, ARRAY and their kin (PostgreSQL 10.5); raises "CASE types a and b cannot be matched". */
export function commonType(
  binding: Binding,
  exprs: readonly BoundExpr[],
  construct: string,
): TypeInstance {
  const type = commonTypeOf(
    binding,
    exprs.map(expr => expr.type),
    (left, right, index) => {
      throw binding.error(
        SqlState.datatypeMismatch,
        `${construct} types ${errorType(left)} and ${errorType(right)} cannot be matched`,
        exprs[index]!.location,
      );
    },
  );
  return type!;
}

/** As commonType over types; calls `fail` (and gives null) when they cannot be matched. */
export function commonTypeOf(
  binding: Binding,
  types: readonly TypeInstance[],
  fail: (left: TypeInstance, right: TypeInstance, index: number) => void,
): TypeInstance | null {
  const first = types[0]!;
  if (first.oid !== TypeOid.unknown && types.every(type => type.oid === first.oid)) return first;
  let common = baseType(first);
  for (let index = 1; index < types.length; index++) {
    const next = baseType(types[index]!);
    if (next.oid === TypeOid.unknown || next.oid === common.oid) continue;
    if (common.oid === TypeOid.unknown) {
      common = next;
      continue;
    }
    if (next.category !== common.category) {
      fail(common, next, index);
      return null;
    }
    if (
      !common.isPreferred &&
      canCoerce(binding, [common], [next.oid]) &&
      !canCoerce(binding, [next], [common.oid])
    )
      common = next;
  }
  return common.oid === TypeOid.unknown ? binding.type(TypeOid.text) : common;
}

/** Converts all to their common type. */
export function coerceAll(
  binding: Binding,
  exprs: readonly BoundExpr[],
  target: TypeInstance,
  construct: string,
): BoundExpr[] {
  return exprs.map(expr => {
    if (!isUnknown(expr) && !canCoerce(binding, [expr.type], [target.oid])) {
      throw binding.error(
        SqlState.cannotCoerce,
        `${construct} could not convert type ${errorType(expr.type)} to ${errorType(target)}`,
        expr.location,
      );
    }
    return coerce(binding, expr, target, {context: 'implicit'});
  });
}

/** The typmod that all expressions share, else -1 (PostgreSQL select_common_typmod). */
export function commonTypmod(exprs: readonly BoundExpr[], type: TypeInstance): number {
  const typmod = exprs[0]?.typmod ?? -1;
  return exprs.every(expr => expr.type.oid === type.oid && expr.typmod === typmod) ? typmod : -1;
}
