import type {Constraint, CreateStmt, Node} from '@pgsql/types';
import type {
  ColumnDescriptor,
  ConstraintDescriptor,
  IndexDescriptor,
  SequenceDescriptor,
  TableDescriptor,
} from '../../catalog/descriptors.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {ParsedStatement} from '../../sql/contract.ts';
import type {DdlEffect} from '../../storage/contract.ts';
import type {Execution} from '../execution.ts';
import type {SessionContext} from '../session-context.ts';
import {checkClusterBy} from './cluster-by.ts';
import type {CommandInput} from './command-types.ts';
import {chooseRelationName, columnsPart, indexColumnNames} from './choose-name.ts';
import {
  checkColumnName,
  defineColumn,
  type ColumnDraft,
  type TablePlace,
} from './column-definitions.ts';
import {columnValues} from './column-values.ts';
import {
  defineCheck,
  defineKeys,
  plainConstraint,
  withKeyColumns,
  type ConstraintPlace,
} from './constraint-definitions.ts';
import {change, ddlExecution, newOid, newTypePair, notice, puts} from './ddl.ts';
import {newObjectAcl} from './default-privileges.ts';
import {defineForeignKey} from './foreign-key.ts';
import {checkInlineIndexes, createInlineIndexes, withSortedIndexes} from './inline-index.ts';
import {tablePlacement} from './new-relation.ts';
import {onCommitOf} from './on-commit.ts';
import {sequenceState} from './sequence-options.ts';
import {likeTable, type LikeDraft} from './table-like.ts';
import {readOptions, tableOptions} from './table-options.ts';
import {claimTableName} from './claim-name.ts';

/** CREATE [TEMP | UNLOGGED | USER | SHARED | STREAM] TABLE [IF NOT EXISTS]. */
export function createTableCommand({
  session,
  node,
  statement,
}: CommandInput<CreateStmt>): Execution {
  return ddlExecution(session, 'CREATE TABLE', async () => {
    rejectUnsupported(node);
    await createTable(session, node, statement);
  });
}

function rejectUnsupported(node: CreateStmt): void {
  if (node.partspec !== undefined || node.partbound !== undefined)
    throw featureNotSupported('partitioned tables are not supported');
  if ((node.inhRelations ?? []).length > 0)
    throw featureNotSupported('table inheritance is not supported');
  if (node.ofTypename !== undefined) throw featureNotSupported('typed tables are not supported');
  if (node.tablespacename !== undefined && node.tablespacename !== 'pg_default')
    throw featureNotSupported('tablespaces are not supported');
}

/** Everything in a definition, sorted by what it is. */
interface Elements {
  readonly columns: ColumnDescriptor[];
  readonly drafts: ColumnDraft[];
  readonly sequences: SequenceDescriptor[];
  readonly checks: Constraint[];
  readonly keys: Constraint[];
  readonly foreignKeys: Constraint[];
  readonly likes: LikeDraft[];
}

async function createTable(
  session: SessionContext,
  node: CreateStmt,
  statement: ParsedStatement,
): Promise<void> {
  const {text, custom} = statement;
  const placed = tablePlacement(session, node.relation!, text);
  const {schema, name, persistence} = placed;
  if (session.transaction.catalog.relationByName(schema.oid, name) !== undefined) {
    if (node.if_not_exists !== true)
      throw new PgError(SqlState.duplicateTable, `relation "${name}" already exists`);
    notice(session, `relation "${name}" already exists, skipping`, {}, SqlState.duplicateTable);
    return;
  }
  const onCommit = onCommitOf(node.oncommit, persistence);
  await claimTableName(session, schema.oid, name);
  const ours = custom?.kind === 'createTable' ? custom : null;
  const inline = ours?.indexes ?? [];
  const options = withSortedIndexes(tableOptions(readOptions(session, node.options), ours), inline);
  const taken = new Set<string>([name]);
  const chooser = {catalog: session.transaction.catalog, schema: schema.oid, taken};
  const place: TablePlace = {
    session,
    text,
    table: newOid(session),
    name,
    schema: schema.oid,
    owner: session.currentRole,
    persistence,
    chooser,
  };
  const elements = readElements(place, node);
  const base: TableDescriptor = {
    kind: 'table',
    oid: place.table,
    name,
    owner: place.owner,
    acl: newObjectAcl(session, 'r', schema.oid, place.owner),
    comment: null,
    schema: schema.oid,
    tableKind: options.tableKind,
    persistence,
    columns: elements.columns,
    rowType: newTypePair(session),
    schemaVersion: 1,
    options: options.options,
    ttlMs: options.ttlMs,
    rowSecurity: false,
    forceRowSecurity: false,
    ...onCommit,
  };
  // Sequences come first: their defaults are bound against a catalog that has them.
  const sequences = elements.sequences;
  const table = {...base, columns: columnValues(place, base, elements.drafts)};
  const where: ConstraintPlace = {session, text, table, chooser};
  const checks = [
    ...copiedChecks(where, elements.likes),
    ...elements.checks.map(each => defineCheck(where, each)),
  ];
  checkInlineIndexes(table, inline);
  checkClusterBy(table);
  const keys = defineKeys(where, elements.keys);
  const final: TableDescriptor = {...table, columns: withKeyColumns(table.columns, keys)};
  const indexes = [
    ...keys.map(key => key.index),
    ...elements.likes.flatMap(like => copiedIndexes(where, like)),
  ];
  putTable(
    session,
    final,
    [...sequences, ...indexes, ...keys.map(key => key.constraint), ...checks],
    sequences,
  );
  for (const each of elements.foreignKeys)
    change(session, puts(await defineForeignKey({...where, table: final}, each)));
  await createInlineIndexes(session, node, text, inline);
}

