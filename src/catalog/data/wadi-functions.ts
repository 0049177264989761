import type {FunctionRow} from '../contract.ts';
import {oid} from '../../common/ids.ts';

/** One of our own functions in short: OIDs 9000-9499, never reused. */
interface WadiFunction {
  readonly oid: number;
  readonly name: string;
  /** 11 pg_catalog, 9900 system. */
  readonly schema: number;
  readonly args: readonly (readonly [name: string, type: number])[];
  /** OUT columns of a record function. */
  readonly out?: readonly (readonly [name: string, type: number])[];
  readonly returns: number;
  readonly set?: boolean;
  readonly defaults?: readonly string[];
  readonly strict?: boolean;
  readonly source: string;
  readonly comment: string;
}

const PG_CATALOG = 11;
const SYSTEM = 9900;

const functions: readonly WadiFunction[] = [
  {oid: 9000, name: 'snowflake_id', schema: PG_CATALOG, args: [], returns: 20, source: 'snowflake_id', comment: 'time-ordered unique 64-bit id'},
  {oid: 9001, name: 'uuid_v7', schema: PG_CATALOG, args: [], returns: 2950, source: 'uuid_v7', comment: 'time-ordered uuid of version 7'},
  {oid: 9002, name: 'uuidv7', schema: PG_CATALOG, args: [], returns: 2950, source: 'uuid_v7', comment: 'time-ordered uuid of version 7'},
  {oid: 9003, name: 'ulid', schema: PG_CATALOG, args: [], returns: 25, source: 'ulid', comment: 'time-ordered 26-character id'},
  {oid: 9004, name: 'wadi_version', schema: PG_CATALOG, args: [], returns: 25, source: 'wadi_version', comment: "Wadi's own version"},
  {oid: 9010, name: 'flush', schema: SYSTEM, args: [['table_name', 25]], returns: 20, source: 'system.flush', comment: 'starts moving hot rows of a table to cold segments; returns the job'},
  {oid: 9011, name: 'compact', schema: SYSTEM, args: [['table_name', 25]], returns: 20, source: 'system.compact', comment: 'starts merging the segments of a table; returns the job'},
  {oid: 9012, name: 'cancel_job', schema: SYSTEM, args: [['job_id', 20]], returns: 16, source: 'system.cancel_job', comment: 'asks a job to stop'},
  {oid: 9070, name: 'backup', schema: SYSTEM, args: [['path', 25]], returns: 20, source: 'system.backup', comment: 'copies the data directory to an empty directory of the server; returns the job'},
  {oid: 9071, name: 'fsck', schema: SYSTEM, args: [], returns: 1009, source: 'system.fsck', comment: 'checks every file, checksum, count, statistic and key; one text per finding'},
  {oid: 9072, name: 'archive', schema: SYSTEM, args: [], returns: 20, source: 'system.archive', comment: 'brings the archive of the change log up to date; returns the seq it reaches'},
  {oid: 9073, name: 'export_user_data', schema: SYSTEM, args: [['user_name', 25]], defaults: ['NULL::text'], returns: 20, strict: false, source: 'system.export_user_data', comment: 'writes the rows of a user to a file; returns the job'},
  {oid: 9076, name: 'import_user_data', schema: SYSTEM, args: [['path', 25], ['user_name', 25]], defaults: ['NULL::text'], returns: 20, strict: false, source: 'system.import_user_data', comment: 'inserts the rows of an export in a transaction of its own; returns the job'},
  {oid: 9077, name: 'check_table', schema: SYSTEM, args: [['table_name', 25]], returns: 1009, source: 'system.check_table', comment: "checks a table's segments and keys; one text per finding"},
  {oid: 9075, name: 'delete_user_data', schema: SYSTEM, args: [['user_name', 25]], returns: 20, source: 'system.delete_user_data', comment: 'deletes the rows of a user and the bytes that they leave; returns the job'},
  {oid: 9013, name: 'create_storage', schema: SYSTEM, args: [['name', 25], ['type', 25], ['options', 25]], returns: 16, source: 'system.create_storage', comment: 'makes a storage; options is a JSON object'},
  {oid: 9014, name: 'alter_storage', schema: SYSTEM, args: [['name', 25], ['options', 25]], returns: 16, source: 'system.alter_storage', comment: 'changes options of a storage'},
  {oid: 9015, name: 'drop_storage', schema: SYSTEM, args: [['name', 25]], returns: 16, source: 'system.drop_storage', comment: 'drops a storage that nobody uses'},
  {oid: 9016, name: 'check_storage', schema: SYSTEM, args: [['name', 25]], returns: 25, source: 'system.check_storage', comment: 'tries a storage: healthy, or what is wrong'},
  {oid: 9020, name: 'live_open', schema: PG_CATALOG, args: [['name', 25], ['args', 25], ['storage', 25]], defaults: ["'[]'::text", 'NULL::text'], out: [['channel', 25], ['seq', 20], ['resume', 25]], returns: 2249, strict: false, source: 'live_open', comment: 'opens a channel on a named live query'},
  {oid: 9021, name: 'live_open_sql', schema: PG_CATALOG, args: [['query', 25], ['args', 25], ['storage', 25]], defaults: ["'[]'::text", 'NULL::text'], out: [['channel', 25], ['seq', 20], ['resume', 25]], returns: 2249, strict: false, source: 'live_open_sql', comment: 'opens a channel on a query text'},
  {oid: 9022, name: 'live_changes', schema: PG_CATALOG, args: [['channel', 25], ['since', 20]], out: [['seq', 20], ['payload', 25]], returns: 2249, set: true, source: 'live_changes', comment: 'changes of a channel after a sequence number'},
  {oid: 9023, name: 'live_close', schema: PG_CATALOG, args: [['channel', 25]], returns: 16, source: 'live_close', comment: 'closes a channel'},
  {oid: 9025, name: 'consume', schema: SYSTEM, args: [['consumer_group', 2205], ['table_name', 2205], ['max_changes', 23], ['visibility_seconds', 23]], defaults: ['100', '30'], out: [['seq', 20], ['op', 25], ['user_name', 25], ['new_row', 114], ['old_row', 114]], returns: 2249, set: true, source: 'system.consume', comment: 'next changes of a table for a consumer of a group'},
  {oid: 9026, name: 'ack', schema: SYSTEM, args: [['consumer_group', 2205], ['table_name', 2205], ['seq', 20]], returns: 16, source: 'system.ack', comment: 'acknowledges a commit that consume() gave'},
];

/** Our own functions as rows of pg_proc. */
export const wadiFunctions: readonly FunctionRow[] = functions.map(toRow);

/** Comments of our functions by OID, for pg_description. */
export const wadiFunctionComments: readonly (readonly [oid: number, comment: string])[] = functions.map(
  fn => [fn.oid, fn.comment],
);

function toRow(fn: WadiFunction): FunctionRow {
  const out = fn.out ?? [];
  const all = [...fn.args, ...out];
  return {
    oid: oid(fn.oid),
    name: fn.name,
    schema: oid(fn.schema),
    kind: 'f',
    argTypes: fn.args.map(([, type]) => oid(type)),
    variadic: oid(0),
    argNames: all.map(([name]) => name),
    argModes: out.length === 0 ? '' : 'i'.repeat(fn.args.length) + (fn.set === true ? 't' : 'o').repeat(out.length),
    allArgTypes: out.length === 0 ? [] : all.map(([, type]) => oid(type)),
    defaultCount: fn.defaults?.length ?? 0,
    defaultTexts: fn.defaults ?? [],
    returnType: oid(fn.returns),
    returnsSet: fn.set === true,
    isStrict: fn.strict ?? true,
    volatility: 'v',
    source: fn.source,
    sqlBody: null,
  };
}
