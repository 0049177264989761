// Generated source holds templates and numbered names only; what differs in constants is compiled once (ENGINE.md 2.2).
import t from 'tap';
import type {BoundExpr} from '../../src/expr/bound.ts';
import {ExprCompiler} from '../../src/expr/compiler.ts';
import type {Factory} from '../../src/expr/factory-cache.ts';
import {FactoryCache} from '../../src/expr/factory-cache.ts';
import {createFunctionLibrary} from '../../src/functions/library.ts';
import type {Datum} from '../../src/types/contract.ts';
import {createBuiltinTypes} from '../../src/types/registry.ts';
import {testRun} from '../functions/test-run.ts';

class RecordingCache extends FactoryCache {
  readonly sources: string[] = [];

  override get(source: string): Factory {
    this.sources.push(source);
    return super.get(source);
  }
}

const types = createBuiltinTypes();
const cache = new RecordingCache();
const compiler = new ExprCompiler(createFunctionLibrary(), types, cache);
const text = types.byName('text')!;
const bool = types.byName('bool')!;
const base = {typmod: -1, location: -1};
const constant = (value: Datum): BoundExpr => ({kind: 'constant', value, type: text, ...base});
const call = (source: string, ...args: BoundExpr[]): BoundExpr => ({
  kind: 'call',
  function: 0 as never,
  source,
  isStrict: true,
  volatility: 'i',
  args,
  operatorName: source,
  functionName: `${source}"; process.exit()`,
  type: bool,
  ...base,
});
const hostile = '\u2028`${process.exit()}"\';*/ secret';

t.test('no constant, pattern or name is in the source', t => {
  const column: BoundExpr = {kind: 'column', index: 0, type: text, ...base};
  for (const source of ['texteq', 'textlike', 'textregexeq', 'text_lt']) {
    const filter = compiler.filter([call(source, column, constant('secret'))]);
    filter.run(
      testRun(types),
      {count: 1, selection: null, vectors: [{kind: 'string', values: ['x'], nulls: null}]},
      new Int32Array(1),
    );
  }
  compiler.scalar({
    kind: 'coalesce',
    args: [constant(null), constant(hostile)],
    type: text,
    ...base,
  });
  compiler.scalar({
    kind: 'domainCast',
    arg: constant(hostile),
    id: 0,
    isNotNull: true,
    schemaName: 'public',
    checks: [{name: hostile, condition: {kind: 'constant', value: true, type: bool, ...base}}],
    type: text,
    ...base,
  });
  for (const source of cache.sources) t.notMatch(source, /secret|process|exit/);
  t.end();
});

t.test('a million constants are one source', t => {
  const before = cache.compiledCount;
  for (let index = 0; index < 100; index++)
    compiler.scalar(call('texteq', constant(`a${index}`), constant(`b${index}`)));
  t.equal(cache.compiledCount - before, 1);
  t.end();
});

t.test('a bounded cache forgets the oldest source', t => {
  const small = new FactoryCache(2);
  for (const source of ['return () => 1', 'return () => 2', 'return () => 3', 'return () => 1'])
    small.get(source);
  t.equal(small.compiledCount, 4);
  t.end();
});
