import {mkdtempSync, readFileSync, rmSync, statSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {monitorEventLoopDelay} from 'node:perf_hooks';
import {gunzipSync} from 'node:zlib';
import type {DuckDBConnection} from '@duckdb/node-api';
import {DuckDBInstance} from '@duckdb/node-api';
import type {Segment, SegmentColumn, SegmentRowSource} from '../src/storage/cold/contract.ts';
import {createSegmentStore} from '../src/storage/cold/segment-store.ts';
import {END, PAUSE} from '../src/storage/contract.ts';
import type {Datum} from '../src/types/contract.ts';
import {createBuiltinTypes} from '../src/types/registry.ts';

/**
 * Writes the chat table as a segment and reads it back, DuckDB beside it on the same file in the same run.
 * Usage: node bench/cold.ts <messages.csv.gz> [rows]
 */
const [source, wantedRows = '1000000'] = process.argv.slice(2);
if (source === undefined) throw new Error('usage: node bench/cold.ts <messages.csv.gz> [rows]');
const total = Number(wantedRows);
const types = createBuiltinTypes();
const column = (
  attnum: number,
  name: string,
  typeName: string,
  options: {fpp?: number; notNull?: boolean} = {},
): SegmentColumn => ({
  attnum,
  name,
  type: types.byName(typeName)!,
  typmod: -1,
  isNullable: options.notNull !== true,
  bloom: options.fpp === undefined ? null : {fpp: options.fpp, numItems: null},
});
const columns = [
  column(-101, '_rid', 'int8', {notNull: true}),
  column(-102, '_seq', 'int8'),
  column(1, 'id', 'int8', {notNull: true, fpp: 0.01}),
  column(2, 'user_id', 'text'),
  column(3, 'conversation_id', 'uuid', {fpp: 0.01}),
  column(4, 'role', 'text'),
  column(5, 'content', 'text'),
  column(6, 'tokens', 'int4'),
  column(7, 'created_at', 'timestamptz'),
];

/** RFC 4180. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  const field = /("(?:[^"]|"")*"|[^,\n]*)(,|\r?\n|$)/gy;
  for (
    let match = field.exec(text);
    match !== null && match.index < text.length;
    match = field.exec(text)
  ) {
    const value = match[1]!;
    row.push(value.startsWith('"') ? value.slice(1, -1).replaceAll('""', '"') : value);
    if (match[2] !== ',') {
      rows.push(row);
      row = [];
    }
  }
  return rows;
}

const csv = parseCsv(gunzipSync(readFileSync(source)).toString('utf8')).slice(1);
const base = csv.map(([, user, conversation, role, content, tokens, at]): Datum[] => [
  user!,
  conversation!,
  role!,
  content!,
  Number(tokens),
  BigInt(Date.parse(at!.replace('+00', 'Z').replace(' ', 'T'))) * 1000n - 946_684_800_000_000n,
]);

/** New strings per row, as SQLite would give them. */
function rowsOf(count: number): SegmentRowSource {
  let at = 0;
  return () => {
    if (at >= count) return null;
    const end = Math.min(count, at + 1000);
    const out: Datum[][] = columns.map(() => []);
    for (; at < end; at++) {
      const row = base[at % base.length]!;
      const round = Math.floor(at / base.length);
      out[0]!.push(BigInt(at));
      out[1]!.push(BigInt(5_000_000 + at));
      out[2]!.push(7_300_000_000_000_000_000n + BigInt(at) * 3n);
      out[3]!.push(row[0]!);
      out[4]!.push(
        round === 0
          ? row[1]!
          : `${round.toString(16).padStart(2, '0')}${(row[1] as string).slice(2)}`,
      );
      out[5]!.push(row[2]!);
      out[6]!.push(row[3]!);
      out[7]!.push(row[4]!);
      out[8]!.push((row[5] as bigint) + BigInt(round));
    }
    return out;
  };
}

function drain(segment: Segment, names: readonly string[]): number {
  const wanted = columns.filter(({name}) => names.includes(name));
  const stats = {
    segmentsRead: 0,
    segmentsSkipped: 0,
    rowGroupsRead: 0,
    rowGroupsSkipped: 0,
    pagesRead: 0,
    pagesSkipped: 0,
    hotRows: 0,
  };
  const cursor = segment.scan({
    columns: wanted.map(({attnum, type}) => ({attnum, type, missing: null})),
    withPosition: false,
    predicates: [],
    deletions: null,
    stats,
  });
  let rows = 0;
  for (;;) {
    const batch = cursor.next(1024);
    if (batch === END) return rows;
    if (batch !== PAUSE) rows += batch.count;
  }
}

function median(times: number[]): number {
  return times.sort((a, b) => a - b)[times.length >> 1]!;
}

const directory = mkdtempSync(join(tmpdir(), 'wadi-bench-'));
const path = join(directory, 'chat.parquet');
const store = createSegmentStore({cacheBytes: 2 ** 30});
const report = (name: string, value: string): void => console.log(`${name.padEnd(44)} ${value}`);

/** How long making the rows takes alone: it is in every write below. */
let began = performance.now();
for (let source = rowsOf(total), part = source(); part !== null; part = source()) continue;
const making = performance.now() - began;
for (let round = 0; round < 3; round++) {
  rmSync(path, {force: true});
  const delay = monitorEventLoopDelay({resolution: 1});
  delay.enable();
  const cpu = process.cpuUsage();
  began = performance.now();
  await store.write(
    {path, columns, schemaVersion: 1, metadata: {}, rowGroupRows: 100_000},
    rowsOf(total),
  );
  const ms = performance.now() - began;
  const used = process.cpuUsage(cpu);
  delay.disable();
  report(
    `write ${total} rows, round ${round + 1}`,
    `${Math.round(total / ms)} k rows/s (${Math.round(total / (ms - making))} k without making the rows), cpu ${((used.user + used.system) / 1e6).toFixed(2)} s, ` +
      `loop p99 ${(delay.percentile(99) / 1e6).toFixed(1)} ms max ${(delay.max / 1e6).toFixed(1)} ms`,
  );
}
rmSync(path);
const meta = await store.write(
  {path, columns, schemaVersion: 1, metadata: {}, rowGroupRows: 100_000},
  rowsOf(total),
);
report('file', `${(statSync(path).size / 1e6).toFixed(1)} MB`);

const duckdb: DuckDBConnection = await (
  await DuckDBInstance.create(':memory:', {threads: '1'})
).connect();
async function duck(sql: string, rounds = 5): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    await duckdb.runAndReadAll(sql);
    times.push(performance.now() - start);
  }
  return median(times);
}
const scans: readonly (readonly [string, readonly string[], string])[] = [
  ['tokens', ['tokens'], 'sum(tokens)'],
  ['id', ['id'], 'sum(id)'],
  ['created_at', ['created_at'], 'sum(epoch_us(created_at))'],
  ['role', ['role'], 'min(role)'],
  ['user_id', ['user_id'], 'min(user_id)'],
  ['conversation_id', ['conversation_id'], 'min(conversation_id)'],
  ['content', ['content'], 'max(strlen(content))'],
  [
    'all',
    columns.map(({name}) => name),
    'max(strlen(content)), min(conversation_id), min(user_id), min(role), sum(epoch_us(created_at)), sum(id), sum(tokens), sum(_rid), sum(_seq)',
  ],
];
for (const [name, names, aggregate] of scans) {
  const cold: number[] = [];
  for (let round = 0; round < 3; round++) {
    store.forget(path);
    const segment = store.open(path, meta, columns);
    const start = performance.now();
    drain(segment, names);
    cold.push(performance.now() - start);
  }
  const segment = store.open(path, meta, columns);
  drain(segment, names);
  const start = performance.now();
  drain(segment, names);
  const warm = performance.now() - start;
  const other = await duck(`select ${aggregate} from '${path}'`);
  report(
    `scan ${name}`,
    `decode ${median(cold).toFixed(1)} ms (${(total / median(cold) / 1000).toFixed(1)} M rows/s), again ${warm.toFixed(2)} ms, DuckDB t1 ${other.toFixed(1)} ms`,
  );
}

