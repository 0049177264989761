import t from 'tap';
import {difference, parseScript, printScript, type SltRecord} from './script.ts';

const text = `# completed-by: PostgreSQL 15.0
# what it is about
modes hot cold

statement ok
CREATE TABLE t (id int)

connection c1
unsupported
query blocks IT rowsort
SELECT 1,
  'a'
----
1 | a
2 | b

wait c1

statement error 22012 division by zero
SELECT 1 / 0

query -
SELECT
----
(no columns)

halt
`;

t.test('a script is printed as it was read', t => {
  t.equal(printScript(parseScript('x.slt', text)), text);
  t.throws(() => parseScript('x.slt', 'nonsense'), {message: 'x.slt:1: unknown line: nonsense'});
  t.throws(() => parseScript('x.slt', 'statement ok\n'), {
    message: 'x.slt:1: a record without SQL',
  });
  t.end();
});

t.test('outcomes are compared by type, order and text', t => {
  const records = parseScript('x.slt', text).items.filter(
    (item): item is SltRecord => item.kind === 'record',
  );
  const [, query, error] = records.map(record => record.expected);
  if (query?.kind !== 'rows' || error === undefined) throw new Error('the script has changed');
  t.equal(difference(query, {...query, rows: ['2 | b', '1 | a']}), null, 'rowsort');
  t.not(difference(query, {...query, rows: ['1 | a']}), null, 'a row is missing');
  t.not(difference(query, {...query, types: 'TT'}), null, 'another type');
  t.equal(difference({...query, types: '??'}, query), null, 'any type');
  t.not(difference(error, {kind: 'error', code: '22012', message: 'no'}), null, 'another text');
  t.equal(difference({kind: 'error', code: '22012', message: ''}, error), null, 'text left open');
  t.not(difference({kind: 'ok'}, error), null, 'an error');
  t.end();
});
