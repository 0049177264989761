import {PgError} from '../../common/errors.ts';
import type {Seq} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';

/** What the client calls a request: it comes back with every answer. */
export type RequestId = number | string;

/** A message of a client of `/ws`, checked. */
export type LiveMessage =
  | {
      readonly type: 'hello';
      readonly user: string | null;
      readonly password: string | null;
      readonly token: string | null;
      readonly database: string;
      /** Credit in bytes; 0: the client gives none and takes what comes. */
      readonly window: number;
    }
  | {readonly type: 'auth'; readonly token: string}
  | {
      readonly type: 'sql';
      readonly id: RequestId;
      readonly sql: string;
      readonly params: readonly unknown[] | null;
    }
  | ({readonly type: 'sub'; readonly id: RequestId} & SubscribeMessage)
  | {readonly type: 'unsub'; readonly id: RequestId}
  | {readonly type: 'cancel'}
  | {readonly type: 'ack'; readonly bytes: number}
  | {readonly type: 'ping'};

/** What is subscribed to: SQL, a named live query, or a sealed one. */
export interface SubscribeMessage {
  readonly sql: string | null;
  readonly query: string | null;
  readonly sealed: string | null;
  readonly args: readonly unknown[];
  readonly snapshot: boolean;
  readonly lastRows: number | null;
  readonly resume: string | null;
  readonly from: Seq | null;
  readonly storage: string | null;
}

type Fields = Readonly<Record<string, unknown>>;

const known: Readonly<Record<string, readonly string[]>> = {
  hello: ['user', 'password', 'token', 'database', 'window'],
  auth: ['token'],
  sql: ['id', 'sql', 'params'],
  sub: [
    'id',
    'sql',
    'query',
    'sealed',
    'args',
    'snapshot',
    'last_rows',
    'resume',
    'from',
    'storage',
  ],
  unsub: ['id'],
  cancel: [],
  ack: ['bytes'],
  ping: [],
};

const maxIdLength = 64;
/** Greatest credit that a client can give. */
const maxWindow = 16 * 1024 * 1024;
const minWindow = 4096;

/** Reads a message. 08P01 when it is none: wrong JSON, an unknown type or member, a member of the wrong type. */
export function readLiveMessage(text: string): LiveMessage {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw broken('a message must be JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw broken('a message must be a JSON object');
  const fields = value as Fields;
  const {type} = fields;
  const allowed = typeof type === 'string' && Object.hasOwn(known, type) ? known[type] : undefined;
  if (allowed === undefined) throw broken('unknown type of message');
  const unknown = Object.keys(fields).find(name => name !== 'type' && !allowed.includes(name));
  if (unknown !== undefined)
    throw broken(
      `unknown member ${JSON.stringify(unknown.slice(0, 64))} in a message of type ${type}`,
    );
  return readFields(type as LiveMessage['type'], fields);
}

function readFields(type: LiveMessage['type'], fields: Fields): LiveMessage {
  switch (type) {
    case 'hello':
      return {
        type,
        user: optionalText(fields, 'user'),
        password: optionalText(fields, 'password'),
        token: optionalText(fields, 'token'),
        database: optionalText(fields, 'database') ?? 'postgres',
        window: windowOf(fields),
      };
    case 'auth':
      return {type, token: text(fields, 'token')};
    case 'sql':
      return {
        type,
        id: idOf(fields),
        sql: text(fields, 'sql'),
        params: optionalList(fields, 'params'),
      };
    case 'sub':
      return {type, id: idOf(fields), ...subscribeOf(fields)};
    case 'unsub':
      return {type, id: idOf(fields)};
    case 'ack':
      return {type, bytes: integer(fields, 'bytes') ?? 0};
    case 'cancel':
    case 'ping':
      return {type};
  }
}

function subscribeOf(fields: Fields): SubscribeMessage {
  const sql = optionalText(fields, 'sql');
  const query = optionalText(fields, 'query');
  const sealed = optionalText(fields, 'sealed');
  if ([sql, query, sealed].filter(each => each !== null).length !== 1)
    throw broken('"sub" needs one of "sql", "query" and "sealed"');
  const args = optionalList(fields, 'args') ?? [];
  if (sealed !== null && args.length > 0) throw broken('"sealed" holds its arguments');
  const snapshot = fields['snapshot'] ?? true;
  if (typeof snapshot !== 'boolean') throw broken('"snapshot" must be true or false');
  const from = optionalText(fields, 'from');
  if (from !== null && !/^\d{1,18}$/.test(from)) throw broken('"from" must be a seq');
  return {
    ...{sql, query, sealed, args, snapshot},
    lastRows: integer(fields, 'last_rows'),
    resume: optionalText(fields, 'resume'),
    from: from === null ? null : (BigInt(from) as Seq),
    storage: optionalText(fields, 'storage'),
  };
}

function idOf(fields: Fields): RequestId {
  const {id} = fields;
  if (typeof id === 'number' && Number.isSafeInteger(id)) return id;
  if (typeof id === 'string' && id.length <= maxIdLength) return id;
  throw broken(`"id" must be an integer or a string of at most ${maxIdLength} characters`);
}

function windowOf(fields: Fields): number {
  const window = integer(fields, 'window') ?? 0;
  if (window !== 0 && (window < minWindow || window > maxWindow))
    throw broken(`"window" must be 0 or from ${minWindow} to ${maxWindow}`);
  return window;
}

function text(fields: Fields, name: string): string {
  const value = optionalText(fields, name);
  if (value === null) throw broken(`"${name}" is missing`);
  return value;
}

function optionalText(fields: Fields, name: string): string | null {
  const value = fields[name];
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string' || value.includes('\0'))
    throw broken(`"${name}" must be a string without zero bytes`);
  return value;
}

function optionalList(fields: Fields, name: string): readonly unknown[] | null {
  const value = fields[name];
  if (value === undefined || value === null) return null;
  if (!Array.isArray(value)) throw broken(`"${name}" must be a list`);
  return value;
}

function integer(fields: Fields, name: string): number | null {
  const value = fields[name];
  if (value === undefined || value === null) return null;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw broken(`"${name}" must be an integer that is not negative`);
  return value;
}

function broken(message: string): PgError {
  return new PgError(SqlState.protocolViolation, message);
}
