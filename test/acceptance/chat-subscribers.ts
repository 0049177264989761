import type {Socket} from 'node:net';
import pg from 'pg';
import {type Change, Feed} from './chat-feed.ts';
import type {World} from './chat-world.ts';

/** Somebody who follows a live query and goes on where he was when he is started again. */
export interface Subscriber {
  readonly feed: Feed;
  start(world: World): Promise<void>;
  /** Loses the connection without a word. */
  cut(): Promise<void>;
}

interface StreamRow {
  readonly _seq: string;
  readonly _op: string;
  readonly _last: boolean;
  readonly _resume: string | null;
  readonly id: string;
  readonly role: string;
  readonly content: string;
}

const OPS: Readonly<Record<string, Change['op']>> = {ins: '+', upd: '~', del: '-'};

function dropped(client: pg.Client | null): void {
  (client as unknown as {connection: {stream: Socket}} | null)?.connection.stream.destroy();
}

/** A result stream: SUBSCRIBE through the `pg` driver. */
export class StreamSubscriber implements Subscriber {
  readonly feed = new Feed('SUBSCRIBE');
  readonly #user: string;
  readonly #sql: string;
  #client: pg.Client | null = null;

  constructor(user: string, sql: string) {
    this.#user = user;
    this.#sql = sql;
  }

  async start(world: World): Promise<void> {
    const client = await world.connect(this.#user);
    this.#client = client;
    const resume = this.feed.token === null ? '' : ` WITH (resume = '${this.feed.token}')`;
    if (resume !== '') this.feed.resumed += 1;
    const query = new pg.Query(`SUBSCRIBE (${this.#sql})${resume}`) as unknown as {
      on(event: 'row' | 'error', listener: (value: never) => void): void;
    };
    let changes: Change[] = [];
    await new Promise<void>((resolve, reject) => {
      query.on('row', (row: StreamRow) => {
        if (client !== this.#client) return;
        const op = OPS[row._op];
        if (op !== undefined) changes.push({op, id: row.id, role: row.role, content: row.content});
        else if (row._op !== 'mark') this.feed.problem(`${row._op} in commit ${row._seq}`);
        if (row._last && changes.length > 0) {
          this.feed.commit(row._seq, changes, row._resume);
          changes = [];
        }
        if (row._op !== 'mark') return;
        this.feed.at(row._seq, row._resume);
        resolve();
      });
      // It breaks when the server is killed.
      query.on('error', (error: Error) => reject(error));
      client.query(query as never);
    });
  }

  async cut(): Promise<void> {
    dropped(this.#client);
    this.#client = null;
  }
}

interface Payload {
  readonly seq: string;
  readonly p: readonly [number, number];
  readonly ops?: readonly (readonly [string, readonly unknown[], (readonly unknown[])?])[];
  readonly r?: string;
  readonly reset?: string;
}

function changesOf(ops: NonNullable<Payload['ops']>): Change[] {
  return ops.map(([op, key, row]) => ({
    ...{op: op as Change['op'], id: String(key[0])},
    ...{role: String(row?.[1] ?? ''), content: String(row?.[2] ?? '')},
  }));
}

/** A channel of a live query: LISTEN. What it missed it reads by live_changes(). */
export class ListenSubscriber implements Subscriber {
  readonly feed = new Feed('LISTEN');
  readonly #user: string;
  readonly #sql: string;
  #client: pg.Client | null = null;
  #changes: Change[] = [];

  constructor(user: string, sql: string) {
    this.#user = user;
    this.#sql = sql;
  }

  async start(world: World): Promise<void> {
    const client = await world.connect(this.#user);
    this.#client = client;
    this.#changes = [];
    const early: string[] = [];
    let isCaughtUp = false;
    client.on('notification', ({payload}) => {
      if (client !== this.#client) return;
      if (isCaughtUp) this.#take(payload ?? '');
      else early.push(payload ?? '');
    });
    const {rows} = await client.query<{channel: string; seq: string}>(
      'SELECT * FROM live_open_sql($1)',
      [this.#sql],
    );
    const {channel, seq} = rows[0]!;
    await client.query(`LISTEN ${channel}`);
    if (this.feed.seq > 0n) {
      this.feed.resumed += 1;
      const missed = await client.query<{payload: string}>(
        'SELECT payload FROM live_changes($1, $2) ORDER BY seq',
        [channel, String(this.feed.seq)],
      );
      for (const {payload} of missed.rows) this.#take(payload);
    } else this.feed.at(seq, null);
    isCaughtUp = true;
    for (const payload of early) this.#take(payload);
  }

  /** The channel begins before live_changes() was asked: what both tell is taken once. */
  #take(text: string): void {
    const payload = JSON.parse(text) as Payload;
    if (payload.reset !== undefined) return this.feed.problem(`reset: ${payload.reset}`);
    if (BigInt(payload.seq) <= this.feed.seq) return;
    this.#changes.push(...changesOf(payload.ops ?? []));
    if (payload.p[0] < payload.p[1]) return;
    this.feed.commit(payload.seq, this.#changes, null);
    this.#changes = [];
  }

  async cut(): Promise<void> {
    dropped(this.#client);
    this.#client = null;
  }
}
