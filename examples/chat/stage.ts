import {type ChildProcess, spawn} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import pg from 'pg';
import {root} from '../../scripts/prepare.mjs';

const isColored = process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined;

function paint(code: number, text: string): string {
  return isColored ? `\u001b[${code}m${text}\u001b[0m` : text;
}

/** A heading and what to look at. */
export function heading(title: string, text = ''): void {
  console.log(`\n${paint(1, title)}`);
  if (text !== '') console.log(text);
}

/** A line that came by itself, not as an answer. */
export function heard(who: string, text: string): void {
  console.log(`${paint(35, `    ~> ${who}`)} ${text}`);
}

/** A remark on what was just seen. */
export function note(text: string): void {
  console.log(`    ${paint(2, text)}`);
}

/** A Wadi server of its own, on free ports, over a temporary folder that goes with it. */
export class Stage {
  readonly #folder = mkdtempSync(join(tmpdir(), 'wadi-demo-'));
  #child: ChildProcess | null = null;
  postgresUrl = '';
  httpUrl = '';

  /** Starts the server and waits until it takes connections. */
  async start(): Promise<void> {
    const main = join(root, 'dist', 'main.js');
    const args = ['--port', '0', '--http-port', '0', '--data-dir', join(this.#folder, 'data')];
    const child = spawn(process.execPath, [main, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {...process.env, NODE_COMPILE_CACHE: join(this.#folder, 'compiled')},
    });
    this.#child = child;
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await new Promise<void>((resolve, reject) => {
      child.once('exit', code => reject(new Error(`the server ended with ${code}\n${said}`)));
      createInterface({input: child.stdout}).on('line', line => {
        const match = /^wadi ready (\S+) (\S+)/.exec(line);
        if (match === null) return;
        this.postgresUrl = match[1]!;
        this.httpUrl = match[2]!;
        resolve();
      });
    });
  }

  /** Ends the server by a signal. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null) return;
    const ended = new Promise(resolve => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  /** Ends the server and removes its data. */
  async clear(): Promise<void> {
    await this.stop();
    this.remove();
  }

  /** The same at once, for the last moment of the process. */
  remove(): void {
    this.#child?.kill('SIGKILL');
    rmSync(this.#folder, {recursive: true, force: true, maxRetries: 5});
  }

  async connect(user: string): Promise<Actor> {
    const {hostname, port} = new URL(this.postgresUrl);
    const client = new pg.Client({host: hostname, port: Number(port), user, database: 'postgres'});
    client.on('error', () => undefined);
    await client.connect();
    return new Actor(user, client);
  }
}

/** Who runs SQL and shows it with its answer. */
export class Actor {
  readonly name: string;
  readonly client: pg.Client;

  constructor(name: string, client: pg.Client) {
    this.name = name;
    this.client = client;
  }

  /** Prints the statements, runs them, and prints what came back; errors too. Gives the rows. */
  async run(sql: string): Promise<readonly (readonly string[])[]> {
    const lines = sql.trim().split('\n');
    console.log(`  ${paint(36, `${this.name}=>`)} ${lines.join('\n         ')}`);
    const started = performance.now();
    try {
      const answer = await this.client.query({text: sql, rowMode: 'array', types: asText});
      const last = Array.isArray(answer)
        ? (answer as pg.QueryArrayResult<string[]>[]).at(-1)!
        : answer;
      const rows = last.rows as string[][];
      if (last.fields.length > 0)
        printTable(
          last.fields.map(field => field.name),
          rows,
        );
      note(`${tagOf(last)}  (${(performance.now() - started).toFixed(1)} ms)`);
      return rows;
    } catch (error) {
      const {code, message, detail} = error as {code?: string; message: string; detail?: string};
      console.log(`    ${paint(31, `ERROR ${code ?? ''}: ${message}`)} ${detail ?? ''}`);
      return [];
    }
  }

  end(): Promise<void> {
    return this.client.end();
  }
}

const asText = {getTypeParser: () => (text: unknown) => text} as unknown as pg.CustomTypesConfig;

function tagOf(result: pg.QueryArrayResult<string[]>): string {
  return [result.command, result.rowCount].filter(part => part !== null).join(' ');
}

function printTable(names: readonly string[], rows: readonly (readonly string[])[]): void {
  const shown = rows.map(row => row.map(value => shorten(String(value ?? 'NULL'))));
  const widths = names.map((name, at) =>
    Math.max(name.length, ...shown.map(row => row[at]!.length)),
  );
  const line = (cells: readonly string[]): string =>
    `    ${cells.map((cell, at) => cell.padEnd(widths[at]!)).join(' | ')}`.trimEnd();
  console.log(line(names));
  console.log(`    ${widths.map(width => '-'.repeat(width)).join('-+-')}`);
  for (const row of shown) console.log(line(row));
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
