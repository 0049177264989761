import type {CatalogSnapshot} from '../catalog/contract.ts';
import {assert} from '../common/errors.ts';
import {oid} from '../common/ids.ts';
import type {BoundExpr} from '../expr/bound.ts';
import type {TypeInstance} from '../types/contract.ts';
import {CHANGE_DELETE, CHANGE_INSERT, CHANGE_UPDATE, type Frame, RESET} from './frame.ts';
import {type LiveShape, PSEUDO_COLUMNS} from './live-shape.ts';
import {tokenAt} from './resume-token.ts';
import type {Codec} from './subscription-types.ts';

/**
 * Rows as JSON texts of their values (to_json of the column's type), followed by those of the row's key: the primary
 * key (of a user table read across users with the user's name before it), or the hidden row id.
 * Exact: int8 and numeric are strings, inside of arrays and records too, because JavaScript's JSON rounds them.
 */
export function jsonCodec(catalog: CatalogSnapshot, isExact = false): Codec {
  const encode = (expr: BoundExpr): BoundExpr => toJson(expr, catalog, isExact);
  return {
    name: isExact ? 'exactJson' : 'json',
    projection: shape => [...shape.projection, ...keyExpressions(shape, catalog)].map(encode),
    results: ({columns, keyColumns}) => {
      const values = columns.map(
        (column, index): BoundExpr => ({kind: 'column', index, ...column, location: -1}),
      );
      const keys = (keyColumns ?? []).map(index => values[index]!);
      return {
        exprs: [...values, ...keys].map(encode),
        keys: keyColumns === null ? null : keys.map((_, index) => columns.length + index),
        addsKey: keyColumns === null,
      };
    },
  };
}

function keyExpressions(shape: LiveShape, catalog: CatalogSnapshot): BoundExpr[] {
  const primary = catalog.indexesOf(shape.table).find(index => index.isPrimary);
  if (primary === undefined) {
    const rid: BoundExpr = {
      kind: 'column',
      index: shape.attnums.length + PSEUDO_COLUMNS.indexOf('rid'),
      type: builtin(catalog, 20),
      typmod: -1,
      location: -1,
    };
    return [{kind: 'ioCast', arg: rid, type: builtin(catalog, 25), typmod: -1, location: -1}];
  }
  const columns = catalog.tableByOid(shape.table)!.columns;
  const owner: BoundExpr = {
    kind: 'column',
    index: shape.attnums.length + PSEUDO_COLUMNS.indexOf('userId'),
    type: builtin(catalog, 25),
    typmod: -1,
    location: -1,
  };
  const keys = primary.keys.map((key): BoundExpr => {
    const column = columns.find(each => each.attnum === key.attnum)!;
    return {
      kind: 'column',
      index: shape.attnums.indexOf(key.attnum),
      type: builtin(catalog, column.typeOid),
      typmod: column.typmod,
      location: -1,
    };
  });
  // The key of a user table is one for each of its owners.
  return shape.scope === 'all' ? [owner, ...keys] : keys;
}

function toJson(expr: BoundExpr, catalog: CatalogSnapshot, isExact: boolean): BoundExpr {
  return {
    kind: 'call',
    function: oid(3176),
    source: isExact ? 'exact_to_json' : 'to_json',
    isStrict: true,
    volatility: 's',
    args: [expr],
    operatorName: '',
    functionName: 'to_json',
    type: builtin(catalog, 114),
    typmod: -1,
    location: -1,
  };
}

function builtin(catalog: CatalogSnapshot, type: number): TypeInstance {
  const found = catalog.typeByOid(oid(type));
  assert(found !== undefined, `type ${type} of a live query exists`);
  return found;
}

/** Room for everything of a payload but its operations. */
const ENVELOPE_BYTES = 200;

/** The payloads of a frame, each at most `maxBytes` long, cut between rows. Made once for all subscribers of the group. */
export function jsonPayloads(
  frame: Frame,
  columnNames: readonly string[],
  maxBytes: number,
): readonly string[] {
  if (frame.encoded !== null) return frame.encoded;
  const parts =
    frame.ops[0] === RESET
      ? [[]]
      : partsOf(
          operations(frame, columnNames, maxBytes - ENVELOPE_BYTES),
          maxBytes - ENVELOPE_BYTES,
        );
  const reset = frame.ops[0] === RESET ? `"reset":${JSON.stringify(frame.reason)},` : '';
  const token = JSON.stringify(tokenAt(frame.seq, frame.tokenTail));
  frame.encoded = parts.map((ops, index) => {
    const last = index === parts.length - 1 ? `,"r":${token}` : '';
    return `{"v":1,"seq":"${frame.seq}","p":[${index + 1},${parts.length}],${reset}"ops":[${ops.join(',')}]${last}}`;
  });
  return frame.encoded;
}

function partsOf(operations: readonly string[], maxBytes: number): string[][] {
  const parts: string[][] = [[]];
  let size = 0;
  for (const operation of operations) {
    const bytes = Buffer.byteLength(operation) + 1;
    if (size + bytes > maxBytes && size > 0) {
      parts.push([]);
      size = 0;
    }
    parts.at(-1)!.push(operation);
    size += bytes;
  }
  return parts;
}

type JsonRow = readonly (string | null)[];

/** The operations of a frame as JSON texts, uncut; made once for all subscribers of the group. */
export function jsonOperations(frame: Frame, columnNames: readonly string[]): readonly string[] {
  frame.operations ??= operations(frame, columnNames, Infinity);
  return frame.operations;
}

/** A row of this codec as `[key,row]`. */
export function jsonRow(row: readonly (string | null)[], width: number): string {
  return `[${arrayText(row, width, row.length)},${arrayText(row, 0, width)}]`;
}

/** `["+",key,row]`, `["~",key,new,old values that changed]`, `["-",key]`; `["?",key]` for a row that no payload can hold. */
function operations(frame: Frame, columnNames: readonly string[], maxBytes: number): string[] {
  const width = columnNames.length;
  const out: string[] = [];
  const put = (text: string, key: string): void =>
    void out.push(Buffer.byteLength(text) < maxBytes ? text : `["?",${key}]`);
  for (let i = 0; i < frame.ops.length; i++) {
    const row = frame.rows[i] as JsonRow;
    const key = arrayText(row, width, row.length);
    switch (frame.ops[i]) {
      case CHANGE_INSERT:
        put(`["+",${key},${arrayText(row, 0, width)}]`, key);
        break;
      case CHANGE_DELETE:
        out.push(`["-",${key}]`);
        break;
      case CHANGE_UPDATE: {
        const old = frame.olds[i] as JsonRow;
        const oldKey = arrayText(old, width, old.length);
        if (oldKey === key)
          put(
            `["~",${key},${arrayText(row, 0, width)},${changedText(old, row, columnNames)}]`,
            key,
          );
        else {
          out.push(`["-",${oldKey}]`);
          put(`["+",${key},${arrayText(row, 0, width)}]`, key);
        }
        break;
      }
      default:
    }
  }
  return out;
}

function arrayText(row: JsonRow, from: number, to: number): string {
  let text = '[';
  for (let i = from; i < to; i++) text += `${i === from ? '' : ','}${row[i] ?? 'null'}`;
  return `${text}]`;
}

function changedText(old: JsonRow, row: JsonRow, names: readonly string[]): string {
  const changed: string[] = [];
  for (let i = 0; i < names.length; i++)
    if (old[i] !== row[i]) changed.push(`${JSON.stringify(names[i])}:${old[i] ?? 'null'}`);
  return `{${changed.join(',')}}`;
}
