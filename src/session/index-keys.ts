import type {CatalogSnapshot} from '../catalog/contract.ts';
import type {IndexDescriptor, TableDescriptor} from '../catalog/descriptors.ts';
import {SchemaOid} from '../catalog/well-known.ts';
import {featureNotSupported} from '../common/errors.ts';
import {oid} from '../common/ids.ts';
import type {BoundExpr} from '../expr/bound.ts';
import {ExprCompiler} from '../expr/compiler.ts';
import type {ExprRun} from '../expr/run.ts';
import type {EvalContext} from '../functions/contract.ts';
import type {Binding} from '../sql/bind/binding.ts';
import {expressionAst} from '../sql/bind/parsed-text.ts';
import {newBinding} from '../sql/bind/statement.ts';
import type {Datum} from '../types/contract.ts';
import {defaultFormatSettings} from '../types/format-settings.ts';
import type {Engine} from './session-context.ts';
import type {CompiledIndexKey} from './table-storages.ts';

/** Compiles the key expressions and the predicate of an index into a function of a stored row. */
export function makeIndexKey(
  engine: Engine,
  table: TableDescriptor,
  index: IndexDescriptor,
  catalog: CatalogSnapshot,
): CompiledIndexKey {
  const binding = indexBinding(engine, catalog);
  const columns = table.columns
    .filter(column => !column.isDropped)
    .map(
      (
        column,
        position,
      ): {readonly name: string; readonly attnum: number; readonly expr: BoundExpr} => ({
        name: column.name,
        attnum: column.attnum,
        expr: {
          kind: 'column',
          index: position,
          type: binding.type(column.typeOid),
          typmod: column.typmod,
          location: -1,
        },
      }),
    );
  const bind = (text: string, clause: string): BoundExpr =>
    binding.withoutPositions(() =>
      binding.hooks.scalar(binding, expressionAst(binding, text), {
        columns,
        domainValue: null,
        clause,
        relationName: table.name,
      }),
    );
  const keys = index.keys.map(key =>
    key.expressionText === null
      ? columns.find(column => column.attnum === key.attnum)!.expr
      : bind(key.expressionText, 'index expressions'),
  );
  const predicate =
    index.predicateText === null ? null : bind(index.predicateText, 'index predicates');
  const compiler = new ExprCompiler(engine.library, catalog, engine.factories);
  const run: ExprRun = {params: [], slots: [], outer: [], context: immutableContext(catalog)};
  const keyCode = compiler.row(keys);
  const types = keys.map(key => key.type);
  if (predicate === null) return {types, keyOf: row => keyCode(run, row)};
  const testCode = compiler.row([predicate]);
  return {types, keyOf: row => (testCode(run, row)[0] === true ? keyCode(run, row) : null)};
}

function indexBinding(engine: Engine, catalog: CatalogSnapshot): Binding {
  const context = immutableContext(catalog);
  return newBinding(
    {
      catalog,
      searchPath: [SchemaOid.pgCatalog],
      format: defaultFormatSettings,
      parameterTypes: [],
      role: oid(0),
      rowSecurity: 'ignored',
      library: engine.library,
      evaluate: (expr): Datum =>
        new ExprCompiler(engine.library, catalog, engine.factories).scalar(expr)({
          params: [],
          slots: [],
          outer: [],
          context,
        }),
      estimateRows: () => 0,
      parser: engine.parser,
      cache: engine.bindCache,
    },
    '',
  );
}

/** What immutable expressions may see: types and fixed formats; anything of a session is refused. */
function immutableContext(catalog: CatalogSnapshot): EvalContext {
  const refuse = (): never => {
    throw featureNotSupported('index expressions may not depend on the session');
  };
  return {
    format: defaultFormatSettings,
    types: catalog,
    clock: {transactionTimestamp: refuse, statementTimestamp: refuse, clockTimestamp: refuse},
    session: {
      currentUser: refuse,
      sessionUser: refuse,
      currentDatabase: refuse,
      currentSchemas: refuse,
      backendPid: refuse,
    },
    sequences: {nextval: refuse, currval: refuse, setval: refuse, lastval: refuse},
    settings: {get: refuse, set: refuse},
    catalog: {call: refuse},
    random: {next: refuse, seed: refuse, bytes: refuse},
    extern: {call: refuse},
  };
}
