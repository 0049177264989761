import type {IncomingMessage, ServerResponse} from 'node:http';
import {internalError, PgError} from '../../common/errors.ts';
import type {Session} from '../../session/contract.ts';
import {type Access, claimOf} from './access.ts';
import type {AnswerSink} from './answer-sink.ts';
import {HeldOutput} from './held-output.ts';
import {badRequest, HttpError, statusOf, tooBusy} from './http-error.ts';
import type {HttpEngine, HttpOptions} from './http-options.ts';
import {HttpSession} from './http-session.ts';
import {JsonSink} from './json-sink.ts';
import {listMember, readJson, requireKnown, textMember} from './request-body.ts';
import {runStatements} from './run-statements.ts';

const arrowType = 'application/vnd.apache.arrow.stream';
const jsonType = 'application/json';

/** A sink that ends a body. */
type BodySink = AnswerSink & {end(error: PgError | null): boolean};

interface SqlRequest {
  readonly sql: string;
  readonly params: readonly unknown[] | null;
  readonly database: string;
}

/** POST /sql: one request is one session and, unless it says BEGIN itself, one transaction. */
export class SqlRoute {
  readonly #options: HttpOptions;
  readonly #engine: HttpEngine;
  readonly #access: Access;
  readonly #sessions = new Set<Session>();
  readonly #running = new Set<Promise<void>>();

  constructor(options: HttpOptions, engine: HttpEngine, access: Access) {
    this.#options = options;
    this.#engine = engine;
    this.#access = access;
  }

  /** Statements that run. */
  get running(): number {
    return this.#running.size;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const identity = await this.#access.identify(claimOf(request), request);
    const body = await readJson(request, this.#options.settings.maxBodyBytes);
    const asked = sqlRequest(body);
    if (this.#running.size >= this.#options.settings.maxRequests)
      throw tooBusy('too many requests at once');
    const isArrow = wantsArrow(request);
    const output = new HeldOutput(
      {
        write: chunk => {
          if (!response.headersSent)
            response.writeHead(200, {'Content-Type': isArrow ? arrowType : jsonType});
          response.write(chunk);
        },
        get isFull() {
          return response.writableNeedDrain;
        },
        stalled: () => response.destroy(),
      },
      (seq, callback) => {
        this.#engine.database.onDurable(seq, callback);
        this.#engine.database.hurry?.();
      },
    );
    const sink: BodySink = isArrow ? await arrowSink(output) : new JsonSink(output);
    const opened = new HttpSession(this.#engine, identity, asked.database, request, sink);
    const work = this.#run(opened, asked, sink, output, response);
    const done = settled(work, opened);
    this.#running.add(done);
    this.#sessions.add(opened.session);
    try {
      await work;
    } finally {
      await done;
      this.#running.delete(done);
      this.#sessions.delete(opened.session);
    }
  }

  async #run(
    {session}: HttpSession,
    {sql, params}: SqlRequest,
    sink: BodySink,
    output: HeldOutput,
    response: ServerResponse,
  ): Promise<void> {
    if (response.destroyed) return;
    response.on('drain', () => output.wake());
    response.on('close', () => {
      output.close();
      if (!response.writableFinished) session.cancel();
    });
    let failure: PgError | null = null;
    try {
      await runStatements(session, sql, params);
    } catch (error) {
      failure = error instanceof PgError ? error : internalError(String(error), error);
    }
    failure = sink.fatalError ?? failure;
    if (failure !== null && !output.hasSent) {
      output.drop();
      await output.settled();
      throw new HttpError(statusOf(failure), failure);
    }
    const isWhole = sink.end(failure);
    await output.settled();
    if (!isWhole) response.destroy();
    else if (!response.destroyed) response.end();
  }

  /** Cancels what runs and resolves when it has ended. */
  async close(): Promise<void> {
    for (const session of this.#sessions) session.cancel();
    await Promise.all(this.#running);
  }
}

async function settled(work: Promise<void>, opened: HttpSession): Promise<void> {
  await work.catch(() => undefined);
  await opened.end();
}

function sqlRequest(body: Readonly<Record<string, unknown>>): SqlRequest {
  requireKnown(body, ['sql', 'params', 'database']);
  const sql = textMember(body, 'sql');
  if (sql === null) throw badRequest('"sql" is missing');
  if (sql.includes('\0')) throw badRequest('"sql" holds a zero byte');
  const database = textMember(body, 'database') ?? 'postgres';
  return {sql, params: listMember(body, 'params'), database};
}

/** JSON unless Arrow is asked for by name; 406 for neither. */
function wantsArrow(request: IncomingMessage): boolean {
  const accepted = (request.headers.accept ?? '*/*')
    .split(',')
    .map(each => each.split(';', 1)[0]!.trim().toLowerCase());
  if (accepted.includes(arrowType)) return true;
  if (accepted.some(each => [jsonType, 'application/*', '*/*', ''].includes(each))) return false;
  throw badRequest(`a result is ${jsonType} or ${arrowType}`, 406);
}

async function arrowSink(output: HeldOutput): Promise<BodySink> {
  const {ArrowSink} = await import('./arrow-sink.ts');
  return new ArrowSink(output);
}
