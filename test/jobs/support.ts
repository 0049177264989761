import pg from 'pg';
import type {WadiServer} from '../support/wadi-server.ts';

const LIMIT = 50_000;

/** A client of a test's server. */
export async function connect(
  server: WadiServer,
  user = 'postgres',
  database = 'postgres',
): Promise<pg.Client> {
  const client = new pg.Client({host: server.host, port: server.port, user, database});
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** Rows of a query as arrays of text. */
export async function rows(client: pg.Client, text: string): Promise<string[][]> {
  const result = await client.query<string[]>({
    text,
    rowMode: 'array',
    types: {getTypeParser: () => (value: string) => value},
  } as never);
  return result.rows;
}

/** Repeats a query until it answers one row with this value; fails with the last answer after many turns. */
export async function until(client: pg.Client, text: string, wanted: string): Promise<void> {
  let answer = '';
  for (let turn = 0; turn < LIMIT; turn++) {
    answer = (await rows(client, text)).map(row => row.join(' ')).join('; ');
    if (answer === wanted) return;
  }
  throw new Error(`"${text}" answers "${answer}", not "${wanted}"`);
}

/** The SQLSTATE that a statement fails with; empty when it does not. */
export async function failure(client: pg.Client, text: string): Promise<string> {
  try {
    await client.query(text);
    return '';
  } catch (error) {
    return (error as {code?: string}).code ?? String(error);
  }
}
