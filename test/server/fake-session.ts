import {PgError} from '../../src/common/errors.ts';
import {oid, type Seq} from '../../src/common/ids.ts';
import {SqlState} from '../../src/common/sqlstate.ts';
import type {
  BindMessage,
  CopyInReceiver,
  ResultShape,
  ResultSink,
  Session,
  SessionOptions,
} from '../../src/session/contract.ts';
import type {FormatSettings} from '../../src/types/contract.ts';
import {asPgError, countingBatch, type FakeDatabase} from './fake-database.ts';
import {types} from './fake-types.ts';

const field = {tableOid: oid(0), attnum: 0, typmod: -1};
const one: ResultShape = {fields: [{...field, name: '?column?', type: types.int4}]};
const text: ResultShape = {fields: [{...field, name: 'text', type: types.text}]};
const oneRow = countingBatch(1, 1);
const all = {from: 0, to: 1};
const settings = {} as FormatSettings;

interface Portal {
  readonly sql: string;
  readonly parameters: readonly (string | null)[];
  readonly formats: readonly number[] | null;
}

/** Understands a dozen sentences, enough to reach every state of a connection. */
export class FakeSession implements Session {
  readonly pid: number;
  readonly options: SessionOptions;
  readonly sink: ResultSink;
  copyIn: CopyInReceiver | null = null;
  /** What COPY received. */
  copied = '';
  hasEnded = false;
  rowsMade = 0;
  readonly #database: FakeDatabase;
  readonly #statements = new Map<string, string>();
  readonly #portals = new Map<string, Portal>();
  #status: 'I' | 'T' | 'E' = 'I';
  #cancel: (() => void) | null = null;

  constructor(options: SessionOptions, sink: ResultSink, database: FakeDatabase) {
    this.pid = options.pid;
    this.options = options;
    this.sink = sink;
    this.#database = database;
  }

