import {PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {TypeLookup} from '../../types/contract.ts';

const family1 = ['anyelement', 'anyarray', 'anynonarray', 'anyenum', 'anyrange', 'anymultirange'];
const family2 = [
  'anycompatible',
  'anycompatiblearray',
  'anycompatiblenonarray',
  'anycompatiblerange',
  'anycompatiblemultirange',
];

/** `a, b, or c`. */
function alternatives(names: readonly string[]): string {
  return names.length === 2
    ? names.join(' or ')
    : `${names.slice(0, -1).join(', ')}, or ${names.at(-1)}`;
}

/** 42P13 for a polymorphic result that no argument determines (PostgreSQL 38.2.5), and for `internal` out of nothing. */
export function checkSignature(
  types: TypeLookup,
  inputs: readonly Oid[],
  results: readonly Oid[],
): void {
  const nameOf = (type: Oid): string => types.typeByOid(type)?.name ?? '';
  const given = inputs.map(nameOf);
  for (const result of results) {
    const name = nameOf(result);
    if (name === 'internal' && !given.includes('internal'))
      throw new PgError(
        SqlState.invalidFunctionDefinition,
        'unsafe use of pseudo-type "internal"',
        {detail: 'A result of type internal requires at least one input of type internal.'},
      );
    const family = [family1, family2].find(each => each.includes(name));
    if (family === undefined) continue;
    const enough = name.endsWith('range') ? family.filter(each => each.endsWith('range')) : family;
    if (given.some(each => enough.includes(each))) continue;
    throw new PgError(SqlState.invalidFunctionDefinition, 'cannot determine result data type', {
      detail: `A result of type ${name} requires at least one input of type ${alternatives(enough)}.`,
    });
  }
}
