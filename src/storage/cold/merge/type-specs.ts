import {makeDomainType} from '../../../types/domain.ts';
import type {TypeInstance, TypeLookup} from '../../../types/contract.ts';
import {type EnumLabel, EnumType, makeEnumType} from '../../../types/enum.ts';

/** A type as a thread is told of it. */
export type TypeSpec =
  | {readonly kind: 'builtin'; readonly oid: number}
  | {
      readonly kind: 'enum';
      readonly oid: number;
      readonly name: string;
      readonly arrayOid: number;
      readonly labels: readonly EnumLabel[];
    }
  | {
      readonly kind: 'domain';
      readonly oid: number;
      readonly name: string;
      readonly arrayOid: number;
      readonly base: TypeSpec;
      readonly baseTypmod: number;
    };

/** OIDs below are of types that every process knows. */
const FIRST_OWN_OID = 10_000;

/** What a thread needs to make the type, or null where that cannot be told (composite types, ranges of users, arrays of these). */
export function specOf(type: TypeInstance): TypeSpec | null {
  const {oid, name, arrayOid, baseTypmod} = type;
  if (type instanceof EnumType) return {kind: 'enum', oid, name, arrayOid, labels: type.labels};
  if (type.base !== null) {
    const base = specOf(type.base);
    return base === null ? null : {kind: 'domain', oid, name, arrayOid, base, baseTypmod};
  }
  const isPlain = type.kind === 'b' || type.kind === 'r' || type.kind === 'm';
  return isPlain && oid < FIRST_OWN_OID ? {kind: 'builtin', oid} : null;
}

/** The type of a description. */
export function typeOf(spec: TypeSpec, builtins: TypeLookup): TypeInstance {
  switch (spec.kind) {
    case 'builtin': {
      const type = builtins.typeByOid(spec.oid as TypeInstance['oid']);
      if (type === undefined) throw new Error(`there is no type with OID ${spec.oid}`);
      return type;
    }
    case 'enum':
      return makeEnumType(spec.oid, spec.name, spec.arrayOid, spec.labels);
    case 'domain':
      return makeDomainType(spec, typeOf(spec.base, builtins), spec.baseTypmod);
  }
}
