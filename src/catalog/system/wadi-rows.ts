import {shownInSchema} from '../stored-text.ts';
import {PgArray} from '../../types/array-value.ts';
import {JsonbObject, JsonbValue} from '../../types/jsonb-value.ts';
import type {ColumnDescriptor, TableDescriptor} from '../descriptors.ts';
import {quoteIdentifier} from '../quote.ts';
import {formatType, qualifiedScope, roleName, schemaName} from '../names.ts';
import {settingFacts} from './fact-rows.ts';
import {timestampOf, type SystemContext, type SystemSource} from './source.ts';
import {rolesWithPrivilegesOf} from '../acl.ts';
import type {RoleDescriptor} from '../descriptors.ts';
import {RoleOid} from '../well-known.ts';

/** system.users */
export const systemUsers: SystemSource = {
  all: context =>
    [...context.snapshot.roles()]
      .filter(role => role.canLogin)
      .map(role => [
        ...[role.oid, role.name, rankOf(context, role), role.isSuperuser, role.canLogin],
        PgArray.of(role.memberOf.map(each => roleName(context.snapshot, each.role))),
        ...[timestampOf(role.validUntil), role.connectionLimit],
      ]),
};

/** The rung of the role ladder. */
function rankOf(context: SystemContext, role: RoleDescriptor): string {
  if (role.isSuperuser) return 'system';
  const roles = rolesWithPrivilegesOf(role.oid, context.snapshot);
  if (roles.has(RoleOid.dba)) return 'dba';
  if (roles.has(RoleOid.service)) return 'service';
  return roles.has(RoleOid.anonymous) ? 'anonymous' : 'user';
}

/** system.namespaces */
export const systemNamespaces: SystemSource = {
  all: context => {
    const {snapshot} = context;
    const counts = new Map<number, number>();
    for (const table of snapshot.tables()) {
      counts.set(table.schema, (counts.get(table.schema) ?? 0) + 1);
    }
    return [...snapshot.schemas()].map(schema => [
      ...[schema.oid, schema.name, roleName(snapshot, schema.owner)],
      ...[BigInt(counts.get(schema.oid) ?? 0), schema.comment],
    ]);
  },
};

/** system.tables */
export const systemTables: SystemSource = {
  all: context => {
    const {snapshot} = context;
    return [
      ...[...snapshot.tables()].map(table => [
        ...[table.oid, schemaName(snapshot, table.schema), table.name, table.tableKind],
        ...[
          roleName(snapshot, table.owner),
          table.schemaVersion,
          liveColumns(table.columns).length,
        ],
        PgArray.of(primaryKey(context, table)),
        ...[table.options['storage'] ?? null, table.options['flush_policy'] ?? null],
        ...[BigInt(table.ttlMs), table.options['cluster_by'] ?? null],
        ...[textObject(table.options), table.rowSecurity, table.comment],
      ]),
      ...[...snapshot.views()].map(view => [
        ...[view.oid, schemaName(snapshot, view.schema), view.name, 'view'],
        ...[roleName(snapshot, view.owner), 1, liveColumns(view.columns).length, PgArray.of([])],
        ...[null, null, 0n, null, textObject(view.options), false, view.comment],
      ]),
    ];
  },
};

function liveColumns(columns: readonly ColumnDescriptor[]): readonly ColumnDescriptor[] {
  return columns.filter(column => !column.isDropped);
}

function primaryKey(context: SystemContext, table: TableDescriptor): readonly string[] {
  const key = context.snapshot.constraintsOf(table.oid).find(each => each.type === 'p');
  return (key?.columns ?? []).flatMap(
    attnum => table.columns.find(column => column.attnum === attnum)?.name ?? [],
  );
}

/** Text values by name as a jsonb object, keys in jsonb's order. */
function textObject(values: Readonly<Record<string, string>>): JsonbValue {
  const keys = Object.keys(values).sort((a, b) => {
    const byLength = Buffer.byteLength(a) - Buffer.byteLength(b);
    return byLength !== 0 ? byLength : Buffer.compare(Buffer.from(a), Buffer.from(b));
  });
  return new JsonbValue(
    new JsonbObject(
      keys,
      keys.map(key => values[key] ?? null),
    ),
  );
}

