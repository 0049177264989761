import type {Oid} from '../../common/ids.ts';
import {PgArray} from '../../types/array-value.ts';
import type {Datum} from '../../types/contract.ts';
import type {CatalogSnapshot, RuntimeFacts} from '../contract.ts';
import type {AclItem} from '../descriptors.ts';
import {aclText} from '../acl.ts';
import type {Row, StaticRows} from './static-rows.ts';

export type {Row};

/** What rows are computed from. */
export interface SystemContext {
  readonly snapshot: CatalogSnapshot;
  readonly facts: RuntimeFacts;
  readonly rows: StaticRows;
  readonly memo: RowMemo;
}

/** How a relation's rows are made: all of them, or those matching one column, where there is a lookup. */
export interface SystemSource {
  all(context: SystemContext): readonly Row[];
  /** By column name. Rows beyond the matching ones may come back. */
  readonly by?: Readonly<Record<string, (context: SystemContext, value: Datum) => readonly Row[]>>;
  /** True when rows depend on who asks: they are remembered per role. */
  readonly perRole?: boolean;
  /** True when rows hold texts that search_path shortens: they are remembered per path. */
  readonly perPath?: boolean;
  /** True when rows must be computed anew each time. */
  readonly volatile?: boolean;
}

/** Rows made from a descriptor, kept as long as it and what else they were made from stay the same objects. */
export class RowMemo {
  readonly #kept = new WeakMap<
    object,
    Map<string, {deps: readonly unknown[]; rows: readonly Row[]}>
  >();

  get(
    owner: object,
    relation: string,
    deps: readonly unknown[],
    make: () => readonly Row[],
  ): readonly Row[] {
    let byRelation = this.#kept.get(owner);
    if (byRelation === undefined) {
      byRelation = new Map();
      this.#kept.set(owner, byRelation);
    }
    const known = byRelation.get(relation);
    if (known !== undefined && known.deps.every((dep, at) => dep === deps[at])) return known.rows;
    const rows = make();
    byRelation.set(relation, {deps, rows});
    return rows;
  }
}

/** A source without rows, of features that do not exist here. */
export const emptySource: SystemSource = {all: () => []};

/** An acl column. */
export function aclDatum(
  acl: readonly AclItem[] | null,
  snapshot: CatalogSnapshot,
): PgArray | null {
  return acl === null ? null : PgArray.of(acl.map(item => aclText(item, snapshot)));
}

/** An int2vector or oidvector: lower bound 0. */
export function vector(items: readonly number[]): PgArray {
  return new PgArray(items, [items.length], [0]);
}

/** An array column, NULL when there is nothing. */
export function arrayOrNull(items: readonly Datum[]): PgArray | null {
  return items.length === 0 ? null : PgArray.of(items);
}

/** The OID in a lookup value; -1 when it is none. */
export function asOid(value: Datum): Oid {
  return (
    typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : -1
  ) as Oid;
}

/** OIDs of defaults and rewrite rules, which have no descriptor of their own: stable and outside what the counter gives. */
export function derivedOid(base: Oid, sub: number): Oid {
  return (0x80000000 + ((base * 1664 + sub) % 0x7fffffff)) as Oid;
}

/** Milliseconds between the Unix epoch and 2000-01-01. */
const PG_EPOCH_MS = 946_684_800_000;

/** ISO text as a timestamptz value; null stays null, text that is no date is infinity. */
export function timestampOf(text: string | null): bigint | null {
  if (text === null) return null;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? 9223372036854775807n : BigInt(ms - PG_EPOCH_MS) * 1000n;
}
