import type {AlterTableCmd, AlterTableStmt} from '@pgsql/types';
import type {
  IndexDescriptor,
  RelationDescriptor,
  TableDescriptor,
  ViewDescriptor,
} from '../../catalog/descriptors.ts';
import {isMaterialized, relationWord, relationWords} from '../../catalog/stored-queries.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {TableLockMode} from '../../storage/locks/table-lock-mode.ts';
import type {Execution} from '../execution.ts';
import {rejectInUse} from '../foreign-keys/table-in-use.ts';
import {checkOwner} from '../privileges.ts';
import type {SessionContext} from '../session-context.ts';
import {alterAttributes} from './alter-attributes.ts';
import {
  addColumn,
  dropColumn,
  dropExpression,
  setDefault,
  setNotNull,
  setViewDefault,
} from './alter-column.ts';
import {
  addConstraint,
  alterConstraint,
  dropConstraint,
  validateConstraint,
} from './alter-constraint.ts';
import {addIdentity, dropIdentity, setIdentity} from './alter-identity.ts';
import {alterColumnType} from './alter-column-type.ts';
import {
  clusterOn,
  dropCluster,
  setCompression,
  setReplicaIdentity,
  setStatistics,
  setStorage,
} from './alter-marks.ts';
import {resetIndexOptions, resetOptions, setIndexOptions, setOptions} from './alter-options.ts';
import type {CommandInput} from './command-types.ts';
import {change, ddlExecution, lockFound, notice, puts} from './ddl.ts';
import {findRelation, nameOf, nameText} from './object-names.ts';
import {changeRelationOwner} from './owner.ts';
import type {TableAlteration} from './table-alteration.ts';
import {setViewOptions} from './view.ts';

const WORDS: Readonly<Record<string, string>> = {
  OBJECT_TABLE: 'TABLE',
  OBJECT_VIEW: 'VIEW',
  OBJECT_MATVIEW: 'MATERIALIZED VIEW',
  OBJECT_INDEX: 'INDEX',
  OBJECT_SEQUENCE: 'SEQUENCE',
  OBJECT_TYPE: 'TYPE',
};

/** ALTER TABLE, and the forms of ALTER VIEW, INDEX, SEQUENCE, TYPE that come as the same tree. */
export function alterTableCommand({
  session,
  node,
  statement,
}: CommandInput<AlterTableStmt>): Execution {
  const word = WORDS[node.objtype ?? 'OBJECT_TABLE'];
  if (word === undefined)
    throw featureNotSupported(
      `ALTER ${(node.objtype ?? '').replace('OBJECT_', '').replaceAll('_', ' ')} is not supported`,
    );
  return ddlExecution(session, `ALTER ${word}`, async () => {
    const cmds = (node.cmds ?? []).flatMap(each =>
      'AlterTableCmd' in each ? [each.AlterTableCmd] : [],
    );
    if (node.objtype === 'OBJECT_TYPE') return alterAttributes(session, node, cmds, statement.text);
    const name = nameOf(session, node.relation);
    if (findRelation(session, name, node.missing_ok === true) === undefined) {
      const message = `relation "${nameText(name)}" does not exist`;
      if (node.missing_ok !== true) throw new PgError(SqlState.undefinedTable, message);
      notice(session, `${message}, skipping`);
      return;
    }
    const mode = node.objtype === 'OBJECT_TABLE' ? lockMode(cmds) : 'accessExclusive';
    const found = await lockFound(session, mode, () =>
      alterable(session, findRelation(session, name, true), word),
    );
    rejectInUse(session, found, 'ALTER TABLE');
    const passes = [...cmds].sort((a, b) => passOf(a) - passOf(b));
    for (const cmd of passes) await alter(session, found, cmd, statement.text);
  });
}

/** Actions that let others read and write meanwhile (PostgreSQL's chapter on ALTER TABLE). */
const MILD_ACTIONS: ReadonlySet<string> = new Set([
  'AT_ValidateConstraint',
  'AT_SetStatistics',
  'AT_ClusterOn',
  'AT_DropCluster',
]);

