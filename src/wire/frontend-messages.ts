// Hot path: Bind and Execute of every extended query.
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {MessageCursor} from './message-cursor.ts';

/** Parse: name, statement, declared parameter types (0 = infer). */
export interface ParseMessage {
  readonly name: string;
  readonly sql: string;
  readonly parameterTypes: readonly number[];
}

/** Bind; offsets are into `buffer`, which holds the message. */
export interface BindFields {
  readonly portal: string;
  readonly statement: string;
  readonly parameterFormats: readonly number[];
  readonly buffer: Buffer;
  readonly parameterCount: number;
  readonly offsets: readonly number[];
  readonly lengths: readonly number[];
  readonly resultFormats: readonly number[];
}

/** FunctionCall. */
export interface FunctionCallMessage {
  readonly functionOid: number;
  readonly argFormats: readonly number[];
  readonly args: readonly (Buffer | null)[];
  readonly resultFormat: number;
}

const none: readonly number[] = Object.freeze([]);
const onlyText: readonly number[] = Object.freeze([0]);
const onlyBinary: readonly number[] = Object.freeze([1]);

/** Query, or the message of CopyFail. */
export function readText(cursor: MessageCursor): string {
  const text = cursor.cstring();
  cursor.finish();
  return text;
}

/** Parse. */
export function readParse(cursor: MessageCursor): ParseMessage {
  const name = cursor.name();
  const sql = cursor.cstring();
  const count = cursor.uint16();
  requireRoom(cursor, count, 4);
  let parameterTypes = none;
  if (count > 0) {
    const types: number[] = [];
    for (let i = 0; i < count; i++) types.push(cursor.uint32());
    parameterTypes = types;
  }
  cursor.finish();
  return {name, sql, parameterTypes};
}

/** Bind. Raises 08P01 when there are several parameter formats but not one per parameter. */
export function readBind(cursor: MessageCursor): BindFields {
  const portal = cursor.name();
  const statement = cursor.name();
  const parameterFormats = readFormats(cursor);
  const parameterCount = cursor.uint16();
  requireRoom(cursor, parameterCount, 4);
  let offsets = none;
  let lengths = none;
  if (parameterCount > 0) {
    const at: number[] = [];
    const sizes: number[] = [];
    for (let i = 0; i < parameterCount; i++) {
      const length = cursor.int32();
      at.push(length === -1 ? cursor.at : cursor.skip(length));
      sizes.push(length);
    }
    offsets = at;
    lengths = sizes;
  }
  const resultFormats = readFormats(cursor);
  cursor.finish();
  if (parameterFormats.length > 1 && parameterFormats.length !== parameterCount) {
    throw new PgError(
      SqlState.protocolViolation,
      `bind message has ${parameterFormats.length} parameter formats but ${parameterCount} parameters`,
    );
  }
  const {buffer} = cursor;
  return {
    portal,
    statement,
    parameterFormats,
    buffer,
    parameterCount,
    offsets,
    lengths,
    resultFormats,
  };
}

/** FunctionCall; argument values are views of the message. */
export function readFunctionCall(cursor: MessageCursor): FunctionCallMessage {
  const functionOid = cursor.uint32();
  const argFormats = readFormats(cursor);
  const count = cursor.uint16();
  requireRoom(cursor, count, 4);
  if (argFormats.length > 1 && argFormats.length !== count) {
    throw new PgError(
      SqlState.protocolViolation,
      `function call message contains ${argFormats.length} argument formats but ${count} arguments`,
    );
  }
  const args: (Buffer | null)[] = [];
  for (let i = 0; i < count; i++) {
    const length = cursor.int32();
    if (length === -1) {
      args.push(null);
      continue;
    }
    const at = cursor.skip(length);
    args.push(cursor.buffer.subarray(at, at + length));
  }
  const resultFormat = cursor.int16();
  cursor.finish();
  return {functionOid, argFormats, args, resultFormat};
}

function readFormats(cursor: MessageCursor): readonly number[] {
  const count = cursor.uint16();
  if (count === 0) return none;
  if (count === 1) {
    const format = cursor.int16();
    return format === 0 ? onlyText : format === 1 ? onlyBinary : [format];
  }
  requireRoom(cursor, count, 2);
  const formats: number[] = [];
  for (let i = 0; i < count; i++) formats.push(cursor.int16());
  return formats;
}

/** Checks a declared count against the bytes that are there before anything is made of it. */
function requireRoom(cursor: MessageCursor, count: number, size: number): void {
  if (count * size > cursor.remaining) {
    throw new PgError(SqlState.protocolViolation, 'insufficient data left in message');
  }
}
