import {PostgresServer} from '../../src/server/postgres-server.ts';
import {
  DEFAULT_SERVER_OPTIONS,
  type ServerLogger,
  type ServerOptions,
} from '../../src/server/server-options.ts';
import {FakeDatabase} from './fake-database.ts';

/** A server over a fake database on a free port. */
export interface FakeServer {
  readonly server: PostgresServer;
  readonly database: FakeDatabase;
  readonly port: number;
  /** Messages logged as errors. */
  readonly errors: string[];
}

/** Starts it; the caller closes it. */
export async function startFake(options: Partial<ServerOptions> = {}): Promise<FakeServer> {
  const database = new FakeDatabase();
  const errors: string[] = [];
  const ignore = (): void => undefined;
  const logger: ServerLogger = {
    ...{debug: ignore, info: ignore, warn: ignore},
    error: (_, message) => errors.push(message),
  };
  const server = new PostgresServer(
    database,
    {...DEFAULT_SERVER_OPTIONS, port: 0, ...options},
    logger,
  );
  await server.listen();
  return {server, database, port: server.port, errors};
}
