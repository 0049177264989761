import {checkReachesAllRows} from '../all-rows.ts';
import type {Constraint} from '@pgsql/types';
import type {
  ConstraintDescriptor,
  IndexDescriptor,
  TableDescriptor,
} from '../../catalog/descriptors.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {SessionContext} from '../session-context.ts';
import type {TableAlteration} from './table-alteration.ts';
import {validateForeignKey} from '../foreign-keys/validate.ts';
import {withDeferrability} from './column-definitions.ts';
import {
  defineCheck,
  defineKey,
  plainConstraint,
  withKeyColumns,
  type ConstraintPlace,
} from './constraint-definitions.ts';
import {alterStored, change, lockTable, NO_OID, notice, puts} from './ddl.ts';
import {boundText} from './definition-binding.ts';
import {objectNode} from './dependencies.ts';
import {dropObjects} from './drop-objects.ts';
import {defineForeignKey} from './foreign-key.ts';
import {alterKeys, checkDistinct, checkNotNull, checkRows} from './table-rows.ts';

/** ADD table_constraint. */
export async function addConstraint({session, text, table, cmd}: TableAlteration): Promise<void> {
  const [node] = withDeferrability(cmd.def === undefined ? [] : [cmd.def]);
  if (node === undefined) throw featureNotSupported('this form of ADD CONSTRAINT is not supported');
  await addConstraintNode(session, text, table, node);
}

/** Adds a constraint to a table that exists; its rows must satisfy it. */
export async function addConstraintNode(
  session: SessionContext,
  text: string,
  table: TableDescriptor,
  node: Constraint,
): Promise<void> {
  const {catalog} = session.transaction;
  if (
    node.conname !== undefined &&
    catalog.constraintsOf(table.oid).some(each => each.name === node.conname)
  ) {
    throw new PgError(
      SqlState.duplicateObject,
      `constraint "${node.conname}" for relation "${table.name}" already exists`,
    );
  }
  const place: ConstraintPlace = {
    session,
    text,
    table,
    chooser: {catalog, schema: table.schema, taken: new Set()},
  };
  switch (node.contype) {
    case 'CONSTR_CHECK':
      return addCheck(place, node);
    case 'CONSTR_PRIMARY':
    case 'CONSTR_UNIQUE':
      return node.indexname === undefined || node.indexname === ''
        ? addKey(place, node)
        : addKeyFromIndex(place, node);
    case 'CONSTR_FOREIGN': {
      const constraint = await defineForeignKey(place, node);
      change(session, puts(constraint));
      if (constraint.isValidated) await validateForeignKey(session, constraint.oid);
      return;
    }
    case 'CONSTR_EXCLUSION':
      throw featureNotSupported('exclusion constraints are not supported');
    default:
      throw featureNotSupported('this constraint is not supported');
  }
}

async function addCheck(place: ConstraintPlace, node: Constraint): Promise<void> {
  const {session, table} = place;
  const constraint = defineCheck(place, node);
  if (constraint.isValidated)
    await checkRows(
      session,
      table,
      constraint.name,
      boundText(session, table, constraint.expressionText!, 'check constraints'),
    );
  change(session, puts(constraint));
}

async function addKey(place: ConstraintPlace, node: Constraint): Promise<void> {
  const {session, table} = place;
  const isPrimary = node.contype === 'CONSTR_PRIMARY';
  checkOnePrimary(session, table, isPrimary);
  checkReachesAllRows(session, table.oid);
  const key = defineKey(place, node);
  const altered = await alterKeys(
    session,
    table,
    puts({...table, columns: withKeyColumns(table.columns, [key])}, key.index, key.constraint),
  );
  if (!isPrimary) return;
  try {
    await checkNotNull(session, altered, key.constraint.columns);
  } catch (error) {
    // Storage looks at cold rows when the transaction commits; PostgreSQL tells duplicates before NULLs.
    await checkDistinct(session, altered, key.index.oid);
    throw error;
  }
}

function checkOnePrimary(
  session: SessionContext,
  table: TableDescriptor,
  isPrimary: boolean,
): void {
  if (
    !isPrimary ||
    !session.transaction.catalog.indexesOf(table.oid).some(index => index.isPrimary)
  )
    return;
  throw new PgError(
    SqlState.invalidTableDefinition,
    `multiple primary keys for table "${table.name}" are not allowed`,
  );
}

