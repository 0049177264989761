import type {CreateStmt, IndexStmt, Node} from '@pgsql/types';
import type {TableDescriptor} from '../../catalog/descriptors.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {InlineIndex} from '../../sql/contract.ts';
import type {SessionContext} from '../session-context.ts';
import {columnNamed} from './constraint-definitions.ts';
import {createIndex} from './create-index.ts';
import type {TableOptions} from './table-options.ts';

/**
 * Options of a table whose INDEX (...) USING SORTED clauses say what its segments are sorted by; 42601 when cluster_by says
 * something else. Rows of stream tables have no segments.
 */
export function withSortedIndexes(
  options: TableOptions,
  indexes: readonly InlineIndex[],
): TableOptions {
  const names = indexes
    .filter(index => index.method === 'sorted')
    .flatMap(index => index.columns.map(({name}) => name));
  if (names.length === 0 || options.tableKind === 'stream') return options;
  const odd = names.find(name => name.includes(',') || name.trim() !== name);
  if (odd !== undefined)
    throw featureNotSupported(`a table cannot be sorted by column "${odd}"`, {
      hint: 'Names with a comma or with spaces around them are not supported in cluster_by.',
    });
  const wanted = [...new Set(names)];
  const given = options.options['cluster_by']?.split(',').map(name => name.trim());
  if (given !== undefined && !wanted.every((name, at) => given[at] === name)) {
    throw new PgError(SqlState.syntaxError, 'conflicting or redundant options', {
      detail: 'INDEX (...) USING SORTED and cluster_by name different columns.',
    });
  }
  if (given !== undefined) return options;
  return {...options, options: {...options.options, cluster_by: wanted.join(',')}};
}

/** Columns that INDEX (...) clauses name exist; 42703 at the name. */
export function checkInlineIndexes(table: TableDescriptor, indexes: readonly InlineIndex[]): void {
  for (const {columns} of indexes) {
    for (const {name, position} of columns) {
      if (columnNamed(table, name) !== undefined) continue;
      throw new PgError(SqlState.undefinedColumn, `column "${name}" does not exist`, {position});
    }
  }
}

/** Makes the indexes of INDEX (...) clauses, as CREATE INDEX would after the table. */
export async function createInlineIndexes(
  session: SessionContext,
  table: CreateStmt,
  text: string,
  indexes: readonly InlineIndex[],
): Promise<void> {
  for (const index of indexes) await createIndex(session, indexStatement(table, index), text);
}

function indexStatement(table: CreateStmt, index: InlineIndex): IndexStmt {
  const ordering =
    index.order === null ? 'SORTBY_DEFAULT' : index.order === 'asc' ? 'SORTBY_ASC' : 'SORTBY_DESC';
  return {
    relation: table.relation!,
    accessMethod: index.method,
    indexParams: index.columns.map(
      ({name}): Node => ({
        IndexElem: {name, ordering, nulls_ordering: 'SORTBY_NULLS_DEFAULT'},
      }),
    ),
    options: index.options.map(
      ([defname, value]): Node => ({DefElem: {defname, arg: {String: {sval: value}}}}),
    ),
  };
}
