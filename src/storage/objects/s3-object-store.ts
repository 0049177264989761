import {randomUUID} from 'node:crypto';
import {assert, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {
  ObjectBody,
  ObjectInfo,
  ObjectStore,
  PutOptions,
  PutResult,
  RangeRead,
} from './contract.ts';
import {checkObjectKey} from './object-key.ts';
import {type S3Answer, S3Client, type S3Options} from './s3-request.ts';

const PUT_ID = 'x-amz-meta-wadi-put';
const LIST_PAGE = 1000;
const PARALLEL_PARTS = 3;

/** Objects in an S3 bucket. */
export function openS3ObjectStore(options: S3Options): ObjectStore {
  return new S3ObjectStore(options);
}

interface Upload {
  readonly key: string;
  /** Marks the object as this put's own: the answer to a request that was done can be lost. */
  readonly putId: string;
  readonly ifAbsent: boolean;
  readonly signal: AbortSignal | undefined;
}

class S3ObjectStore implements ObjectStore {
  readonly #options: S3Options;
  readonly #client: S3Client;

  constructor(options: S3Options) {
    this.#options = options;
    this.#client = new S3Client(options);
  }

  /** One request for what fits into a part, else a multipart upload, which shows the object only when it is complete. */
  async put(key: string, body: ObjectBody, options: PutOptions = {}): Promise<PutResult> {
    checkObjectKey(key);
    const {ifAbsent = false, signal} = options;
    const upload = {key, putId: randomUUID(), ifAbsent, signal};
    const parts = partsOf(body, this.#options.partBytes)[Symbol.asyncIterator]();
    const first = await parts.next();
    const second = first.done === true ? first : await parts.next();
    if (second.done === true)
      return this.#putWhole(upload, first.done === true ? EMPTY : first.value);
    return this.#putParts(upload, [first.value, second.value], parts);
  }

  async get(
    key: string,
    range?: {readonly offset: number; readonly length: number},
  ): Promise<Buffer | null> {
    checkObjectKey(key);
    if (range !== undefined && range.length <= 0) {
      const info = await this.head(key);
      return info === null ? null : EMPTY;
    }
    const headers =
      range === undefined
        ? {}
        : {range: `bytes=${range.offset}-${range.offset + range.length - 1}`};
    const answer = await this.#client.send({
      method: 'GET',
      key,
      headers,
      what: `read object "${this.#shown(key)}"`,
      accepts: [404, 416],
    });
    if (answer.status === 404) return null;
    if (answer.status === 416) return EMPTY;
    // A server without ranges sends everything.
    return range !== undefined && answer.status === 200
      ? answer.body.subarray(range.offset, range.offset + range.length)
      : answer.body;
  }

  async getRange(
    key: string,
    {offset, length}: {readonly offset: number; readonly length: number},
    etag: string | null,
  ): Promise<RangeRead | 'changed' | null> {
    checkObjectKey(key);
    const answer = await this.#client.send({
      method: 'GET',
      key,
      headers: {
        range: `bytes=${offset}-${offset + length - 1}`,
        ...(etag === null || etag === '' ? {} : {'if-match': etag}),
      },
      what: `read object "${this.#shown(key)}"`,
      accepts: [404, 412, 416],
    });
    if (answer.status === 404) return null;
    if (answer.status === 412) return 'changed';
    const total = /\/(\d+)$/.exec(answer.headers.get('content-range') ?? '')?.[1];
    const read = {etag: answer.headers.get('etag') ?? '', size: Number(total ?? 0)};
    if (answer.status === 416) return {...read, bytes: EMPTY};
    if (answer.status === 206) return {...read, bytes: answer.body};
    // A server without ranges sends everything.
    const bytes = answer.body.subarray(offset, offset + length);
    return {...read, bytes, size: answer.body.length};
  }

  async head(key: string): Promise<ObjectInfo | null> {
    const answer = await this.#head(key);
    return answer === null
      ? null
      : {
          key,
          size: Number(answer.headers.get('content-length') ?? 0),
          etag: answer.headers.get('etag') ?? '',
          modifiedAt: new Date(answer.headers.get('last-modified') ?? 0),
        };
  }

  async list(
    prefix: string,
    options: {readonly after?: string; readonly limit?: number} = {},
  ): Promise<readonly ObjectInfo[]> {
    const {after = '', limit = LIST_PAGE} = options;
    const found: ObjectInfo[] = [];
    const base = this.#options.prefix === '' ? '' : `${this.#options.prefix}/`;
    for (let token: string | null = ''; token !== null && found.length < limit; ) {
      const answer = await this.#client.send({
        method: 'GET',
        key: null,
        query: {
          'list-type': '2',
          'encoding-type': 'url',
          prefix: base + prefix,
          'max-keys': String(Math.min(LIST_PAGE, limit - found.length)),
          ...(after === '' ? {} : {'start-after': base + after}),
          ...(token === '' ? {} : {'continuation-token': token}),
        },
        what: `list storage "${this.#options.name}"`,
      });
      const text = answer.body.toString();
      for (const [, item] of text.matchAll(/<Contents>(.*?)<\/Contents>/gs))
        found.push(infoOf(item!, base));
      token = /<IsTruncated>true</.test(text) ? tagOf(text, 'NextContinuationToken') : null;
    }
    return found;
  }

  async delete(key: string): Promise<boolean> {
    checkObjectKey(key);
    const answer = await this.#client.send({
      method: 'DELETE',
      key,
      what: `delete object "${this.#shown(key)}"`,
      accepts: [404],
    });
    return answer.status !== 404;
  }

  close(): Promise<void> {
    this.#client.close();
    return Promise.resolve();
  }

  async #head(key: string): Promise<S3Answer | null> {
    checkObjectKey(key);
    const what = `read object "${this.#shown(key)}"`;
    const answer = await this.#client.send({method: 'HEAD', key, what, accepts: [404]});
    return answer.status === 404 ? null : answer;
  }

  async #putWhole(upload: Upload, body: Uint8Array): Promise<PutResult> {
    const answer = await this.#client.send({
      method: 'PUT',
      key: upload.key,
      headers: {[PUT_ID]: upload.putId, ...condition(upload)},
      body,
      what: `store object "${this.#shown(upload.key)}"`,
      accepts: [412],
      signal: upload.signal,
    });
    return answer.status === 412 ? this.#whose(upload, answer) : 'stored';
  }

  async #putParts(
    upload: Upload,
    first: readonly Uint8Array[],
    rest: AsyncIterator<Uint8Array>,
  ): Promise<PutResult> {
    const {key, ifAbsent, signal} = upload;
    const what = `store object "${this.#shown(key)}"`;
    // Some servers know the condition for whole puts only (Ceph): no use in sending all parts to one of the others, either.
    if (ifAbsent && (await this.#head(key)) !== null) return 'exists';
    const begun = await this.#client.send({
      method: 'POST',
      key,
      query: {uploads: ''},
      headers: {[PUT_ID]: upload.putId},
      what,
      signal,
    });
    const uploadId = tagOf(begun.body.toString(), 'UploadId');
    if (uploadId === null)
      throw new PgError(SqlState.ioError, `could not ${what}: the answer has no UploadId`);
    try {
      const etags = await this.#sendParts(upload, uploadId, first, rest);
      const list = etags.map(
        (etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${etag}</ETag></Part>`,
      );
      const done = await this.#client.send({
        method: 'POST',
        key,
        query: {uploadId},
        headers: {'content-type': 'application/xml', ...condition(upload)},
        body: Buffer.from(`<CompleteMultipartUpload>${list.join('')}</CompleteMultipartUpload>`),
        what,
        // 404: a try whose answer was lost has completed it.
        accepts: [404, 412],
        signal,
      });
      // A completion that fails late has status 200 and an error as its body.
      const isDone = done.status === 200 && !done.body.includes('<Error>');
      if (isDone) return 'stored';
      const result = await this.#whose(upload, done);
      if (result === 'exists') await this.#abort(key, uploadId);
      return result;
    } catch (error) {
      await this.#abort(key, uploadId);
      throw error;
    }
  }

  async #sendParts(
    upload: Upload,
    uploadId: string,
    first: readonly Uint8Array[],
    rest: AsyncIterator<Uint8Array>,
  ): Promise<string[]> {
    const etags: string[] = [];
    const running = new Set<Promise<void>>();
    let failure: unknown = null;
    const start = (part: Uint8Array, number: number): void => {
      const sent = this.#sendPart(upload, uploadId, part, number).then(
        etag => void (etags[number - 1] = etag),
        (error: unknown) => void (failure ??= error),
      );
      const tracked = sent.then(() => void running.delete(tracked));
      running.add(tracked);
    };
    let number = 0;
    for (const part of first) start(part, ++number);
    while (failure === null) {
      if (running.size >= PARALLEL_PARTS) await Promise.race(running);
      const next = await rest.next();
      if (next.done === true) break;
      start(next.value, ++number);
    }
    await Promise.all(running);
    if (failure !== null) throw failure;
    assert(etags.length === number, 'every part was stored');
    return etags;
  }

  async #sendPart(
    {key, signal}: Upload,
    uploadId: string,
    body: Uint8Array,
    number: number,
  ): Promise<string> {
    const what = `store object "${this.#shown(key)}"`;
    const query = {partNumber: String(number), uploadId};
    const answer = await this.#client.send({method: 'PUT', key, query, body, what, signal});
    const etag = answer.headers.get('etag');
    if (etag === null) throw new PgError(SqlState.ioError, `could not ${what}: a part has no ETag`);
    return etag;
  }

  /** What a refused condition means: the object is another's, or an earlier try of this put has stored it. */
  async #whose(upload: Upload, answer: S3Answer): Promise<PutResult> {
    const there = await this.#head(upload.key);
    if (there?.headers.get(PUT_ID) === upload.putId) return 'stored';
    if (answer.status === 412 && there !== null) return 'exists';
    throw new PgError(
      SqlState.ioError,
      `could not store object "${this.#shown(upload.key)}": the upload was lost (status ${answer.status})`,
    );
  }

  async #abort(key: string, uploadId: string): Promise<void> {
    const what = `end the upload of object "${this.#shown(key)}"`;
    const query = {uploadId};
    await this.#client.send({method: 'DELETE', key, query, what, accepts: [404]}).catch(() => null);
  }

  #shown(key: string): string {
    const {bucket, prefix} = this.#options;
    return `s3://${[bucket, prefix, key].filter(part => part !== '').join('/')}`;
  }
}

const EMPTY = Buffer.alloc(0);

function condition({ifAbsent}: Upload): Readonly<Record<string, string>> {
  return ifAbsent ? {'if-none-match': '*'} : {};
}

/** A body in parts of one size; the last may be smaller. */
async function* partsOf(body: ObjectBody, size: number): AsyncGenerator<Uint8Array> {
  if (body instanceof Uint8Array) {
    for (let at = 0; at === 0 || at < body.length; at += size) yield body.subarray(at, at + size);
    return;
  }
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    waiting.push(chunk);
    bytes += chunk.length;
    while (bytes >= size) {
      const joined = waiting.length === 1 ? waiting[0]! : Buffer.concat(waiting);
      yield joined.subarray(0, size);
      waiting = bytes > size ? [joined.subarray(size)] : [];
      bytes -= size;
    }
  }
  if (bytes > 0) yield waiting.length === 1 ? waiting[0]! : Buffer.concat(waiting);
}

function infoOf(item: string, base: string): ObjectInfo {
  const key = decodeURIComponent((tagOf(item, 'Key') ?? '').replaceAll('+', ' '));
  return {
    key: key.slice(base.length),
    size: Number(tagOf(item, 'Size') ?? 0),
    etag: tagOf(item, 'ETag') ?? '',
    modifiedAt: new Date(tagOf(item, 'LastModified') ?? 0),
  };
}

const ENTITIES: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  amp: '&',
};

function tagOf(xml: string, tag: string): string | null {
  const match = new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(xml);
  if (match === null) return null;
  return match[1]!.replace(/&(lt|gt|quot|apos|amp|#\d+|#x[0-9a-f]+);/gi, (whole, name: string) => {
    if (!name.startsWith('#')) return ENTITIES[name] ?? whole;
    return String.fromCodePoint(
      /^#x/i.test(name) ? parseInt(name.slice(2), 16) : Number(name.slice(1)),
    );
  });
}
