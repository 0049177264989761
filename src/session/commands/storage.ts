import {ownsObject} from '../../catalog/acl.ts';
import type {TableDescriptor} from '../../catalog/descriptors.ts';
import {checkOwner} from '../privileges.ts';
import {hasServiceRight} from '../run-context.ts';
import {PgError} from '../../common/errors.ts';
import {oid, type OwnerId} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {ParsedStatement} from '../../sql/contract.ts';
import {CommandExecution, RowsExecution, type Execution} from '../execution.ts';
import {computedShape} from '../result-shape.ts';
import type {SessionContext} from '../session-context.ts';
import {findTable} from './find-relation.ts';
import {runJob} from './job.ts';

const TEXT = oid(25);
const INT8 = oid(20);

/** STORAGE FLUSH TABLE t | ALL: answers one row per table with what was moved. A plain user flushes only his own rows. */
export function flushCommand(
  session: SessionContext,
  statement: ParsedStatement,
  all: boolean,
): Execution {
  const {catalog} = session.transaction;
  const text = catalog.typeByOid(TEXT)!;
  const int8 = catalog.typeByOid(INT8)!;
  const shape = computedShape([
    ['namespace', text],
    ['table_name', text],
    ['rows', int8],
    ['segments', int8],
    ['bytes', int8],
  ]);
  return new RowsExecution(shape, () => flush(session, statement, all), 'STORAGE FLUSH');
}

async function flush(
  session: SessionContext,
  statement: ParsedStatement,
  all: boolean,
): Promise<(string | bigint)[][]> {
  assertOutsideBlock(session, 'STORAGE FLUSH');
  const {catalog} = session.transaction;
  const tables = all ? [...catalog.tables()].filter(canFlush) : [namedTable(session, statement)];
  const rows: (string | bigint)[][] = [];
  for (const table of tables) {
    const owner = flushOwner(session, table, all);
    if (owner === undefined) continue;
    const result = await runJob(session, 'flush', table, owner);
    const namespace = catalog.schemaByOid(table.schema)?.name ?? '';
    rows.push([
      namespace,
      table.name,
      BigInt(result.rows),
      BigInt(result.segments),
      BigInt(result.bytes),
    ]);
  }
  return rows;
}

function canFlush(table: TableDescriptor): boolean {
  return table.tableKind !== 'stream' && table.persistence !== 't';
}

/** Whose rows this role may flush: null = everybody's, undefined = none (skipped under ALL). */
export function flushOwner(
  session: SessionContext,
  table: TableDescriptor,
  all: boolean,
): OwnerId | null | undefined {
  const {catalog} = session.transaction;
  const mayAll =
    hasServiceRight(catalog, session.currentRole) || table.owner === session.currentRole;
  if (mayAll) return null;
  if (table.tableKind === 'user') return session.effectiveOwner;
  if (all) return undefined;
  checkOwner(catalog, session.currentRole, table, 'table');
  return null;
}

function namedTable(session: SessionContext, statement: ParsedStatement): TableDescriptor {
  const table = findTable(session, bodyRange(statement));
  assertFlushable(table);
  return table;
}

/** 42809 for a stream table: its rows expire and are never moved to segments. */
export function assertFlushable(table: TableDescriptor): void {
  if (table.tableKind === 'stream') {
    throw new PgError(SqlState.wrongObjectType, `"${table.name}" is a stream table`, {
      detail: 'Rows of stream tables are never flushed.',
    });
  }
}

/** Our statements about a table carry it as the tree of `TABLE name`. */
export function bodyRange(statement: ParsedStatement): {
  readonly schemaname?: string;
  readonly relname?: string;
} {
  const {ast} = statement;
  if (ast !== null && 'SelectStmt' in ast) {
    const item = ast.SelectStmt.fromClause?.[0];
    if (item !== undefined && 'RangeVar' in item) return item.RangeVar;
  }
  throw new PgError(SqlState.syntaxError, 'a table name is expected');
}

function assertOutsideBlock(session: SessionContext, what: string): void {
  if (!session.transaction.isInBlock) return;
  throw new PgError(SqlState.activeSqlTransaction, `${what} cannot run inside a transaction block`);
}

/** STORAGE COMPACT TABLE t | ALL; ALL means the tables that the role owns. */
export function compactCommand(
  session: SessionContext,
  statement: ParsedStatement,
  all: boolean,
): Execution {
  return new CommandExecution(async () => {
    assertOutsideBlock(session, 'STORAGE COMPACT');
    const {catalog} = session.transaction;
    const isOwn = (table: TableDescriptor): boolean =>
      canFlush(table) && ownsObject(session.currentRole, table.owner, catalog);
    const tables = all ? [...catalog.tables()].filter(isOwn) : [namedTable(session, statement)];
    for (const table of tables) {
      checkOwner(catalog, session.currentRole, table, 'table');
      await runJob(session, 'compact', table, null);
    }
    return 'STORAGE COMPACT';
  });
}
