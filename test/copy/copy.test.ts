import fc from 'fast-check';
import t from 'tap';
import {
  CopyBinaryReader,
  writeBinaryHeader,
  writeBinaryRow,
  writeBinaryTrailer,
} from '../../src/copy/copy-binary.ts';
import {CopyCsvReader} from '../../src/copy/copy-csv-reader.ts';
import type {CopyOption, CopyOptions} from '../../src/copy/copy-options.ts';
import {makeCopyOptions} from '../../src/copy/copy-options.ts';
import type {CopyReader} from '../../src/copy/copy-row.ts';
import {DOUBLED, type FieldScanner, NULL} from '../../src/copy/field-scanner.ts';
import {fieldWhere} from '../../src/copy/copy-row.ts';
import {CopyTextReader} from '../../src/copy/copy-text-reader.ts';
import {createCopyWriter} from '../../src/copy/copy-writer.ts';
import type {Vector} from '../../src/columns/vector.ts';
import {vectorOf} from '../../src/columns/vector-builder.ts';
import {ByteWriter} from '../../src/common/byte-writer.ts';
import {PgError} from '../../src/common/errors.ts';
import {defaultFormatSettings as settings} from '../../src/types/format-settings.ts';
import {createBuiltinTypes} from '../../src/types/registry.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
t.comment(`seed ${seed}`);
const types = createBuiltinTypes();
const columns = ['a', 'b'];
const target = {relation: 't', columns};

function options(
  direction: 'from' | 'to',
  given: Readonly<Record<string, CopyOption['value']>>,
): CopyOptions {
  const list = Object.entries(given).map(([name, value]) => ({name, value}));
  return makeCopyOptions(list, direction, columns);
}

function reader(own: CopyOptions): CopyReader {
  return own.format === 'csv' ? new CopyCsvReader(own, target) : new CopyTextReader(own, target);
}

function rowsOf(
  source: CopyReader,
  chunks: readonly Buffer[],
  isFast = false,
): (readonly (string | null)[])[] {
  const rows: (readonly (string | null)[])[] = [];
  const drain = (): void => {
    for (;;) {
      const scanned = isFast ? source.nextFields() : null;
      const fields = scanned === null ? source.next()?.fields : fieldsOf(scanned, source.bytes);
      if (fields === undefined) return;
      rows.push(fields);
    }
  };
  for (const chunk of chunks) {
    source.push(chunk);
    drain();
  }
  source.end();
  drain();
  return rows;
}

function fieldsOf(scanned: FieldScanner, bytes: Buffer): (string | null)[] {
  return [...scanned.forms].map((form, i) => {
    const text = bytes.toString('utf8', scanned.starts[i], scanned.ends[i]);
    return form === NULL ? null : form === DOUBLED ? text.replaceAll('""', '"') : text;
  });
}

function read(
  text: string | Buffer,
  given: Readonly<Record<string, CopyOption['value']>> = {},
): unknown {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  const whole = outcome(() => rowsOf(reader(options('from', given)), [bytes]));
  const single = outcome(() =>
    rowsOf(
      reader(options('from', given)),
      [...bytes].map(byte => Buffer.from([byte])),
    ),
  );
  const scanned = outcome(() => rowsOf(reader(options('from', given)), [bytes], true));
  t.same(scanned, whole, `${JSON.stringify(text.toString())}: the same by the scanner`);
  t.same(single, whole, `${JSON.stringify(text.toString())}: the same byte by byte`);
  return whole;
}

function outcome(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    return [error.code, error.message, error.fields.where];
  }
}

const csv = {format: 'csv'};

t.test('text input as PostgreSQL', t => {
  t.same(read('1\ta\\\nb\n2\tc\n'), [
    ['1', 'a\nb'],
    ['2', 'c'],
  ]);
  t.same(read('1\ta\r\n2\tb\r\n'), [
    ['1', 'a'],
    ['2', 'b'],
  ]);
  t.same(read('1\ta\r2\tb\r'), [
    ['1', 'a'],
    ['2', 'b'],
  ]);
  t.same(read('1\ta\n2\tb'), [
    ['1', 'a'],
    ['2', 'b'],
  ]);
  t.same(read('1\t\\x41\\101\\n\\q\\\\\n'), [['1', 'AA\nq\\']]);
  t.same(read('1\t\\303\\251\n'), [['1', 'é']]);
  t.same(read('\\N\t\\N\n'), [[null, null]]);
  t.same(read('1\ta\n\\.\n2\tb\n'), [['1', 'a']]);
  t.same(read('1\ta\\.\n2\tb\n'), [['1', 'a']]);
  t.same(read('1\ta\\\tb\n'), [['1', 'a\tb']]);
  t.same(read('1;x\n2;\\;\n', {delimiter: ';'}), [
    ['1', 'x'],
    ['2', ';'],
  ]);
  t.same(read('x\ty\n1\ta\n', {header: null}), [['1', 'a']]);
  t.end();
});

