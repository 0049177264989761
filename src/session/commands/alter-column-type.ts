import type {ColumnDef, Node} from '@pgsql/types';
import type {
  ColumnDescriptor,
  IndexDescriptor,
  TableDescriptor,
} from '../../catalog/descriptors.ts';
import {formatType} from '../../catalog/names.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import type {Rid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import {tryCoerce} from '../../sql/bind/coerce.ts';
import {newBinding} from '../../sql/bind/statement.ts';
import type {TypeRef} from '../../sql/contract.ts';
import type {Datum} from '../../types/contract.ts';
import type {SessionContext} from '../session-context.ts';
import {alteredColumn, withColumn} from './alter-column.ts';
import type {TableAlteration} from './table-alteration.ts';
import {checkColumnType, collationOf, nextStorageId} from './column-definitions.ts';
import {alterStored, NO_OID, puts} from './ddl.ts';
import {bindDefinition, reboundValue, typeRef} from './definition-binding.ts';
import {dependentsOf} from './dependencies.ts';
import {recheckForeignKeys} from './foreign-key.ts';
import {nameScope, objectText} from './object-text.ts';
import {checkNotMember} from './self-membership.ts';
import {eachRow, positionOf, rewriteRows, rowCode, storageOf} from './table-rows.ts';

/** ALTER COLUMN ... TYPE: changed values are stored under a new id, so that old generations and segments stay readable. */
export async function alterColumnType({session, text, table, cmd}: TableAlteration): Promise<void> {
  const column = alteredColumn(table, cmd.name);
  const def = cmd.def !== undefined && 'ColumnDef' in cmd.def ? cmd.def.ColumnDef : {};
  const to = typeRef(session, def.typeName!, text);
  checkColumnType(column.name, to.type);
  checkNotMember(table.rowType, table.name, to.type);
  checkDependents(session, table, column);
  const collation = collationOf({session, text}, def, to.type);
  const defaultText = convertedDefault(session, table, column, to);
  const kept = {storage: undefined, compression: undefined};
  const edit = {...kept, typeOid: to.type.oid, typmod: to.typmod, collation, defaultText};
  if (def.raw_default === undefined && isSameStored(column, to)) {
    alterStored(
      session,
      table,
      puts({...withColumn(table, column.attnum, edit), schemaVersion: table.schemaVersion + 1}),
    );
    return;
  }
  const value = conversion(session, text, table, column, def, to);
  await replaceColumn(session, table, {...column, ...edit}, value);
}

/** Types whose values are kept as they are when a length is lifted. */
function isSameStored(column: ColumnDescriptor, to: TypeRef): boolean {
  const VARCHAR = 1043;
  const TEXT = 25;
  const isText = (oid: number): boolean => oid === VARCHAR || oid === TEXT;
  if (column.typeOid === to.type.oid && column.typmod === to.typmod) return true;
  if (!isText(column.typeOid) || !isText(to.type.oid)) return false;
  return to.typmod === -1 || (column.typmod !== -1 && to.typmod >= column.typmod);
}

function checkDependents(
  session: SessionContext,
  table: TableDescriptor,
  column: ColumnDescriptor,
): void {
  const scope = nameScope(session);
  for (const {node} of dependentsOf(session, {kind: 'column', table, attnum: column.attnum})) {
    if (node.kind === 'object' && (node.object.kind === 'view' || node.object.kind === 'table')) {
      throw featureNotSupported('cannot alter type of a column used by a view or rule', {
        detail: `rule _RETURN on ${objectText(scope, node.object)} depends on column "${column.name}"`,
      });
    }
    if (node.kind === 'object' && node.object.kind === 'policy') {
      throw featureNotSupported('cannot alter type of a column used in a policy definition', {
        detail: `${objectText(scope, node.object)} depends on column "${column.name}"`,
      });
    }
    if (node.kind === 'object' && node.object.kind === 'function') {
      throw featureNotSupported('cannot alter type of a column used by a function or procedure', {
        detail: `${objectText(scope, node.object)} depends on column "${column.name}"`,
      });
    }
    if (node.kind !== 'column') continue;
    const generated = node.table.columns.find(each => each.attnum === node.attnum)?.name ?? '';
    throw featureNotSupported('cannot alter type of a column used by a generated column', {
      detail: `Column "${column.name}" is used by generated column "${generated}".`,
    });
  }
}

