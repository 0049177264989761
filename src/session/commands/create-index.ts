import {checkReachesAllRows} from '../all-rows.ts';
import type {IndexElem, IndexStmt, Node} from '@pgsql/types';
import type {
  IndexDescriptor,
  IndexKey,
  RelationDescriptor,
  TableDescriptor,
} from '../../catalog/descriptors.ts';
import {relationWord} from '../../catalog/stored-queries.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {columnName} from '../../sql/bind/column-name.ts';
import type {Execution} from '../execution.ts';
import {rejectInUse} from '../foreign-keys/table-in-use.ts';
import {checkOwner} from '../privileges.ts';
import type {SessionContext} from '../session-context.ts';
import {constantText, defElems, stringList} from './ast-values.ts';
import {chooseRelationName, columnsPart, indexColumnNames} from './choose-name.ts';
import {isImmutable} from './immutable.ts';
import type {CommandInput} from './command-types.ts';
import {columnNamed} from './constraint-definitions.ts';
import {alterKeys} from './table-rows.ts';
import {ddlExecution, lockFound, newOid, NO_OID, notice, puts} from './ddl.ts';
import {bindCondition, bindDefinition, type ExpressionPlace} from './definition-binding.ts';
import {indexCollation, indexOpclass} from './index-opclass.ts';
import {relationNamed} from './object-names.ts';
import {checkRange, optionName} from './table-options.ts';
import {claimRelationName} from './claim-name.ts';
import {parseBoolean} from '../setting-values.ts';

type Method = IndexDescriptor['method'];

/** CREATE [UNIQUE] INDEX [CONCURRENTLY] [IF NOT EXISTS] [name] ON table. */
export function createIndexCommand({session, node, statement}: CommandInput<IndexStmt>): Execution {
  return ddlExecution(session, 'CREATE INDEX', async () => {
    if (node.concurrent === true && session.transaction.isInBlock) {
      throw new PgError(
        SqlState.activeSqlTransaction,
        'CREATE INDEX CONCURRENTLY cannot run inside a transaction block',
      );
    }
    await createIndex(session, node, statement.text);
  });
}

/** Makes an index by its statement. */
export async function createIndex(
  session: SessionContext,
  node: IndexStmt,
  text: string,
): Promise<void> {
  const table = await lockFound(session, 'share', () =>
    indexedTable(session, relationNamed(session, node.relation)),
  );
  rejectInUse(session, table, 'CREATE INDEX');
  const method = methodOf(session, node);
  const {catalog} = session.transaction;
  if (
    node.idxname !== undefined &&
    catalog.relationByName(table.schema, node.idxname) !== undefined
  ) {
    if (node.if_not_exists !== true)
      throw new PgError(SqlState.duplicateTable, `relation "${node.idxname}" already exists`);
    notice(
      session,
      `relation "${node.idxname}" already exists, skipping`,
      {},
      SqlState.duplicateTable,
    );
    return;
  }
  const elements = (node.indexParams ?? []).flatMap(each =>
    'IndexElem' in each ? [each.IndexElem] : [],
  );
  checkMethod(node, method, elements);
  const place: ExpressionPlace = {
    session,
    text,
    clause: 'index expressions',
    columns: table.columns,
    relationName: table.name,
    domainValue: null,
  };
  const keys = elements.map(element => indexKey(place, table, method, element));
  const computes = node.whereClause !== undefined || keys.some(key => key.attnum === 0);
  if (node.unique === true || computes) checkReachesAllRows(session, table.oid);
  const included = (node.indexIncludingParams ?? []).map(each => includedColumn(table, each));
  const predicate =
    node.whereClause === undefined
      ? null
      : predicateText({...place, clause: 'index predicates'}, node.whereClause);
  const index: IndexDescriptor = {
    kind: 'index',
    oid: newOid(session),
    name: node.idxname ?? chosenName(session, table, elements, included),
    owner: table.owner,
    acl: null,
    comment: null,
    schema: table.schema,
    table: table.oid,
    method,
    keys,
    included,
    isUnique: node.unique === true,
    isPrimary: false,
    nullsNotDistinct: node.nulls_not_distinct === true,
    predicateText: predicate,
    options: indexOptions(node.options, method),
    constraint: NO_OID,
  };
  await claimRelationName(session, index.schema, index.name);
  await alterKeys(session, table, puts(index));
}

function indexedTable(session: SessionContext, relation: RelationDescriptor): TableDescriptor {
  if (relation.kind === 'systemRelation') {
    throw new PgError(
      SqlState.insufficientPrivilege,
      `permission denied: "${relation.name}" is a system catalog`,
    );
  }
  if (relation.kind !== 'table') {
    const detail = `This operation is not supported for ${relation.kind === 'index' ? 'indexes' : `${relation.kind}s`}.`;
    throw new PgError(
      SqlState.wrongObjectType,
      `cannot create index on relation "${relation.name}"`,
      {detail},
    );
  }
  checkOwner(session.transaction.catalog, session.currentRole, relation, relationWord(relation));
  return relation;
}

function methodOf(session: SessionContext, node: IndexStmt): Method {
  const name = node.accessMethod ?? 'btree';
  if (name === 'btree' || name === 'sorted') return 'btree';
  if (name === 'hash' || name === 'bloom') return name;
  if (session.transaction.catalog.builtin.data.table('pg_am').byName(name).length > 0) {
    throw featureNotSupported(`access method "${name}" is not supported`);
  }
  throw new PgError(SqlState.undefinedObject, `access method "${name}" does not exist`);
}

