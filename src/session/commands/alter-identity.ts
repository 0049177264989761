import type {Node} from '@pgsql/types';
import type {SequenceDescriptor, TableDescriptor} from '../../catalog/descriptors.ts';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {alteredColumn, withColumn} from './alter-column.ts';
import type {TableAlteration} from './table-alteration.ts';
import {constantText} from './ast-values.ts';
import {chooseRelationName} from './choose-name.ts';
import {change, deletion, lockTable, newOid, NO_OID, notice, puts} from './ddl.ts';
import {newObjectAcl} from './default-privileges.ts';
import {readSequenceOptions, sequenceState} from './sequence-options.ts';
import {changeSequence} from './sequence.ts';

function wrongState(message: string): PgError {
  return new PgError(SqlState.objectNotInPrerequisiteState, message);
}

/** ADD GENERATED ... AS IDENTITY. */
export async function addIdentity({session, text, table, cmd}: TableAlteration): Promise<void> {
  const column = alteredColumn(table, cmd.name);
  const where = `column "${column.name}" of relation "${table.name}"`;
  if (!column.isNotNull)
    throw wrongState(`${where} must be declared NOT NULL before identity can be added`);
  if (column.identity !== '') throw wrongState(`${where} is already an identity column`);
  if (column.defaultText !== null) throw wrongState(`${where} already has a default value`);
  const constraint = cmd.def !== undefined && 'Constraint' in cmd.def ? cmd.def.Constraint : {};
  const {shape, name} = readSequenceOptions(session, constraint.options, {
    before: null,
    type: column.typeOid,
    text,
    isIdentity: true,
  });
  const chooser = {
    catalog: session.transaction.catalog,
    schema: table.schema,
    taken: new Set<string>(),
  };
  const sequence: SequenceDescriptor = {
    kind: 'sequence',
    oid: newOid(session),
    name: name?.at(-1) ?? chooseRelationName(chooser, [table.name, column.name, 'seq']),
    owner: table.owner,
    acl: newObjectAcl(session, 'S', table.schema, table.owner),
    comment: null,
    schema: table.schema,
    ...shape,
    ownedByTable: table.oid,
    ownedByAttnum: column.attnum,
    persistence: table.persistence,
  };
  const identity = constraint.generated_when === 'a' ? 'a' : 'd';
  change(
    session,
    puts(sequence, withColumn(table, column.attnum, {identity, sequence: sequence.oid})),
  );
  session.transaction.tx.ddl({
    kind: 'createSequence',
    oid: sequence.oid,
    state: sequenceState(shape),
  });
}

/** SET GENERATED, SET sequence options, RESTART. */
export async function setIdentity({session, text, table, cmd}: TableAlteration): Promise<void> {
  const column = alteredColumn(table, cmd.name);
  if (column.identity === '')
    throw wrongState(
      `column "${column.name}" of relation "${table.name}" is not an identity column`,
    );
  const options = cmd.def !== undefined && 'List' in cmd.def ? (cmd.def.List.items ?? []) : [];
  const isGenerated = (option: Node): boolean =>
    'DefElem' in option && option.DefElem.defname === 'generated';
  const generated = options.find(isGenerated);
  if (generated !== undefined && 'DefElem' in generated) {
    const identity =
      String.fromCharCode(Number(constantText(generated.DefElem.arg))) === 'a' ? 'a' : 'd';
    change(session, puts(withColumn(table, column.attnum, {identity})));
  }
  const others = options.filter(option => !isGenerated(option));
  const sequence = session.transaction.catalog.get('sequence', column.sequence);
  if (others.length === 0 || sequence?.kind !== 'sequence') return;
  await lockTable(session, sequence, 'shareRowExclusive');
  changeSequence(session, sequence, others, text);
}

/** DROP IDENTITY [IF EXISTS]. */
export async function dropIdentity({session, table, cmd}: TableAlteration): Promise<void> {
  const column = alteredColumn(table, cmd.name);
  if (column.identity === '') {
    const message = `column "${column.name}" of relation "${table.name}" is not an identity column`;
    if (cmd.missing_ok !== true) throw wrongState(message);
    notice(session, `${message}, skipping`);
    return;
  }
  const next: TableDescriptor = withColumn(table, column.attnum, {identity: '', sequence: NO_OID});
  change(session, [...puts(next), deletion({kind: 'sequence', oid: column.sequence})]);
  session.transaction.tx.ddl({kind: 'dropSequence', oid: column.sequence});
}
