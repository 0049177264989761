import {PgError, internalError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {CopyInReceiver, Session} from '../session/contract.ts';
import {readText} from '../wire/frontend-messages.ts';
import type {MessageCursor} from '../wire/message-cursor.ts';
import {FrontendType} from '../wire/protocol.ts';

/** Passes the messages of COPY FROM STDIN to the session (PostgreSQL 55.2.6). */
export class CopyInput {
  readonly #onResume: () => void;
  /** The receiver that has got its end; the next COPY of the same string starts with CopyInResponse. */
  #ended: CopyInReceiver | null = null;
  #isBusy = false;
  /** A message that may not come now has been met: the connection ends after the error. */
  hasLostSync = false;

  /** `onResume` is called when a busy receiver takes more. */
  constructor(onResume: () => void) {
    this.#onResume = onResume;
  }

  /** A COPY begins. */
  start(): void {
    this.#ended = null;
  }

  /** The statement has ended. */
  reset(): void {
    this.#ended = null;
    this.#isBusy = false;
  }

  /** The receiver that waits for a message, or null. */
  receiver(session: Session | null): CopyInReceiver | null {
    const copyIn = session?.copyIn ?? null;
    return copyIn !== this.#ended && !this.#isBusy ? copyIn : null;
  }

  /** Handles the message that the cursor points at. */
  message(receiver: CopyInReceiver, type: number, cursor: MessageCursor): void {
    try {
      switch (type) {
        case FrontendType.copyData: {
          const busy = receiver.data(cursor.buffer.subarray(cursor.at, cursor.end));
          if (busy !== undefined) this.#await(receiver, busy);
          return;
        }
        case FrontendType.copyDone:
          this.#ended = receiver;
          receiver.done();
          return;
        case FrontendType.copyFail: {
          const text = readText(cursor);
          this.#ended = receiver;
          receiver.fail(text);
          return;
        }
        case FrontendType.flush:
        case FrontendType.sync:
          return;
        default:
          this.loseSync(receiver, type);
      }
    } catch (error) {
      this.abort(receiver, error);
    }
  }

  /** Any other message inside COPY ends the statement, then the session. */
  loseSync(receiver: CopyInReceiver, type: number): void {
    const code = type.toString(16).toUpperCase().padStart(2, '0');
    this.hasLostSync = true;
    this.abort(
      receiver,
      new PgError(
        SqlState.protocolViolation,
        `unexpected message type 0x${code} during COPY from stdin`,
      ),
    );
  }

  /** The client is gone. */
  loseClient(receiver: CopyInReceiver): void {
    this.abort(
      receiver,
      new PgError(
        SqlState.connectionFailure,
        'unexpected EOF on client connection with an open transaction',
      ),
    );
  }

  /** The statement fails with this error. */
  abort(receiver: CopyInReceiver, thrown: unknown): void {
    this.#ended = receiver;
    const error =
      thrown instanceof PgError ? thrown : internalError(`COPY input: ${String(thrown)}`, thrown);
    if (receiver.abort !== undefined) receiver.abort(error);
    else receiver.fail(error.message);
  }

  #await(receiver: CopyInReceiver, busy: Promise<void>): void {
    this.#isBusy = true;
    const resume = (): void => {
      this.#isBusy = false;
      this.#onResume();
    };
    busy.then(resume, (error: unknown) => {
      if (this.#isBusy) this.abort(receiver, error);
      resume();
    });
  }
}