/** The strictest lock that one of the actions needs. */
function lockMode(cmds: readonly AlterTableCmd[]): TableLockMode {
  const isMild = ({subtype}: AlterTableCmd): boolean => MILD_ACTIONS.has(subtype ?? '');
  if (cmds.every(isMild)) return 'shareUpdateExclusive';
  const letsRead = ({subtype, def}: AlterTableCmd): boolean =>
    MILD_ACTIONS.has(subtype ?? '') ||
    (subtype === 'AT_AddConstraint' &&
      def !== undefined &&
      'Constraint' in def &&
      def.Constraint.contype === 'CONSTR_FOREIGN');
  return cmds.every(letsRead) ? 'shareRowExclusive' : 'accessExclusive';
}

type Alterable = Exclude<RelationDescriptor, {kind: 'systemRelation'}>;

function alterable(
  session: SessionContext,
  relation: RelationDescriptor | undefined,
  word: string,
): Alterable {
  if (relation === undefined)
    throw new PgError(SqlState.undefinedTable, 'the relation was dropped');
  if (relation.kind === 'systemRelation') {
    throw new PgError(
      SqlState.insufficientPrivilege,
      `permission denied: "${relation.name}" is a system catalog`,
    );
  }
  if (word !== 'TABLE' && word !== relationWord(relation).toUpperCase()) {
    const article = word === 'INDEX' ? 'an' : 'a';
    throw new PgError(
      SqlState.wrongObjectType,
      `"${relation.name}" is not ${article} ${word.toLowerCase()}`,
    );
  }
  checkOwner(session.transaction.catalog, session.currentRole, relation, relationWord(relation));
  return relation;
}

/** The order in which PostgreSQL works on subcommands: drops first, then types, columns, constraints, the rest. */
function passOf({subtype, def}: AlterTableCmd): number {
  if (subtype === 'AT_ColumnDefault' && def === undefined) return 0;
  switch (subtype) {
    case 'AT_DropColumn':
    case 'AT_DropConstraint':
    case 'AT_DropNotNull':
    case 'AT_DropExpression':
    case 'AT_DropIdentity':
      return 0;
    case 'AT_AlterColumnType':
      return 1;
    case 'AT_AddColumn':
      return 2;
    case 'AT_ColumnDefault':
    case 'AT_SetNotNull':
    case 'AT_AddIdentity':
    case 'AT_SetIdentity':
      return 3;
    case 'AT_AddConstraint':
      return 4;
    default:
      return 5;
  }
}

async function alter(
  session: SessionContext,
  relation: Alterable,
  cmd: AlterTableCmd,
  text: string,
): Promise<void> {
  const {catalog} = session.transaction;
  if (cmd.subtype === 'AT_ChangeOwner') return changeRelationOwner(session, relation, cmd.newowner);
  switch (relation.kind) {
    case 'table':
      if (isMaterialized(relation) && !MATERIALIZED_ACTIONS.has(cmd.subtype ?? ''))
        throw cannot(relation, cmd);
      return alterTable({session, text, table: catalog.tableByOid(relation.oid)!, cmd});
    case 'view':
      return alterView(session, catalog.relationByOid(relation.oid) as ViewDescriptor, cmd, text);
    case 'index':
      return alterIndex(session, catalog.relationByOid(relation.oid) as IndexDescriptor, cmd);
    case 'sequence':
      throw cannot(relation, cmd);
  }
}

/** What PostgreSQL allows for materialized views, besides their owner. */
const MATERIALIZED_ACTIONS: ReadonlySet<string> = new Set([
  'AT_SetStatistics',
  'AT_SetStorage',
  'AT_SetCompression',
  'AT_ClusterOn',
  'AT_DropCluster',
  'AT_SetRelOptions',
  'AT_ResetRelOptions',
  'AT_SetOptions',
  'AT_ResetOptions',
]);

/** Actions whose words are not those of the tree. */
const ACTION_WORDS: Readonly<Record<string, string>> = {
  AT_ColumnDefault: 'ALTER COLUMN ... SET DEFAULT',
  AT_AlterColumnType: 'ALTER COLUMN ... SET DATA TYPE',
  AT_SetNotNull: 'ALTER COLUMN ... SET NOT NULL',
  AT_DropNotNull: 'ALTER COLUMN ... DROP NOT NULL',
  AT_EnableRowSecurity: 'ENABLE ROW SECURITY',
};