t.test('errors of text input', t => {
  t.same(read('1\n'), ['22P04', 'missing data for column "b"', 'COPY t, line 1: "1"']);
  t.same(read('1\t2\t3\n'), [
    '22P04',
    'extra data after last expected column',
    'COPY t, line 1: "1\t2\t3"',
  ]);
  t.same(read('1\ta\n2\tb\r\n'), [
    '22P04',
    'literal carriage return found in data',
    'COPY t, line 2',
  ]);
  t.same(read('1\ta\r\n2\tb\n'), ['22P04', 'literal newline found in data', 'COPY t, line 2']);
  t.same(read('1\ta\\.b\n'), ['22P04', 'end-of-copy marker corrupt', 'COPY t, line 1']);
  t.same(read(Buffer.from('1\t\xff\n', 'latin1')), [
    '22021',
    'invalid byte sequence for encoding "UTF8": 0xff',
    'COPY t, line 1',
  ]);
  t.same(read('1\t\\377\n'), [
    '22021',
    'invalid byte sequence for encoding "UTF8": 0xff',
    'COPY t, line 1: "1\t\\377"',
  ]);
  t.equal(fieldWhere(target, 2, 0, 'zz'), 'COPY t, line 2, column a: "zz"');
  t.end();
});

t.test('csv input as PostgreSQL', t => {
  t.same(read('1,"a,b"\n2,"x""y"\n3,\n4,""\n', csv), [
    ['1', 'a,b'],
    ['2', 'x"y'],
    ['3', null],
    ['4', ''],
  ]);
  t.same(read('1,"a\nb"\n2,c\n', csv), [
    ['1', 'a\nb'],
    ['2', 'c'],
  ]);
  t.same(read('1,a"b"c\n', csv), [['1', 'abc']]);
  t.same(read('1,a\r\n2,"b\r\n"\r\n', csv), [
    ['1', 'a'],
    ['2', 'b\r\n'],
  ]);
  t.same(read('a,b\n1,x\n', {...csv, header: 'true'}), [['1', 'x']]);
  t.same(read('a,b\n1,x\n', {...csv, header: 'match'}), [['1', 'x']]);
  t.same(read('1,NULL\n2,"NULL"\n', {...csv, null: 'NULL'}), [
    ['1', null],
    ['2', 'NULL'],
  ]);
  const forced = {...csv, null: 'NULL', force_null: ['b'], force_not_null: ['b']};
  t.same(read('1,NULL\n2,"NULL"\n', forced), [
    ['1', 'NULL'],
    ['2', null],
  ]);
  t.same(read('1,a\n\\.\n2,b\n', csv), [['1', 'a']]);
  t.same(read('1,\\.\n2,b\n', csv), [
    ['1', '\\.'],
    ['2', 'b'],
  ]);
  t.same(read("1,'it''s'\n2,'a\\'b'\n", {...csv, quote: "'", escape: '\\'}), [
    ['1', 'its'],
    ['2', "a'b"],
  ]);
  t.end();
});

t.test('errors of csv input', t => {
  t.same(read('1,"abc\n', csv), [
    '22P04',
    'unterminated CSV quoted field',
    'COPY t, line 1: "1,"abc\n"',
  ]);
  t.same(read('1,a\n2,b\rc\n', csv), [
    '22P04',
    'unquoted carriage return found in data',
    'COPY t, line 2',
  ]);
  t.same(read('1,a\n\n2,b\n', csv), ['22P04', 'missing data for column "b"', 'COPY t, line 2: ""']);
  t.same(read('a,c\n1,x\n', {...csv, header: 'match'}), [
    '22P04',
    'column name mismatch in header line field 2: got "c", expected "b"',
    'COPY t, line 1: "a,c"',
  ]);
  t.same(read('a\n1,x\n', {...csv, header: 'match'}), [
    '22P04',
    'wrong number of fields in header line: got 1, expected 2',
    'COPY t, line 1: "a"',
  ]);
  t.end();
});

