import type {AlterTableCmd} from '@pgsql/types';
import type {
  ColumnDescriptor,
  SequenceDescriptor,
  TableDescriptor,
  ViewDescriptor,
} from '../../catalog/descriptors.ts';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {SessionContext} from '../session-context.ts';
import {addConstraintNode} from './alter-constraint.ts';
import type {TableAlteration} from './table-alteration.ts';
import {
  checkColumnName,
  defineColumn,
  nextStorageId,
  type ColumnDraft,
  type TablePlace,
} from './column-definitions.ts';
import {defaultText, generatedText} from './column-values.ts';
import {columnNamed} from './constraint-definitions.ts';
import {alterStored, change, errorAt, NO_OID, notice, puts} from './ddl.ts';
import {bindColumnValue} from './definition-binding.ts';
import {dropObjects} from './drop-objects.ts';
import {checkNotMember} from './self-membership.ts';
import {sequenceState} from './sequence-options.ts';
import {checkNotNull, hasRows, rewriteRows, rowCode, storageOf} from './table-rows.ts';

/** A column that a subcommand names; 42703 when there is none. */
export function alteredColumn(
  table: {readonly name: string; readonly columns: readonly ColumnDescriptor[]},
  name: string | undefined,
): ColumnDescriptor {
  const column = columnNamed(table, name ?? '');
  if (column !== undefined) return column;
  throw new PgError(
    SqlState.undefinedColumn,
    `column "${name ?? ''}" of relation "${table.name}" does not exist`,
  );
}

/** A table with one of its columns changed. */
export function withColumn<T extends TableDescriptor | ViewDescriptor>(
  table: T,
  attnum: number,
  edit: Partial<ColumnDescriptor>,
): T {
  return {
    ...table,
    columns: table.columns.map(column =>
      column.attnum === attnum ? {...column, ...edit} : column,
    ),
  };
}

/** Puts a table whose stored shape is the same. */
export function putTable(session: SessionContext, table: TableDescriptor): TableDescriptor {
  const before = session.transaction.catalog.tableByOid(table.oid)!;
  return alterStored(session, before, puts(table));
}

/** ADD COLUMN. */
export async function addColumn({session, text, table, cmd}: TableAlteration): Promise<void> {
  const def = cmd.def !== undefined && 'ColumnDef' in cmd.def ? cmd.def.ColumnDef : {};
  const name = def.colname ?? '';
  if (columnNamed(table, name) !== undefined) {
    const message = `column "${name}" of relation "${table.name}" already exists`;
    if (cmd.missing_ok !== true) throw new PgError(SqlState.duplicateColumn, message);
    notice(session, `${message}, skipping`, {}, SqlState.duplicateColumn);
    return;
  }
  checkColumnName(name);
  if (table.columns.length >= 1600)
    throw new PgError(SqlState.tooManyColumns, 'tables can have at most 1600 columns');
  const primary = def.constraints?.find(
    each => 'Constraint' in each && each.Constraint.contype === 'CONSTR_PRIMARY',
  );
  if (
    primary !== undefined &&
    session.transaction.catalog.indexesOf(table.oid).some(index => index.isPrimary)
  ) {
    throw errorAt(
      text,
      undefined,
      SqlState.invalidTableDefinition,
      `multiple primary keys for table "${table.name}" are not allowed`,
    );
  }
  const chooser = {
    catalog: session.transaction.catalog,
    schema: table.schema,
    taken: new Set<string>(),
  };
  const {oid, schema, owner, persistence} = table;
  const place: TablePlace = {
    session,
    text,
    table: oid,
    name: table.name,
    schema,
    owner,
    persistence,
    chooser,
  };
  const attnum = Math.max(0, ...table.columns.map(column => column.attnum)) + 1;
  const defined = defineColumn(place, def, attnum);
  const type = session.transaction.catalog.typeByOid(defined.column.typeOid);
  if (type !== undefined) checkNotMember(table.rowType, table.name, type);
  const storageId = nextStorageId(table);
  const draft: ColumnDraft =
    storageId === attnum ? defined : {...defined, column: {...defined.column, storageId}};
  const wide: TableDescriptor = {
    ...table,
    columns: [...table.columns, draft.column],
    schemaVersion: table.schemaVersion + 1,
  };
  const {column, value} = columnValue(place, wide, draft);
  if (draft.sequence !== null) addSequence(session, draft.sequence);
  const isConstant = value !== null && isStable(value);
  const missingValue = isConstant ? session.planner.evaluate(value, []) : null;
  const isFilled = isConstant ? missingValue !== null : value !== null;
  const isRefused =
    column.isNotNull && !isFilled && (await hasRows(session, storageOf(session, table.oid)));
  if (isRefused) {
    throw new PgError(
      SqlState.notNullViolation,
      `column "${name}" of relation "${table.name}" contains null values`,
      {
        schema: session.transaction.catalog.schemaByOid(table.schema)?.name,
        table: table.name,
        column: name,
      },
    );
  }
  const added = alterStored(
    session,
    table,
    puts({...wide, columns: [...table.columns, {...column, missingValue}]}),
  );
  if (value !== null && !isConstant) await fillColumn(session, added, value);
  for (const constraint of draft.constraints) {
    await addConstraintNode(
      session,
      text,
      session.transaction.catalog.tableByOid(table.oid)!,
      constraint,
    );
  }
}

