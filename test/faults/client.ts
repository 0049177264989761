import pg from 'pg';
import type {WadiServer} from '../support/wadi-server.ts';

/** A session of a server under test. */
export class Client {
  readonly #client: pg.Client;

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  static async open(server: WadiServer, user = 'postgres'): Promise<Client> {
    const {host, port} = server;
    const client = new pg.Client({host, port, user, database: 'postgres'});
    client.on('error', () => {});
    await client.connect();
    return new Client(client);
  }

  /** The first value of the first row. */
  async value(sql: string): Promise<unknown> {
    const {rows} = await this.#client.query<unknown[]>({text: sql, rowMode: 'array'});
    return rows[0]?.[0];
  }

  /** `ok`, or the error's SQLSTATE and text. */
  async outcome(sql: string): Promise<string> {
    try {
      await this.#client.query(sql);
      return 'ok';
    } catch (error) {
      const {code, message} = error as {code?: string; message: string};
      return `${code} ${message}`;
    }
  }

  end(): Promise<void> {
    return this.#client.end();
  }
}
