import type {Batch} from '../columns/batch.ts';
import type {SingleByteEncoding} from '../common/client-encoding.ts';
import type {Notice, PgError} from '../common/errors.ts';
import type {Oid, Seq} from '../common/ids.ts';
import type {FormatSettings, TypeInstance} from '../types/contract.ts';
import type {LiveHandle, LiveHandles, LiveReceiver, LiveRequest} from './live-contract.ts';

/** One result column as RowDescription tells it (PostgreSQL 55.7). */
export interface FieldDescription {
  readonly name: string;
  readonly tableOid: Oid;
  readonly attnum: number;
  readonly type: TypeInstance;
  readonly typmod: number;
}

/** The columns of a result. Immutable; its identity is the cache key of RowDescription bytes and encoders. */
export interface ResultShape {
  readonly fields: readonly FieldDescription[];
}

/** 0 text, 1 binary; one per column. Null = all text. Anything else raises 22023 when rows are written. */
export type Formats = readonly number[] | null;

/** Where a session writes its answers, in order. `server` implements it over the connection's one buffer; embedded use over arrays. */
export interface ResultSink {
  rowDescription(shape: ResultShape, formats: Formats): void;
  /** Encodes the live rows [from, to) of the batch (indices among live rows), straight from columns into the buffer. */
  dataRows(
    shape: ResultShape,
    formats: Formats,
    batch: Batch,
    range: {readonly from: number; readonly to: number},
    settings: FormatSettings,
  ): void;
  commandComplete(tag: string): void;
  emptyQuery(): void;
  portalSuspended(): void;
  parseComplete(): void;
  bindComplete(): void;
  closeComplete(): void;
  noData(): void;
  parameterDescription(types: readonly Oid[]): void;
  error(error: PgError): void;
  notice(notice: Notice): void;
  parameterStatus(name: string, value: string): void;
  notification(pid: number, channel: string, payload: string): void;
  readyForQuery(status: 'I' | 'T' | 'E'): void;
  copyInResponse(isBinary: boolean, columnCount: number): void;
  copyOutResponse(isBinary: boolean, columnCount: number): void;
  /** One CopyData message holding these bytes (copied before return). */
  copyData(bytes: Uint8Array): void;
  copyDone(): void;
  functionCallResponse(value: Uint8Array | null): void;
  /** Nothing written after this call leaves the process before `seq` is durable. Work goes on. */
  holdUntil(seq: Seq): void;
  /** The session has committed writes as `seq`. */
  committed?(seq: Seq): void;
  /** Whether the client has sent more than the message that is worked on and its Sync. */
  readonly hasInput?: boolean;
  /** True while the client does not read: pull no more rows; await `drained`. */
  readonly isFull: boolean;
  drained(): Promise<void>;
  /** Sends what is buffered (asynchronous answers, notifications); otherwise the connection flushes at the end of a chunk. */
  flush(): void;
  /** Writes the FATAL error and ends the connection. */
  fatal(error: PgError): void;
}

/** Bind, read straight from the chunk: offsets are into `buffer`, valid during the call only. */
export interface BindMessage {
  readonly portal: string;
  readonly statement: string;
  /** 0, 1 or parameter-count format codes. */
  readonly parameterFormats: readonly number[];
  readonly buffer: Buffer;
  readonly parameterCount: number;
  /** Start of each value in `buffer`. */
  readonly offsets: readonly number[];
  /** Length of each value, -1 = NULL. */
  readonly lengths: readonly number[];
  /** 0, 1 or column-count format codes. */
  readonly resultFormats: readonly number[];
}

/**
 * One client. Methods answer through the ResultSink. Each returns undefined when it finished in the turn, or a promise
 * when it paused: until then the
 * connection dispatches nothing further but copy messages (while `copyIn` is set), cancel and end. A PgError thrown or
 * rejected is reported by the connection, which first calls
 * `failed`, and (extended protocol) skips to Sync.
 */