function checkMethod(node: IndexStmt, method: Method, elements: readonly IndexElem[]): void {
  if (elements.length > 32)
    throw new PgError(SqlState.tooManyColumns, 'cannot use more than 32 columns in an index');
  if (method === 'btree') return;
  const refuse = (what: string): PgError =>
    featureNotSupported(`access method "${method}" does not support ${what}`);
  if (node.unique === true) throw refuse('unique indexes');
  if (elements.length > 1) throw refuse('multicolumn indexes');
  if ((node.indexIncludingParams ?? []).length > 0) throw refuse('included columns');
  for (const {ordering, nulls_ordering: nulls} of elements) {
    if (ordering !== undefined && ordering !== 'SORTBY_DEFAULT') throw refuse('ASC/DESC options');
    if (nulls !== undefined && nulls !== 'SORTBY_NULLS_DEFAULT')
      throw refuse('NULLS FIRST/LAST options');
  }
}

function indexKey(
  place: ExpressionPlace,
  table: TableDescriptor,
  method: Method,
  element: IndexElem,
): IndexKey {
  const {session} = place;
  const descending = element.ordering === 'SORTBY_DESC';
  const nullsFirst =
    element.nulls_ordering === 'SORTBY_NULLS_FIRST' ||
    (descending && element.nulls_ordering !== 'SORTBY_NULLS_LAST');
  const opclassNames = stringList(element.opclass);
  const order = {descending, nullsFirst};
  if (element.expr === undefined) {
    const column = columnNamed(table, element.name ?? '');
    if (column === undefined)
      throw new PgError(SqlState.undefinedColumn, `column "${element.name ?? ''}" does not exist`);
    const type = session.transaction.catalog.typeByOid(column.typeOid)!;
    const collation =
      element.collation === undefined
        ? column.collation
        : indexCollation(session, stringList(element.collation), type);
    return {
      attnum: column.attnum,
      expressionText: null,
      ...order,
      opclass: indexOpclass(session, type, method, opclassNames),
      collation,
    };
  }
  const stored = bindDefinition(place, element.expr);
  if (!isImmutable(stored.tree)) {
    throw new PgError(
      SqlState.invalidObjectDefinition,
      'functions in index expression must be marked IMMUTABLE',
    );
  }
  const {type} = stored.expr;
  const names = stringList(element.collation);
  return {
    attnum: 0,
    expressionText: stored.text,
    typeOid: type.oid,
    ...order,
    opclass: indexOpclass(session, type, method, opclassNames),
    collation: indexCollation(session, names, type),
  };
}

function includedColumn(table: TableDescriptor, node: Node): number {
  const element = 'IndexElem' in node ? node.IndexElem : {};
  if (element.expr !== undefined)
    throw featureNotSupported('expressions are not supported in included columns');
  const column = columnNamed(table, element.name ?? '');
  if (column === undefined)
    throw new PgError(SqlState.undefinedColumn, `column "${element.name ?? ''}" does not exist`);
  return column.attnum;
}

function predicateText(place: ExpressionPlace, node: Node): string {
  const stored = bindCondition(place, node, 'WHERE');
  if (isImmutable(stored.tree)) return stored.text;
  throw new PgError(
    SqlState.invalidObjectDefinition,
    'functions in index predicate must be marked IMMUTABLE',
  );
}

function chosenName(
  session: SessionContext,
  table: TableDescriptor,
  elements: readonly IndexElem[],
  included: readonly number[],
): string {
  const wanted = elements.map(({name, expr}) => {
    if (expr === undefined) return name ?? '';
    const figured = columnName(expr);
    return figured === '?column?' ? 'expr' : figured;
  });
  const others = included.map(
    attnum => table.columns.find(column => column.attnum === attnum)?.name ?? '',
  );
  const chooser = {
    catalog: session.transaction.catalog,
    schema: table.schema,
    taken: new Set<string>(),
  };
  return chooseRelationName(chooser, [
    table.name,
    columnsPart(indexColumnNames([...wanted, ...others])),
    'idx',
  ]);
}

const OPTIONS: Readonly<Record<Method, readonly string[]>> = {
  btree: ['fillfactor', 'deduplicate_items', 'vacuum_cleanup_index_scale_factor'],
  hash: ['fillfactor'],
  bloom: ['fpp', 'num_items'],
};

/** Options of WITH (...), checked for the access method. */
export function indexOptions(nodes: readonly Node[] | undefined, method: Method): string[] {
  const seen = new Set<string>();
  return defElems(nodes).map(option => {
    const name = optionName(option);
    if (!OPTIONS[method].includes(name))
      throw new PgError(SqlState.invalidParameterValue, `unrecognized parameter "${name}"`);
    const value = option.arg === undefined ? 'true' : constantText(option.arg);
    if (seen.has(name))
      throw new PgError(
        SqlState.invalidParameterValue,
        `parameter "${name}" specified more than once`,
      );
    seen.add(name);
    if (name === 'fillfactor') checkRange(name, value, 10, 100);
    if (name === 'deduplicate_items' && parseBoolean(value) === undefined)
      throw new PgError(
        SqlState.invalidParameterValue,
        `invalid value for boolean option "${name}": ${value}`,
      );
    if (name === 'fpp' && !(Number(value) > 0 && Number(value) < 1)) {
      throw new PgError(
        SqlState.invalidParameterValue,
        `value ${value} out of bounds for option "fpp"`,
        {detail: 'Valid values are between 0 and 1.'},
      );
    }
    if (name === 'num_items' && !/^0*[1-9]\d{0,8}$/.test(value)) {
      throw new PgError(
        SqlState.invalidParameterValue,
        `invalid value for integer option "num_items": ${value}`,
      );
    }
    return `${name}=${value}`;
  });
}
