/** Newest protocol that is spoken: 3.0. */
export const PROTOCOL_3_0 = 196608;

/** First packets that are no start-up (PostgreSQL 55.7). */
export const CANCEL_REQUEST_CODE = 80877102;
export const SSL_REQUEST_CODE = 80877103;
export const GSSENC_REQUEST_CODE = 80877104;

/** Start-up packets are at most this long, its length word included. */
export const MAX_STARTUP_LENGTH = 10_000;

/** Longest message of a SASL exchange (PostgreSQL `PG_MAX_SASL_MESSAGE_LENGTH`). */
export const MAX_SASL_LENGTH = 1024;

/** Longest password message. */
export const MAX_PASSWORD_LENGTH = 65_535;

const smallLimit = 10_000;
const largeLimit = 0x3fff_ffff;

/** Query and Parse messages beyond this are read past, not kept, and answered with 54000. */
export const MAX_STATEMENT_LENGTH = 64 * 1024 * 1024;

/** Frontend message types. */
export const FrontendType = {
  bind: 0x42,
  close: 0x43,
  copyData: 0x64,
  copyDone: 0x63,
  copyFail: 0x66,
  describe: 0x44,
  execute: 0x45,
  flush: 0x48,
  functionCall: 0x46,
  parse: 0x50,
  password: 0x70,
  query: 0x51,
  sync: 0x53,
  terminate: 0x58,
} as const;

/** Greatest value of the length word by message type; 0 = no such message. */
export type FrameLimits = Int32Array;

/** Limits once a session runs. */
export const SESSION_LIMITS: FrameLimits = frameLimits([
  ['BPQFd', largeLimit],
  ['CDEHSXcf', smallLimit],
]);

/** Limits of the first message of a client that may send a password without being asked. */
export const FIRST_LIMITS: FrameLimits = frameLimits([
  ['BPQFd', largeLimit],
  ['CDEHSXcf', smallLimit],
  ['p', MAX_PASSWORD_LENGTH],
]);

/** Limits while a SASL answer is awaited. */
export const SASL_LIMITS: FrameLimits = frameLimits([['p', MAX_SASL_LENGTH + 4]]);

/** Limits while a password is awaited. */
export const PASSWORD_LIMITS: FrameLimits = frameLimits([['p', MAX_PASSWORD_LENGTH]]);

function frameLimits(limits: readonly (readonly [types: string, limit: number])[]): FrameLimits {
  const table = new Int32Array(256);
  for (const [types, limit] of limits) {
    for (const type of types) table[type.charCodeAt(0)] = limit;
  }
  return table;
}
