import {formatType} from '../../catalog/names.ts';
import {PgError} from '../../common/errors.ts';
import {oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {ParsedStatement} from '../../sql/contract.ts';
import type {Datum} from '../../types/contract.ts';
import {RowsExecution, type Execution} from '../execution.ts';
import {computedShape} from '../result-shape.ts';
import {seesStorageOf} from '../owner-visibility.ts';
import {checkSchemaUsage} from '../privileges.ts';
import type {SessionContext} from '../session-context.ts';
import {findRelation, findTable} from './find-relation.ts';
import {bodyRange} from './storage.ts';

const TEXT = oid(25);
const INT8 = oid(20);
const BOOL = oid(16);

/** SHOW TABLES [IN schema]: the tables whose schema this role may use. */
export function showTablesCommand(session: SessionContext, schema: string | null): Execution {
  const {catalog} = session.transaction;
  const text = catalog.typeByOid(TEXT)!;
  const shape = computedShape([
    ['namespace', text],
    ['table_name', text],
    ['table_type', text],
    ['owner', text],
  ]);
  const load = (): Datum[][] => {
    const rows: Datum[][] = [];
    for (const table of catalog.tables()) {
      const namespace = catalog.schemaByOid(table.schema)?.name ?? '';
      if (schema !== null ? namespace !== schema : namespace.startsWith('pg_temp_')) continue;
      if (!mayUse(session, table.schema)) continue;
      rows.push([
        namespace,
        table.name,
        table.tableKind,
        catalog.roleByOid(table.owner)?.name ?? null,
      ]);
    }
    return rows.sort((a, b) =>
      `${String(a[0])}.${String(a[1])}` < `${String(b[0])}.${String(b[1])}` ? -1 : 1,
    );
  };
  return new RowsExecution(shape, load, 'SHOW');
}

function mayUse(session: SessionContext, schema: number): boolean {
  try {
    checkSchemaUsage(session.transaction.catalog, session.currentRole, oid(schema));
    return true;
  } catch {
    return false;
  }
}

/** DESCRIBE t: its columns. */
export function describeCommand(session: SessionContext, statement: ParsedStatement): Execution {
  const {catalog} = session.transaction;
  const text = catalog.typeByOid(TEXT)!;
  const bool = catalog.typeByOid(BOOL)!;
  const shape = computedShape([
    ['column_name', text],
    ['data_type', text],
    ['is_nullable', bool],
    ['column_default', text],
    ['is_primary_key', bool],
  ]);
  const load = (): Datum[][] => {
    const relation = findRelation(session, bodyRange(statement));
    if (relation.kind === 'index' || relation.kind === 'sequence') return [];
    const primary =
      relation.kind === 'table'
        ? catalog.constraintsOf(relation.oid).find(each => each.type === 'p')
        : undefined;
    const scope = {snapshot: catalog, searchPath: session.searchPath()};
    return relation.columns
      .filter(column => !column.isDropped)
      .map(column => [
        column.name,
        formatType(scope, column.typeOid, column.typmod),
        !column.isNotNull,
        column.defaultText,
        primary?.columns.includes(column.attnum) ?? false,
      ]);
  };
  return new RowsExecution(shape, load, 'DESCRIBE');
}

/** SHOW STATS FOR TABLE t. */
export function showStatsCommand(session: SessionContext, statement: ParsedStatement): Execution {
  const {catalog} = session.transaction;
  const int8 = catalog.typeByOid(INT8)!;
  const text = catalog.typeByOid(TEXT)!;
  const names = ['hot_rows', 'cold_rows', 'segments', 'hot_bytes', 'cold_bytes'] as const;
  const shape = computedShape([
    ['namespace', text],
    ['table_name', text],
    ...names.map(name => [name, int8] as const),
  ]);
  const load = (): Datum[][] => {
    const table = findTable(session, bodyRange(statement));
    if (!seesStorageOf(session, table))
      throw new PgError(
        SqlState.insufficientPrivilege,
        `permission denied for statistics of table ${table.name}`,
        {hint: 'They count rows that you may not read.'},
      );
    const stats = session.engine.storage.tableStats(session.engine.storages.of(catalog, table));
    const namespace = catalog.schemaByOid(table.schema)?.name ?? '';
    return [
      [
        namespace,
        table.name,
        ...[stats.hotRows, stats.coldRows, stats.segments, stats.hotBytes, stats.coldBytes].map(
          BigInt,
        ),
      ],
    ];
  };
  return new RowsExecution(shape, load, 'SHOW');
}
