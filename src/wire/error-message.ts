import type {ByteWriter} from '../common/byte-writer.ts';
import type {Notice, PgError, PgErrorFields} from '../common/errors.ts';
import {beginMessage, endMessage} from './backend-messages.ts';

/** ErrorResponse with PostgreSQL's fields in PostgreSQL's order. */
export function writeError(out: ByteWriter, error: PgError): void {
  writeReport(out, 0x45, error.severity, error);
}

/** NoticeResponse. */
export function writeNotice(out: ByteWriter, notice: Notice): void {
  writeReport(out, 0x4e, notice.severity, notice);
}

/** The answer to protocol 2.0 and before: text in the old frame, without length. */
export function writeOldProtocolError(out: ByteWriter, message: string): void {
  out.byte(0x45);
  out.cstring(`FATAL:  ${message}\n`);
}

function writeReport(
  out: ByteWriter,
  type: number,
  severity: string,
  report: {readonly code: string; readonly message: string; readonly fields: PgErrorFields},
): void {
  const {fields} = report;
  const at = beginMessage(out, type);
  writeField(out, 'S', severity);
  writeField(out, 'V', severity);
  writeField(out, 'C', report.code);
  writeField(out, 'M', report.message);
  writeField(out, 'D', fields.detail);
  writeField(out, 'H', fields.hint);
  writeField(out, 'P', fields.position);
  writeField(out, 'p', fields.internalPosition);
  writeField(out, 'q', fields.internalQuery);
  writeField(out, 'W', fields.where);
  writeField(out, 's', fields.schema);
  writeField(out, 't', fields.table);
  writeField(out, 'c', fields.column);
  writeField(out, 'd', fields.dataType);
  writeField(out, 'n', fields.constraint);
  // Drivers require the place in the source; only a few decide by the routine.
  writeField(out, 'F', 'wadi');
  writeField(out, 'L', 1);
  writeField(out, 'R', fields.routine ?? 'report');
  out.byte(0);
  endMessage(out, at);
}

function writeField(out: ByteWriter, code: string, value: string | number | undefined): void {
  if (value === undefined) return;
  out.byte(code.charCodeAt(0));
  const text = String(value);
  // A zero byte inside would end the field early.
  out.cstring(text.includes('\0') ? text.replaceAll('\0', '') : text);
}
