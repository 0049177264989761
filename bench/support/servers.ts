import {spawnSync} from 'node:child_process';
import {createServer} from 'node:net';
import {join} from 'node:path';
import pg from 'pg';
import {
  findPostgres,
  type PostgresServer,
  startPostgres,
} from '../../test/support/postgres-server.ts';
import {
  startWadi,
  type WadiServer,
  type WadiServerOptions,
} from '../../test/support/wadi-server.ts';

/** Something a client connects to by TCP on this machine. */
export interface Target {
  readonly name: 'postgres' | 'wadi';
  readonly port: number;
}

/** Both servers, with the same durability. */
export interface Pair {
  readonly postgres: Target;
  readonly wadi: Target;
  readonly wadiServer: WadiServer;
  stop(): Promise<void>;
}

/** Starts PostgreSQL 15 and Wadi as it is delivered (dist). */
export async function startPair(env: Readonly<Record<string, string>> = {}): Promise<Pair> {
  const postgres: PostgresServer = await startPostgres({
    tcpPort: await freePort(),
    isDurable: true,
  });
  const wadiServer = await startDelivered(env);
  return {
    postgres: {name: 'postgres', port: postgres.port},
    wadi: {name: 'wadi', port: wadiServer.port},
    wadiServer,
    stop: async () => {
      await wadiServer.stop();
      await postgres.stop();
    },
  };
}

/** Starts Wadi from dist, with the options that `npm start` gives. */
export function startDelivered(
  env: Readonly<Record<string, string>> = {},
  options: WadiServerOptions = {},
): Promise<WadiServer> {
  process.env['WADI_MAIN'] ??= 'dist/main.js';
  return startWadi({env, nodeFlags: ['--max-semi-space-size=8'], ...options});
}

/** A client of a target, connected. */
export async function connect(target: Target): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: target.port,
    user: 'postgres',
    database: 'postgres',
  });
  await client.connect();
  return client;
}

/** Runs statements one by one. */
export async function run(target: Target, statements: readonly string[]): Promise<void> {
  const client = await connect(target);
  for (const statement of statements) await client.query(statement);
  await client.end();
}

/** Runs pgbench and returns transactions per second. */
export function pgbench(target: Target, args: readonly string[]): number {
  const bin = join(findPostgres()!, 'pgbench');
  const done = spawnSync(
    bin,
    ['-n', '-h', '127.0.0.1', '-p', String(target.port), '-U', 'postgres', ...args, 'postgres'],
    {
      encoding: 'utf8',
    },
  );
  const tps = /^tps = ([\d.]+)/m.exec(done.stdout);
  if (tps === null || done.status !== 0)
    throw new Error(`pgbench on ${target.name}: ${done.stderr}`);
  return Number(tps[1]);
}

/** pgbench's tables at scale 1, made the same way on every server. */
export const PGBENCH_TABLES: readonly string[] = [
  'create table pgbench_branches(bid int not null primary key, bbalance int, filler char(88))',
  'create table pgbench_tellers(tid int not null primary key, bid int, tbalance int, filler char(84))',
  'create table pgbench_accounts(aid int not null primary key, bid int, abalance int, filler char(84))',
  'create table pgbench_history(tid int, bid int, aid int, delta int, mtime timestamp, filler char(22))',
  "insert into pgbench_branches values (1, 0, '')",
  "insert into pgbench_tellers select g, 1, 0, '' from generate_series(1, 10) g",
  "insert into pgbench_accounts select g, 1, 0, '' from generate_series(1, 100000) g",
];

/** A TCP port of this machine that nobody uses now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        resolve(typeof address === 'object' && address !== null ? address.port : 0),
      );
    });
  });
}
