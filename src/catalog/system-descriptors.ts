import {oid, type Oid} from '../common/ids.ts';
import type {ColumnDescriptor, SystemRelationDescriptor} from './descriptors.ts';
import type {StaticData} from './static-data.ts';
import type {RawRow} from './static-table.ts';
import {systemColumnTypes, systemSchemaRelations} from './system/system-schema.ts';
import {DEFAULT_COLLATION, SchemaOid, TypeOid} from './well-known.ts';

/** Columns of pg_attribute's data, by place. */
const Att = {name: 1, type: 2, num: 5, typmod: 8, notNull: 13, collation: 21} as const;
const NO_OID = oid(0);

/** Descriptors of the built-in relations, made when first asked for. */
export class SystemDescriptors {
  readonly #data: StaticData;
  readonly #byOid = new Map<number, SystemRelationDescriptor>();
  #names: Map<string, number> | undefined;

  constructor(data: StaticData) {
    this.#data = data;
  }

  byOid(relation: Oid): SystemRelationDescriptor | undefined {
    const known = this.#byOid.get(relation);
    if (known !== undefined) return known;
    const made = this.#make(relation);
    if (made !== undefined) this.#byOid.set(relation, made);
    return made;
  }

  byName(schema: Oid, name: string): SystemRelationDescriptor | undefined {
    this.#names ??= this.#index();
    const found = this.#names.get(`${schema}.${name}`);
    return found === undefined ? undefined : this.byOid(oid(found));
  }

  /** All built-in relations by OID order of the catalogs. */
  all(): readonly SystemRelationDescriptor[] {
    this.#names ??= this.#index();
    return [...this.#names.values()].flatMap(relation => this.byOid(oid(relation)) ?? []);
  }

  /** OID of the row type, 0 if unknown. */
  rowTypeOf(relation: Oid): Oid {
    const own = systemSchemaRelations.find(row => row.oid === relation);
    if (own !== undefined) return oid(own.oid + 1);
    const table = this.#data.table('pg_class');
    const index = table.byKey(relation)[0];
    return index === undefined ? NO_OID : (table.row(index)[3] as Oid);
  }

  #index(): Map<string, number> {
    const names = new Map<string, number>();
    for (const row of this.#data.table('pg_class').rows()) {
      if (isRelation(row)) names.set(`${String(row[2])}.${String(row[1])}`, row[0] as number);
    }
    for (const row of systemSchemaRelations) names.set(`${SchemaOid.system}.${row.name}`, row.oid);
    return names;
  }

  #make(relation: Oid): SystemRelationDescriptor | undefined {
    const own = systemSchemaRelations.find(row => row.oid === relation);
    if (own !== undefined) {
      const columns = own.columns.map((text, index) => ownColumn(text, index + 1));
      return descriptor(relation, own.name, SchemaOid.system, true, columns);
    }
    const table = this.#data.table('pg_class');
    const index = table.byKey(relation)[0];
    const row = index === undefined ? undefined : table.row(index);
    if (row === undefined || !isRelation(row)) return undefined;
    const attributes = this.#data.table('pg_attribute');
    const columns = attributes
      .byKey(relation)
      .map(at => attributes.row(at))
      .filter(attribute => (attribute[Att.num] as number) > 0)
      .map(attribute => column(attribute));
    return descriptor(relation, row[1] as string, row[2] as Oid, row[16] === 'v', columns);
  }
}

/** Tables and views, not indexes. */
function isRelation(row: RawRow): boolean {
  return row[16] === 'r' || row[16] === 'v';
}

function descriptor(
  relation: Oid,
  name: string,
  schema: Oid,
  isView: boolean,
  columns: readonly ColumnDescriptor[],
): SystemRelationDescriptor {
  return {kind: 'systemRelation', oid: relation, name, schema, isView, columns};
}

function column(raw: RawRow): ColumnDescriptor {
  return makeColumn(raw[Att.num] as number, raw[Att.name] as string, raw[Att.type] as Oid, {
    typmod: raw[Att.typmod] as number,
    isNotNull: raw[Att.notNull] as boolean,
    collation: raw[Att.collation] as Oid,
  });
}

function ownColumn(text: string, attnum: number): ColumnDescriptor {
  const [name = '', typeName = ''] = text.split(' ');
  const typeOid = oid(systemColumnTypes[typeName] ?? 0);
  const isText = typeOid === TypeOid.text || typeOid === TypeOid.textArray;
  const collation = isText ? DEFAULT_COLLATION : NO_OID;
  return makeColumn(attnum, name, typeOid, {typmod: -1, isNotNull: false, collation});
}

/** A plain column without default. */
export function makeColumn(
  attnum: number,
  name: string,
  typeOid: Oid,
  more: {readonly typmod: number; readonly isNotNull: boolean; readonly collation: Oid},
): ColumnDescriptor {
  return {
    attnum,
    name,
    typeOid,
    typmod: more.typmod,
    isNotNull: more.isNotNull,
    isDropped: false,
    defaultText: null,
    identity: '',
    generated: '',
    sequence: NO_OID,
    missingValue: null,
    collation: more.collation,
    acl: null,
    comment: null,
  };
}
