import {setTimeout as pause} from 'node:timers/promises';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';

/** Access to S3: what a request is signed with. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | null;
}

/** A bucket, how it is reached, and how patiently. */
export interface S3Options {
  /** The storage's name, for messages. */
  readonly name: string;
  readonly bucket: string;
  /** Before every key; empty, or without a slash at its ends. */
  readonly prefix: string;
  readonly region: string;
  /** Null: Amazon's. */
  readonly endpoint: string | null;
  /** The bucket is the first part of the path, not of the host name. */
  readonly isPathStyle: boolean;
  /** Asked for each request, so that keys can be rotated. */
  readonly credentials: () => S3Credentials;
  readonly timeoutMs: number;
  /** Tries of a request before it fails. */
  readonly attempts: number;
  /** First pause between two tries; each further one is twice as long, up to `MAX_PAUSE_MS`. */
  readonly pauseMs: number;
  readonly partBytes: number;
}

/** One request to a bucket. */
export interface S3Request {
  readonly method: 'GET' | 'PUT' | 'POST' | 'HEAD' | 'DELETE';
  /** Null: the bucket itself. */
  readonly key: string | null;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** What failed, for the message: `read object "x"`. */
  readonly what: string;
  /** Statuses that are answers, not failures, beside 2xx. */
  readonly accepts?: readonly number[];
  readonly signal?: AbortSignal | undefined;
}

/** An answer: its body is read whole. */
export interface S3Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
  /** Tries that failed before: what was asked for may have been done by one of them. */
  readonly failedTries: number;
}

const MAX_PAUSE_MS = 5000;
const RETRIED: ReadonlySet<number> = new Set([408, 409, 425, 429, 500, 502, 503, 504]);
const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** Signs and sends requests; repeats those that failed for a reason that passes. */
export class S3Client {
  readonly #options: S3Options;
  readonly #signingKeys = new Map<string, ArrayBuffer>();
  readonly #closing = new AbortController();

  constructor(options: S3Options) {
    this.#options = options;
  }

  async send(request: S3Request): Promise<S3Answer> {
    const {attempts, pauseMs} = this.#options;
    for (let tried = 0; ; tried++) {
      request.signal?.throwIfAborted();
      const isLast = tried + 1 >= attempts;
      try {
        const {status, headers, body} = await this.#once(request);
        if ((status >= 200 && status < 300) || request.accepts?.includes(status) === true)
          return {status, headers, body, failedTries: tried};
        const code = errorCode(body);
        const mayPass = RETRIED.has(status) || code === 'RequestTimeout';
        if (isLast || !mayPass) throw refused(request, status, code);
      } catch (error) {
        if (error instanceof PgError) throw error;
        request.signal?.throwIfAborted();
        if (isLast || this.#closing.signal.aborted) throw unreachable(request, error);
      }
      const longest = Math.min(MAX_PAUSE_MS, pauseMs * 2 ** tried);
      await pause(longest * (0.5 + Math.random() / 2), undefined, {
        signal: anySignal(this.#closing.signal, request.signal),
      }).catch(() => null);
    }
  }

  /** Ends what is under way; later requests fail. */
  close(): void {
    this.#closing.abort(new Error('the storage is closed'));
  }

  async #once(request: S3Request): Promise<Omit<S3Answer, 'failedTries'>> {
    const {region, credentials, timeoutMs} = this.#options;
    const {accessKeyId, secretAccessKey, sessionToken} = credentials();
    const body = request.body ?? null;
    const {AwsV4Signer} = await import('aws4fetch');
    const signer = new AwsV4Signer({
      method: request.method,
      url: this.#url(request),
      headers: {
        ...request.headers,
        'x-amz-content-sha256': body === null ? EMPTY_SHA256 : await sha256(body),
      },
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === null ? {} : {sessionToken}),
      service: 's3',
      region,
      cache: this.#signingKeys,
      // Conditions and ranges are part of what is asked for: they are signed, too.
      allHeaders: true,
    });
    const {method, url, headers} = await signer.sign();
    const signal = anySignal(
      AbortSignal.timeout(timeoutMs),
      anySignal(this.#closing.signal, request.signal),
    );
    const sent =
      body === null
        ? null
        : new Uint8Array(body.buffer as ArrayBuffer, body.byteOffset, body.length);
    const answer = await fetch(url, {method, headers, body: sent, signal, redirect: 'manual'});
    return {
      status: answer.status,
      headers: answer.headers,
      body: Buffer.from(await answer.arrayBuffer()),
    };
  }

  #url({key, query}: S3Request): string {
    const {bucket, region, endpoint, isPathStyle, prefix} = this.#options;
    const url = new URL(endpoint ?? `https://s3.${region}.amazonaws.com`);
    const base = url.pathname.replace(/\/$/, '');
    const path =
      key === null
        ? ''
        : [...prefix.split('/'), ...key.split('/')]
            .filter(part => part !== '')
            .map(encodePart)
            .join('/');
    if (isPathStyle) url.pathname = `${base}/${encodePart(bucket)}/${path}`;
    else {
      url.hostname = `${bucket}.${url.hostname}`;
      url.pathname = `${base}/${path}`;
    }
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
    // A space is %20 in a signature, never +.
    url.search = url.search.replaceAll('+', '%20');
    return url.href;
  }
}

function encodePart(part: string): string {
  return encodeURIComponent(part).replace(
    /[!'()*]/g,
    letter => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return Buffer.from(digest).toString('hex');
}

function anySignal(first: AbortSignal, second: AbortSignal | undefined): AbortSignal {
  return second === undefined ? first : AbortSignal.any([first, second]);
}

/** S3's word for what went wrong; its sentences can repeat what was signed and are not shown. */
function errorCode(body: Buffer): string | null {
  return /<Code>([A-Za-z0-9.]{1,64})<\/Code>/.exec(body.toString('latin1', 0, 4096))?.[1] ?? null;
}

function refused({what}: S3Request, status: number, code: string | null): PgError {
  const reason = code === null ? `status ${status}` : `${code} (status ${status})`;
  const state =
    status === 401 || status === 403 ? SqlState.insufficientPrivilege : SqlState.ioError;
  return new PgError(state, `could not ${what}: ${reason}`);
}

function unreachable({what}: S3Request, error: unknown): PgError {
  return new PgError(SqlState.ioError, `could not ${what}: ${reasonOf(error)}`, {cause: error});
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'the request failed';
  if (error.name === 'TimeoutError') return 'the server did not answer in time';
  const {cause} = error;
  const code =
    cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.message) : null;
  return code ?? error.message;
}
