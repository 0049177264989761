// Hot path: everything that is answered, but DataRow, is written here.
import type {ByteWriter} from '../common/byte-writer.ts';

/** Types of messages that have no body. */
export const Bodiless = {
  parseComplete: 0x31,
  bindComplete: 0x32,
  closeComplete: 0x33,
  emptyQuery: 0x49,
  copyDone: 0x63,
  noData: 0x6e,
  portalSuspended: 0x73,
} as const;

/** Starts a message; returns where its length belongs, for `endMessage`. */
export function beginMessage(out: ByteWriter, type: number): number {
  out.ensure(5);
  const at = out.length + 1;
  out.buffer[at - 1] = type;
  out.length = at + 4;
  return at;
}

/** Back-patches the length of the message that `beginMessage` started. */
export function endMessage(out: ByteWriter, lengthAt: number): void {
  out.setInt32(lengthAt, out.length - lengthAt);
}

/** A message of type and length only. */
export function writeBodiless(out: ByteWriter, type: number): void {
  out.ensure(5);
  const {buffer, length} = out;
  buffer[length] = type;
  buffer[length + 1] = 0;
  buffer[length + 2] = 0;
  buffer[length + 3] = 0;
  buffer[length + 4] = 4;
  out.length = length + 5;
}

/** ReadyForQuery. */
export function writeReadyForQuery(out: ByteWriter, status: 'I' | 'T' | 'E'): void {
  writeBodiless(out, 0x5a);
  out.buffer[out.length - 1] = 5;
  out.byte(status === 'I' ? 0x49 : status === 'T' ? 0x54 : 0x45);
}

/** CommandComplete. */
export function writeCommandComplete(out: ByteWriter, tag: string): void {
  const at = beginMessage(out, 0x43);
  out.cstring(tag);
  endMessage(out, at);
}

/** Authentication request; code 0 is AuthenticationOk. */
export function writeAuthentication(
  out: ByteWriter,
  code: number,
  body: Uint8Array | null = null,
): void {
  const at = beginMessage(out, 0x52);
  out.int32(code);
  if (body !== null) out.bytes(body);
  endMessage(out, at);
}

/** AuthenticationSASL: the mechanisms on offer. */
export function writeSaslMechanisms(out: ByteWriter, mechanisms: readonly string[]): void {
  const at = beginMessage(out, 0x52);
  out.int32(10);
  for (const mechanism of mechanisms) out.cstring(mechanism);
  out.byte(0);
  endMessage(out, at);
}

/** ParameterStatus. */
export function writeParameterStatus(out: ByteWriter, name: string, value: string): void {
  const at = beginMessage(out, 0x53);
  out.cstring(name);
  out.cstring(value);
  endMessage(out, at);
}

/** BackendKeyData. */
export function writeBackendKeyData(out: ByteWriter, pid: number, key: Uint8Array): void {
  const at = beginMessage(out, 0x4b);
  out.int32(pid);
  out.bytes(key);
  endMessage(out, at);
}

/** NegotiateProtocolVersion: 3.0 is the newest, and these options are unknown. */
export function writeNegotiateProtocolVersion(
  out: ByteWriter,
  version: number,
  options: readonly string[],
): void {
  const at = beginMessage(out, 0x76);
  out.int32(version);
  out.int32(options.length);
  for (const option of options) out.cstring(option);
  endMessage(out, at);
}

/** ParameterDescription. */
export function writeParameterDescription(out: ByteWriter, types: readonly number[]): void {
  const at = beginMessage(out, 0x74);
  out.int16(types.length);
  for (const type of types) out.int32(type);
  endMessage(out, at);
}

/** One field of RowDescription. */
export interface RowDescriptionField {
  readonly name: string;
  readonly tableOid: number;
  readonly attnum: number;
  readonly typeOid: number;
  readonly typeLength: number;
  readonly typmod: number;
  readonly format: number;
}

/** RowDescription. */
export function writeRowDescription(out: ByteWriter, fields: readonly RowDescriptionField[]): void {
  const at = beginMessage(out, 0x54);
  out.int16(fields.length);
  for (const field of fields) {
    out.cstring(field.name);
    out.int32(field.tableOid);
    out.int16(field.attnum);
    out.int32(field.typeOid);
    out.int16(field.typeLength);
    out.int32(field.typmod);
    out.int16(field.format);
  }
  endMessage(out, at);
}

/** NotificationResponse. */
export function writeNotification(
  out: ByteWriter,
  pid: number,
  channel: string,
  payload: string,
): void {
  const at = beginMessage(out, 0x41);
  out.int32(pid);
  out.cstring(channel);
  out.cstring(payload);
  endMessage(out, at);
}

/** CopyInResponse ('G') or CopyOutResponse ('H'). */
export function writeCopyResponse(
  out: ByteWriter,
  type: 'G' | 'H',
  isBinary: boolean,
  columnCount: number,
): void {
  const at = beginMessage(out, type === 'G' ? 0x47 : 0x48);
  const format = isBinary ? 1 : 0;
  out.byte(format);
  out.int16(columnCount);
  for (let i = 0; i < columnCount; i++) out.int16(format);
  endMessage(out, at);
}

/** CopyData. */
export function writeCopyData(out: ByteWriter, bytes: Uint8Array): void {
  const at = beginMessage(out, 0x64);
  out.bytes(bytes);
  endMessage(out, at);
}

/** FunctionCallResponse. */
export function writeFunctionCallResponse(out: ByteWriter, value: Uint8Array | null): void {
  const at = beginMessage(out, 0x56);
  if (value === null) {
    out.int32(-1);
  } else {
    out.int32(value.length);
    out.bytes(value);
  }
  endMessage(out, at);
}
