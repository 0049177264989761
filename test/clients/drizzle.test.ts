// Drizzle: a chat's schema by its migrator, then relations, upserts, transactions, prepared statements.
import {mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {and, arrayContains, count, desc, eq, inArray, lt, relations, sql} from 'drizzle-orm';
import {drizzle} from 'drizzle-orm/node-postgres';
import {migrate} from 'drizzle-orm/node-postgres/migrator';
import * as p from 'drizzle-orm/pg-core';
import pg from 'pg';
import t from 'tap';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {startWadi} from '../support/wadi-server.ts';

const server = await startWadi({env: {TZ: 'UTC'}});
t.teardown(() => server.stop());
const folder = temporaryFolder('drizzle');
t.teardown(() => folder.remove());

const mood = p.pgEnum('mood', ['sad', 'ok', 'happy']);
const users = p.pgTable('users', {
  id: p.uuid().primaryKey().defaultRandom(),
  name: p.varchar({length: 80}).notNull().unique(),
  mood: mood(),
  settings: p.jsonb().$type<{theme?: string}>().notNull().default({}),
  nameLower: p.text('name_lower').generatedAlwaysAs(sql`lower(name)`),
  createdAt: p.timestamp('created_at', {withTimezone: true}).notNull().defaultNow(),
});
const messages = p.pgTable(
  'messages',
  {
    id: p.integer().primaryKey().generatedAlwaysAsIdentity(),
    authorId: p.uuid('author_id').references(() => users.id, {onDelete: 'cascade'}),
    body: p.text().notNull(),
    tags: p.text().array().notNull().default([]),
    price: p.numeric({precision: 10, scale: 2}),
    size: p.bigint({mode: 'bigint'}),
  },
  table => [p.index('messages_author').on(table.authorId, table.id.desc())],
);
const attachments = p.pgTable('attachments', {
  id: p.serial().primaryKey(),
  messageId: p
    .integer('message_id')
    .notNull()
    .references(() => messages.id),
  file: p.text().notNull(),
});
const schema = {
  ...{users, messages, attachments},
  userRelations: relations(users, ({many}) => ({messages: many(messages)})),
  messageRelations: relations(messages, ({one, many}) => ({
    author: one(users, {fields: [messages.authorId], references: [users.id]}),
    attachments: many(attachments),
  })),
  attachmentRelations: relations(attachments, ({one}) => ({
    message: one(messages, {fields: [attachments.messageId], references: [messages.id]}),
  })),
};
const pool = new pg.Pool({connectionString: server.postgresUrl, max: 4});
t.teardown(() => pool.end());
const db = drizzle(pool, {schema});

// As drizzle-kit writes them for this schema.
const migrations: readonly (readonly [string, readonly string[]])[] = [
  [
    '0000_users',
    [
      `CREATE TYPE "public"."mood" AS ENUM('sad', 'ok', 'happy');`,
      `CREATE TABLE "users" ("id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL, "name" varchar(80) NOT NULL, "mood" "mood",
        "settings" jsonb DEFAULT '{}'::jsonb NOT NULL, "name_lower" text GENERATED ALWAYS AS (lower(name)) STORED,
        "created_at" timestamp with time zone DEFAULT now() NOT NULL, CONSTRAINT "users_name_unique" UNIQUE("name"));`,
    ],
  ],
  [
    '0001_messages',
    [
      `CREATE TABLE "messages" ("id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "messages_id_seq" INCREMENT BY 1
        MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1), "author_id" uuid, "body" text NOT NULL,
        "tags" text[] DEFAULT '{}' NOT NULL, "price" numeric(10, 2), "size" bigint);`,
      `CREATE TABLE "attachments" ("id" serial PRIMARY KEY NOT NULL, "message_id" integer NOT NULL, "file" text NOT NULL);`,
      `ALTER TABLE "messages" ADD CONSTRAINT "messages_author_id_users_id_fk" FOREIGN KEY ("author_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;`,
      `ALTER TABLE "attachments" ADD CONSTRAINT "attachments_message_fk" FOREIGN KEY ("message_id") REFERENCES "public"."messages"("id") ON DELETE no action ON UPDATE no action;`,
      `CREATE INDEX "messages_author" ON "messages" USING btree ("author_id","id" DESC NULLS LAST);`,
    ],
  ],
];

t.test('migrations', async t => {
  mkdirSync(join(folder.path, 'meta'));
  const entries = migrations.map(([tag], idx) => ({
    ...{idx, tag, version: '7', when: 1_700_000_000_000 + idx, breakpoints: true},
  }));
  writeFileSync(
    join(folder.path, 'meta', '_journal.json'),
    JSON.stringify({version: '7', dialect: 'postgresql', entries}),
  );
  for (const [tag, statements] of migrations)
    writeFileSync(join(folder.path, `${tag}.sql`), statements.join('\n--> statement-breakpoint\n'));
  for (let i = 0; i < 2; i++) await migrate(db, {migrationsFolder: folder.path});
  const {rows} = await pool.query('SELECT count(*)::int AS n FROM drizzle.__drizzle_migrations');
  t.same(rows, [{n: 2}]);
});

t.test('rows and relations', async t => {
  const [ann, bob] = await db
    .insert(users)
    .values([{name: 'Ann', mood: 'happy', settings: {theme: 'dark'}}, {name: 'Bob'}])
    .returning();
  t.match(ann, {name: 'Ann', mood: 'happy', settings: {theme: 'dark'}, nameLower: 'ann'});
  t.ok(ann!.createdAt instanceof Date);
  const upserted = await db
    .insert(users)
    .values({name: 'Bob', mood: 'ok'})
    .onConflictDoUpdate({target: users.name, set: {mood: sql`excluded.mood`}})
    .returning({id: users.id, mood: users.mood});
  t.same(upserted, [{id: bob!.id, mood: 'ok'}]);
  await db.insert(messages).values(
    Array.from({length: 20}, (_, i) => ({
      authorId: (i % 2 === 0 ? ann! : bob!).id,
      ...{body: `text ${i}`, tags: i === 3 ? ['a', 'b "c"'] : [], price: '1.50', size: 2n ** 60n},
    })),
  );
  await db.insert(attachments).values({messageId: 4, file: 'x.png'});
  const found = await db.query.users.findMany({
    columns: {name: true},
    orderBy: users.name,
    with: {
      messages: {
        columns: {id: true, tags: true, price: true},
        where: lt(messages.id, 6),
        orderBy: desc(messages.id),
        limit: 2,
        with: {attachments: {columns: {file: true}}},
      },
    },
  });
  // Relations come as JSON, where 1.50 is a number.
  t.same(found, [
    {
      name: 'Ann',
      messages: [
        {id: 5, tags: [], price: '1.5', attachments: []},
        {id: 3, tags: [], price: '1.5', attachments: []},
      ],
    },
    {
      name: 'Bob',
      messages: [
        {id: 4, tags: ['a', 'b "c"'], price: '1.5', attachments: [{file: 'x.png'}]},
        {id: 2, tags: [], price: '1.5', attachments: []},
      ],
    },
  ]);
  const first = await db.query.messages.findFirst({
    where: arrayContains(messages.tags, ['a']),
    with: {author: true},
  });
  t.match(first, {id: 4, size: 2n ** 60n, author: {name: 'Bob'}});
  const grouped = await db
    .select({name: users.name, n: count(messages.id)})
    .from(users)
    .leftJoin(messages, eq(messages.authorId, users.id))
    .where(inArray(users.name, ['Ann', 'Bob']))
    .groupBy(users.name)
    .orderBy(users.name);
  t.same(grouped, [
    {name: 'Ann', n: 10},
    {name: 'Bob', n: 10},
  ]);
  const page = db
    .select({id: messages.id})
    .from(messages)
    .where(and(eq(messages.authorId, sql.placeholder('author')), lt(messages.id, 15)))
    .orderBy(desc(messages.id))
    .limit(2)
    .offset(sql.placeholder('offset'))
    .prepare('page');
  t.same(await page.execute({author: ann!.id, offset: 0}), [{id: 13}, {id: 11}]);
  t.same(await page.execute({author: ann!.id, offset: 2}), [{id: 9}, {id: 7}]);
  t.equal(await db.$count(messages, lt(messages.id, 5)), 4);
});

t.test('transactions and errors', async t => {
  await t.rejects(db.insert(users).values({name: 'Ann'}), {
    cause: {code: '23505', constraint: 'users_name_unique'},
  });
  await db.transaction(
    async tx => {
      await tx.update(users).set({mood: 'sad'}).where(eq(users.name, 'Ann'));
      await t.rejects(
        tx.transaction(async inner => {
          await inner.delete(attachments);
          inner.rollback();
        }),
      );
      t.equal(await tx.$count(attachments), 1);
    },
    {isolationLevel: 'repeatable read', accessMode: 'read write'},
  );
  const [ann] = await db.select().from(users).where(eq(users.name, 'Ann')).for('update');
  t.equal(ann?.mood, 'sad');
  await db.delete(users).where(eq(users.name, 'Ann'));
  t.equal(await db.$count(messages), 10, 'messages go with their author');
});
