import t from 'tap';
import {ByteWriter} from '../../src/common/byte-writer.ts';
import {PgError} from '../../src/common/errors.ts';
import {writeError, writeNotice} from '../../src/wire/error-message.ts';

function fieldsOf(out: ByteWriter): string[] {
  const bytes = out.take();
  t.equal(bytes.readInt32BE(1), bytes.length - 1);
  const text = bytes.toString('utf8', 5);
  t.ok(text.endsWith('\0\0'));
  return text.slice(0, -2).split('\0');
}

t.test('fields come in the order of PostgreSQL', t => {
  const out = new ByteWriter();
  writeError(
    out,
    new PgError('23505', 'mé', {
      ...{constraint: 'n', dataType: 'd', column: 'c', table: 't', schema: 's', where: 'W'},
      ...{internalQuery: 'q', internalPosition: 5, position: 4, hint: 'H', detail: 'D\0x'},
    }),
  );
  t.same(fieldsOf(out), [
    ...['SERROR', 'VERROR', 'C23505', 'Mmé', 'DDx', 'HH', 'P4', 'p5', 'qq', 'WW', 'ss', 'tt'],
    ...['cc', 'dd', 'nn', 'Fwadi', 'L1', 'Rreport'],
  ]);
  writeError(out, new PgError('42601', 'bad', {severity: 'FATAL'}));
  t.same(fieldsOf(out).slice(0, 4), ['SFATAL', 'VFATAL', 'C42601', 'Mbad']);
  writeNotice(out, {severity: 'WARNING', code: '25P01', message: 'w', fields: {}});
  t.same(fieldsOf(out).slice(0, 4), ['SWARNING', 'VWARNING', 'C25P01', 'Mw']);
  t.end();
});
