import t from 'tap';
import {oid} from '../../src/common/ids.ts';
import {LiveChannels} from '../../src/live/channels.ts';

const MINUTE = 60_000_000n;

t.test('channels that nobody uses are forgotten, and a role has so many at most', async test => {
  let now = 0n;
  const hub = {
    current: (options: object) => ({options, isChanged: false}),
    storage: {durableSeq: 1n},
    tokenTail: () => 'tail',
    changesSince: () => ({frames: [], gap: false}),
  };
  const channels = new LiveChannels(hub as never, () => now);
  const open = (role: number): string =>
    channels.open({role: oid(role), shape: {class: 'A', columns: []}} as never).channel;
  const read = open(1);
  const idle = open(1);
  now = 9n * MINUTE;
  void channels.changes(read, oid(1), 1n as never);
  now = 11n * MINUTE;
  channels.forgetIdle();
  test.equal(channels.size, 1);
  test.throws(() => channels.checkListen(idle, oid(1)), {code: '42501'});
  channels.checkListen(read, oid(1));
  for (let i = 1; i < 10_000; i++) open(1);
  test.throws(() => open(1), {code: '54000'});
  const other = open(2);
  test.equal(channels.close(other, oid(1)), false, 'of another role');
  test.equal(channels.close(read, oid(1)), true);
  open(1);
  now = 30n * MINUTE;
  channels.forgetIdle();
  test.equal(channels.size, 0);
  open(1);
  test.equal(channels.size, 1);
});
