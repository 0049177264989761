import type {CatalogSnapshot} from '../../catalog/contract.ts';
import type {ConstraintDescriptor} from '../../catalog/descriptors.ts';
import {ByteWriter} from '../../common/byte-writer.ts';
import {assert, PgError} from '../../common/errors.ts';
import type {Oid, OwnerId} from '../../common/ids.ts';
import type {StorageIndex, TableStorage} from '../../storage/contract.ts';
import type {Datum, FormatSettings, TypeInstance, Value} from '../../types/contract.ts';
import type {TableStorages} from '../table-storages.ts';

/** A foreign key as its checks see it: both tables in storage's shape, columns as positions in the order of the constraint. */
export interface Reference {
  readonly constraint: ConstraintDescriptor;
  readonly child: TableStorage;
  readonly childColumns: readonly number[];
  readonly parent: TableStorage;
  readonly parentColumns: readonly number[];
  /** The unique index of the referenced key. */
  readonly parentIndex: StorageIndex;
  /** An index over just the referencing columns, if there is one. */
  readonly childIndex: StorageIndex | null;
}

/** A key of a referencing row that needs its referenced row. */
export interface ReferencingKey {
  readonly reference: Reference;
  readonly owner: OwnerId;
  readonly key: readonly Datum[];
}

/** A referenced key that a row gave up, by DELETE (`replacement` null) or for another key. */
export interface ReferencedKey extends ReferencingKey {
  readonly replacement: readonly Datum[] | null;
}

/** The foreign keys in which a table takes part. */
export interface TableReferences {
  readonly referencing: readonly Reference[];
  readonly referenced: readonly Reference[];
  /** Deferrable unique keys. */
  readonly keys: readonly DeferrableKey[];
}

/** A unique constraint that is checked at the end of the statement or of the transaction. */
export interface DeferrableKey {
  readonly constraint: ConstraintDescriptor;
  readonly table: TableStorage;
  readonly index: StorageIndex;
}

/** Foreign keys by table, kept for one catalog snapshot: changing statements ask for them each time. */
export class ReferenceCache {
  readonly #storages: TableStorages;
  #catalog: CatalogSnapshot | null = null;
  #byTable = new Map<Oid, TableReferences | null>();

  constructor(storages: TableStorages) {
    this.#storages = storages;
  }

  /** Null when the table has no foreign key and is not referenced. */
  of(catalog: CatalogSnapshot, table: Oid): TableReferences | null {
    if (this.#catalog !== catalog) {
      this.#catalog = catalog;
      this.#byTable = new Map();
    }
    const known = this.#byTable.get(table);
    if (known !== undefined) return known;
    const made = this.#make(catalog, table);
    this.#byTable.set(table, made);
    return made;
  }

  /** One foreign key; undefined when it was dropped. */
  byOid(catalog: CatalogSnapshot, constraint: Oid): Reference | undefined {
    const descriptor = catalog.constraintByOid(constraint);
    if (descriptor === undefined) return undefined;
    return this.of(catalog, descriptor.table)?.referencing.find(
      each => each.constraint.oid === constraint,
    );
  }

  #make(catalog: CatalogSnapshot, table: Oid): TableReferences | null {
    const own = catalog.constraintsOf(table).filter(each => each.type === 'f');
    const others = catalog.referencingConstraints(table);
    const keys = catalog
      .constraintsOf(table)
      .filter(each => (each.type === 'u' || each.type === 'p') && each.isDeferrable);
    if (own.length === 0 && others.length === 0 && keys.length === 0) return null;
    return {
      referencing: byOid(own).map(each => this.#reference(catalog, each)),
      referenced: byOid(others).map(each => this.#reference(catalog, each)),
      keys: byOid(keys).map(each => this.#key(catalog, each)),
    };
  }

  #key(catalog: CatalogSnapshot, constraint: ConstraintDescriptor): DeferrableKey {
    const table = this.#storages.get(catalog, constraint.table);
    const index = table.indexes.find(each => each.oid === constraint.index);
    assert(index !== undefined, 'a unique constraint has an index');
    return {constraint, table, index};
  }

  #reference(catalog: CatalogSnapshot, constraint: ConstraintDescriptor): Reference {
    const child = this.#storages.get(catalog, constraint.table);
    const parent = this.#storages.get(catalog, constraint.referencedTable);
    const parentColumns = positions(parent, constraint.referencedColumns);
    const childColumns = positions(child, constraint.columns);
    const parentIndex =
      parent.indexes.find(each => each.oid === constraint.index) ??
      indexOver(parent, parentColumns, true);
    assert(parentIndex !== null, 'a referenced key has an index');
    return {
      constraint,
      child,
      childColumns,
      parent,
      parentColumns,
      parentIndex,
      childIndex: indexOver(child, childColumns, false),
    };
  }
}

