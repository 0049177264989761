import type {DefElem, Node} from '@pgsql/types';
import type {TableKind} from '../../catalog/descriptors.ts';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {parseFlushPolicy} from '../../jobs/flush-policy.ts';
import {checkTemplate} from '../../storage/objects/path-template.ts';
import {shardFunction} from '../../storage/objects/shard.ts';
import {LOCAL_STORAGE} from '../../storage/objects/storage-definition.ts';
import type {SessionContext} from '../session-context.ts';
import {constantText, defElems} from './ast-values.ts';
import {checkTableParameter} from './storage-parameters.ts';

/** What WITH (...) of a table says. */
export interface TableOptions {
  readonly tableKind: TableKind;
  readonly ttlMs: number;
  readonly options: Readonly<Record<string, string>>;
}

const OWN: Readonly<Record<string, (value: string) => string>> = {
  type: tableKindOf,
  ttl: value => (parseDuration(value), value),
  ttl_seconds: value => (parseDuration(value), value),
  flush_policy: value => (parseFlushPolicy(value), value),
  flush_min_rows: positive('flush_min_rows'),
  cluster_by: value => value,
  path_template: value => value,
  storage: value => value,
  storage_id: value => value,
};

/** A duration in milliseconds: `10s`, `500ms`, `5m`, `1h`, `7d`; a bare number is seconds. */
export function parseDuration(text: string): number {
  const match =
    /^\s*(\d+(?:\.\d+)?)\s*(ms|s|sec|secs|seconds?|m|min|mins|minutes?|h|hours?|d|days?)?\s*$/i.exec(
      text,
    );
  if (match === null)
    throw new PgError(SqlState.invalidParameterValue, `invalid value for ttl: "${text}"`);
  const unit = (match[2] ?? 's').toLowerCase();
  const factor =
    unit === 'ms'
      ? 1
      : unit.startsWith('s')
        ? 1000
        : unit.startsWith('m')
          ? 60_000
          : unit.startsWith('h')
            ? 3_600_000
            : 86_400_000;
  return Math.round(Number(match[1]) * factor);
}

function tableKindOf(value: string): TableKind {
  const kind = value.toLowerCase();
  if (kind === 'user' || kind === 'shared' || kind === 'stream') return kind;
  throw new PgError(
    SqlState.invalidParameterValue,
    `invalid value for table option "type": "${value}"`,
    {
      hint: 'Valid values are "user", "shared" and "stream".',
    },
  );
}

function positive(name: string): (value: string) => string {
  return value => {
    if (/^\d+$/.test(value)) return value;
    throw new PgError(
      SqlState.invalidParameterValue,
      `invalid value for integer option "${name}": ${value}`,
    );
  };
}

/** Options of one WITH list, checked; 22023 for unknown ones. */
export function readOptions(
  session: SessionContext,
  nodes: readonly Node[] | undefined,
): Record<string, string> {
  const options: Record<string, string> = {};
  for (const option of defElems(nodes)) {
    const name = optionName(option);
    if (options[name] !== undefined) {
      throw new PgError(
        SqlState.invalidParameterValue,
        `parameter "${name}" specified more than once`,
      );
    }
    options[name] = checkedValue(
      session,
      name,
      option.arg === undefined ? 'true' : constantText(option.arg),
    );
  }
  delete options['oids'];
  return options;
}

/** Name of an option, with its namespace. */
export function optionName(option: DefElem): string {
  const prefix =
    option.defnamespace === undefined || option.defnamespace === ''
      ? ''
      : `${option.defnamespace}.`;
  return `${prefix}${option.defname ?? ''}`;
}

function checkedValue(session: SessionContext, name: string, value: string): string {
  if (name === 'shard') {
    shardFunction(value, session.engine.definitionContext.shards);
    return value;
  }
  const own = OWN[name];
  if (own !== undefined) {
    const checked = own(value);
    if (name === 'storage' || name === 'storage_id') checkStorageOption(session, value);
    return checked;
  }
  checkTableParameter(name, value);
  return value;
}

