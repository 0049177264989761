import {catalogSetFunctions, isCatalogFunction} from '../catalog/info-functions.ts';
import type {
  AggregateCode,
  EvalContext,
  FunctionCode,
  FunctionLibrary,
  SetFunctionCode,
} from '../functions/contract.ts';
import type {Datum} from '../types/contract.ts';
import {CatalogFunctions} from './ports/catalog-port.ts';
import {isExternFunction} from './ports/extern-port.ts';

/** Functions of `functions/` with those of the catalog and of the session beside them. */
export class EngineLibrary implements FunctionLibrary {
  readonly #base: FunctionLibrary;
  readonly #scalars = new Map<string, FunctionCode | undefined>();
  /** prosrc names that upper layers answer (live, jobs). */
  readonly #extended: ReadonlySet<string>;
  readonly #extendedSets: ReadonlyMap<string, SetFunctionCode>;

  constructor(
    base: FunctionLibrary,
    extended: ReadonlySet<string>,
    extendedSets: ReadonlyMap<string, SetFunctionCode>,
  ) {
    this.#base = base;
    this.#extended = extended;
    this.#extendedSets = extendedSets;
  }

  scalar(source: string): FunctionCode | undefined {
    if (this.#scalars.has(source)) return this.#scalars.get(source);
    const code = this.#base.scalar(source) ?? this.#outer(source);
    this.#scalars.set(source, code);
    return code;
  }

  #outer(source: string): FunctionCode | undefined {
    if (isCatalogFunction(source))
      return throughContext((context, args) => context.catalog.call(source, args));
    if (isExternFunction(source) || this.#extended.has(source))
      return throughContext((context, args) => context.extern.call(source, args));
    return undefined;
  }

  aggregate(source: string): AggregateCode | undefined {
    return this.#base.aggregate(source);
  }

  setReturning(source: string): SetFunctionCode | undefined {
    const own = this.#base.setReturning(source) ?? this.#extendedSets.get(source);
    if (own !== undefined) return own;
    const catalog = Object.hasOwn(catalogSetFunctions, source)
      ? catalogSetFunctions[source]
      : undefined;
    if (catalog === undefined) return undefined;
    return {
      create: () => (args, context) => {
        if (!(context.catalog instanceof CatalogFunctions)) return [][Symbol.iterator]();
        return catalog(context.catalog.context(), args)[Symbol.iterator]();
      },
    };
  }
}

function throughContext(
  call: (context: EvalContext, args: readonly Datum[]) => Datum,
): FunctionCode {
  return {
    fnCtx: (...args: unknown[]) =>
      call(args[args.length - 1] as EvalContext, args.slice(0, -1) as Datum[]),
  };
}
