import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {TypeInstance} from '../../types/contract.ts';
import {MultirangeType, RangeType} from '../../types/range.ts';
import type {Binding} from './binding.ts';
import {baseType, rangeSubtype} from './coercion-path.ts';
import {commonTypeOf} from './common-type.ts';
import {errorType, isTrueArray} from './display-type.ts';
import {isPolymorphic, isPolymorphicFamily1, isPolymorphicFamily2, TypeOid} from './type-oids.ts';

/** Declared argument types with polymorphic ones replaced, and the result type (PostgreSQL enforce_generic_type_consistency). */
export interface ResolvedTypes {
  readonly args: readonly TypeInstance[];
  readonly result: TypeInstance;
}

/** Replaces polymorphic types by what the actual arguments say. */
export function resolvePolymorphic(
  binding: Binding,
  actual: readonly TypeInstance[],
  declared: readonly Oid[],
  result: Oid,
): ResolvedTypes {
  if (!isPolymorphic(result) && !declared.some(isPolymorphic))
    return {args: declared.map(type => binding.type(type)), result: binding.type(result)};
  checkAnyArray(binding, actual, declared, result);
  const element = family1Element(binding, actual, declared);
  const compatible = family2Element(binding, actual, [...declared, result]);
  const replace = (type: Oid, from: TypeInstance | null): TypeInstance => {
    if (!isPolymorphic(type)) return binding.type(type);
    const chosen = isPolymorphicFamily2(type) ? compatible : element;
    return substitute(binding, type, chosen, from);
  };
  return {
    args: declared.map((type, index) => replace(type, actual[index] ?? null)),
    result: replace(result, null),
  };
}

/** A column of pg_statistic is an array of whatever: it cannot say what the other types are. */
function checkAnyArray(
  binding: Binding,
  actual: readonly TypeInstance[],
  declared: readonly Oid[],
  result: Oid,
): void {
  const at = declared.findIndex(
    (type, index) => type === TypeOid.anyarray && actual[index]?.oid === TypeOid.anyarray,
  );
  if (at === -1) return;
  const others = declared.filter((type, index) => index !== at && isPolymorphicFamily1(type));
  if (others.length === 0 && (result === TypeOid.anyarray || !isPolymorphicFamily1(result))) return;
  throw binding.error(
    SqlState.datatypeMismatch,
    'cannot determine element type of "anyarray" argument',
    -1,
  );
}

interface Chosen {
  readonly element: TypeInstance | null;
  readonly array: TypeInstance | null;
  readonly range: TypeInstance | null;
}

/** The range or multirange, as `type` asks, that goes with an actual range or multirange. */
function rangeFor(binding: Binding, type: Oid, actual: TypeInstance): TypeInstance {
  const isMulti = type === TypeOid.anymultirange || type === TypeOid.anycompatiblemultirange;
  if (isMulti && actual instanceof RangeType) return binding.type(actual.multirange as Oid);
  return !isMulti && actual instanceof MultirangeType ? actual.rangeType : actual;
}

function substitute(
  binding: Binding,
  type: Oid,
  chosen: Chosen,
  from: TypeInstance | null,
): TypeInstance {
  switch (type) {
    case TypeOid.anyarray:
    case TypeOid.anycompatiblearray: {
      if (chosen.array !== null) return chosen.array;
      const arrayOid = chosen.element?.arrayOid ?? 0;
      if (arrayOid === 0) {
        if (chosen.element === null) throw undetermined(binding);
        throw binding.error(
          SqlState.undefinedObject,
          `could not find array type for data type ${errorType(chosen.element)}`,
          -1,
        );
      }
      return binding.type(arrayOid as Oid);
    }
    case TypeOid.anyrange:
    case TypeOid.anycompatiblerange:
    case TypeOid.anymultirange:
    case TypeOid.anycompatiblemultirange:
      if (from !== null && from.oid !== TypeOid.unknown) return baseType(from);
      if (chosen.range !== null) return rangeFor(binding, type, chosen.range);
      throw undetermined(binding, `${binding.type(type).name} `);
    default:
      if (chosen.element === null) throw undetermined(binding);
      return chosen.element;
  }
}

function undetermined(binding: Binding, which = ''): Error {
  return binding.error(
    SqlState.datatypeMismatch,
    `could not determine polymorphic type ${which}because input has type unknown`,
    -1,
  );
}

function family1Element(
  binding: Binding,
  actual: readonly TypeInstance[],
  declared: readonly Oid[],
): Chosen {
  let element: TypeInstance | null = null;
  let array: TypeInstance | null = null;
  let range: TypeInstance | null = null;
  let isUsed = false;
  for (let index = 0; index < declared.length; index++) {
    const type = declared[index]!;
    const from = actual[index] ?? null;
    if (!isPolymorphic(type) || isPolymorphicFamily2(type)) continue;
    isUsed = true;
    if (from === null || from.oid === TypeOid.unknown) continue;
    if (type === TypeOid.anyarray) array = baseType(from);
    else if (type === TypeOid.anyrange || type === TypeOid.anymultirange) range = baseType(from);
    else element = from;
  }
  if (array !== null && array.oid !== TypeOid.anyarray) element ??= array.element;
  if (range !== null) element ??= rangeSubtype(range);
  if (isUsed && element === null && array === null && range === null) throw undetermined(binding);
  return {element, array: array ?? null, range};
}

function family2Element(
  binding: Binding,
  actual: readonly TypeInstance[],
  declared: readonly Oid[],
): Chosen {
  const types: TypeInstance[] = [];
  let range: TypeInstance | null = null;
  let isUsed = false;
  for (let index = 0; index < declared.length; index++) {
    const type = declared[index]!;
    const from = actual[index] ?? null;
    if (!isPolymorphicFamily2(type)) continue;
    isUsed = true;
    if (from === null || from.oid === TypeOid.unknown) continue;
    const base = baseType(from);
    if (type === TypeOid.anycompatiblearray) {
      if (isTrueArray(base)) types.push(base.element!);
    } else if (type === TypeOid.anycompatiblerange || type === TypeOid.anycompatiblemultirange)
      range = base;
    else types.push(from);
  }
  const subtype = range === null ? null : rangeSubtype(range);
  if (subtype !== null) types.push(subtype);
  if (!isUsed) return {element: null, array: null, range: null};
  if (types.length === 0) return {element: binding.type(TypeOid.text), array: null, range};
  const element = commonTypeOf(binding, types, (left, right) => {
    throw binding.error(
      SqlState.datatypeMismatch,
      `arguments of anycompatible family cannot be cast to a common type`,
      -1,
      {detail: `${errorType(left)} versus ${errorType(right)}`},
    );
  });
  return {element, array: null, range};
}
