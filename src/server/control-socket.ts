import {chmodSync, mkdtempSync, readlinkSync, rmdirSync, rmSync, symlinkSync} from 'node:fs';
import {once} from 'node:events';
import {createServer, type Server, type Socket} from 'node:net';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {PgError} from '../common/errors.ts';
import type {EmbeddedSession} from '../session/embedded-session.ts';

const NAME = 'control.sock';
/** Addresses of such sockets are at most 103 to 107 bytes long. */
const LONGEST_PATH = 100;
const LONGEST_REQUEST = 64 * 1024;

/** What a command of the same machine and user asks of the server that holds a data directory. */
export type ControlRequest =
  | {readonly kind: 'backup'; readonly to: string}
  | {readonly kind: 'fsck'};

/** The one line that answers it. */
export type ControlAnswer =
  | {readonly kind: 'backup'; readonly seq: string; readonly segments: string}
  | {readonly kind: 'fsck'; readonly findings: readonly string[]}
  | {readonly kind: 'error'; readonly message: string};

/**
 * A socket in the data directory by which `wadi backup` and `wadi fsck` reach the running server. Who may open it owns the files, and so
 * is answered as superuser, without a password.
 */
export class ControlSocket {
  readonly #server: Server;
  readonly #path: string;
  readonly #session: () => EmbeddedSession;
  readonly #running = new Set<Promise<void>>();
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, path: string, session: () => EmbeddedSession) {
    this.#server = server;
    this.#path = path;
    this.#session = session;
    server.on('connection', socket => this.#accept(socket));
  }

  /** Null where the system has no such sockets. */
  static async open(
    dataDir: string,
    session: () => EmbeddedSession,
  ): Promise<ControlSocket | null> {
    if (process.platform === 'win32') return null;
    const path = join(dataDir, NAME);
    removeSocket(path);
    const isLong = Buffer.byteLength(path) > LONGEST_PATH;
    const address = isLong ? join(mkdtempSync(join(tmpdir(), 'wadi-')), NAME) : path;
    const server = createServer();
    server.unref();
    server.listen(address);
    await once(server, 'listening');
    chmodSync(address, 0o600);
    if (isLong) symlinkSync(address, path);
    return new ControlSocket(server, path, session);
  }

  /** Ends what runs. */
  async close(): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#running);
    await closed;
    removeSocket(this.#path);
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setEncoding('utf8');
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#sockets.delete(socket));
    let text = '';
    const onData = (chunk: string): void => {
      text += chunk;
      const end = text.indexOf('\n');
      if (end === -1) {
        if (text.length > LONGEST_REQUEST) socket.destroy();
        return;
      }
      socket.off('data', onData);
      socket.resume();
      const running = this.#answer(socket, text.slice(0, end));
      this.#running.add(running);
      void running.then(() => this.#running.delete(running));
    };
    socket.on('data', onData);
  }

  async #answer(socket: Socket, line: string): Promise<void> {
    const answer = await this.#run(socket, line).catch((error: unknown): ControlAnswer => {
      const hint = error instanceof PgError ? error.fields.hint : undefined;
      const message = error instanceof Error ? error.message : String(error);
      return {kind: 'error', message: hint === undefined ? message : `${message} (${hint})`};
    });
    if (!socket.destroyed) socket.end(`${JSON.stringify(answer)}\n`);
  }

  async #run(socket: Socket, line: string): Promise<ControlAnswer> {
    const request = parseRequest(line);
    const session = this.#session();
    // Whoever interrupts the command interrupts the work.
    const cancel = (): void => session.cancel();
    socket.once('close', cancel);
    try {
      await session.query('SET statement_timeout = 0');
      if (request.kind === 'fsck') {
        const {rows} = await session.query(
          'SELECT array_to_json(f)::text FROM (SELECT system.fsck() AS f OFFSET 0) AS found',
        );
        return {kind: 'fsck', findings: JSON.parse(String(rows[0]![0])) as readonly string[]};
      }
      const to = request.to.replaceAll("'", "''");
      const {rows} = await session.query(`BACKUP DATABASE TO '${to}'`);
      const [, , seq, segments] = rows[0]!;
      return {kind: 'backup', seq: String(seq), segments: String(segments)};
    } finally {
      socket.off('close', cancel);
      await session.close();
    }
  }
}

/** Where the server of a data directory listens for commands; null when there can be none. */
export function controlPath(dataDir: string): string | null {
  const path = join(dataDir, NAME);
  return linkOf(path) ?? (Buffer.byteLength(path) > LONGEST_PATH ? null : path);
}

/** A socket that a crash left, and the folder of one whose path was too long. */
function removeSocket(path: string): void {
  const link = linkOf(path);
  if (link !== null && link.endsWith(NAME)) {
    rmSync(link, {force: true});
    try {
      rmdirSync(dirname(link));
    } catch {
      // It holds something else, or is gone.
    }
  }
  rmSync(path, {force: true});
}

function linkOf(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

function parseRequest(line: string): ControlRequest {
  const request: unknown = JSON.parse(line);
  if (typeof request === 'object' && request !== null && 'kind' in request) {
    if (request.kind === 'fsck') return {kind: 'fsck'};
    if (request.kind === 'backup' && 'to' in request && typeof request.to === 'string')
      return {kind: 'backup', to: request.to};
  }
  throw new Error('the server does not know this command');
}
