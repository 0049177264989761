import type {IncomingMessage} from 'node:http';
import {Duplex} from 'node:stream';
import type {WebSocket} from 'ws';
import type {ClientSocket} from '../client-socket.ts';

const readAhead = 64 * 1024;
const unsupportedData = 1003;

/** The bytes inside of a WebSocket's binary frames as a stream, with back-pressure both ways. */
export class RawSocket extends Duplex implements ClientSocket {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly sendsPasswordUnasked = true;
  readonly #webSocket: WebSocket;

  /** Behind a proxy the address of the connection is the proxy's: it is not told, so that nobody is trusted for it. */
  constructor(webSocket: WebSocket, request: IncomingMessage, isProxied: boolean) {
    super({
      readableHighWaterMark: readAhead,
      writableHighWaterMark: readAhead,
      allowHalfOpen: true,
    });
    this.#webSocket = webSocket;
    this.remoteAddress = isProxied ? '' : (request.socket.remoteAddress ?? '');
    this.remotePort = request.socket.remotePort ?? 0;
    webSocket.on('message', (data, isBinary) => {
      if (!isBinary) {
        webSocket.close(unsupportedData, 'binary frames only');
        return;
      }
      // A closing frame behind it must still be read.
      if (this.destroyed || this.readableEnded) return;
      if (!this.push(data as Buffer) && !this.destroyed) webSocket.pause();
    });
    webSocket.on('close', () => {
      if (this.readableEnded || this.destroyed) return;
      this.push(null);
      this.destroy();
    });
    webSocket.on('error', () => this.destroy());
  }

  override _read(): void {
    if (this.#webSocket.isPaused) this.#webSocket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) {
      done();
      return;
    }
    // The buffer of the connection is used again once it is written: `done` comes when the socket has it.
    this.#webSocket.send(chunk, {binary: true}, error => done(error ?? undefined));
  }

  override _final(done: () => void): void {
    this.#webSocket.close();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const webSocket = this.#webSocket;
    if (webSocket.readyState === webSocket.OPEN) webSocket.terminate();
    else if (webSocket.isPaused) webSocket.resume();
    done(error);
  }

  /** Ends when what is written has left. */
  destroySoon(): void {
    if (this.writableFinished) this.destroy();
    else if (!this.writableEnded) this.end();
  }

  /** Calls back once after so long. */
  setTimeout(ms: number, callback: () => void): void {
    const timer = setTimeout(callback, ms).unref();
    this.once('close', () => clearTimeout(timer));
  }
}
