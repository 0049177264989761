import type {LockStmt} from '@pgsql/types';
import {hasPrivileges} from '../../catalog/acl.ts';
import type {RelationDescriptor} from '../../catalog/descriptors.ts';
import {isMaterialized, relationWords} from '../../catalog/stored-queries.ts';
import {PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {LockWait} from '../../storage/contract.ts';
import type {TableLockMode} from '../../storage/locks/table-lock-mode.ts';
import {CommandExecution, type Execution} from '../execution.ts';
import type {CommandInput} from './command-types.ts';
import {lockTable} from './ddl.ts';
import {relationNamed} from './object-names.ts';
import {viewUses} from './view-uses.ts';
import type {SessionContext} from '../session-context.ts';

/** By PostgreSQL's lock mode number. */
const MODES: readonly TableLockMode[] = [
  'accessShare',
  'accessShare',
  'rowShare',
  'rowExclusive',
  'shareUpdateExclusive',
  'share',
  'shareRowExclusive',
  'exclusive',
  'accessExclusive',
];

/** Privileges of which one is enough, by mode number. */
function neededRights(mode: number): string {
  if (mode === 1) return 'rwdD';
  return mode <= 3 ? 'awdD' : 'wdD';
}

/** LOCK [TABLE] tables IN mode MODE [NOWAIT]. */
export function lockCommand({session, node}: CommandInput<LockStmt>): Execution {
  return new CommandExecution(async () => {
    if (!session.transaction.isInBlock && !session.isInMultiStatement) {
      throw new PgError(
        SqlState.noActiveSqlTransaction,
        'LOCK TABLE can only be used in transaction blocks',
      );
    }
    const mode = node.mode ?? 8;
    if (mode > 3) session.assertWritable('LOCK TABLE');
    session.transaction.hasRun = true;
    for (const item of node.relations ?? []) {
      if (!('RangeVar' in item)) continue;
      const relation = relationNamed(session, item.RangeVar);
      await lockRelation(session, relation, session.currentRole, {
        mode,
        wait: node.nowait === true ? 'nowait' : 'wait',
        done: new Set(),
      });
    }
    return 'LOCK TABLE';
  });
}

interface Locking {
  readonly mode: number;
  readonly wait: LockWait;
  /** What is locked already: a view is followed once for each role. */
  readonly done: Set<string>;
}

/** Locks a relation, and what a view reads under the rights of its owner (PostgreSQL LockViewRecurse). */
async function lockRelation(
  session: SessionContext,
  relation: RelationDescriptor,
  role: Oid,
  locking: Locking,
): Promise<void> {
  checkRights(session, relation, role, locking.mode);
  await lockTable(session, relation, MODES[locking.mode] ?? 'accessExclusive', locking.wait);
  const {catalog} = session.transaction;
  const view = catalog.relationByOid(relation.oid);
  if (view?.kind !== 'view' || locking.done.has(`${view.oid}/${role}`)) return;
  locking.done.add(`${view.oid}/${role}`);
  const reader = view.options['security_invoker'] === 'true' ? role : view.owner;
  for (const use of viewUses(session, view)) {
    const read = session.transaction.catalog.relationByOid(use.relation);
    if (read === undefined || (read.kind !== 'table' && read.kind !== 'view')) continue;
    if (!isMaterialized(read)) await lockRelation(session, read, reader, locking);
  }
}

function checkRights(
  session: SessionContext,
  relation: RelationDescriptor,
  role: Oid,
  mode: number,
): void {
  if (relation.kind === 'systemRelation') return;
  if ((relation.kind !== 'table' && relation.kind !== 'view') || isMaterialized(relation)) {
    throw new PgError(SqlState.wrongObjectType, `cannot lock relation "${relation.name}"`, {
      detail: `This operation is not supported for ${relationWords(relation)}.`,
    });
  }
  const {catalog} = session.transaction;
  const target = {kind: 'r', owner: relation.owner, acl: relation.acl} as const;
  if ([...neededRights(mode)].some(letter => hasPrivileges(catalog, role, target, letter))) return;
  throw new PgError(
    SqlState.insufficientPrivilege,
    `permission denied for ${relation.kind} ${relation.name}`,
  );
}