export interface Session {
  readonly pid: number;
  query(sql: string): Promise<void> | undefined;
  parse(name: string, sql: string, parameterTypes: readonly number[]): Promise<void> | undefined;
  bind(message: BindMessage): Promise<void> | undefined;
  describe(kind: 'S' | 'P', name: string): Promise<void> | undefined;
  execute(portal: string, maxRows: number): Promise<void> | undefined;
  close(kind: 'S' | 'P', name: string): Promise<void> | undefined;
  /** Ends the implicit transaction; writes ReadyForQuery. */
  sync(): Promise<void> | undefined;
  functionCall(
    functionOid: number,
    argFormats: readonly number[],
    args: readonly (Buffer | null)[],
    resultFormat: number,
  ): Promise<void> | undefined;
  /**
   * Opens a live query beside the session's statements; call it while no other method is under way. Rejects with what
   * the client may see. It ends with its handle (close it before `end`), or by `receiver.closed`.
   */
  subscribe?(request: LiveRequest, receiver: LiveReceiver): Promise<LiveHandle>;
  /** Finds open live queries. */
  readonly live?: LiveHandles;
  /** Set while COPY FROM STDIN waits for data: the connection passes CopyData, CopyDone, CopyFail to it. */
  readonly copyIn: CopyInReceiver | null;
  /** What the client's texts are encoded in; null or absent: UTF-8. Data of COPY are the session's affair. */
  readonly clientEncoding?: SingleByteEncoding | null;
  /**
   * Aborts the implicit transaction or marks the block failed; completes the error (position, where). Simple protocol:
   * also writes ReadyForQuery after the connection wrote the error, through `readyAfterError`.
   */
  failed(error: unknown): PgError;
  /** ReadyForQuery after an error in a simple query. */
  readyAfterError(): void;
  /** Cancel request: the running statement ends with 57014; nothing when idle. Never throws. */
  cancel(): void;
  /** The connection is gone or said Terminate: roll back, release all. */
  end(): Promise<void>;
}

/** Receives the COPY stream of a COPY FROM STDIN in progress. A returned promise is back-pressure: stop reading until it resolves. */
export interface CopyInReceiver {
  data(chunk: Buffer): Promise<void> | undefined;
  done(): void;
  fail(message: string): void;
  /**
   * The stream broke off (protocol violation, lost client): the statement fails with this error, completed by its
   * `where`. Absent: `fail` is called.
   */
  abort?(error: PgError): void;
}

/** What the start-up packet asked for. */
export interface SessionOptions {
  readonly user: string;
  readonly database: string;
  /** Settings from the start-up packet and its `options`, in order; unknown ones raise 42704. */
  readonly settings: readonly (readonly [name: string, value: string])[];
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Where the client has reached the server; absent where there is no socket. */
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly isLoopback: boolean;
  readonly pid: number;
  /** Came without a login, as a role that need not be permitted one. */
  readonly isAnonymous?: boolean;
}

/** What login needs to know of a role. */
export interface LoginRole {
  readonly oid: Oid;
  readonly name: string;
  readonly canLogin: boolean;
  /** SCRAM verifier text or null. */
  readonly password: string | null;
  readonly validUntil: string | null;
  readonly isSuperuser: boolean;
}

/** The database as the server sees it: login facts and sessions. */
export interface SessionHost {
  /** Undefined when no such role exists. */
  loginRole(name: string): LoginRole | undefined;
  hasDatabase(name: string): boolean;
  /** Throws PgError (FATAL) when the options are wrong: 3D000, 42704, 28000, 53300. ParameterStatus values come from `reportedSettings`. */
  openSession(options: SessionOptions, sink: ResultSink): Session;
  /** The reported settings of a session in PostgreSQL's order for the start-up answer. */
  reportedSettings(session: Session): readonly (readonly [name: string, value: string])[];
}
