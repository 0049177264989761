import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';

/** An answer that is no result: a status and what goes wrong. */
export class HttpError extends Error {
  readonly status: number;
  readonly error: PgError;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, error: PgError, headers: Readonly<Record<string, string>> = {}) {
    super(error.message);
    this.status = status;
    this.error = error;
    this.headers = headers;
  }
}

const byClass: Readonly<Record<string, number>> = {
  '08': 400,
  '0A': 501,
  '23': 409,
  '25': 409,
  '28': 401,
  '40': 409,
  '53': 503,
  '54': 413,
  '55': 409,
  '57': 503,
  '58': 500,
  XX: 500,
};

const byCode: Readonly<Record<string, number>> = {
  [SqlState.insufficientPrivilege]: 403,
  [SqlState.queryCanceled]: 504,
  [SqlState.invalidCatalogName]: 404,
  [SqlState.configurationLimitExceeded]: 429,
};

/** The HTTP status of an SQLSTATE: 400 unless the statement is not what is wrong. */
export function statusOf({code}: PgError): number {
  return byCode[code] ?? byClass[code.slice(0, 2)] ?? 400;
}

/** A request that is no statement: 08P01 and a status. */
export function badRequest(message: string, status = 400): HttpError {
  return new HttpError(status, new PgError(SqlState.protocolViolation, message));
}

/** The one answer to a client that did not prove who it is. */
export function unauthorized(message = 'authentication failed'): HttpError {
  return new HttpError(401, new PgError(SqlState.invalidPassword, message), {
    'WWW-Authenticate': 'Bearer realm="wadi"',
  });
}

/** Limits of this moment: come again. */
export function tooBusy(message: string): HttpError {
  return new HttpError(503, new PgError(SqlState.tooManyConnections, message), {
    'Retry-After': '1',
  });
}
