// Kysely: a chat's schema by its migrator, then queries, upserts, transactions, streams, introspection.
import {type ColumnType, type Generated, Kysely, Migrator, PostgresDialect, sql} from 'kysely';
import {jsonArrayFrom, jsonObjectFrom} from 'kysely/helpers/postgres';
import pg from 'pg';
import Cursor from 'pg-cursor';
import t from 'tap';
import {startWadi} from '../support/wadi-server.ts';

interface Database {
  users: {
    id: Generated<string>;
    name: string;
    mood: 'sad' | 'ok' | 'happy' | null;
    settings: ColumnType<{theme: string}, string, string>;
    name_lower: Generated<string>;
    created_at: Generated<Date>;
  };
  conversations: {id: Generated<number>; title: string; tags: Generated<string[]>};
  members: {user_id: string; conversation_id: number; role: Generated<string>};
  messages: {
    id: Generated<number>;
    conversation_id: number;
    author_id: string | null;
    body: string;
    reply_to: number | null;
  };
}

const server = await startWadi({env: {TZ: 'UTC'}});
t.teardown(() => server.stop());
const pool = new pg.Pool({connectionString: server.postgresUrl, max: 4});
const db = new Kysely<Database>({dialect: new PostgresDialect({pool, cursor: Cursor})});
t.teardown(() => db.destroy());

const migrations = {
  '001_types_and_tables': {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema.createType('mood').asEnum(['sad', 'ok', 'happy']).execute();
      await db.schema
        .createTable('users')
        .addColumn('id', 'uuid', c => c.primaryKey().defaultTo(sql`gen_random_uuid()`))
        .addColumn('name', 'varchar(80)', c => c.notNull().unique())
        .addColumn('mood', sql`mood`)
        .addColumn('settings', 'jsonb', c => c.notNull().defaultTo(sql`'{}'::jsonb`))
        .addColumn('name_lower', 'text', c => c.generatedAlwaysAs(sql`lower(name)`).stored())
        .addColumn('created_at', 'timestamptz', c => c.notNull().defaultTo(sql`now()`))
        .execute();
      await db.schema
        .createTable('conversations')
        .addColumn('id', 'integer', c => c.primaryKey().generatedAlwaysAsIdentity())
        .addColumn('title', 'text', c => c.notNull())
        .addColumn('tags', sql`text[]`, c => c.notNull().defaultTo(sql`'{}'`))
        .execute();
      await db.schema
        .createTable('members')
        .addColumn('user_id', 'uuid', c => c.references('users.id').onDelete('cascade').notNull())
        .addColumn('conversation_id', 'integer', c => c.notNull())
        .addColumn('role', 'text', c => c.notNull().defaultTo('member'))
        .addPrimaryKeyConstraint('members_pk', ['user_id', 'conversation_id'])
        .addForeignKeyConstraint('members_fk', ['conversation_id'], 'conversations', ['id'])
        .addCheckConstraint('members_role', sql`role in ('member', 'owner')`)
        .execute();
    },
    async down(db: Kysely<unknown>): Promise<void> {
      for (const table of ['members', 'conversations', 'users'])
        await db.schema.dropTable(table).execute();
      await db.schema.dropType('mood').execute();
    },
  },
  '002_messages': {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema
        .createTable('messages')
        .addColumn('id', 'serial', c => c.primaryKey())
        .addColumn('conversation_id', 'integer', c => c.references('conversations.id').notNull())
        .addColumn('author_id', 'uuid', c => c.references('users.id').onDelete('set null'))
        .addColumn('body', 'text', c => c.notNull())
        .execute();
      await db.schema
        .alterTable('messages')
        .addColumn('reply_to', 'integer', c => c.references('messages.id'))
        .execute();
      await db.schema
        .createIndex('messages_conversation')
        .on('messages')
        .columns(['conversation_id', 'id desc'])
        .execute();
      await db.schema
        .createView('last_messages')
        .orReplace()
        .as(
          (db as Kysely<Database>)
            .selectFrom('messages')
            .distinctOn('conversation_id')
            .select(['conversation_id', 'body'])
            .orderBy('conversation_id')
            .orderBy('id', 'desc'),
        )
        .execute();
    },
    async down(db: Kysely<unknown>): Promise<void> {
      await db.schema.dropView('last_messages').execute();
      await db.schema.dropTable('messages').execute();
    },
  },
};
const migrator = new Migrator({db, provider: {getMigrations: async () => migrations}});

t.test('migrations', async t => {
  const up = await migrator.migrateToLatest();
  t.equal(up.error, undefined);
  t.same(
    up.results?.map(result => result.status),
    ['Success', 'Success'],
  );
  t.same((await migrator.migrateDown()).results?.[0]?.status, 'Success');
  t.same((await migrator.migrateToLatest()).results?.length, 1);
  t.equal((await migrator.getMigrations()).filter(each => each.executedAt !== undefined).length, 2);
});

t.test('introspection', async t => {
  const tables = await db.introspection.getTables({withInternalKyselyTables: false});
  const shown = tables.map(({name, isView, columns}) => ({
    name,
    isView,
    columns: columns.map(
      each =>
        `${each.name} ${each.dataType} ${each.isNullable} ${each.isAutoIncrementing} ${each.hasDefaultValue}`,
    ),
  }));
  t.same(
    shown.find(each => each.name === 'users'),
    {
      name: 'users',
      isView: false,
      columns: [
        'id uuid false false true',
        'name varchar false false false',
        'mood mood true false false',
        'settings jsonb false false true',
        'name_lower text true false true',
        'created_at timestamptz false false true',
      ],
    },
  );
  t.same(shown.find(each => each.name === 'messages')?.columns[0], 'id int4 false true true');
  t.same(shown.find(each => each.name === 'conversations')?.columns[0], 'id int4 false true false');
  t.equal(shown.find(each => each.name === 'last_messages')?.isView, true);
  t.ok((await db.introspection.getSchemas()).some(schema => schema.name === 'public'));
});

