// Hot path: COPY TO.
import {ByteWriter} from '../../common/byte-writer.ts';
import {isAscii, type SingleByteEncoding} from '../../common/client-encoding.ts';
import {featureNotSupported} from '../../common/errors.ts';
import type {Batch} from '../../columns/batch.ts';
import {writeBinaryHeader, writeBinaryRow, writeBinaryTrailer} from '../../copy/copy-binary.ts';
import type {CopyOptions} from '../../copy/copy-options.ts';
import {createCopyWriter, type CopyWriter} from '../../copy/copy-writer.ts';
import {readRow} from '../../exec/column-store.ts';
import type {Datum, TypeInstance} from '../../types/contract.ts';
import type {ResultShape} from '../contract.ts';
import type {Execution, RowReceiver} from '../execution.ts';
import type {SessionContext} from '../session-context.ts';

/** Runs a query and writes its rows as CopyData, one message per row. Returns the tag. */
export async function copyOut(
  session: SessionContext,
  execution: Execution,
  shape: ResultShape,
  options: CopyOptions,
): Promise<string> {
  const {sink} = session;
  const receiver = new CopyOutReceiver(session, shape, options);
  checkBinaryEncoding(session.settings.clientEncoding, options);
  sink.copyOutResponse(options.format === 'binary', shape.fields.length);
  receiver.start();
  try {
    await execution.run(Infinity, receiver);
  } finally {
    execution.close();
  }
  receiver.finish();
  sink.copyDone();
  return `COPY ${receiver.count}`;
}

/** Values of binary COPY are not transcoded. */
export function checkBinaryEncoding(
  encoding: SingleByteEncoding | null,
  options: CopyOptions,
): void {
  if (encoding === null || options.format !== 'binary' || options.hasEncoding === true) return;
  throw featureNotSupported(`binary COPY with client_encoding ${encoding.name} is not supported`);
}

class CopyOutReceiver implements RowReceiver {
  readonly #session: SessionContext;
  readonly #shape: ResultShape;
  readonly #types: readonly TypeInstance[];
  readonly #options: CopyOptions;
  readonly #out = new ByteWriter(4096);
  readonly #row: Datum[] = [];
  readonly #writer: CopyWriter | null;
  count = 0;

  constructor(session: SessionContext, shape: ResultShape, options: CopyOptions) {
    this.#session = session;
    this.#shape = shape;
    this.#types = shape.fields.map(field => field.type);
    this.#options = options;
    this.#writer =
      options.format === 'binary'
        ? null
        : createCopyWriter(options, this.#types, session.evalContext.format);
  }

  start(): void {
    if (this.#writer === null) writeBinaryHeader(this.#out);
    else if (this.#options.header !== 'none') {
      this.#writer.writeHeader(
        this.#shape.fields.map(field => field.name),
        this.#out,
      );
      this.#send();
    }
  }

  rows(batch: Batch): void {
    const {selection, vectors} = batch;
    for (let i = 0; i < batch.count; i++) {
      if (this.#writer === null) {
        readRow(batch, i, this.#row);
        writeBinaryRow(this.#row, this.#types, this.#session.evalContext.format, this.#out);
      } else this.#writer.writeRow(vectors, selection === null ? i : selection[i]!, this.#out);
      this.#send();
    }
    this.count += batch.count;
  }

  finish(): void {
    if (this.#writer !== null) return;
    // The header travels with the first row, or alone when there is none.
    if (this.#out.length > 0) this.#send();
    writeBinaryTrailer(this.#out);
    this.#send();
  }

  #send(): void {
    const bytes = this.#out.view();
    const {clientEncoding} = this.#session.settings;
    const isRecoded =
      clientEncoding !== null &&
      this.#options.hasEncoding !== true &&
      !isAscii(bytes, 0, bytes.length);
    this.#session.sink.copyData(isRecoded ? clientEncoding.encode(bytes.toString('utf8')) : bytes);
    this.#out.reset();
  }

  get isFull(): boolean {
    return this.#session.sink.isFull;
  }

  drained(): Promise<void> {
    return this.#session.sink.drained();
  }
}