const stats = {
  segmentsRead: 0,
  segmentsSkipped: 0,
  rowGroupsRead: 0,
  rowGroupsSkipped: 0,
  pagesRead: 0,
  pagesSkipped: 0,
  hotRows: 0,
};
const all = columns.map(({attnum, type}) => ({attnum, type, missing: null}));
async function lookups(
  what: string,
  attnum: number,
  valueOf: (i: number) => Datum,
  isFresh: boolean,
): Promise<void> {
  const {type} = columns.find(other => other.attnum === attnum)!;
  const times: number[] = [];
  let found = 0;
  let segment = store.open(path, meta, columns);
  for (let i = 0; i < 200; i++) {
    if (isFresh) {
      store.forget(path);
      segment = store.open(path, meta, columns);
      await segment.find([{attnum: -102, type: columns[1]!.type, value: -1n}], stats);
    }
    const value = valueOf(i);
    const start = performance.now();
    const search = segment.find([{attnum, type, value}], stats);
    const positions = search instanceof Promise ? await search : search;
    const rows = segment.read(positions, all);
    found += (rows instanceof Promise ? await rows : rows).length;
    times.push(performance.now() - start);
  }
  report(`lookup ${what}`, `p50 ${median(times).toFixed(4)} ms (${found} rows)`);
}
const idOf = (i: number): bigint => 7_300_000_000_000_000_000n + BigInt((i * 7919) % total) * 3n;
await lookups('id, first page reads, footer known', 1, idOf, true);
await lookups('id, first page reads, indexes known', 1, idOf, false);
await lookups('id, cached', 1, idOf, false);
await lookups('absent id', 1, i => idOf(i) + 1n, false);
await lookups(
  'absent conversation',
  3,
  i => `ffffffff-ffff-ffff-ffff-${i.toString(16).padStart(12, '0')}`,
  false,
);
report(
  'lookup id, DuckDB t1',
  `${(await duck(`select * from '${path}' where id = ${idOf(77)}`, 20)).toFixed(2)} ms`,
);
report('cache', `${(store.cachedBytes / 1e6).toFixed(0)} MB`);
await store.close();
rmSync(directory, {recursive: true});
