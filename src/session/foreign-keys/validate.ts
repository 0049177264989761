import {checkReachesAllRows} from '../all-rows.ts';
import {assert} from '../../common/errors.ts';
import type {Oid, OwnerId} from '../../common/ids.ts';
import type {Datum} from '../../types/contract.ts';
import type {SessionContext} from '../session-context.ts';
import {checkReferencingKey, eachRow} from './check-keys.ts';
import {keyText, type ReferencingKey, typesAt} from './references.ts';

/** Checks the rows that a table already has against a foreign key (ALTER TABLE ADD or VALIDATE CONSTRAINT): 23503. */
export async function validateForeignKey(session: SessionContext, constraint: Oid): Promise<void> {
  const {transaction} = session;
  const reference = session.references.byOid(transaction.catalog, constraint);
  assert(reference !== undefined, 'the constraint is in the catalog');
  const {child, childColumns} = reference;
  checkReachesAllRows(session, child.oid);
  const types = typesAt(child, childColumns);
  const keys = new Map<string, ReferencingKey>();
  session.beginStatement(false);
  try {
    await eachRow(
      session,
      {
        table: child,
        owner: null,
        columns: [...childColumns, 'owner'],
        predicates: [],
        lookup: null,
        order: null,
        isNewest: true,
      },
      row => {
        const key: readonly Datum[] = row.slice(0, childColumns.length);
        const nulls = key.filter(value => value === null).length;
        if (nulls === key.length || (nulls > 0 && reference.constraint.match === 's')) return;
        const owner = (row[childColumns.length] ?? 0) as OwnerId;
        const text = keyText(key, types, owner);
        if (!keys.has(text)) keys.set(text, {reference, owner, key});
      },
    );
    for (const key of keys.values()) await checkReferencingKey(session, key, true);
  } finally {
    session.endStatement();
  }
}
