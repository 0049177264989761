// Hot path: every frame of a live WebSocket.
import type {WebSocket} from 'ws';

/** Bytes that the socket has not taken at which the client counts as not reading. */
const fullSize = 64 * 1024;
/** Bytes at which it is ended: even its answers to pings are not read. */
const overflowSize = 16 * 1024 * 1024;

/** Sends frames, and knows whether the client reads them: by the socket's backlog and by the credit that the client gives. */
export class FrameOutput {
  readonly #webSocket: WebSocket;
  readonly #onRoom: () => void;
  readonly #onSent = (): void => this.#sentOne();
  /** 0: no credit is asked of the client. */
  window = 0;
  #sent = 0;
  #acked = 0;
  #wasFull = false;

  /** `onRoom` is called when the client reads again. */
  constructor(webSocket: WebSocket, onRoom: () => void) {
    this.#webSocket = webSocket;
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
    const bytes = Buffer.from(text);
    this.#sent += bytes.length;
    this.#send(bytes);
  }

  /** A frame that does not count. */
  control(text: string): void {
    this.#send(Buffer.from(text));
  }

  #send(bytes: Buffer): void {
    const webSocket = this.#webSocket;
    if (webSocket.readyState !== webSocket.OPEN) return;
    if (webSocket.bufferedAmount > overflowSize) {
      webSocket.terminate();
      return;
    }
    webSocket.send(bytes, {binary: false}, this.#onSent);
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
