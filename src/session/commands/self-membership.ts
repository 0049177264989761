import {PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {TypeInstance} from '../../types/contract.ts';
import {MultirangeType, RangeType} from '../../types/range.ts';
import {CompositeType} from '../../types/record.ts';

/** 42P16 when a field of `type` would put a row type into itself, by whatever way: array, range, domain, other row types. */
export function checkNotMember(rowType: Oid, name: string, type: TypeInstance): void {
  if (!contains(type, rowType, new Set())) return;
  throw new PgError(
    SqlState.invalidTableDefinition,
    `composite type ${name} cannot be made a member of itself`,
  );
}

function contains(type: TypeInstance, rowType: Oid, seen: Set<Oid>): boolean {
  if (type.oid === rowType) return true;
  if (seen.has(type.oid)) return false;
  seen.add(type.oid);
  return partsOf(type).some(part => contains(part, rowType, seen));
}

function partsOf(type: TypeInstance): readonly TypeInstance[] {
  if (type.base !== null) return [type.base];
  if (type.element !== null) return [type.element];
  if (type instanceof RangeType) return [type.subtype];
  if (type instanceof MultirangeType) return [type.rangeType];
  return type instanceof CompositeType ? type.compositeFields.map(field => field.type) : [];
}
