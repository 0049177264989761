import {createHash, createHmac, timingSafeEqual} from 'node:crypto';
import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http';
import type {AddressInfo} from 'node:net';

/** A request as the server saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly key: string;
  readonly query: ReadonlyMap<string, string>;
  readonly range: string | null;
}

/** What goes wrong with a request: an answer of that status, no answer, a lost one (the work is done), or garbage. */
export type Fault = number | 'hang' | 'reset' | 'lose' | 'garble';

interface StoredObject {
  readonly body: Buffer;
  readonly etag: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly modifiedAt: Date;
}

interface Upload {
  readonly key: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly parts: Map<number, StoredObject>;
}

/** Bucket and keys of the test server. */
export const TEST_BUCKET = 'river-bed';
export const TEST_ACCESS_KEY = 'AKIATESTTESTTEST';
export const TEST_SECRET_KEY = 'nobody+may/ever=see-this-secret';

/**
 * A small S3 of our own: path-style, one bucket, SigV4 checked, If-None-Match honoured, ranges, multipart, listing. Faults can be
 * injected. It exists because a real one takes longer to start than a test run.
 */
export class S3Server {
  readonly objects = new Map<string, StoredObject>();
  readonly uploads = new Map<string, Upload>();
  readonly seen: SeenRequest[] = [];
  /** Asked for each authentic request; null = nothing goes wrong. */
  fault: (request: SeenRequest) => Fault | null = () => null;
  /** An old server, which does not know conditions. */
  ignoresConditions = false;
  /** Conditions hold for whole puts only, as with Ceph 16. */
  ignoresPartConditions = false;
  readonly #server: Server;
  #nextUpload = 1;

