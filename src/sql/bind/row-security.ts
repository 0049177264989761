import type {Node} from '@pgsql/types';
import {rolesWithPrivilegesOf} from '../../catalog/acl.ts';
import type {PolicyDescriptor, TableDescriptor} from '../../catalog/descriptors.ts';
import {policiesBind} from '../../catalog/row-security.ts';
import {PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {Binding} from './binding.ts';
import {applySubqueries, Block} from './block.ts';
import {coerceBoolean} from './coerce.ts';
import {joinAnd} from './conjuncts.ts';
import type {
  BoundQuery,
  DmlCheck,
  LogicalNode,
  ScanNode,
  SecurityFilter,
  SubqueryExpr,
  TargetRow,
} from './logical.ts';
import {expressionAst} from './parsed-text.ts';
import {makeScan, noteUse, scanItem} from './relations.ts';

/** A command that policies are for, by its letter in pg_policy. */
export type PolicyCommand = 'r' | 'a' | 'w' | 'd';

/** Whether policies apply to a table as the statement reads it now: as the invoker, or as the owner of the view being bound. */
export function isSecured(binding: Binding, table: TableDescriptor): boolean {
  const {catalog, role, rowSecurity} = binding.context;
  if (!table.rowSecurity || rowSecurity === 'ignored' || binding.trace !== null) return false;
  binding.dependsOnRole = true;
  return policiesBind(catalog, table, binding.asRole === 0 ? role : binding.asRole, rowSecurity);
}

interface Policies {
  readonly permissive: readonly PolicyDescriptor[];
  readonly restrictive: readonly PolicyDescriptor[];
}

/** The policies of a table for a command and the role in force, by name. */
function policiesFor(binding: Binding, table: TableDescriptor, command: PolicyCommand): Policies {
  const {catalog, role} = binding.context;
  const roles = rolesWithPrivilegesOf(binding.asRole === 0 ? role : binding.asRole, catalog);
  const found = catalog
    .policiesOf(table.oid)
    .filter(policy => policy.command === '*' || policy.command === command)
    .filter(policy => policy.roles.some(each => each === 0 || roles.has(each)))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return {
    permissive: found.filter(policy => policy.isPermissive),
    restrictive: found.filter(policy => !policy.isPermissive),
  };
}

/** A policy's expression over a row, with the subqueries that it needs below. */
interface BoundPolicy {
  readonly expr: BoundExpr;
  readonly subqueries: readonly SubqueryExpr[];
}

function bindPolicy(
  block: Block,
  table: TableDescriptor,
  row: ScanNode,
  policy: PolicyDescriptor,
  text: string,
): BoundPolicy {
  const {binding} = block;
  const isNested = /\bSELECT\b/i.test(text);
  if (isNested && binding.policyTables.includes(table.oid)) {
    throw new PgError(
      SqlState.invalidObjectDefinition,
      `infinite recursion detected in policy for relation "${table.name}"`,
    );
  }
  if (isNested) binding.policyTables.push(table.oid);
  try {
    return binding.withoutPositions(() => {
      const level = new Block(binding, block.binders, null, null);
      level.items = [scanItem(level, row, policy.rowName, null, true)];
      level.clause = 'policy expressions';
      const expr = coerceBoolean(binding, level.expr(expressionAst(binding, text)), 'POLICY');
      return {expr, subqueries: level.takeSubqueries()};
    });
  } finally {
    if (isNested) binding.policyTables.pop();
  }
}

/** The expression of a policy as it is being made; notes the columns that it reads. */
export function bindPolicyDefinition(
  level: Block,
  table: TableDescriptor,
  rowName: string,
  ast: Node,
): BoundExpr {
  const {binding} = level;
  const use = noteUse(binding, table.oid, 'r');
  level.items = [scanItem(level, makeScan(binding, table, rowName), rowName, use, true)];
  level.clause = 'policy expressions';
  return coerceBoolean(binding, level.expr(ast), 'POLICY');
}

function junction(binding: Binding, kind: 'or', args: readonly BoundExpr[]): BoundExpr {
  if (args.length === 1) return args[0]!;
  return {kind, type: binding.boolType, typmod: -1, location: -1, args};
}

/** USING of the policies for a command as conditions: the restrictive ones, then the permissive ones joined by OR. */
function usingConditions(
  block: Block,
  table: TableDescriptor,
  row: ScanNode,
  command: PolicyCommand,
): {conditions: BoundExpr[]; subqueries: SubqueryExpr[]} {
  const {binding} = block;
  const {permissive, restrictive} = policiesFor(binding, table, command);
  const subqueries: SubqueryExpr[] = [];
  const bind = (policy: PolicyDescriptor): BoundExpr[] => {
    if (policy.usingText === null) return [];
    const bound = bindPolicy(block, table, row, policy, policy.usingText);
    subqueries.push(...bound.subqueries);
    return [bound.expr];
  };
  const allowed = permissive.flatMap(bind);
  if (allowed.length === 0)
    return {conditions: [binding.constant(binding.boolType, false)], subqueries: []};
  return {
    conditions: [...restrictive.flatMap(bind), junction(binding, 'or', allowed)],
    subqueries,
  };
}

/** A scan under the policies of its table for reading or changing its rows; the scan itself when none bind the role. */
export function securedScan(block: Block, scan: ScanNode, command: PolicyCommand): LogicalNode {
  const {relation} = scan;
  if (scan.scope === 'own' && block.binding.context.rowSecurity === 'off')
    block.binding.ownScans.push(scan);
  if (relation.kind !== 'table' || !isSecured(block.binding, relation)) return scan;
  const filter: SecurityFilter = {kind: 'filter', input: scan, conditions: [], isBarrier: true};
  block.binding.secured.set(scan, {filter, asRole: block.binding.asRole});
  addUsing(block, scan, command);
  return filter;
}

/**
 * 42501 for user tables in own scope while row_security is off, as for tables with policies: what is read so would be taken for all
 * rows. Called when every name is resolved, which fixes the scopes.
 */
export function rejectOwnScans(binding: Binding): void {
  if (binding.trace !== null) return;
  const scan = binding.ownScans.find(each => each.scope === 'own');
  if (scan === undefined) return;
  throw new PgError(
    SqlState.insufficientPrivilege,
    `query would be affected by row-level security policy for table "${scan.relation.name}"`,
    {
      hint: 'A user table shows the current user its own rows: set row_security to on to read them.',
    },
  );
}

/** Adds the policies of another command to a scan that is secured; `isFirst` puts them before those it has. */
export function addUsing(
  block: Block,
  scan: ScanNode,
  command: PolicyCommand,
  isFirst = false,
): readonly BoundExpr[] {
  const secured = block.binding.secured.get(scan);
  if (secured === undefined || scan.relation.kind !== 'table') return [];
  const {filter, asRole} = secured;
  const added = withRole(block.binding, asRole, () =>
    usingConditions(block, scan.relation as TableDescriptor, scan, command),
  );
  filter.input = applySubqueries(filter.input, added.subqueries);
  filter.conditions = isFirst
    ? [...added.conditions, ...filter.conditions]
    : [...filter.conditions, ...added.conditions];
  return added.conditions;
}

/** Binds something with the rights of a role; 0 = the invoker. */
export function withRole<T>(binding: Binding, role: Oid, work: () => T): T {
  const before = binding.asRole;
  binding.asRole = role;
  try {
    return work();
  } finally {
    binding.asRole = before;
  }
}

/**
 * Policies as checks of a new row: WITH CHECK, or USING where there is none or `onlyUsing`. Every restrictive policy is a
 * check under its name (PostgreSQL add_with_check_options).
 */
export function policyChecks(
  block: Block,
  table: TableDescriptor,
  row: TargetRow,
  command: PolicyCommand,
  onlyUsing = false,
): DmlCheck[] {
  const {binding} = block;
  if (!isSecured(binding, table)) return [];
  const {permissive, restrictive} = policiesFor(binding, table, command);
  const textOf = (policy: PolicyDescriptor): string | null =>
    onlyUsing ? policy.usingText : (policy.checkText ?? policy.usingText);
  const bound = (policy: PolicyDescriptor): BoundPolicy[] => {
    const text = textOf(policy);
    return text === null ? [] : [bindPolicy(block, table, row, policy, text)];
  };
  const allowed = permissive.flatMap(bound);
  const check = (name: string, expr: BoundExpr, subqueries: readonly SubqueryExpr[]): DmlCheck => ({
    name,
    isPolicy: true,
    condition: expr,
    query: subqueries.length === 0 ? null : checkQuery(binding, expr, subqueries),
  });
  if (allowed.length === 0) return [check('', binding.constant(binding.boolType, false), [])];
  const exprs = allowed.map(each => each.expr);
  return [
    check(
      '',
      junction(binding, 'or', exprs),
      allowed.flatMap(each => each.subqueries),
    ),
    ...restrictive.flatMap(policy =>
      bound(policy).map(each => check(policy.name, each.expr, each.subqueries)),
    ),
  ];
}

/** A check with subqueries as a query of one row and one column over the new row, which is an outer one to it. */
function checkQuery(
  binding: Binding,
  expr: BoundExpr,
  subqueries: readonly SubqueryExpr[],
): BoundQuery {
  const column = binding.newColumn('check', binding.boolType, -1);
  const input = applySubqueries({kind: 'values', rows: [[]], columns: []}, subqueries);
  return {
    node: {kind: 'compute', input, outputs: [{column, expr}]},
    columns: [{...column, tableOid: 0 as Oid, attnum: 0}],
  };
}

/** The checks of an INSERT by policies. `reads`: the table is read too (RETURNING, ON CONFLICT), so that SELECT policies bind. */
export function insertPolicies(
  block: Block,
  table: TableDescriptor,
  newRow: TargetRow,
  reads: boolean,
): DmlCheck[] {
  const checks = policyChecks(block, table, newRow, 'a');
  return reads ? [...checks, ...policyChecks(block, table, newRow, 'r', true)] : checks;
}

/** ON CONFLICT DO UPDATE by policies: the row that is there must pass USING, what it becomes WITH CHECK. */
export function conflictPolicies(
  block: Block,
  table: TableDescriptor,
  newRow: TargetRow,
  reads: boolean,
): {readonly existingChecks: readonly DmlCheck[]; readonly updateChecks: readonly DmlCheck[]} {
  const seen = reads ? policyChecks(block, table, newRow, 'r', true) : [];
  return {
    existingChecks: [...policyChecks(block, table, newRow, 'w', true), ...seen],
    updateChecks: [...policyChecks(block, table, newRow, 'w'), ...seen],
  };
}

/**
 * The policies of a matched row of MERGE as a condition over the target's scan, for the subqueries of SET: these run before the policies
 * are checked. Its own subqueries are asked first. Null when no policy binds the role.
 */
export function mergeSetGuard(
  block: Block,
  table: TableDescriptor,
  target: ScanNode,
): BoundExpr | null {
  if (block.subqueries.length === 0 || !isSecured(block.binding, table)) return null;
  const {conditions, subqueries} = usingConditions(block, table, target, 'w');
  block.subqueries.unshift(...subqueries);
  return joinAnd(conditions);
}

/** UPDATE of MERGE by policies: the row that is there must pass USING, the new one WITH CHECK, and be visible. */
export function mergePolicies(
  block: Block,
  table: TableDescriptor,
  newRow: TargetRow,
): {readonly existingChecks: readonly DmlCheck[]; readonly updateChecks: readonly DmlCheck[]} {
  return {
    existingChecks: policyChecks(block, table, newRow, 'w', true),
    updateChecks: [
      ...policyChecks(block, table, newRow, 'w'),
      ...policyChecks(block, table, newRow, 'r', true),
    ],
  };
}
