import t from 'tap';
import {PersistentMap} from '../../src/catalog/persistent-map.ts';

t.test('behaves as a Map, and older versions stay', t => {
  const seed = 12345;
  t.comment(`seed ${seed}`);
  let state = seed;
  const random = (n: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  let map = PersistentMap.empty<string, number>();
  const model = new Map<string, number>();
  const versions: {map: PersistentMap<string, number>; model: Map<string, number>}[] = [];
  for (let step = 0; step < 20_000; step++) {
    const key = `k${random(3000)}`;
    if (random(3) === 0) {
      map = map.delete(key);
      model.delete(key);
    } else {
      map = map.set(key, step);
      model.set(key, step);
    }
    if (step % 4000 === 0) versions.push({map, model: new Map(model)});
  }
  for (const version of [...versions, {map, model}]) {
    t.equal(version.map.size, version.model.size);
    t.same(
      version.map.values().sort((a, b) => a - b),
      [...version.model.values()].sort((a, b) => a - b),
    );
    let wrong = 0;
    for (let n = 0; n < 3000; n++)
      if (version.map.get(`k${n}`) !== version.model.get(`k${n}`)) wrong++;
    t.equal(wrong, 0);
  }
  t.end();
});

t.test('number keys', t => {
  let map = PersistentMap.empty<number, number>();
  for (let n = 0; n < 10_000; n++) map = map.set(n * 7, n);
  let wrong = 0;
  for (let n = 0; n < 10_000; n++)
    if (map.get(n * 7) !== n || map.get(n * 7 + 1) !== undefined) wrong++;
  t.equal(wrong, 0);
  for (let n = 0; n < 10_000; n++) map = map.delete(n * 7);
  t.equal(map.size, 0);
  t.same(map.values(), []);
  t.end();
});
