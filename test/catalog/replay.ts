import {createHash} from 'node:crypto';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import type pg from 'pg';
import {readCorpus, type CorpusQuery} from './corpora.ts';
import {capturedOids, parametersOf, preludeOf} from './replay-values.ts';

/** What a server answered to one query: SQLSTATE and message, or its results. */
export interface ReplayAnswer {
  readonly error: string | null;
  readonly results: readonly ReplayResult[];
}

/** One result: `name type typmod` of its columns, and its rows in text form with the OIDs of user objects masked. */
export interface ReplayResult {
  readonly tag: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
}

/** A query with the key of its recording. */
export interface ReplayQuery extends CorpusQuery {
  readonly key: string;
}

/** OIDs from here on are given by initdb in an order that depends on the machine, or by users. */
const FIRST_UNPINNED = 12000;

/** Catalogs of objects: what names one, and which of its rows do not count. */
const objects: readonly (readonly [catalog: string, identity: string, where?: string])[] = [
  ['pg_class', "'class ' || oid::regclass", "relkind NOT IN ('t', 'c') AND relnamespace <> 99"],
  ['pg_class', "'type ' || reltype::regtype", "relkind = 'c'"],
  ['pg_type', "'type ' || oid::regtype", 'typnamespace <> 99'],
  ['pg_proc', "'proc ' || oid::regprocedure"],
  ['pg_namespace', "'schema ' || nspname"],
  ['pg_authid', "'role ' || rolname"],
  ['pg_database', "'database ' || datname"],
  [
    'pg_constraint',
    "'constraint ' || conname || ' of ' || conrelid::regclass || contypid::regtype",
  ],
  ['pg_attrdef', "'default ' || adnum || ' of ' || adrelid::regclass"],
  ['pg_policy', "'policy ' || polname || ' of ' || polrelid::regclass"],
  ['pg_rewrite', "'rule ' || rulename || ' of ' || ev_class::regclass"],
  ['pg_enum', "'label ' || enumlabel || ' of ' || enumtypid::regtype"],
  ['pg_cast', "'cast ' || castsource::regtype || ' to ' || casttarget::regtype"],
  [
    'pg_default_acl',
    "'defaults ' || defaclrole::regrole || ' ' || defaclnamespace::regnamespace || ' ' || defaclobjtype::text",
  ],
  ['pg_collation', "'collation ' || collname"],
  ['pg_conversion', "'conversion ' || conname"],
  ['pg_language', "'language ' || lanname"],
  ['pg_extension', "'extension ' || extname"],
  ['pg_ts_config', "'configuration ' || cfgname"],
  ['pg_ts_dict', "'dictionary ' || dictname"],
];

const identities = objects
  .map(([catalog, identity, where = 'true']) => {
    const from = `${catalog} WHERE oid >= ${FIRST_UNPINNED} AND ${where}`;
    return `SELECT ${identity}, oid::int8 FROM ${from}`;
  })
  .join(' UNION ALL ');

const ownNames = `
  SELECT proname::text FROM pg_proc WHERE oid BETWEEN 9000 AND 9999 UNION SELECT nspname FROM pg_namespace WHERE oid BETWEEN 9000 AND 9999
  UNION SELECT amname FROM pg_am WHERE oid BETWEEN 9000 AND 9999 UNION SELECT rolname FROM pg_authid WHERE oid BETWEEN 9000 AND 9999`;

/** The queries of a corpus. Its deduplication leaves each text once, so the text is the key. */
export function replayQueries(corpusPath: string): ReplayQuery[] {
  return readCorpus(corpusPath).map((query, at) => {
    const hash = createHash('sha256').update(query.text).digest('hex').slice(0, 8);
    return {...query, key: `${String(at).padStart(3, '0')} ${hash}`};
  });
}

/** Makes the database `shop` with the schema of the replay, on a server whose superuser's URL is given. */
export async function prepareShop(
  connect: (database: string) => Promise<pg.Client>,
): Promise<void> {
  const first = await connect('postgres');
  await first.query('CREATE DATABASE shop');
  await first.end();
  const client = await connect('shop');
  await client.query(readFileSync(join(import.meta.dirname, 'replay-schema.sql'), 'utf8'));
  await client.end();
}

/** Sends the captured queries to a server with the schema of the replay, each from the same state, and masks the answers. */
export class Replay {
  readonly #client: pg.Client;
  readonly #oidOf = new Map<string, string>();
  readonly #nameOf = new Map<string, string>();
  #copied: string[] = [];
  /** Names of what only Wadi has, by its reserved OIDs. */
  readonly ownNames = new Set<string>();

