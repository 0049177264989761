import {createCatalogBase, bootstrapCatalog} from '../../src/catalog/bootstrap.ts';
import type {CatalogSnapshot} from '../../src/catalog/contract.ts';
import type {Descriptor} from '../../src/catalog/descriptors.ts';
import {oid} from '../../src/common/ids.ts';
import {ExprCompiler} from '../../src/expr/compiler.ts';
import {FactoryCache} from '../../src/expr/factory-cache.ts';
import type {EvalContext, FunctionLibrary} from '../../src/functions/contract.ts';
import {createFunctionLibrary} from '../../src/functions/library.ts';
import type {BindContext, ExpressionParser} from '../../src/sql/contract.ts';
import {SqlParser} from '../../src/sql/parse/parser.ts';
import {defaultFormatSettings} from '../../src/types/format-settings.ts';
import type {Node} from '@pgsql/types';
import {constraint, index, plainColumn, table} from '../catalog/objects.ts';

/** Says that every function has code, so that binding alone can be tested. */
class AnyLibrary implements FunctionLibrary {
  readonly #base = createFunctionLibrary();

  scalar(source: string) {
    return this.#base.scalar(source) ?? {fn: () => null};
  }

  aggregate(source: string) {
    return (
      this.#base.aggregate(source) ?? {
        skipsNull: true,
        create: () => {
          throw new Error('no code');
        },
      }
    );
  }

  setReturning(source: string) {
    return (
      this.#base.setReturning(source) ?? {
        create: () => {
          throw new Error('no code');
        },
      }
    );
  }
}

/** The catalog of a fresh database with the tables that the tests use. */
export function testCatalog(): CatalogSnapshot {
  const fresh = bootstrapCatalog(createCatalogBase());
  const put = (descriptor: Descriptor) => ({op: 'put' as const, descriptor});
  return fresh.apply([
    put(
      table(20000, 't', [
        ['id', 23],
        ['a', 23],
        ['b', 25],
        ['c', 1700],
        ['d', 1114],
      ]),
    ),
    put(index(20100, 't_pkey', 20000, [1], {isUnique: true, isPrimary: true})),
    put(constraint(20101, 't_pkey', 20000, 'p', [1], {index: oid(20100)})),
    put(
      table(20010, 'u', [
        ['id', 23],
        ['t_id', 23],
        ['name', 1043],
        ['j', 3802],
        ['arr', 1007],
        ['e', 20],
      ]),
    ),
    put(index(20110, 'u_pkey', 20010, [1], {isUnique: true, isPrimary: true})),
    put(constraint(20111, 'u_pkey', 20010, 'p', [1], {index: oid(20110)})),
    put(index(20112, 'u_t_id', 20010, [2])),
    put(
      table(
        20020,
        'm',
        [
          ['id', 20],
          ['body', 25],
          ['at', 1184],
        ],
        {tableKind: 'user'},
      ),
    ),
    put(index(20120, 'm_pkey', 20020, [1], {isUnique: true, isPrimary: true})),
    put(constraint(20121, 'm_pkey', 20020, 'p', [1], {index: oid(20120)})),
  ]);
}

export {plainColumn};

/** Just enough of reg* input: any name is an object. */
const names = {
  regIn: (_type: string, text: string) => (/^\d+$/.test(text) ? Number(text) : 1259),
  regOut: (_type: string, value: number) => String(value),
};
const format = {...defaultFormatSettings, names};

/** Everything that binding reads, over the test catalog. */
export class TestDatabase {
  readonly parser: SqlParser;
  readonly catalog: CatalogSnapshot;
  readonly #library = new AnyLibrary();
  readonly #factories = new FactoryCache();
  readonly #parsed = new Map<string, Node>();

  constructor(parser: SqlParser, catalog: CatalogSnapshot = testCatalog()) {
    this.parser = parser;
    this.catalog = catalog;
  }

  static async create(): Promise<TestDatabase> {
    return new TestDatabase(await SqlParser.create());
  }

  context(parameterTypes: readonly number[] = []): BindContext {
    const compiler = new ExprCompiler(this.#library, this.catalog, this.#factories);
    const parser: ExpressionParser = this.parser;
    return {
      catalog: this.catalog,
      searchPath: [oid(11), oid(2200)],
      role: oid(10),
      rowSecurity: 'on',
      format,
      parameterTypes: parameterTypes.map(oid),
      library: this.#library,
      estimateRows: () => 10000,
      parser,
      evaluate: expr =>
        compiler.scalar(expr)({params: [], slots: [], outer: [], context: noContext}),
      cache: {
        parsed: (text, make) => {
          const known = this.#parsed.get(text) ?? make();
          this.#parsed.set(text, known);
          return known;
        },
      },
    };
  }
}

const noContext = {
  format,
  session: {
    currentUser: () => 'postgres',
    sessionUser: () => 'postgres',
    currentDatabase: () => 'postgres',
    currentSchemas: () => [],
    backendPid: () => 1,
  },
} as unknown as EvalContext;
