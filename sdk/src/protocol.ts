import type {ErrorFields} from './errors.ts';

/** A column of a result. */
export interface Column {
  readonly name: string;
  /** Name of the type, as in pg_type. */
  readonly type: string;
  readonly oid: number;
}

/** One column of an ORDER BY, by its place in the result. */
export interface OrderKey {
  readonly column: number;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/** A warning or notice of a statement. */
export interface Notice {
  readonly code: string;
  readonly message: string;
  readonly severity: string;
}

/** Values that name a row in its result. */
export type Key = readonly unknown[];
/** A row as it comes: values by column. */
export type RawRow = readonly unknown[];

/** `["+",key,row]`, `["~",key,row,old]`, `["-",key]`. */
export type Operation =
  | readonly ['+', Key, RawRow]
  | readonly ['~', Key, RawRow, Readonly<Record<string, unknown>>]
  | readonly ['-', Key];

/** What one commit, or several, changed in one live query. */
export interface ChangeMessage {
  readonly id: number;
  readonly ops: readonly Operation[];
  readonly token: string;
}

/** A message for one live query. */
export type LiveMessage =
  | {
      readonly type: 'subscribed';
      readonly id: number;
      readonly class: string;
      readonly columns: readonly Column[];
      readonly order: readonly OrderKey[] | null;
    }
  | {
      readonly type: 'rows';
      readonly id: number;
      readonly seq: string;
      readonly rows: readonly (readonly [Key, RawRow])[];
    }
  | {readonly type: 'live'; readonly id: number; readonly seq: string; readonly token: string}
  | {
      readonly type: 'reset';
      readonly id: number;
      readonly seq: string;
      readonly reason: string;
      /** With the reasons `policy` and `schema`. */
      readonly order?: readonly OrderKey[] | null;
    }
  | {readonly type: 'closed'; readonly id: number; readonly error: ErrorFields}
  | (ChangeMessage & {readonly type: 'lag'; readonly seq: string});

/** A message of the server: docs/websocket.md. */
export type ServerMessage =
  | LiveMessage
  | {readonly type: 'welcome'; readonly user: string; readonly expires: string | null}
  | {readonly type: 'auth'; readonly expires: string | null}
  | {
      readonly type: 'result';
      readonly id: number;
      readonly columns?: readonly Column[];
      readonly rows: readonly RawRow[];
      readonly tag?: string;
      readonly notices?: readonly Notice[];
    }
  | {readonly type: 'done'; readonly id: number; readonly seq?: string}
  | {readonly type: 'error'; readonly id?: number; readonly error: ErrorFields}
  | {readonly type: 'unsubscribed'; readonly id: number}
  | {readonly type: 'tx'; readonly seq: string; readonly changes: readonly ChangeMessage[]}
  | {
      readonly type: 'notification';
      readonly channel: string;
      readonly payload: string;
      readonly pid: number;
    }
  | {readonly type: 'bye'; readonly reason: string}
  | {readonly type: 'pong'};

/** Frames whose bytes count for the credit. */
export const COUNTED: ReadonlySet<string> = new Set([
  ...['result', 'rows', 'live', 'tx', 'lag', 'reset', 'notification'],
]);

/** Bytes of a text in UTF-8. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    // A pair of surrogates is two units and four bytes.
    bytes += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2;
  }
  return bytes;
}
