import {readFileSync} from 'node:fs';
import type pg from 'pg';

/** A query that a real client sent. */
export interface CorpusQuery {
  readonly client: string;
  readonly protocol: 'simple' | 'extended';
  readonly text: string;
}

/** What came of a query. */
export interface CorpusOutcome {
  readonly query: CorpusQuery;
  /** SQLSTATE and message, or null when it ran. */
  readonly error: string | null;
  /** Rows in text form, of the last result. */
  readonly rows: readonly (readonly unknown[])[];
}

/** What the clients had before them, as far as their queries tell. */
export const corpusSchema = `
  CREATE SCHEMA app;
  CREATE TYPE app.mood AS ENUM ('sad', 'ok', 'happy');
  CREATE TYPE app.addr AS (street text, zip integer);
  CREATE TABLE parent (a integer, a2 integer, b text);
  CREATE TABLE users (id bigserial PRIMARY KEY, name text NOT NULL UNIQUE, mood app.mood, tags text[], mail text, home app.addr);
  CREATE VIEW v AS SELECT id, name FROM users;
  CREATE FUNCTION f(x integer, y integer DEFAULT 1) RETURNS integer LANGUAGE sql AS 'SELECT x + y';
  CREATE FUNCTION add2(a integer, b integer) RETURNS integer LANGUAGE sql AS 'SELECT a + b';
  INSERT INTO users (name, mood, tags) VALUES ('ann', 'ok', '{a,b}');
`;

/** Reads a corpus: queries lie between lines that hold only `-- ;;`, each after a line about its client. */
export function readCorpus(path: string): CorpusQuery[] {
  const parts = readFileSync(path, 'utf8')
    .split(/^-- ;;$/m)
    .slice(1);
  return parts.flatMap(part => {
    const [, client, protocol] = /^\s*-- client: ([^;]*);.*protocol: (\w+)/.exec(part) ?? [];
    if (client === undefined) return [];
    const text = part.replace(/^\s*-- client:.*\n/, '').trim();
    return [{client, protocol: protocol === 'extended' ? 'extended' : 'simple', text}];
  });
}

/** Runs the queries in order, a new session for each client; a failed transaction block is left before the next query. */
export async function runCorpus(
  queries: readonly CorpusQuery[],
  connect: () => Promise<pg.Client>,
): Promise<CorpusOutcome[]> {
  const outcomes: CorpusOutcome[] = [];
  let session = null as {readonly client: string; readonly connection: pg.Client} | null;
  for (const query of queries) {
    if (session?.client !== query.client) {
      await session?.connection.end();
      session = {client: query.client, connection: await connect()};
    }
    const outcome = await runQuery(session.connection, query);
    if (outcome.error !== null) await session.connection.query('ROLLBACK');
    outcomes.push(outcome);
  }
  await session?.connection.end();
  return outcomes;
}

async function runQuery(connection: pg.Client, query: CorpusQuery): Promise<CorpusOutcome> {
  const numbers = [...query.text.matchAll(/\$(\d+)/g)].map(match => Number(match[1]));
  const values = new Array<null>(Math.max(0, ...numbers)).fill(null);
  const config = {
    text: query.text,
    rowMode: 'array' as const,
    types: {getTypeParser: () => (text: unknown) => text},
  };
  try {
    const result =
      query.protocol === 'simple'
        ? await connection.query(config)
        : await connection.query({...config, values});
    const last = Array.isArray(result) ? (result as pg.QueryArrayResult[]).at(-1) : result;
    return {query, error: null, rows: last?.rows ?? []};
  } catch (error) {
    const {code, message} = error as {readonly code?: string; readonly message: string};
    const isCopy = message.includes('COPY from stdin failed');
    return {query, error: isCopy ? null : `${code ?? '?'} ${message}`, rows: []};
  }
}

/** Errors with how often they came, the most frequent first. */
export function groupedErrors(outcomes: readonly CorpusOutcome[]): string[] {
  const groups = new Map<string, {count: number; readonly example: string}>();
  for (const {error, query} of outcomes) {
    if (error === null) continue;
    const known = groups.get(error);
    if (known !== undefined) known.count++;
    else groups.set(error, {count: 1, example: query.text.replaceAll(/\s+/g, ' ').slice(0, 120)});
  }
  const sorted = [...groups].sort((a, b) => b[1].count - a[1].count);
  return sorted.map(([error, {count, example}]) => `${count} x ${error} [${example}]`);
}
