import type {IncomingMessage} from 'node:http';
import type {Duplex} from 'node:stream';
import {WebSocketServer, type WebSocket} from 'ws';
import type {Access} from './access.ts';
import {badRequest, tooBusy} from './http-error.ts';
import type {HttpEngine, HttpOptions} from './http-options.ts';
import {LiveSocket} from './live-socket.ts';
import {RawSocket} from './raw-socket.ts';

/** The subprotocol of `/ws`, with its version. */
export const LIVE_PROTOCOL = 'wadi.v1';

const maxPayload = 1024 * 1024;
/** A message of the PostgreSQL protocol may lie in several frames; one frame is at most this long. */
const maxRawPayload = 16 * 1024 * 1024;
const goingAway = 1001;

/** All WebSockets of the server: makes them, asks now and then whether they live, and ends them at shutdown. */
export class WebSockets {
  readonly #options: HttpOptions;
  readonly #engine: HttpEngine;
  readonly #access: Access;
  readonly #live = new Set<LiveSocket>();
  readonly #raw = new Set<WebSocket>();
  readonly #ending = new Set<Promise<void>>();
  readonly #silent = new WeakSet<WebSocket>();
  readonly #liveServer: WebSocketServer;
  readonly #rawServer: WebSocketServer;
  readonly #timer: NodeJS.Timeout;

  constructor(options: HttpOptions, engine: HttpEngine, access: Access) {
    this.#options = options;
    this.#engine = engine;
    this.#access = access;
    const common = {noServer: true, clientTracking: false, perMessageDeflate: false} as const;
    this.#liveServer = new WebSocketServer({
      ...{...common, maxPayload},
      handleProtocols: () => LIVE_PROTOCOL,
    });
    this.#rawServer = new WebSocketServer({...common, maxPayload: maxRawPayload});
    this.#timer = setInterval(() => this.#ping(), options.settings.pingIntervalMs).unref();
  }

  /** Open live WebSockets. */
  get size(): number {
    return this.#live.size;
  }

  /** Live queries of all of them. */
  get subscriptions(): number {
    let count = 0;
    for (const socket of this.#live) count += socket.subscriptionCount;
    return count;
  }

  /** Takes a WebSocket that speaks the live protocol; throws HttpError for one that does not. */
  openLive(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',');
    if (!offered.some(each => each.trim() === LIVE_PROTOCOL))
      throw badRequest(`the subprotocol is ${LIVE_PROTOCOL}`);
    this.#requireRoom();
    this.#liveServer.handleUpgrade(request, socket, head, webSocket => {
      this.#watch(webSocket);
      const live = new LiveSocket(webSocket, request, socket, {
        ...{options: this.#options, engine: this.#engine, access: this.#access},
        onEnd: ended => this.#ended(live, ended),
      });
      this.#live.add(live);
    });
  }

  #ended(live: LiveSocket, ended: Promise<void>): void {
    this.#live.delete(live);
    const done = ended.finally(() => this.#ending.delete(done));
    this.#ending.add(done);
  }

  /** Takes a WebSocket that carries the PostgreSQL protocol. */
  openRaw(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#requireRoom();
    this.#rawServer.handleUpgrade(request, socket, head, webSocket => {
      this.#watch(webSocket);
      this.#raw.add(webSocket);
      webSocket.on('close', () => this.#raw.delete(webSocket));
      const isTls = 'encrypted' in request.socket;
      const isProxied = this.#options.settings.isBehindProxy;
      this.#engine.processes.adopt(
        new RawSocket(webSocket, request, isProxied),
        isTls || isProxied,
      );
    });
  }

  #requireRoom(): void {
    if (this.#live.size + this.#raw.size >= this.#options.settings.maxWebSockets)
      throw tooBusy('too many WebSockets');
  }

  #watch(webSocket: WebSocket): void {
    webSocket.on('pong', () => this.#silent.delete(webSocket));
    webSocket.on('error', error => {
      this.#engine.logger.debug({err: error}, 'WebSocket failed');
    });
  }

  #ping(): void {
    for (const each of this.#live) this.#pingOne(each.webSocket);
    for (const each of this.#raw) this.#pingOne(each);
  }

  /** Who has not answered the ping before is gone. */
  #pingOne(webSocket: WebSocket): void {
    if (this.#silent.has(webSocket)) {
      webSocket.terminate();
      return;
    }
    this.#silent.add(webSocket);
    webSocket.ping();
  }

  /** Tells all that the server goes, and resolves when their sessions have ended. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const each of [...this.#live]) each.end('shutdown', goingAway);
    for (const each of [...this.#raw]) each.close(goingAway);
    await Promise.all(this.#ending);
  }
}
