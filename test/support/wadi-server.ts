import {spawn} from 'node:child_process';
import {dirname, join} from 'node:path';
import {createInterface} from 'node:readline';
import {fileURLToPath} from 'node:url';
import {temporaryFolder} from './temporary-folder.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const startLimitMs = 60_000;

/** A Wadi server process of a test: real sockets on free ports, and a data directory of its own. */
export interface WadiServer {
  readonly host: string;
  readonly port: number;
  readonly postgresUrl: string;
  readonly httpUrl: string;
  readonly dataDir: string;
  readonly pid: number;
  /** All that the process wrote to stderr so far. */
  errors(): string;
  /** Ends the process by a signal and resolves when it has ended; the data directory stays. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Ends the process and removes the data directory unless it was given. */
  stop(): Promise<void>;
}

/** How to start it; a given `dataDir` is not removed by stop(). */
export interface WadiServerOptions {
  readonly dataDir?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** Options of node; by default those that help to understand a failure. */
  readonly nodeFlags?: readonly string[];
}

/** Starts `src/main.ts` (or the program that WADI_MAIN names) on port 0 and waits for its line `wadi ready URL URL`. */
export function startWadi(options: WadiServerOptions = {}): Promise<WadiServer> {
  const folder = options.dataDir === undefined ? temporaryFolder('data') : null;
  const dataDir = options.dataDir ?? folder?.path ?? '';
  const main = join(root, process.env['WADI_MAIN'] ?? 'src/main.ts');
  const flags = [
    ...(options.nodeFlags ?? ['--enable-source-maps']),
    '--enable-experimental-regexp-engine-on-excessive-backtracks',
  ];
  const given = ['--port', '0', '--http-port', '0', '--data-dir', dataDir, ...(options.args ?? [])];
  const child = spawn(process.execPath, [...flags, main, ...given], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {...process.env, ...options.env},
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-65_536)));
  const ended = new Promise<void>(resolve => child.once('close', () => resolve()));
  const abandon = (): void => {
    child.kill('SIGKILL');
    folder?.remove();
  };
  process.once('exit', abandon);
  void ended.then(() => process.off('exit', abandon));
  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await ended;
  };

  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      folder?.remove();
      reject(new Error(`wadi did not start: ${why}\n${stderr}`));
    };
    const timer = setTimeout(() => fail('no ready line in time'), startLimitMs);
    child.once('error', error => fail(error.message));
    const early = (code: number | null): void => fail(`it ended with ${code}`);
    child.once('close', early);
    createInterface({input: child.stdout}).on('line', line => {
      const match = /^wadi ready (postgres:\/\/\S+) (https?:\/\/\S+)/.exec(line);
      if (match === null) return;
      clearTimeout(timer);
      child.off('close', early);
      const postgresUrl = match[1] ?? '';
      const {hostname, port} = new URL(postgresUrl);
      resolve({
        ...{host: hostname, port: Number(port), postgresUrl, httpUrl: match[2] ?? ''},
        ...{dataDir, pid: child.pid ?? 0, errors: () => stderr, kill},
        stop: async () => {
          const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
          await kill('SIGTERM');
          clearTimeout(timer);
          folder?.remove();
        },
      });
    });
  });
}
