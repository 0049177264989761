import {PgArray} from '../../types/array-value.ts';
import type {DefaultAclDescriptor, PolicyDescriptor} from '../descriptors.ts';
import {roleName, schemaName} from '../names.ts';
import {shownInSchema} from '../stored-text.ts';
import {aclDatum, asOid, type Row, type SystemContext, type SystemSource} from './source.ts';

/** pg_policy. */
export const pgPolicy: SystemSource = {
  all: context => context.snapshot.policies().map(policyRow),
  by: {
    polrelid: (context, value) => context.snapshot.policiesOf(asOid(value)).map(policyRow),
  },
};

function policyRow(policy: PolicyDescriptor): Row {
  return [
    ...[policy.oid, policy.name, policy.table, policy.command, policy.isPermissive],
    ...[PgArray.of([...policy.roles]), policy.usingText, policy.checkText],
  ];
}

const COMMANDS = {'*': 'ALL', r: 'SELECT', a: 'INSERT', w: 'UPDATE', d: 'DELETE'} as const;

/** pg_policies. */
export const pgPolicies: SystemSource = {
  perPath: true,
  all: context => context.snapshot.policies().flatMap(policy => policyViewRow(context, policy)),
};

function policyViewRow(context: SystemContext, policy: PolicyDescriptor): Row[] {
  const {snapshot} = context;
  const table = snapshot.tableByOid(policy.table);
  if (table === undefined) return [];
  const names = policy.roles.map(role => (role === 0 ? 'public' : roleName(snapshot, role)));
  const shown = (text: string | null): string | null =>
    shownInSchema(context, table.schema, text) ?? null;
  return [
    [
      ...[schemaName(snapshot, table.schema), table.name, policy.name],
      policy.isPermissive ? 'PERMISSIVE' : 'RESTRICTIVE',
      PgArray.of(names.toSorted()),
      ...[COMMANDS[policy.command], shown(policy.usingText), shown(policy.checkText)],
    ],
  ];
}

/** pg_default_acl. */
export const pgDefaultAcl: SystemSource = {
  all: context => context.snapshot.defaultAcls().map(acl => defaultAclRow(context, acl)),
};

function defaultAclRow(context: SystemContext, acl: DefaultAclDescriptor): Row {
  return [
    ...[acl.oid, acl.owner, acl.schema, acl.objectType],
    aclDatum(acl.acl ?? [], context.snapshot),
  ];
}
