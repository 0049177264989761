import t from 'tap';
import {datumAt} from '../../src/columns/vector-builder.ts';
import type {Oid} from '../../src/common/ids.ts';
import {createColumnReader} from '../../src/copy/column-reader.ts';
import {PgError} from '../../src/common/errors.ts';
import {defaultFormatSettings as settings} from '../../src/types/format-settings.ts';
import {createBuiltinTypes} from '../../src/types/registry.ts';

const types = createBuiltinTypes();

/** Texts by type OID and typmod; those that are not usual are for the type's own input. */
const texts: readonly (readonly [oid: number, typmod: number, values: readonly string[]])[] = [
  [21, -1, ['0', '-0', '32767', '-32768', '32768', '-32769', '', '-', '+1', ' 1', '1 ', '1x']],
  [23, -1, ['0', '2147483647', '-2147483648', '2147483648', '-2147483649', '007', '1e3']],
  [20, -1, ['1', '-1', '4294967296', '-4294967297', '999999999999999', '-999999999999999']],
  [20, -1, ['9223372036854775807', '-9223372036854775808', '1000000000000000', '--1']],
  [701, -1, ['1', '-0', '0.1', '.5', '5.', '-1.25', '123456789.123456', '1.2.3', '.', '-', '1e5']],
  [701, -1, ['999999999999999', '0.00000000000001', '1234567890123456', 'NaN', 'Infinity', '']],
  [700, -1, ['0.1', '16777217', '1.1', '3.4028235', '-7.3', '123456.789']],
  [16, -1, ['t', 'f', 'true', 'no', '1', '0', 'T', 'x', '']],
  [1082, -1, ['2020-02-29', '2021-02-29', '0001-01-01', '0000-00-00', '9999-12-31', '2020-1-1']],
  [1082, -1, ['infinity', '2020-01-01 BC', '20200101', '2020-13-01', '1999-12-31', '2020/01/01']],
  [1114, -1, ['2020-01-01 00:00:00', '2020-01-01T23:59:59.999999', '2020-01-01', '1715-01-01']],
  [1114, -1, ['2020-01-01 24:00:00', '2020-01-01 23:59:60', '2020-01-01 00:00:00.1234567']],
  [
    1114,
    -1,
    ['2020-01-01 00:00:00+02', '0001-01-01 00:00:00', '9999-01-01 00:00:00', '2020-01-01 00:00'],
  ],
  [1114, 3, ['2020-01-01 00:00:00.1239']],
  [1184, -1, ['2020-01-01 00:00:00+00', '2020-01-01 00:00:00.5-05:30', '2020-01-01 00:00:00Z']],
  [
    1184,
    -1,
    ['2020-01-01 00:00:00', '2020-01-01', '2020-01-01 00:00:00+16', '1999-12-31 23:59:59+1'],
  ],
  [1184, -1, ['2020-01-01 00:00:00+01:00:30', '0300-01-01 00:00:00+00', '-infinity']],
  [25, -1, ['', 'a', 'é', 'x'.repeat(100)]],
  [1043, 7, ['abc', 'äöü', 'abcd', 'abc  ', '']],
  [1042, 7, ['a', 'abcd']],
  [2950, -1, ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11']],
  [2950, -1, ['a0eebc999c0b4ef8bb6d6bb9bd380a11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1g']],
  [1700, -1, ['1.10', 'NaN']],
];

for (const timeZone of ['UTC', 'Europe/Berlin']) {
  t.test(`what is read from bytes is what the type reads from text, ${timeZone}`, t => {
    const own = {...settings, timeZone};
    for (const [oid, typmod, values] of texts) {
      const type = types.typeByOid(oid as Oid)!;
      const reader = createColumnReader(type, typmod, own);
      for (const text of values) {
        reader.reset();
        const bytes = Buffer.from(`1${text}1`);
        if (!reader.bytes(bytes, 1, bytes.length - 1)) {
          try {
            reader.append(type.input(text, typmod, own));
          } catch (error) {
            if (!(error instanceof PgError)) throw error;
            continue;
          }
        }
        t.same(
          datumAt(reader.vector, 0),
          type.input(text, typmod, own),
          `${type.name}(${typmod}) ${JSON.stringify(text)}`,
        );
        reader.reset();
        reader.append(null);
        t.equal(datumAt(reader.vector, 0), null);
      }
    }
    t.end();
  });
}
