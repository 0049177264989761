import type {ColumnDef, Constraint, Node, TypeName} from '@pgsql/types';
import type {ColumnDescriptor, SequenceDescriptor} from '../../catalog/descriptors.ts';
import {DEFAULT_COLLATION, TypeOid} from '../../catalog/well-known.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {oid, type Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {errorType} from '../../sql/bind/display-type.ts';
import type {TypeRef} from '../../sql/contract.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {SessionContext} from '../session-context.ts';
import {stringList} from './ast-values.ts';
import {chooseRelationName, type NameChooser} from './choose-name.ts';
import {columnCompression, columnStorage} from './column-marks.ts';
import {typeRef} from './definition-binding.ts';
import {errorAt, newOid, NO_OID} from './ddl.ts';
import {newObjectAcl} from './default-privileges.ts';
import {readSequenceOptions} from './sequence-options.ts';

/** The table whose columns are defined. */
export interface TablePlace {
  readonly session: SessionContext;
  /** Text of the statement. */
  readonly text: string;
  readonly table: Oid;
  readonly name: string;
  readonly schema: Oid;
  readonly owner: Oid;
  readonly persistence: 'p' | 't' | 'u';
  readonly chooser: NameChooser;
}

/** A column on its way: what must wait until all columns are known stays a tree. */
export interface ColumnDraft {
  readonly column: ColumnDescriptor;
  readonly type: TypeInstance;
  readonly defaultNode: Node | null;
  readonly generatedNode: Node | null;
  readonly sequence: SequenceDescriptor | null;
  /** CHECK, UNIQUE, PRIMARY KEY, FOREIGN KEY of the column, with its name as key. */
  readonly constraints: readonly Constraint[];
}

const SYSTEM_COLUMNS: ReadonlySet<string> = new Set([
  'tableoid',
  'cmax',
  'xmax',
  'cmin',
  'xmin',
  'ctid',
  '_user_id',
  '_seq',
]);
const SERIALS: Readonly<Record<string, Oid>> = {
  smallserial: TypeOid.int2,
  serial2: TypeOid.int2,
  serial: TypeOid.int4,
  serial4: TypeOid.int4,
  bigserial: TypeOid.int8,
  serial8: TypeOid.int8,
};

/** A descriptor without defaults or rights. */
export function plainColumn(attnum: number, name: string, type: TypeRef): ColumnDescriptor {
  return {
    attnum,
    name,
    typeOid: type.type.oid,
    typmod: type.typmod,
    isNotNull: false,
    isDropped: false,
    defaultText: null,
    identity: '',
    generated: '',
    sequence: NO_OID,
    missingValue: null,
    collation: usualCollation(type.type),
    acl: null,
    comment: null,
  };
}

/** An id for a new stored column: above all attnums and ids that the table has had. */
export function nextStorageId(table: {readonly columns: readonly ColumnDescriptor[]}): number {
  return (
    Math.max(0, ...table.columns.map(column => Math.max(column.attnum, column.storageId ?? 0))) + 1
  );
}

/** The collation of a column without COLLATE. */
export function usualCollation(type: TypeInstance): Oid {
  if (!type.isCollatable) return NO_OID;
  return type.oid === TypeOid.name ? oid(950) : DEFAULT_COLLATION;
}

/** 42701 for names that every table's hidden columns have. */
export function checkColumnName(name: string): void {
  if (!SYSTEM_COLUMNS.has(name)) return;
  throw new PgError(
    SqlState.duplicateColumn,
    `column name "${name}" conflicts with a system column name`,
  );
}

/** 42P16 for pseudo-types. */
export function checkColumnType(name: string, type: TypeInstance): void {
  if (type.kind !== 'p') return;
  throw new PgError(
    SqlState.invalidTableDefinition,
    `column "${name}" has pseudo-type ${errorType(type)}`,
  );
}

