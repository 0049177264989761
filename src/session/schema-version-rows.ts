import type {TableDescriptor} from '../catalog/descriptors.ts';
import {formatType, qualifiedScope} from '../catalog/names.ts';
import {oid} from '../common/ids.ts';
import type {GenerationInfo} from '../storage/backup/contract.ts';
import type {Datum} from '../types/contract.ts';
import {JsonbObject, JsonbValue} from '../types/jsonb-value.ts';
import type {SessionContext} from './session-context.ts';

/** system.schema_versions: every physical shape of the tables of the database, with the commit that made it. */
export function schemaVersionRows(session: SessionContext): readonly (readonly Datum[])[] {
  const {catalog} = session.transaction;
  const scope = qualifiedScope(catalog);
  const rows: (readonly Datum[])[] = [];
  const object = (columns: readonly (readonly [name: string, type: string])[]): JsonbValue => {
    const sorted = [...columns].sort(
      ([a], [b]) =>
        Buffer.byteLength(a) - Buffer.byteLength(b) ||
        Buffer.compare(Buffer.from(a), Buffer.from(b)),
    );
    return new JsonbValue(
      new JsonbObject(
        sorted.map(([name]) => name),
        sorted.map(([, type]) => type),
      ),
    );
  };
  const known = new Map<number, GenerationInfo[]>();
  for (const shape of session.engine.storage.admin.generations()) {
    const list = known.get(shape.table);
    if (list === undefined) known.set(shape.table, [shape]);
    else list.push(shape);
  }
  for (const table of catalog.tables()) {
    const schema = catalog.schemaByOid(table.schema)?.name ?? '';
    const shapes = known.get(table.oid) ?? [];
    for (const {version, columns, seq, createdAt} of shapes) {
      if (version === table.schemaVersion) continue;
      const typed = columns.map(
        ({attnum, typeOid, typmod, name}) =>
          [name ?? nameOf(table, attnum), formatType(scope, oid(typeOid), typmod)] as const,
      );
      const seqValue = seq === null ? null : BigInt(seq);
      rows.push([
        table.oid,
        schema,
        table.name,
        version,
        false,
        object(typed),
        createdAt,
        seqValue,
      ]);
    }
    const current = shapes.find(({version}) => version === table.schemaVersion);
    const columns = table.columns
      .filter(column => !column.isDropped)
      .map(({name, typeOid, typmod}) => [name, formatType(scope, typeOid, typmod)] as const);
    const seq = current?.seq ?? null;
    rows.push([
      ...[table.oid, schema, table.name, table.schemaVersion, true, object(columns)],
      ...[current?.createdAt ?? null, seq === null ? null : BigInt(seq)],
    ]);
  }
  return rows;
}

function nameOf(table: TableDescriptor, attnum: number): string {
  return table.columns.find(column => column.attnum === attnum)?.name ?? `column ${attnum}`;
}
