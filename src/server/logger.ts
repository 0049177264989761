import {createRequire} from 'node:module';
import type {LOG_LEVELS} from './config.ts';
import type {ServerLogger} from './server-options.ts';

type Level = (typeof LOG_LEVELS)[number];
type Method = 'debug' | 'info' | 'warn' | 'error';

const ORDER: readonly string[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** JSON lines on stderr through pino, which is loaded by the first line that is written: a quiet server starts without it. */
export function createLogger(level: Level): ServerLogger {
  let pino: ServerLogger | null = null;
  const write = (method: Method, fields: object, message: string): void => {
    if (ORDER.indexOf(method) < ORDER.indexOf(level)) return;
    pino ??= loadPino(level);
    pino[method](fields, message);
  };
  return {
    debug: (fields, message) => write('debug', fields, message),
    info: (fields, message) => write('info', fields, message),
    warn: (fields, message) => write('warn', fields, message),
    error: (fields, message) => write('error', fields, message),
  };
}

function loadPino(level: Level): ServerLogger {
  const {pino} = createRequire(import.meta.url)('pino') as typeof import('pino');
  return pino({level}, pino.destination({dest: 2, sync: true}));
}
