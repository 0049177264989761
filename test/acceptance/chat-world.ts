import {execFile} from 'node:child_process';
import {createHash} from 'node:crypto';
import {rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {promisify} from 'node:util';
import pg from 'pg';
import {startWadi, type WadiServer} from '../support/wadi-server.ts';

const run = promisify(execFile);

/** Transactions that load all messages. */
const LOADS = 12;

/** One row of messages.csv. */
export interface Message {
  readonly id: number;
  readonly user: string;
  readonly conversation: string;
  readonly role: string;
  readonly content: string;
  readonly tokens: number;
  readonly createdAt: string;
}

/** Rows of a CSV text with a header, RFC 4180. */
export function parseMessages(text: string): readonly Message[] {
  const rows: string[][] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^,\r\n]*))(,|\r?\n|$)/gy;
  let row: string[] = [];
  for (let match = field.exec(text); match !== null; match = field.exec(text)) {
    if (field.lastIndex === match.index) break;
    row.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    if (match[3] === ',') continue;
    rows.push(row);
    row = [];
  }
  return rows.slice(1).map(([id, user, conversation, role, content, tokens, createdAt]) => ({
    ...{id: Number(id), user: user!, conversation: conversation!, role: role!},
    ...{content: content!, tokens: Number(tokens), createdAt: createdAt!},
  }));
}

/** What `md5(string_agg(md5(content), '' ORDER BY id))` must give. */
export function contentsHash(messages: readonly Message[]): string {
  const hash = createHash('md5');
  const ordered = messages.toSorted((a, b) => a.id - b.id);
  for (const {content} of ordered) hash.update(createHash('md5').update(content).digest('hex'));
  return hash.digest('hex');
}

/** A small repeatable generator (mulberry32): a number below `below`. */
export function randomOf(start: number): (below: number) => number {
  let state = start;
  return below => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return Math.floor((((value ^ (value >>> 14)) >>> 0) / 4294967296) * below);
  };
}

/** The password of a role: each has its own. */
export function passwordOf(user: string): string {
  return `pw of ${user}`;
}

const SCHEMA = `
CREATE NAMESPACE chat;
CREATE ROLE people;
GRANT USAGE ON SCHEMA chat TO people;
CREATE TABLE chat.models (id int PRIMARY KEY, name text NOT NULL UNIQUE, price numeric(10,4) NOT NULL);
INSERT INTO chat.models VALUES (1, 'small', 0.0012), (2, 'large', 0.0345);
CREATE USER TABLE chat.conversations (
  id uuid PRIMARY KEY, model_id int NOT NULL REFERENCES chat.models, title text NOT NULL, started_at timestamptz NOT NULL);
CREATE USER TABLE chat.messages (
  id bigint PRIMARY KEY, conversation_id uuid NOT NULL REFERENCES chat.conversations ON DELETE CASCADE,
  role text NOT NULL CHECK (role IN ('user', 'assistant', 'system')), content text NOT NULL, tokens integer,
  created_at timestamptz NOT NULL DEFAULT now()) WITH (cluster_by = 'created_at');
CREATE INDEX ON chat.messages USING bloom (conversation_id) WITH (fpp = 0.01);
CREATE STREAM TABLE chat.typing (
  id bigint PRIMARY KEY DEFAULT snowflake_id(), conversation_id uuid NOT NULL, note text NOT NULL) TTL 3600;
GRANT SELECT, INSERT, UPDATE, DELETE ON chat.conversations, chat.messages, chat.typing TO people;
GRANT SELECT ON chat.models TO people;
CREATE SEQUENCE chat.answered MINVALUE 0;
CREATE ROLE agent LOGIN PASSWORD '${passwordOf('agent')}' IN ROLE wadi_service, people;
GRANT USAGE, SELECT, UPDATE ON SEQUENCE chat.answered TO agent;
`;

