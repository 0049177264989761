import type {Oid} from '../../common/ids.ts';
import {PgArray} from '../../types/array-value.ts';
import type {Datum} from '../../types/contract.ts';
import type {StaticData, StaticName} from '../static-data.ts';
import type {RawRow} from '../static-table.ts';
import type {SystemDescriptors} from '../system-descriptors.ts';
import {SchemaOid} from '../well-known.ts';

/** A row of a system relation, in attnum order. */
export type Row = readonly Datum[];

/** How a raw JSON value becomes a Datum. */
type Decode = (raw: unknown) => Datum;

/** Built-in rows as Datums, decoded once. */
export class StaticRows {
  readonly #data: StaticData;
  readonly #relations: SystemDescriptors;
  readonly #decoders = new Map<StaticName, readonly Decode[]>();
  readonly #rows = new Map<StaticName, (Row | undefined)[]>();
  readonly #all = new Map<StaticName, readonly Row[]>();

  constructor(data: StaticData, relations: SystemDescriptors) {
    this.#data = data;
    this.#relations = relations;
  }

  /** All built-in rows of a catalog. */
  all(name: StaticName): readonly Row[] {
    let all = this.#all.get(name);
    if (all === undefined) {
      all = this.#data.table(name).lines.map((_, index) => this.#row(name, index));
      this.#all.set(name, all);
    }
    return all;
  }

  /** Those whose first column is this OID. */
  byKey(name: StaticName, key: Oid): readonly Row[] {
    const found = this.#data.table(name).byKey(key);
    return found.map(index => this.#row(name, index));
  }

  /** Those whose second column is this name. */
  byName(name: StaticName, value: Datum): readonly Row[] {
    if (typeof value !== 'string') return [];
    const found = this.#data.table(name).byName(value);
    return found.map(index => this.#row(name, index));
  }

  /** Undecoded values, for what needs no Datum. */
  raw(name: StaticName, key: Oid): RawRow | undefined {
    const table = this.#data.table(name);
    const index = table.byKey(key)[0];
    return index === undefined ? undefined : table.row(index);
  }

  #row(name: StaticName, index: number): Row {
    let rows = this.#rows.get(name);
    if (rows === undefined) {
      rows = [];
      this.#rows.set(name, rows);
    }
    return (rows[index] ??= this.#decode(name, this.#data.table(name).row(index)));
  }

  #decode(name: StaticName, raw: RawRow): Row {
    let decoders = this.#decoders.get(name);
    if (decoders === undefined) {
      const schema = name.startsWith('sql_') ? SchemaOid.informationSchema : SchemaOid.pgCatalog;
      const columns = this.#relations.byName(schema, name)?.columns ?? [];
      decoders = columns.map(column => decoderOf(column.typeOid));
      this.#decoders.set(name, decoders);
    }
    return decoders.map((decode, at) => decode(raw[at] ?? null));
  }
}

const INT8 = 20;
const INT2VECTOR = 22;
const OIDVECTOR = 30;
const NODE_TREE = 194;

function decoderOf(typeOid: Oid): Decode {
  switch (typeOid as number) {
    case INT8:
      return raw => (raw === null ? null : BigInt(raw as number));
    case INT2VECTOR:
    case OIDVECTOR:
      return decodeVector;
    case NODE_TREE:
      return raw => (Array.isArray(raw) ? raw.join(', ') : (raw as Datum));
    default:
      return raw => (Array.isArray(raw) ? PgArray.of(raw as readonly Datum[]) : (raw as Datum));
  }
}

function decodeVector(raw: unknown): Datum {
  const items = (raw ?? []) as readonly number[];
  return new PgArray(items, [items.length], [0]);
}