function byOid(constraints: readonly ConstraintDescriptor[]): readonly ConstraintDescriptor[] {
  return constraints.toSorted((a, b) => a.oid - b.oid);
}

function positions(table: TableStorage, attnums: readonly number[]): readonly number[] {
  return attnums.map(attnum =>
    table.columns.findIndex(column => (column.catalogAttnum ?? column.attnum) === attnum),
  );
}

function indexOver(
  table: TableStorage,
  columns: readonly number[],
  isUnique: boolean,
): StorageIndex | null {
  const found = table.indexes.find(
    index =>
      index.keyOf === null &&
      index.method === 'btree' &&
      (index.isUnique || !isUnique) &&
      index.keyColumns.length === columns.length &&
      columns.every(column => index.keyColumns.includes(column)),
  );
  return found ?? null;
}

/** The values of a row at some columns. */
export function keyOfRow(row: readonly Datum[], columns: readonly number[]): readonly Datum[] {
  return columns.map(column => row[column]!);
}

/** The values of a key in the order of an index's columns. */
export function inIndexOrder(
  key: readonly Datum[],
  columns: readonly number[],
  index: StorageIndex,
): readonly Datum[] {
  return index.keyColumns.map(column => key[columns.indexOf(column)]!);
}

/** A key as a string: equal for keys that are equal, of one owner. */
export function keyText(
  key: readonly Datum[],
  types: readonly TypeInstance[],
  owner: OwnerId,
): string {
  const out = new ByteWriter(64);
  out.int32(owner);
  for (let i = 0; i < key.length; i++) {
    const value = key[i]!;
    if (value === null) out.byte(0);
    else {
      out.byte(1);
      types[i]!.writeKey(value, out);
    }
  }
  return out.buffer.latin1Slice(0, out.length);
}

/** Types of columns of a table. */
export function typesAt(table: TableStorage, columns: readonly number[]): readonly TypeInstance[] {
  return columns.map(column => table.columns[column]!.type);
}

/** A key's values in the types of the other side; null when one has no equal there. */
export function convertKey(
  key: readonly Datum[],
  from: readonly TypeInstance[],
  to: readonly TypeInstance[],
  format: FormatSettings,
): readonly Datum[] | null {
  if (from.every((type, i) => baseOf(type).oid === baseOf(to[i]!).oid)) return key;
  const result: Datum[] = [];
  for (let i = 0; i < key.length; i++) {
    const value = key[i]!;
    const converted =
      value === null ? null : convert(value, baseOf(from[i]!), baseOf(to[i]!), format);
    if (converted === undefined) return null;
    result.push(converted);
  }
  return result;
}

function baseOf(type: TypeInstance): TypeInstance {
  let base = type;
  while (base.base !== null) base = base.base;
  return base;
}

/** Undefined when the value has no equal in the type. */
function convert(
  value: Value,
  from: TypeInstance,
  to: TypeInstance,
  format: FormatSettings,
): Value | undefined {
  if (from.oid === to.oid) return value;
  const text = from.output(value, format);
  try {
    return to.input(
      /^-?\d+\.0+$/.test(text) && to.category === 'N' ? text.slice(0, text.indexOf('.')) : text,
      -1,
      format,
    );
  } catch (error) {
    if (error instanceof PgError) return undefined;
    throw error;
  }
}
