// A commit that goes to many is given in slices: who comes, goes, falls behind or resumes between two of them has it once.
import t from 'tap';
import type {Frame} from '../../src/live/frame.ts';
import type {LiveCursor} from '../../src/live/subscription-types.ts';
import {createTable, insertRows, open, table, temporaryDirectory} from '../storage/support.ts';
import {Client, column, makeHub, planOf, randomOf, settle, subscribe} from './support.ts';

const ALL = [column(0, 23), column(1, 23), column(2, 25)];
const READERS = 400;

/** Takes a while for each frame, and lets a test act when it has taken some. */
class SlowClient extends Client {
  readonly #act: () => void;

  constructor(act: () => void) {
    super();
    this.#act = act;
  }

  override frame(frame: Frame): void {
    super.frame(frame);
    const until = performance.now() + 0.1;
    while (performance.now() < until);
    this.#act();
  }
}

t.test('between two slices', async t => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  t.comment(`SEED=${seed}`);
  const random = randomOf(seed);
  const of = table(900);
  const directory = temporaryDirectory();
  const storage = open(directory.path, [of]);
  await createTable(storage, of);
  const hub = makeHub(storage);
  const asked = {plan: planOf(of, null, ALL), table: of};
  const readers: {client: Client; cursor: LiveCursor; isOpen: boolean}[] = [];
  let isActing = false;
  const join = (start: {resume?: string; snapshot?: boolean}, client: Client): void => {
    const cursor = subscribe(hub, {...asked, start}, client);
    readers.push({client, cursor, isOpen: true});
  };
  let wanders = 0;
  const wander = (): void => {
    const reader = readers[random(readers.length)]!;
    switch (random(4)) {
      case 0:
        return join({}, new SlowClient(maybe));
      case 1: {
        const saved = reader.client.states.at(-1);
        if (!reader.isOpen || saved === undefined) return;
        // Goes, and comes back with what it has.
        const {token} = reader.cursor;
        if (token === undefined) return;
        reader.cursor.close();
        reader.isOpen = false;
        const client = new SlowClient(maybe);
        for (const [key, row] of reader.client.state) client.state.set(key, row);
        return join({resume: token, snapshot: true}, client);
      }
      case 2:
        reader.cursor.close();
        reader.isOpen = false;
        return;
      default:
        if (reader.isOpen) reader.client.capacity = 1;
    }
  };
  function maybe(): void {
    if (!isActing || random(10) !== 0) return;
    wanders++;
    setImmediate(wander);
  }
  for (let n = 0; n < READERS; n++) join({}, new SlowClient(maybe));
  await settle(storage);
  isActing = true;
  for (let commit = 0; commit < 6; commit++) {
    await insertRows(storage, of, [[commit, random(9), 'x']]);
    if (random(2) === 0) await storage.whenDurable(storage.lastSeq);
  }
  await settle(storage);
  isActing = false;
  const still = readers.filter(reader => reader.isOpen);
  for (const {client, cursor} of still) {
    client.capacity = Infinity;
    cursor.wake();
  }
  await settle(storage);
  await settle(storage);
  t.ok(wanders > 20, 'something happened between slices');
  t.same(
    [
      ...new Set(
        still.map(({client}) =>
          [...client.state.keys()].sort((a, b) => Number(a) - Number(b)).join(),
        ),
      ),
    ],
    ['0,1,2,3,4,5'],
  );
  t.same(
    still.filter(({client, cursor}) => client.error !== null || cursor.state !== 'live'),
    [],
  );
  hub.close();
  await storage.close();
  directory.remove();
});
