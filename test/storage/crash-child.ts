// A process that the crash tests kill: writes, and prints what is durable.
import {type OwnerId, oid} from '../../src/common/ids.ts';
import {begin, createTable, insertRows, open, table, updateByKey} from './support.ts';

const [dataDir, mode] = process.argv.slice(2) as [string, string];
const made = table(20000);
const storage = open(dataDir, [made], {checkpointBytes: 256 * 1024});
const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

if (mode === 'insert') {
  await createTable(storage, made);
  for (let i = 0; ; i++) {
    await insertRows(storage, made, [
      [i * 2, i, 'x'],
      [i * 2 + 1, i, 'y'],
    ]);
    await storage.whenDurable(storage.lastSeq);
    say(String(i));
  }
} else if (mode === 'flush') {
  await createTable(storage, made);
  await insertRows(
    storage,
    made,
    Array.from({length: 3000}, (_, i) => [i, i, 'x']),
  );
  await storage.whenDurable(storage.lastSeq);
  say('ready');
  process.env['WADI_FAILPOINT'] = process.argv[4];
  const flushing = storage.flush(made, null);
  const tx = begin(storage);
  await updateByKey(tx, made, [7], row => [row[0]!, 777, row[2]!]);
  await tx.commit();
  await flushing;
} else if (mode.startsWith('large')) {
  await createTable(storage, made);
  await insertRows(
    storage,
    made,
    Array.from({length: 3000}, (_, i) => [i, i, 'x']),
  );
  await storage.whenDurable(storage.lastSeq);
  process.env['WADI_FAILPOINT'] = mode;
  const tx = begin(storage);
  for (let i = 0; i < 1500; i++) await updateByKey(tx, made, [i], row => [row[0]!, -1, row[2]!]);
  for (let i = 3000; i < 5000; i++) void tx.insert(made, oid(0) as OwnerId, [i, i, 'new']);
  await tx.commit();
} else {
  await createTable(storage, made);
  await insertRows(storage, made, [[1, 1, 'kept']]);
  await storage.whenDurable(storage.lastSeq);
  process.env['WADI_FAILPOINT'] = mode;
  await insertRows(storage, made, [
    [2, 2, 'in flight'],
    [3, 3, 'in flight'],
  ]);
}
