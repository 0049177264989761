import type {Node, SelectStmt} from '@pgsql/types';
import {isMaterialized} from '../../catalog/stored-queries.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {RowMark} from '../plan/plan.ts';
import type {Block} from './block.ts';
import type {LogicalNode, ScanNode} from './logical.ts';
import {noteUse} from './relations.ts';
import {requeryOf} from './row-requery.ts';
import {addUsing} from './row-security.ts';
import {pseudoColumn} from './system-columns.ts';

/** Strengths of FOR UPDATE and its kin. */
export const lockModes: Readonly<
  Record<string, {readonly mode: RowMark['mode']; readonly text: string}>
> = {
  LCS_FORKEYSHARE: {mode: 'keyShare', text: 'FOR KEY SHARE'},
  LCS_FORSHARE: {mode: 'share', text: 'FOR SHARE'},
  LCS_FORNOKEYUPDATE: {mode: 'noKeyUpdate', text: 'FOR NO KEY UPDATE'},
  LCS_FORUPDATE: {mode: 'update', text: 'FOR UPDATE'},
};

/** A query of FROM with the locks that FOR UPDATE of the enclosing level asks of it. */
export function withLocks(block: Block, alias: string, query: SelectStmt): SelectStmt {
  if (query.valuesLists !== undefined) return query;
  const pushed = block.locking.flatMap((clause): Node[] => {
    if (!('LockingClause' in clause)) return [];
    const {lockedRels, ...rest} = clause.LockingClause;
    const isNamed = (lockedRels ?? [clause]).some(
      each => !('RangeVar' in each) || each.RangeVar.relname === alias,
    );
    return isNamed ? [{LockingClause: rest}] : [];
  });
  if (pushed.length === 0) return query;
  return {...query, lockingClause: [...(query.lockingClause ?? []), ...pushed]};
}

/** What keeps the rows of a query from being those of its tables (PostgreSQL CheckSelectLocking). */
function obstacle(block: Block, statement: SelectStmt): string | null {
  if (statement.distinctClause !== undefined) return 'DISTINCT clause';
  if (statement.groupClause !== undefined) return 'GROUP BY clause';
  if (statement.havingClause !== undefined) return 'HAVING clause';
  if (block.aggregates.length > 0) return 'aggregate functions';
  if (block.windows.length > 0) return 'window functions';
  return block.setCalls.length > 0 ? 'set-returning functions in the target list' : null;
}

/** FOR UPDATE and its kin: marks the scans whose rows are locked. */
export function lockRows(block: Block, statement: SelectStmt, input: LogicalNode): LogicalNode {
  const scans: ScanNode[] = [];
  for (const clause of statement.lockingClause ?? []) {
    if (!('LockingClause' in clause)) continue;
    const {mode, text} = lockModes[clause.LockingClause.strength ?? '']!;
    const what = obstacle(block, statement);
    if (what !== null)
      throw block.binding.error(
        SqlState.featureNotSupported,
        `${text} is not allowed with ${what}`,
        -1,
      );
    const wait =
      clause.LockingClause.waitPolicy === 'LockWaitSkip'
        ? 'skip'
        : clause.LockingClause.waitPolicy === 'LockWaitError'
          ? 'nowait'
          : 'wait';
    const names = (clause.LockingClause.lockedRels ?? []).map(node =>
      'RangeVar' in node ? node.RangeVar : {},
    );
    const items = block.items.filter(item => item.isNamed);
    for (const name of names) {
      const named = items.find(item => item.alias === name.relname);
      if (named?.unlockable === null) continue;
      if (named !== undefined)
        throw block.binding.error(
          SqlState.featureNotSupported,
          `${text} cannot be applied to ${named.unlockable}`,
          name.location ?? -1,
        );
      throw block.binding.error(
        SqlState.undefinedTable,
        `relation "${name.relname}" in ${text} clause not found in FROM clause`,
        name.location ?? -1,
      );
    }
    for (const item of items) {
      if (names.length > 0 && !names.some(name => name.relname === item.alias)) continue;
      const scan = item.scan;
      // Of a subquery or view the locks are in its own query.
      if (scan === null && item.use !== null) noteUse(block.binding, item.use.relation, 'w');
      if (scan === null || scan.relation.kind !== 'table') continue;
      if (isMaterialized(scan.relation))
        throw block.binding.error(
          SqlState.wrongObjectType,
          `cannot lock rows in materialized view "${scan.relation.name}"`,
          -1,
        );
      scan.lock = {mode, wait};
      for (const source of ['rid', 'seq', 'owner', 'location'] as const)
        pseudoColumn(block, scan, source, `_${source}`);
      if (!scans.includes(scan)) addUsing(block, scan, 'w', true);
      noteUse(block.binding, scan.relation.oid, 'w');
      block.binding.lockTable(scan.relation.oid, 'rowShare');
      block.binding.locksRows = true;
      if (!scans.includes(scan)) scans.push(scan);
    }
  }
  if (scans.length === 0) return input;
  return {kind: 'lock', input, requery: requeryOf(block.binding, input), scans};
}