/** Puts a new table with what belongs to it, and tells storage. */
export function putTable(
  session: SessionContext,
  table: TableDescriptor,
  parts: readonly (SequenceDescriptor | IndexDescriptor | ConstraintDescriptor)[],
  sequences: readonly SequenceDescriptor[],
): void {
  const {transaction, storages} = session;
  change(session, puts(table, ...parts));
  if (table.onCommit !== undefined) transaction.onCommitTables.add(table.oid);
  const effects: DdlEffect[] = sequences.map(sequence => ({
    kind: 'createSequence',
    oid: sequence.oid,
    state: sequenceState(sequence),
  }));
  effects.push({
    kind: 'createTable',
    table: storages.of(transaction.catalog, transaction.catalog.tableByOid(table.oid)!),
  });
  for (const effect of effects) transaction.tx.ddl(effect);
}

function readElements(place: TablePlace, node: CreateStmt): Elements {
  const elements: Elements = {
    columns: [],
    drafts: [],
    sequences: [],
    checks: [],
    keys: [],
    foreignKeys: [],
    likes: [],
  };
  for (const element of [
    ...(node.tableElts ?? []),
    ...(node.constraints ?? []),
    ...(node.nnconstraints ?? []),
  ]) {
    if ('ColumnDef' in element) {
      const draft = defineColumn(place, element.ColumnDef, elements.columns.length + 1);
      elements.columns.push(draft.column);
      elements.drafts.push(draft);
      if (draft.sequence !== null) elements.sequences.push(draft.sequence);
      for (const constraint of draft.constraints) sortConstraint(elements, constraint);
    } else if ('TableLikeClause' in element) {
      const like = likeTable(place, element.TableLikeClause, elements.columns.length + 1);
      elements.columns.push(...like.columns);
      elements.sequences.push(...like.sequences);
      elements.keys.push(...like.keys);
      elements.likes.push(like);
    } else sortElement(elements, element);
  }
  checkColumns(elements.columns);
  return elements;
}

function sortElement(elements: Elements, element: Node): void {
  if (!('Constraint' in element)) throw featureNotSupported('this table element is not supported');
  sortConstraint(elements, element.Constraint);
}

function sortConstraint(elements: Elements, node: Constraint): void {
  switch (node.contype) {
    case 'CONSTR_CHECK':
      elements.checks.push(node);
      return;
    case 'CONSTR_PRIMARY':
    case 'CONSTR_UNIQUE':
      elements.keys.push(node);
      return;
    case 'CONSTR_FOREIGN':
      elements.foreignKeys.push(node);
      return;
    case 'CONSTR_EXCLUSION':
      throw featureNotSupported('exclusion constraints are not supported');
    default:
      throw featureNotSupported('this constraint is not supported');
  }
}

function checkColumns(columns: readonly ColumnDescriptor[]): void {
  if (columns.length > 1600)
    throw new PgError(SqlState.tooManyColumns, 'tables can have at most 1600 columns');
  const seen = new Set<string>();
  for (const {name} of columns) {
    checkColumnName(name);
    if (seen.has(name))
      throw new PgError(SqlState.duplicateColumn, `column "${name}" specified more than once`);
    seen.add(name);
  }
}

function copiedChecks(place: ConstraintPlace, likes: readonly LikeDraft[]): ConstraintDescriptor[] {
  return likes.flatMap(like =>
    like.checks.map(check => {
      if (place.chooser.taken.has(`check:${check.name}`)) {
        throw new PgError(
          SqlState.duplicateObject,
          `check constraint "${check.name}" already exists`,
        );
      }
      place.chooser.taken.add(`check:${check.name}`);
      const columns = check.columns.map(attnum => like.attnums.get(attnum)!);
      return {
        ...plainConstraint(place, 'c', check.name),
        columns,
        expressionText: check.expressionText,
        comment: check.comment,
      };
    }),
  );
}

function copiedIndexes(place: ConstraintPlace, like: LikeDraft): IndexDescriptor[] {
  const {table, chooser, session} = place;
  return like.indexes.map(source => {
    const keys = source.keys.map(key =>
      key.attnum === 0 ? key : {...key, attnum: like.attnums.get(key.attnum)!},
    );
    const names = keys.map(
      key => table.columns.find(column => column.attnum === key.attnum)?.name ?? 'expr',
    );
    const included = source.included.map(attnum => like.attnums.get(attnum)!);
    const name = chooseRelationName(chooser, [
      table.name,
      columnsPart(indexColumnNames(names)),
      'idx',
    ]);
    return {
      ...source,
      oid: newOid(session),
      name,
      owner: table.owner,
      schema: table.schema,
      table: table.oid,
      keys,
      included,
      comment: null,
    };
  });
}
