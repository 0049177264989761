import type {Batch} from '../columns/batch.ts';
import type {SingleByteEncoding} from '../common/client-encoding.ts';
import type {Notice, PgError} from '../common/errors.ts';
import type {Oid, Seq} from '../common/ids.ts';
import type {Formats, ResultShape, ResultSink} from '../session/contract.ts';
import type {FormatSettings} from '../types/contract.ts';
import {
  Bodiless,
  writeBodiless,
  writeCommandComplete,
  writeCopyData,
  writeCopyResponse,
  writeFunctionCallResponse,
  writeNotification,
  writeParameterDescription,
  writeParameterStatus,
  writeReadyForQuery,
} from '../wire/backend-messages.ts';
import {writeError, writeNotice} from '../wire/error-message.ts';
import {FLUSH_SIZE, type ConnectionOutput} from './connection-output.ts';
import {recodeAnswers} from './recode.ts';
import type {ResultEncoders} from './result-encoders.ts';

/** What the sink tells its connection. */
export interface SinkOwner {
  /** What the client reads; null = UTF-8. */
  readonly clientEncoding: SingleByteEncoding | null;
  /** The session asked to send now. */
  flushRequested(): void;
  copyInStarted(): void;
  fatal(error: PgError): void;
  readonly hasInput: boolean;
  /** The client has not read for too long while the server had something to say. */
  overflowed(): void;
}

const maxUnreadNotifications = 64 * 1024 * 1024;

/** Writes a session's answers into the buffer of its connection. */
export class ResultWriter implements ResultSink {
  readonly #output: ConnectionOutput;
  readonly #encoders: ResultEncoders;
  readonly #owner: SinkOwner;

  constructor(output: ConnectionOutput, encoders: ResultEncoders, owner: SinkOwner) {
    this.#output = output;
    this.#encoders = encoders;
    this.#owner = owner;
  }

  get hasInput(): boolean {
    return this.#owner.hasInput;
  }

  get isFull(): boolean {
    return this.#output.isFull;
  }

  drained(): Promise<void> {
    return this.#output.drained();
  }

  rowDescription(shape: ResultShape, formats: Formats): void {
    const start = this.#output.writer.length;
    this.#output.writer.bytes(this.#encoders.encoder(shape, formats).rowDescription);
    this.#recode(start);
  }

  dataRows(
    shape: ResultShape,
    formats: Formats,
    batch: Batch,
    range: {readonly from: number; readonly to: number},
    settings: FormatSettings,
  ): void {
    const encoder = this.#encoders.encoder(shape, formats);
    const encoding = this.#owner.clientEncoding;
    if (encoding === null) {
      encoder.dataRows(this.#output, batch, range, settings, FLUSH_SIZE);
      return;
    }
    const start = this.#output.writer.length;
    encoder.dataRows(this.#output, batch, range, settings, Infinity);
    recodeAnswers(this.#output.writer, start, encoding, formats);
    if (this.#output.writer.length >= FLUSH_SIZE) this.#output.flush();
  }

  commandComplete(tag: string): void {
    const start = this.#output.writer.length;
    writeCommandComplete(this.#output.writer, tag);
    this.#recode(start);
  }

  emptyQuery(): void {
    writeBodiless(this.#output.writer, Bodiless.emptyQuery);
  }

  portalSuspended(): void {
    writeBodiless(this.#output.writer, Bodiless.portalSuspended);
  }

  parseComplete(): void {
    writeBodiless(this.#output.writer, Bodiless.parseComplete);
  }

  bindComplete(): void {
    writeBodiless(this.#output.writer, Bodiless.bindComplete);
  }

  closeComplete(): void {
    writeBodiless(this.#output.writer, Bodiless.closeComplete);
  }

  noData(): void {
    writeBodiless(this.#output.writer, Bodiless.noData);
  }

  parameterDescription(types: readonly Oid[]): void {
    writeParameterDescription(this.#output.writer, types);
  }

  error(error: PgError): void {
    const start = this.#output.writer.length;
    writeError(this.#output.writer, error);
    this.#recode(start);
  }

  notice(notice: Notice): void {
    const start = this.#output.writer.length;
    writeNotice(this.#output.writer, notice);
    this.#recode(start);
  }

  parameterStatus(name: string, value: string): void {
    const start = this.#output.writer.length;
    writeParameterStatus(this.#output.writer, name, value);
    this.#recode(start);
  }

  notification(pid: number, channel: string, payload: string): void {
    const start = this.#output.writer.length;
    writeNotification(this.#output.writer, pid, channel, payload);
    this.#recode(start);
    if (this.#output.queued > maxUnreadNotifications) this.#owner.overflowed();
  }

  readyForQuery(status: 'I' | 'T' | 'E'): void {
    writeReadyForQuery(this.#output.writer, status);
    this.#output.answered();
  }

  copyInResponse(isBinary: boolean, columnCount: number): void {
    writeCopyResponse(this.#output.writer, 'G', isBinary, columnCount);
    this.#owner.copyInStarted();
  }

  copyOutResponse(isBinary: boolean, columnCount: number): void {
    writeCopyResponse(this.#output.writer, 'H', isBinary, columnCount);
  }

  copyData(bytes: Uint8Array): void {
    writeCopyData(this.#output.writer, bytes);
    if (this.#output.writer.length >= FLUSH_SIZE) this.#output.flush();
  }

  copyDone(): void {
    writeBodiless(this.#output.writer, Bodiless.copyDone);
  }

  functionCallResponse(value: Uint8Array | null): void {
    writeFunctionCallResponse(this.#output.writer, value);
  }

  holdUntil(seq: Seq): void {
    this.#output.holdUntil(seq);
  }

  flush(): void {
    this.#owner.flushRequested();
  }

  #recode(start: number): void {
    const encoding = this.#owner.clientEncoding;
    if (encoding !== null) recodeAnswers(this.#output.writer, start, encoding, null);
  }

  fatal(error: PgError): void {
    this.#owner.fatal(error);
  }
}
