import type {Node} from '@pgsql/types';
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

/** FOR UPDATE and its kin: marks the scans whose rows are locked. */
export function lockRows(
  block: Block,
  clauses: readonly Node[],
  input: LogicalNode,
  isGrouped: boolean,
): LogicalNode {
  const scans: ScanNode[] = [];
  for (const clause of clauses) {
    if (!('LockingClause' in clause)) continue;
    const {mode, text} = lockModes[clause.LockingClause.strength ?? '']!;
    if (isGrouped) {
      const what =
        block.aggregates.length > 0
          ? 'aggregate functions'
          : block.windows.length > 0
            ? 'window functions'
            : 'DISTINCT clause';
      throw block.binding.error(
        SqlState.featureNotSupported,
        `${text} is not allowed with ${what}`,
        -1,
      );
    }
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
      if (items.some(item => item.alias === name.relname)) continue;
      throw block.binding.error(
        SqlState.undefinedTable,
        `relation "${name.relname}" in ${text} clause not found in FROM clause`,
        name.location ?? -1,
      );
    }
    for (const item of items) {
      if (names.length > 0 && !names.some(name => name.relname === item.alias)) continue;
      const scan = item.scan;
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
