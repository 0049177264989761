import type {Constraint, Node} from '@pgsql/types';
import type {
  ColumnDescriptor,
  ConstraintDescriptor,
  IndexDescriptor,
  IndexKey,
  TableDescriptor,
} from '../../catalog/descriptors.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {SessionContext} from '../session-context.ts';
import {constantText, defElems, stringList} from './ast-values.ts';
import {
  chooseConstraintName,
  chooseRelationName,
  columnsPart,
  indexColumnNames,
  type NameChooser,
} from './choose-name.ts';
import {bindCondition} from './definition-binding.ts';
import {errorAt, newOid, NO_OID} from './ddl.ts';

/** Where a table's constraints are defined. */
export interface ConstraintPlace {
  readonly session: SessionContext;
  readonly text: string;
  readonly table: TableDescriptor;
  readonly chooser: NameChooser;
}

/** A constraint without its particulars. */
export function plainConstraint(
  place: ConstraintPlace,
  type: ConstraintDescriptor['type'],
  name: string,
): ConstraintDescriptor {
  return {
    kind: 'constraint',
    oid: newOid(place.session),
    name,
    owner: place.table.owner,
    acl: null,
    comment: null,
    schema: place.table.schema,
    table: place.table.oid,
    domain: NO_OID,
    type,
    columns: [],
    isDeferrable: false,
    isDeferred: false,
    isValidated: true,
    expressionText: null,
    index: NO_OID,
    referencedTable: NO_OID,
    referencedColumns: [],
    onUpdate: 'a',
    onDelete: 'a',
    match: 's',
  };
}

/** A live column by name. */
export function columnNamed(
  table: {readonly columns: readonly ColumnDescriptor[]},
  name: string,
): ColumnDescriptor | undefined {
  return table.columns.find(column => column.name === name && !column.isDropped);
}

/** CHECK (condition). */
export function defineCheck(place: ConstraintPlace, node: Constraint): ConstraintDescriptor {
  const {session, table, text, chooser} = place;
  if (node.conname !== undefined && chooser.taken.has(`check:${node.conname}`)) {
    throw new PgError(
      SqlState.duplicateObject,
      `check constraint "${node.conname}" already exists`,
    );
  }
  if (
    node.is_enforced === false &&
    node.contype === 'CONSTR_CHECK' &&
    node.skip_validation === true
  ) {
    throw featureNotSupported('NOT ENFORCED constraints are not supported');
  }
  const stored = bindCondition(
    {
      session,
      text,
      clause: 'check constraints',
      columns: table.columns,
      relationName: table.name,
      domainValue: null,
    },
    node.raw_expr!,
    'CHECK',
  );
  const column =
    stored.columns.length === 1
      ? table.columns.find(each => each.attnum === stored.columns[0])
      : undefined;
  const name =
    node.conname ?? chooseConstraintName(chooser, [table.name, column?.name ?? null, 'check']);
  chooser.taken.add(`check:${name}`);
  return {
    ...plainConstraint(place, 'c', name),
    columns: stored.columns,
    expressionText: stored.text,
    isValidated: node.skip_validation !== true,
  };
}

/** A unique or primary key: the constraint with its index. */
export interface KeyDefinition {
  readonly constraint: ConstraintDescriptor;
  readonly index: IndexDescriptor;
}

/** A plain ascending key column. */
export function plainKey(column: ColumnDescriptor): IndexKey {
  return {
    attnum: column.attnum,
    expressionText: null,
    descending: false,
    nullsFirst: false,
    opclass: NO_OID,
    collation: column.collation,
  };
}

