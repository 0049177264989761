import {monotonicMs} from '../support/monotonic.ts';
import {LeanWebSocket} from './lean-web-socket.ts';

/** What a process of subscribers opens: sockets, and on each as many subscriptions, each with a parameter of its own or all with one. */
export interface SubscribeCommand {
  readonly port: number;
  readonly sockets: number;
  readonly perSocket: number;
  readonly sql: string;
  /** The parameter of the first; the next has one more, unless `isOneKey`. */
  readonly firstKey: number;
  readonly isOneKey: boolean;
}

/** What came since the last time, by number of the change. */
export interface Received {
  readonly ids: Float64Array;
  /** When it was parsed; of a change that came to several sockets, when by the last. */
  readonly lastAt: Float64Array;
  readonly counts: Float64Array;
  /** Rows that came to whom they do not concern, or, with one key for all, in a wrong order or twice on a socket. */
  readonly wrong: number;
}

interface Frame {
  readonly type: string;
  readonly id?: number;
  readonly changes?: readonly {readonly id: number; readonly ops: readonly Op[]}[];
  readonly error?: {readonly message: string};
}

type Op = readonly [op: string, key: unknown, row: readonly [id: string, key: number]];

const opening = 64;

/** The live queries of one process, and what they were told. */
export class Subscriber {
  readonly #sockets: LeanWebSocket[] = [];
  readonly #changes = new Map<number, {count: number; at: number}>();
  #wrong = 0;

  /** Opens sockets and says hello; they are idle until `subscribe`. */
  async open(port: number, count: number): Promise<void> {
    for (let from = 0; from < count; from += opening) {
      const some = Array.from({length: Math.min(opening, count - from)}, () =>
        this.#openSocket(port),
      );
      this.#sockets.push(...(await Promise.all(some)));
    }
  }

  async #openSocket(port: number): Promise<LeanWebSocket> {
    const socket = await LeanWebSocket.connect(port);
    await new Promise<void>((resolve, reject) => {
      socket.onFrame = text => {
        const frame = JSON.parse(text) as Frame;
        if (frame.type === 'welcome') resolve();
        else reject(new Error(text));
      };
      socket.send('{"type":"hello","user":"postgres"}');
    });
    return socket;
  }

  /** Subscribes on every open socket; resolves when all are live. */
  async subscribe({perSocket, sql, firstKey, isOneKey}: SubscribeCommand): Promise<void> {
    const all = this.#sockets.map((socket, at) => {
      const from = isOneKey ? firstKey : firstKey + at * perSocket;
      return new Promise<void>((resolve, reject) => {
        let waiting = perSocket;
        let lastId = -1;
        socket.onFrame = text => {
          const frame = JSON.parse(text) as Frame;
          if (frame.type === 'tx') {
            const now = monotonicMs();
            for (const {id: key, ops} of frame.changes!) {
              for (const [, , row] of ops) {
                const id = Number(row[0]);
                if (row[1] !== key || (isOneKey && id <= lastId)) this.#wrong++;
                lastId = id;
                this.#note(id, now);
              }
            }
          } else if (frame.type === 'live') {
            if (--waiting === 0) resolve();
          } else if (frame.type !== 'subscribed') {
            this.#wrong++;
            reject(new Error(text));
          }
        };
        for (let i = 0; i < perSocket; i++) {
          const id = from + i;
          socket.send(JSON.stringify({type: 'sub', id, sql, args: [id], snapshot: false}));
        }
      });
    });
    await Promise.all(all);
  }

  #note(id: number, now: number): void {
    const known = this.#changes.get(id);
    if (known === undefined) {
      this.#changes.set(id, {count: 1, at: now});
    } else {
      known.count++;
      known.at = now;
    }
  }

  /** How many rows came since the last `take`. */
  get received(): number {
    let count = 0;
    for (const change of this.#changes.values()) count += change.count;
    return count;
  }

  take(): Received {
    const size = this.#changes.size;
    const ids = new Float64Array(size);
    const lastAt = new Float64Array(size);
    const counts = new Float64Array(size);
    let i = 0;
    for (const [id, {count, at}] of this.#changes) {
      ids[i] = id;
      lastAt[i] = at;
      counts[i++] = count;
    }
    const wrong = this.#wrong;
    this.#changes.clear();
    this.#wrong = 0;
    return {ids, lastAt, counts, wrong};
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }
}