/** Reads one column definition. */
export function defineColumn(place: TablePlace, def: ColumnDef, attnum: number): ColumnDraft {
  const {session, text, name: table} = place;
  const name = def.colname ?? '';
  const serial = serialType(def.typeName, text);
  const type =
    serial === null
      ? typeRef(session, def.typeName!, text)
      : {type: session.transaction.catalog.typeByOid(serial)!, typmod: -1};
  checkColumnType(name, type.type);
  const facts = readConstraints(place, def, serial !== null);
  const hasIdentity = facts.identity !== null;
  if (hasIdentity && serial !== null) {
    throw new PgError(
      SqlState.syntaxError,
      `both default and identity specified for column "${name}" of table "${table}"`,
    );
  }
  let sequence: SequenceDescriptor | null = null;
  if (serial !== null)
    sequence = columnSequence(place, name, attnum, {type: serial, options: undefined});
  else if (hasIdentity)
    sequence = columnSequence(place, name, attnum, {
      type: type.type.oid,
      options: facts.identity?.options,
    });
  const column: ColumnDescriptor = {
    ...plainColumn(attnum, name, type),
    isNotNull: facts.isNotNull,
    identity: facts.identity === null ? '' : facts.identity.generated_when === 'a' ? 'a' : 'd',
    generated: facts.generated === null ? '' : 's',
    sequence: sequence?.oid ?? NO_OID,
    defaultText: serial !== null ? `nextval('${sequence!.oid}'::regclass)` : null,
    collation: collationOf(place, def, type.type),
    ...marksOf(session, def, type.type),
  };
  return {
    column,
    type: type.type,
    defaultNode: facts.default?.raw_expr ?? null,
    generatedNode: facts.generated?.raw_expr ?? null,
    sequence,
    constraints: facts.others,
  };
}

function marksOf(
  session: SessionContext,
  def: ColumnDef,
  type: TypeInstance,
): Pick<ColumnDescriptor, 'storage' | 'compression'> {
  return {
    ...(def.compression === undefined
      ? {}
      : {compression: columnCompression(session, type, def.compression)}),
    ...(def.storage_name === undefined
      ? {}
      : {storage: columnStorage(session, type, def.storage_name)}),
  };
}

function serialType(name: TypeName | undefined, text: string): Oid | null {
  const names = stringList(name?.names);
  const found = names.length === 1 ? SERIALS[names[0]!] : undefined;
  if (found === undefined || name?.pct_type === true) return null;
  if (name?.arrayBounds !== undefined)
    throw errorAt(
      text,
      name.location,
      SqlState.featureNotSupported,
      'array of serial is not implemented',
    );
  return found;
}

interface ColumnFacts {
  isNotNull: boolean;
  default: Constraint | null;
  identity: Constraint | null;
  generated: Constraint | null;
  others: Constraint[];
}

