// A server whose session answers every statement with the row 1; the child process of bench/wire.ts.
import {oid} from '../src/common/ids.ts';
import type {PgError} from '../src/common/errors.ts';
import {internalError} from '../src/common/errors.ts';
import {PostgresServer} from '../src/server/postgres-server.ts';
import {DEFAULT_SERVER_OPTIONS, type ServedDatabase} from '../src/server/server-options.ts';
import type {BindMessage, ResultShape, ResultSink, Session} from '../src/session/contract.ts';
import type {FormatSettings, TypeInstance} from '../src/types/contract.ts';

const int4 = {
  oid: oid(23),
  name: 'int4',
  kind: 'b',
  length: 4,
  base: null,
} as unknown as TypeInstance;
const shape: ResultShape = {
  fields: [{name: '?column?', tableOid: oid(0), attnum: 0, type: int4, typmod: -1}],
};
const batch = {
  count: 1,
  selection: null,
  vectors: [{kind: 'int32' as const, values: Int32Array.of(1), nulls: null}],
};
const range = {from: 0, to: 1};
const settings = {} as FormatSettings;

class StubSession implements Session {
  readonly pid: number;
  readonly copyIn = null;
  readonly #sink: ResultSink;
  readonly #statements = new Map<string, string>();
  readonly #portals = new Map<string, string>();

  constructor(pid: number, sink: ResultSink) {
    this.pid = pid;
    this.#sink = sink;
  }

  query(): undefined {
    this.#sink.rowDescription(shape, null);
    this.#sink.dataRows(shape, null, batch, range, settings);
    this.#sink.commandComplete('SELECT 1');
    this.#sink.readyForQuery('I');
  }

  parse(name: string, sql: string): undefined {
    this.#statements.set(name, sql);
    this.#sink.parseComplete();
  }

  bind(message: BindMessage): undefined {
    this.#portals.set(message.portal, this.#statements.get(message.statement) ?? '');
    this.#sink.bindComplete();
  }

  describe(): undefined {
    this.#sink.rowDescription(shape, null);
  }

  execute(portal: string): undefined {
    if (!this.#portals.has(portal)) throw internalError('no portal');
    this.#sink.dataRows(shape, null, batch, range, settings);
    this.#sink.commandComplete('SELECT 1');
  }

  close(): undefined {
    this.#sink.closeComplete();
  }

  sync(): undefined {
    this.#sink.readyForQuery('I');
  }

  functionCall(): undefined {
    return undefined;
  }

  failed(error: unknown): PgError {
    return internalError(String(error));
  }

  readyAfterError(): void {
    this.#sink.readyForQuery('I');
  }

  cancel(): void {}

  end(): Promise<void> {
    return Promise.resolve();
  }
}

const database: ServedDatabase = {
  loginRole: name => {
    return {
      oid: oid(10),
      name,
      canLogin: true,
      password: null,
      validUntil: null,
      isSuperuser: true,
    };
  },
  hasDatabase: () => true,
  openSession: (options, sink) => new StubSession(options.pid, sink),
  reportedSettings: () => [
    ['client_encoding', 'UTF8'],
    ['server_version', '15.0'],
    ['standard_conforming_strings', 'on'],
  ],
  onDurable: (_, callback) => callback(),
};
const ignore = (): void => undefined;
const logger = {debug: ignore, info: ignore, warn: ignore, error: ignore};
const server = new PostgresServer(database, {...DEFAULT_SERVER_OPTIONS, port: 0}, logger);
await server.listen();
process.send?.({port: server.port});
process.on('message', () => process.send?.({cpu: process.cpuUsage()}));
process.on('disconnect', () => process.exit(0));
