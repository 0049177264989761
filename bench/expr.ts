// Time of generated filters and projections over 1M rows in batches of 1,024: `node bench/expr.ts`.
import type {Batch} from '../src/columns/batch.ts';
import type {Vector} from '../src/columns/vector.ts';
import type {BoundExpr} from '../src/expr/bound.ts';
import {ExprCompiler} from '../src/expr/compiler.ts';
import {FactoryCache} from '../src/expr/factory-cache.ts';
import type {ExprRun} from '../src/expr/run.ts';
import {createFunctionLibrary} from '../src/functions/library.ts';
import {makeInt4, makeInt2, Int8Type} from '../src/types/integers.ts';
import {makeFloat8} from '../src/types/floats.ts';
import {BoolType} from '../src/types/bool.ts';
import {TextType} from '../src/types/text.ts';
import type {Datum, TypeInstance} from '../src/types/contract.ts';

const ROWS = 1 << 20;
const SIZE = 1024;
void makeInt2;
const row = (oid: number, name: string, category: string) => ({
  oid,
  name,
  category,
  length: 4,
  arrayOid: 0,
});
const int4 = makeInt4();
const float8 = makeFloat8();
const bool = new BoolType();
const text = new TextType(row(25, 'text', 'S'));
const int8 = new Int8Type();
const base = (type: TypeInstance) => ({type, typmod: -1, location: -1});
const column = (index: number, type: TypeInstance): BoundExpr => ({
  kind: 'column',
  index,
  ...base(type),
});
const constant = (value: Datum, type: TypeInstance): BoundExpr => ({
  kind: 'constant',
  value,
  ...base(type),
});
const call = (source: string, type: TypeInstance, ...args: BoundExpr[]): BoundExpr => ({
  kind: 'call',
  function: 0 as never,
  source,
  isStrict: true,
  volatility: 'i',
  args,
  operatorName: '',
  functionName: source,
  ...base(type),
});

let seed = 42;
const random = (): number => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 4294967296;
};
const words = Array.from(
  {length: 500},
  (_, index) => `w${index.toString(36)}${'abcdefgh'.slice(index % 7)}`,
);
const roles = ['user', 'assistant', 'system', 'tool'];

interface Data {
  readonly batches: Batch[];
}

function makeData(): Data {
  const batches: Batch[] = [];
  for (let at = 0; at < ROWS; at += SIZE) {
    const a = new Int32Array(SIZE);
    const b = new Int32Array(SIZE);
    const f = new Float64Array(SIZE);
    const l = new BigInt64Array(SIZE);
    const codes = new Int32Array(SIZE);
    const offsets = new Int32Array(SIZE + 1);
    const parts: string[] = [];
    let size = 0;
    for (let i = 0; i < SIZE; i++) {
      a[i] = random() * 1000;
      b[i] = random() * 1000;
      f[i] = random();
      l[i] = BigInt(Math.floor(random() * 1e12));
      codes[i] = random() * 4;
      let line = '';
      while (line.length < 200) line += `${words[Math.floor(random() * 500)]!} `;
      parts.push(line);
      size += line.length;
      offsets[i + 1] = size;
    }
    const dictionary = {size: 4, get: (code: number) => roles[code]!};
    const vectors: Vector[] = [
      {kind: 'int32', values: a, nulls: null},
      {kind: 'int32', values: b, nulls: null},
      {kind: 'float64', values: f, nulls: null},
      {kind: 'int64', values: l, nulls: null},
      {kind: 'dict', values: codes, dictionary, nulls: null},
      {kind: 'utf8', bytes: Buffer.from(parts.join('')), offsets, nulls: null},
    ];
    batches.push({count: SIZE, selection: null, vectors});
  }
  return {batches};
}

const compiler = new ExprCompiler(
  createFunctionLibrary(),
  {typeByOid: () => undefined},
  new FactoryCache(),
);
const run = {params: [], slots: [], outer: [], context: null} as unknown as ExprRun;
const data = makeData();

function measure(name: string, body: () => number): void {
  let best = Infinity;
  let result = 0;
  for (let round = 0; round < 9; round++) {
    const start = process.hrtime.bigint();
    result = body();
    best = Math.min(best, Number(process.hrtime.bigint() - start) / 1e6);
  }
  console.log(
    `${name.padEnd(44)} ${best.toFixed(2).padStart(8)} ms ${((best * 1e6) / ROWS).toFixed(2).padStart(8)} ns/row  (${result})`,
  );
}

function filter(name: string, ...conditions: BoundExpr[]): void {
  const compiled = compiler.filter(conditions);
  const out = new Int32Array(SIZE);
  measure(name, () => {
    let found = 0;
    for (const batch of data.batches) found += compiled.run(run, batch, out);
    return found;
  });
}

function project(name: string, ...exprs: BoundExpr[]): void {
  const compiled = compiler.projection(exprs);
  measure(name, () => {
    let rows = 0;
    for (const batch of data.batches) rows += compiled.run(run, batch, SIZE).count;
    return rows;
  });
}

const a = column(0, int4);
const b = column(1, int4);
filter(
  'filter a < 500 and b > 250',
  call('int4lt', bool, a, constant(500, int4)),
  call('int4gt', bool, b, constant(250, int4)),
);
filter(
  'filter l > 5e11 (int8)',
  call('int8gt', bool, column(3, int8), constant(500000000000n, int8)),
);
filter(
  'filter l > 500000 (int8, int4)',
  call('int84gt', bool, column(3, int8), constant(500000, int4)),
);
filter(
  "filter role = 'tool' (dictionary)",
  call('texteq', bool, column(4, text), constant('tool', text)),
);
filter(
  "filter role like 'a%' (dictionary)",
  call('textlike', bool, column(4, text), constant('a%', text)),
);
filter(
  "filter content like '%w5abc%' (utf8)",
  call('textlike', bool, column(5, text), constant('%w5abc%', text)),
);
filter(
  "filter content like '%nothing%' (utf8)",
  call('textlike', bool, column(5, text), constant('%nothing%', text)),
);
project('project a + b * 2', call('int4pl', int4, a, call('int4mul', int4, b, constant(2, int4))));
project(
  'project f * 2 + 1',
  call(
    'float8pl',
    float8,
    call('float8mul', float8, column(2, float8), constant(2, float8)),
    constant(1, float8),
  ),
);
project('project l + 1 (int8)', call('int8pl', int8, column(3, int8), constant(1n, int8)));
project('project upper(role) (dictionary)', call('upper', text, column(4, text)));
