import type {Oid} from '../common/ids.ts';
import type {TypeInstance, TypeLookup} from '../types/contract.ts';

/** A field of a composite type. */
export interface FieldSpec {
  readonly name: string;
  readonly type: TypeInstance;
  readonly typmod: number;
}

/** What every made type is told. */
export interface TypeSpec {
  readonly oid: Oid;
  readonly name: string;
  readonly arrayOid: Oid;
}

/** How the catalog gets type instances: the built-in registry and makers for types that live in the catalog. */
export interface TypeMakers {
  builtin(typeOid: Oid): TypeInstance | undefined;
  makeEnum(spec: TypeSpec, labels: readonly string[]): TypeInstance;
  makeDomain(spec: TypeSpec, base: TypeInstance, baseTypmod: number): TypeInstance;
  /** `lookup` finds the types of record fields inside. */
  makeComposite(spec: TypeSpec, fields: readonly FieldSpec[], lookup: TypeLookup): TypeInstance;
  makeRange(spec: TypeSpec, subtype: TypeInstance, multirange: Oid): TypeInstance;
  /** undefined when `range` is no range type. */
  makeMultirange(spec: TypeSpec, range: TypeInstance): TypeInstance | undefined;
  makeArray(spec: TypeSpec, element: TypeInstance): TypeInstance;
}
