// Hot path: one call per message.
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {Session} from '../session/contract.ts';
import {readBind, readFunctionCall, readParse, readText} from '../wire/frontend-messages.ts';
import type {MessageCursor} from '../wire/message-cursor.ts';
import {FrontendType} from '../wire/protocol.ts';

/** Reads the message that the cursor points at and gives it to the session. Flush and stray copy messages do nothing here. */
export function dispatchMessage(
  session: Session,
  type: number,
  cursor: MessageCursor,
): Promise<void> | undefined {
  switch (type) {
    case FrontendType.query:
      return session.query(readText(cursor));
    case FrontendType.bind:
      return session.bind(readBind(cursor));
    case FrontendType.execute: {
      const portal = cursor.name();
      const maxRows = cursor.int32();
      cursor.finish();
      return session.execute(portal, maxRows);
    }
    case FrontendType.sync:
      cursor.finish();
      return session.sync();
    case FrontendType.parse: {
      const {name, sql, parameterTypes} = readParse(cursor);
      return session.parse(name, sql, parameterTypes);
    }
    case FrontendType.describe: {
      const kind = subtype(cursor, 'DESCRIBE');
      return session.describe(kind, lastName(cursor));
    }
    case FrontendType.close: {
      const kind = subtype(cursor, 'CLOSE');
      return session.close(kind, lastName(cursor));
    }
    case FrontendType.functionCall: {
      const {functionOid, argFormats, args, resultFormat} = readFunctionCall(cursor);
      return session.functionCall(functionOid, argFormats, args, resultFormat);
    }
    default:
      return undefined;
  }
}

/** Whether an error in a message of this type is followed by ReadyForQuery; after the others the server skips to Sync. */
export function answersReady(type: number): boolean {
  return (
    type === FrontendType.query || type === FrontendType.functionCall || type === FrontendType.sync
  );
}

function subtype(cursor: MessageCursor, message: string): 'S' | 'P' {
  const kind = cursor.byte();
  if (kind === 0x53) return 'S';
  if (kind === 0x50) return 'P';
  throw new PgError(SqlState.protocolViolation, `invalid ${message} message subtype ${kind}`);
}

function lastName(cursor: MessageCursor): string {
  const name = cursor.name();
  cursor.finish();
  return name;
}
