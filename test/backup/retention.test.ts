// Old records of the audit log and of jobs go; newer ones stay.
import {setImmediate as nextTurn} from 'node:timers/promises';
import t from 'tap';
import {type EmbeddedSession, openDatabase} from '../../src/database.ts';
import {type JobStore, JobTable} from '../../src/jobs/job-table.ts';
import {isAuditTable} from '../../src/catalog/audit-table.ts';
import type {OwnerId} from '../../src/common/ids.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';

const DAY = 86_400_000_000n;

type Database = Awaited<ReturnType<typeof openDatabase>>;

/** Records of earlier days, as the log itself would have written them. */
async function addRecords(database: Database, now: bigint, ages: readonly bigint[]): Promise<void> {
  const {storage, audit} = database.engine;
  const session = [...database.engine.sessions.values()][0]!;
  const table = audit.storageOf(session.database.oid)!;
  const tx = storage.begin({
    isolation: 'read committed',
    isReadOnly: false,
    databaseOid: table.databaseOid,
    waiter: {pid: 0, lockTimeoutMs: () => 0, deadlockTimeoutMs: () => 0},
  });
  tx.beginStatement();
  for (const age of ages) {
    const at = now - age * DAY - 1n;
    void tx.insert(table, 0 as OwnerId, [at, at, 'a', 'b', 'set role', null, null, null]);
  }
  tx.endStatement();
  await tx.commit();
}

async function ages(session: EmbeddedSession): Promise<string> {
  const {rows} = await session.query(
    `SELECT string_agg((now()::date - at::date)::text, ' ' ORDER BY at DESC) FROM system.audit_log`,
  );
  return String(rows[0]![0]);
}

t.test('records of the audit log that are too old', async t => {
  const folder = temporaryFolder('retention');
  t.teardown(() => folder.remove());
  let database = await openDatabase({dataDir: folder.path});
  let session = database.session();
  const now = BigInt(Date.now() - 946_684_800_000) * 1000n;
  await addRecords(database, now, [...Array<bigint>(1500).fill(400n), 100n, 91n]);
  await session.query('STORAGE FLUSH TABLE system.audit_log');
  await addRecords(database, now, [200n, 89n, 1n]);
  await session.close();
  await database.close();

  database = await openDatabase({dataDir: folder.path, auditRetentionDays: 90});
  session = database.session();
  let job: readonly unknown[] | undefined;
  for (;;) {
    const {rows} = await session.query(
      `SELECT status, created_by, message FROM system.jobs WHERE type = 'retention'`,
    );
    job = rows[0];
    if (job?.[0] === 'completed' || job?.[0] === 'failed') break;
    await nextTurn();
  }
  t.same(job, ['completed', 'system', '1503 records of system.audit_log removed']);
  t.match(await ages(session), /^1 89$|^2 90$/);
  t.same((await session.query('SELECT system.fsck()')).rows, [['{}']]);
  await session.close();
  await database.close();

  database = await openDatabase({dataDir: folder.path});
  session = database.session();
  t.match(await ages(session), /^1 89$|^2 90$/, 'also after a restart');
  await t.rejects(session.query('DELETE FROM system.audit_log'), {code: '42501'});
  const catalog = database.engine.catalog([...database.engine.sessions.values()][0]!.database.oid);
  t.equal([...catalog.tables()].filter(isAuditTable).length, 1);
  await session.close();
  await database.close();
});

t.test('records of jobs: the newest 1,000 of 30 days', t => {
  const kept = new Map<number, string>();
  const store: JobStore = {
    jobs: () => [...kept],
    putJob: (id, json) => void kept.set(id, json),
    deleteJobs: ids => ids.forEach(id => kept.delete(id)),
  };
  let now = 0n;
  const request = {type: 'backup', table: null, owner: null, createdBy: 'x'} as const;
  let table = new JobTable(() => now, 10, store);
  const open = table.add(request);
  for (let i = 0; i < 30; i++) {
    now += DAY;
    table.add(request).end('completed', now);
  }
  t.equal(table.rows().length, 10);
  t.equal(kept.size, 10);
  t.ok(table.find(open.id), 'what has not ended stays');
  now += 29n * DAY;
  table.add(request);
  t.equal(table.rows().length, 4, 'too old, though in the memory of the process');
  t.equal(kept.size, 4);
  now += 40n * DAY;
  table = new JobTable(() => now, 10, store);
  t.same(
    table.rows().map(row => row.status),
    [],
    'at a start, too',
  );
  t.equal(kept.size, 0);
  t.end();
});
