import {featureNotSupported} from '../common/errors.ts';
import {oid} from '../common/ids.ts';
import {ArrayType} from '../types/array.ts';
import type {TypeInstance, TypeLookup} from '../types/contract.ts';
import {makeDomainType} from '../types/domain.ts';
import {makeEnumType} from '../types/enum.ts';
import {makeContinuousRange, makeMultirangeType, RangeType} from '../types/range.ts';
import {makeCompositeType} from '../types/record.ts';
import {createBuiltinTypes} from '../types/registry.ts';
import {UnorderedTextType} from '../types/text.ts';
import type {TypeMakers} from './type-makers.ts';

/** Types of catalog columns whose values nobody may enter: read as text. */
const catalogOnly: readonly (readonly [oid: number, name: string, arrayOid: number])[] = [
  [869, 'inet', 1041],
  [3361, 'pg_ndistinct', 0],
  [3402, 'pg_dependencies', 0],
  [5017, 'pg_mcv_list', 0],
];

/** A type that the system views show and that values cannot be made of. */
class ShownType extends UnorderedTextType {
  override input(): never {
    throw featureNotSupported(`type ${this.name} is not supported`);
  }
}

/** Type makers over the built-in registry. */
export function createTypeMakers(builtin: TypeLookup = createBuiltinTypes()): TypeMakers {
  const shown = new Map<number, TypeInstance>(
    catalogOnly.map(([typeOid, name, arrayOid]) => [
      typeOid,
      new ShownType({oid: typeOid, name, arrayOid, category: 'U', length: -1}),
    ]),
  );
  return {
    builtin: typeOid => builtin.typeByOid(typeOid) ?? shown.get(typeOid),
    makeEnum: (spec, labels) =>
      makeEnumType(
        spec.oid,
        spec.name,
        spec.arrayOid,
        labels.map((label, at) => ({label, sortOrder: at + 1})),
      ),
    makeDomain: (spec, base, typmod) => makeDomainType(spec, base, typmod),
    makeComposite: (spec, fields, lookup) => makeCompositeType(spec, fields, lookup),
    makeRange: (spec, subtype, multirange) => makeContinuousRange(spec, subtype, multirange),
    makeMultirange: (spec, range) =>
      range instanceof RangeType ? makeMultirangeType(spec, range) : undefined,
    makeArray: (spec, element) => makeArray(spec, element),
  };
}

function makeArray(
  spec: {readonly oid: number; readonly name: string},
  element: TypeInstance,
): TypeInstance {
  const {delimiter, isCollatable} = element;
  const row = {category: 'A', length: -1, arrayOid: 0, delimiter, isCollatable};
  return new ArrayType({...row, oid: oid(spec.oid), name: spec.name}, element);
}
