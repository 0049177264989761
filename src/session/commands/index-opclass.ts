import {PgError} from '../../common/errors.ts';
import {oid, type Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {errorType} from '../../sql/bind/display-type.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {SessionContext} from '../session-context.ts';
import {usualCollation} from './column-definitions.ts';
import {NO_OID} from './ddl.ts';

/** pg_am OIDs; bloom takes the classes of hash: it needs equality only. */
const METHODS: Readonly<Record<string, number>> = {btree: 403, hash: 405, bloom: 405};

/** The input type whose operator class serves a type. */
export function classType(type: TypeInstance): number {
  let base = type;
  while (base.base !== null) base = base.base;
  if (base.oid === 1043) return 25;
  if (base.kind === 'e') return 3500;
  if (base.kind === 'r') return 3831;
  if (base.kind === 'm') return 4537;
  if (base.kind === 'c' || base.oid === 2249) return 2249;
  if (base.element !== null && base.category === 'A') return 2277;
  return base.oid;
}

/** The operator class of an index key: 0 when it is the type's default. */
export function indexOpclass(
  session: SessionContext,
  type: TypeInstance,
  method: string,
  names: readonly string[],
): Oid {
  const table = session.transaction.catalog.builtin.data.table('pg_opclass');
  const wanted = classType(type);
  const am = METHODS[method];
  if (names.length === 0) {
    const hasDefault = table
      .rows()
      .some(row => row[1] === am && row[6] === wanted && row[7] === true);
    if (hasDefault) return NO_OID;
    throw new PgError(
      SqlState.undefinedObject,
      `data type ${errorType(type)} has no default operator class for access method "${method}"`,
      {
        hint: 'You must specify an operator class for the index or define a default operator class for the data type.',
      },
    );
  }
  const name = names.at(-1)!;
  const classes = table.rows().filter(row => row[1] === am && row[2] === name);
  if (classes.length === 0) {
    throw new PgError(
      SqlState.undefinedObject,
      `operator class "${names.join('.')}" does not exist for access method "${method}"`,
    );
  }
  const found = classes.find(
    row => row[6] === wanted || (row[6] === 25 && wanted === 1042 && name.startsWith('text')),
  );
  if (found === undefined) {
    throw new PgError(
      SqlState.datatypeMismatch,
      `operator class "${names.join('.')}" does not accept data type ${errorType(type)}`,
    );
  }
  return found[7] === true ? NO_OID : oid(found[0] as number);
}

/** The collation of an index key by COLLATE, or the type's own. */
export function indexCollation(
  session: SessionContext,
  names: readonly string[],
  type: TypeInstance,
): Oid {
  if (names.length === 0) return usualCollation(type);
  if (!type.isCollatable)
    throw new PgError(
      SqlState.datatypeMismatch,
      `collations are not supported by type ${errorType(type)}`,
    );
  const table = session.transaction.catalog.builtin.data.table('pg_collation');
  const at = table.byName(names.at(-1) ?? '')[0];
  if (at === undefined) {
    throw new PgError(
      SqlState.undefinedObject,
      `collation "${names.join('.')}" for encoding "UTF8" does not exist`,
    );
  }
  return table.row(at)[0] as Oid;
}
