/** A relation of schema `system`: OIDs 9500 + 3n (relation, row type, its array); columns as `name type`. */
export interface SystemSchemaRelation {
  readonly oid: number;
  readonly name: string;
  readonly comment: string;
  readonly columns: readonly string[];
}

const FIRST_OID = 9500;
const OIDS_EACH = 3;

const relations: readonly (readonly [name: string, comment: string, columns: string])[] = [
  [
    'users',
    'roles that can log in',
    'user_id oid, name text, role text, is_superuser bool, can_login bool, member_of _text, valid_until timestamptz, connection_limit int4',
  ],
  [
    'namespaces',
    'schemas of the database',
    'namespace_id oid, name text, owner text, table_count int8, comment text',
  ],
  [
    'tables',
    'tables and views of all namespaces',
    'table_id oid, namespace text, table_name text, table_type text, owner text, schema_version int4, column_count int4, primary_key _text, ' +
      'storage text, flush_policy text, ttl_ms int8, cluster_by text, options jsonb, row_security bool, comment text',
  ],
  [
    'columns',
    'columns of all tables',
    'table_id oid, namespace text, table_name text, column_name text, ordinal_position int4, column_id int4, data_type text, is_nullable bool, ' +
      'is_primary_key bool, column_default text, identity text, generated text, comment text',
  ],
  [
    'schema_versions',
    'physical shapes that tables have had',
    'table_id oid, namespace text, table_name text, version int4, is_current bool, columns jsonb, created_at timestamptz, seq int8',
  ],
  [
    'storages',
    'places where segments lie',
    'storage_id oid, name text, type text, owner text, options jsonb, table_count int8, comment text',
  ],
  [
    'segments',
    'Parquet segments of the manifest',
    'namespace text, table_name text, owner text, segment_id int8, path text, rows int8, deleted_rows int8, bytes int8, min_seq int8, max_seq int8, ' +
      'schema_version int4, created_at timestamptz',
  ],
  [
    'jobs',
    'background work: flush, compaction, retention, export',
    'job_id int8, type text, status text, namespace text, table_name text, progress float8, message text, error text, created_by text, ' +
      'created_at timestamptz, started_at timestamptz, finished_at timestamptz, retry_count int4',
  ],
  [
    'live_queries',
    'open subscriptions',
    'live_id int8, name text, pid int4, user_name text, surface text, class text, query text, state text, sent_seq int8, lag int8, changes int8, ' +
      'created_at timestamptz, resets int8',
  ],
  [
    'sessions',
    'open connections',
    'session_id int8, pid int4, user_name text, database text, application_name text, client_addr text, transport text, state text, query text, ' +
      'opened_at timestamptz, query_start timestamptz, last_seen_at timestamptz',
  ],
  [
    'transactions',
    'open transactions',
    'transaction_id int8, pid int4, user_name text, state text, isolation text, snapshot_seq int8, write_count int8, write_bytes int8, locks int8, ' +
      'started_at timestamptz',
  ],
  [
    'settings',
    'settings of this session',
    'name text, value text, unit text, category text, description text, context text, source text, is_wadi bool',
  ],
  [
    'stats',
    'size of tables, hot and cold',
    'namespace text, table_name text, hot_rows int8, cold_rows int8, segments int8, hot_bytes int8, cold_bytes int8',
  ],
  [
    'slow_queries',
    'statements that took longer than the threshold',
    'at timestamptz, pid int4, user_name text, database text, duration_ms float8, rows int8, query text',
  ],
  [
    'audit_log',
    'acts on other users’ data and on rights',
    'audit_id int8, at timestamptz, actor text, subject text, action text, target text, details jsonb, client_addr text',
  ],
  [
    'live_query_definitions',
    'named live queries',
    'live_query_id oid, namespace text, name text, arguments text, definition text, owner text, comment text',
  ],
];

const numbered: readonly SystemSchemaRelation[] = relations.map(
  ([name, comment, columns], index) => ({
    oid: FIRST_OID + index * OIDS_EACH,
    name,
    comment,
    columns: columns.split(', '),
  }),
);

/** The log of crossings: no view but a table (catalog/audit-table.ts). */
export const auditRelation: SystemSchemaRelation = numbered.find(
  each => each.name === 'audit_log',
)!;

/** The views of schema `system` with their OIDs. */
export const systemSchemaRelations: readonly SystemSchemaRelation[] = numbered.filter(
  each => each !== auditRelation,
);

/** Type OIDs of the column types used above. */
export const systemColumnTypes: Readonly<Record<string, number>> = {
  oid: 26,
  text: 25,
  bool: 16,
  int4: 23,
  int8: 20,
  float8: 701,
  jsonb: 3802,
  timestamptz: 1184,
  _text: 1009,
};
