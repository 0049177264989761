import t from 'tap';
import {LoginThrottle} from '../../src/server/auth/login-throttle.ts';

t.test(
  'failures are answered later each time; success forgets them; others do not wait',
  async t => {
    let now = 0;
    const waits: number[] = [];
    const throttle = new LoginThrottle({
      now: () => now,
      wait: async ms => {
        waits.push(ms);
        now += ms;
      },
    });
    const fail = (user: string, address = 'here'): Promise<null> =>
      throttle.attempt<never>(user, address, async () => {
        now += 20;
        return null;
      });
    for (let i = 0; i < 8; i++) await fail('ann');
    t.same(waits, [230, 480, 980, 1980, 3980, 7980, 7980, 7980]);
    waits.length = 0;
    t.equal(await throttle.attempt('ann', 'here', async () => 'in'), 'in');
    t.equal(await throttle.attempt('ann', 'there', async () => 'in'), 'in');
    t.same(waits, []);
    await fail('ann');
    t.same(waits, [230]);
    await fail('bob');
    const order: number[] = [];
    await Promise.all([
      throttle.attempt('bob', 'here', async () => order.push(1)),
      throttle.attempt('bob', 'here', async () => order.push(2)),
    ]);
    t.same(order, [1, 2]);
    for (let i = 0; i < 90; i++) await fail(`user ${i}`);
    await t.rejects(fail('zoe'), {code: '53400'}, 'an address that fails too often is turned away');
    for (let i = 0; i < 200; i++) await fail(`user ${i}`, '');
    t.equal(await fail('zoe', ''), null, 'unless the address is not known');
    now += 16 * 60_000;
    t.equal(await fail('zoe'), null, 'for a while');
  },
);

t.test('who turns nobody away lets the right one of a bad address in', async t => {
  let now = 0;
  const waits: number[] = [];
  const throttle = new LoginThrottle({
    now: () => now,
    wait: async ms => {
      waits.push(ms);
      now += ms;
    },
  });
  for (let i = 0; i < 100; i++)
    t.equal(await throttle.attempt<never>(`user ${i}`, 'pooler', async () => null, false), null);
  t.same(new Set(waits), new Set([250]));
  waits.length = 0;
  t.equal(await throttle.attempt('ann', 'pooler', async () => 'in', false), 'in');
  t.same(waits, []);
  t.equal(await throttle.attempt<never>('zoe', 'pooler', async () => null, false), null);
  t.same(waits, [8000], 'the next failure waits longest');
  const refused = throttle.attempt('ann', 'pooler', async () => 'in');
  await t.rejects(refused, {code: '53400'});
});
