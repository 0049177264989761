// Hot path: ten thousand of these live in one process, beside the server that they measure.
import {connect, type Socket} from 'node:net';

const TEXT = 1;
const CLOSE = 8;
const PING = 9;

/** What all sockets of a process read into: what is left over is copied out before the next read. */
const shared = Buffer.allocUnsafe(256 * 1024);

/** A WebSocket of the live protocol without a library: whole frames of text, pings answered. */
export class LeanWebSocket {
  /** Called with each frame of the server. */
  onFrame: (text: string) => void = () => {};
  readonly #socket: Socket;
  #rest: Buffer | null = null;
  #isUpgraded = false;
  #opened!: () => void;
  #failed!: (error: Error) => void;
  readonly #opening = new Promise<void>((resolve, reject) => {
    this.#opened = resolve;
    this.#failed = reject;
  });

  private constructor(port: number) {
    this.#socket = connect({
      port,
      host: '127.0.0.1',
      onread: {
        buffer: shared,
        callback: (count: number, buffer: Uint8Array) => {
          this.#take(buffer as Buffer, count);
          return true;
        },
      },
    });
    this.#socket.setNoDelay(true);
    this.#socket.on('error', error => this.#failed(error));
    this.#socket.write(
      `GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: wadi.v1\r\n\r\n',
    );
  }

  /** Connects; resolves after the upgrade. */
  static async connect(port: number): Promise<LeanWebSocket> {
    const socket = new LeanWebSocket(port);
    await socket.#opening;
    return socket;
  }

  send(text: string): void {
    this.#frame(TEXT, Buffer.from(text));
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Masked, as a client must, with zeros. */
  #frame(opcode: number, body: Buffer): void {
    const isShort = body.length < 126;
    const head = Buffer.alloc(isShort ? 6 : 8);
    head[0] = 0x80 | opcode;
    head[1] = 0x80 | (isShort ? body.length : 126);
    if (!isShort) head.writeUInt16BE(body.length, 2);
    this.#socket.write(Buffer.concat([head, body]));
  }

  #take(buffer: Buffer, count: number): void {
    const read = buffer.subarray(0, count);
    let bytes = this.#rest === null ? read : Buffer.concat([this.#rest, read]);
    if (!this.#isUpgraded) {
      const end = bytes.indexOf('\r\n\r\n');
      if (end !== -1) {
        const answer = bytes.toString('latin1', 0, end);
        this.#isUpgraded = true;
        if (answer.startsWith('HTTP/1.1 101')) this.#opened();
        else this.#failed(new Error(answer));
        bytes = bytes.subarray(end + 4);
      }
    }
    const used = this.#isUpgraded ? this.#frames(bytes) : 0;
    this.#rest = used === bytes.length ? null : Buffer.from(bytes.subarray(used));
  }

  #frames(bytes: Buffer): number {
    let at = 0;
    while (at + 2 <= bytes.length) {
      let length = bytes[at + 1]! & 0x7f;
      let body = at + 2;
      if (length === 126) {
        if (at + 4 > bytes.length) break;
        length = bytes.readUInt16BE(at + 2);
        body = at + 4;
      } else if (length === 127) {
        if (at + 10 > bytes.length) break;
        length = Number(bytes.readBigUInt64BE(at + 2));
        body = at + 10;
      }
      if (body + length > bytes.length) break;
      const opcode = bytes[at]! & 15;
      at = body + length;
      if (opcode === TEXT) this.onFrame(bytes.toString('utf8', body, at));
      else if (opcode === PING) this.#frame(10, Buffer.from(bytes.subarray(body, at)));
      else if (opcode === CLOSE) this.onFrame('{"type":"closed by the server"}');
    }
    return at;
  }
}
