import type {Oid} from '../../common/ids.ts';
import type {CastRow} from '../../catalog/contract.ts';
import type {TypeInstance} from '../../types/contract.ts';
import {MultirangeType, RangeType} from '../../types/range.ts';
import type {Binding} from './binding.ts';
import {isTrueArray} from './display-type.ts';
import {matchesFamily1, matchesFamily2} from './polymorphic-match.ts';
import {isPolymorphic, TypeOid} from './type-oids.ts';

/** How much a conversion may lose: PostgreSQL's CoercionContext. */
export type CoercionContext = 'implicit' | 'assignment' | 'explicit';

/** How values of one type become another's. */
export type CoercionPath =
  | {readonly kind: 'relabel'}
  | {readonly kind: 'function'; readonly cast: CastRow}
  | {readonly kind: 'array'; readonly element: CoercionPath}
  | {readonly kind: 'io'};

/** The type below all domains. */
export function baseType(type: TypeInstance): TypeInstance {
  let base = type;
  while (base.kind === 'd' && base.base !== null) base = base.base;
  return base;
}

function allowed(cast: CastRow, context: CoercionContext): boolean {
  return (
    cast.context === 'i' ||
    context === 'explicit' ||
    (cast.context === 'a' && context === 'assignment')
  );
}

/** PostgreSQL find_coercion_pathway. */
export function coercionPath(
  binding: Binding,
  from: TypeInstance,
  to: TypeInstance,
  context: CoercionContext,
): CoercionPath | null {
  const source = baseType(from);
  const target = baseType(to);
  if (source.oid === target.oid) return {kind: 'relabel'};
  const cast = binding.context.catalog.castFor(source.oid, target.oid, binding.depth > 0);
  if (cast !== undefined) {
    if (!allowed(cast, context)) return null;
    if (cast.method === 'f') return {kind: 'function', cast};
    return cast.method === 'b' ? {kind: 'relabel'} : {kind: 'io'};
  }
  if (
    target.oid !== TypeOid.oidvector &&
    target.oid !== TypeOid.int2vector &&
    isTrueArray(source) &&
    isTrueArray(target)
  ) {
    const element = coercionPath(binding, source.element!, target.element!, context);
    if (element !== null) return element.kind === 'relabel' ? element : {kind: 'array', element};
  }
  if (context !== 'implicit' && target.category === 'S') return {kind: 'io'};
  if (context === 'explicit' && source.category === 'S') return {kind: 'io'};
  return null;
}

/** Whether values need no conversion at all (PostgreSQL IsBinaryCoercible). */
export function isBinaryCoercible(binding: Binding, from: TypeInstance, toOid: Oid): boolean {
  if (
    from.oid === toOid ||
    toOid === TypeOid.any ||
    toOid === TypeOid.anyelement ||
    toOid === TypeOid.anycompatible
  )
    return true;
  const source = baseType(from);
  if (source.oid === toOid) return true;
  if (toOid === TypeOid.anyarray || toOid === TypeOid.anycompatiblearray)
    return isTrueArray(source);
  if (toOid === TypeOid.anynonarray || toOid === TypeOid.anycompatiblenonarray)
    return !isTrueArray(source);
  if (toOid === TypeOid.anyenum) return source.kind === 'e';
  if (toOid === TypeOid.anyrange || toOid === TypeOid.anycompatiblerange)
    return source.kind === 'r';
  if (toOid === TypeOid.anymultirange || toOid === TypeOid.anycompatiblemultirange)
    return source.kind === 'm';
  if (toOid === TypeOid.record) return source.kind === 'c';
  if (toOid === TypeOid.recordArray) return isTrueArray(source) && source.element?.kind === 'c';
  const cast = binding.context.catalog.builtin.castFor(source.oid, toOid);
  return cast !== undefined && cast.method === 'b' && cast.context === 'i';
}

/** Whether every argument can become the declared type (PostgreSQL can_coerce_type). */
export function canCoerce(
  binding: Binding,
  actual: readonly TypeInstance[],
  declared: readonly Oid[],
  context: CoercionContext = 'implicit',
): boolean {
  let hasPolymorphic = false;
  for (let index = 0; index < actual.length; index++) {
    const from = actual[index]!;
    const toOid = declared[index]!;
    if (from.oid === toOid || toOid === TypeOid.any) continue;
    if (isPolymorphic(toOid)) {
      hasPolymorphic = true;
      continue;
    }
    if (from.oid === TypeOid.unknown) continue;
    const to = binding.context.catalog.typeByOid(toOid);
    if (to === undefined) return false;
    if (coercionPath(binding, from, to, context) !== null) continue;
    if (from.oid === TypeOid.record && to.kind === 'c') continue;
    if (toOid === TypeOid.record && baseType(from).kind === 'c') continue;
    if (toOid === TypeOid.recordArray && isTrueArray(from) && from.element!.kind === 'c') continue;
    return false;
  }
  if (!hasPolymorphic) return true;
  const rules = {
    baseType,
    canCoerce: (from: TypeInstance, to: TypeInstance) => canCoerce(binding, [from], [to.oid]),
  };
  return matchesFamily1(rules, actual, declared) && matchesFamily2(rules, actual, declared);
}

/** Element type of a range or multirange. */
export function rangeSubtype(range: TypeInstance): TypeInstance | null {
  if (range instanceof MultirangeType) return range.rangeType.subtype;
  return range instanceof RangeType ? range.subtype : null;
}
