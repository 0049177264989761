import type {AlterPolicyStmt, CreatePolicyStmt, Node, RangeVar, RenameStmt} from '@pgsql/types';
import type {PolicyDescriptor, TableDescriptor} from '../../catalog/descriptors.ts';
import {isMaterialized} from '../../catalog/stored-queries.ts';
import {PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Execution} from '../execution.ts';
import {checkOwner} from '../privileges.ts';
import type {SessionContext} from '../session-context.ts';
import type {CommandInput} from './command-types.ts';
import {change, ddlExecution, lockFound, NO_OID, newOid, puts} from './ddl.ts';
import {granteeOid, relationNamed} from './object-names.ts';
import {policyText} from './policy-text.ts';

const COMMANDS: Readonly<Record<string, PolicyDescriptor['command']>> = {
  all: '*',
  select: 'r',
  insert: 'a',
  update: 'w',
  delete: 'd',
};

/** CREATE POLICY. */
export function createPolicyCommand({session, node}: CommandInput<CreatePolicyStmt>): Execution {
  return ddlExecution(session, 'CREATE POLICY', async () => {
    const command = COMMANDS[node.cmd_name ?? 'all']!;
    checkExpressions(command, node.qual, node.with_check, false);
    const roles = policyRoles(session, node.roles);
    const table = await policyTable(session, node.table);
    const name = node.policy_name ?? '';
    const print = printer(session, table, table.name);
    const policy: PolicyDescriptor = {
      kind: 'policy',
      oid: newOid(session),
      name,
      owner: table.owner,
      acl: null,
      comment: null,
      table: table.oid,
      command,
      isPermissive: node.permissive === true,
      roles,
      rowName: table.name,
      usingText: print(node.qual),
      checkText: print(node.with_check),
    };
    if (policyOf(session, table, name) !== undefined) throw duplicate(name, table);
    changePolicy(session, table, policy);
  });
}

/** ALTER POLICY ... TO | USING | WITH CHECK. */
export function alterPolicyCommand({session, node}: CommandInput<AlterPolicyStmt>): Execution {
  return ddlExecution(session, 'ALTER POLICY', async () => {
    const roles = node.roles === undefined ? null : policyRoles(session, node.roles);
    const table = await policyTable(session, node.table);
    const policy = policyNamed(session, table, node.policy_name ?? '');
    checkExpressions(policy.command, node.qual, node.with_check, true);
    const print = printer(session, table, policy.rowName);
    changePolicy(session, table, {
      ...policy,
      roles: roles ?? policy.roles,
      usingText: print(node.qual) ?? policy.usingText,
      checkText: print(node.with_check) ?? policy.checkText,
    });
  });
}

/** ALTER POLICY ... RENAME TO. */
export async function renamePolicy(session: SessionContext, node: RenameStmt): Promise<void> {
  const table = await policyTable(session, node.relation);
  const to = node.newname ?? '';
  if (policyOf(session, table, to) !== undefined) throw duplicate(to, table);
  const policy = policyNamed(session, table, node.subname ?? '');
  changePolicy(session, table, {...policy, name: to});
}

/** The table is put anew, too, so that plans of it which wait for its lock are made again. */
function changePolicy(
  session: SessionContext,
  table: TableDescriptor,
  policy: PolicyDescriptor,
): void {
  change(session, puts(policy, {...table}));
}

function printer(
  session: SessionContext,
  table: TableDescriptor,
  rowName: string,
): (node: Node | undefined) => string | null {
  const context = session.planner.context([]);
  return node => (node === undefined ? null : policyText({session, context, table, rowName}, node));
}

function checkExpressions(
  command: PolicyDescriptor['command'],
  using: Node | undefined,
  check: Node | undefined,
  isAlter: boolean,
): void {
  if ((command === 'r' || command === 'd') && check !== undefined) {
    throw new PgError(
      SqlState.syntaxError,
      isAlter
        ? 'only USING expression allowed for SELECT, DELETE'
        : 'WITH CHECK cannot be applied to SELECT or DELETE',
    );
  }
  if (command === 'a' && using !== undefined)
    throw new PgError(SqlState.syntaxError, 'only WITH CHECK expression allowed for INSERT');
}

/** TO of a policy; PUBLIC is 0, and makes the others superfluous. */
function policyRoles(session: SessionContext, nodes: readonly Node[] | undefined): Oid[] {
  const specs = (nodes ?? []).flatMap(each => ('RoleSpec' in each ? [each.RoleSpec] : []));
  if (specs.length === 0) return [NO_OID];
  if (specs.some(spec => spec.roletype === 'ROLESPEC_PUBLIC')) {
    if (specs.length > 1)
      session.notice(
        'WARNING',
        SqlState.invalidParameterValue,
        'ignoring specified roles other than PUBLIC',
        {hint: 'All roles are members of the PUBLIC role.'},
      );
    return [NO_OID];
  }
  return specs.map(spec => granteeOid(session, spec));
}

async function policyTable(
  session: SessionContext,
  name: RangeVar | undefined,
): Promise<TableDescriptor> {
  return lockFound(session, 'accessExclusive', () => {
    const found = relationNamed(session, name);
    if (found.kind === 'systemRelation') {
      throw new PgError(
        SqlState.insufficientPrivilege,
        `permission denied: "${found.name}" is a system catalog`,
      );
    }
    checkOwner(session.transaction.catalog, session.currentRole, found, found.kind);
    if (found.kind === 'table' && !isMaterialized(found)) return found;
    throw new PgError(SqlState.wrongObjectType, `"${found.name}" is not a table`);
  });
}

function policyOf(
  session: SessionContext,
  table: TableDescriptor,
  name: string,
): PolicyDescriptor | undefined {
  return session.transaction.catalog.policiesOf(table.oid).find(each => each.name === name);
}

/** A policy of a table; 42704 when there is none of that name. */
export function policyNamed(
  session: SessionContext,
  table: TableDescriptor,
  name: string,
): PolicyDescriptor {
  const found = policyOf(session, table, name);
  if (found !== undefined) return found;
  throw new PgError(
    SqlState.undefinedObject,
    `policy "${name}" for table "${table.name}" does not exist`,
  );
}

function duplicate(name: string, table: TableDescriptor): PgError {
  return new PgError(
    SqlState.duplicateObject,
    `policy "${name}" for table "${table.name}" already exists`,
  );
}
