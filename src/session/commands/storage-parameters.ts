import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {parseBoolean} from '../setting-values.ts';

/** A storage parameter of PostgreSQL: its kind and, for numbers, its bounds. */
type Parameter = readonly ['integer' | 'floating point', number, number] | readonly ['boolean'];

const MAX = 2147483647;

/** Parameters that tables and (as `toast.`) their TOAST tables have. */
const SHARED: Readonly<Record<string, Parameter>> = {
  autovacuum_enabled: ['boolean'],
  autovacuum_vacuum_threshold: ['integer', 0, MAX],
  autovacuum_vacuum_insert_threshold: ['integer', -1, MAX],
  autovacuum_vacuum_scale_factor: ['floating point', 0, 100],
  autovacuum_vacuum_insert_scale_factor: ['floating point', 0, 100],
  autovacuum_vacuum_cost_delay: ['floating point', 0, 100],
  autovacuum_vacuum_cost_limit: ['integer', 1, 10_000],
  autovacuum_freeze_min_age: ['integer', 0, 1_000_000_000],
  autovacuum_freeze_max_age: ['integer', 100_000, 2_000_000_000],
  autovacuum_freeze_table_age: ['integer', 0, 2_000_000_000],
  autovacuum_multixact_freeze_min_age: ['integer', 0, 1_000_000_000],
  autovacuum_multixact_freeze_max_age: ['integer', 10_000, 2_000_000_000],
  autovacuum_multixact_freeze_table_age: ['integer', 0, 2_000_000_000],
  log_autovacuum_min_duration: ['integer', -1, MAX],
  vacuum_truncate: ['boolean'],
};

const TABLE: Readonly<Record<string, Parameter>> = {
  ...SHARED,
  autovacuum_analyze_threshold: ['integer', 0, MAX],
  autovacuum_analyze_scale_factor: ['floating point', 0, 100],
  fillfactor: ['integer', 10, 100],
  toast_tuple_target: ['integer', 128, 8160],
  parallel_workers: ['integer', 0, 1024],
  user_catalog_table: ['boolean'],
};

const INDEX_CLEANUP: ReadonlySet<string> = new Set([
  ...['auto', 'on', 'off', 'true', 'false', 'yes', 'no', '1', '0'],
]);

function invalid(message: string, detail?: string): PgError {
  return new PgError(SqlState.invalidParameterValue, message, detail === undefined ? {} : {detail});
}

function unrecognized(name: string): PgError {
  return invalid(`unrecognized parameter "${name}"`);
}

/** Checks a storage parameter of a table, which is taken and shown, without effect here: 22023. */
export function checkTableParameter(name: string, value: string): void {
  if (name === 'oids') {
    if (parseBoolean(value) === false) return;
    throw featureNotSupported('tables declared WITH OIDS are not supported');
  }
  const dot = name.indexOf('.');
  const namespace = name.slice(0, Math.max(dot, 0));
  if (namespace !== '' && namespace !== 'toast')
    throw invalid(`unrecognized parameter namespace "${namespace}"`);
  const plain = name.slice(dot + 1);
  if (plain === 'vacuum_index_cleanup') {
    if (INDEX_CLEANUP.has(value.toLowerCase())) return;
    throw invalid(
      `invalid value for enum option "${plain}": ${value}`,
      'Valid values are "on", "off", and "auto".',
    );
  }
  const known = namespace === 'toast' ? SHARED : TABLE;
  if (!Object.hasOwn(known, plain)) throw unrecognized(plain);
  checkParameter(plain, value, known[plain]!);
}

function checkParameter(name: string, value: string, parameter: Parameter): void {
  const [kind, low, high] = parameter;
  const wrong = (): PgError => invalid(`invalid value for ${kind} option "${name}": ${value}`);
  if (kind === 'boolean') {
    if (parseBoolean(value) === undefined) throw wrong();
    return;
  }
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(value)) throw wrong();
  const number = kind === 'integer' ? Math.round(Number(value)) : Number(value);
  if (number >= low! && number <= high!) return;
  const shown = (bound: number): string => (kind === 'integer' ? `${bound}` : bound.toFixed(6));
  throw invalid(
    `value ${value} out of bounds for option "${name}"`,
    `Valid values are between "${shown(low!)}" and "${shown(high!)}".`,
  );
}
