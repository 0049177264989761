import {WebSocket} from 'ws';

/** The answer to POST /sql. */
export interface SqlAnswer {
  readonly status: number;
  readonly results: readonly {
    readonly columns: readonly {name: string; type: string; oid: number}[];
    readonly rows: readonly (readonly unknown[])[];
    readonly tag: string;
    readonly notices?: readonly {message: string}[];
  }[];
  readonly error?: {code: string; message: string; position?: number; detail?: string};
}

/** POSTs JSON and reads JSON. */
export async function post(
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<{status: number; body: Record<string, unknown>; headers: Headers}> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {'content-type': 'application/json', ...headers},
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await response.text();
  return {
    status: response.status,
    body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
    headers: response.headers,
  };
}

/** Runs SQL by POST /sql. */
export async function postSql(
  httpUrl: string,
  sql: string,
  params?: readonly unknown[],
  headers: Readonly<Record<string, string>> = {authorization: basic('postgres', '')},
): Promise<SqlAnswer> {
  const {status, body} = await post(`${httpUrl}/sql`, {sql, params}, headers);
  return {status, ...(body as unknown as Omit<SqlAnswer, 'status'>)};
}

/** The header of Basic credentials. */
export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** A message of the server of `/ws`. */
export type Message = Record<string, unknown> & {readonly type: string};

/** A client of `/ws` that keeps what comes, and waits for what is wanted. */
export class WsClient {
  readonly socket: WebSocket;
  readonly messages: Message[] = [];
  /** Bytes of frames that count for the credit. */
  dataBytes = 0;
  readonly closed: Promise<{code: number; reason: string}>;
  #at = 0;
  #waiting: (() => void)[] = [];
  #isClosed = false;

  constructor(
    httpUrl: string,
    options: {protocol?: string; headers?: Record<string, string>} = {},
  ) {
    this.socket = new WebSocket(
      `${httpUrl.replace('http', 'ws')}/ws`,
      options.protocol ?? 'wadi.v1',
      {headers: options.headers ?? {}},
    );
    this.socket.on('error', () => undefined);
    this.socket.on('message', data => {
      const bytes = data as Buffer;
      const message = JSON.parse(bytes.toString()) as Message;
      if (counted.has(message.type)) this.dataBytes += bytes.length;
      this.messages.push(message);
      this.#wake();
    });
    this.closed = new Promise(resolve =>
      this.socket.on('close', (code, reason) => {
        this.#isClosed = true;
        this.#wake();
        resolve({code, reason: reason.toString()});
      }),
    );
  }

  /** Opens one and says hello. */
  static async open(httpUrl: string, hello: object = {user: 'postgres'}): Promise<WsClient> {
    const client = new WsClient(httpUrl);
    await new Promise<void>((resolve, reject) => {
      client.socket.once('open', () => resolve());
      client.socket.once('error', reject);
    });
    client.send({type: 'hello', ...hello});
    await client.next('welcome');
    return client;
  }

  send(message: object): void {
    this.socket.send(JSON.stringify(message));
  }

  /** The next message of a type (and id) after those that were given; others are passed over. */
  async next(type: string, id?: unknown): Promise<Message> {
    for (;;) {
      while (this.#at < this.messages.length) {
        const message = this.messages[this.#at++]!;
        if (message.type === type && (id === undefined || message['id'] === id)) return message;
      }
      if (this.#isClosed) throw new Error(`closed before ${type}`);
      await new Promise<void>(resolve => this.#waiting.push(resolve));
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** Runs SQL and waits for its end; rejects with the error object. */
  async sql(sql: string, params?: readonly unknown[]): Promise<Message[]> {
    const id = `s${this.messages.length}-${this.#at}`;
    const from = this.messages.length;
    this.send({type: 'sql', id, sql, ...(params === undefined ? {} : {params})});
    for (;;) {
      const own = this.messages.slice(from).filter(message => message['id'] === id);
      const last = own.at(-1);
      if (last?.type === 'done') return own.slice(0, -1);
      if (last?.type === 'error') throw last['error'];
      if (this.#isClosed) throw new Error('closed before the answer');
      await new Promise<void>(resolve => this.#waiting.push(resolve));
    }
  }

  close(): Promise<unknown> {
    this.socket.close();
    return this.closed;
  }
}

const counted = new Set(['result', 'rows', 'live', 'tx', 'lag', 'reset', 'notification']);
