import {ByteWriter} from '../common/byte-writer.ts';
import {isAscii, type SingleByteEncoding} from '../common/client-encoding.ts';
import {FrontendType} from '../wire/protocol.ts';

/** The body of a client's message with its texts in UTF-8. Data of COPY stay as they are. */
export function recodeRequest(type: number, body: Buffer, encoding: SingleByteEncoding): Buffer {
  if (type === FrontendType.copyData || isAscii(body, 0, body.length)) return body;
  if (type === FrontendType.bind) {
    try {
      return recodeBind(body, encoding);
    } catch (error) {
      // Cut short: reading the message says so.
      if (error instanceof RangeError) return body;
      throw error;
    }
  }
  // The texts lie in front: one of a query, two of Parse, one behind a byte in Describe and Close, one in Execute.
  const start = type === FrontendType.describe || type === FrontendType.close ? 1 : 0;
  const count = type === FrontendType.parse ? 2 : 1;
  let end = start;
  for (let i = 0; i < count; i++) end = body.indexOf(0, end) + 1;
  if (end <= start) return body;
  return Buffer.concat([
    body.subarray(0, start),
    toUtf8(body.subarray(start, end), encoding),
    body.subarray(end),
  ]);
}

function toUtf8(bytes: Uint8Array, encoding: SingleByteEncoding): Buffer {
  return Buffer.from(encoding.decode(bytes));
}

function recodeBind(body: Buffer, encoding: SingleByteEncoding): Buffer {
  const names = body.indexOf(0, body.indexOf(0) + 1) + 1;
  const parts: Buffer[] = [toUtf8(body.subarray(0, names), encoding)];
  const formatCount = body.readInt16BE(names);
  const formats = Array.from({length: formatCount}, (_, i) => body.readInt16BE(names + 2 + 2 * i));
  let at = names + 2 + 2 * formatCount;
  const count = body.readInt16BE(at);
  parts.push(body.subarray(names, at + 2));
  at += 2;
  for (let i = 0; i < count; i++) {
    const size = body.readInt32BE(at);
    const end = at + 4 + Math.max(size, 0);
    const format = formatCount === 1 ? formats[0] : (formats[i] ?? 0);
    if (size <= 0 || format !== 0) parts.push(body.subarray(at, end));
    else parts.push(...counted(toUtf8(body.subarray(at + 4, end), encoding)));
    at = end;
  }
  parts.push(body.subarray(at));
  return Buffer.concat(parts);
}

function counted(value: Buffer): Buffer[] {
  const size = Buffer.alloc(4);
  size.writeInt32BE(value.length);
  return [size, value];
}

/**
 * Puts the texts of the messages behind `start` into the client's encoding. `formats` are those of a DataRow's columns, null = all text.
 * An error is told with '?' for what the encoding has not; any other such character raises 22P05 and takes the messages back.
 */
export function recodeAnswers(
  writer: ByteWriter,
  start: number,
  encoding: SingleByteEncoding,
  formats: readonly number[] | null,
): void {
  if (isAscii(writer.buffer, start, writer.length)) return;
  const messages = Buffer.from(writer.buffer.subarray(start, writer.length));
  writer.length = start;
  const made = new ByteWriter(messages.length);
  for (let at = 0; at < messages.length; ) {
    const end = at + 1 + messages.readInt32BE(at + 1);
    const type = String.fromCharCode(messages[at]!);
    made.byte(messages[at]!);
    const lengthAt = made.length;
    made.int32(0);
    recodeBody(type, messages.subarray(at + 5, end), made, {encoding, formats});
    made.setInt32(lengthAt, made.length - lengthAt);
    at = end;
  }
  writer.bytes(made.view());
}

interface Recoding {
  readonly encoding: SingleByteEncoding;
  readonly formats: readonly number[] | null;
}

function recodeBody(
  type: string,
  body: Buffer,
  made: ByteWriter,
  {encoding, formats}: Recoding,
): void {
  const text = (from: number, to: number, isLossy = false): void =>
    made.bytes(encoding.encode(body.toString('utf8', from, to), isLossy));
  switch (type) {
    case 'D':
      recodeRow(body, made, {encoding, formats});
      return;
    case 'T': {
      made.bytes(body.subarray(0, 2));
      for (let at = 2; at < body.length; ) {
        const end = body.indexOf(0, at) + 1;
        text(at, end);
        made.bytes(body.subarray(end, end + 18));
        at = end + 18;
      }
      return;
    }
    case 'E':
    case 'N':
      text(0, body.length, true);
      return;
    case 'C':
    case 'S':
      text(0, body.length);
      return;
    case 'A':
      made.bytes(body.subarray(0, 4));
      text(4, body.length);
      return;
    default:
      made.bytes(body);
  }
}

function recodeRow(body: Buffer, made: ByteWriter, {encoding, formats}: Recoding): void {
  made.bytes(body.subarray(0, 2));
  let at = 2;
  for (let column = 0; at < body.length; column++) {
    const size = body.readInt32BE(at);
    const end = at + 4 + Math.max(size, 0);
    if (size <= 0 || (formats !== null && formats[column] !== 0))
      made.bytes(body.subarray(at, end));
    else {
      const value = encoding.encode(body.toString('utf8', at + 4, end));
      made.int32(value.length);
      made.bytes(value);
    }
    at = end;
  }
}
