import {PgError, featureNotSupported} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {decodeText} from './message-cursor.ts';
import {CANCEL_REQUEST_CODE, GSSENC_REQUEST_CODE, SSL_REQUEST_CODE} from './protocol.ts';

/** What the first packet of a connection asks for. */
export type StartupPacket =
  | {readonly kind: 'ssl'}
  | {readonly kind: 'gssenc'}
  | {readonly kind: 'cancel'; readonly pid: number; readonly key: Buffer}
  | {readonly kind: 'startup'; readonly request: StartupRequest};

/** A start-up packet of protocol 3. */
export interface StartupRequest {
  readonly minorVersion: number;
  readonly user: string;
  readonly database: string;
  /** From `options`, then the other parameters, in order. */
  readonly settings: readonly (readonly [name: string, value: string])[];
  /** Names of `_pq_.*` parameters: answered by NegotiateProtocolVersion. */
  readonly protocolOptions: readonly string[];
}

/** The packet speaks a protocol before 3: the answer is text in the old frame. */
export class OldProtocolError extends Error {}

const maxNameBytes = 63;

/** Reads the body (after the length word) of a first packet; errors are FATAL. */
export function parseStartupPacket(buffer: Buffer, start: number, end: number): StartupPacket {
  const code = buffer.readInt32BE(start);
  if (code === SSL_REQUEST_CODE && end - start === 4) return {kind: 'ssl'};
  if (code === GSSENC_REQUEST_CODE && end - start === 4) return {kind: 'gssenc'};
  if (code === CANCEL_REQUEST_CODE) {
    // Never answered; one that is too short has a key that fits nobody.
    const pid = end - start < 8 ? 0 : buffer.readInt32BE(start + 4);
    return {kind: 'cancel', pid, key: Buffer.from(buffer.subarray(Math.min(start + 8, end), end))};
  }
  const [major, minor] = [(code >>> 16) & 0xffff, code & 0xffff];
  if (major !== 3) {
    const text = `unsupported frontend protocol ${major}.${minor}: server supports 3.0 to 3.0`;
    if (major < 3) throw new OldProtocolError(text);
    throw fatal(SqlState.featureNotSupported, text);
  }
  return {kind: 'startup', request: parseParameters(buffer, start + 4, end, minor)};
}

function parseParameters(
  buffer: Buffer,
  start: number,
  end: number,
  minorVersion: number,
): StartupRequest {
  const parameters = readPairs(buffer, start, end);
  const settings: (readonly [string, string])[] = [];
  const protocolOptions: string[] = [];
  let user = '';
  let database = '';
  let options = '';
  for (const [name, value] of parameters) {
    if (name === 'user') user = cutName(value);
    else if (name === 'database') database = cutName(value);
    else if (name === 'options') options = value;
    else if (name === 'replication') refuseReplication(value);
    else if (name.startsWith('_pq_.')) protocolOptions.push(name);
    else settings.push([name, value]);
  }
  if (user === '') {
    throw fatal(
      SqlState.invalidAuthorizationSpecification,
      'no PostgreSQL user name specified in startup packet',
    );
  }
  const all = [...parseOptions(options), ...settings];
  return {
    minorVersion,
    user,
    database: database === '' ? user : database,
    settings: all,
    protocolOptions,
  };
}

function readPairs(buffer: Buffer, start: number, end: number): (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = [];
  const string = (from: number): number => {
    const zero = buffer.indexOf(0, from);
    if (zero === -1 || zero >= end) throw invalidLayout();
    return zero;
  };
  let at = start;
  while (at < end && buffer[at] !== 0) {
    const nameEnd = string(at);
    if (nameEnd + 1 >= end) throw invalidLayout();
    const valueEnd = string(nameEnd + 1);
    pairs.push([decodeText(buffer, at, nameEnd), decodeText(buffer, nameEnd + 1, valueEnd)]);
    at = valueEnd + 1;
  }
  if (at !== end - 1) throw invalidLayout();
  return pairs;
}

/** The `options` parameter: command-line switches, of which `-c name=value` and `--name=value` set a setting. */
export function parseOptions(options: string): (readonly [name: string, value: string])[] {
  const words = splitOptions(options);
  const settings: (readonly [string, string])[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    let assignment: string | undefined;
    if (word.startsWith('--')) assignment = word.slice(2);
    else if (word === '-c') assignment = words[++i];
    else if (word.startsWith('-c')) assignment = word.slice(2);
    if (assignment === undefined) {
      throw fatal(
        SqlState.syntaxError,
        `invalid command-line argument for server process: ${word}`,
      );
    }
    const equals = assignment.indexOf('=');
    if (equals === -1) {
      const shown = word.startsWith('--') ? `--${assignment}` : `-c ${assignment}`;
      throw fatal(SqlState.syntaxError, `${shown} requires a value`);
    }
    settings.push([assignment.slice(0, equals).replaceAll('-', '_'), assignment.slice(equals + 1)]);
  }
  return settings;
}

/** Splits at white space; a backslash takes the next character as it is. */
function splitOptions(options: string): string[] {
  const words: string[] = [];
  let word = '';
  let isOpen = false;
  for (let i = 0; i < options.length; i++) {
    const c = options.charAt(i);
    if (/\s/.test(c)) {
      if (isOpen) words.push(word);
      word = '';
      isOpen = false;
      continue;
    }
    isOpen = true;
    word += c === '\\' && i + 1 < options.length ? options.charAt(++i) : c;
  }
  if (isOpen) words.push(word);
  return words;
}

function refuseReplication(value: string): void {
  if (/^(f|fa|fal|fals|false|n|no|of|off|0)$/i.test(value)) return;
  if (/^(database|t|tr|tru|true|y|ye|yes|on|1)$/i.test(value)) {
    throw featureNotSupported('replication connections are not supported', {severity: 'FATAL'});
  }
  throw fatal(
    SqlState.invalidParameterValue,
    `invalid value for parameter "replication": "${value}"`,
  );
}

/** Cuts a name to 63 bytes without splitting a character. */
function cutName(name: string): string {
  const bytes = Buffer.from(name);
  if (bytes.length <= maxNameBytes) return name;
  let end = maxNameBytes;
  while ((bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}

function invalidLayout(): PgError {
  return fatal(
    SqlState.protocolViolation,
    'invalid startup packet layout: expected terminator as last byte',
  );
}

function fatal(code: string, message: string): PgError {
  return new PgError(code, message, {severity: 'FATAL'});
}
