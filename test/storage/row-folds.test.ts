// Row locks of large transactions become bits: they hold, conflict and end as single ones.
import t from 'tap';
import {oid} from '../../src/common/ids.ts';
import {IntSet} from '../../src/common/int-set.ts';
import type {RowLockMode} from '../../src/storage/contract.ts';
import {LockManager} from '../../src/storage/locks/lock-manager.ts';
import {ROW_MODES, rowModesConflict} from '../../src/storage/locks/lock-modes.ts';
import {LockOwner} from '../../src/storage/locks/lock-owner.ts';
import type {RowMark} from '../../src/storage/locks/lock-parts.ts';
import {waiter} from './support.ts';

const MODES: readonly RowLockMode[] = ['keyShare', 'share', 'noKeyUpdate', 'update'];
const TABLE = {oid: oid(20000), name: 'folded'};
const ROWS = 12_000;

/** A transaction and what it should hold: by savepoint, rid -> strongest mode. */
class Expected {
  readonly owner: LockOwner;
  readonly levels: Map<number, number>[] = [new Map()];
  readonly marks: RowMark[] = [];

  constructor(id: number) {
    this.owner = new LockOwner(id, waiter(id));
  }

  mode(rid: number): number {
    return Math.max(...this.levels.map(level => level.get(rid) ?? 0));
  }
}

function random(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
t.test(`1.3: many row locks against a plain model, SEED=${seed}`, async test => {
  const below = random(seed);
  const locks = new LockManager(() => 'folded');
  let id = 1;
  const owners = [new Expected(id++), new Expected(id++), new Expected(id++)];
  const probe = new LockOwner(1000, waiter(1000));
  const expected = (of: Expected | null, rid: number, mode: RowLockMode): boolean =>
    owners.every(other => other === of || !conflict(other.mode(rid), ROW_MODES[mode]));
  const conflict = (a: number, b: number): boolean => a > 0 && rowModesConflict(a, b);
  for (let step = 0; step < 400; step++) {
    const at = below(owners.length);
    const one = owners[at]!;
    const action = below(10);
    if (action < 5) {
      const from = below(ROWS);
      const count = below(3) === 0 ? 1 + below(20) : 1 + below(7000);
      const mode = MODES[below(4)]!;
      const stride = 1 + below(3);
      for (let i = 0; i < count; i++) {
        const rid = (from + i * stride) % ROWS;
        const isFree = expected(one, rid, mode);
        const own = one.mode(rid) >= ROW_MODES[mode];
        const result = locks.lockRow(one.owner, TABLE, rid, mode, 'skip');
        if ((result === 'granted') !== (isFree || own))
          test.fail(`row ${rid} ${mode}: ${String(result)}`);
        const level = one.levels[one.levels.length - 1]!;
        if (result === 'granted') level.set(rid, Math.max(level.get(rid) ?? 0, ROW_MODES[mode]));
      }
    } else if (action === 5) {
      one.marks.push(one.owner.markRows());
      one.levels.push(new Map());
    } else if (action === 6 && one.marks.length > 0) {
      const to = below(one.marks.length);
      locks.releaseRows(one.owner, one.marks[to]!);
      one.marks.length = to + 1;
      one.levels.length = to + 1;
      one.levels.push(new Map());
    } else if (action === 7 && below(3) === 0) {
      locks.releaseAll(one.owner);
      owners[at] = new Expected(id++);
    }
    for (let i = 0; i < 20; i++) {
      const rid = below(ROWS);
      const mode = MODES[below(4)]!;
      const result = locks.lockRow(probe, TABLE, rid, mode, 'skip');
      if ((result === 'granted') !== expected(null, rid, mode))
        test.fail(`step ${step}, row ${rid} ${mode}: ${String(result)}`);
      const isBusy = owners.some(other => other.mode(rid) >= 3);
      locks.releaseAll(probe);
      if (locks.rowsOf(20000).isLockedForChange(rid) !== isBusy) test.fail(`row ${rid} is busy`);
    }
  }
  for (const {owner} of owners) locks.releaseAll(owner);
  test.equal(locks.rowsOf(20000).size, 0, 'nothing is left');
  test.same([...locks.rowsOf(20000).changing()], []);
});

t.test('1.3: who waits for a folded row goes on at its end, and after ROLLBACK TO', async test => {
  const locks = new LockManager(() => 'folded');
  const [one, two, three] = [1, 2, 3].map(id => new LockOwner(id, waiter(id))) as [
    LockOwner,
    LockOwner,
    LockOwner,
  ];
  for (let rid = 0; rid < 9000; rid++) void locks.lockRow(one, TABLE, rid, 'noKeyUpdate', 'wait');
  const mark = one.markRows();
  for (let rid = 9000; rid < 20_000; rid++) void locks.lockRow(one, TABLE, rid, 'update', 'wait');
  test.ok(one.rowRids.length < 9000 && one.rowFolds.length === 2, 'they are folds');
  const woken: string[] = [];
  const later = locks.lockRow(two, TABLE, 9100, 'keyShare', 'wait') as Promise<void>;
  const end = locks.lockRow(three, TABLE, 100, 'update', 'wait') as Promise<void>;
  void later.then(() => woken.push('later'));
  void end.then(() => woken.push('end'));
  test.equal(locks.lockRow(one, TABLE, 100, 'update', 'wait'), 'granted', 'the holder goes first');
  await new Promise(resolve => setImmediate(resolve));
  test.same(woken, []);
  locks.releaseRows(one, mark);
  await new Promise(resolve => setImmediate(resolve));
  test.same(woken, ['later']);
  test.equal(
    locks.lockRow(two, TABLE, 100, 'keyShare', 'skip'),
    'granted',
    'only the key is shared',
  );
  locks.releaseAll(two);
  locks.releaseAll(one);
  await new Promise(resolve => setImmediate(resolve));
  test.same(woken, ['later', 'end']);
  locks.releaseAll(three);
  test.equal(locks.rowsOf(20000).size, 0);
});

t.test('a set of integers', async test => {
  const below = random(seed);
  const set = new IntSet();
  const plain = new Set<number>();
  for (let i = 0; i < 20_000; i++) {
    const value = below(4) === 0 ? below(2 ** 31) * 1024 : below(30_000);
    if (below(4) === 0) {
      if (set.delete(value) !== plain.delete(value)) test.fail(`delete ${value}`);
    } else if (set.add(value) === plain.has(value)) test.fail(`add ${value}`);
    else plain.add(value);
    if (set.has(value) !== plain.has(value)) test.fail(`has ${value}`);
  }
  test.equal(set.size, plain.size);
  const sorted = [...plain].sort((a, b) => a - b);
  test.same(
    [...set.values()].sort((a, b) => a - b),
    sorted,
  );
  const small = sorted.filter(value => value < 30_000);
  for (let i = 0; i < 1000; i++) {
    const from = below(30_000);
    const wanted = small.find(value => value >= from);
    if (wanted !== undefined && set.next(from) !== wanted) test.fail(`next ${from}`);
  }
});
