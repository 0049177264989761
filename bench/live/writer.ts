import {setTimeout as delay} from 'node:timers/promises';
import {LeanClient} from '../support/lean-client.ts';
import {monotonicMs} from '../support/monotonic.ts';

/** Inserts of one row each, every one a commit of its own. */
export interface WriteCommand {
  readonly port: number;
  readonly table: string;
  readonly connections: number;
  /** Numbers of the rows. */
  readonly firstId: number;
  readonly count: number;
  /** Statements a second, sent whether or not those before are answered; 0 = as fast as they are answered. */
  readonly rate: number;
  /** Keys go from 0 to below this, spread; 1 = always 0, negative = always that. */
  readonly keys: number;
}

/** When each row was sent, and when its commit was acknowledged. */
export interface Written {
  readonly sentAt: Float64Array;
  readonly ackAt: Float64Array;
  readonly seconds: number;
}

const stepMs = 1;
const spread = 7919;

/** Writes the rows of a command over connections of its own. */
export async function write(command: WriteCommand): Promise<Written> {
  const {port, table, connections, count, rate} = command;
  const clients = await Promise.all(
    Array.from({length: connections}, () => LeanClient.connect(port)),
  );
  const sql = `insert into ${table} values ($1, $2, 'text of a message that is not long')`;
  for (const client of clients) await client.prepare('w', sql);
  const sentAt = new Float64Array(count);
  const ackAt = new Float64Array(count);
  const send = async (i: number, client: LeanClient): Promise<void> => {
    const id = command.firstId + i;
    const key = command.keys < 0 ? command.keys : (id * spread) % command.keys;
    sentAt[i] = monotonicMs();
    await client.execute('w', [String(id), String(key)]);
    ackAt[i] = monotonicMs();
  };
  const begun = monotonicMs();
  if (rate === 0) {
    let next = 0;
    const work = async (client: LeanClient): Promise<void> => {
      while (next < count) await send(next++, client);
    };
    await Promise.all(clients.map(work));
  } else {
    const sent: Promise<void>[] = [];
    while (sent.length < count) {
      const due = Math.min(count, Math.ceil(((monotonicMs() - begun) * rate) / 1000));
      while (sent.length < due) sent.push(send(sent.length, clients[sent.length % connections]!));
      await delay(stepMs);
    }
    await Promise.all(sent);
  }
  const seconds = (monotonicMs() - begun) / 1000;
  for (const client of clients) client.close();
  return {sentAt, ackAt, seconds};
}
