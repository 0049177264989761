import type {Constraint, TableLikeClause} from '@pgsql/types';
import {hasPrivileges} from '../../catalog/acl.ts';
import type {
  ColumnDescriptor,
  ConstraintDescriptor,
  IndexDescriptor,
  SequenceDescriptor,
} from '../../catalog/descriptors.ts';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {chooseRelationName} from './choose-name.ts';
import type {TablePlace} from './column-definitions.ts';
import {errorAt, newOid, NO_OID} from './ddl.ts';
import {findRelation, nameOf, nameText} from './object-names.ts';

const COMMENTS = 1 << 0;
const COMPRESSION = 1 << 1;
const CONSTRAINTS = 1 << 2;
const DEFAULTS = 1 << 3;
const GENERATED = 1 << 4;
const IDENTITY = 1 << 5;
const INDEXES = 1 << 6;
const STORAGE = 1 << 8;

/** What LIKE brings into a new table. */
export interface LikeDraft {
  readonly columns: readonly ColumnDescriptor[];
  readonly sequences: readonly SequenceDescriptor[];
  /** CHECK constraints to copy, with their column numbers mapped. */
  readonly checks: readonly ConstraintDescriptor[];
  /** Keys as if they were written out. */
  readonly keys: readonly Constraint[];
  readonly indexes: readonly IndexDescriptor[];
  /** attnum there -> attnum here. */
  readonly attnums: ReadonlyMap<number, number>;
}

/** LIKE source [INCLUDING ...]. */
export function likeTable(
  place: TablePlace,
  clause: TableLikeClause,
  firstAttnum: number,
): LikeDraft {
  const {session, text} = place;
  const {catalog} = session.transaction;
  const name = nameOf(session, clause.relation);
  const source = findRelation(session, name, true);
  if (source === undefined) {
    throw errorAt(
      text,
      clause.relation?.location,
      SqlState.undefinedTable,
      `relation "${nameText(name)}" does not exist`,
    );
  }
  if (source.kind === 'index' || source.kind === 'sequence') {
    throw errorAt(
      text,
      clause.relation?.location,
      SqlState.wrongObjectType,
      `relation "${source.name}" is invalid in LIKE clause`,
    );
  }
  if (
    source.kind !== 'systemRelation' &&
    !hasPrivileges(
      catalog,
      session.currentRole,
      {kind: 'r', owner: source.owner, acl: source.acl},
      'r',
    )
  ) {
    throw new PgError(
      SqlState.insufficientPrivilege,
      `permission denied for ${source.kind} ${source.name}`,
    );
  }
  const options = clause.options ?? 0;
  const live = source.columns.filter(column => !column.isDropped);
  const attnums = new Map(live.map((column, at) => [column.attnum, firstAttnum + at]));
  const sequences: SequenceDescriptor[] = [];
  const columns = live.map(column => {
    const attnum = attnums.get(column.attnum)!;
    const sequence =
      column.identity !== '' && (options & IDENTITY) !== 0
        ? copySequence(place, column, attnum)
        : null;
    if (sequence !== null) sequences.push(sequence);
    return copyColumn(column, attnum, options, sequence);
  });
  const indexes =
    source.kind === 'table' && (options & INDEXES) !== 0 ? catalog.indexesOf(source.oid) : [];
  const nameOfAttnum = (attnum: number): string =>
    live.find(column => column.attnum === attnum)?.name ?? '';
  const checks =
    (options & CONSTRAINTS) === 0
      ? []
      : catalog.constraintsOf(source.oid).filter(each => each.type === 'c');
  return {
    columns,
    sequences,
    checks,
    keys: indexes.flatMap(index =>
      index.constraint === NO_OID
        ? []
        : [keyNode(index, nameOfAttnum, catalog.constraintByOid(index.constraint))],
    ),
    indexes: indexes.filter(index => index.constraint === NO_OID),
    attnums,
  };
}

function copyColumn(
  column: ColumnDescriptor,
  attnum: number,
  options: number,
  sequence: SequenceDescriptor | null,
): ColumnDescriptor {
  const isGenerated = column.generated !== '';
  const keepsText = isGenerated ? (options & GENERATED) !== 0 : (options & DEFAULTS) !== 0;
  const {storageId: _old, statistics: _target, ...kept} = column;
  return {
    ...kept,
    attnum,
    compression: (options & COMPRESSION) === 0 ? undefined : column.compression,
    storage: (options & STORAGE) === 0 ? undefined : column.storage,
    defaultText: keepsText ? column.defaultText : null,
    generated: isGenerated && keepsText ? column.generated : '',
    identity: sequence === null ? '' : column.identity,
    sequence: sequence?.oid ?? NO_OID,
    missingValue: null,
    acl: null,
    comment: (options & COMMENTS) === 0 ? null : column.comment,
  };
}

function copySequence(
  place: TablePlace,
  column: ColumnDescriptor,
  attnum: number,
): SequenceDescriptor | null {
  const source = place.session.transaction.catalog.get('sequence', column.sequence);
  if (source?.kind !== 'sequence') return null;
  return {
    ...source,
    oid: newOid(place.session),
    name: chooseRelationName(place.chooser, [place.name, column.name, 'seq']),
    schema: place.schema,
    owner: place.owner,
    acl: null,
    comment: null,
    ownedByTable: place.table,
    ownedByAttnum: attnum,
    persistence: place.persistence,
  };
}

function keyNode(
  index: IndexDescriptor,
  nameOfAttnum: (attnum: number) => string,
  constraint: ConstraintDescriptor | undefined,
): Constraint {
  return {
    contype: index.isPrimary ? 'CONSTR_PRIMARY' : 'CONSTR_UNIQUE',
    keys: index.keys.map(key => ({String: {sval: nameOfAttnum(key.attnum)}})),
    including: index.included.map(attnum => ({String: {sval: nameOfAttnum(attnum)}})),
    nulls_not_distinct: index.nullsNotDistinct,
    deferrable: constraint?.isDeferrable === true,
    initdeferred: constraint?.isDeferred === true,
  };
}
