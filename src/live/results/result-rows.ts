import {createHash} from 'node:crypto';
import type {Datum, TypeInstance} from '../../types/contract.ts';
import {datumText} from '../expr-text.ts';
import {CHANGE_DELETE, CHANGE_INSERT, CHANGE_UPDATE, type ChangeOp} from '../frame.ts';

/** A row of a result as its codec shows it. */
export type ResultRow = readonly Datum[];

/** A result: rows by what tells them apart, in the order of the query. Never changed once made. */
export type ResultRows = ReadonlyMap<string, ResultRow>;

/** How one result became another: deletions first. */
export interface ResultChange {
  readonly ids: readonly string[];
  readonly ops: readonly ChangeOp[];
  readonly rows: readonly ResultRow[];
  readonly olds: readonly (ResultRow | null)[];
}

/** The change between two results; null when there is none. */
export function changeBetween(
  before: ResultRows,
  after: ResultRows,
  types: readonly TypeInstance[],
): ResultChange | null {
  const change = new ChangeList();
  for (const [id, row] of before) if (!after.has(id)) change.add(id, CHANGE_DELETE, row, null);
  for (const [id, row] of after) {
    const old = before.get(id);
    if (old === undefined) change.add(id, CHANGE_INSERT, row, null);
    else if (old !== row && !isSameRow(old, row, types)) change.add(id, CHANGE_UPDATE, row, old);
  }
  return change.ids.length === 0 ? null : change;
}

/** A change being made. */
export class ChangeList implements ResultChange {
  readonly ids: string[] = [];
  readonly ops: ChangeOp[] = [];
  readonly rows: ResultRow[] = [];
  readonly olds: (ResultRow | null)[] = [];

  add(id: string, op: ChangeOp, row: ResultRow, old: ResultRow | null): void {
    this.ids.push(id);
    this.ops.push(op);
    this.rows.push(row);
    this.olds.push(old);
  }
}

/** Whether two rows look the same to a client. */
export function isSameRow(a: ResultRow, b: ResultRow, types: readonly TypeInstance[]): boolean {
  for (let i = 0; i < a.length; i++) {
    const left = a[i]!;
    const right = b[i]!;
    if (Object.is(left, right)) continue;
    if (left === null || right === null || typeof left !== 'object') return false;
    if (datumText(left, types[i]!) !== datumText(right, types[i]!)) return false;
  }
  return true;
}

/** What tells the rows of a result apart. */
export interface RowIdentity {
  readonly types: readonly TypeInstance[];
  /** Positions in a row; null when equal rows can only be counted. */
  readonly keys: readonly number[] | null;
  /** Clients know rows by a key behind them: rows without one of their own get a hash and a number. */
  readonly addsKey: boolean;
}

/** Rows by identity: by their key, or by all their values and which of the equal ones it is. */
export function identified(rows: readonly ResultRow[], identity: RowIdentity): ResultRows {
  const {types, keys, addsKey} = identity;
  const all = types.map((_, index) => index);
  const counts = new Map<string, number>();
  const out = new Map<string, ResultRow>();
  for (const row of rows) {
    const text = textOf(row, types, keys ?? all);
    const count = (counts.get(text) ?? 0) + 1;
    if (keys === null || count > 1 || out.has(text)) counts.set(text, count);
    const id = keys === null ? `${text}#${count}` : text;
    out.set(id, keys === null && addsKey ? [...row, hashText(text), String(count)] : row);
  }
  return out;
}

function textOf(
  row: ResultRow,
  types: readonly TypeInstance[],
  positions: readonly number[],
): string {
  let text = '';
  for (let i = 0; i < positions.length; i++) {
    const at = positions[i]!;
    text += `${datumText(row[at]!, types[at]!)}\u0000`;
  }
  return text;
}

function hashText(text: string): string {
  return `"${createHash('sha256').update(text).digest('base64url').slice(0, 16)}"`;
}