/** ADD CONSTRAINT ... USING INDEX. */
async function addKeyFromIndex(place: ConstraintPlace, node: Constraint): Promise<void> {
  const {session, table} = place;
  const isPrimary = node.contype === 'CONSTR_PRIMARY';
  checkOnePrimary(session, table, isPrimary);
  const index = session.transaction.catalog
    .indexesOf(table.oid)
    .find(each => each.name === node.indexname);
  if (index === undefined)
    throw new PgError(SqlState.undefinedObject, `index "${node.indexname}" does not exist`);
  checkUsable(index, table);
  const name = node.conname ?? index.name;
  if (name !== index.name)
    notice(
      session,
      `ALTER TABLE / ADD CONSTRAINT USING INDEX will rename index "${index.name}" to "${name}"`,
    );
  const columns = index.keys.map(key => key.attnum);
  if (isPrimary) await checkNotNull(session, table, columns);
  const constraint: ConstraintDescriptor = {
    ...plainConstraint(place, isPrimary ? 'p' : 'u', name),
    columns,
    isDeferrable: node.deferrable === true,
    isDeferred: node.initdeferred === true,
    index: index.oid,
  };
  const owned: IndexDescriptor = {...index, name, isPrimary, constraint: constraint.oid};
  alterStored(
    session,
    table,
    puts(
      {...table, columns: withKeyColumns(table.columns, [{constraint, index: owned}])},
      owned,
      constraint,
    ),
  );
}

function checkUsable(index: IndexDescriptor, table: TableDescriptor): void {
  const wrongState = (message: string): PgError =>
    new PgError(SqlState.objectNotInPrerequisiteState, message);
  const wrongKind = (message: string): PgError =>
    new PgError(SqlState.wrongObjectType, message, {
      detail: 'Cannot create a primary key or unique constraint using such an index.',
    });
  if (index.constraint !== NO_OID)
    throw wrongState(`index "${index.name}" is already associated with a constraint`);
  if (!index.isUnique) throw wrongKind(`"${index.name}" is not a unique index`);
  if (index.keys.some(key => key.attnum === 0))
    throw wrongKind(`index "${index.name}" contains expressions`);
  if (index.predicateText !== null) throw wrongKind(`"${index.name}" is a partial index`);
  if (index.keys.some(key => !table.columns.some(column => column.attnum === key.attnum)))
    throw wrongState(`index "${index.name}" does not belong to table "${table.name}"`);
}

function constraintNamed(alteration: TableAlteration): ConstraintDescriptor | undefined {
  const {session, table, cmd} = alteration;
  return session.transaction.catalog.constraintsOf(table.oid).find(each => each.name === cmd.name);
}

function missing({table, cmd}: TableAlteration): PgError {
  return new PgError(
    SqlState.undefinedObject,
    `constraint "${cmd.name ?? ''}" of relation "${table.name}" does not exist`,
  );
}

/** DROP CONSTRAINT [IF EXISTS]. */
export async function dropConstraint(alteration: TableAlteration): Promise<void> {
  const {session, cmd} = alteration;
  const constraint = constraintNamed(alteration);
  if (constraint !== undefined)
    return dropObjects(session, [objectNode(constraint)], cmd.behavior === 'DROP_CASCADE');
  if (cmd.missing_ok !== true) throw missing(alteration);
  notice(session, `${missing(alteration).message}, skipping`);
}

/** VALIDATE CONSTRAINT. */
export async function validateConstraint(alteration: TableAlteration): Promise<void> {
  const {session, table} = alteration;
  const constraint = constraintNamed(alteration);
  if (constraint === undefined) throw missing(alteration);
  if (constraint.type !== 'c' && constraint.type !== 'f') {
    throw new PgError(
      SqlState.wrongObjectType,
      `constraint "${constraint.name}" of relation "${table.name}" is not a foreign key or check constraint`,
    );
  }
  if (constraint.isValidated) return;
  if (constraint.type === 'f') {
    const referenced = session.transaction.catalog.tableByOid(constraint.referencedTable)!;
    await lockTable(session, referenced, 'rowShare');
    await validateForeignKey(session, constraint.oid);
  } else
    await checkRows(
      session,
      table,
      constraint.name,
      boundText(session, table, constraint.expressionText!, 'check constraints'),
    );
  change(session, puts({...constraint, isValidated: true}));
}

/** ALTER CONSTRAINT: deferrability of a foreign key. */
export async function alterConstraint(alteration: TableAlteration): Promise<void> {
  const {session, table, cmd} = alteration;
  const node: {
    readonly conname?: string;
    readonly deferrable?: boolean;
    readonly initdeferred?: boolean;
  } =
    cmd.def === undefined
      ? {}
      : 'Constraint' in cmd.def
        ? cmd.def.Constraint
        : (Object.values(cmd.def)[0] as object);
  const constraint = session.transaction.catalog
    .constraintsOf(table.oid)
    .find(each => each.name === node.conname);
  if (constraint === undefined)
    throw missing({...alteration, cmd: {...cmd, name: node.conname ?? ''}});
  if (constraint.type !== 'f') {
    throw new PgError(
      SqlState.wrongObjectType,
      `constraint "${constraint.name}" of relation "${table.name}" is not a foreign key constraint`,
    );
  }
  change(
    session,
    puts({
      ...constraint,
      isDeferrable: node.deferrable === true,
      isDeferred: node.initdeferred === true,
    }),
  );
}
