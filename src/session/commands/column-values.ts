import type {ColumnRef, Node} from '@pgsql/types';
import type {ColumnDescriptor, TableDescriptor} from '../../catalog/descriptors.ts';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {ColumnDraft, TablePlace} from './column-definitions.ts';
import {errorAt} from './ddl.ts';
import {bindColumnValue, type StoredExpression} from './definition-binding.ts';
import {isImmutable} from './immutable.ts';

/** The columns of a table with their DEFAULT and generation expressions bound and stored as text. */
export function columnValues(
  place: TablePlace,
  table: TableDescriptor,
  drafts: readonly ColumnDraft[],
): readonly ColumnDescriptor[] {
  const byAttnum = new Map(drafts.map(draft => [draft.column.attnum, draft]));
  return table.columns.map(column => {
    const draft = byAttnum.get(column.attnum);
    if (draft === undefined) return column;
    if (draft.defaultNode !== null)
      return {
        ...column,
        defaultText:
          defaultText(place, table, draft.defaultNode, {...draft.column, type: draft.type})?.text ??
          null,
      };
    if (draft.generatedNode !== null)
      return {...column, defaultText: generatedText(place, table, draft)};
    return column;
  });
}

/** A DEFAULT as it is stored, null for NULL; it may not read columns. */
export function defaultText(
  place: Pick<TablePlace, 'session' | 'text'>,
  table: Pick<TableDescriptor, 'columns' | 'name'>,
  node: Node,
  column: {readonly name: string; readonly type: TypeInstance; readonly typmod: number},
): StoredExpression | null {
  const {session, text} = place;
  const where = {
    session,
    text,
    clause: 'DEFAULT expressions',
    columns: table.columns,
    relationName: table.name,
    domainValue: null,
  };
  const stored = bindColumnValue(where, node, column);
  if (stored.columns.length > 0) {
    throw errorAt(
      text,
      columnLocation(node),
      SqlState.featureNotSupported,
      'cannot use column reference in DEFAULT expression',
    );
  }
  return stored.expr.kind === 'constant' && stored.expr.value === null ? null : stored;
}

/** Byte offset of the first column reference of a name (any when null) in a tree. */
function columnLocation(node: unknown, name: string | null = null): number {
  if (typeof node !== 'object' || node === null) return -1;
  if ('ColumnRef' in node) {
    const {fields, location} = node.ColumnRef as ColumnRef;
    const last = fields?.at(-1);
    if (name === null || (last !== undefined && 'String' in last && last.String.sval === name))
      return location ?? -1;
  }
  for (const each of Object.values(node)) {
    const found = columnLocation(each, name);
    if (found >= 0) return found;
  }
  return -1;
}

/** A generation expression: immutable, and not over other generated columns. */
export function generatedText(
  place: Pick<TablePlace, 'session' | 'text'>,
  table: TableDescriptor,
  draft: ColumnDraft,
): string {
  const stored = bindColumnValue(
    {
      session: place.session,
      text: place.text,
      clause: 'column generation expressions',
      columns: table.columns,
      relationName: table.name,
      domainValue: null,
    },
    draft.generatedNode!,
    {...draft.column, type: draft.type},
  );
  for (const attnum of stored.columns) {
    const read = table.columns.find(column => column.attnum === attnum)!;
    if (read.generated === '') continue;
    const location = columnLocation(draft.generatedNode, read.name);
    throw errorAt(
      place.text,
      location,
      SqlState.invalidObjectDefinition,
      `cannot use generated column "${read.name}" in column generation expression`,
      {
        detail: 'A generated column cannot reference another generated column.',
      },
    );
  }
  if (!isImmutable(stored.tree))
    throw new PgError(SqlState.invalidObjectDefinition, 'generation expression is not immutable');
  return stored.text;
}
