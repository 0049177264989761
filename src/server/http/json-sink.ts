// Hot path: rows of a JSON result.
import type {Batch} from '../../columns/batch.ts';
import type {PgError} from '../../common/errors.ts';
import type {Formats, ResultShape} from '../../session/contract.ts';
import type {FormatSettings} from '../../types/contract.ts';
import {AnswerSink, errorObject, JsonRows, noticeObjects} from './answer-sink.ts';

const chunkSize = 64 * 1024;

/** Writes `{"results": [{columns, rows, tag, notices}], "ms"}` in chunks. */
export class JsonSink extends AnswerSink {
  readonly #startedAt = performance.now();
  #text = '{"results":[';
  #results = 0;
  #rows: JsonRows | null = null;
  #shape: ResultShape | null = null;
  #rowCount = 0;
  #isOpen = false;

  rowDescription(shape: ResultShape): void {
    this.#begin(shape);
  }

  #begin(shape: ResultShape | null): void {
    if (this.#shape !== shape || this.#rows === null)
      this.#rows = shape === null ? null : new JsonRows(shape);
    this.#shape = shape;
    const columns = this.#rows?.columns ?? '[]';
    this.#text += `${this.#results++ === 0 ? '' : ','}{"columns":${columns},"rows":[`;
    this.#rowCount = 0;
    this.#isOpen = true;
  }

  dataRows(
    shape: ResultShape,
    _formats: Formats,
    batch: Batch,
    {from, to}: {readonly from: number; readonly to: number},
    settings: FormatSettings,
  ): void {
    if (!this.#isOpen) this.#begin(shape);
    const rows = this.#rows!;
    let text = this.#text;
    for (let i = from; i < to; i++) {
      if (this.#rowCount++ > 0) text += ',';
      text += rows.row(batch, i, settings);
      if (text.length < chunkSize) continue;
      this.output.push(text);
      text = '';
    }
    this.#text = text;
  }

  commandComplete(tag: string): void {
    if (!this.#isOpen) this.#begin(null);
    this.#text += `],"tag":${JSON.stringify(tag)}`;
    this.#endResult();
  }

  #endResult(): void {
    if (this.notices.length > 0) {
      this.#text += `,"notices":${JSON.stringify(noticeObjects(this.notices))}`;
      this.notices = [];
    }
    this.#text += '}';
    this.#isOpen = false;
  }

  flush(): void {
    if (this.#results === 0 || this.#text === '') return;
    this.output.push(this.#text);
    this.#text = '';
  }

  /** The end of the body; with an error when rows have left already. */
  end(error: PgError | null): true {
    if (this.#isOpen) {
      this.#text += ']';
      this.#endResult();
    }
    const problem = error === null ? '' : `,"error":${JSON.stringify(errorObject(error))}`;
    const ms = (performance.now() - this.#startedAt).toFixed(3);
    this.output.push(`${this.#text}]${problem},"ms":${ms}}\n`);
    this.#text = '';
    return true;
  }
}
