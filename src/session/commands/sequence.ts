import type {AlterSeqStmt, CreateSeqStmt} from '@pgsql/types';
import type {SequenceDescriptor} from '../../catalog/descriptors.ts';
import {TypeOid} from '../../catalog/well-known.ts';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Execution} from '../execution.ts';
import {checkOwner} from '../privileges.ts';
import type {SessionContext} from '../session-context.ts';
import type {QualifiedName} from './ast-values.ts';
import type {CommandInput} from './command-types.ts';
import {columnNamed} from './constraint-definitions.ts';
import {change, ddlExecution, lockFound, newOid, NO_OID, notice, puts} from './ddl.ts';
import {newObjectAcl} from './default-privileges.ts';
import {tablePlacement} from './new-relation.ts';
import {findRelation, nameOf, nameText} from './object-names.ts';
import {readSequenceOptions, sequenceState} from './sequence-options.ts';
import {claimRelationName} from './claim-name.ts';

/** CREATE [TEMP] SEQUENCE [IF NOT EXISTS]. */
export function createSequenceCommand({
  session,
  node,
  statement,
}: CommandInput<CreateSeqStmt>): Execution {
  return ddlExecution(session, 'CREATE SEQUENCE', async () => {
    const {schema, name, persistence} = tablePlacement(
      session,
      node.sequence ?? {},
      statement.text,
    );
    if (session.transaction.catalog.relationByName(schema.oid, name) !== undefined) {
      if (node.if_not_exists !== true)
        throw new PgError(SqlState.duplicateTable, `relation "${name}" already exists`);
      notice(session, `relation "${name}" already exists, skipping`, {}, SqlState.duplicateTable);
      return;
    }
    await claimRelationName(session, schema.oid, name);
    const {shape, ownedBy} = readSequenceOptions(session, node.options, {
      before: null,
      type: TypeOid.int8,
      text: statement.text,
    });
    const base: SequenceDescriptor = {
      kind: 'sequence',
      oid: newOid(session),
      name,
      owner: session.currentRole,
      acl: newObjectAcl(session, 'S', schema.oid, session.currentRole),
      comment: null,
      schema: schema.oid,
      ...shape,
      ownedByTable: NO_OID,
      ownedByAttnum: 0,
      persistence,
    };
    const sequence = ownedBy === null ? base : withOwner(session, base, ownedBy);
    change(session, puts(sequence));
    session.transaction.tx.ddl({
      kind: 'createSequence',
      oid: sequence.oid,
      state: sequenceState(shape),
    });
  });
}

/** OWNED BY table.column | NONE. */
function withOwner(
  session: SessionContext,
  sequence: SequenceDescriptor,
  names: readonly string[],
): SequenceDescriptor {
  if (names.length === 1) {
    if (names[0] === 'none') return {...sequence, ownedByTable: NO_OID, ownedByAttnum: 0};
    throw new PgError(SqlState.syntaxError, 'invalid OWNED BY option', {
      hint: 'Specify OWNED BY table.column or OWNED BY NONE.',
    });
  }
  const name = {
    schema: names.length > 2 ? names[names.length - 3]! : null,
    name: names[names.length - 2]!,
  };
  const table = findRelation(session, name, false);
  if (table === undefined)
    throw new PgError(SqlState.undefinedTable, `relation "${nameText(name)}" does not exist`);
  if (table.kind !== 'table') {
    throw new PgError(
      SqlState.wrongObjectType,
      `sequence cannot be owned by relation "${table.name}"`,
      {
        detail: `This operation is not supported for ${table.kind === 'index' ? 'indexes' : `${table.kind}s`}.`,
      },
    );
  }
  const invalid = (message: string): PgError =>
    new PgError(SqlState.objectNotInPrerequisiteState, message);
  if (table.owner !== sequence.owner)
    throw invalid('sequence must have same owner as table it is linked to');
  if (table.schema !== sequence.schema)
    throw invalid('sequence must be in same schema as table it is linked to');
  const column = columnNamed(table, names[names.length - 1]!);
  if (column === undefined) {
    throw new PgError(
      SqlState.undefinedColumn,
      `column "${names[names.length - 1]}" of relation "${table.name}" does not exist`,
    );
  }
  return {...sequence, ownedByTable: table.oid, ownedByAttnum: column.attnum};
}

/** ALTER SEQUENCE [IF EXISTS] ... options. */
export function alterSequenceCommand({
  session,
  node,
  statement,
}: CommandInput<AlterSeqStmt>): Execution {
  return ddlExecution(session, 'ALTER SEQUENCE', async () => {
    const name = nameOf(session, node.sequence);
    if (findRelation(session, name, node.missing_ok === true) === undefined) {
      const message = `relation "${nameText(name)}" does not exist`;
      if (node.missing_ok !== true) throw new PgError(SqlState.undefinedTable, message);
      notice(session, `${message}, skipping`);
      return;
    }
    const sequence = await lockFound(session, 'shareRowExclusive', () =>
      alteredSequence(session, name),
    );
    changeSequence(session, sequence, node.options, statement.text);
  });
}

function alteredSequence(session: SessionContext, name: QualifiedName): SequenceDescriptor {
  const found = findRelation(session, name, false);
  if (found === undefined)
    throw new PgError(SqlState.undefinedTable, `relation "${nameText(name)}" does not exist`);
  if (found.kind !== 'sequence')
    throw new PgError(SqlState.wrongObjectType, `"${found.name}" is not a sequence`);
  checkOwner(session.transaction.catalog, session.currentRole, found, 'sequence');
  return found;
}

/** Changes a sequence by an option list. */
export function changeSequence(
  session: SessionContext,
  sequence: SequenceDescriptor,
  options: AlterSeqStmt['options'],
  text: string,
): void {
  const read = readSequenceOptions(session, options, {
    before: sequence,
    type: sequence.typeOid,
    text,
  });
  const {shape, restart, ownedBy} = read;
  if (ownedBy !== null && isIdentitySequence(session, sequence)) {
    throw new PgError(
      SqlState.featureNotSupported,
      'cannot change ownership of identity sequence',
      {
        detail: `Sequence "${sequence.name}" is linked to table "${session.transaction.catalog.tableByOid(sequence.ownedByTable)?.name ?? ''}".`,
      },
    );
  }
  const changed = {...sequence, ...shape};
  change(session, puts(ownedBy === null ? changed : withOwner(session, changed, ownedBy)));
  const now = session.engine.storage.sequenceState(sequence.oid);
  const lastValue = restart ?? now?.lastValue ?? shape.start;
  const isCalled = restart === null && (now?.isCalled ?? false);
  checkLastValue(lastValue, shape);
  session.transaction.tx.ddl({
    kind: 'createSequence',
    oid: sequence.oid,
    state: sequenceState(shape, lastValue, isCalled),
  });
}

function checkLastValue(value: bigint, shape: {readonly min: bigint; readonly max: bigint}): void {
  const invalid = (message: string): PgError =>
    new PgError(SqlState.invalidParameterValue, message);
  if (value < shape.min)
    throw invalid(`RESTART value (${value}) cannot be less than MINVALUE (${shape.min})`);
  if (value > shape.max)
    throw invalid(`RESTART value (${value}) cannot be greater than MAXVALUE (${shape.max})`);
}

function isIdentitySequence(session: SessionContext, sequence: SequenceDescriptor): boolean {
  const table = session.transaction.catalog.tableByOid(sequence.ownedByTable);
  return (
    table?.columns.some(
      column => column.attnum === sequence.ownedByAttnum && column.identity !== '',
    ) === true
  );
}
