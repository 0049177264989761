import type {IncomingMessage} from 'node:http';
import {badRequest} from './http-error.ts';

/** Reads a body of JSON, an object, of at most so many bytes. Rejects with 400, 413 or 415. */
export async function readJson(
  request: IncomingMessage,
  maxBytes: number,
): Promise<Readonly<Record<string, unknown>>> {
  const [type = ''] = (request.headers['content-type'] ?? '').split(';', 1);
  if (type.trim().toLowerCase() !== 'application/json')
    throw badRequest('the body must be application/json', 415);
  const text = await readBody(request, maxBytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw badRequest('the body is no JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badRequest('the body must be a JSON object');
  return value as Readonly<Record<string, unknown>>;
}

function readBody(request: IncomingMessage, maxBytes: number): Promise<string> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  if (request.destroyed) throw badRequest('the body did not arrive');
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) chunks.push(chunk);
      else {
        request.pause();
        reject(tooLarge(maxBytes));
      }
    });
    request.on('end', () => {
      const bytes = Buffer.concat(chunks);
      const text = bytes.toString();
      // A replacement character that was not sent: the bytes are no UTF-8.
      if (text.includes('\ufffd') && !bytes.equals(Buffer.from(text)))
        reject(badRequest('the body is no UTF-8'));
      else resolve(text);
    });
    request.on('error', () => reject(badRequest('the body did not arrive')));
    request.on('close', () => reject(badRequest('the body did not arrive')));
  });
}

function tooLarge(maxBytes: number): Error {
  return badRequest(`the body is larger than ${maxBytes} bytes`, 413);
}

/** A member that is text, null when it is absent; 400 when it is something else. */
export function textMember(body: Readonly<Record<string, unknown>>, name: string): string | null {
  const value = body[name];
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string') throw badRequest(`"${name}" must be a string`);
  return value;
}

/** A member that is a list, null when it is absent; 400 when it is something else. */
export function listMember(
  body: Readonly<Record<string, unknown>>,
  name: string,
): readonly unknown[] | null {
  const value = body[name];
  if (value === undefined || value === null) return null;
  if (!Array.isArray(value)) throw badRequest(`"${name}" must be a list`);
  return value;
}

/** 400 when there is a member that is not known: nothing is ignored in silence. */
export function requireKnown(
  body: Readonly<Record<string, unknown>>,
  known: readonly string[],
): void {
  const unknown = Object.keys(body).find(name => !known.includes(name));
  if (unknown !== undefined) throw badRequest(`unknown member "${unknown}"`);
}
