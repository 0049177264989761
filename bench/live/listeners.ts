import {LeanClient} from '../support/lean-client.ts';
import {monotonicMs} from '../support/monotonic.ts';

const connecting = 32;

/** Connections that listen, each on a channel of its own: `c0`, `c1`, ... */
export class Listeners {
  readonly #clients: LeanClient[] = [];
  readonly #counts: number[] = [];
  #wrong = 0;
  #total = 0;
  #lastAt = 0;

  async open(port: number, count: number): Promise<void> {
    for (let from = 0; from < count; from += connecting) {
      const some = Array.from({length: Math.min(connecting, count - from)}, (_, i) =>
        this.#listen(port, from + i),
      );
      this.#clients.push(...(await Promise.all(some)));
    }
  }

  async #listen(port: number, at: number): Promise<LeanClient> {
    const client = await LeanClient.connect(port);
    this.#counts[at] = 0;
    client.onNotification = (channel, payload) => {
      // Payloads count up on each channel.
      if (channel !== `c${at}` || Number(payload) !== this.#counts[at]) this.#wrong++;
      this.#counts[at]!++;
      this.#total++;
      this.#lastAt = monotonicMs();
    };
    await client.query(`LISTEN c${at}`);
    return client;
  }

  get total(): number {
    return this.#total;
  }

  get state(): {readonly total: number; readonly wrong: number; readonly lastAt: number} {
    return {total: this.#total, wrong: this.#wrong, lastAt: this.#lastAt};
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }
}

/** What to notify: `count` messages over the channels in turns, for at most `limitMs`. */
export interface NotifyCommand {
  readonly port: number;
  readonly connections: number;
  readonly channels: number;
  readonly count: number;
  readonly limitMs: number;
}

/** Sends NOTIFY over connections that wait for each answer; each channel belongs to one connection, so that its payloads come in order. */
export async function notify(
  command: NotifyCommand,
): Promise<{readonly sent: number; readonly begunAt: number}> {
  const {port, connections, channels, count, limitMs} = command;
  const clients = await Promise.all(
    Array.from({length: connections}, () => LeanClient.connect(port)),
  );
  for (const client of clients) await client.prepare('n', 'select pg_notify($1, $2)');
  const begunAt = monotonicMs();
  let sent = 0;
  const work = async (client: LeanClient, at: number): Promise<void> => {
    for (let i = at; i < count && monotonicMs() - begunAt < limitMs; i += connections) {
      await client.execute('n', [`c${i % channels}`, String(Math.floor(i / channels))]);
      sent++;
    }
  };
  await Promise.all(clients.map(work));
  for (const client of clients) client.close();
  return {sent, begunAt};
}
