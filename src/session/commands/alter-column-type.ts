import type {ColumnDef, Node} from '@pgsql/types';
import type {ColumnDescriptor, ConstraintDescriptor, IndexDescriptor, TableDescriptor} from '../../catalog/descriptors.ts';
import {formatType} from '../../catalog/names.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import type {Rid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import {tryCoerce} from '../../sql/bind/coerce.ts';
import {newBinding} from '../../sql/bind/statement.ts';
import type {TypeRef} from '../../sql/contract.ts';
import type {Datum} from '../../types/contract.ts';
import type {WadiSession} from '../wadi-session.ts';
import {alteredColumn, withColumn} from './alter-column.ts';
import type {TableAlteration} from './alter-table.ts';
import {checkColumnType, collationOf, plainColumn} from './column-definitions.ts';
import {alterStored, NO_OID, puts} from './ddl.ts';
import {bindDefinition, reboundValue, typeRef} from './definition-binding.ts';
import {dependentsOf} from './dependencies.ts';
import {nameScope, objectText} from './object-text.ts';
import {eachRow, rewriteRows, rowCode, storageOf} from './table-rows.ts';

/** ALTER COLUMN ... TYPE: changed values are written under a new column number, so that old generations and segments stay readable. */
export async function alterColumnType({session, text, table, cmd}: TableAlteration): Promise<void> {
  const column = alteredColumn(table, cmd.name);
  const def = cmd.def !== undefined && 'ColumnDef' in cmd.def ? cmd.def.ColumnDef : {};
  const to = typeRef(session, def.typeName!, text);
  checkColumnType(column.name, to.type);
  checkDependents(session, table, column);
  const collation = collationOf({session, text}, def, to.type);
  const defaultText = convertedDefault(session, table, column, to);
  const edit = {typeOid: to.type.oid, typmod: to.typmod, collation, defaultText};
  if (def.raw_default === undefined && isSameStored(column, to)) {
    alterStored(session, table, puts({...withColumn(table, column.attnum, edit), schemaVersion: table.schemaVersion + 1}));
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

function checkDependents(session: WadiSession, table: TableDescriptor, column: ColumnDescriptor): void {
  const scope = nameScope(session);
  for (const {node} of dependentsOf(session, {kind: 'column', table, attnum: column.attnum})) {
    if (node.kind === 'object' && node.object.kind === 'view') {
      throw featureNotSupported('cannot alter type of a column used by a view or rule', {
        detail: `rule _RETURN on ${objectText(scope, node.object)} depends on column "${column.name}"`,
      });
    }
    if (node.kind !== 'column') continue;
    const generated = node.table.columns.find(each => each.attnum === node.attnum)?.name ?? '';
    throw featureNotSupported('cannot alter type of a column used by a generated column', {
      detail: `Column "${column.name}" is used by generated column "${generated}".`,
    });
  }
}

function convertedDefault(session: WadiSession, table: TableDescriptor, column: ColumnDescriptor, to: TypeRef): string | null {
  if (column.defaultText === null) return null;
  const text = reboundValue(session, table, column.defaultText, {name: column.name, ...to, isGenerated: column.generated !== ''});
  if (text !== null) return text;
  const what = column.generated === '' ? 'default' : 'generation expression';
  const shown = formatType(nameScope(session), to.type.oid, to.typmod);
  throw new PgError(SqlState.datatypeMismatch, `${what} for column "${column.name}" cannot be cast automatically to type ${shown}`);
}

/** The new value of a row: USING's, or the old one converted. */
function conversion(session: WadiSession, text: string, table: TableDescriptor, column: ColumnDescriptor, def: ColumnDef, to: TypeRef): BoundExpr {
  const node: Node = def.raw_default ?? {ColumnRef: {fields: [{String: {sval: column.name}}]}};
  const place = {session, text, clause: 'transform expressions', columns: table.columns, relationName: table.name, domainValue: null};
  const {expr} = bindDefinition(place, node);
  const binding = newBinding(session.planner.context([]), text);
  const converted = tryCoerce(binding, expr, to.type, {context: 'assignment', typmod: to.typmod});
  if (converted !== null) return converted;
  const shown = formatType(nameScope(session), to.type.oid, to.typmod);
  if (def.raw_default !== undefined) {
    throw new PgError(SqlState.datatypeMismatch, `result of USING clause for column "${column.name}" cannot be cast automatically to type ${shown}`, {
      hint: 'You might need to add an explicit cast.',
    });
  }
  throw new PgError(SqlState.datatypeMismatch, `column "${column.name}" cannot be cast automatically to type ${shown}`, {
    hint: `You might need to specify "USING ${column.name}::${shown}".`,
  });
}

/** Puts a column of another type in the place of the old one and fills it. */
async function replaceColumn(session: WadiSession, table: TableDescriptor, column: ColumnDescriptor, value: BoundExpr): Promise<void> {
  const old = column.attnum;
  const attnum = Math.max(...table.columns.map(each => each.attnum)) + 1;
  const values = new Map<Rid, Datum>();
  const code = rowCode(session, [value]);
  await eachRow(session, storageOf(session, table.oid), version => values.set(version.rid, code(version.row)[0]!));
  const tombstone: ColumnDescriptor = {
    ...plainColumn(old, `........pg.dropped.${old}........`, {type: session.transaction.catalog.typeByOid(table.columns.find(each => each.attnum === old)!.typeOid)!, typmod: -1}),
    isDropped: true,
  };
  const columns = table.columns.map(each => (each.attnum === old ? {...column, attnum, missingValue: null} : each));
  const next: TableDescriptor = {...table, columns: [...columns, tombstone], schemaVersion: table.schemaVersion + 1};
  const altered = alterStored(session, table, [...puts(next), ...renumbered(session, table, old, attnum)]);
  const position = storageOf(session, altered.oid).columns.findIndex(each => each.attnum === attnum);
  await rewriteRows(session, altered, ({rid, row}) => row.with(position, values.get(rid) ?? null));
}

/** What names a column by its number, with the new number. */
function renumbered(session: WadiSession, table: TableDescriptor, from: number, to: number): ReturnType<typeof puts> {
  const {catalog} = session.transaction;
  const mapped = (attnums: readonly number[]): readonly number[] => attnums.map(attnum => (attnum === from ? to : attnum));
  const indexes = catalog
    .indexesOf(table.oid)
    .filter(index => index.keys.some(key => key.attnum === from) || index.included.includes(from))
    .map((index): IndexDescriptor => ({
      ...index,
      keys: index.keys.map(key => (key.attnum === from ? {...key, attnum: to, opclass: NO_OID} : key)),
      included: mapped(index.included),
    }));
  const own = catalog
    .constraintsOf(table.oid)
    .filter(each => each.columns.includes(from))
    .map((each): ConstraintDescriptor => ({...each, columns: mapped(each.columns), ...(each.referencedTable === table.oid ? {referencedColumns: mapped(each.referencedColumns)} : {})}));
  const others = catalog
    .referencingConstraints(table.oid)
    .filter(each => each.table !== table.oid && each.referencedColumns.includes(from))
    .map((each): ConstraintDescriptor => ({...each, referencedColumns: mapped(each.referencedColumns)}));
  const sequences = [...catalog.sequences()]
    .filter(each => each.ownedByTable === table.oid && each.ownedByAttnum === from)
    .map(each => ({...each, ownedByAttnum: to}));
  return puts(...indexes, ...own, ...others, ...sequences);
}
