// Knex: a schema by its migrator, then queries, upserts, transactions, streams.
import knexModule, {type Knex} from 'knex';
import t from 'tap';
import {startWadi} from '../support/wadi-server.ts';

const server = await startWadi({env: {TZ: 'UTC'}});
t.teardown(() => server.stop());
const knex = knexModule.default({
  client: 'pg',
  connection: server.postgresUrl,
  pool: {min: 0, max: 4},
});
t.teardown(() => knex.destroy());

const migrations: readonly Knex.Migration[] = [
  {
    async up(knex: Knex): Promise<void> {
      await knex.schema.createTable('users', table => {
        table.uuid('id').primary().defaultTo(knex.fn.uuid());
        table.string('name', 80).notNullable().unique();
        table.enu('mood', ['sad', 'ok', 'happy'], {useNative: true, enumName: 'mood'});
        table.enu('level', ['low', 'high']).defaultTo('low');
        table.jsonb('settings').notNullable().defaultTo('{}');
        table.timestamps(true, true);
      });
      await knex.schema.createTable('messages', table => {
        table.increments('id');
        table.uuid('author_id').references('id').inTable('users').onDelete('CASCADE').index();
        table.text('body').notNullable();
        table.specificType('tags', 'text[]');
        table.decimal('price', 10, 2);
        table.index(['author_id', 'id'], 'messages_page');
      });
    },
    async down(knex: Knex): Promise<void> {
      await knex.schema.dropTable('messages').dropTable('users').raw('DROP TYPE mood');
    },
  },
  {
    async up(knex: Knex): Promise<void> {
      await knex.schema.alterTable('messages', table => {
        table.boolean('seen').notNullable().defaultTo(false).comment('read by its receiver');
        table.renameColumn('body', 'text');
        table.string('price').alter();
      });
    },
    async down(knex: Knex): Promise<void> {
      await knex.schema.alterTable('messages', table => {
        table.dropColumn('seen');
        table.renameColumn('text', 'body');
      });
    },
  },
];
const migrationSource: Knex.MigrationSource<number> = {
  getMigrations: async () => migrations.map((_, i) => i),
  getMigrationName: i => `migration_${i}`,
  getMigration: async i => migrations[i]!,
};

t.test('migrations and introspection', async t => {
  const [batch, done] = await knex.migrate.latest({migrationSource});
  t.same([batch, done], [1, ['migration_0', 'migration_1']]);
  await knex.migrate.down({migrationSource});
  await knex.migrate.up({migrationSource});
  await knex.migrate.rollback({migrationSource}, true);
  t.equal(await knex.schema.hasTable('messages'), false);
  await knex.migrate.latest({migrationSource});
  t.equal(await knex.schema.hasTable('messages'), true);
  t.equal(await knex.schema.hasColumn('messages', 'seen'), true);
  t.match(await knex('messages').columnInfo(), {
    id: {type: 'integer', nullable: false},
    seen: {type: 'boolean', defaultValue: 'false'},
    price: {type: 'character varying', maxLength: 255},
  });
});

t.test('rows', async t => {
  const users = await knex('users')
    .insert([{name: 'Ann', mood: 'ok', settings: {theme: 'dark'}}, {name: 'Bob'}])
    .returning(['id', 'name', 'settings', 'level']);
  t.match(users, [
    {name: 'Ann', settings: {theme: 'dark'}, level: 'low'},
    {name: 'Bob', settings: {}},
  ]);
  await knex('users').insert({name: 'Bob', mood: 'sad'}).onConflict('name').merge(['mood']);
  await knex('users').insert({name: 'Bob'}).onConflict('name').ignore();
  t.same(await knex('users').where({mood: 'sad'}).pluck('name'), ['Bob']);
  await t.rejects(knex('users').insert({name: 'Cid', level: 'odd'}), {
    code: '23514',
    constraint: 'users_level_check',
  });
  const rows = Array.from({length: 50}, (_, i) => ({
    author_id: users[i % 2].id,
    ...{text: `text ${i}`, tags: ['a', `n${i}`]},
  }));
  await knex.batchInsert('messages', rows, 20);
  const page = await knex('messages as m')
    .join('users as u', 'u.id', 'm.author_id')
    .whereRaw('? = ANY(m.tags)', ['a'])
    .orderBy('m.id', 'desc')
    .limit(2)
    .offset(1)
    .select('m.id', 'u.name', 'm.tags');
  t.same(page, [
    {id: 49, name: 'Ann', tags: ['a', 'n48']},
    {id: 48, name: 'Bob', tags: ['a', 'n47']},
  ]);
  const counted = await knex('messages')
    .join('users', 'users.id', 'messages.author_id')
    .groupBy('name')
    .havingRaw('count(*) > ?', [3])
    .select('name')
    .count('* as n')
    .orderBy('name');
  t.same(counted, [
    {name: 'Ann', n: '25'},
    {name: 'Bob', n: '25'},
  ]);
  let streamed = 0;
  for await (const row of knex('messages').select('id').stream({batchSize: 10}))
    streamed += row.id > 0 ? 1 : 0;
  t.equal(streamed, 50);
});

t.test('transactions', async t => {
  await t.rejects(
    knex.transaction(async trx => {
      await trx('messages').delete();
      await trx.raw('SELECT 1 / 0');
    }),
    {code: '22012'},
  );
  await knex.transaction(
    async trx => {
      await t.rejects(
        trx.transaction(async inner => {
          await inner('users').where({name: 'Ann'}).delete();
          throw new Error('undo');
        }),
      );
      await trx('messages').where('id', '<=', 10).forUpdate().select('id');
      await trx('messages').where('id', '<=', 10).update({seen: true});
    },
    {isolationLevel: 'repeatable read'},
  );
  t.same(await knex('messages').where({seen: true}).count('* as n'), [{n: '10'}]);
  await knex('users').where({name: 'Ann'}).delete();
  t.same(await knex('messages').count('* as n').first(), {n: '25'});
});
