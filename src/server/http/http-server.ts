import type {IncomingMessage, Server, ServerResponse} from 'node:http';
import type {AddressInfo} from 'node:net';
import type {Duplex} from 'node:stream';
import type {HttpOptions} from './http-options.ts';
import type {Routes} from './routes.ts';

const maxHeaderSize = 16 * 1024;
const headersTimeoutMs = 10_000;
const requestTimeoutMs = 30_000;
const maxRequestsPerSocket = 10_000;
/** How long running statements may take to end at shutdown. */
const closeLimitMs = 5000;

/** The HTTP listener. What is not asked for is not loaded: routes come with the first request that needs them. */
export class HttpServer {
  readonly #options: HttpOptions;
  #server: Server | null = null;
  #routes: Promise<Routes> | null = null;
  #isClosing = false;

  constructor(options: HttpOptions) {
    this.#options = options;
  }

  /** The port that clients connect to; valid after `listen`. */
  get port(): number {
    return (this.#server?.address() as AddressInfo | null)?.port ?? 0;
  }

  /** Starts to take connections; rejects when the port cannot be had. */
  async listen(): Promise<void> {
    const server = await this.#create();
    this.#server = server;
    server.maxRequestsPerSocket = maxRequestsPerSocket;
    server.maxHeadersCount = 100;
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      const isTooLarge = error.code === 'HPE_HEADER_OVERFLOW';
      const status = isTooLarge ? '431 Request Header Fields Too Large' : '400 Bad Request';
      if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
      else socket.destroy();
    });
    server.on('upgrade', (request, socket, head) => void this.#upgrade(request, socket, head));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({host: this.#options.listen, port: this.#options.port}, () => {
        server.off('error', reject);
        resolve();
      });
    });
  }

  async #create(): Promise<Server> {
    const limits = {
      maxHeaderSize,
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
    };
    const {settings, tls} = this.#options;
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      void this.#answer(request, response);
    };
    if (!settings.usesTls || tls === null) {
      // Not by import: that reads each of the module's exports, and three of them load an HTTP client (12 MB).
      return process.getBuiltinModule('node:http').createServer(limits, answer);
    }
    const https = await import('node:https');
    return https.createServer({...limits, ...tls, minVersion: 'TLSv1.2'}, answer);
  }

  /** Ends all connections: statements are cancelled, WebSockets are told. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const server = this.#server;
    const closed = new Promise<void>(resolve => {
      if (server === null) resolve();
      else server.close(() => resolve());
    });
    const routes = await this.#routes;
    if (routes !== null) await within(routes.close(), closeLimitMs);
    server?.closeAllConnections();
    if (server?.listening === true) await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Cache-Control', 'no-store');
    const [path = '/'] = (request.url ?? '/').split('?', 1);
    if (path === '/health' || path === '/ready') {
      this.#answerProbe(path, request, response);
      return;
    }
    const routes = await this.#loadRoutes();
    if (routes === null) respondJson(response, 404, {error: 'not found'});
    else await routes.answer(path, request, response);
  }

  #answerProbe(path: string, request: IncomingMessage, response: ServerResponse): void {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      respondJson(response, 405, {error: 'method not allowed'});
    } else if (path === '/health') respondJson(response, 200, {status: 'ok'});
    else if (this.#options.isReady()) respondJson(response, 200, {status: 'ready'});
    else respondJson(response, 503, {status: 'not ready'});
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy());
    const routes = await this.#loadRoutes();
    if (routes === null || this.#isClosing) socket.destroy();
    else await routes.upgrade(request, socket, head);
  }

  async #loadRoutes(): Promise<Routes | null> {
    const {engine} = this.#options;
    if (engine === null) return null;
    this.#routes ??= import('./routes.ts').then(({Routes}) => new Routes(this.#options, engine));
    return this.#routes;
  }
}

/** A whole answer in JSON. */
export function respondJson(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(text);
}

function within(work: Promise<void>, ms: number): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, ms);
    void work.finally(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