function cannot(relation: Alterable, cmd: AlterTableCmd): PgError {
  const {subtype = ''} = cmd;
  const words = ACTION_WORDS[subtype];
  const action =
    words ??
    subtype
      .replace('AT_', '')
      .replaceAll(/([a-z])([A-Z])/g, '$1 $2')
      .toUpperCase();
  return new PgError(
    SqlState.wrongObjectType,
    `ALTER action ${action} cannot be performed on relation "${relation.name}"`,
    {
      detail: `This operation is not supported for ${relationWords(relation)}.`,
    },
  );
}

async function alterTable(alteration: TableAlteration): Promise<void> {
  const {cmd, session} = alteration;
  switch (cmd.subtype) {
    case 'AT_AddColumn':
      return addColumn(alteration);
    case 'AT_DropColumn':
      return dropColumn(alteration);
    case 'AT_ColumnDefault':
      return setDefault(alteration);
    case 'AT_SetNotNull':
    case 'AT_DropNotNull':
      return setNotNull(alteration, cmd.subtype === 'AT_SetNotNull');
    case 'AT_DropExpression':
      return dropExpression(alteration);
    case 'AT_AlterColumnType':
      return alterColumnType(alteration);
    case 'AT_AddConstraint':
      return addConstraint(alteration);
    case 'AT_DropConstraint':
      return dropConstraint(alteration);
    case 'AT_ValidateConstraint':
      return validateConstraint(alteration);
    case 'AT_AlterConstraint':
      return alterConstraint(alteration);
    case 'AT_AddIdentity':
      return addIdentity(alteration);
    case 'AT_SetIdentity':
      return setIdentity(alteration);
    case 'AT_DropIdentity':
      return dropIdentity(alteration);
    case 'AT_EnableRowSecurity':
    case 'AT_DisableRowSecurity':
      return setSecurity(alteration, {rowSecurity: cmd.subtype === 'AT_EnableRowSecurity'});
    case 'AT_ForceRowSecurity':
    case 'AT_NoForceRowSecurity':
      return setSecurity(alteration, {forceRowSecurity: cmd.subtype === 'AT_ForceRowSecurity'});
    case 'AT_SetRelOptions':
      return setOptions(session, alteration.table, cmd);
    case 'AT_ResetRelOptions':
      return resetOptions(session, alteration.table, cmd);
    case 'AT_SetStatistics':
      return setStatistics(alteration);
    case 'AT_SetStorage':
      return setStorage(alteration);
    case 'AT_SetCompression':
      return setCompression(alteration);
    case 'AT_ReplicaIdentity':
      return setReplicaIdentity(alteration);
    case 'AT_ClusterOn':
      return clusterOn(alteration);
    case 'AT_DropCluster':
      return dropCluster(alteration);
    case 'AT_SetLogged':
      if (alteration.table.persistence === 'p') return;
      throw unsupported(cmd);
    default:
      throw unsupported(cmd);
  }
}

function setSecurity(
  {session, table}: TableAlteration,
  flags: Partial<Pick<TableDescriptor, 'rowSecurity' | 'forceRowSecurity'>>,
): void {
  change(session, puts({...table, ...flags}));
}

function unsupported({subtype}: AlterTableCmd): PgError {
  const action = (subtype ?? '')
    .replace('AT_', '')
    .replaceAll(/([a-z])([A-Z])/g, '$1 $2')
    .toUpperCase();
  return featureNotSupported(`ALTER TABLE ... ${action} is not supported`);
}

async function alterView(
  session: SessionContext,
  view: ViewDescriptor,
  cmd: AlterTableCmd,
  text: string,
): Promise<void> {
  if (cmd.subtype === 'AT_ColumnDefault') return setViewDefault(session, view, cmd, text);
  if (cmd.subtype === 'AT_SetRelOptions' || cmd.subtype === 'AT_ResetRelOptions')
    return setViewOptions(session, view, cmd);
  throw cannot(view, cmd);
}

async function alterIndex(
  session: SessionContext,
  index: IndexDescriptor,
  cmd: AlterTableCmd,
): Promise<void> {
  if (cmd.subtype === 'AT_SetRelOptions') return setIndexOptions(session, index, cmd);
  if (cmd.subtype === 'AT_ResetRelOptions') return resetIndexOptions(session, index, cmd);
  throw cannot(index, cmd);
}
