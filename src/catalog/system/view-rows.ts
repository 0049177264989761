import type {Oid} from '../../common/ids.ts';
import {hasPrivileges, ownsObject} from '../acl.ts';
import {indexDefinition, viewDefinition} from '../definitions.ts';
import type {SequenceDescriptor} from '../descriptors.ts';
import {qualifiedScope, relationLocation, roleName, schemaName} from '../names.ts';
import {quoteIdentifier} from '../quote.ts';
import {isMaterialized, isQueryRelation, queryRelations} from '../stored-queries.ts';
import {accessMethods} from './class-rows.ts';
import {allIndexes} from './index-rows.ts';
import {shownInSchema} from '../stored-text.ts';
import {derivedOid, type Row, type SystemContext, type SystemSource} from './source.ts';
import {systemSchemaRelations} from './system-schema.ts';
import {SchemaOid} from '../well-known.ts';

/** pg_tables. */
export const pgTables: SystemSource = {
  all: context => {
    const {snapshot} = context;
    const builtin = context.rows.all('pg_class').filter(row => row[16] === 'r');
    return [
      ...builtin.map(row => [
        ...[schemaName(snapshot, row[2] as Oid), row[1] ?? null, roleName(snapshot, row[5] as Oid)],
        ...[
          row[14] === true ? 'pg_global' : null,
          row[13] ?? null,
          row[19] ?? null,
          row[20] ?? null,
          row[22] ?? null,
        ],
      ]),
      ...[...snapshot.tables()]
        .filter(table => !isMaterialized(table))
        .map(table => [
          ...[
            schemaName(snapshot, table.schema),
            table.name,
            roleName(snapshot, table.owner),
            null,
          ],
          snapshot.indexesOf(table.oid).length > 0,
          false,
          snapshot.referencingConstraints(table.oid).length > 0 ||
            snapshot.constraintsOf(table.oid).some(each => each.type === 'f'),
          table.rowSecurity,
        ]),
    ];
  },
};

/** pg_views. */
export const pgViews: SystemSource = {
  perPath: true,
  all: context => {
    const {snapshot} = context;
    const builtin = context.rows.all('pg_class').filter(row => row[16] === 'v');
    return [
      ...builtin.map(row => [
        ...[schemaName(snapshot, row[2] as Oid), row[1] ?? null, roleName(snapshot, row[5] as Oid)],
        viewDefinition(snapshot, row[0] as Oid) ?? null,
      ]),
      ...systemSchemaRelations.map(relation => ['system', relation.name, 'postgres', null]),
      ...[...snapshot.views()].map(view => [
        ...[schemaName(snapshot, view.schema), view.name, roleName(snapshot, view.owner)],
        shownInSchema(context, view.schema, viewDefinition(snapshot, view.oid) ?? null),
      ]),
    ];
  },
};

/** pg_matviews. */
export const pgMatviews: SystemSource = {
  perPath: true,
  all: context => {
    const {snapshot} = context;
    return [...snapshot.tables()]
      .filter(isMaterialized)
      .map(view => [
        ...[schemaName(snapshot, view.schema), view.name, roleName(snapshot, view.owner), null],
        ...[snapshot.indexesOf(view.oid).length > 0, view.materialized.isPopulated],
        shownInSchema(context, view.schema, viewDefinition(snapshot, view.oid) ?? null),
      ]);
  },
};

/** pg_indexes. */
export const pgIndexes: SystemSource = {
  all: context => {
    const {snapshot} = context;
    const style = {scope: qualifiedScope(snapshot), isPretty: false};
    return [
      ...context.rows.all('pg_index').flatMap(row => {
        const table = relationLocation(snapshot, row[1] as Oid);
        const index = relationLocation(snapshot, row[0] as Oid);
        if (table === undefined || index === undefined) return [];
        const text = builtinIndexDefinition(context, row);
        const isShared = context.rows.raw('pg_class', row[0] as Oid)?.[14] === true;
        const space = isShared ? 'pg_global' : null;
        return [[schemaName(snapshot, table.schema), table.name, index.name, space, text]];
      }),
      ...allIndexes(context).map(index => {
        const table = snapshot.tableByOid(index.table);
        const schema = schemaName(snapshot, index.schema);
        return [schema, table?.name ?? null, index.name, null, indexDefinition(index, style)];
      }),
    ];
  },
};

/** CREATE INDEX of an index of the catalogs, from its pg_index row. */
export function builtinIndexDefinition(context: Pick<SystemContext, 'snapshot'>, row: Row): string {
  const {snapshot} = context;
  const table = snapshot.relationByOid(row[1] as Oid);
  const index = relationLocation(snapshot, row[0] as Oid);
  const attnums = (row[15] as {readonly elements: readonly number[]}).elements;
  const columns = table !== undefined && 'columns' in table ? table.columns : [];
  const names = attnums.map(attnum => columns.find(each => each.attnum === attnum)?.name ?? '???');
  const keys = names.map(name => quoteIdentifier(name)).join(', ');
  const schema = schemaName(snapshot, table?.schema ?? SchemaOid.pgCatalog);
  const unique = row[4] === true ? 'UNIQUE ' : '';
  return `CREATE ${unique}INDEX ${index?.name ?? ''} ON ${schema}.${table?.name ?? ''} USING btree (${keys})`;
}

