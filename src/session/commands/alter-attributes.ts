import type {AlterTableCmd, AlterTableStmt} from '@pgsql/types';
import type {TypeDescriptor} from '../../catalog/descriptors.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {checkOwner} from '../privileges.ts';
import type {SessionContext} from '../session-context.ts';
import {checkColumnType, plainColumn} from './column-definitions.ts';
import {checkNotMember} from './self-membership.ts';
import {columnNamed} from './constraint-definitions.ts';
import {change, notice, puts} from './ddl.ts';
import {typeRef} from './definition-binding.ts';
import {nameOf} from './object-names.ts';
import {nameScope} from './object-text.ts';
import {relationName} from '../../catalog/names.ts';
import {typeDescriptorNamed} from './type-names.ts';

/** ALTER TYPE ... ADD | DROP | ALTER ATTRIBUTE of a composite type that no table uses. */
export async function alterAttributes(
  session: SessionContext,
  node: AlterTableStmt,
  cmds: readonly AlterTableCmd[],
  text: string,
): Promise<void> {
  const name = nameOf(session, node.relation);
  let type = typeDescriptorNamed(session, name, 'type');
  if (type.typeKind !== 'c')
    throw new PgError(SqlState.wrongObjectType, `${name.name} is not a composite type`);
  checkOwner(session.transaction.catalog, session.currentRole, type, 'type');
  checkUnused(session, type);
  for (const cmd of cmds) type = changed(session, type, cmd, text);
  change(session, puts(type));
}

function checkUnused(session: SessionContext, type: TypeDescriptor): void {
  for (const table of session.transaction.catalog.tables()) {
    const column = table.columns.find(
      each => !each.isDropped && (each.typeOid === type.oid || each.typeOid === type.arrayOid),
    );
    if (column === undefined) continue;
    const shown = `${relationName(nameScope(session), table.oid)}.${column.name}`;
    throw featureNotSupported(`cannot alter type "${type.name}" because column "${shown}" uses it`);
  }
}

function changed(
  session: SessionContext,
  type: TypeDescriptor,
  cmd: AlterTableCmd,
  text: string,
): TypeDescriptor {
  const def = cmd.def !== undefined && 'ColumnDef' in cmd.def ? cmd.def.ColumnDef : {};
  const name = cmd.subtype === 'AT_AddColumn' ? (def.colname ?? '') : (cmd.name ?? '');
  const existing = columnNamed(type, name);
  if (cmd.subtype === 'AT_AddColumn') {
    if (existing !== undefined)
      throw new PgError(
        SqlState.duplicateColumn,
        `column "${name}" of relation "${type.name}" already exists`,
      );
    const ref = typeRef(session, def.typeName!, text);
    checkColumnType(name, ref.type);
    checkNotMember(type.oid, type.name, ref.type);
    const attnum = Math.max(0, ...type.columns.map(column => column.attnum)) + 1;
    return {...type, columns: [...type.columns, plainColumn(attnum, name, ref)]};
  }
  if (existing === undefined) {
    const message = `column "${name}" of relation "${type.name}" does not exist`;
    if (cmd.missing_ok !== true) throw new PgError(SqlState.undefinedColumn, message);
    notice(session, `${message}, skipping`);
    return type;
  }
  if (cmd.subtype === 'AT_DropColumn')
    return {...type, columns: type.columns.filter(column => column !== existing)};
  if (cmd.subtype !== 'AT_AlterColumnType')
    throw featureNotSupported('this form of ALTER TYPE is not supported');
  const ref = typeRef(session, def.typeName!, text);
  checkColumnType(name, ref.type);
  checkNotMember(type.oid, type.name, ref.type);
  return {
    ...type,
    columns: type.columns.map(column =>
      column === existing
        ? {...plainColumn(column.attnum, name, ref), comment: column.comment}
        : column,
    ),
  };
}
