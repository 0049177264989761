// Cost of live queries without sockets: `node --expose-gc bench/live.ts [subscriptions]`.
// match: a change against N subscriptions of one shape, each with its own key. commit: from COMMIT to the receiver,
// over real storage. fan-out: one change to N receivers.
import {performance} from 'node:perf_hooks';
import {oid, type Seq} from '../src/common/ids.ts';
import type {LiveSink} from '../src/live/subscription-types.ts';
import {Matcher} from '../src/live/match/matcher.ts';
import {Group} from '../src/live/match/group.ts';
import {GroupFamily} from '../src/live/match/group-family.ts';
import {ResumeTokens} from '../src/live/resume-token.ts';
import {CompiledShape} from '../src/live/match/compiled-shape.ts';
import {RowKeyMaker} from '../src/live/match/row-key.ts';
import {analyzeLive} from '../src/live/analyze.ts';
import {ExprCompiler} from '../src/expr/compiler.ts';
import type {CommitEvent, RowChange} from '../src/storage/contract.ts';
import {createTable, insertRows, open, table, temporaryDirectory} from '../test/storage/support.ts';
import {
  call,
  Client,
  column,
  factories,
  fakeCatalog,
  library,
  makeHub,
  optionsOf,
  param,
  planOf,
} from '../test/live/support.ts';

const INT4 = 23;
const TEXT = 25;
const of = table(900);
const columns = [column(0, INT4), column(1, INT4), column(2, TEXT)];
const plan = planOf(of, call('int4eq', [column(1, INT4), param(0, INT4)]), columns, [INT4]);

function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
}

function matching(count: number): void {
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const catalog = fakeCatalog([of]);
  const shape = analyzeLive(plan, catalog);
  if (shape.class !== 'A') throw new Error('the query is one of class A');
  const compiler = new ExprCompiler(library, catalog, factories);
  const compiled = new CompiledShape(shape, {
    compiler,
    projection: shape.projection,
    table: of,
    ownerName: String,
  });
  const identity = {text: '', owner: null, role: oid(10), context: {} as never};
  const family = new GroupFamily(compiled, identity, new ResumeTokens(Buffer.alloc(32), 'bench'));
  const matcher = new Matcher();
  const keys = new RowKeyMaker(shape.access!.positions, shape.access!.types);
  for (let i = 0; i < count; i++) {
    matcher.add(new Group(family, i, [keys.ofValues([i])!], null));
  }
  globalThis.gc?.();
  const bytes = (process.memoryUsage().heapUsed - before) / count;
  const rounds = 200_000;
  const events: CommitEvent[] = Array.from({length: 1000}, (_, i) => {
    const change: RowChange = {
      op: 'insert',
      rid: BigInt(i) as never,
      oldRow: null,
      newRow: [i, (i * 7919) % count, 'text'],
    };
    return {
      seq: BigInt(i) as Seq,
      timestamp: 0n,
      parts: [{table: of, owner: oid(0), isTruncate: false, changes: [change]}],
      catalogKeys: [],
    };
  });
  const miss: CommitEvent = {
    ...events[0]!,
    parts: [
      {
        ...events[0]!.parts[0]!,
        changes: [{op: 'insert', rid: 1n as never, oldRow: null, newRow: [1, -1, 'x']}],
      },
    ],
  };
  const time = (of: (i: number) => CommitEvent): number => {
    const start = performance.now();
    for (let i = 0; i < rounds; i++) {
      const event = of(i);
      const groups = matcher.match(event);
      for (let g = 0; g < groups.length; g++) groups[g]!.take(event.seq);
    }
    return ((performance.now() - start) / rounds) * 1000;
  };
  time(i => events[i % 1000]!);
  console.log(
    `match ${count}: hit ${time(i => events[i % 1000]!).toFixed(2)} us, ` +
      `miss ${time(() => miss).toFixed(2)} us, ${bytes.toFixed(0)} B per group`,
  );
}

const nextTurn = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

function cpuMicros(since: NodeJS.CpuUsage): number {
  const {user, system} = process.cpuUsage(since);
  return user + system;
}

async function commits(count: number, changes: number): Promise<void> {
  const directory = temporaryDirectory();
  const storage = open(directory.path, [of]);
  await createTable(storage, of);
  await storage.whenDurable(storage.lastSeq);
  const hub = makeHub(storage);
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const started = new Float64Array(changes);
  const times: number[] = [];
  const sink: LiveSink = {
    wanted: Infinity,
    snapshot: () => {},
    frame: frame => {
      const row = frame.rows[0] as readonly number[] | undefined;
      if (row !== undefined) times.push(performance.now() - started[row[0]!]!);
    },
    closed: () => {},
    flush: () => {},
  };
  const asked = {plan, table: of, start: {snapshot: false}};
  const base = optionsOf(hub, asked, new Client());
  const opened = performance.now();
  for (let i = 0; i < count; i++) hub.subscribe({...base, params: [i], sink});
  const openMs = performance.now() - opened;
  for (let turn = 0; turn < 4; turn++) await nextTurn();
  globalThis.gc?.();
  const bytes = (process.memoryUsage().heapUsed - before) / count;
  const begun = performance.now();
  const cpu = process.cpuUsage();
  for (let i = 0; i < changes; ) {
    const group: Promise<void>[] = [];
    for (let n = 0; n < 8 && i < changes; n++, i++) {
      started[i] = performance.now();
      group.push(insertRows(storage, of, [[i, (i * 7919) % count, 'text of a message']]));
    }
    await Promise.all(group);
  }
  while (times.length < changes) await nextTurn();
  const seconds = (performance.now() - begun) / 1000;
  const cpuUs = cpuMicros(cpu) / changes;
  times.sort((a, b) => a - b);
  console.log(
    `commit, ${count} subscriptions: opened ${(count / openMs).toFixed(0)} per ms, ${bytes.toFixed(0)} B each; ` +
      `${changes} commits in ${seconds.toFixed(2)} s (${(changes / seconds).toFixed(0)}/s, ${cpuUs.toFixed(0)} us of CPU), ` +
      `delivered ${times.length}, p50 ${percentile(times, 0.5).toFixed(2)} ms, p99 ${percentile(times, 0.99).toFixed(2)} ms`,
  );
  hub.close();
  await storage.close();
  directory.remove();
}

async function fanOut(count: number): Promise<void> {
  const directory = temporaryDirectory();
  const storage = open(directory.path, [of]);
  await createTable(storage, of);
  const hub = makeHub(storage);
  let got = 0;
  const sink: LiveSink = {
    wanted: Infinity,
    snapshot: () => {},
    frame: frame => void (got += frame.rows.length),
    closed: () => {},
    flush: () => {},
  };
  const base = optionsOf(hub, {plan, table: of, start: {snapshot: false}}, new Client());
  for (let i = 0; i < count; i++) hub.subscribe({...base, params: [1], sink: {...sink}});
  await nextTurn();
  const begun = process.cpuUsage();
  for (let i = 0; i < 200; i++) {
    await insertRows(storage, of, [[i, 1, 'x']]);
    while (got < (i + 1) * count) await nextTurn();
  }
  const ms = cpuMicros(begun) / 1000 / 200;
  console.log(
    `fan-out: 1 change to ${count} receivers: ${ms.toFixed(3)} ms of CPU per commit, ${got} delivered`,
  );
  hub.close();
  await storage.close();
  directory.remove();
}

const most = Number(process.argv[2] ?? 100_000);
for (const count of [1000, 10_000, most]) matching(count);
await commits(10, 5000);
await commits(most, 5000);
await fanOut(1000);
