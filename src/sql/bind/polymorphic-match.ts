import type {Oid} from '../../common/ids.ts';
import type {TypeInstance} from '../../types/contract.ts';
import {MultirangeType, RangeType} from '../../types/range.ts';
import {isTrueArray} from './display-type.ts';
import {TypeOid} from './type-oids.ts';

/** What matching asks of coercion, which asks for matching itself. */
export interface MatchRules {
  baseType(type: TypeInstance): TypeInstance;
  canCoerce(from: TypeInstance, to: TypeInstance): boolean;
}

/** The range that actual ranges and multiranges agree on; null: none, false: they do not agree. */
function agreedRange(
  ranges: readonly TypeInstance[],
  multiranges: readonly TypeInstance[],
): RangeType | null | false {
  const all = [
    ...ranges,
    ...multiranges.map(type => (type instanceof MultirangeType ? type.rangeType : null)),
  ];
  if (all.length === 0) return null;
  const first = all[0];
  if (!(first instanceof RangeType) || all.some(type => type?.oid !== first.oid)) return false;
  return first;
}

/** The anyelement family: one element type for all (PostgreSQL 38.2.5). */
export function matchesFamily1(
  rules: MatchRules,
  actual: readonly TypeInstance[],
  declared: readonly Oid[],
): boolean {
  const elements: TypeInstance[] = [];
  const arrays: TypeInstance[] = [];
  const ranges: TypeInstance[] = [];
  const multiranges: TypeInstance[] = [];
  let isNonArray = false;
  let isEnum = false;
  for (let index = 0; index < actual.length; index++) {
    const type = declared[index]!;
    const from = actual[index]!;
    isNonArray ||= type === TypeOid.anynonarray;
    isEnum ||= type === TypeOid.anyenum;
    if (from.oid === TypeOid.unknown) continue;
    if (type === TypeOid.anyelement || type === TypeOid.anynonarray || type === TypeOid.anyenum)
      elements.push(from);
    else if (type === TypeOid.anyarray) arrays.push(rules.baseType(from));
    else if (type === TypeOid.anyrange) ranges.push(rules.baseType(from));
    else if (type === TypeOid.anymultirange) multiranges.push(rules.baseType(from));
  }
  const array = arrays[0];
  if (array !== undefined) {
    if (arrays.some(type => type.oid !== array.oid)) return false;
    if (array.oid !== TypeOid.anyarray) {
      if (!isTrueArray(array)) return false;
      elements.push(array.element!);
    }
  }
  const range = agreedRange(ranges, multiranges);
  if (range === false) return false;
  if (range !== null) elements.push(range.subtype);
  const element = elements[0];
  if (element === undefined) return !isEnum;
  if (elements.some(type => type.oid !== element.oid)) return false;
  if (isNonArray && isTrueArray(rules.baseType(element))) return false;
  return !isEnum || rules.baseType(element).kind === 'e';
}

/** The anycompatible family: all can become one common type, which is a range's element type exactly. */
export function matchesFamily2(
  rules: MatchRules,
  actual: readonly TypeInstance[],
  declared: readonly Oid[],
): boolean {
  const types: TypeInstance[] = [];
  const ranges: TypeInstance[] = [];
  const multiranges: TypeInstance[] = [];
  let isNonArray = false;
  for (let index = 0; index < actual.length; index++) {
    const type = declared[index]!;
    const from = actual[index]!;
    isNonArray ||= type === TypeOid.anycompatiblenonarray;
    if (from.oid === TypeOid.unknown) continue;
    if (type === TypeOid.anycompatible || type === TypeOid.anycompatiblenonarray) types.push(from);
    else if (type === TypeOid.anycompatiblearray) {
      const array = rules.baseType(from);
      if (!isTrueArray(array)) return false;
      types.push(array.element!);
    } else if (type === TypeOid.anycompatiblerange) ranges.push(rules.baseType(from));
    else if (type === TypeOid.anycompatiblemultirange) multiranges.push(rules.baseType(from));
  }
  const range = agreedRange(ranges, multiranges);
  if (range === false) return false;
  if (range !== null) types.push(range.subtype);
  if (types.length === 0) return true;
  const common = commonOf(rules, types);
  if (
    common === null ||
    !types.every(type => type.oid === common.oid || rules.canCoerce(type, common))
  )
    return false;
  if (isNonArray && isTrueArray(rules.baseType(common))) return false;
  return range === null || range.subtype.oid === common.oid;
}

/** The common type of types none of which is unknown (PostgreSQL 10.5); null when there is none. */
function commonOf(rules: MatchRules, types: readonly TypeInstance[]): TypeInstance | null {
  const first = types[0]!;
  if (types.every(type => type.oid === first.oid)) return first;
  let common = rules.baseType(first);
  for (const type of types) {
    const next = rules.baseType(type);
    if (next.oid === common.oid) continue;
    if (next.category !== common.category) return null;
    if (!common.isPreferred && rules.canCoerce(common, next) && !rules.canCoerce(next, common))
      common = next;
  }
  return common;
}