t.test('options are checked as PostgreSQL does', t => {
  const cases: [Record<string, CopyOption['value']>, string, string][] = [
    [{delimiter: 'ab'}, '0A000', 'COPY delimiter must be a single one-byte character'],
    [{delimiter: '\n'}, '22023', 'COPY delimiter cannot be newline or carriage return'],
    [{delimiter: 'a'}, '22023', 'COPY delimiter cannot be "a"'],
    [{delimiter: '\\'}, '22023', 'COPY delimiter cannot be "\\"'],
    [{null: 'a\n'}, '22023', 'COPY null representation cannot use newline or carriage return'],
    [{quote: 'x'}, '0A000', 'COPY quote available only in CSV mode'],
    [{...csv, quote: 'xx'}, '0A000', 'COPY quote must be a single one-byte character'],
    [{...csv, delimiter: '"'}, '22023', 'COPY delimiter and quote must be different'],
    [{force_quote: ['a']}, '0A000', 'COPY force quote available only in CSV mode'],
    [{...csv, force_quote: ['a']}, '0A000', 'COPY force quote only available using COPY TO'],
    [{format: 'binary', delimiter: ','}, '42601', 'cannot specify DELIMITER in BINARY mode'],
    [{format: 'binary', header: null}, '0A000', 'cannot specify HEADER in BINARY mode'],
    [{format: 'foo'}, '22023', 'COPY format "foo" not recognized'],
    [{foo: '1'}, '42601', 'option "foo" not recognized'],
    [{...csv, null: 'a,b'}, '0A000', 'COPY delimiter must not appear in the NULL specification'],
    [{header: 'maybe'}, '42601', 'header requires a Boolean value or "match"'],
    [{encoding: 'foo'}, '22023', 'argument to option "encoding" must be a valid encoding name'],
    [{...csv, null: '"'}, '0A000', 'CSV quote character must not appear in the NULL specification'],
  ];
  for (const [given, code, message] of cases) {
    t.same(
      outcome(() => options('from', given)),
      [code, message, undefined],
    );
  }
  t.end();
});

const int4 = types.byName('int4')!;
const text = types.byName('text')!;
const sample: [number, string | null][] = [
  [1, 'a,b'],
  [2, 'x"y'],
  [3, null],
  [4, ''],
  [5, 'l\nm'],
  [6, '\\.'],
  [7, ' s '],
  [8, 'tab\there\\'],
];

function utf8Of(text: string | null): Vector {
  const bytes = Buffer.from(`<${text ?? ''}>`);
  const nulls = text === null ? new Uint8Array([1]) : null;
  return {kind: 'utf8', bytes, offsets: new Int32Array([1, bytes.length - 1]), nulls};
}

function written(
  given: Readonly<Record<string, CopyOption['value']>>,
  header: boolean,
  only = false,
): string {
  const own = options('to', given);
  const writer = createCopyWriter(own, only ? [text] : [int4, text], settings);
  const out = new ByteWriter(8);
  if (header) writer.writeHeader(columns, out);
  const asBytes = new ByteWriter(8);
  if (header) writer.writeHeader(columns, asBytes);
  for (const [a, b] of sample) {
    const vectors = only ? [] : [vectorOf('int32', [a])];
    writer.writeRow([...vectors, vectorOf('text', [b])], 0, out);
    writer.writeRow([...vectors, utf8Of(b)], 0, asBytes);
  }
  t.equal(asBytes.view().toString(), out.view().toString(), 'the same of texts that are bytes');
  return out.view().toString();
}

t.test('output as PostgreSQL', t => {
  t.equal(
    written({}, false),
    '1\ta,b\n2\tx"y\n3\t\\N\n4\t\n5\tl\\nm\n6\t\\\\.\n7\t s \n8\ttab\\there\\\\\n',
  );
  t.equal(
    written(csv, true),
    'a,b\n1,"a,b"\n2,"x""y"\n3,\n4,""\n5,"l\nm"\n6,\\.\n7, s \n8,tab\there\\\n',
  );
  t.equal(written(csv, false, true), '"a,b"\n"x""y"\n\n""\n"l\nm"\n"\\."\n s \ntab\there\\\n');
  t.equal(
    written({...csv, force_quote: '*', null: 'NN', quote: "'", escape: '\\'}, false),
    "'1','a,b'\n'2','x\"y'\n'3',NN\n'4',''\n'5','l\nm'\n'6','\\\\.'\n'7',' s '\n'8','tab\there\\\\'\n",
  );
  t.equal(
    written({delimiter: '|', null: ''}, true),
    'a|b\n1|a,b\n2|x"y\n3|\n4|\n5|l\\nm\n6|\\\\.\n7| s \n8|tab\\there\\\\\n',
  );
  t.end();
});