/** The column with its text, and the value of rows that exist. */
function columnValue(
  place: TablePlace,
  table: TableDescriptor,
  draft: ColumnDraft,
): {readonly column: ColumnDescriptor; readonly value: BoundExpr | null} {
  const {column} = draft;
  if (draft.generatedNode !== null) {
    const text = generatedText(place, table, draft);
    const where = {
      ...place,
      clause: 'column generation expressions',
      columns: table.columns,
      relationName: table.name,
      domainValue: null,
    };
    const {expr} = bindColumnValue(where, draft.generatedNode, {...column, type: draft.type});
    return {column: {...column, defaultText: text}, value: expr};
  }
  if (draft.sequence !== null) return {column, value: nextValue(place.session, draft)};
  if (draft.defaultNode === null) return {column, value: null};
  const stored = defaultText(place, table, draft.defaultNode, {...column, type: draft.type});
  return {column: {...column, defaultText: stored?.text ?? null}, value: stored?.expr ?? null};
}

/** nextval of a column's sequence as an expression. */
function nextValue(session: SessionContext, draft: ColumnDraft): BoundExpr {
  const {parser} = session.engine;
  const [statement] = parser.parse(`SELECT nextval('${draft.sequence!.oid}'::regclass)`);
  const ast = statement?.ast;
  const target = ast != null && 'SelectStmt' in ast ? ast.SelectStmt.targetList?.[0] : undefined;
  const node = target !== undefined && 'ResTarget' in target ? target.ResTarget.val! : {Null: {}};
  const place = {
    session,
    text: '',
    clause: 'DEFAULT expressions',
    columns: [],
    relationName: '',
    domainValue: null,
  };
  return bindColumnValue(place, node as never, {...draft.column, type: draft.type}).expr;
}

function addSequence(session: SessionContext, sequence: SequenceDescriptor): void {
  change(session, puts(sequence));
  session.transaction.tx.ddl({
    kind: 'createSequence',
    oid: sequence.oid,
    state: sequenceState(sequence),
  });
}

/** Whether a default is the same for all rows: no volatile calls and no columns. */
function isStable(expr: BoundExpr): boolean {
  const visit = (value: unknown): boolean => {
    if (Array.isArray(value)) return value.every(visit);
    if (
      typeof value !== 'object' ||
      value === null ||
      Object.getPrototypeOf(value) !== Object.prototype
    )
      return true;
    const node = value as {readonly kind?: string; readonly volatility?: string};
    if (node.volatility === 'v' || node.kind === 'column') return false;
    return Object.entries(value).every(([key, each]) => key === 'type' || visit(each));
  };
  return visit(expr);
}

/** Computes the newest column for every row. */
async function fillColumn(
  session: SessionContext,
  table: TableDescriptor,
  value: BoundExpr,
): Promise<void> {
  const code = rowCode(session, [value]);
  await rewriteRows(session, table, ({row}) => [...row.slice(0, -1), code(row)[0]!]);
}

