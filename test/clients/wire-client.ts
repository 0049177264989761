import {connect, type Socket} from 'node:net';
import {int16, int32, message, startup, zero} from '../server/raw-client.ts';

/** A backend message. */
export interface WireMessage {
  readonly type: string;
  readonly body: Buffer;
}

/** Fields of an ErrorResponse by their letter. */
export type ErrorFields = Readonly<Record<string, string>>;

/** All answers up to ReadyForQuery. */
export interface WireAnswer {
  readonly messages: readonly WireMessage[];
  /** Values as they came, null = NULL. */
  readonly rows: readonly (readonly (Buffer | null)[])[];
  readonly tags: readonly string[];
  readonly error: ErrorFields | null;
  readonly notices: readonly ErrorFields[];
  /** I, T, E, or `closed`. */
  readonly status: string;
}

/** Where a server listens. */
export interface WireAddress {
  readonly host: string;
  readonly port: number;
}

/** A connection whose messages the test sees as they are. */
export class WireClient {
  readonly socket: Socket;
  isClosed = false;
  pid = 0;
  key: Buffer = Buffer.alloc(0);
  #chunks: Buffer[] = [];
  #size = 0;
  #wake: (() => void) | null = null;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', chunk => {
      this.#chunks.push(chunk as Buffer);
      this.#size += chunk.length;
      this.#wake?.();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.isClosed = true;
      this.#wake?.();
    });
  }

  /** Connects; a host that is a folder means a Unix socket. */
  static open(address: WireAddress): Promise<WireClient> {
    return new Promise((resolve, reject) => {
      const {host, port} = address;
      const socket = host.startsWith('/')
        ? connect({path: `${host}/.s.PGSQL.${port}`})
        : connect({host, port});
      socket.once('error', reject);
      socket.once('connect', () => resolve(new WireClient(socket)));
    });
  }

  /** Connects and logs in without a password. */
  static async login(
    address: WireAddress,
    parameters: Readonly<Record<string, string>> = {},
  ): Promise<WireClient> {
    const client = await WireClient.open(address);
    client.send(startup({user: 'postgres', database: 'postgres', ...parameters}));
    const answer = await client.ready();
    if (answer.error !== null) throw new Error(`login: ${answer.error['M']}`);
    const data = answer.messages.find(({type}) => type === 'K')!.body;
    client.pid = data.readInt32BE(0);
    client.key = data;
    return client;
  }

  send(...parts: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  /** A simple query and all its answers. */
  query(sql: string): Promise<WireAnswer> {
    this.send(message('Q', zero(sql)));
    return this.ready();
  }

  /** The next message; null when the connection is closed. */
  async next(): Promise<WireMessage | null> {
    for (;;) {
      if (this.#size >= 5) {
        const bytes = this.#joined();
        const end = bytes.readInt32BE(1) + 1;
        if (bytes.length >= end) {
          this.#chunks = [bytes.subarray(end)];
          this.#size -= end;
          return {type: bytes.toString('latin1', 0, 1), body: bytes.subarray(5, end)};
        }
      }
      if (this.isClosed) return null;
      await new Promise<void>(resolve => (this.#wake = resolve));
    }
  }

  /** Messages up to and with the first of these types. */
  async until(types: string): Promise<WireMessage[]> {
    const messages: WireMessage[] = [];
    for (;;) {
      const next = await this.next();
      if (next === null) return messages;
      messages.push(next);
      if (types.includes(next.type)) return messages;
    }
  }

  /** Everything up to ReadyForQuery or the end. */
  async ready(): Promise<WireAnswer> {
    const messages = await this.until('Z');
    const errors = messages.filter(({type}) => type === 'E').map(({body}) => fields(body));
    const last = messages.at(-1);
    return {
      messages,
      rows: messages.filter(({type}) => type === 'D').map(({body}) => rowValues(body)),
      tags: messages
        .filter(({type}) => type === 'C')
        .map(({body}) => body.toString('utf8', 0, body.length - 1)),
      error: errors[0] ?? null,
      notices: messages.filter(({type}) => type === 'N').map(({body}) => fields(body)),
      status: last?.type === 'Z' ? last.body.toString() : 'closed',
    };
  }

  /** Sends a cancel request for this connection over one of its own. */
  async cancel(address: WireAddress): Promise<void> {
    const other = await WireClient.open(address);
    other.send(int32(16), int32(80877102), this.key);
    await other.next();
  }

  end(): void {
    this.socket.destroy();
  }

  #joined(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0]!;
  }
}

/** Text of the rows of an answer, NULL as null. */
export function texts(answer: WireAnswer): (string | null)[][] {
  return answer.rows.map(row => row.map(value => value?.toString() ?? null));
}

/** Parse with parameter types. */
export function parseTyped(sql: string, types: readonly number[], name = ''): Buffer {
  return message('P', zero(name), zero(sql), int16(types.length), ...types.map(int32));
}

/** Bind with bytes in one format for all parameters, and one for all results. */
export function bindBytes(
  values: readonly (Buffer | null)[],
  parameterFormat: number,
  resultFormat: number,
  statement = '',
  portal = '',
): Buffer {
  const bodies = values.map(value =>
    value === null ? int32(-1) : Buffer.concat([int32(value.length), value]),
  );
  return message(
    'B',
    ...[zero(portal), zero(statement), int16(1), int16(parameterFormat), int16(values.length)],
    ...bodies,
    ...[int16(1), int16(resultFormat)],
  );
}

function fields(body: Buffer): ErrorFields {
  const found: Record<string, string> = {};
  for (const field of body.toString().split('\0'))
    if (field !== '') found[field[0]!] = field.slice(1);
  return found;
}

function rowValues(body: Buffer): (Buffer | null)[] {
  const values: (Buffer | null)[] = [];
  const count = body.readInt16BE(0);
  for (let at = 2, i = 0; i < count; i++) {
    const length = body.readInt32BE(at);
    values.push(length < 0 ? null : body.subarray(at + 4, at + 4 + length));
    at += 4 + Math.max(length, 0);
  }
  return values;
}
