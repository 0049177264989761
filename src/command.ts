import {dirname} from 'node:path';
import {fileURLToPath} from 'node:url';
import {Command, CommanderError} from 'commander';
import {
  ConfigError,
  LOG_LEVELS,
  resolveConfig,
  type Config,
  type ConfigSource,
} from './server/config.ts';

/** A server that runs, and how to end it. */
interface Running {
  readonly port: number;
  readonly httpPort: number;
  stop(): Promise<void>;
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));

await main();

async function main(): Promise<void> {
  process.on('uncaughtException', error => die(error));
  process.on('unhandledRejection', error => die(error));
  const program = new Command('wadi')
    .description("A database server that speaks PostgreSQL's wire protocol")
    .exitOverride()
    .configureOutput({outputError: (text, write) => write(text.replace(/^error: /, 'wadi: '))});
  const serveCommand = program
    .command('serve', {isDefault: true})
    .description('start the server (the default command)')
    .option('--data-dir <folder>', 'where everything is stored (default: ./wadi-data)')
    .option('--archive-dir <folder>', 'where the change log is archived (default: nowhere)')
    .option(
      '--audit-retention-days <days>',
      'age at which records of the audit log are removed (default: never)',
    )
    .option('--port <port>', 'PostgreSQL port, 0 for a free one (default: 5433)')
    .option('--http-port <port>', 'HTTP port, 0 for a free one (default: 5480)')
    .option('--listen <address>', 'address of both listeners (default: 127.0.0.1)')
    .option('--config <file>', 'configuration in TOML')
    .option('--auth <mode>', 'trust-loopback (default), scram or password')
    .option('--log-level <level>', `${LOG_LEVELS.join(', ')} (default: warn)`)
    .option('-V, --version', 'print the version and end')
    .exitOverride()
    .configureOutput({outputError: (text, write) => write(text.replace(/^error: /, 'wadi: '))})
    .action((flags: ConfigSource & {version?: boolean}) => serve(flags));
  await addCommands(program);
  program.addHelpText('after', () => `\n${serveCommand.helpInformation()}`);
  try {
    await program.parseAsync();
  } catch (error) {
    // Commander has told what is wrong already.
    if (error instanceof CommanderError) process.exitCode = error.exitCode;
    else fail(error);
  }
}

/** Commands without a server are loaded only when one of them is asked for, or help. */
async function addCommands(program: Command): Promise<void> {
  const isAsked = process.argv
    .slice(2)
    .some(word => ['backup', 'restore', 'fsck', 'help', '--help', '-h'].includes(word));
  if (!isAsked) return;
  const {addMaintenanceCommands} = await import('./maintenance-commands.ts');
  addMaintenanceCommands(program, command => {
    command
      .exitOverride()
      .configureOutput({outputError: (text, write) => write(text.replace(/^error: /, 'wadi: '))});
  });
}

async function serve(flags: ConfigSource & {version?: boolean}): Promise<void> {
  if (flags.version === true) {
    process.stdout.write(`${await versionLine()}\n`);
    return;
  }
  const stopping = stopOnSignals();
  if (process.env['WADI_LOOP_STATS'] !== undefined) {
    const {startLoopStats} = await import('./server/loop-stats.ts');
    startLoopStats(line => process.stderr.write(line));
  }
  const config = await resolveConfig(flags, process.env);
  const running = await start(config);
  const {listen} = config.server;
  const host = connectHost(listen);
  const url = `postgres://postgres@${host}:${running.port}/postgres`;
  const scheme = config.http.usesTls ? 'https' : 'http';
  process.stdout.write(`wadi ready ${url} ${scheme}://${host}:${running.httpPort}\n`);
  process.stderr.write(
    `${await versionLine()}, data in ${config.dataDir}\n` +
      `connect: psql -h ${unbracketed(host)} -p ${running.port} -U postgres postgres\n` +
      `     or: ${url}\n`,
  );
  stopping.stop(running);
}

async function start(config: Config): Promise<Running> {
  const [{createLogger}, {PostgresServer}, {HttpServer}, {ControlSocket}, {openDatabase}] =
    await Promise.all([
      import('./server/logger.ts'),
      import('./server/postgres-server.ts'),
      import('./server/http/http-server.ts'),
      import('./server/control-socket.ts'),
      import('./database.ts'),
    ]);
  const logger = createLogger(config.logLevel);
  const database = await openDatabase({
    dataDir: config.dataDir,
    logger,
    storages: config.storages,
    ...config.engine,
    ...(config.archiveDir === null ? {} : {archiveDir: config.archiveDir}),
    ...(config.auditRetentionDays === null ? {} : {auditRetentionDays: config.auditRetentionDays}),
  });
  const server = new PostgresServer(database, config.server, logger, config.tokens);
  const http = new HttpServer({
    listen: config.server.listen,
    port: config.httpPort,
    auth: config.server.auth,
    tls: config.server.tls,
    settings: config.http,
    isReady: () => server.isReady,
    engine: {database, credentials: server.credentials, processes: server, logger},
  });
  let control: Awaited<ReturnType<typeof ControlSocket.open>> = null;
  const stop = async (): Promise<void> => {
    await Promise.all([server.close(), http.close(), control?.close()]);
    await database.close();
  };
  try {
    await server.listen();
    await http.listen();
    control = await ControlSocket.open(config.dataDir, () => database.session());
  } catch (error) {
    await stop();
    throw error;
  }
  return {port: server.port, httpPort: http.port, stop};
}

/** The first SIGTERM or SIGINT stops in order, also one that comes before the server is ready; a second one ends at once. */
function stopOnSignals(): {stop(running: Running): void} {
  let running: Running | null = null;
  let isAsked = false;
  const stop = (): void => {
    if (running === null) return;
    running.stop().then(
      () => process.exit(0),
      error => die(error),
    );
  };
  const onSignal = (): void => {
    if (isAsked) process.exit(1);
    isAsked = true;
    stop();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return {
    stop: started => {
      running = started;
      if (isAsked) stop();
    },
  };
}

async function versionLine(): Promise<string> {
  const {describeBuild, readBuildInfo} = await import('./server/build-info.ts');
  return describeBuild(readBuildInfo(root));
}

/** The address that a client on this machine connects to. */
function connectHost(listen: string): string {
  if (listen === '0.0.0.0' || listen === '') return '127.0.0.1';
  if (listen === '::') return '[::1]';
  return listen.includes(':') ? `[${listen}]` : listen;
}

function unbracketed(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}

/** An error of the operator or the machine: one line. */
function fail(error: unknown): never {
  process.stderr.write(`wadi: ${explain(error)}\n`);
  process.exit(1);
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof ConfigError) return error.message;
  const {code, port, address} = error as {code?: unknown; port?: unknown; address?: unknown};
  if (code === 'EADDRINUSE') return `port ${port} of ${address} is in use by another program`;
  if (code === 'EACCES' && port !== undefined) return `port ${port} of ${address} may not be used`;
  if (code === 'EADDRNOTAVAIL') return `${address} is no address of this machine`;
  return error.message.split('\n', 1)[0] ?? error.message;
}

/** A bug: nothing that runs can be trusted any more. */
function die(error: unknown): never {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`wadi: fatal error: ${text}\n`);
  process.exit(1);
}
