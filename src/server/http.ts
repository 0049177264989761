import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http';
import type {AddressInfo} from 'node:net';

/** How the HTTP listener runs. */
export interface HttpOptions {
  readonly listen: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** Whether PostgreSQL connections are taken. */
  readonly isReady: () => boolean;
}

const maxHeaderSize = 16 * 1024;
const headersTimeoutMs = 10_000;
const requestTimeoutMs = 30_000;
const maxRequestsPerSocket = 10_000;

/** The HTTP listener: whether the process lives, and whether it takes connections. */
export class HttpServer {
  readonly #options: HttpOptions;
  readonly #server: Server;

  constructor(options: HttpOptions) {
    this.#options = options;
    this.#server = createServer(
      {maxHeaderSize, headersTimeout: headersTimeoutMs, requestTimeout: requestTimeoutMs},
      (request, response) => this.#answer(request, response),
    );
    this.#server.maxRequestsPerSocket = maxRequestsPerSocket;
    this.#server.maxHeadersCount = 100;
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      const isTooLarge = error.code === 'HPE_HEADER_OVERFLOW';
      const status = isTooLarge ? '431 Request Header Fields Too Large' : '400 Bad Request';
      if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
      else socket.destroy();
    });
  }

  /** The port that clients connect to; valid after `listen`. */
  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? 0;
  }

  /** Starts to take connections; rejects when the port cannot be had. */
  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({host: this.#options.listen, port: this.#options.port}, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }

  /** Ends all connections. */
  close(): Promise<void> {
    return new Promise(resolve => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Cache-Control', 'no-store');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      respond(response, 405, {error: 'method not allowed'});
      return;
    }
    const [path] = (request.url ?? '/').split('?', 1);
    if (path === '/health') respond(response, 200, {status: 'ok'});
    else if (path !== '/ready') respond(response, 404, {error: 'not found'});
    else if (this.#options.isReady()) respond(response, 200, {status: 'ready'});
    else respond(response, 503, {status: 'not ready'});
  }
}

function respond(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(text);
}