/** pg_sequence. */
export const pgSequence: SystemSource = {
  all: context =>
    [...context.snapshot.sequences()].map(sequence => [
      ...[sequence.oid, sequence.typeOid, sequence.start, sequence.increment],
      ...[sequence.max, sequence.min, sequence.cache, sequence.isCycled],
    ]),
};

/** pg_sequences; last_value comes from the facts of `pg_catalog.pg_sequences.last_value` as rows [oid, value]. */
export const pgSequences: SystemSource = {
  volatile: true,
  all: context => {
    const last = new Map(
      (context.facts.rows('pg_catalog.pg_sequences.last_value') ?? []).map(row => [row[0], row[1]]),
    );
    return [...context.snapshot.sequences()].map(sequence =>
      sequenceRow(context, sequence, last.get(sequence.oid) ?? null),
    );
  },
};

function sequenceRow(context: SystemContext, sequence: SequenceDescriptor, last: Row[number]): Row {
  const {snapshot} = context;
  return [
    schemaName(snapshot, sequence.schema),
    sequence.name,
    roleName(snapshot, sequence.owner),
    ...[sequence.typeOid, sequence.start, sequence.min, sequence.max, sequence.increment],
    ...[sequence.isCycled, sequence.cache, last],
  ];
}

/** pg_rewrite: the rule behind each view. */
export const pgRewrite: SystemSource = {
  all: context => [
    ...context.rows.all('pg_rewrite'),
    ...queryRelations(context.snapshot).map(view => [
      ...[derivedOid(view.oid, 0), '_RETURN', view.oid, '1', 'O', true, '<>', '<>'],
    ]),
  ],
  by: {
    ev_class: (context, value) => {
      const builtin = context.rows.all('pg_rewrite').filter(row => row[2] === value);
      const view = context.snapshot.relationByOid(value as Oid);
      if (!isQueryRelation(view)) return builtin;
      return [[derivedOid(view.oid, 0), '_RETURN', view.oid, '1', 'O', true, '<>', '<>']];
    },
  },
};

/** pg_am with our bloom method. */
export const pgAm: SystemSource = {
  all: context => [...context.rows.all('pg_am'), [accessMethods.bloom, 'bloom', 0, 'i']],
};

/** Relations with rows and activity counters: tables of one class of schemas. */
type Whose = 'all' | 'user' | 'sys';

/** pg_stat_*_tables and pg_statio_*_tables: three names, then counters: `n` is zero, `t` NULL, `l` the number of rows. */
export function tableStatistics(whose: Whose, counters: string): SystemSource {
  return {
    volatile: counters.includes('l'),
    all: context => {
      const {snapshot} = context;
      const facts = context.facts.rows('pg_catalog.pg_stat_all_tables.n_live_tup') ?? [];
      const live = new Map(facts.map(row => [row[0], row[1]]));
      const fixed = [...counters].map(kind => (kind === 't' ? null : 0n));
      const rows: Row[] = [];
      if (whose !== 'user') {
        for (const row of context.rows.all('pg_class')) {
          if (row[16] !== 'r') continue;
          rows.push([
            row[0] ?? null,
            schemaName(snapshot, row[2] as Oid),
            row[1] ?? null,
            ...fixed,
          ]);
        }
      }
      if (whose !== 'sys') {
        for (const table of snapshot.tables()) {
          const counted = [...counters].map((kind, at) =>
            kind === 'l' && live.has(table.oid)
              ? (live.get(table.oid) ?? null)
              : (fixed[at] ?? null),
          );
          rows.push([table.oid, schemaName(snapshot, table.schema), table.name, ...counted]);
        }
      }
      return rows;
    },
  };
}

/** pg_stat_*_indexes and pg_statio_*_indexes. */
export function indexStatistics(whose: Whose, counters: number): SystemSource {
  return {
    all: context => {
      const {snapshot} = context;
      const zeros = new Array<bigint>(counters).fill(0n);
      const pairs: (readonly [table: Oid, index: Oid])[] = [];
      if (whose !== 'user') {
        for (const row of context.rows.all('pg_index')) pairs.push([row[1] as Oid, row[0] as Oid]);
      }
      if (whose !== 'sys') {
        for (const index of allIndexes(context)) pairs.push([index.table, index.oid]);
      }
      return pairs.flatMap(([table, index]) => {
        const of = relationLocation(snapshot, table);
        const own = relationLocation(snapshot, index);
        if (of === undefined || own === undefined) return [];
        return [[table, index, schemaName(snapshot, of.schema), of.name, own.name, ...zeros]];
      });
    },
  };
}

/** pg_statio_*_sequences. */
export const sequenceStatistics: SystemSource = {
  all: context =>
    [...context.snapshot.sequences()].map(sequence => [
      ...[sequence.oid, schemaName(context.snapshot, sequence.schema), sequence.name, 0n, 0n],
    ]),
};

/** Whether the asking role may see an object in information_schema: its owner, or any of these privileges. */
export function askerCan(
  context: SystemContext,
  target: Parameters<typeof hasPrivileges>[2],
  letters: string,
): boolean {
  const {currentRole} = context.facts;
  if (currentRole === undefined) return true;
  const {snapshot} = context;
  if (ownsObject(currentRole, target.owner, snapshot)) return true;
  return [...letters].some(letter => hasPrivileges(snapshot, currentRole, target, letter));
}
