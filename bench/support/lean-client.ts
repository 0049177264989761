// Hot path: a client must not cost more than the server that it measures.
import {connect, type Socket} from 'node:net';

const AUTHENTICATION = 0x52;
const ERROR = 0x45;
const NOTIFICATION = 0x41;
const READY = 0x5a;
const DATA_ROW = 0x44;

interface Waiting {
  readonly resolve: (rows: number) => void;
  readonly reject: (error: Error) => void;
}

/** A connection to PostgreSQL or Wadi that parses no more than it must: when an answer ends, and notifications. */
export class LeanClient {
  /** Called for each notification. */
  onNotification: (channel: string, payload: string) => void = () => {};
  readonly #socket: Socket;
  readonly #waiting: Waiting[] = [];
  #rest: Buffer | null = null;
  #failure: Error | null = null;
  #rows = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', error => this.#end(error));
    socket.on('close', () => this.#end(new Error('the server closed the connection')));
  }

  /** Connects as the superuser without a password. */
  static async connect(port: number): Promise<LeanClient> {
    const client = new LeanClient(connect(port, '127.0.0.1'));
    const body = Buffer.from('\0\x03\0\0user\0postgres\0database\0postgres\0\0', 'latin1');
    await client.#send(Buffer.concat([int32(body.length + 4), body]));
    return client;
  }

  /** Runs statements without parameters; the number of rows they answered. */
  query(sql: string): Promise<number> {
    return this.#send(message('Q', Buffer.from(`${sql}\0`)));
  }

  /** Prepares a statement under a name. */
  prepare(name: string, sql: string): Promise<number> {
    const parse = message('P', Buffer.from(`${name}\0${sql}\0\0\0`));
    return this.#send(Buffer.concat([parse, message('S', Buffer.alloc(0))]));
  }

  /** Runs a prepared statement with parameters as text; may be called again before it is answered. */
  execute(name: string, params: readonly string[]): Promise<number> {
    const parts = [Buffer.from(`\0${name}\0\0\0`), int16(params.length)];
    for (const param of params) {
      const bytes = Buffer.from(param);
      parts.push(int32(bytes.length), bytes);
    }
    parts.push(int16(0));
    return this.#send(
      Buffer.concat([
        message('B', Buffer.concat(parts)),
        message('E', Buffer.from('\0\0\0\0\0')),
        message('S', Buffer.alloc(0)),
      ]),
    );
  }

  close(): void {
    this.#socket.removeAllListeners('close');
    this.#socket.destroy();
  }

  #send(bytes: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({resolve, reject});
      this.#socket.write(bytes);
    });
  }

  #take(chunk: Buffer): void {
    const bytes = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (at + 5 <= bytes.length) {
      const end = at + 1 + bytes.readUInt32BE(at + 1);
      if (end > bytes.length) break;
      this.#message(bytes[at]!, bytes.subarray(at + 5, end));
      at = end;
    }
    this.#rest = at === bytes.length ? null : bytes.subarray(at);
  }

  #message(type: number, body: Buffer): void {
    switch (type) {
      case DATA_ROW:
        this.#rows++;
        return;
      case READY: {
        const waiting = this.#waiting.shift();
        const failure = this.#failure;
        const rows = this.#rows;
        this.#failure = null;
        this.#rows = 0;
        if (failure === null) waiting?.resolve(rows);
        else waiting?.reject(failure);
        return;
      }
      case ERROR:
        this.#failure = new Error(body.toString('utf8').replaceAll('\0', ' '));
        return;
      case NOTIFICATION: {
        const [channel = '', payload = ''] = body.toString('utf8', 4).split('\0');
        this.onNotification(channel, payload);
        return;
      }
      case AUTHENTICATION:
        if (body.readUInt32BE(0) !== 0) this.#end(new Error('the server wants a password'));
    }
  }

  #end(error: Error): void {
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
  }
}

function message(type: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}
