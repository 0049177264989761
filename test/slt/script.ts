/** What a statement or query is expected to do; `blocks` is one that must wait for a lock until `wait`. */
export interface SltRecord {
  readonly kind: 'record';
  readonly line: number;
  readonly connection: string;
  readonly isQuery: boolean;
  readonly blocks: boolean;
  /** Wadi must answer 0A000 (not supported yet), whatever PostgreSQL says. */
  readonly isUnsupported: boolean;
  readonly sql: string;
  readonly expected: Expectation;
}

/** The outcome of one record, in the form in which a script writes it. */
export type Expectation =
  | {readonly kind: 'ok'}
  | {readonly kind: 'error'; readonly code: string; readonly message: string}
  | {
      readonly kind: 'rows';
      readonly types: string;
      readonly isSorted: boolean;
      readonly rows: readonly string[];
    };

/** A line that is no record: comment, blank, or a directive. */
export type SltLine =
  | {readonly kind: 'text'; readonly text: string}
  | {readonly kind: 'wait' | 'disconnect'; readonly connection: string; readonly text: string}
  | {readonly kind: 'modes'; readonly modes: readonly string[]; readonly text: string}
  | {readonly kind: 'halt'; readonly text: string};

/** A parsed script: everything in order, so that it can be printed back with new results. */
export interface SltScript {
  readonly file: string;
  readonly items: readonly (SltRecord | SltLine)[];
}

/** The first line of a script whose results PostgreSQL itself has written. */
export const stampPattern = /^# completed-by: PostgreSQL 15\.\d+$/;

/** Parses a script; throws with file and line where it is malformed. */
export function parseScript(file: string, text: string): SltScript {
  const lines = text.replace(/\n$/, '').split('\n');
  const items: (SltRecord | SltLine)[] = [];
  let connection = '';
  let isUnsupported = false;
  for (let i = 0; i < lines.length; i += 1) {
    const text = lines[i] ?? '';
    const [word = '', ...rest] = text.split(' ');
    if (text === '' || text.startsWith('#')) items.push({kind: 'text', text});
    else if (word === 'halt') items.push({kind: 'halt', text});
    else if (word === 'modes') items.push({kind: 'modes', modes: rest, text});
    else if (word === 'wait' || word === 'disconnect') {
      items.push({kind: word, connection: rest[0] ?? '', text});
    } else if (word === 'connection') connection = rest[0] ?? '';
    else if (word === 'unsupported') isUnsupported = true;
    else if (word === 'statement' || word === 'query') {
      const end = endOfRecord(lines, i);
      items.push({
        ...parseRecord(`${file}:${i + 1}`, lines.slice(i, end)),
        ...{line: i + 1, connection, isUnsupported},
      });
      connection = '';
      isUnsupported = false;
      i = end - 1;
    } else throw new Error(`${file}:${i + 1}: unknown line: ${text}`);
  }
  return {file, items};
}

/** The text of a script, with the expectations that its records now have. */
export function printScript(script: SltScript): string {
  const lines: string[] = [];
  for (const item of script.items) {
    if (item.kind !== 'record') lines.push(item.text);
    else lines.push(...printRecord(item));
  }
  return `${lines.join('\n')}\n`;
}

/** How two outcomes of one record differ, or null if they are the same. */
export function difference(expected: Expectation, actual: Expectation): string | null {
  const wanted = printExpectation(expected);
  const got = printExpectation(actual);
  if (expected.kind === 'ok' && actual.kind === 'rows') return null;
  if (expected.kind === 'error' && actual.kind === 'error') {
    const isSame = expected.code === actual.code && (expected.message === '' || wanted === got);
    return isSame ? null : `expected: ${wanted}\nactual:   ${got}`;
  }
  if (expected.kind !== 'rows' || actual.kind !== 'rows') {
    return wanted === got ? null : `expected: ${wanted}\nactual:   ${got}`;
  }
  if (!sameTypes(expected.types, actual.types)) {
    return `expected types: ${expected.types}\nactual types:   ${actual.types}`;
  }
  const rows = expected.isSorted ? actual.rows.toSorted() : actual.rows;
  if (rows.length === expected.rows.length && rows.every((row, i) => row === expected.rows[i])) {
    return null;
  }
  return `expected:\n${expected.rows.join('\n')}\nactual:\n${rows.slice(0, 50).join('\n')}`;
}

function sameTypes(expected: string, actual: string): boolean {
  if (expected.length !== actual.length) return false;
  return [...expected].every((letter, i) => letter === '?' || letter === actual[i]);
}

function endOfRecord(lines: readonly string[], start: number): number {
  let end = start;
  while (end < lines.length && lines[end] !== '') end += 1;
  return end;
}

function parseRecord(
  at: string,
  lines: readonly string[],
): {kind: 'record'; isQuery: boolean; blocks: boolean; sql: string; expected: Expectation} {
  const words = (lines[0] ?? '').split(' ');
  const blocks = words[1] === 'blocks';
  if (blocks) words.splice(1, 1);
  const isQuery = words[0] === 'query';
  const separator = isQuery ? lines.indexOf('----') : -1;
  const sql = lines.slice(1, separator === -1 ? undefined : separator).join('\n');
  if (sql === '') throw new Error(`${at}: a record without SQL`);
  const rows = separator === -1 ? [] : lines.slice(separator + 1);
  return {kind: 'record', isQuery, blocks, sql, expected: parseExpectation(at, words, rows)};
}

function parseExpectation(
  at: string,
  words: readonly string[],
  rows: readonly string[],
): Expectation {
  const [kind, second = '', third = '', ...rest] = words;
  if (kind === 'query') {
    return {kind: 'rows', types: second === '-' ? '' : second, isSorted: third === 'rowsort', rows};
  }
  if (second === 'ok') return {kind: 'ok'};
  if (second === 'error') return {kind: 'error', code: third, message: rest.join(' ')};
  throw new Error(`${at}: expected "statement ok" or "statement error SQLSTATE"`);
}

function printRecord(record: SltRecord): string[] {
  const {expected, sql} = record;
  const before: string[] = [];
  if (record.connection !== '') before.push(`connection ${record.connection}`);
  if (record.isUnsupported) before.push('unsupported');
  const blocks = record.blocks ? 'blocks ' : '';
  if (expected.kind !== 'rows') {
    return [...before, `statement ${blocks}${printExpectation(expected)}`, sql];
  }
  const types = expected.types === '' ? '-' : expected.types;
  const head = `query ${blocks}${types}${expected.isSorted ? ' rowsort' : ''}`;
  return [...before, head, sql, '----', ...expected.rows];
}

function printExpectation(expected: Expectation): string {
  if (expected.kind === 'ok') return 'ok';
  if (expected.kind === 'rows') return `${expected.rows.length} rows`;
  return `error ${expected.code}${expected.message === '' ? '' : ` ${expected.message}`}`;
}
