import t from 'tap';
import {ByteReader} from '../../src/common/byte-reader.ts';
import {ByteWriter} from '../../src/common/byte-writer.ts';
import {TsQueryType} from '../../src/types/tsquery.ts';
import {TsVectorType} from '../../src/types/tsvector.ts';

// Answers of PostgreSQL 15.
const vectors: readonly (readonly [input: string, output: string])[] = [
  ["a:1A,3 b:2 'it''s' \\\\c", "'\\\\c' 'a':1A,3 'b':2 'it''s'"],
  ['b a b:5', "'a' 'b':5"],
  ['a:99999', "'a':16383"],
  ['a:1,2,2,1B', "'a':1B,2"],
  ["' ' b", "' ' 'b'"],
  [':1', "':1'"],
  ['a:', 'syntax error in tsvector: "a:"'],
  ['a:0', 'wrong position info in tsvector: "a:0"'],
  ["'a", 'syntax error in tsvector: "\'a"'],
  ['a \\', 'there is no escaped character: "a \\"'],
];
const queries: readonly (readonly [input: string, output: string])[] = [
  ['a & !b | (c:AB* <-> d) <3> e', "'a' & !'b' | 'c':*AB <-> 'd' <3> 'e'"],
  ['!(a|b)&c', "!( 'a' | 'b' ) & 'c'"],
  ['(a|b)<->(c&d)', "( 'a' | 'b' ) <-> ( 'c' & 'd' )"],
  ['a<->(b<->c)', "'a' <-> ( 'b' <-> 'c' )"],
  ['a&(b&c)', "'a' & 'b' & 'c'"],
  ['', ''],
  ['a &', 'no operand in tsquery: "a &"'],
  ['(a', 'syntax error in tsquery: "(a"'],
  ['a b', 'syntax error in tsquery: "a b"'],
  [
    'a <20000> b',
    'distance in phrase operator must be an integer value between zero and 16384 inclusive',
  ],
];

for (const [type, cases] of [
  [new TsVectorType(), vectors],
  [new TsQueryType(), queries],
] as const) {
  t.test(`${type.name} as PostgreSQL reads and prints it`, t => {
    for (const [input, output] of cases) {
      let got: string;
      try {
        const value = type.input(input);
        got = type.output(value);
        const sent = new ByteWriter(64);
        type.send(value, sent);
        t.ok(
          type.equals(type.receive(new ByteReader(sent.take())), value),
          `${input} through its binary form`,
        );
      } catch (error) {
        got = (error as Error).message;
      }
      t.equal(got, output, input);
    }
    t.end();
  });
}

t.test('binary forms are those of PostgreSQL', t => {
  const hex = (value: unknown): string => Buffer.from(value as Uint8Array).toString('hex');
  t.equal(hex(new TsVectorType().input('a:1A,3 b')), '0000000261000002c001000362000000');
  t.equal(
    hex(new TsQueryType().input('a & !b:A* <2> c')),
    '000000060202020400020100006300020101080162000100006100',
  );
  t.end();
});
