import type {Batch} from '../../columns/batch.ts';
import {datumAt} from '../../columns/vector-builder.ts';
import {featureNotSupported, type Notice, type PgError} from '../../common/errors.ts';
import type {Seq} from '../../common/ids.ts';
import type {Formats, ResultShape, ResultSink} from '../../session/contract.ts';
import type {FormatSettings} from '../../types/contract.ts';
import type {HeldOutput} from './held-output.ts';
import {jsonEncoder, type JsonEncoder} from './json-value.ts';

/** What a sink does where a session over HTTP answers nothing, or cannot go on. */
export abstract class AnswerSink implements ResultSink {
  protected readonly output: HeldOutput;
  /** The error that ended the session, if one did. */
  fatalError: PgError | null = null;
  protected notices: Notice[] = [];

  constructor(output: HeldOutput) {
    this.output = output;
  }

  abstract rowDescription(shape: ResultShape, formats: Formats): void;
  abstract dataRows(
    shape: ResultShape,
    formats: Formats,
    batch: Batch,
    range: {readonly from: number; readonly to: number},
    settings: FormatSettings,
  ): void;
  abstract commandComplete(tag: string): void;
  abstract flush(): void;

  emptyQuery(): void {
    this.commandComplete('');
  }

  notice(notice: Notice): void {
    if (this.notices.length < 1000) this.notices.push(notice);
  }

  fatal(error: PgError): void {
    this.fatalError = error;
  }

  holdUntil(seq: Seq): void {
    this.output.holdUntil(seq);
  }

  get isFull(): boolean {
    return this.output.isFull;
  }

  drained(): Promise<void> {
    return this.output.drained();
  }

  copyInResponse(): never {
    throw featureNotSupported('COPY FROM STDIN is not supported over HTTP');
  }

  copyOutResponse(): never {
    throw featureNotSupported('COPY TO STDOUT is not supported over HTTP');
  }

  notification(_pid: number, _channel: string, _payload: string): void {}
  portalSuspended(): void {}
  parseComplete(): void {}
  bindComplete(): void {}
  closeComplete(): void {}
  noData(): void {}
  parameterDescription(): void {}
  error(): void {}
  parameterStatus(): void {}
  readyForQuery(): void {}
  copyData(): void {}
  copyDone(): void {}
  functionCallResponse(): void {}
}

/** Rows of one shape as JSON arrays. */
export class JsonRows {
  readonly #encoders: readonly JsonEncoder[];
  readonly columns: string;

  constructor(shape: ResultShape) {
    this.#encoders = shape.fields.map(({type}) => jsonEncoder(type));
    this.columns = JSON.stringify(
      shape.fields.map(({name, type}) => ({name, type: type.name, oid: type.oid})),
    );
  }

  /** The live row `i` of the batch. */
  row(batch: Batch, i: number, settings: FormatSettings): string {
    const {vectors, selection} = batch;
    const at = selection === null ? i : selection[i]!;
    const encoders = this.#encoders;
    let text = '[';
    for (let c = 0; c < encoders.length; c++) {
      if (c > 0) text += ',';
      const value = datumAt(vectors[c]!, at);
      text += value === null ? 'null' : encoders[c]!(value, settings);
    }
    return `${text}]`;
  }
}

/** An error as JSON: PostgreSQL's fields. */
export function errorObject({code, message, severity, fields}: PgError): Record<string, unknown> {
  const {detail, hint, position, where, schema, table, column, constraint, dataType} = fields;
  const rest = {detail, hint, position, where, schema, table, column, constraint, dataType};
  return {code, message, severity, ...rest};
}

/** Notices as JSON. */
export function noticeObjects(notices: readonly Notice[]): readonly Record<string, unknown>[] {
  return notices.map(({severity, code, message, fields}) => ({
    ...{severity, code, message},
    ...{detail: fields.detail, hint: fields.hint},
  }));
}
