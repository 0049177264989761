import type {Duplex} from 'node:stream';

/** What a connection needs of its socket, so that it may also be a stream inside of a WebSocket. */
export interface ClientSocket extends Duplex {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  /**
   * Drivers inside of a WebSocket send the password with the start-up packet, before they know whether it is wanted: then it is
   * not looked at.
   */
  readonly sendsPasswordUnasked?: boolean;
  /** Ends when what is written has left. */
  destroySoon(): void;
  /** Calls back when nothing happened for so long. */
  setTimeout(ms: number, callback: () => void): unknown;
}
