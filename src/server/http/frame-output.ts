// Hot path: every frame of a live WebSocket.
import type {Duplex} from 'node:stream';
import type {WebSocket} from 'ws';

/** Bytes that the socket has not taken at which the client counts as not reading. */
const fullSize = 64 * 1024;
/** Bytes at which it is ended: even its answers to pings are not read. */
const overflowSize = 16 * 1024 * 1024;

/**
 * Sends frames, and knows whether the client reads them: by the socket's backlog and by the credit that the client gives. Texts are framed
 * here (RFC 6455 5.2) and written to the socket under the WebSocket in one piece, where its own `send` makes two: one change may go to
 * 10,000 of them.
 */
export class FrameOutput {
  readonly #webSocket: WebSocket;
  readonly #socket: Duplex;
  readonly #onRoom: () => void;
  readonly #onSent = (): void => this.#sentOne();
  /** 0: no credit is asked of the client. */
  window = 0;
  #sent = 0;
  #acked = 0;
  #wasFull = false;

  /** `socket`: of the WebSocket, which must not compress. `onRoom` is called when the client reads again. */
  constructor(webSocket: WebSocket, socket: Duplex, onRoom: () => void) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#onRoom = onRoom;
  }

  /** True while nothing more should be made for the client. Who asks and hears true is called by `onRoom`. */
  get isFull(): boolean {
    const isFull =
      this.#webSocket.bufferedAmount >= fullSize ||
      (this.window > 0 && this.#sent - this.#acked >= this.window);
    if (isFull) this.#wasFull = true;
    return isFull;
  }

  /** Bytes of data frames so far. */
  get sent(): number {
    return this.#sent;
  }

  /** A frame that counts: rows and changes. */
  data(text: string): void {
    this.#sent += this.#send(text);
  }

  /** A frame that does not count. */
  control(text: string): void {
    this.#send(text);
  }

  /** The bytes of the text. */
  #send(text: string): number {
    const size = Buffer.byteLength(text);
    const webSocket = this.#webSocket;
    if (webSocket.readyState !== webSocket.OPEN) return size;
    if (webSocket.bufferedAmount > overflowSize) webSocket.terminate();
    else this.#socket.write(framed(text, size), this.#onSent);
    return size;
  }

  /** The client has read so many bytes of data frames in all. False when that cannot be. */
  acknowledge(bytes: number): boolean {
    if (bytes > this.#sent) return false;
    if (bytes > this.#acked) this.#acked = bytes;
    this.#wake();
    return true;
  }

  #sentOne(): void {
    if (this.#wasFull) this.#wake();
  }

  #wake(): void {
    if (!this.#wasFull || this.isFull) return;
    this.#wasFull = false;
    this.#onRoom();
  }
}

const finalText = 0x81;

/** A text frame of a server: whole, not masked. */
function framed(text: string, size: number): Buffer {
  const headerSize = size < 126 ? 2 : size < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headerSize + size);
  frame[0] = finalText;
  if (size < 126) frame[1] = size;
  else if (size < 65_536) {
    frame[1] = 126;
    frame.writeUInt16BE(size, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(size), 2);
  }
  frame.write(text, headerSize);
  return frame;
}
