import {heard} from './stage.ts';

interface Frame {
  readonly type: string;
  readonly seq?: string;
  readonly token?: string;
  readonly rows?: readonly unknown[];
  readonly error?: {readonly message: string};
  readonly changes?: readonly {
    readonly id: string;
    readonly ops: readonly (readonly unknown[])[];
    readonly token: string;
  }[];
}

/** What a browser does: a WebSocket with live queries, which goes on by token after a disconnect. docs/websocket.md is the protocol. */
export class Page {
  readonly #user: string;
  readonly #queries: Readonly<Record<string, string>>;
  readonly #tokens = new Map<string, string>();
  readonly #seen: string[] = [];
  #socket: WebSocket | null = null;
  #wake: () => void = () => undefined;

  /** Live queries by name. */
  constructor(user: string, queries: Readonly<Record<string, string>>) {
    this.#user = user;
    this.#queries = queries;
  }

  /** Connects, subscribes or resumes, and resolves when all is live. */
  async open(httpUrl: string): Promise<void> {
    const socket = new WebSocket(`${httpUrl.replace('http', 'ws')}/ws`, 'wadi.v1');
    this.#socket = socket;
    const waiting = new Set(Object.keys(this.#queries));
    await new Promise<void>((resolve, reject) => {
      const send = (message: object): void => socket.send(JSON.stringify(message));
      socket.onopen = () => send({type: 'hello', user: this.#user});
      socket.onerror = () => reject(new Error('the WebSocket broke'));
      socket.onmessage = ({data}) => {
        const frame = JSON.parse(String(data)) as Frame & {readonly id?: string};
        if (frame.type === 'welcome') {
          for (const [id, sql] of Object.entries(this.#queries)) {
            const token = this.#tokens.get(id);
            const from = token === undefined ? {snapshot: false} : {resume: token};
            send({type: 'sub', id, sql, ...from});
          }
        } else if (frame.type === 'live') {
          this.#tokens.set(frame.id!, frame.token!);
          waiting.delete(frame.id!);
          if (waiting.size === 0) resolve();
        } else if (frame.type === 'tx') this.#show(frame);
        else if (frame.type === 'error') reject(new Error(frame.error?.message));
      };
    });
  }

  #show(frame: Frame): void {
    for (const {id, ops, token} of frame.changes ?? []) {
      this.#tokens.set(id, token);
      for (const op of ops) {
        const text = `commit ${frame.seq} ${id} ${JSON.stringify(op)}`;
        this.#seen.push(text);
        heard(`${this.#user}'s page`, text);
      }
    }
    this.#wake();
  }

  /** Resolves when something with this text was told. */
  async until(text: string): Promise<void> {
    while (this.times(text) === 0) await new Promise<void>(resolve => (this.#wake = resolve));
  }

  /** How often something with this text was told. */
  times(text: string): number {
    return this.#seen.filter(line => line.includes(text)).length;
  }

  close(): void {
    this.#socket?.close();
    this.#socket = null;
  }
}
