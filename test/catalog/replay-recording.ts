import {createHash} from 'node:crypto';
import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import type {ReplayAnswer, ReplayResult} from './replay.ts';

/** What PostgreSQL answered: the rows, or of long results their number and digest. */
export interface Recording {
  readonly version: string;
  readonly answers: Readonly<Record<string, RecordedAnswer>>;
}

interface RecordedAnswer {
  readonly error: string | null;
  readonly results: readonly RecordedResult[];
}

type RecordedResult = Omit<ReplayResult, 'rows'> & {
  readonly rows: ReplayResult['rows'] | {readonly count: number; readonly sha256: string};
};

/** Corpora whose queries are replayed: those of clients lie beside the repository, that of the catalogs themselves is here. */
export const corpora = [
  {name: 'relations', path: join(import.meta.dirname, 'replay-relations.sql')},
  ...['catalog-psql', 'catalog-drivers'].map(name => ({
    name,
    path: join(dirname(dirname(dirname(import.meta.dirname))), 'shared', 'corpora', `${name}.sql`),
  })),
].filter(({path}) => existsSync(path));

const recordingPath = join(import.meta.dirname, 'replay-postgres.json');
const LONGEST = 6000;

/** The recording of PostgreSQL's answers. */
export function readRecording(): Recording {
  return JSON.parse(readFileSync(recordingPath, 'utf8')) as Recording;
}

/** Writes the recording, a query a line. */
export function writeRecording(recording: Recording): void {
  const lines = Object.entries(recording.answers).map(
    ([key, answer]) => `${JSON.stringify(key)}: ${JSON.stringify(answer)}`,
  );
  const head = `{"version": ${JSON.stringify(recording.version)}, "answers": {`;
  writeFileSync(recordingPath, `${head}\n${lines.join(',\n')}\n}}\n`);
}

/** An answer as it is recorded: long rows become a digest. */
export function recorded(answer: ReplayAnswer): RecordedAnswer {
  return {error: answer.error, results: answer.results.map(recordedResult)};
}

function recordedResult({tag, columns, rows}: ReplayResult): RecordedResult {
  const text = JSON.stringify(rows);
  if (text.length <= LONGEST) return {tag, columns, rows};
  return {
    tag,
    columns,
    rows: {count: rows.length, sha256: createHash('sha256').update(text).digest('hex')},
  };
}

/** What two answers differ in, line by line; empty when they are the same. Of digests only that they differ can be said. */
export function differences(got: RecordedAnswer, wanted: RecordedAnswer): string[] {
  if (JSON.stringify(got) === JSON.stringify(wanted)) return [];
  const all = [
    ...onlyIn(lines(wanted), lines(got), '-'),
    ...onlyIn(lines(got), lines(wanted), '+'),
  ];
  return all.length > 0 ? all : ['the order of rows'];
}

function lines({error, results}: RecordedAnswer): string[] {
  const ofResults = results.flatMap(({tag, columns, rows}) => [
    tag,
    ...columns,
    ...('sha256' in rows ? [JSON.stringify(rows)] : rows.map(row => JSON.stringify(row))),
  ]);
  return error === null ? ofResults : [error, ...ofResults];
}

function onlyIn(some: readonly string[], others: readonly string[], sign: string): string[] {
  const known = new Set(others);
  return some.filter(line => !known.has(line)).map(line => `${sign} ${line}`);
}
