import {Client, type ClientConfig, DatabaseError, type QueryArrayResult} from 'pg';

/** Where specs run. */
export type Address = Pick<ClientConfig, 'host' | 'port' | 'user' | 'database'>;

/** The answer of one step, as expectations print it. */
export interface Answer {
  /** Command tags, or the error. */
  readonly outcome: string;
  readonly rows: readonly string[];
  /** SQLSTATE, or null. */
  readonly code: string | null;
}

const limitMs = 30_000;

/** One session of a spec: simple protocol, text format; remembers what it was told beside answers. */
export class IsolationSession {
  readonly name: string;
  readonly #client: Client;
  #told: string[] = [];
  /** The step under way. */
  step: string | null = null;
  answer: Answer | null = null;
  status = 'I';

  private constructor(name: string, client: Client) {
    this.name = name;
    this.#client = client;
    client.on('error', () => undefined);
    client.on('notice', notice => this.#told.push(`${notice.severity}: ${notice.message}`));
    client.on('notification', ({channel, payload}) =>
      this.#told.push(`notified: ${channel} ${payload ?? ''}`.trimEnd()),
    );
    const {connection} = client as unknown as {connection: NodeJS.EventEmitter};
    connection.on('readyForQuery', (message: {status: string}) => (this.status = message.status));
  }

  static async open(name: string, address: Address, schema: string): Promise<IsolationSession> {
    const client = new Client({
      ...address,
      connectionTimeoutMillis: 10_000,
      types: {getTypeParser: () => (value: unknown) => value},
    });
    const session = new IsolationSession(name, client);
    await client.connect();
    await client.query(`SET search_path = ${schema}; SET timezone = 'UTC'`);
    return session;
  }

  get processId(): number {
    return (this.#client as unknown as {processID: number}).processID;
  }

  /** Notices and notifications since the last call. */
  takeTold(): readonly string[] {
    const told = this.#told;
    this.#told = [];
    return told;
  }

  /** Sends a step; `answer` is set when it has been answered. */
  start(step: string, sql: string): void {
    this.step = step;
    this.answer = null;
    void this.run(sql).then(answer => (this.answer = answer));
  }

  /** Runs SQL to its end. */
  async run(sql: string): Promise<Answer> {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('no answer in time')), limitMs);
    });
    try {
      const result = await Promise.race([
        this.#client.query<unknown[]>({text: sql, rowMode: 'array'}),
        limit,
      ]);
      const all = (Array.isArray(result) ? result : [result]) as QueryArrayResult<unknown[]>[];
      return {
        outcome: all.map(tagOf).join('; '),
        rows: all.flatMap(each => (each.rows ?? []).map(row => row.map(render).join(' | '))),
        code: null,
      };
    } catch (error) {
      if (!(error instanceof DatabaseError))
        return {outcome: `broken ${String(error)}`, rows: [], code: 'broken'};
      const outcome = `ERROR ${error.code} ${error.message}`;
      return {outcome, rows: [], code: error.code ?? ''};
    } finally {
      clearTimeout(timer);
    }
  }

  async end(): Promise<void> {
    await this.#client.end().catch(() => undefined);
  }
}

function tagOf(result: QueryArrayResult<unknown[]>): string {
  return `${result.command ?? ''}${result.rowCount === null ? '' : ` ${result.rowCount}`}`;
}

function render(value: unknown): string {
  return value === null ? 'NULL' : String(value).replaceAll('\n', '\\n');
}
