import type {Test} from 'tap';
import t from 'tap';
import {ByteReader} from '../../src/common/byte-reader.ts';
import {ByteWriter} from '../../src/common/byte-writer.ts';
import {PgError} from '../../src/common/errors.ts';
import type {FormatSettings, TypeInstance, Value} from '../../src/types/contract.ts';
import {defaultFormatSettings} from '../../src/types/format-settings.ts';
import {createBuiltinTypes} from '../../src/types/registry.ts';
import type {FixtureCase, FixtureError, TypeFixture} from './load-fixture.ts';
import {loadFixture} from './load-fixture.ts';

const types = createBuiltinTypes();
const settings = defaultFormatSettings;

function errorOf(run: () => unknown): FixtureError | string {
  try {
    run();
    return 'no error';
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    const {detail, hint, where} = error.fields;
    return {
      code: error.code,
      message: error.message,
      ...(detail === undefined ? {} : {detail}),
      ...(hint === undefined ? {} : {hint}),
      ...(where === undefined ? {} : {where}),
    };
  }
}

function bytesOf(write: (out: ByteWriter) => void): string {
  const out = new ByteWriter(16);
  write(out);
  return out.view().toString('hex');
}

function checkValue(t: Test, type: TypeInstance, item: FixtureCase, typmod: number): Value | null {
  const name = `${type.name} ${JSON.stringify(item.text)}`;
  let value: Value;
  try {
    value = type.input(item.text, typmod, settings);
  } catch (error) {
    t.fail(`${name}: ${String(error)}`);
    return null;
  }
  t.equal(type.output(value, settings), item.output, `${name}: output`);
  const text = bytesOf(out => type.writeText(value, out, settings));
  t.equal(Buffer.from(text, 'hex').toString('utf8'), item.output, `${name}: writeText`);
  t.equal(
    bytesOf(out => type.send(value, out, settings)),
    item.binary,
    `${name}: send`,
  );
  const received = type.receive(new ByteReader(Buffer.from(item.binary!, 'hex')), typmod, settings);
  t.equal(type.output(received, settings), item.output, `${name}: receive`);
  const stored = type.fromSqlite(type.toSqlite(value));
  t.equal(type.output(stored, settings), item.output, `${name}: sqlite`);
  const parquet = type.parquet.decode(type.parquet.encode(value));
  t.equal(type.output(parquet, settings), item.output, `${name}: parquet`);
  return value;
}

function checkOrder(
  t: Test,
  type: TypeInstance,
  ranked: readonly {value: Value; rank: number; text: string}[],
): void {
  const keys = ranked.map(({value}) =>
    Buffer.from(
      bytesOf(out => type.writeKey(value, out)),
      'hex',
    ),
  );
  const wrong: string[] = [];
  ranked.forEach((a, i) => {
    ranked.forEach((b, j) => {
      const expected = Math.sign(a.rank - b.rank);
      const pair = `${a.text} | ${b.text}`;
      if (Math.sign(type.compare(a.value, b.value)) !== expected) wrong.push(`compare ${pair}`);
      if (type.equals(a.value, b.value) !== (expected === 0)) wrong.push(`equals ${pair}`);
      if (Math.sign(Buffer.compare(keys[i]!, keys[j]!)) !== expected) wrong.push(`key ${pair}`);
      if (expected === 0 && type.hash(a.value) !== type.hash(b.value)) wrong.push(`hash ${pair}`);
      const isPrefix =
        keys[i]!.length < keys[j]!.length && keys[j]!.subarray(0, keys[i]!.length).equals(keys[i]!);
      if (isPrefix) wrong.push(`prefix ${pair}`);
    });
  });
  t.same(wrong, [], `${type.name}: order, keys, hash`);
}

for (const file of ['numbers', 'text', 'datetime', 'json', 'containers', 'geometry']) {
  t.test(`${file} as PostgreSQL`, t => {
    for (const fixture of loadFixture<TypeFixture[]>(file)) {
      const type = types.byName(fixture.type)!;
      const ranked: {value: Value; rank: number; text: string}[] = [];
      for (const item of fixture.cases) {
        if (item.error !== undefined) {
          const found = errorOf(() => type.input(item.text, fixture.typmod, settings));
          t.same(found, item.error, `${type.name} ${JSON.stringify(item.text)}: error`);
          continue;
        }
        const value = checkValue(t, type, item, fixture.typmod);
        if (value !== null && item.rank !== undefined)
          ranked.push({value, rank: item.rank, text: item.text});
      }
      if (!fixture.isUnordered) checkOrder(t, type, ranked);
    }
    t.end();
  });
}

interface FormatCase {
  readonly type: string;
  readonly text: string;
  readonly output?: string;
  readonly error?: FixtureError;
  readonly dateStyle?: string;
  readonly timeZone?: string;
  readonly intervalStyle?: FormatSettings['intervalStyle'];
  readonly extraFloatDigits?: number;
}

t.test('output styles as PostgreSQL', t => {
  for (const item of loadFixture<FormatCase[]>('formats')) {
    const [dateStyle, dateOrder] = (item.dateStyle ?? 'ISO, MDY').split(', ');
    const own: FormatSettings = {
      ...settings,
      dateStyle: dateStyle as FormatSettings['dateStyle'],
      dateOrder: dateOrder as FormatSettings['dateOrder'],
      timeZone: item.timeZone ?? 'UTC',
      intervalStyle: item.intervalStyle ?? 'postgres',
      extraFloatDigits: item.extraFloatDigits ?? 1,
    };
    const type = types.byName(item.type)!;
    const styles = [item.dateStyle, item.timeZone, item.intervalStyle, item.extraFloatDigits];
    const name = `${styles.filter(style => style !== undefined).join(' ')} ${item.type} ${item.text}`;
    if (item.error !== undefined) {
      t.same(
        errorOf(() => type.input(item.text, -1, own)),
        item.error,
        name,
      );
      continue;
    }
    const value = type.input(item.text, -1, own);
    t.equal(type.output(value, own), item.output, name);
    const text = Buffer.from(
      bytesOf(out => type.writeText(value, out, own)),
      'hex',
    ).toString();
    t.equal(text, item.output, `${name}: writeText`);
  }
  t.end();
});

interface TypeRowFixture {
  readonly oid: string;
  readonly typname: string;
  readonly typlen: string;
  readonly typtype: string;
  readonly typcategory: string;
  readonly typispreferred: string;
  readonly typdelim: string;
  readonly typarray: string;
  readonly typelem: string;
  readonly collatable: string;
}

t.test('facts of pg_type', t => {
  const missing: string[] = [];
  for (const row of loadFixture<TypeRowFixture[]>('pg-type')) {
    const type = types.byName(row.typname);
    if (type === undefined) {
      missing.push(row.typname);
      continue;
    }
    t.same(
      {
        oid: type.oid,
        length: type.length,
        kind: type.kind,
        category: type.category,
        isPreferred: type.isPreferred,
        delimiter: type.delimiter,
        arrayOid: type.arrayOid,
        element: type.element?.oid ?? 0,
        isCollatable: type.isCollatable,
      },
      {
        oid: Number(row.oid),
        length: Number(row.typlen),
        kind: row.typtype,
        category: row.typcategory,
        isPreferred: row.typispreferred === 't',
        delimiter: row.typdelim,
        arrayOid: Number(row.typarray),
        element: Number(row.typelem),
        isCollatable: row.collatable === 't',
      },
      row.typname,
    );
  }
  t.comment(`not in the registry: ${missing.join(' ')}`);
  t.end();
});