t.test('rows', async t => {
  const users = await db
    .insertInto('users')
    .values([
      {name: 'Ann', mood: 'happy', settings: JSON.stringify({theme: 'dark'})},
      {name: 'Bob', settings: '{"theme": "light"}'},
    ])
    .returning(['id', 'name', 'name_lower', 'settings'])
    .execute();
  t.same(
    users.map(user => [user.name, user.name_lower, user.settings.theme]),
    [
      ['Ann', 'ann', 'dark'],
      ['Bob', 'bob', 'light'],
    ],
  );
  const [ann, bob] = users.map(user => user.id) as [string, string];
  const {id} = await db
    .insertInto('conversations')
    .values({title: 'Lunch', tags: ['food', 'daily "one"']})
    .returning('id')
    .executeTakeFirstOrThrow();
  for (const role of ['member', 'owner'])
    await db
      .insertInto('members')
      .values({user_id: ann, conversation_id: id, role})
      .onConflict(c => c.columns(['user_id', 'conversation_id']).doUpdateSet({role}))
      .execute();
  await db
    .insertInto('messages')
    .values(Array.from({length: 30}, (_, i) => message(id, i % 2 === 0 ? ann : bob, `text ${i}`)))
    .execute();
  const page = await db
    .selectFrom('messages as m')
    .leftJoin('users as u', 'u.id', 'm.author_id')
    .where('m.conversation_id', '=', id)
    .where('m.id', '<', 20)
    .orderBy('m.id', 'desc')
    .limit(3)
    .offset(1)
    .select(['m.id', 'u.name', 'm.body'])
    .execute();
  t.same(
    page.map(row => [row.id, row.name, row.body]),
    [
      [18, 'Bob', 'text 17'],
      [17, 'Ann', 'text 16'],
      [16, 'Bob', 'text 15'],
    ],
  );
  const nested = await db
    .selectFrom('conversations as c')
    .where(sql<boolean>`'food' = any(c.tags)`)
    .select(eb => [
      'c.title',
      'c.tags',
      jsonArrayFrom(
        eb
          .selectFrom('members as x')
          .whereRef('x.conversation_id', '=', 'c.id')
          .select(['x.role', 'x.user_id']),
      ).as('members'),
      jsonObjectFrom(
        eb
          .selectFrom('messages as m')
          .whereRef('m.conversation_id', '=', 'c.id')
          .orderBy('m.id')
          .limit(1)
          .select(['m.id', 'm.body']),
      ).as('first'),
    ])
    .execute();
  t.same(nested, [
    {
      title: 'Lunch',
      tags: ['food', 'daily "one"'],
      members: [{role: 'owner', user_id: ann}],
      first: {id: 1, body: 'text 0'},
    },
  ]);
  const seen: number[] = [];
  for await (const row of db.selectFrom('messages').select('id').orderBy('id').stream(7))
    seen.push(row.id);
  t.equal(seen.length, 30);
  const counted = await db
    .with('per', q =>
      q
        .selectFrom('messages')
        .groupBy('author_id')
        .select(['author_id', db.fn.countAll<string>().as('n')]),
    )
    .selectFrom('per')
    .innerJoin('users', 'users.id', 'per.author_id')
    .select(['users.name', 'per.n'])
    .orderBy('users.name')
    .execute();
  t.same(counted, [
    {name: 'Ann', n: '15'},
    {name: 'Bob', n: '15'},
  ]);
});

t.test('transactions and errors', async t => {
  await t.rejects(db.insertInto('users').values({name: 'Ann', settings: '{}'}).execute(), {
    code: '23505',
    constraint: 'users_name_key',
  });
  await t.rejects(
    db.transaction().execute(async trx => {
      await trx.updateTable('users').set({mood: 'sad'}).execute();
      throw new Error('undo');
    }),
    {message: 'undo'},
  );
  t.same(await db.selectFrom('users').select('mood').where('mood', '=', 'sad').execute(), []);
  const controlled = await db.startTransaction().setIsolationLevel('serializable').execute();
  const saved = await controlled.savepoint('one').execute();
  await saved.deleteFrom('messages').where('id', '<=', 5).execute();
  await saved.rollbackToSavepoint('one').execute();
  const deleted = await controlled.deleteFrom('messages').where('id', '=', 30).executeTakeFirst();
  t.equal(deleted.numDeletedRows, 1n);
  await controlled.commit().execute();
  await db.deleteFrom('users').where('name', '=', 'Bob').execute();
  const orphans = await db
    .selectFrom('messages')
    .where('author_id', 'is', null)
    .select(db.fn.countAll<string>().as('n'))
    .executeTakeFirstOrThrow();
  t.equal(orphans.n, '14');
  t.same((await migrator.migrateTo('001_types_and_tables')).error, undefined);
});

function message(
  conversation: number,
  author: string,
  body: string,
): {conversation_id: number; author_id: string; body: string} {
  return {conversation_id: conversation, author_id: author, body};
}
