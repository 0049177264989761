import fc from 'fast-check';
import t from 'tap';
import {ByteReader} from '../../src/common/byte-reader.ts';
import {PgError} from '../../src/common/errors.ts';
import {findZone, zoneSettingName} from '../../src/types/datetime-zone.ts';
import {defaultFormatSettings as settings} from '../../src/types/format-settings.ts';
import {createBuiltinTypes} from '../../src/types/registry.ts';
import {fixtureInputs} from './fixture-inputs.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
t.comment(`seed ${seed}`);
const types = createBuiltinTypes();

/** Runs and tells a surprise: an error that no client should see. */
function surprise(run: () => void): string | null {
  try {
    run();
    return null;
  } catch (error) {
    if (error instanceof PgError && error.code !== 'XX000') return null;
    // PostgreSQL itself answers these with XX000.
    return /unsupported json(b|path) version/.test(String(error)) ? null : String(error);
  }
}

const known = new Map<string, string[]>();
for (const input of Object.values(fixtureInputs).flat()) {
  known.set(input.type, [...(known.get(input.type) ?? []), ...input.texts]);
}

/** A known text with pieces of others, cuts and stray characters. */
function mutated(texts: readonly string[]): fc.Arbitrary<string> {
  const piece = fc
    .tuple(fc.constantFrom(...texts), fc.nat(20), fc.nat(20))
    .map(([text, from, size]) =>
      text.slice(from % (text.length + 1), (from % (text.length + 1)) + size),
    );
  return fc
    .array(fc.oneof({weight: 4, arbitrary: piece}, fc.string({maxLength: 3})), {maxLength: 4})
    .map(pieces => pieces.join(''));
}

for (const type of types.all) {
  t.test(`${type.name} raises nothing but PgError`, t => {
    const texts = known.get(type.name) ?? ['1', '{1,2}', 'a', '(1,2)', '2024-01-01'];
    fc.assert(
      fc.property(mutated(texts), text => {
        const found = surprise(() => {
          const value = type.input(text, -1, settings);
          type.input(type.output(value, settings), -1, settings);
        });
        if (found !== null) throw new Error(`${JSON.stringify(text)}: ${found}`);
      }),
      {seed, numRuns: 150},
    );
    fc.assert(
      fc.property(fc.uint8Array({maxLength: 40}), bytes => {
        const found = surprise(() => {
          const value = type.receive(new ByteReader(Buffer.from(bytes)), -1, settings);
          type.output(value, settings);
        });
        if (found !== null) throw new Error(`${Buffer.from(bytes).toString('hex')}: ${found}`);
      }),
      {seed, numRuns: 100},
    );
    t.end();
  });
}

t.test('time zone names', t => {
  t.equal(zoneSettingName('-5'), '<-05>+05');
  t.equal(zoneSettingName('5.5'), '<+05:30>-05:30');
  t.equal(zoneSettingName('america/new_york'), 'America/New_York');
  t.equal(zoneSettingName('foo'), null);
  t.equal(findZone('<-05>+05')!.offsetAt(0), -18000);
  t.equal(findZone('UTC+3')!.offsetAt(0), -10800);
  t.equal(findZone('+05:30')!.offsetAt(0), -19800);
  t.equal(findZone('Europe/Berlin')!.offsetAt(0), 3600);
  t.end();
});
