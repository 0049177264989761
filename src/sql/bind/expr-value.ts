import type {SQLValueFunction} from '@pgsql/types';
import type {BoundExpr, SessionValueExpr} from '../../expr/bound.ts';
import type {Oid} from '../../common/ids.ts';
import type {Binding} from './binding.ts';
import {coerceTypmod} from './coerce.ts';
import {TypeOid} from './type-oids.ts';

const values: Readonly<
  Record<string, {readonly name: SessionValueExpr['name']; readonly type: Oid}>
> = {
  SVFOP_CURRENT_DATE: {name: 'current_date', type: TypeOid.date},
  SVFOP_CURRENT_TIME: {name: 'current_time', type: TypeOid.timetz},
  SVFOP_CURRENT_TIMESTAMP: {name: 'current_timestamp', type: TypeOid.timestamptz},
  SVFOP_LOCALTIME: {name: 'localtime', type: TypeOid.time},
  SVFOP_LOCALTIMESTAMP: {name: 'localtimestamp', type: TypeOid.timestamp},
  SVFOP_CURRENT_ROLE: {name: 'current_role', type: TypeOid.name},
  SVFOP_CURRENT_USER: {name: 'current_user', type: TypeOid.name},
  SVFOP_USER: {name: 'current_user', type: TypeOid.name},
  SVFOP_SESSION_USER: {name: 'session_user', type: TypeOid.name},
  SVFOP_CURRENT_CATALOG: {name: 'current_catalog', type: TypeOid.name},
  SVFOP_CURRENT_SCHEMA: {name: 'current_schema', type: TypeOid.name},
};

/** current_user, current_timestamp(3) and their kin: read at run time. */
export function bindSqlValue(binding: Binding, node: SQLValueFunction): BoundExpr {
  const op = node.op ?? 'SVFOP_CURRENT_DATE';
  const value = values[op.replace(/_N$/, '')]!;
  const location = node.location ?? -1;
  const type = binding.type(value.type);
  if (binding.definer !== 0 && (value.name === 'current_user' || value.name === 'current_role')) {
    const owner = binding.context.catalog.roleByOid(binding.definer)?.name ?? '';
    return binding.constant(type, owner, location);
  }
  const expr: BoundExpr = {kind: 'sessionValue', type, typmod: -1, location, name: value.name};
  return op.endsWith('_N')
    ? coerceTypmod(binding, expr, type, Math.min(node.typmod ?? 0, 6), true, location)
    : expr;
}
