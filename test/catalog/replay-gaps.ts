import type {ReplayAnswer, ReplayResult} from './replay.ts';

type Row = readonly (string | null)[];

/** A difference that is meant: what one server shows and the other cannot have. */
interface KnownDifference {
  readonly reason: string;
  /** Whether a row shows it; `own` are the names of Wadi's own functions, roles, schemas and access methods. */
  isShownBy(row: Row, own: ReadonlySet<string>): boolean;
}

/** PostgreSQL has a function `system` as well, a sampling method: a row about it is not one of our schema. */
function isSamplingFunction(row: Row, text: string): boolean {
  if (!text.includes('pg_proc')) return false;
  return row.includes('pg_catalog') || (row[0] === 'system' && row[1] === null);
}

const knownRows: readonly KnownDifference[] = [
  {
    reason:
      'objects of our own: schema system, roles wadi_*, functions, access method bloom; OIDs 9000 to 9999',
    isShownBy: (row, own) =>
      row.some(
        cell => cell !== null && (own.has(cell) || /^9\d{3}$|^<\w+ system\.|^system\./.test(cell)),
      ),
  },
  {
    reason: 'there are no TOAST tables: long values lie with their rows',
    isShownBy: row => row.some(cell => /^pg_toast_/.test(cell ?? '')),
  },
  {
    reason: 'there are no ICU collations: text sorts by code point',
    isShownBy: row => row.some(cell => cell?.endsWith('-x-icu') === true),
  },
  {
    reason: 'names of the files of the system’s zone database',
    isShownBy: row =>
      row.some(cell => /^'(?:posix\/|right\/|Factory'|localtime'|posixrules')/.test(cell ?? '')),
  },
  {
    reason: 'settings of the cluster itself: its files, its sockets, how the test started it',
    isShownBy: row => row.length === 2 && clusterSettings.has(row[0] ?? ''),
  },
  {
    reason: 'what minor releases of 15 added for themselves',
    isShownBy: row => row.some(cell => cell !== null && addedByMinors.has(cell)),
  },
];

const clusterSettings: ReadonlySet<string> = new Set([
  ...['config_file', 'data_directory', 'hba_file', 'ident_file'],
  ...['listen_addresses', 'port', 'unix_socket_directories', 'log_min_messages'],
  ...['fsync', 'full_page_writes', 'synchronous_commit', 'TimeZone', 'log_timezone'],
]);

const addedByMinors: ReadonlySet<string> = new Set([
  'binary_upgrade_set_next_attribute_versions',
  'composite_type_mismatch',
  'output_plugin_libraries',
]);

/** Columns that show sizes and estimates, which follow from how a server stores rows. */
const estimates: ReadonlySet<string> = new Set(['pages', 'cardinality', 'relpages', 'reltuples']);

const noExtensions = 'there are no extensions to install';

/** Queries that answer otherwise than PostgreSQL as a whole, by key, with the reason; one that no longer does must leave the list. */
export const knownQueries: Readonly<Record<string, string>> = {
  'catalog-psql 246 c854307d': noExtensions,
  'catalog-psql 247 ce129d92': noExtensions,
  'catalog-psql 253 663071f6': noExtensions,
};

/** Queries that sort by OIDs, which are given in another order here, or leave ties. */
const unordered: ReadonlySet<string> = new Set([
  'catalog-drivers 011',
  'catalog-drivers 057',
  'catalog-drivers 151',
]);

/** An answer without the known differences, its rows sorted where the query does not sort them. */
export function comparable(
  key: string,
  text: string,
  answer: ReplayAnswer,
  own: ReadonlySet<string>,
): ReplayAnswer {
  const isSorted = /\border by\b/i.test(text) && !unordered.has(key.slice(0, key.lastIndexOf(' ')));
  const withoutSystem = new Set([...own].filter(name => name !== 'system'));
  const isKnown = (row: Row): boolean => {
    const names = isSamplingFunction(row, text) ? withoutSystem : own;
    return knownRows.some(known => known.isShownBy(row, names));
  };
  const results = answer.results.map(result => comparableResult(result, isSorted, isKnown));
  return {error: answer.error, results};
}

function comparableResult(
  result: ReplayResult,
  isSorted: boolean,
  isKnown: (row: Row) => boolean,
): ReplayResult {
  const isEstimate = result.columns.map(column =>
    estimates.has(column.slice(0, column.indexOf(' ')).toLowerCase()),
  );
  const rows = result.rows
    .filter(row => !isKnown(row))
    .map(row =>
      row.map((cell, at) => (isEstimate[at] === true && cell !== null ? '<estimate>' : cell)),
    );
  if (!isSorted) rows.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  // The count of a SELECT is that of its rows.
  return {tag: result.tag.replace(/^SELECT \d+$/, 'SELECT'), columns: result.columns, rows};
}