function convertedDefault(
  session: SessionContext,
  table: TableDescriptor,
  column: ColumnDescriptor,
  to: TypeRef,
): string | null {
  if (column.defaultText === null) return null;
  const text = reboundValue(session, table, column.defaultText, {
    name: column.name,
    ...to,
    isGenerated: column.generated !== '',
  });
  if (text !== null) return text;
  const what = column.generated === '' ? 'default' : 'generation expression';
  const shown = formatType(nameScope(session), to.type.oid, to.typmod);
  throw new PgError(
    SqlState.datatypeMismatch,
    `${what} for column "${column.name}" cannot be cast automatically to type ${shown}`,
  );
}

/** The new value of a row: USING's, or the old one converted. */
function conversion(
  session: SessionContext,
  text: string,
  table: TableDescriptor,
  column: ColumnDescriptor,
  def: ColumnDef,
  to: TypeRef,
): BoundExpr {
  const node: Node = def.raw_default ?? {ColumnRef: {fields: [{String: {sval: column.name}}]}};
  const place = {
    session,
    text,
    clause: 'transform expressions',
    columns: table.columns,
    relationName: table.name,
    domainValue: null,
  };
  const {expr} = bindDefinition(place, node);
  const binding = newBinding(session.planner.context([]), text);
  const converted = tryCoerce(binding, expr, to.type, {context: 'assignment', typmod: to.typmod});
  if (converted !== null) return converted;
  const shown = formatType(nameScope(session), to.type.oid, to.typmod);
  if (def.raw_default !== undefined) {
    throw new PgError(
      SqlState.datatypeMismatch,
      `result of USING clause for column "${column.name}" cannot be cast automatically to type ${shown}`,
      {
        hint: 'You might need to add an explicit cast.',
      },
    );
  }
  throw new PgError(
    SqlState.datatypeMismatch,
    `column "${column.name}" cannot be cast automatically to type ${shown}`,
    {
      hint: `You might need to specify "USING ${column.name}::${shown}".`,
    },
  );
}

/** The column keeps its number; its values are stored under a new id. */
async function replaceColumn(
  session: SessionContext,
  table: TableDescriptor,
  column: ColumnDescriptor,
  value: BoundExpr,
): Promise<void> {
  const {attnum} = column;
  const values = new Map<Rid, Datum>();
  const code = rowCode(session, [value]);
  await eachRow(session, storageOf(session, table.oid), version =>
    values.set(version.rid, code(version.row)[0]!),
  );
  const storageId = nextStorageId(table);
  const columns = table.columns.map(each =>
    each.attnum === attnum ? {...column, storageId, missingValue: null} : each,
  );
  const next: TableDescriptor = {...table, columns, schemaVersion: table.schemaVersion + 1};
  const altered = alterStored(session, table, [
    ...puts(next),
    ...withoutOpclass(session, table, attnum),
  ]);
  const position = positionOf(storageOf(session, altered.oid), attnum);
  await rewriteRows(session, altered, ({rid, row}) => row.with(position, values.get(rid) ?? null));
  await recheckForeignKeys(session, table.oid, attnum);
}

/** Index keys of another type take its default operator class. */
function withoutOpclass(
  session: SessionContext,
  table: TableDescriptor,
  attnum: number,
): ReturnType<typeof puts> {
  const indexes = session.transaction.catalog
    .indexesOf(table.oid)
    .filter(index => index.keys.some(key => key.attnum === attnum && key.opclass !== NO_OID));
  return puts(
    ...indexes.map(
      (index): IndexDescriptor => ({
        ...index,
        keys: index.keys.map(key => (key.attnum === attnum ? {...key, opclass: NO_OID} : key)),
      }),
    ),
  );
}
