import {
  type Data,
  Field,
  makeData,
  RecordBatch,
  RecordBatchStreamWriter,
  Schema,
  Struct,
} from 'apache-arrow';
import type {Batch} from '../../columns/batch.ts';
import {featureNotSupported, type PgError} from '../../common/errors.ts';
import type {Formats, ResultShape} from '../../session/contract.ts';
import type {FormatSettings} from '../../types/contract.ts';
import {AnswerSink} from './answer-sink.ts';
import {arrowData, arrowType} from './arrow-columns.ts';
import type {HeldOutput} from './held-output.ts';

const chunkSize = 64 * 1024;

/** Writes one result as an Arrow IPC stream: a record batch for each of ours. */
export class ArrowSink extends AnswerSink {
  readonly #writer: ChunkWriter;
  #schema: Schema | null = null;
  #results = 0;

  constructor(output: HeldOutput) {
    super(output);
    this.#writer = new ChunkWriter(output);
  }

  rowDescription(shape: ResultShape): void {
    this.#begin(
      new Schema(shape.fields.map(({name, type}) => new Field(name, arrowType(type), true))),
    );
  }

  #begin(schema: Schema): void {
    if (this.#schema !== null) throw featureNotSupported('an Arrow answer holds one result only');
    this.#schema = schema;
  }

  dataRows(
    shape: ResultShape,
    _formats: Formats,
    batch: Batch,
    {from, to}: {readonly from: number; readonly to: number},
    settings: FormatSettings,
  ): void {
    if (this.#schema === null) this.rowDescription(shape);
    const schema = this.#schema!;
    const children: Data[] = shape.fields.map(({type}, column) =>
      arrowData(type, {batch, column, from, to}, settings),
    );
    const data = makeData({
      ...{type: new Struct(schema.fields), length: to - from, nullCount: 0, children},
    });
    this.#writer.write(new RecordBatch(schema, data));
  }

  commandComplete(): void {
    if (++this.#results > 1) throw featureNotSupported('an Arrow answer holds one result only');
  }

  flush(): void {}

  /** The end of the stream. False: rows have left and the error cannot be told, the stream must break off. */
  end(error: PgError | null): boolean {
    if (error !== null) return false;
    this.#writer.begin(this.#schema ?? new Schema([]));
    this.#writer.finish();
    this.#writer.flush();
    return true;
  }
}

/** Hands the pieces of the stream on as they are made. */
class ChunkWriter extends RecordBatchStreamWriter {
  readonly #output: HeldOutput;
  #chunks: Uint8Array[] = [];
  #size = 0;

  constructor(output: HeldOutput) {
    super({autoDestroy: false});
    this.#output = output;
  }

  /** A stream without batches has a schema too. */
  begin(schema: Schema): void {
    if (this._schema === null) this.reset(undefined, schema);
  }

  /** What is kept goes out: before that an error can still be told. */
  flush(): void {
    if (this.#size === 0) return;
    this.#output.push(Buffer.concat(this.#chunks));
    this.#chunks = [];
    this.#size = 0;
  }

  protected override _write(chunk: ArrayBufferView): this {
    const {buffer, byteOffset, byteLength} = chunk;
    if (byteLength === 0) return this;
    this.#chunks.push(new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength));
    this.#size += byteLength;
    if (this.#size >= chunkSize) this.flush();
    this._position += byteLength;
    return this;
  }
}