  private constructor(client: pg.Client) {
    this.#client = client;
    client.connection.on('copyData', (message: {readonly chunk: Buffer}) =>
      this.#copied.push(message.chunk.toString('latin1')),
    );
  }

  /** Learns the identities of the server's objects over a connection to the database `shop`. */
  static async over(client: pg.Client): Promise<Replay> {
    const replay = new Replay(client);
    const {rows} = await client.query<[string, string]>({text: identities, rowMode: 'array'});
    for (const [identity, oid] of rows) {
      replay.#oidOf.set(identity, oid);
      replay.#nameOf.set(oid, `<${identity}>`);
    }
    const own = await client.query<[string]>({text: ownNames, rowMode: 'array'});
    for (const [name] of own.rows) replay.ownNames.add(name);
    return replay;
  }

  /** The server's answer to a captured query. */
  async answer(query: ReplayQuery): Promise<ReplayAnswer> {
    const prelude = preludeOf(query.text);
    if (prelude !== null) await this.#client.query(prelude);
    this.#copied = [];
    const answer = await this.#run(query);
    await this.#client.query('ROLLBACK');
    await this.#client.query('DISCARD ALL');
    return answer;
  }

  async #run(query: ReplayQuery): Promise<ReplayAnswer> {
    const config = {
      text: this.#here(query.text),
      rowMode: 'array' as const,
      types: {getTypeParser: () => (text: unknown) => text},
    };
    const parameters = query.protocol === 'simple' ? [] : parametersOf(query.text);
    if (parameters === null) throw new Error(`no values for the parameters of: ${query.text}`);
    const values = parameters.map(
      value => value?.replaceAll(/@(type [^,}]+)/g, (_, name: string) => this.#oid(name)) ?? null,
    );
    try {
      const extended = {...config, values, queryMode: 'extended'};
      const got: unknown = await this.#client.query(
        query.protocol === 'simple' ? config : extended,
      );
      const results = (Array.isArray(got) ? got : [got]) as pg.QueryArrayResult<
        (string | null)[]
      >[];
      return {error: null, results: results.map(result => this.#masked(result))};
    } catch (error) {
      const {code, message} = error as {readonly code?: string; readonly message: string};
      return {error: `${code ?? '?'} ${message}`, results: []};
    }
  }

  /** The text with the OIDs of this server; those of objects that the schema does not have become 0. */
  #here(text: string): string {
    const here = text.replaceAll(/\b1(?:6[4-9]|7[0-4])\d\d\b/g, number => {
      const identity = capturedOids[number];
      return identity === undefined ? '0' : this.#oid(identity);
    });
    // Which thousand of many names comes first is nobody's business.
    return here.replace(/LIMIT 1000$/, 'LIMIT 100000');
  }

  #oid(identity: string): string {
    const found = this.#oidOf.get(identity);
    if (found === undefined) throw new Error(`the server has no ${identity}`);
    return found;
  }

  #masked(result: pg.QueryArrayResult<(string | null)[]>): ReplayResult {
    const columns = result.fields.map(field => {
      const type = this.#nameOf.get(String(field.dataTypeID)) ?? String(field.dataTypeID);
      return `${field.name} ${type} ${field.dataTypeModifier}`;
    });
    const rows = result.rows.map(row =>
      row.map((cell, at) => this.#cell(cell, result.fields[at]?.dataTypeID ?? 0)),
    );
    const copied = this.#copied.map(line => [line]);
    this.#copied = [];
    return {
      tag: `${result.command} ${result.rowCount ?? ''}`.trim(),
      columns,
      rows: copied.length > 0 ? copied : rows,
    };
  }

  #cell(cell: string | null, type: number): string | null {
    if (cell === null) return null;
    if (
      type === TIMESTAMPTZ &&
      !cell.startsWith('2026-01-02') &&
      !cell.startsWith('2026-02-03') &&
      !cell.startsWith('2038')
    )
      return '<now>';
    if (type === NODE_TREE) return '<tree>';
    return cell
      .replaceAll(/(?<![\d.])\d{5,}(?![\d.])/g, number => this.#nameOf.get(number) ?? number)
      .replace(/^\d+ (?:bytes|kB|MB)$/, '<size>');
  }
}

const TIMESTAMPTZ = 1184;
const NODE_TREE = 194;