/** system.columns */
export const systemColumns: SystemSource = {
  all: context => [...context.snapshot.tables()].flatMap(table => columnRows(context, table)),
};

function columnRows(
  context: SystemContext,
  table: TableDescriptor,
): ReturnType<SystemSource['all']> {
  const {snapshot} = context;
  const key = new Set(primaryKey(context, table));
  const scope = qualifiedScope(snapshot);
  return liveColumns(table.columns).map((column, at) => [
    ...[table.oid, schemaName(snapshot, table.schema), table.name, column.name, at + 1],
    ...[column.attnum, formatType(scope, column.typeOid, column.typmod), !column.isNotNull],
    ...[
      key.has(column.name),
      column.generated === '' ? shownInSchema(context, table.schema, column.defaultText) : null,
    ],
    identityText(column),
    column.generated === 's' ? shownInSchema(context, table.schema, column.defaultText) : null,
    column.comment,
  ]);
}

function identityText(column: ColumnDescriptor): string | null {
  if (column.identity === '') return null;
  return column.identity === 'a' ? 'ALWAYS' : 'BY DEFAULT';
}

/** system.schema_versions: the present version of each table; older ones come as facts from storage. */
export const systemSchemaVersions: SystemSource = {
  all: context => {
    const {snapshot} = context;
    const scope = qualifiedScope(snapshot);
    return [...snapshot.tables()].map(table => {
      const columns = Object.fromEntries(
        liveColumns(table.columns).map(column => [
          column.name,
          formatType(scope, column.typeOid, column.typmod),
        ]),
      );
      const schema = schemaName(snapshot, table.schema);
      return [
        table.oid,
        schema,
        table.name,
        table.schemaVersion,
        true,
        textObject(columns),
        null,
        null,
      ];
    });
  },
};

/** system.live_query_definitions: parameters of the text are `$1 ...` in the order of the arguments. */
export const systemLiveQueryDefinitions: SystemSource = {
  all: ({snapshot}) => {
    const scope = qualifiedScope(snapshot);
    return [...snapshot.liveQueries()].map(query => [
      ...[query.oid, schemaName(snapshot, query.schema), query.name],
      query.argNames
        .map(
          (name, at) => `${quoteIdentifier(name)} ${formatType(scope, query.argTypes[at]!, null)}`,
        )
        .join(', '),
      ...[query.queryText, roleName(snapshot, query.owner), query.comment],
    ]);
  },
};

/** system.storages; credentials are never shown. */
export const systemStorages: SystemSource = {
  all: context => {
    const {snapshot} = context;
    const inLocal = [...snapshot.tables()].filter(
      each => (each.options['storage'] ?? 'local') === 'local' && each.tableKind !== 'stream',
    );
    const local = [
      ...[0, 'local', 'filesystem', roleName(snapshot, RoleOid.postgres), textObject({})],
      ...[BigInt(inLocal.length), 'the data directory'],
    ];
    const rows = [...snapshot.storages()].map(storage => {
      const shown = Object.fromEntries(
        Object.entries(storage.options).map(([name, value]) => [
          name,
          // What the catalog keeps as credentials is a reference.
          name !== 'credentials' && isSecret(name) ? '***' : value,
        ]),
      );
      const tables = [...snapshot.tables()].filter(
        each => each.options['storage'] === storage.name,
      );
      return [
        ...[storage.oid, storage.name, storage.type === 'fs' ? 'filesystem' : storage.type],
        roleName(snapshot, storage.owner),
        ...[textObject(shown), BigInt(tables.length), storage.comment],
      ];
    });
    return [local, ...rows];
  },
};

function isSecret(option: string): boolean {
  return /secret|password|token|key|credential/i.test(option);
}

/** system.settings when the session feeds none. */
export const systemSettings: SystemSource = {
  all: () =>
    settingFacts().map(facts => [
      ...[facts.name, facts.bootValue, facts.unit, facts.category, facts.shortDescription],
      ...[facts.context, 'default', false],
    ]),
};
