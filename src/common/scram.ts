import {createHash, createHmac, pbkdf2Sync, randomBytes} from 'node:crypto';

/** What the server keeps of a password (RFC 5802): enough to check it, not enough to log in with. */
export interface ScramVerifier {
  readonly iterations: number;
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** PBKDF2 rounds of new verifiers, PostgreSQL's default. */
export const SCRAM_DEFAULT_ITERATIONS = 4096;

/** Bytes of salt in a new verifier. */
export const SCRAM_SALT_LENGTH = 16;

const keyLength = 32;
const verifierPattern =
  /^SCRAM-SHA-256\$(\d{1,9}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)$/;

/** Makes the verifier text of pg_authid.rolpassword: `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`. */
export function makeScramVerifier(
  password: string,
  iterations = SCRAM_DEFAULT_ITERATIONS,
  salt: Buffer = randomBytes(SCRAM_SALT_LENGTH),
): string {
  const salted = pbkdf2Sync(saslPrep(password), salt, iterations, keyLength, 'sha256');
  const storedKey = sha256(hmacSha256(salted, 'Client Key'));
  const serverKey = hmacSha256(salted, 'Server Key');
  const [s, k, v] = [salt, storedKey, serverKey].map(bytes => bytes.toString('base64'));
  return `SCRAM-SHA-256$${iterations}:${s}$${k}:${v}`;
}

/** Reads a verifier text; null when it is not a SCRAM-SHA-256 verifier. */
export function parseScramVerifier(text: string): ScramVerifier | null {
  const match = verifierPattern.exec(text);
  if (match === null) return null;
  const iterations = Number(match[1]);
  const salt = Buffer.from(match[2] ?? '', 'base64');
  const storedKey = Buffer.from(match[3] ?? '', 'base64');
  const serverKey = Buffer.from(match[4] ?? '', 'base64');
  const isSound =
    iterations > 0 &&
    salt.length > 0 &&
    storedKey.length === keyLength &&
    serverKey.length === keyLength;
  return isSound ? {iterations, salt, storedKey, serverKey} : null;
}

/** Whether a plain password is the one that the verifier was made of. */
export function matchesScramVerifier(password: string, verifier: ScramVerifier): boolean {
  const {salt, iterations} = verifier;
  const salted = pbkdf2Sync(saslPrep(password), salt, iterations, keyLength, 'sha256');
  return hmacSha256(salted, 'Server Key').equals(verifier.serverKey);
}

/** HMAC-SHA-256. */
export function hmacSha256(key: Buffer, data: string | Buffer): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

/** SHA-256. */
export function sha256(data: Buffer): Buffer {
  return createHash('sha256').update(data).digest();
}

const mappedToSpace = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g;
const mappedToNothing = /[\u00ad\u034f\u1806\u180b-\u180d\u200c\u200d\u2060\ufe00-\ufe0f\ufeff]/g;
const prohibited =
  /[\p{Cc}\p{Co}\p{Cs}\p{Cn}\u00a0\u0340\u0341\u06dd\u070f\u180e\u200e\u200f\u2028-\u202e\u2061-\u2063\u206a-\u206f\ufff9-\uffff]/u;

/** SASLprep (RFC 4013); like PostgreSQL, a password that it prohibits is used as it is. */
export function saslPrep(password: string): string {
  if (/^[\x20-\x7e]*$/.test(password)) return password;
  const mapped = password
    .replace(mappedToSpace, ' ')
    .replace(mappedToNothing, '')
    .normalize('NFKC');
  return mapped === '' || prohibited.test(mapped) ? password : mapped;
}