/** DROP COLUMN. */
export async function dropColumn({session, table, cmd}: TableAlteration): Promise<void> {
  const name = cmd.name ?? '';
  const column = columnNamed(table, name);
  if (column === undefined) {
    if (/^(?:tableoid|cmax|xmax|cmin|xmin|ctid|_seq|_user_id)$/.test(name)) {
      throw new PgError(SqlState.featureNotSupported, `cannot drop system column "${name}"`);
    }
    const message = `column "${name}" of relation "${table.name}" does not exist`;
    if (cmd.missing_ok !== true) throw new PgError(SqlState.undefinedColumn, message);
    notice(session, `${message}, skipping`);
    return;
  }
  await dropObjects(
    session,
    [{kind: 'column', table, attnum: column.attnum}],
    cmd.behavior === 'DROP_CASCADE',
  );
}

/** SET DEFAULT, DROP DEFAULT. */
export async function setDefault({session, table, cmd}: TableAlteration): Promise<void> {
  const column = alteredColumn(table, cmd.name);
  if (column.identity !== '') {
    throw new PgError(
      SqlState.syntaxError,
      `column "${column.name}" of relation "${table.name}" is an identity column`,
      {
        hint:
          cmd.def === undefined
            ? 'Use ALTER TABLE ... ALTER COLUMN ... DROP IDENTITY instead.'
            : undefined,
      },
    );
  }
  if (column.generated !== '') {
    throw new PgError(
      SqlState.syntaxError,
      `column "${column.name}" of relation "${table.name}" is a generated column`,
      {
        hint:
          cmd.def === undefined
            ? 'Use ALTER TABLE ... ALTER COLUMN ... DROP EXPRESSION instead.'
            : undefined,
      },
    );
  }
  const type = session.transaction.catalog.typeByOid(column.typeOid)!;
  const stored =
    cmd.def === undefined
      ? null
      : defaultText({session, text: ''}, table, cmd.def, {...column, type});
  change(
    session,
    puts(
      withColumn(table, column.attnum, {
        defaultText: stored?.text ?? null,
        sequence: cmd.def === undefined ? NO_OID : column.sequence,
      }),
    ),
  );
}

/** The same of a view's column. */
export function setViewDefault(
  session: SessionContext,
  view: ViewDescriptor,
  cmd: AlterTableCmd,
  text: string,
): void {
  const column = alteredColumn(view, cmd.name);
  const type = session.transaction.catalog.typeByOid(column.typeOid)!;
  const stored =
    cmd.def === undefined ? null : defaultText({session, text}, view, cmd.def, {...column, type});
  change(session, puts(withColumn(view, column.attnum, {defaultText: stored?.text ?? null})));
}

/** SET NOT NULL, DROP NOT NULL. */
export async function setNotNull(
  {session, table, cmd}: TableAlteration,
  isNotNull: boolean,
): Promise<void> {
  const column = alteredColumn(table, cmd.name);
  if (column.isNotNull === isNotNull) return;
  if (!isNotNull) {
    if (column.identity !== '') {
      throw new PgError(
        SqlState.syntaxError,
        `column "${column.name}" of relation "${table.name}" is an identity column`,
      );
    }
    const isKey = session.transaction.catalog
      .indexesOf(table.oid)
      .some(index => index.isPrimary && index.keys.some(key => key.attnum === column.attnum));
    if (isKey)
      throw new PgError(
        SqlState.invalidTableDefinition,
        `column "${column.name}" is in a primary key`,
      );
  } else await checkNotNull(session, table, [column.attnum]);
  putTable(session, withColumn(table, column.attnum, {isNotNull}));
}

/** DROP EXPRESSION: a generated column keeps its values. */
export async function dropExpression({session, table, cmd}: TableAlteration): Promise<void> {
  const column = alteredColumn(table, cmd.name);
  if (column.generated === '') {
    const message = `column "${column.name}" of relation "${table.name}" is not a stored generated column`;
    if (cmd.missing_ok !== true) throw new PgError(SqlState.objectNotInPrerequisiteState, message);
    notice(session, `${message}, skipping`);
    return;
  }
  change(session, puts(withColumn(table, column.attnum, {generated: '', defaultText: null})));
}
