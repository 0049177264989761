import type {Test} from 'tap';
import t from 'tap';
import {ByteReader} from '../../src/common/byte-reader.ts';
import {ByteWriter} from '../../src/common/byte-writer.ts';
import type {TypeInstance, Value} from '../../src/types/contract.ts';
import {makeArrayType} from '../../src/types/array.ts';
import {makeDomainType} from '../../src/types/domain.ts';
import {makeEnumType} from '../../src/types/enum.ts';
import {defaultFormatSettings as settings} from '../../src/types/format-settings.ts';
import {PgRecord} from '../../src/types/record-value.ts';
import {makeCompositeType} from '../../src/types/record.ts';
import {createBuiltinTypes} from '../../src/types/registry.ts';

const types = createBuiltinTypes();
const int4 = types.byName('int4')!;
const text = types.byName('text')!;

function roundTrip(t: Test, type: TypeInstance, value: Value): void {
  const out = new ByteWriter(8);
  type.send(value, out, settings);
  const expected = type.output(value, settings);
  t.equal(type.output(type.receive(new ByteReader(out.take()), -1, settings), settings), expected);
  t.equal(type.output(type.fromSqlite(type.toSqlite(value)), settings), expected);
  t.equal(type.output(type.parquet.decode(type.parquet.encode(value)), settings), expected);
}

t.test('enum', t => {
  const labels = ['sad', 'ok', 'happy'].map((label, i) => ({label, sortOrder: i + 1}));
  const mood = makeEnumType(20000, 'mood', 20001, [...labels, {label: 'fine', sortOrder: 2.5}]);
  t.same(
    mood.labels.map(({label}) => label),
    ['sad', 'ok', 'fine', 'happy'],
  );
  t.ok(mood.compare('sad', 'happy') < 0 && mood.compare('fine', 'ok') > 0);
  t.throws(() => mood.input('x'), {
    code: '22P02',
    message: 'invalid input value for enum mood: "x"',
  });
  const array = makeArrayType(mood);
  t.equal(array.oid, 20001);
  t.equal(
    array.output(array.input('{sad,NULL,happy}', -1, settings), settings),
    '{sad,NULL,happy}',
  );
  roundTrip(t, mood, 'fine');
  t.end();
});

t.test('domain', t => {
  const short = makeDomainType(
    {oid: 20002, name: 'short', arrayOid: 20003},
    types.byName('varchar')!,
    7,
  );
  t.equal(short.kind, 'd');
  t.equal(short.input('abc', -1, settings), 'abc');
  t.throws(() => short.input('abcd', -1, settings), {
    code: '22001',
    message: 'value too long for type character varying(3)',
  });
  roundTrip(t, short, 'abc');
  t.end();
});

t.test('composite and record', t => {
  const fields = [
    {name: 'a', type: int4, typmod: -1},
    {name: 'b', type: text, typmod: -1},
    {name: 'c', type: text, typmod: -1},
    {name: 'd', type: text, typmod: -1},
  ];
  const pair = makeCompositeType({oid: 20004, name: 'pair', arrayOid: 20005}, fields, types);
  const value = pair.input('(1,"a b",,"q""x")', -1, settings) as PgRecord;
  t.same(value.fields, [1, 'a b', null, 'q"x']);
  t.equal(pair.output(value, settings), '(1,"a b",,"q""x")');
  roundTrip(t, pair, value);
  const malformed = (source: string, detail: string): void => {
    t.throws(() => pair.input(source, -1, settings), {
      code: '22P02',
      message: `malformed record literal: "${source}"`,
      fields: {detail},
    });
  };
  malformed('1,2', 'Missing left parenthesis.');
  malformed('(1,2)', 'Too few columns.');
  malformed('(1,2,3,4,5)', 'Too many columns.');
  malformed('(1,2,3,4', 'Unexpected end of input.');
  malformed('(1,2,3,4) x', 'Junk after right parenthesis.');
  const record = types.byName('record')!;
  const row = new PgRecord(record.oid, [int4.oid, text.oid], [1, '']);
  t.equal(record.output(row, settings), '(1,"")');
  t.ok(
    record.compare(row, new PgRecord(record.oid, [int4.oid, text.oid], [1, null])) < 0,
    'NULL is last',
  );
  t.throws(() => record.input('(1)', -1, settings), {code: '0A000'});
  t.end();
});
