import type {IncomingMessage, ServerResponse} from 'node:http';
import type {Duplex} from 'node:stream';
import {internalError, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {isLoopback} from '../auth/role-login.ts';
import {Access, addressOf, claimOf, isAllowedOrigin, isLoopbackHost} from './access.ts';
import {errorObject} from './answer-sink.ts';
import {login, refresh} from './auth-route.ts';
import {badRequest, HttpError, statusOf} from './http-error.ts';
import type {HttpEngine, HttpOptions} from './http-options.ts';
import type {Figure, Metrics} from './metrics.ts';
import {seal} from './seal-route.ts';
import {SqlRoute} from './sql-route.ts';
import type {WebSockets} from './web-sockets.ts';

interface Route {
  readonly method: 'GET' | 'POST';
  answer(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

const preflightSeconds = 600;
/** How much of a refused body is read, and for how long. */
const discardBytes = 16 * 1024 * 1024;
const discardMs = 5000;

/** What answers a path: statements, logins, metrics, WebSockets. Errors become answers here, and nowhere else. */
export class Routes {
  readonly #options: HttpOptions;
  readonly #engine: HttpEngine;
  readonly #access: Access;
  readonly #sql: SqlRoute;
  readonly #table: ReadonlyMap<string, Route>;
  readonly #counts = new Map<string, number>();
  #metrics: Metrics | null = null;
  #webSockets: Promise<WebSockets> | null = null;
  #openWebSockets: WebSockets | null = null;
  #isClosing = false;

  constructor(options: HttpOptions, engine: HttpEngine) {
    this.#options = options;
    this.#engine = engine;
    this.#access = new Access(options, engine);
    this.#sql = new SqlRoute(options, engine, this.#access);
    this.#table = new Map<string, Route>([
      ['/sql', {method: 'POST', answer: (...pair) => this.#sql.handle(...pair)}],
      [
        '/auth',
        {
          method: 'POST',
          answer: async (request, response) =>
            respond(response, 200, await login(request, this.#access, engine)),
        },
      ],
      [
        '/auth/refresh',
        {
          method: 'POST',
          answer: async (request, response) =>
            respond(response, 200, await refresh(request, this.#access, engine)),
        },
      ],
      [
        '/seal',
        {
          method: 'POST',
          answer: async (request, response) =>
            respond(response, 200, await seal(request, this.#access, engine)),
        },
      ],
      ['/metrics', {method: 'GET', answer: (...pair) => this.#answerMetrics(...pair)}],
    ]);
  }

  /** Answers a request. Never rejects. */
  async answer(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('close', () => this.#count(this.#table.has(path) ? path : 'other', response));
    try {
      await this.#route(path, request, response);
    } catch (error) {
      if (!request.complete) await discardBody(request);
      this.#fail(error, request, response);
    }
  }

  async #route(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.#isClosing) throw shuttingDown();
    const route = this.#table.get(path);
    if (path === '/ws' || path === '/v2')
      throw new HttpError(426, new PgError(SqlState.protocolViolation, 'this is a WebSocket'), {
        Upgrade: 'websocket',
      });
    if (route === undefined) throw badRequest('not found', 404);
    this.#requireOrigin(request, response);
    if (request.method === 'OPTIONS') {
      answerPreflight(route, response);
      return;
    }
    if (request.method !== route.method)
      throw new HttpError(405, badRequest('method not allowed').error, {Allow: route.method});
    await route.answer(request, response);
  }

  #requireOrigin(request: IncomingMessage, response: ServerResponse): void {
    response.setHeader('Vary', 'Origin');
    if (!isAllowedOrigin(request, this.#options.settings.origins))
      throw new HttpError(
        403,
        new PgError(SqlState.insufficientPrivilege, 'this origin may not call'),
      );
    const {origin} = request.headers;
    if (origin !== undefined) response.setHeader('Access-Control-Allow-Origin', origin);
  }

  #fail(thrown: unknown, request: IncomingMessage, response: ServerResponse): void {
    const problem = asHttpError(thrown);
    if (problem.status === 500)
      this.#engine.logger.error({err: thrown}, 'internal error of a request');
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    // A body that was not read ends the connection, so that its rest is no request.
    if (!request.complete) response.setHeader('Connection', 'close');
    for (const [name, value] of Object.entries(problem.headers)) response.setHeader(name, value);
    respond(response, problem.status, {error: errorObject(problem.error)});
  }

  #count(path: string, response: ServerResponse): void {
    const key = `${path} ${response.statusCode}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  async #answerMetrics(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const isLocal =
      isLoopback(addressOf(request)) &&
      isLoopbackHost(request.headers.host) &&
      !this.#options.settings.isBehindProxy;
    if (!isLocal) {
      const {role} = await this.#access.identify(claimOf(request), request);
      if (!role.isSuperuser)
        throw new PgError(SqlState.insufficientPrivilege, 'permission denied for metrics');
    }
    if (this.#metrics === null) {
      const {Metrics} = await import('./metrics.ts');
      this.#metrics ??= new Metrics(this.#figures());
    }
    const text = await this.#metrics.text();
    response.writeHead(200, {'Content-Type': this.#metrics.contentType});
    response.end(text);
  }

  #figures(): readonly Figure[] {
    const {processes, credentials} = this.#engine;
    const gauge = (name: string, help: string, value: () => number): Figure => ({
      ...{kind: 'gauge', name, help, labelNames: []},
      values: () => [{labels: {}, value: value()}],
    });
    return [
      gauge('wadi_sessions', 'Clients of the PostgreSQL protocol', () => processes.sessionCount),
      gauge('wadi_http_statements', 'Requests of POST /sql that run', () => this.#sql.running),
      gauge('wadi_websockets', 'Open live WebSockets', () => this.#openWebSockets?.size ?? 0),
      gauge(
        'wadi_subscriptions',
        'Live queries over WebSocket',
        () => this.#openWebSockets?.subscriptions ?? 0,
      ),
      {
        ...{kind: 'counter', name: 'wadi_logins_total', labelNames: ['result']},
        help: 'Checked passwords, by result',
        values: () => [
          {labels: {result: 'ok'}, value: credentials.succeeded},
          {labels: {result: 'failed'}, value: credentials.failed},
        ],
      },
      {
        ...{kind: 'counter', name: 'wadi_http_requests_total', labelNames: ['path', 'status']},
        help: 'Answered requests',
        values: () =>
          [...this.#counts].map(([key, value]) => {
            const [path = '', status = ''] = key.split(' ');
            return {labels: {path, status}, value};
          }),
      },
    ];
  }

  /** Makes a WebSocket of a connection, or refuses it. Never rejects. */
  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    try {
      if (this.#isClosing) throw shuttingDown();
      if (!isAllowedOrigin(request, this.#options.settings.origins))
        throw badRequest('this origin may not call', 403);
      const [path] = (request.url ?? '/').split('?', 1);
      if (path !== '/ws' && path !== '/v2') throw badRequest('not found', 404);
      const webSockets = await this.#loadWebSockets();
      if (path === '/ws') webSockets.openLive(request, socket, head);
      else webSockets.openRaw(request, socket, head);
    } catch (error) {
      const {status, error: reason} = asHttpError(error);
      if (!socket.writable) socket.destroy();
      else
        socket.end(
          `HTTP/1.1 ${status} ${reason.message}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
        );
    }
  }

  #loadWebSockets(): Promise<WebSockets> {
    this.#webSockets ??= import('./web-sockets.ts').then(({WebSockets}) => {
      this.#openWebSockets = new WebSockets(this.#options, this.#engine, this.#access);
      return this.#openWebSockets;
    });
    return this.#webSockets;
  }

  /** Ends statements and WebSockets; resolves when their sessions have ended. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await Promise.all([this.#sql.close(), (await this.#webSockets)?.close()]);
  }
}

/** Reads what a client still sends, within limits, so that it hears the answer; then the connection ends. */
function discardBody(request: IncomingMessage): Promise<void> {
  if (request.destroyed) return Promise.resolve();
  return new Promise(resolve => {
    let size = 0;
    const timer = setTimeout(resolve, discardMs).unref();
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > discardBytes) done();
    });
    request.on('end', done);
    request.on('close', done);
    request.resume();
  });
}

function shuttingDown(): HttpError {
  const error = new PgError(SqlState.cannotConnectNow, 'the database system is shutting down');
  return new HttpError(503, error, {'Retry-After': '1'});
}

function asHttpError(thrown: unknown): HttpError {
  if (thrown instanceof HttpError) return thrown;
  if (thrown instanceof PgError) return new HttpError(statusOf(thrown), thrown);
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return new HttpError(500, internalError(text, thrown));
}

function answerPreflight(route: Route, response: ServerResponse): void {
  response.writeHead(204, {
    'Access-Control-Allow-Methods': route.method,
    'Access-Control-Allow-Headers': 'Authorization, Content-Type, Accept',
    'Access-Control-Max-Age': preflightSeconds,
  });
  response.end();
}

function respond(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(text);
}