  constructor() {
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) => {
        fail(response, 500, 'InternalError', String(error));
      });
    });
  }

  static async start(): Promise<S3Server> {
    const server = new S3Server();
    await new Promise<void>(resolve => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Objects below a prefix, in order. */
  keys(prefix = ''): string[] {
    return [...this.objects.keys()].filter(key => key.startsWith(prefix)).sort();
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise(resolve => this.#server.close(resolve));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    const url = new URL(request.url ?? '/', 'http://host');
    const [, bucket = '', ...rest] = url.pathname.split('/').map(decodeURIComponent);
    const seen: SeenRequest = {
      method: request.method ?? '',
      key: rest.join('/'),
      query: new Map(url.searchParams),
      range: request.headers.range ?? null,
    };
    const refusal = refusalOf(request, url, body);
    if (refusal !== null) return fail(response, 403, refusal);
    if (bucket !== TEST_BUCKET) return fail(response, 404, 'NoSuchBucket');
    this.seen.push(seen);
    const fault = this.fault(seen);
    if (fault === 'hang') return;
    if (fault === 'reset') return void request.socket.resetAndDestroy();
    if (typeof fault === 'number')
      return fail(response, fault, fault === 503 ? 'SlowDown' : 'InternalError');
    if (fault === 'lose') {
      response.end = () => (request.socket.resetAndDestroy(), response);
      response.writeHead = () => response;
    }
    this.#answer(request, response, seen, body, fault === 'garble');
  }

  #answer(
    request: IncomingMessage,
    response: ServerResponse,
    seen: SeenRequest,
    body: Buffer,
    garbles: boolean,
  ): void {
    const {method, key, query} = seen;
    if (key === '') return this.#list(response, query);
    if (method === 'GET' || method === 'HEAD') return this.#get(request, response, seen, garbles);
    if (method === 'DELETE' && query.has('uploadId')) {
      this.uploads.delete(query.get('uploadId')!);
      return void response.writeHead(204).end();
    }
    if (method === 'DELETE') {
      this.objects.delete(key);
      return void response.writeHead(204).end();
    }
    if (method === 'POST' && query.has('uploads')) return this.#begin(request, response, key);
    const uploadId = query.get('uploadId');
    if (uploadId !== undefined) {
      const upload = this.uploads.get(uploadId);
      if (upload === undefined || upload.key !== key) return fail(response, 404, 'NoSuchUpload');
      if (method === 'POST') return this.#complete(request, response, upload, uploadId, body);
      const part = stored(body, new Map());
      upload.parts.set(Number(query.get('partNumber')), part);
      return void response.writeHead(200, {etag: part.etag}).end();
    }
    if (method !== 'PUT') return fail(response, 405, 'MethodNotAllowed');
    if (this.#isRefused(request, key)) return fail(response, 412, 'PreconditionFailed');
    const object = stored(body, metadataOf(request));
    this.objects.set(key, object);
    response.writeHead(200, {etag: object.etag}).end();
  }

  #isRefused(request: IncomingMessage, key: string): boolean {
    return (
      !this.ignoresConditions && request.headers['if-none-match'] === '*' && this.objects.has(key)
    );
  }

  #get(
    request: IncomingMessage,
    response: ServerResponse,
    {method, key}: SeenRequest,
    garbles: boolean,
  ): void {
    const object = this.objects.get(key);
    if (object === undefined) return fail(response, 404, 'NoSuchKey');
    const wanted = request.headers['if-match'];
    if (wanted !== undefined && wanted !== object.etag)
      return fail(response, 412, 'PreconditionFailed');
    const headers: Record<string, string> = {
      etag: object.etag,
      'last-modified': object.modifiedAt.toUTCString(),
    };
    for (const [name, value] of object.metadata) headers[name] = value;
    const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    let body = object.body;
    if (match !== null) {
      const from = Number(match[1]);
      if (from >= body.length) return fail(response, 416, 'InvalidRange');
      const to = Math.min(Number(match[2]), body.length - 1);
      headers['content-range'] = `bytes ${from}-${to}/${body.length}`;
      body = body.subarray(from, to + 1);
    }
    if (garbles) {
      body = Buffer.from(body);
      body[body.length >> 1]! ^= 0xff;
    }
    headers['content-length'] = String(body.length);
    response.writeHead(match === null ? 200 : 206, headers);
    if (method === 'HEAD') response.end();
    else response.end(body);
  }

  #begin(request: IncomingMessage, response: ServerResponse, key: string): void {
    const id = `upload-${this.#nextUpload++}`;
    this.uploads.set(id, {key, metadata: metadataOf(request), parts: new Map()});
    xml(
      response,
      `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
    );
  }

  #complete(
    request: IncomingMessage,
    response: ServerResponse,
    upload: Upload,
    id: string,
    body: Buffer,
  ): void {
    if (!this.ignoresPartConditions && this.#isRefused(request, upload.key))
      return fail(response, 412, 'PreconditionFailed');
    const parts: Buffer[] = [];
    for (const [, number, etag] of body
      .toString()
      .matchAll(/<PartNumber>(\d+)<\/PartNumber><ETag>([^<]*)<\/ETag>/g)) {
      const part = upload.parts.get(Number(number));
      if (part === undefined || part.etag !== etag) return fail(response, 400, 'InvalidPart');
      parts.push(part.body);
    }
    if (parts.slice(0, -1).some(part => part.length < 5 * 1024 * 1024))
      return fail(response, 400, 'EntityTooSmall');
    this.uploads.delete(id);
    this.objects.set(upload.key, stored(Buffer.concat(parts), upload.metadata));
    xml(response, '<CompleteMultipartUploadResult/>');
  }

  #list(response: ServerResponse, query: ReadonlyMap<string, string>): void {
    const limit = Number(query.get('max-keys') ?? 1000);
    const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
    const keys = this.keys(query.get('prefix')).filter(key => key > after);
    const page = keys.slice(0, limit);
    const items = page.map(key => {
      const {body, etag, modifiedAt} = this.objects.get(key)!;
      const time = modifiedAt.toISOString();
      const tag = etag.replaceAll('"', '&quot;');
      return (
        `<Contents><Key>${encodeURIComponent(key)}</Key><LastModified>${time}</LastModified>` +
        `<ETag>${tag}</ETag><Size>${body.length}</Size></Contents>`
      );
    });
    const isCut = keys.length > page.length;
    const token = isCut ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : '';
    xml(
      response,
      `<ListBucketResult><IsTruncated>${isCut}</IsTruncated>${token}${items.join('')}</ListBucketResult>`,
    );
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function stored(body: Buffer, metadata: ReadonlyMap<string, string>): StoredObject {
  const etag = `"${createHash('md5').update(body).digest('hex')}"`;
  return {body, etag, metadata, modifiedAt: new Date()};
}

function metadataOf(request: IncomingMessage): Map<string, string> {
  const metadata = new Map<string, string>();
  for (const [name, value] of Object.entries(request.headers))
    if (name.startsWith('x-amz-meta-')) metadata.set(name, String(value));
  return metadata;
}

function xml(response: ServerResponse, text: string): void {
  response.writeHead(200, {'content-type': 'application/xml'}).end(`<?xml version="1.0"?>${text}`);
}

function fail(response: ServerResponse, status: number, code: string, message = ''): void {
  // Real servers repeat in their message what was signed.
  const access = `<AWSAccessKeyId>${TEST_ACCESS_KEY}</AWSAccessKeyId>`;
  const text = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message>${access}</Error>`;
  response.writeHead(status, {'content-type': 'application/xml'}).end(text);
}

/** SigV4 by the book, from the request as it came in; null when it is right. */
function refusalOf(request: IncomingMessage, url: URL, body: Buffer): string | null {
  const header =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      request.headers.authorization ?? '',
    );
  if (header === null) return 'AccessDenied';
  const [, accessKey, date, region, signedHeaders, signature] = header as unknown as string[];
  if (accessKey !== TEST_ACCESS_KEY) return 'InvalidAccessKeyId';
  const payload = String(request.headers['x-amz-content-sha256']);
  if (payload !== sha256(body)) return 'XAmzContentSHA256Mismatch';
  const names = signedHeaders!.split(';');
  const mustBeSigned = Object.keys(request.headers).filter(
    name => name === 'host' || name === 'if-none-match' || name.startsWith('x-amz-'),
  );
  if (!mustBeSigned.every(name => names.includes(name))) return 'AccessDenied';
  const canonical = [
    request.method,
    (request.url ?? '').split('?', 1)[0],
    [...url.searchParams]
      .map(([name, value]) => [rfc3986(name), rfc3986(value)] as const)
      .sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : 1))
      .map(([name, value]) => `${name}=${value}`)
      .join('&'),
    ...names.map(
      name =>
        `${name}:${String(request.headers[name] ?? '')
          .trim()
          .replace(/\s+/g, ' ')}`,
    ),
    '',
    signedHeaders,
    payload,
  ].join('\n');
  const scope = `${date}/${region}/s3/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', request.headers['x-amz-date'], scope, sha256(canonical)].join(
    '\n',
  );
  let key: Buffer = Buffer.from(`AWS4${TEST_SECRET_KEY}`);
  for (const part of [date!, region!, 's3', 'aws4_request', text])
    key = createHmac('sha256', key).update(part).digest();
  return timingSafeEqual(key, Buffer.from(signature!, 'hex')) ? null : 'SignatureDoesNotMatch';
}

function rfc3986(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    letter => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(data: Buffer | string): string {
  return createHash('sha256').update(data).digest('hex');
}
