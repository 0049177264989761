import type {ColumnDescriptor, TableDescriptor} from '../../catalog/descriptors.ts';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {ColumnDraft, TablePlace} from './column-definitions.ts';
import {bindColumnValue, type ExpressionPlace} from './definition-binding.ts';

/** The columns of a table with their DEFAULT and generation expressions bound and stored as text. */
export function columnValues(place: TablePlace, table: TableDescriptor, drafts: readonly ColumnDraft[]): readonly ColumnDescriptor[] {
  const byAttnum = new Map(drafts.map(draft => [draft.column.attnum, draft]));
  return table.columns.map(column => {
    const draft = byAttnum.get(column.attnum);
    if (draft === undefined) return column;
    if (draft.defaultNode !== null) return {...column, defaultText: defaultText(place, draft)};
    if (draft.generatedNode !== null) return {...column, defaultText: generatedText(place, table, draft)};
    return column;
  });
}

/** Where a DEFAULT is bound: it reads no columns. */
export function defaultPlace(place: Pick<TablePlace, 'session' | 'text'>): ExpressionPlace {
  return {session: place.session, text: place.text, clause: 'DEFAULT expressions', columns: [], relationName: '', domainValue: null};
}

function defaultText(place: TablePlace, draft: ColumnDraft): string | null {
  const {expr, text} = bindColumnValue(defaultPlace(place), draft.defaultNode!, {...draft.column, type: draft.type});
  return expr.kind === 'constant' && expr.value === null ? null : text;
}

/** A generation expression: immutable, and not over other generated columns. */
export function generatedText(place: Pick<TablePlace, 'session' | 'text'>, table: TableDescriptor, draft: ColumnDraft): string {
  const stored = bindColumnValue(
    {session: place.session, text: place.text, clause: 'column generation expressions', columns: table.columns, relationName: table.name, domainValue: null},
    draft.generatedNode!,
    {...draft.column, type: draft.type},
  );
  for (const attnum of stored.columns) {
    const read = table.columns.find(column => column.attnum === attnum)!;
    if (read.generated === '') continue;
    throw new PgError(SqlState.invalidObjectDefinition, `cannot use generated column "${read.name}" in column generation expression`, {
      detail: 'A generated column cannot reference another generated column.',
    });
  }
  if (!isImmutable(stored.expr)) throw new PgError(SqlState.invalidObjectDefinition, 'generation expression is not immutable');
  return stored.text;
}

/** Whether an expression calls only immutable functions and reads no session values. */
export function isImmutable(expr: BoundExpr): boolean {
  return isImmutableNode(expr);
}

function isImmutableNode(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isImmutableNode);
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return true;
  const node = value as {readonly kind?: string; readonly volatility?: string};
  if (node.volatility !== undefined && node.volatility !== 'i') return false;
  if (node.kind === 'sessionValue' || node.kind === 'param') return false;
  return Object.entries(value).every(([key, each]) => key === 'type' || isImmutableNode(each));
}