  query(sql: string): Promise<void> | undefined {
    const pending = this.#run(sql, [], null, true);
    if (pending === undefined) {
      this.sink.readyForQuery(this.#status);
      return undefined;
    }
    return pending.then(() => this.sink.readyForQuery(this.#status));
  }

  parse(name: string, sql: string): undefined {
    if (sql === 'selec') {
      throw new PgError(SqlState.syntaxError, 'syntax error at or near "selec"', {position: 1});
    }
    this.#statements.set(name, sql);
    this.sink.parseComplete();
  }

  bind(message: BindMessage): undefined {
    const sql = this.#statements.get(message.statement);
    if (sql === undefined) {
      throw new PgError(
        SqlState.invalidSqlStatementName,
        `prepared statement "${message.statement}" does not exist`,
      );
    }
    const parameters = message.offsets.map((at, i) => {
      const length = message.lengths[i] ?? -1;
      return length === -1 ? null : message.buffer.toString('utf8', at, at + length);
    });
    const formats = message.resultFormats.length === 0 ? null : message.resultFormats;
    this.#portals.set(message.portal, {sql, parameters, formats});
    this.sink.bindComplete();
  }

  describe(kind: 'S' | 'P', name: string): undefined {
    const portal = kind === 'P' ? this.#portals.get(name) : undefined;
    const sql = kind === 'S' ? this.#statements.get(name) : portal?.sql;
    if (kind === 'S') this.sink.parameterDescription(sql === 'echo' ? [oid(25)] : []);
    if (sql === 'echo') this.sink.rowDescription(text, portal?.formats ?? null);
    else if (sql?.toLowerCase() === 'select 1') {
      this.sink.rowDescription(one, portal?.formats ?? null);
    } else this.sink.noData();
  }

  execute(name: string): Promise<void> | undefined {
    const portal = this.#portals.get(name);
    if (portal === undefined) {
      throw new PgError(SqlState.invalidCursorName, `portal "${name}" does not exist`);
    }
    return this.#run(portal.sql, portal.parameters, portal.formats, false);
  }

  close(): undefined {
    this.sink.closeComplete();
  }

  sync(): undefined {
    this.sink.readyForQuery(this.#status);
  }

  functionCall(): undefined {
    this.sink.functionCallResponse(Buffer.from('f'));
    this.sink.readyForQuery(this.#status);
  }

  failed(error: unknown): PgError {
    if (this.#status === 'T') this.#status = 'E';
    this.copyIn = null;
    return asPgError(error);
  }

  readyAfterError(): void {
    this.sink.readyForQuery(this.#status);
  }

  cancel(): void {
    this.#cancel?.();
  }

  end(): Promise<void> {
    this.hasEnded = true;
    this.#database.sessions.delete(this.pid);
    return Promise.resolve();
  }

  #run(
    sql: string,
    parameters: readonly (string | null)[],
    formats: readonly number[] | null,
    isSimple: boolean,
  ): Promise<void> | undefined {
    const [verb = '', argument = ''] = sql.trim().replace(/;$/, '').toLowerCase().split(' ');
    switch (verb) {
      case '':
        this.sink.emptyQuery();
        return undefined;
      case 'select':
        if (isSimple) this.sink.rowDescription(one, formats);
        this.sink.dataRows(one, formats, oneRow, all, settings);
        this.sink.commandComplete('SELECT 1');
        return undefined;
      case 'echo':
        this.#echo(parameters[0] ?? null, formats);
        return undefined;
      case 'begin':
      case 'commit':
        this.#status = verb === 'begin' ? 'T' : 'I';
        if (argument !== '') this.sink.holdUntil(BigInt(argument) as Seq);
        this.sink.commandComplete(verb.toUpperCase());
        return undefined;
      case 'error':
        throw new PgError(SqlState.divisionByZero, 'division by zero');
      case 'crash':
        throw new TypeError('a bug of ours');
      case 'fatal':
        throw new PgError(SqlState.adminShutdown, 'the end', {severity: 'FATAL'});
      case 'sleep':
        this.sink.rowDescription(one, null);
        return this.#sleep();
      case 'rows':
        return this.#rows(Number(argument));
      case 'later':
        return new Promise(resolve => setImmediate(resolve)).then(() =>
          this.sink.commandComplete('LATER'),
        );
      case 'copyin':
        return this.#copyIn();
      case 'copytwice':
        return this.#copyIn().then(() => this.#copyIn());
      default:
        throw new PgError(SqlState.syntaxError, `syntax error at or near "${verb}"`);
    }
  }

  #echo(value: string | null, formats: readonly number[] | null): void {
    const nulls = value === null ? Uint8Array.of(1) : null;
    const vector = {kind: 'string' as const, values: [value ?? ''], nulls};
    const batch = {count: 1, selection: null, vectors: [vector]};
    this.sink.dataRows(text, formats, batch, all, settings);
    this.sink.commandComplete('SELECT 1');
  }

  #sleep(): Promise<void> {
    return new Promise((_, reject) => {
      this.#cancel = () => {
        this.#cancel = null;
        reject(new PgError(SqlState.queryCanceled, 'canceling statement due to user request'));
      };
    });
  }

  async #rows(count: number): Promise<void> {
    this.sink.rowDescription(one, null);
    let isCanceled = false;
    this.#cancel = () => (isCanceled = true);
    for (let from = 0; from < count && !isCanceled; from += 1024) {
      if (this.sink.isFull) await this.sink.drained();
      const size = Math.min(1024, count - from);
      this.sink.dataRows(one, null, countingBatch(from, size), {from: 0, to: size}, settings);
      this.rowsMade += size;
    }
    this.sink.commandComplete(`SELECT ${count}`);
  }

  #copyIn(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.copied = '';
      const end = (error: PgError | null): void => {
        this.copyIn = null;
        if (error !== null) return reject(error);
        this.sink.commandComplete(`COPY ${this.copied.split('\n').length - 1}`);
        resolve();
      };
      this.copyIn = {
        data: chunk => {
          this.copied += chunk.toString();
          if (this.copied.includes('zz')) {
            end(new PgError(SqlState.invalidTextRepresentation, 'bad value "zz"'));
          }
          if (!this.copied.includes('slow')) return undefined;
          return new Promise<void>(done => setImmediate(done));
        },
        done: () => end(null),
        fail: message =>
          end(new PgError(SqlState.queryCanceled, `COPY from stdin failed: ${message}`)),
        abort: error => end(error.with({where: 'COPY t, line 2'})),
      };
      this.sink.copyInResponse(false, 1);
    });
  }
}
