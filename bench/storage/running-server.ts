import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {temporaryFolder} from '../../test/support/temporary-folder.ts';
import type {WadiServer} from '../../test/support/wadi-server.ts';
import {filesBelow, megabytes} from '../support/folder-size.ts';
import {connect, run, startDelivered} from '../support/servers.ts';

/** A server whose data directory outlives its process. */
export class RunningServer {
  readonly #folder = temporaryFolder('bench-data');
  readonly #env: Readonly<Record<string, string>>;
  #server!: WadiServer;

  private constructor(env: Readonly<Record<string, string>>) {
    this.#env = env;
  }

  static async start(env: Readonly<Record<string, string>> = {}): Promise<RunningServer> {
    const server = new RunningServer(env);
    await server.startAgain();
    return server;
  }

  get port(): number {
    return this.#server.port;
  }

  get dataDir(): string {
    return this.#folder.path;
  }

  /** After `end`. */
  async startAgain(): Promise<void> {
    this.#server = await startDelivered(this.#env, {dataDir: this.#folder.path});
  }

  /** Ends the process; the data stays. */
  end(): Promise<void> {
    return this.#server.stop();
  }

  /** Runs statements one by one. */
  run(statements: readonly string[]): Promise<void> {
    return run({name: 'wadi', port: this.port}, statements);
  }

  /** Ends the process and removes the data. */
  async stop(): Promise<void> {
    await this.end();
    this.#folder.remove();
  }
}

/** Ends the server and starts it again: until it is ready, and until it has answered a query. */
export async function restart(
  server: RunningServer,
  query: string,
): Promise<Readonly<Record<string, number>>> {
  await server.end();
  const begun = performance.now();
  await server.startAgain();
  const ready = performance.now() - begun;
  const client = await connect({name: 'wadi', port: server.port});
  const asked = performance.now();
  await client.query(query);
  const first = performance.now() - asked;
  await client.end();
  return {'ready ms': ready, 'query ms': first};
}

/** Backs up into another file system where there is one (memory), so that no file is merely linked. */
export async function backUp(server: RunningServer): Promise<Readonly<Record<string, number>>> {
  const shared = '/dev/shm';
  const before = process.env['TMPDIR'];
  if (existsSync(shared)) process.env['TMPDIR'] = shared;
  const folder = temporaryFolder('backup');
  if (before === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = before;
  const path = join(folder.path, 'backup');
  const begun = performance.now();
  await server.run([`BACKUP DATABASE TO '${path}'`]);
  const ms = performance.now() - begun;
  const size = megabytes(filesBelow(path, ''));
  folder.remove();
  return {MB: size, 'took ms': ms, 'MB/s': (size * 1000) / ms};
}
