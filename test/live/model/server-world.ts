import pg from 'pg';
import {WebSocket} from 'ws';
import {temporaryFolder} from '../../support/temporary-folder.ts';
import {startWadi, type WadiServer} from '../../support/wadi-server.ts';
import type {Reader, ReaderHandle} from './reader.ts';
import type {World} from './world.ts';

type Message = Readonly<Record<string, unknown>> & {readonly type: string};
type Op = readonly unknown[];

const TYPE_NAMES: Readonly<Record<number, string>> = {20: 'int8', 1700: 'numeric'};
const TEXTS = {getTypeParser: () => (text: string) => text} as unknown as pg.CustomTypesConfig;
/** The least window that there is: a reader without credit is stopped soon. */
const WINDOW = 4096;

/** A server process, spoken to over its sockets; it can be killed. */
export class ServerWorld implements World {
  readonly #folder = temporaryFolder('live-model-server');
  #server!: WadiServer;
  #clients = new Map<string, pg.Client>();
  readonly #sockets = new Set<WebSocket>();

  static async open(): Promise<ServerWorld> {
    const world = new ServerWorld();
    await world.#start();
    return world;
  }

  async #start(): Promise<void> {
    this.#server = await startWadi({dataDir: this.#folder.path});
  }

  async #client(user: string): Promise<pg.Client> {
    const known = this.#clients.get(user);
    if (known !== undefined) return known;
    const {host, port} = this.#server;
    const client = new pg.Client({host, port, user, database: 'postgres', types: TEXTS});
    client.on('error', () => {});
    this.#clients.set(user, client);
    await client.connect();
    return client;
  }

  async query(user: string, sql: string): Promise<readonly (readonly (string | null)[])[]> {
    const client = await this.#client(user);
    const result: unknown = await client.query({text: sql, rowMode: 'array'});
    const last = Array.isArray(result) ? (result.at(-1) as pg.QueryArrayResult) : result;
    return (last as pg.QueryArrayResult).rows as (string | null)[][];
  }

  async types(user: string, sql: string): Promise<readonly string[]> {
    const {fields} = await (await this.#client(user)).query(sql);
    return fields.map(field => TYPE_NAMES[field.dataTypeID] ?? 'other');
  }

  async lastSeq(): Promise<bigint> {
    // A channel begins at what is durable, as everything is that was acknowledged.
    const rows = await this.query(
      'postgres',
      "SELECT seq, live_close(channel) FROM live_open_sql('SELECT c0 FROM t0')",
    );
    return BigInt(rows[0]![0]!);
  }

  async subscribe(reader: Reader, resume: string | null, credit: number): Promise<ReaderHandle> {
    const socket = new WebSocket(`${this.#server.httpUrl.replace('http', 'ws')}/ws`, 'wadi.v1');
    this.#sockets.add(socket);
    const stream = new SocketReader(socket, reader, credit);
    socket.on('open', () =>
      stream.send({type: 'hello', user: reader.user, database: 'postgres', window: WINDOW}),
    );
    socket.on('error', error => stream.failed(error));
    socket.on('close', () => {
      this.#sockets.delete(socket);
      stream.failed(new Error('the socket has closed'));
    });
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString()) as Message;
      if (message.type === 'welcome')
        stream.send({type: 'sub', id: 1, sql: reader.sql, ...(resume === null ? {} : {resume})});
      else stream.take(message, data.length);
    });
    await stream.subscribed;
    return stream;
  }

  async kill(): Promise<boolean> {
    for (const socket of this.#sockets) socket.terminate();
    this.#sockets.clear();
    const clients = [...this.#clients.values()];
    this.#clients = new Map();
    await this.#server.kill('SIGKILL');
    for (const client of clients) void client.end().catch(() => {});
    await this.#start();
    return true;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.terminate();
    for (const client of this.#clients.values()) await client.end().catch(() => {});
    await this.#server.stop();
    this.#folder.remove();
  }
}

/** Bytes of these count against the window. */
const COUNTED: ReadonlySet<string> = new Set(['rows', 'live', 'tx', 'lag', 'reset']);

/** One live query on a WebSocket of its own. */
class SocketReader implements ReaderHandle {
  readonly subscribed: Promise<void>;
  readonly #done: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #socket: WebSocket;
  readonly #reader: Reader;
  #isGenerous: boolean;
  #bytes = 0;
  #isClosed = false;

  constructor(socket: WebSocket, reader: Reader, credit: number) {
    this.#socket = socket;
    this.#reader = reader;
    this.#isGenerous = credit === Infinity;
    this.subscribed = this.#done.promise;
  }

  send(message: object): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  failed(error: Error): void {
    this.#isClosed = true;
    this.#done.reject(error);
  }

  give(credit: number): void {
    if (credit === Infinity) this.#isGenerous = true;
    this.send({type: 'ack', bytes: this.#bytes});
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.terminate();
  }

  take(message: Message, bytes: number): void {
    if (this.#isClosed) return;
    if (COUNTED.has(message.type)) {
      this.#bytes += bytes;
      if (this.#isGenerous) this.send({type: 'ack', bytes: this.#bytes});
    }
    this.#apply(message);
  }

  #apply(message: Message): void {
    const reader = this.#reader;
    const seq = BigInt((message['seq'] as string | undefined) ?? 0);
    const token = message['token'] as string;
    switch (message.type) {
      case 'subscribed':
        this.#done.resolve();
        return;
      case 'rows':
        reader.rows(message['rows'] as [unknown, unknown][]);
        return;
      case 'live':
        reader.mark(seq, token);
        return;
      case 'tx':
        for (const change of message['changes'] as {ops: Op[]; token: string}[])
          reader.changes(seq, change.ops, change.token);
        return;
      case 'lag':
        reader.changes(seq, message['ops'] as Op[], token);
        return;
      case 'reset':
        reader.reset(message['reason'] as string);
        return;
      case 'closed':
      case 'error': {
        const {code, message: text} = message['error'] as {code: string; message: string};
        const error = Object.assign(new Error(text), {code});
        if (message.type === 'error') this.#done.reject(error);
        else reader.closed(code, text);
        this.#isClosed = true;
        this.#socket.terminate();
      }
    }
  }
}
