/** What the server tells of an error, in PostgreSQL's words. */
export interface ErrorFields {
  readonly code: string;
  readonly message: string;
  readonly severity?: string;
  readonly detail?: string;
  readonly hint?: string;
  /** 1-based, in characters of the statement. */
  readonly position?: number;
  readonly where?: string;
  readonly schema?: string;
  readonly table?: string;
  readonly column?: string;
  readonly constraint?: string;
  readonly dataType?: string;
}

/** An error of the server, or of the connection (SQLSTATE class 08). `code` is the SQLSTATE, `fields` everything that is known. */
export class WadiError extends Error {
  override readonly name = 'WadiError';
  readonly code: string;
  readonly fields: ErrorFields;

  constructor(fields: ErrorFields) {
    super(fields.message);
    this.code = fields.code;
    this.fields = fields;
  }

  /** The connection was lost, not the statement refused: whether it was carried out is not known. */
  get isConnectionLoss(): boolean {
    return this.code === SqlState.connectionFailure;
  }
}

/** SQLSTATEs that the client itself knows. */
export const SqlState = {
  connectionDoesNotExist: '08003',
  connectionFailure: '08006',
  protocolViolation: '08P01',
  invalidParameterValue: '22023',
  invalidAuthorization: '28000',
} as const;

/** A text with a zero byte, which the server takes for a broken message. */
export function zeroByte(): WadiError {
  return new WadiError({code: '22021', message: 'invalid byte sequence for encoding "UTF8": 0x00'});
}

/** Whatever was thrown, as a WadiError. */
export function asWadiError(thrown: unknown): WadiError {
  if (thrown instanceof WadiError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new WadiError({code: SqlState.connectionFailure, message});
}
