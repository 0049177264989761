/** What is known of an object without reading it. */
export interface ObjectInfo {
  readonly key: string;
  readonly size: number;
  /** Changes whenever the content does. */
  readonly etag: string;
  readonly modifiedAt: Date;
}

/** Bytes of an object, and which version of it they are of. */
export interface RangeRead {
  readonly bytes: Buffer;
  readonly etag: string;
  /** Of the whole object. */
  readonly size: number;
}

/** The outcome of a put: 'exists' only with `ifAbsent`, and then nothing was changed. */
export type PutResult = 'stored' | 'exists';

/** Content to be stored: bytes, or parts one after another. */
export type ObjectBody = Uint8Array | AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** How an object is put. */
export interface PutOptions {
  /** Never replaces an object that is there. */
  readonly ifAbsent?: boolean;
  /** Ends the work with the signal's reason; nothing is left behind. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Where files lie that are written once: a directory or S3. Keys are relative paths with `/`, without empty, `.` or `..` parts.
 * A put is atomic and durable when it resolves: a reader sees the whole object or none.
 */
export interface ObjectStore {
  put(key: string, body: ObjectBody, options?: PutOptions): Promise<PutResult>;
  /** All bytes, or those of a range (cut at the object's end); null when there is no such object. */
  get(
    key: string,
    range?: {readonly offset: number; readonly length: number},
  ): Promise<Buffer | null>;
  /**
   * Bytes of a range (cut at the object's end) of the version with this ETag, or of any when it is null: 'changed' when the object is
   * another one by now, null when there is none.
   */
  getRange(
    key: string,
    range: {readonly offset: number; readonly length: number},
    etag: string | null,
  ): Promise<RangeRead | 'changed' | null>;
  head(key: string): Promise<ObjectInfo | null>;
  /** Objects whose key begins with `prefix` and is greater than `after`, in byte order, at most `limit`. */
  list(
    prefix: string,
    options?: {readonly after?: string; readonly limit?: number},
  ): Promise<readonly ObjectInfo[]>;
  /** Durable when it resolves; false when there was no such object (S3 does not tell: true). */
  delete(key: string): Promise<boolean>;
  close(): Promise<void>;
}