/** A server process with the tables of a chat, a SCRAM role for each user, and clients of every kind. */
export class World {
  readonly folder: string;
  readonly users: readonly string[];
  server: WadiServer;

  private constructor(folder: string, users: readonly string[], server: WadiServer) {
    this.folder = folder;
    this.users = users;
    this.server = server;
  }

  /** Starts it; everybody needs his password from the second start on. */
  static async open(folder: string, users: readonly string[]): Promise<World> {
    const dataDir = join(folder, 'data');
    const world = new World(folder, users, await startWadi({dataDir}));
    await world.psql('postgres', `ALTER ROLE postgres PASSWORD '${passwordOf('postgres')}'`);
    await world.server.stop();
    await world.start();
    await world.psql('postgres', SCHEMA);
    const roles = users.map(
      user => `CREATE ROLE ${user} LOGIN PASSWORD '${passwordOf(user)}' IN ROLE people;`,
    );
    await world.psql('postgres', `BEGIN;\n${roles.join('\n')}\nCOMMIT;`);
    return world;
  }

  async start(): Promise<void> {
    this.server = await startWadi({dataDir: join(this.folder, 'data'), args: ['--auth', 'scram']});
  }

  /** kill -9 and a new start on the same data. */
  async crash(between: () => Promise<void>): Promise<void> {
    await this.server.kill('SIGKILL');
    await between();
    await this.start();
  }

  /** A connection of the `pg` driver; it may die with the server. */
  async connect(user: string): Promise<pg.Client> {
    const {host, port} = this.server;
    const client = new pg.Client({
      ...{host, port, user, password: passwordOf(user), database: 'postgres'},
    });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  /** Runs SQL through psql as a role: what it prints, unaligned and without headers. */
  async psql(user: string, sql: string, flags: readonly string[] = ['-Atq']): Promise<string> {
    const {stdout} = await this.#psql(user, sql, ['-v', 'ON_ERROR_STOP=1', ...flags]);
    return stdout.trim();
  }

  /** The same without stopping at errors: all that it prints, errors too. */
  async psqlAll(user: string, sql: string): Promise<string> {
    const {stdout, stderr} = await this.#psql(user, sql, ['-v', 'VERBOSITY=verbose']);
    return `${stdout}\n${stderr}`;
  }

  async #psql(
    user: string,
    sql: string,
    flags: readonly string[],
  ): Promise<{stdout: string; stderr: string}> {
    const file = join(this.folder, `${user}.sql`);
    writeFileSync(file, sql);
    const {host, port} = this.server;
    const at = ['-h', host, '-p', String(port), '-U', user, '-d', 'postgres', '-X', '-f', file];
    try {
      return await run('psql', [...at, ...flags], {
        maxBuffer: 1 << 28,
        env: {...process.env, PGTZ: 'UTC', PGPASSWORD: passwordOf(user)},
      });
    } finally {
      rmSync(file);
    }
  }

  /** All messages from a CSV file, by psql's \copy, with their conversations. */
  async load(csvPath: string): Promise<void> {
    // In transactions that keep their rows in memory: they stay hot.
    const parts = Array.from(
      {length: LOADS},
      (
        _,
        part,
      ) => `INSERT INTO chat.messages (_user_id, id, conversation_id, role, content, tokens, created_at)
  SELECT user_id, id, conversation_id, role, content, tokens, created_at FROM raw WHERE id % ${LOADS} = ${part};`,
    );
    await this.psql(
      'agent',
      `CREATE TEMP TABLE raw (id bigint, user_id text, conversation_id uuid, role text, content text, tokens int, created_at timestamptz);
\\copy raw FROM '${csvPath}' WITH (FORMAT csv, HEADER)
INSERT INTO chat.conversations (_user_id, id, model_id, title, started_at)
  SELECT user_id, conversation_id, 1 + (count(*) % 2)::int, left(min(content), 40), min(created_at)
  FROM raw GROUP BY user_id, conversation_id;
${parts.join('\n')}`,
    );
  }
}