/** The storage exists, and goes on existing until this transaction ends. */
function checkStorageOption(session: SessionContext, name: string): void {
  if (name === LOCAL_STORAGE) return;
  const {catalog, tx} = session.transaction;
  const storage = catalog.storageByName(name);
  if (storage === undefined)
    throw new PgError(SqlState.undefinedObject, `storage "${name}" does not exist`);
  if (tx.lockTable(storage.oid, 'accessShare', 'nowait') !== 'granted')
    throw new PgError(SqlState.objectInUse, `storage "${name}" is being dropped`);
}

/** 22023 for a value of an integer option that is none, or out of bounds. */
export function checkRange(name: string, value: string, low: number, high: number): void {
  if (!/^\d+$/.test(value))
    throw new PgError(
      SqlState.invalidParameterValue,
      `invalid value for integer option "${name}": ${value}`,
    );
  if (Number(value) >= low && Number(value) <= high) return;
  throw new PgError(
    SqlState.invalidParameterValue,
    `value ${value} out of bounds for option "${name}"`,
    {
      detail: `Valid values are between "${low}" and "${high}".`,
    },
  );
}

/** The table kind and ttl that options and the CREATE USER | SHARED | STREAM TABLE form give. */
export function tableOptions(
  given: Readonly<Record<string, string>>,
  custom: {readonly tableKind: TableKind | null; readonly ttlSeconds: number | null} | null,
): TableOptions {
  const {type, ttl_seconds: ttlSeconds, storage_id: storageId, ...rest} = given;
  const asked = custom?.tableKind ?? null;
  const tableKind = asked ?? (type === undefined ? 'shared' : tableKindOf(type));
  if (asked !== null && type !== undefined && tableKindOf(type) !== asked) {
    throw new PgError(SqlState.syntaxError, 'conflicting or redundant options');
  }
  const options: Record<string, string> = {
    ...(tableKind === 'shared' && type === undefined ? {} : {type: tableKind}),
    ...rest,
  };
  const ttl =
    rest['ttl'] ?? ttlSeconds ?? (custom?.ttlSeconds == null ? undefined : `${custom.ttlSeconds}s`);
  if (ttl !== undefined) options['ttl'] = ttl;
  if (storageId !== undefined) options['storage'] = storageId;
  const template = options['path_template'];
  if (template !== undefined)
    options['path_template'] = checkTemplate('path_template', template, tableKind !== 'shared');
  const cold = ['storage', 'path_template', 'shard'].find(name => options[name] !== undefined);
  if (tableKind === 'stream' && cold !== undefined)
    throw new PgError(SqlState.invalidTableDefinition, `${cold} is not valid for stream tables`, {
      detail: 'Rows of stream tables are never flushed.',
    });
  if (tableKind === 'shared' && options['shard'] !== undefined)
    throw new PgError(SqlState.invalidTableDefinition, 'shard is only valid for user tables');
  if (tableKind === 'stream' && options['flush_policy'] !== undefined) {
    throw new PgError(
      SqlState.invalidTableDefinition,
      'flush_policy is not valid for stream tables',
      {
        detail: 'Rows of stream tables are never flushed.',
      },
    );
  }
  return {tableKind, ttlMs: checkedTtl(tableKind, ttl), options};
}

function checkedTtl(kind: TableKind, ttl: string | undefined): number {
  if (kind !== 'stream') {
    if (ttl === undefined) return 0;
    throw new PgError(SqlState.invalidTableDefinition, 'ttl is only valid for stream tables');
  }
  if (ttl === undefined) {
    throw new PgError(SqlState.invalidTableDefinition, 'a stream table needs a ttl', {
      hint: "Write TTL 10 or WITH (type = 'stream', ttl = '10s').",
    });
  }
  const ms = parseDuration(ttl);
  if (ms > 0) return ms;
  throw new PgError(SqlState.invalidParameterValue, `invalid value for ttl: "${ttl}"`);
}
