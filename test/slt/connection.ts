import {Client, type ClientConfig, DatabaseError, type QueryArrayResult} from 'pg';
import type {Expectation} from './script.ts';

/** Where a script runs: how to reach the server. */
export type Address = Pick<ClientConfig, 'host' | 'port' | 'user' | 'database'>;

const queryLimitMs = 30_000;
const integers = new Set([20, 21, 23, 26]);
const reals = new Set([700, 701, 1700]);
const times = new Set([1082, 1083, 1114, 1184, 1186, 1266]);
const separator = ' | ';

/** One session of a script, by the simple query protocol and in text format. */
export class SltConnection {
  readonly #client: Client;
  #isBroken = false;
  #command = '';
  #status = 'I';

  private constructor(client: Client) {
    this.#client = client;
    client.on('error', () => (this.#isBroken = true));
    client.on('end', () => (this.#isBroken = true));
    const {connection} = client as unknown as {connection: NodeJS.EventEmitter};
    connection.on('readyForQuery', (message: {status: string}) => (this.#status = message.status));
  }

  static async open(address: Address, schema: string | null): Promise<SltConnection> {
    const client = new Client({
      ...address,
      connectionTimeoutMillis: 10_000,
      types: {getTypeParser: () => (value: unknown) => value},
    });
    const connection = new SltConnection(client);
    await client.connect();
    if (schema !== null) {
      for (const setting of [`search_path = ${schema}`, `timezone = 'UTC'`]) {
        await client.query(`SET ${setting}`);
      }
    }
    return connection;
  }

  /** The server ended the connection, or a statement did not answer in time. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Command tag word of the last statement: INSERT, SELECT, COMMIT ... */
  get lastCommand(): string {
    return this.#command;
  }

  get isInTransaction(): boolean {
    return this.#status !== 'I';
  }

  get processId(): number {
    return (this.#client as unknown as {processID: number}).processID;
  }

  /** Runs SQL and says what came of it as a script would write it. */
  async run(sql: string): Promise<Expectation> {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('no answer in time')), queryLimitMs);
    });
    try {
      const answer = await Promise.race([
        this.#client.query<unknown[]>({text: sql, rowMode: 'array'}),
        limit,
      ]);
      // Of several statements in one text, the last one's result.
      const result = Array.isArray(answer)
        ? (answer as QueryArrayResult<unknown[]>[]).at(-1)
        : answer;
      this.#command = result?.command ?? '';
      return outcomeOf(result);
    } catch (error) {
      this.#command = '';
      if (error instanceof DatabaseError) {
        return {kind: 'error', code: error.code ?? '', message: escape(error.message)};
      }
      this.#isBroken = true;
      return {kind: 'error', code: 'broken', message: escape(String(error))};
    } finally {
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    const ended = this.#client.end().catch(() => undefined);
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise(resolve => (timer = setTimeout(resolve, 2_000)));
    await Promise.race([ended, limit]);
    clearTimeout(timer);
  }
}

function outcomeOf(result: QueryArrayResult<unknown[]> | undefined): Expectation {
  const fields = result?.fields ?? [];
  if (result === undefined || (fields.length === 0 && result.command !== 'SELECT')) {
    return {kind: 'ok'};
  }
  return {
    kind: 'rows',
    types: fields.map(field => letterOf(field.dataTypeID)).join(''),
    isSorted: false,
    rows: result.rows.map(row => row.map(render).join(separator) || '(no columns)'),
  };
}

/** I integer, R float or numeric, B boolean, D date or time, T everything else. */
function letterOf(oid: number): string {
  if (integers.has(oid)) return 'I';
  if (reals.has(oid)) return 'R';
  if (times.has(oid)) return 'D';
  return oid === 16 ? 'B' : 'T';
}

function render(value: unknown): string {
  if (value === null) return 'NULL';
  if (value === '') return '(empty)';
  return escape(String(value));
}

function escape(text: string): string {
  return text.replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t');
}
