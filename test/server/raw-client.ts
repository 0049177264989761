import {connect, type Socket} from 'node:net';

/** Frontend messages as bytes. */
export const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value & 0xffff);
  return bytes;
};
export const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0);
  return bytes;
};
export const zero = (text: string): Buffer => Buffer.from(`${text}\0`);
export const message = (type: string, ...parts: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
};
export const query = (sql: string): Buffer => message('Q', zero(sql));
export const parse = (sql: string, name = ''): Buffer =>
  message('P', zero(name), zero(sql), int16(0));
export const bind = (
  values: readonly (string | null)[] = [],
  statement = '',
  portal = '',
  resultFormats: readonly number[] = [],
): Buffer => {
  const parts = values.map(value => {
    if (value === null) return int32(-1);
    const bytes = Buffer.from(value);
    return Buffer.concat([int32(bytes.length), bytes]);
  });
  const formats = [int16(resultFormats.length), ...resultFormats.map(int16)];
  return message(
    'B',
    ...[zero(portal), zero(statement), int16(0), int16(values.length)],
    ...parts,
    ...formats,
  );
};
export const describe = (kind: string, name = ''): Buffer =>
  message('D', Buffer.from(kind), zero(name));
export const execute = (portal = '', maxRows = 0): Buffer =>
  message('E', zero(portal), int32(maxRows));
export const sync = message('S');
export const flush = message('H');
export const terminate = message('X');
export const copyData = (text: string): Buffer => message('d', Buffer.from(text));
export const copyDone = message('c');
export const copyFail = (reason: string): Buffer => message('f', zero(reason));
export const startup = (
  parameters: Readonly<Record<string, string>> = {user: 'postgres'},
  version = 196608,
): Buffer => {
  const pairs = Object.entries(parameters).flatMap(([name, value]) => [zero(name), zero(value)]);
  const body = Buffer.concat([int32(version), ...pairs, Buffer.from([0])]);
  return Buffer.concat([int32(body.length + 4), body]);
};

/** A connection of bytes; backend messages are told as short lines. */
export class RawClient {
  readonly socket: Socket;
  isClosed = false;
  key: Buffer = Buffer.alloc(0);
  #received: Buffer = Buffer.alloc(0);
  #wakers: (() => void)[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', chunk => {
      this.#received = Buffer.concat([this.#received, chunk as Buffer]);
      this.#wake();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.isClosed = true;
      this.#wake();
    });
  }

  static open(port: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('error', reject);
      socket.once('connect', () => resolve(new RawClient(socket)));
    });
  }

  /** Connects and logs in by trust. */
  static async login(port: number): Promise<RawClient> {
    const client = await RawClient.open(port);
    client.send(startup());
    await client.until('Z');
    return client;
  }

  send(...parts: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  /** All bytes until the connection is closed by the server. */
  async rest(): Promise<Buffer> {
    while (!this.isClosed) await this.#more();
    return this.#received;
  }

  /** At least so many raw bytes, taken out. */
  async bytes(count: number): Promise<Buffer> {
    while (this.#received.length < count && !this.isClosed) await this.#more();
    const taken = this.#received.subarray(0, count);
    this.#received = this.#received.subarray(count);
    return taken;
  }

  /** Lines up to and with a message of one of these types; `<closed>` when the connection ends before. */
  async until(types: string, count = 1): Promise<string[]> {
    const lines: string[] = [];
    for (let seen = 0; seen < count; ) {
      const next = await this.#next();
      if (next === null) return [...lines, '<closed>'];
      const [type, body] = next;
      if (type === 'K') this.key = Buffer.from(body);
      lines.push(tell(type, body));
      if (types.includes(type)) seen += 1;
    }
    return lines;
  }

  end(): void {
    this.socket.destroy();
  }

  async #next(): Promise<[string, Buffer] | null> {
    for (;;) {
      const bytes = this.#received;
      if (bytes.length >= 5) {
        const end = bytes.readInt32BE(1) + 1;
        if (bytes.length >= end) {
          this.#received = bytes.subarray(end);
          return [String.fromCharCode(bytes[0]!), bytes.subarray(5, end)];
        }
      }
      if (this.isClosed) return null;
      await this.#more();
    }
  }

  #more(): Promise<void> {
    return new Promise(resolve => this.#wakers.push(resolve));
  }

  #wake(): void {
    for (const wake of this.#wakers.splice(0)) wake();
  }
}

function tell(type: string, body: Buffer): string {
  if (type === 'E' || type === 'N') {
    const fields = body.toString().split('\0');
    const field = (code: string): string => fields.find(f => f.startsWith(code))?.slice(1) ?? '';
    return `${type} ${field('S')} ${field('C')} ${field('M')}`;
  }
  if (type === 'C') return `C ${body.toString('utf8', 0, body.length - 1)}`;
  if (type === 'Z') return `Z ${body.toString()}`;
  if (type === 'R') return `R ${body.readInt32BE(0)}`;
  if (type === 'D') return `D ${values(body).join(',')}`;
  return type;
}

function values(body: Buffer): string[] {
  const found: string[] = [];
  for (let at = 2, i = 0; i < body.readInt16BE(0); i++) {
    const length = body.readInt32BE(at);
    found.push(length < 0 ? 'NULL' : body.toString('utf8', at + 4, at + 4 + length));
    at += 4 + Math.max(length, 0);
  }
  return found;
}
