import type {AlterTableCmd, Node} from '@pgsql/types';
import type {IndexDescriptor, TableDescriptor} from '../../catalog/descriptors.ts';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {SessionContext} from '../session-context.ts';
import {checkClusterBy} from './cluster-by.ts';
import {putTable} from './alter-column.ts';
import {defElems} from './ast-values.ts';
import {indexOptions} from './create-index.ts';
import {alterStored, currentTable, puts} from './ddl.ts';
import {optionName, readOptions, tableOptions} from './table-options.ts';

function optionList(cmd: AlterTableCmd): readonly Node[] {
  return cmd.def !== undefined && 'List' in cmd.def ? (cmd.def.List.items ?? []) : [];
}

/** SET (options). A table's kind never changes. */
export function setOptions(
  session: SessionContext,
  table: TableDescriptor,
  cmd: AlterTableCmd,
): void {
  const given = readOptions(session, optionList(cmd));
  if (given['type'] !== undefined && given['type'].toLowerCase() !== table.tableKind) {
    throw new PgError(
      SqlState.invalidTableDefinition,
      `the type of table "${table.name}" cannot be changed`,
    );
  }
  // What is set stands last, as in PostgreSQL's reloptions.
  const kept = Object.entries(table.options).filter(([name]) => given[name] === undefined);
  applyOptions(session, table, {...Object.fromEntries(kept), ...given});
}

/** RESET (options). */
export function resetOptions(
  session: SessionContext,
  table: TableDescriptor,
  cmd: AlterTableCmd,
): void {
  const given = defElems(optionList(cmd));
  if (given.some(option => option.arg !== undefined))
    throw new PgError(SqlState.syntaxError, 'RESET must not include values for parameters');
  const names = new Set(given.map(optionName));
  applyOptions(
    session,
    table,
    Object.fromEntries(
      Object.entries(table.options).filter(([name]) => !names.has(name) || name === 'type'),
    ),
  );
}

function applyOptions(
  session: SessionContext,
  table: TableDescriptor,
  options: Readonly<Record<string, string>>,
): void {
  const read = tableOptions(
    {...options, ...(table.tableKind === 'shared' ? {} : {type: table.tableKind})},
    null,
  );
  const changed = {...table, options: read.options, ttlMs: read.ttlMs};
  checkClusterBy(changed);
  putTable(session, changed);
}

/** ALTER INDEX ... SET (options). */
export function setIndexOptions(
  session: SessionContext,
  index: IndexDescriptor,
  cmd: AlterTableCmd,
): void {
  const given = indexOptions(optionList(cmd), index.method);
  const names = new Set(given.map(option => option.split('=')[0]));
  putIndex(session, {
    ...index,
    options: [...index.options.filter(option => !names.has(option.split('=')[0])), ...given],
  });
}

/** ALTER INDEX ... RESET (options). */
export function resetIndexOptions(
  session: SessionContext,
  index: IndexDescriptor,
  cmd: AlterTableCmd,
): void {
  const names = new Set(defElems(optionList(cmd)).map(optionName));
  putIndex(session, {
    ...index,
    options: index.options.filter(option => !names.has(option.split('=')[0]!)),
  });
}

function putIndex(session: SessionContext, index: IndexDescriptor): void {
  alterStored(session, currentTable(session.transaction.catalog, index.table), puts(index));
}