const value = fc.option(
  fc.string({
    unit: fc.constantFrom('a', '\\', '"', ',', '\t', '\n', '\r', '.', 'N', 'é', '😀', "'", ' '),
    maxLength: 6,
  }),
);
const table = fc.array(fc.tuple(value, value), {maxLength: 8});
const formats: Readonly<Record<string, CopyOption['value']>>[] = [
  {},
  csv,
  {delimiter: ','},
  {...csv, delimiter: '\t', quote: "'", escape: '\\'},
  {...csv, null: 'N'},
  {...csv, force_quote: '*'},
];

t.test('what is written is read again, cut anywhere', t => {
  fc.assert(
    fc.property(
      table,
      fc.constantFrom(...formats),
      fc.array(fc.nat(40), {maxLength: 6}),
      (rows, given, cuts) => {
        const writer = createCopyWriter(options('to', given), [text, text], settings);
        const out = new ByteWriter(8);
        for (const row of rows) writer.writeRow(row.map(utf8Of), 0, out);
        const bytes = out.take();
        const chunks: Buffer[] = [];
        let at = 0;
        for (const cut of cuts) {
          chunks.push(bytes.subarray(at, at + cut));
          at += cut;
        }
        chunks.push(bytes.subarray(at));
        const {force_quote: _ignored, ...input} = given;
        const found = rowsOf(reader(options('from', input)), chunks);
        return JSON.stringify(found) === JSON.stringify(rows);
      },
    ),
    {seed, numRuns: 3000},
  );
  t.end();
});

t.test('any bytes are read by the scanner as without it', t => {
  const parts = fc.constantFrom(
    ...[
      'a',
      '1',
      ',',
      '\t',
      '\n',
      '"',
      '""',
      '\\',
      '\\N',
      '\\.',
      '\r',
      '\0',
      'é',
      '\u{1f600}',
      '\xff',
    ],
  );
  const row = fc.tuple(
    fc.string({unit: parts, maxLength: 6}),
    fc.string({unit: parts, maxLength: 6}),
  );
  const kinds: Readonly<Record<string, CopyOption['value']>>[] = [
    {},
    csv,
    {format: 'csv', null: 'a'},
    {null: 'a1', delimiter: ','},
  ];
  fc.assert(
    fc.property(fc.array(row, {maxLength: 5}), fc.constantFrom(...kinds), (rows, kind) => {
      const delimiter = String(kind['delimiter'] ?? (kind === kinds[0] ? '\t' : ','));
      const text = rows.map(fields => `${fields.join(delimiter)}\n`).join('');
      // A lone byte that is no UTF-8.
      const bytes = Buffer.from(text).toString('latin1').replaceAll('\xc3\xbf', '\xff');
      const both = [false, true].map(isFast =>
        outcome(() =>
          rowsOf(reader(options('from', kind)), [Buffer.from(bytes, 'latin1')], isFast),
        ),
      );
      return JSON.stringify(both[0]) === JSON.stringify(both[1]);
    }),
    {seed, numRuns: 3000},
  );
  t.end();
});

t.test('binary', t => {
  const out = new ByteWriter(8);
  writeBinaryHeader(out);
  for (const row of sample) writeBinaryRow(row, [int4, text], settings, out);
  writeBinaryTrailer(out);
  const bytes = out.take();
  t.equal(bytes.subarray(0, 19).toString('hex'), '5047434f50590aff0d0a000000000000000000');
  const source = new CopyBinaryReader(target);
  const found: [number, string | null][] = [];
  for (const byte of bytes) {
    source.push(Buffer.from([byte]));
    for (let row = source.next(); row !== null; row = source.next()) {
      found.push([row.fields[0]!.readInt32BE(0), row.fields[1]?.toString() ?? null]);
    }
  }
  t.same(found, sample);
  const bad = new CopyBinaryReader(target);
  bad.push(Buffer.from('x'.repeat(30)));
  t.same(
    outcome(() => bad.next()),
    ['22P04', 'COPY file signature not recognized', undefined],
  );
  t.end();
});
