import {SqlState, WadiError} from './errors.ts';
import {utf8Length} from './protocol.ts';

/** A message that is answered by its id. */
export interface Request {
  /** Positive; an unsubscription has that of the subscription, negated. */
  readonly id: number;
  /** It waits for the next connection when there is none. */
  readonly isLasting: boolean;
  /** Made when it is sent. */
  message(): object;
  /** It was not answered: refused by the server, or the connection was lost after it was sent. */
  failed(error: WadiError): void;
}

/** Requests at once; the others wait here, where they can be taken back. The server refuses some at 2048. */
const maxSent = 32;
/** What the server takes as one frame. */
const maxBytes = 1024 * 1024;

/** Requests in their order: those that wait for a connection, and those that wait for their answer. */
export class Requests {
  readonly #send: (text: string) => boolean;
  #waiting: Request[] = [];
  readonly #sent = new Map<number, Request>();

  constructor(send: (text: string) => boolean) {
    this.#send = send;
  }

  add(request: Request): void {
    this.#waiting.push(request);
    this.pump();
  }

  /** One that was sent and has no answer yet. */
  get(id: number): Request | undefined {
    return this.#sent.get(id);
  }

  /** It has its answer. */
  settle(id: number): void {
    if (this.#sent.delete(id)) this.pump();
  }

  /** Takes back what was not sent yet. */
  remove(id: number): boolean {
    const at = this.#waiting.findIndex(request => request.id === id);
    if (at !== -1) this.#waiting.splice(at, 1);
    return at !== -1;
  }

  /** What was sent may or may not have been carried out. */
  lost(error: WadiError): void {
    const sent = [...this.#sent.values()];
    this.#sent.clear();
    this.#waiting = this.#waiting.filter(request => request.isLasting);
    for (const request of sent) request.failed(error);
  }

  /** There will be no connection. */
  end(error: WadiError): void {
    this.lost(error);
    for (const request of this.#waiting.splice(0)) request.failed(error);
  }

  /** Sends what may be sent now. */
  pump(): void {
    while (this.#sent.size < maxSent && this.#waiting.length > 0) {
      const request = this.#waiting[0]!;
      const text = JSON.stringify(request.message());
      if (isTooLong(text)) {
        this.#waiting.shift();
        request.failed(new WadiError({code: '54000', message: 'a request has at most 1 MiB'}));
        continue;
      }
      if (!this.#send(text)) return;
      this.#waiting.shift();
      this.#sent.set(request.id, request);
    }
  }
}

function isTooLong(text: string): boolean {
  // Most need not be counted.
  return text.length * 3 > maxBytes && utf8Length(text) > maxBytes;
}

/** The error of requests after close(). */
export function closedError(): WadiError {
  return new WadiError({code: SqlState.connectionDoesNotExist, message: 'the client is closed'});
}