/** PRIMARY KEY or UNIQUE (columns). */
export function defineKey(place: ConstraintPlace, node: Constraint): KeyDefinition {
  const {session, table, chooser} = place;
  if (node.without_overlaps === true)
    throw featureNotSupported('WITHOUT OVERLAPS is not supported');
  const isPrimary = node.contype === 'CONSTR_PRIMARY';
  const columns = keyColumns(place, node, isPrimary ? 'primary key' : 'unique');
  const included = stringList(node.including).map(name => includedColumn(place, name));
  const names = indexColumnNames(columns.map(column => column.name));
  const name =
    node.conname ??
    (isPrimary
      ? chooseRelationName(chooser, [table.name, null, 'pkey'], true)
      : chooseRelationName(
          chooser,
          [table.name, columnsPart([...names, ...included.map(each => each.name)]), 'key'],
          true,
        ));
  if (node.conname !== undefined) claimName(place, name);
  const index = newOid(session);
  const constraint: ConstraintDescriptor = {
    ...plainConstraint(place, isPrimary ? 'p' : 'u', name),
    columns: columns.map(column => column.attnum),
    isDeferrable: node.deferrable === true,
    isDeferred: node.initdeferred === true,
    index,
  };
  return {
    constraint,
    index: {
      kind: 'index',
      oid: index,
      name,
      owner: table.owner,
      acl: null,
      comment: null,
      schema: table.schema,
      table: table.oid,
      method: 'btree',
      keys: columns.map(plainKey),
      included: included.map(column => column.attnum),
      isUnique: true,
      isPrimary,
      nullsNotDistinct: node.nulls_not_distinct === true,
      predicateText: null,
      options: defElems(node.options).map(
        option => `${option.defname ?? ''}=${constantText(option.arg)}`,
      ),
      constraint: constraint.oid,
    },
  };
}

function claimName(place: ConstraintPlace, name: string): void {
  const {catalog, schema, taken} = place.chooser;
  if (taken.has(name) || catalog.relationByName(schema, name) !== undefined) {
    throw new PgError(SqlState.duplicateTable, `relation "${name}" already exists`);
  }
  taken.add(name);
}

function keyColumns(place: ConstraintPlace, node: Constraint, word: string): ColumnDescriptor[] {
  const columns: ColumnDescriptor[] = [];
  for (const name of stringList(node.keys)) {
    const column = columnNamed(place.table, name);
    if (column === undefined) {
      throw errorAt(
        place.text,
        node.location,
        SqlState.undefinedColumn,
        `column "${name}" named in key does not exist`,
      );
    }
    if (columns.includes(column)) {
      throw errorAt(
        place.text,
        node.location,
        SqlState.duplicateColumn,
        `column "${name}" appears twice in ${word} constraint`,
      );
    }
    columns.push(column);
  }
  return columns;
}

function includedColumn(place: ConstraintPlace, name: string): ColumnDescriptor {
  const column = columnNamed(place.table, name);
  if (column === undefined)
    throw new PgError(SqlState.undefinedColumn, `column "${name}" named in key does not exist`);
  return column;
}

/** Keys of a new table: one primary key, and no second index on the same columns. */
export function defineKeys(place: ConstraintPlace, nodes: readonly Constraint[]): KeyDefinition[] {
  const primary = nodes.filter(node => node.contype === 'CONSTR_PRIMARY');
  if (primary.length > 1) {
    throw errorAt(
      place.text,
      primary[1]!.location,
      SqlState.invalidTableDefinition,
      `multiple primary keys for table "${place.table.name}" are not allowed`,
    );
  }
  const keys: KeyDefinition[] = [];
  const seen = new Set<string>();
  for (const node of [...primary, ...nodes.filter(each => each.contype === 'CONSTR_UNIQUE')]) {
    const columns = `${stringList(node.keys).join('\0')}|${stringList(node.including).join('\0')}`;
    const shape = `${columns}|${node.deferrable === true}|${node.initdeferred === true}`;
    const isRepeated =
      seen.has(shape) &&
      node.nulls_not_distinct !== true &&
      (node.conname === undefined || keys.some(key => key.constraint.type === 'p'));
    if (isRepeated) continue;
    seen.add(shape);
    keys.push(defineKey(place, node));
  }
  return keys;
}

/** Columns of a table with those of its primary key NOT NULL. */
export function withKeyColumns(
  columns: readonly ColumnDescriptor[],
  keys: readonly KeyDefinition[],
): readonly ColumnDescriptor[] {
  const primary = keys.find(key => key.constraint.type === 'p');
  if (primary === undefined) return columns;
  return columns.map(column =>
    primary.constraint.columns.includes(column.attnum) && !column.isNotNull
      ? {...column, isNotNull: true}
      : column,
  );
}

/** Refuses what no table can have yet. */
export function rejectExclusion(node: Node): void {
  if ('Constraint' in node && node.Constraint.contype === 'CONSTR_EXCLUSION')
    throw featureNotSupported('exclusion constraints are not supported');
}