function readConstraints(place: TablePlace, def: ColumnDef, isSerial: boolean): ColumnFacts {
  const column = def.colname ?? '';
  const where = `column "${column}" of table "${place.name}"`;
  const facts: ColumnFacts = {
    isNotNull: isSerial,
    default: null,
    identity: null,
    generated: null,
    others: [],
  };
  let saidNull: boolean | null = isSerial ? false : null;
  const fail = (node: Constraint, message: string): PgError =>
    errorAt(place.text, node.location, SqlState.syntaxError, `${message} for ${where}`);
  const sayNull = (node: Constraint, isNull: boolean): void => {
    if (saidNull !== null && saidNull !== isNull)
      throw fail(isSerial ? {} : node, 'conflicting NULL/NOT NULL declarations');
    saidNull = isNull;
    facts.isNotNull = !isNull;
  };
  for (const node of withDeferrability(def.constraints)) {
    switch (node.contype) {
      case 'CONSTR_NULL':
        sayNull(node, true);
        break;
      case 'CONSTR_NOTNULL':
        sayNull(node, false);
        break;
      case 'CONSTR_DEFAULT':
        if (facts.default !== null || isSerial)
          throw fail(node, 'multiple default values specified');
        facts.default = node;
        break;
      case 'CONSTR_IDENTITY':
        if (facts.identity !== null) throw fail(node, 'multiple identity specifications');
        facts.identity = node;
        sayNull(node, false);
        break;
      case 'CONSTR_GENERATED':
        if (node.generated_kind === 'v')
          throw featureNotSupported('virtual generated columns are not supported');
        if (facts.generated !== null) throw fail(node, 'multiple generation clauses specified');
        facts.generated = node;
        break;
      case 'CONSTR_PRIMARY':
      case 'CONSTR_UNIQUE':
        facts.others.push({...node, keys: [{String: {sval: column}}]});
        break;
      case 'CONSTR_FOREIGN':
        facts.others.push({...node, fk_attrs: [{String: {sval: column}}]});
        break;
      default:
        facts.others.push(node);
    }
  }
  const {default: given, identity, generated} = facts;
  if (given !== null && identity !== null)
    throw fail(later(given, identity), 'both default and identity specified');
  if (given !== null && generated !== null)
    throw fail(later(given, generated), 'both default and generation expression specified');
  if (identity !== null && generated !== null)
    throw fail(later(identity, generated), 'both identity and generation expression specified');
  return facts;
}

function later(a: Constraint, b: Constraint): Constraint {
  return (a.location ?? -1) > (b.location ?? -1) ? a : b;
}

/** DEFERRABLE and its kin come as nodes of their own behind the constraint that they belong to. */
export function withDeferrability(nodes: readonly Node[] | undefined): Constraint[] {
  const found: Constraint[] = [];
  for (const each of nodes ?? []) {
    if (!('Constraint' in each)) continue;
    const node = each.Constraint;
    const last = found.at(-1);
    if (last === undefined || !(node.contype ?? '').startsWith('CONSTR_ATTR_')) found.push(node);
    else if (node.contype === 'CONSTR_ATTR_DEFERRABLE')
      found[found.length - 1] = {...last, deferrable: true};
    else if (node.contype === 'CONSTR_ATTR_DEFERRED')
      found[found.length - 1] = {...last, deferrable: true, initdeferred: true};
  }
  return found;
}

function columnSequence(
  place: TablePlace,
  column: string,
  attnum: number,
  from: {readonly type: Oid; readonly options: readonly Node[] | undefined},
): SequenceDescriptor {
  const {session, chooser, schema, owner, persistence} = place;
  const {shape, name} = readSequenceOptions(session, from.options, {
    before: null,
    type: from.type,
    text: place.text,
    isIdentity: true,
  });
  return {
    kind: 'sequence',
    oid: newOid(session),
    name: name?.at(-1) ?? chooseRelationName(chooser, [place.name, column, 'seq']),
    owner,
    acl: newObjectAcl(session, 'S', schema, owner),
    comment: null,
    schema,
    ...shape,
    ownedByTable: place.table,
    ownedByAttnum: attnum,
    persistence,
  };
}

/** The collation of a column: COLLATE, or the type's own. */
export function collationOf(
  place: Pick<TablePlace, 'session' | 'text'>,
  def: ColumnDef,
  type: TypeInstance,
): Oid {
  if (def.collClause === undefined) return usualCollation(type);
  const {location} = def.collClause;
  const names = stringList(def.collClause.collname);
  const {data} = place.session.transaction.catalog.builtin;
  const table = data.table('pg_collation');
  const at = table.byName(names.at(-1) ?? '')[0];
  if (at === undefined) {
    throw errorAt(
      place.text,
      location,
      SqlState.undefinedObject,
      `collation "${names.join('.')}" for encoding "UTF8" does not exist`,
    );
  }
  if (!type.isCollatable) {
    throw errorAt(
      place.text,
      location,
      SqlState.datatypeMismatch,
      `collations are not supported by type ${errorType(type)}`,
    );
  }
  return table.row(at)[0] as Oid;
}
