import type {CatalogSnapshot} from '../../catalog/contract.ts';
import {assert} from '../../common/errors.ts';
import {oid} from '../../common/ids.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {Datum, TypeInstance} from '../../types/contract.ts';
import {datumText} from '../expr-text.ts';
import {paramsWith} from '../lift-constants.ts';
import {PSEUDO_COLUMNS, type WindowShape} from '../live-shape.ts';
import type {Codec} from '../subscription-types.ts';

/** Rows of a window over the stored row: what the codec shows, then the sort keys, the row id, the primary key. */
export interface WindowCodec {
  readonly codec: Codec;
  readonly exprs: readonly BoundExpr[];
  /** Columns that are shown. */
  readonly width: number;
  readonly keyCount: number;
  /** Of the columns that are shown. */
  readonly types: readonly TypeInstance[];
  /** A text that is another one when a row is another, or has another primary key. */
  idOf(row: readonly Datum[]): string;
  params(params: readonly Datum[]): readonly Datum[];
}

/** Widens a codec by what keeping the order needs. */
export function windowCodec(
  shape: WindowShape,
  codec: Codec,
  catalog: CatalogSnapshot,
): WindowCodec {
  const {inner, keys} = shape;
  const int8 = catalog.typeByOid(oid(20));
  assert(int8 !== undefined, 'int8 exists');
  const rid: BoundExpr = {
    kind: 'column',
    index: inner.attnums.length + PSEUDO_COLUMNS.indexOf('rid'),
    type: int8,
    typmod: -1,
    location: -1,
  };
  const shown = codec.projection(inner);
  const columns = catalog.tableByOid(inner.table)!.columns;
  const primaryKey = inner.keyPositions.map((index): BoundExpr => {
    const column = columns.find(each => each.attnum === inner.attnums[index])!;
    const type = catalog.typeByOid(column.typeOid)!;
    return {kind: 'column', index, type, typmod: column.typmod, location: -1};
  });
  const ridAt = shown.length + keys.length;
  const exprs = [...shown, ...keys.map(key => key.expr), rid, ...primaryKey];
  return {
    codec: {name: `${codec.name}/window`, projection: () => exprs, results: codec.results},
    exprs,
    width: shown.length,
    keyCount: keys.length,
    types: shown.map(expr => expr.type),
    idOf: row => {
      let id = String(row[ridAt]);
      for (let i = 0; i < primaryKey.length; i++)
        id += ` ${datumText(row[ridAt + 1 + i]!, primaryKey[i]!.type)}`;
      return id;
    },
    params: params => paramsWith(inner, params),
  };
}
