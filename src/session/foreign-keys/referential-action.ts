import {quoteIdentifier} from '../../catalog/quote.ts';
import {RoleOid} from '../../catalog/well-known.ts';
import type {Oid} from '../../common/ids.ts';
import {concurrentUpdate} from '../../exec/row-errors.ts';
import type {Datum} from '../../types/contract.ts';
import {discardRows} from '../execution.ts';
import type {SessionContext} from '../session-context.ts';
import {eachReferencing} from './check-keys.ts';
import type {Reference, ReferencedKey} from './references.ts';

/** CASCADE, SET NULL, SET DEFAULT: a statement on the referencing table, under its owner's rights. */
export async function performAction(
  session: SessionContext,
  lost: ReferencedKey,
  action: 'c' | 'n' | 'd',
): Promise<void> {
  const {catalog} = session.transaction;
  await refuseUnseenRows(session, lost);
  const {child, childColumns, parent, parentColumns} = lost.reference;
  const names = childColumns.map(column => quoteIdentifier(child.columns[column]!.name));
  const types = parentColumns.map(column => parent.columns[column]!.type.oid);
  const params = [...lost.key];
  const conditions = names.map((name, i) => `${name} = $${i + 1}`);
  if (child.kind !== 'shared') {
    const isSame = parent.kind !== 'shared';
    conditions.push(isSame ? `_user_id = $${params.length + 1}` : '_user_id IS NOT NULL');
    if (isSame) {
      params.push(catalog.roleByOid(lost.owner)?.name ?? '');
      types.push(TEXT);
    }
  }
  const target = `${quoteIdentifier(child.namespace)}.${quoteIdentifier(child.name)}`;
  let head = `DELETE FROM ${target}`;
  if (action !== 'c' || lost.replacement !== null) {
    const isSet = setColumns(lost.reference, lost.replacement === null);
    const set = names.flatMap((name, i) => {
      if (!isSet[i]!) return [];
      if (action === 'n') return `${name} = NULL`;
      if (action === 'd') return `${name} = DEFAULT`;
      params.push(lost.replacement![i]!);
      types.push(types[i]!);
      return `${name} = $${params.length}`;
    });
    head = `UPDATE ${target} SET ${set.join(', ')}`;
  }
  const role = child.kind === 'shared' ? catalog.tableByOid(child.oid)!.owner : RoleOid.postgres;
  await runStatement(session, role, `${head} WHERE ${conditions.join(' AND ')}`, {types, params});
}

/** Which columns of the key an action sets: ON DELETE may name some. */
function setColumns({constraint}: Reference, isDelete: boolean): readonly boolean[] {
  const only = isDelete ? constraint.onDeleteColumns : undefined;
  return constraint.columns.map(attnum => only?.includes(attnum) ?? true);
}

const TEXT = 25 as Oid;

/** REPEATABLE READ and stronger act only on rows that they see: a newer referencing row is a lost race. */
async function refuseUnseenRows(session: SessionContext, lost: ReferencedKey): Promise<void> {
  const {tx} = session.transaction;
  if (tx.isolation === 'read committed' || tx.isolation === 'read uncommitted') return;
  const {seq} = tx.snapshot();
  await eachReferencing(session, lost, row => {
    if (row[1] !== null && (row[1] as bigint) > seq) throw concurrentUpdate();
  });
}

async function runStatement(
  session: SessionContext,
  role: Oid,
  text: string,
  values: {readonly types: readonly Oid[]; readonly params: readonly Datum[]},
): Promise<void> {
  const before = session.currentRole;
  session.currentRole = role;
  try {
    const statement = session.engine.parser.parse(text)[0]!;
    const {entry, slots} = session.planner.plan(statement, values.types);
    const execution = session.executePlan(entry, values.params, slots);
    try {
      await execution.run(Infinity, discardRows);
    } finally {
      execution.close();
    }
  } finally {
    session.currentRole = before;
  }
}
