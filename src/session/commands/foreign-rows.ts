import type {ConstraintDescriptor, TableDescriptor} from '../../catalog/descriptors.ts';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {RowVersion, TableStorage} from '../../storage/contract.ts';
import type {Datum} from '../../types/contract.ts';
import {defaultFormatSettings} from '../../types/format-settings.ts';
import type {SessionContext} from '../session-context.ts';
import {eachRow, positionOf, storageOf} from './table-rows.ts';

/** Raises 23503 when a row of the table references a row that is not there. Rows of user tables reference rows of their own owner. */
export async function checkForeignRows(session: SessionContext, table: TableDescriptor, constraint: ConstraintDescriptor): Promise<void> {
  const storage = storageOf(session, table.oid);
  const referenced = storageOf(session, constraint.referencedTable);
  const from = positions(storage, constraint.columns);
  const to = positions(referenced, constraint.referencedColumns);
  const isPerOwner = referenced.kind !== 'shared';
  const known = new Set<string>();
  // Equal values of the types of one family print alike.
  const keyOf = (version: RowVersion, places: readonly number[], from: TableStorage): string =>
    JSON.stringify([isPerOwner ? version.owner : 0, ...places.map(at => textOf(from, at, version.row[at]!))]);
  await eachRow(session, referenced, version => known.add(keyOf(version, to, referenced)));
  await eachRow(session, storage, version => {
    const values = from.map(at => version.row[at]!);
    const nulls = values.filter(value => value === null).length;
    if (nulls === values.length || (nulls > 0 && constraint.match === 's')) return;
    if (nulls === 0 && known.has(keyOf(version, from, storage))) return;
    throw missing(constraint, storage, referenced, {from, values});
  });
}

function positions(table: TableStorage, attnums: readonly number[]): number[] {
  return attnums.map(attnum => positionOf(table, attnum));
}

function textOf(table: TableStorage, at: number, value: Datum): string | null {
  return value === null ? null : table.columns[at]!.type.output(value, defaultFormatSettings);
}

function missing(
  constraint: ConstraintDescriptor,
  table: TableStorage,
  referenced: TableStorage,
  row: {readonly from: readonly number[]; readonly values: readonly Datum[]},
): PgError {
  const names = row.from.map(at => table.columns[at]!.name).join(', ');
  const values = row.values.map((value, i) => textOf(table, row.from[i]!, value) ?? 'null').join(', ');
  return new PgError(
    SqlState.foreignKeyViolation,
    `insert or update on table "${table.name}" violates foreign key constraint "${constraint.name}"`,
    {
      detail: `Key (${names})=(${values}) is not present in table "${referenced.name}".`,
      schema: table.namespace,
      table: table.name,
      constraint: constraint.name,
    },
  );
}
