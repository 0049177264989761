import {featureNotSupported} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import {oid} from '../../common/ids.ts';
import type {Block, RangeItem} from './block.ts';
import {makeCall} from './calls.ts';
import {relabel} from './coerce.ts';
import type {ScanColumn, ScanNode, ScanSource} from './logical.ts';
import {TypeOid} from './type-oids.ts';

const hidden: ReadonlySet<string> = new Set(['_seq', '_user_id', 'tableoid', 'ctid', 'xmin']);
const xidFromXid8 = oid(5071);
const refusedInWhen: ReadonlySet<string> = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax']);

/** A hidden or system column of a FROM item by name; null when it has none of that name (DESIGN.md 3, STORAGE.md 6.2). */
export function systemColumn(
  level: Block,
  item: RangeItem,
  name: string,
  location: number,
): BoundExpr | null {
  const scan = item.scan;
  if (scan === null) return null;
  const binding = level.binding;
  if (level.clause === 'policy expressions' && hidden.has(name))
    throw featureNotSupported(`column "${name}" in policy expressions is not supported`);
  const isStored = scan.relation.kind === 'table';
  if (level.clause === 'MERGE WHEN conditions' && refusedInWhen.has(name)) {
    throw binding.error(
      SqlState.invalidColumnReference,
      `cannot use system column "${name}" in MERGE WHEN condition`,
      location,
    );
  }
  switch (name) {
    case '_seq':
      return isStored ? pseudo(level, scan, 'seq', name, location) : null;
    case '_user_id':
      if (scan.relation.kind !== 'table' || scan.relation.tableKind === 'shared') return null;
      widenScope(level, item);
      return pseudo(level, scan, 'userId', name, location);
    case 'tableoid':
      return isStored
        ? pseudo(level, scan, 'tableoid', name, location)
        : binding.constant(binding.type(TypeOid.oid), scan.relation.oid, location);
    case 'ctid':
      if (isStored) return pseudo(level, scan, 'ctid', name, location);
      return binding.constant(
        binding.type(TypeOid.tid),
        binding.type(TypeOid.tid).input('(0,1)', -1, binding.context.format),
        location,
      );
    case 'xmin': {
      if (!isStored) return binding.constant(binding.type(TypeOid.xid), 1, location);
      const row = binding.context.catalog.functionByOid(xidFromXid8);
      if (row === undefined) return null;
      const seq = relabel(
        pseudo(level, scan, 'seq', '_seq', location),
        binding.type(oid(5069)),
        location,
      );
      return makeCall(binding, row, [seq], binding.type(TypeOid.xid), location);
    }
    case 'xmax':
      return binding.constant(binding.type(TypeOid.xid), 0, location);
    case 'cmin':
    case 'cmax':
      return binding.constant(binding.type(TypeOid.cid), 0, location);
    default:
      return null;
  }
}

const neverWidens: ReadonlySet<string> = new Set([
  'UPDATE',
  'RETURNING',
  'MERGE WHEN conditions',
  'VALUES',
]);

/** A reference to `_user_id` makes the item address all owners; for the target of UPDATE, DELETE and MERGE only in WHERE and ON. */
function widenScope(level: Block, item: RangeItem): void {
  if (item.scan === null) return;
  if (item.isTarget && neverWidens.has(level.clause)) return;
  item.scan.scope = 'all';
}

/** 0A000 when user tables of one query level are addressed in both scopes (STORAGE.md 6.2). */
export function checkScopes(block: Block): void {
  const scopes = new Map<string, string>();
  for (const item of block.items) {
    if (item.scan !== null && item.scan.scope !== 'none') scopes.set(item.scan.scope, item.alias);
  }
  if (scopes.size < 2) return;
  throw featureNotSupported(
    `user tables "${scopes.get('all')}" of all owners and "${scopes.get('own')}" of the current user in one query`,
    {
      hint: 'Join the tables on _user_id.',
    },
  );
}

function pseudo(
  level: Block,
  scan: ScanNode,
  source: ScanSource,
  name: string,
  location: number,
): BoundExpr {
  const column = pseudoColumn(level, scan, source, name);
  level.binding.owners.set(column.id, level.real);
  return level.binding.columnExpr(column, location);
}

const pseudoTypes = {
  rid: TypeOid.int8,
  seq: TypeOid.int8,
  owner: TypeOid.oid,
  location: TypeOid.float8,
  userId: TypeOid.text,
  tableoid: TypeOid.oid,
  ctid: TypeOid.tid,
} as const;

/** The scan's column for a pseudo column, added on first use. */
export function pseudoColumn(
  level: Block,
  scan: ScanNode,
  source: ScanSource,
  name: string,
): ScanColumn {
  const known = scan.columns.find(column => column.source === source);
  if (known !== undefined) return known;
  if (typeof source === 'number') throw featureNotSupported('column is not part of the scan');
  const made = {
    ...level.binding.newColumn(name, level.binding.type(pseudoTypes[source]), -1),
    source,
  };
  scan.columns.push(made);
  return made;
}
