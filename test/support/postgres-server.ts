import {spawn, spawnSync} from 'node:child_process';
import {chmodSync, chownSync, existsSync} from 'node:fs';
import {join} from 'node:path';
import {temporaryFolder} from './temporary-folder.ts';

/** A real PostgreSQL 15 of a test, reached by a Unix socket in `host`. */
export interface PostgresServer {
  readonly host: string;
  readonly port: number;
  /** As `SHOW server_version` says it, without what a distribution adds: 15.18. */
  readonly version: string;
  stop(): Promise<void>;
}

const binFolders = ['/usr/lib/postgresql/15/bin', '/usr/local/opt/postgresql@15/bin', '/usr/bin'];
const settings = ['timezone=UTC', 'log_min_messages=fatal'];
const fastSettings = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off'];

/** How to start it; by default reached by its socket only, and losing everything with the machine's power. */
export interface PostgresOptions {
  /** Also listen on this port of 127.0.0.1. */
  readonly tcpPort?: number;
  /** Keep what is committed, as PostgreSQL does unless told otherwise. */
  readonly isDurable?: boolean;
  readonly maxConnections?: number;
}

/** The folder of initdb and postgres of version 15, or null where it is not installed. */
export function findPostgres(): string | null {
  return binFolders.find(folder => existsSync(join(folder, 'initdb'))) ?? null;
}

/** Makes a new cluster and starts it; as root it runs as the user `postgres` (PostgreSQL refuses root). */
export async function startPostgres(given: PostgresOptions = {}): Promise<PostgresServer> {
  const bin = findPostgres();
  if (bin === null) throw new Error('PostgreSQL 15 (initdb) is not installed');
  const folder = temporaryFolder('postgres');
  const owner = process.getuid?.() === 0 ? postgresUser() : null;
  if (owner !== null) {
    chmodSync(folder.path, 0o700);
    chownSync(folder.path, owner.uid, owner.gid);
  }
  const options = {...owner, cwd: folder.path};
  const data = join(folder.path, 'data');
  const initdb = spawnSync(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'],
    options,
  );
  if (initdb.status !== 0) throw new Error(`initdb: ${initdb.stderr.toString()}`);
  const {tcpPort, isDurable, maxConnections = 100} = given;
  const port = tcpPort ?? 5432;
  const all = [
    ...settings,
    `max_connections=${maxConnections}`,
    ...(isDurable === true ? [] : fastSettings),
    ...(tcpPort === undefined
      ? ['listen_addresses=']
      : ['listen_addresses=127.0.0.1', `port=${port}`]),
  ];
  const args = ['-D', data, '-k', folder.path, ...all.flatMap(setting => ['-c', setting])];
  const child = spawn(join(bin, 'postgres'), args, {
    ...options,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const ended = new Promise<void>(resolve => child.once('close', () => resolve()));
  // Also when the test dies: nothing is left running, nothing is left behind.
  const abandon = (): void => {
    spawnSync(join(bin, 'pg_ctl'), ['-D', data, '-m', 'immediate', '-w', 'stop'], options);
    folder.remove();
  };
  process.once('exit', abandon);
  await untilReady(
    bin,
    {host: folder.path, port},
    () => child.exitCode !== null,
    () => log,
  );
  const version = /(\d+\.\d+)/.exec(spawnSync(join(bin, 'postgres'), ['-V']).stdout.toString());
  return {
    host: folder.path,
    port,
    version: version?.[1] ?? '15',
    stop: async () => {
      process.off('exit', abandon);
      child.kill('SIGINT');
      await ended;
      folder.remove();
    },
  };
}

function postgresUser(): {uid: number; gid: number} {
  const id = (flag: string): number =>
    Number(spawnSync('id', [flag, 'postgres']).stdout.toString());
  const user = {uid: id('-u'), gid: id('-g')};
  if (!(user.uid > 0))
    throw new Error('running as root, and there is no user postgres to run PostgreSQL');
  return user;
}

async function untilReady(
  bin: string,
  {host, port}: {readonly host: string; readonly port: number},
  hasEnded: () => boolean,
  log: () => string,
): Promise<void> {
  for (let i = 0; i < 300; i += 1) {
    if (hasEnded()) throw new Error(`postgres did not start: ${log()}`);
    const ready = spawnSync(join(bin, 'pg_isready'), ['-q', '-h', host, '-p', String(port)]);
    if (ready.status === 0) return;
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  throw new Error(`postgres is not ready: ${log()}`);
}
