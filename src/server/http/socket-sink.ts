// Hot path: rows of a statement over a WebSocket.
import type {Batch} from '../../columns/batch.ts';
import type {PgError} from '../../common/errors.ts';
import type {Seq} from '../../common/ids.ts';
import type {Formats, ResultShape} from '../../session/contract.ts';
import type {FormatSettings} from '../../types/contract.ts';
import {AnswerSink, JsonRows, noticeObjects} from './answer-sink.ts';
import type {HeldOutput} from './held-output.ts';

const frameSize = 64 * 1024;

/** The answers of a WebSocket's session: frames of type `result` with the id of the statement that runs. */
export class SocketSink extends AnswerSink {
  readonly #onFatal: (error: PgError) => void;
  #id = '0';
  #rows: JsonRows | null = null;
  #text = '';
  #columns = '';
  #isOpen = false;
  #committedSeq: Seq | null = null;

  constructor(output: HeldOutput, onFatal: (error: PgError) => void) {
    super(output);
    this.#onFatal = onFatal;
  }

  /** A statement begins; `id` as JSON. */
  begin(id: string): void {
    this.#id = id;
    this.#committedSeq = null;
    this.#close();
  }

  /** The last commit with writes since `begin`; null when there was none. */
  get committedSeq(): Seq | null {
    return this.#committedSeq;
  }

  committed(seq: Seq): void {
    this.#committedSeq = seq;
  }

  #close(): void {
    this.#text = '';
    this.#columns = '';
    this.#isOpen = false;
    this.notices = [];
  }

  rowDescription(shape: ResultShape): void {
    this.#rows = new JsonRows(shape);
    this.#columns = `"columns":${this.#rows.columns},`;
    this.#isOpen = true;
  }

  dataRows(
    shape: ResultShape,
    _formats: Formats,
    batch: Batch,
    {from, to}: {readonly from: number; readonly to: number},
    settings: FormatSettings,
  ): void {
    if (!this.#isOpen) this.rowDescription(shape);
    const rows = this.#rows!;
    for (let i = from; i < to; i++) {
      this.#text += `${this.#text === '' ? '' : ','}${rows.row(batch, i, settings)}`;
      if (this.#text.length >= frameSize) this.flush();
    }
  }

  /** Sends the rows so far. */
  flush(): void {
    if (this.#text === '') return;
    this.#frame('');
  }

  commandComplete(tag: string): void {
    const notices =
      this.notices.length === 0 ? '' : `,"notices":${JSON.stringify(noticeObjects(this.notices))}`;
    if (this.#columns === '' && !this.#isOpen) this.#columns = '"columns":[],';
    this.#frame(`,"tag":${JSON.stringify(tag)}${notices}`);
    this.#close();
  }

  #frame(rest: string): void {
    this.output.push(
      `{"type":"result","id":${this.#id},${this.#columns}"rows":[${this.#text}]${rest}}`,
    );
    this.#columns = '';
    this.#text = '';
  }

  override notification(pid: number, channel: string, payload: string): void {
    this.output.push(JSON.stringify({type: 'notification', channel, payload, pid}));
  }

  override fatal(error: PgError): void {
    super.fatal(error);
    this.#onFatal(error);
  }
}
