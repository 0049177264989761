import type {CatalogSnapshot} from '../../catalog/contract.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import {childrenOf} from '../../expr/children.ts';

interface Lookup {
  readonly method: string;
  readonly args: readonly unknown[];
  readonly answer: unknown;
}

type Method = (...args: readonly unknown[]) => unknown;

/** Answers that are the same object, or lists of the same objects, while nothing in them changed. */
const repeatable: ReadonlySet<string> = new Set([
  'schemaByName',
  'schemaByOid',
  'relationByName',
  'relationByOid',
  'tableByOid',
  'indexesOf',
  'constraintsOf',
  'referencingConstraints',
  'constraintByOid',
  'policiesOf',
  'typeByName',
  'typeByOid',
  'typeDescriptorByOid',
  'typeSchema',
  'functionsByName',
  'functionByOid',
  'castFor',
  'roleByName',
  'roleByOid',
  'databaseByName',
  'liveQueryByName',
  'storageByName',
  'get',
]);

/** Those that functions and types are found by. */
const definitions: ReadonlySet<string> = new Set([
  'typeByName',
  'typeByOid',
  'typeDescriptorByOid',
  'functionsByName',
  'functionByOid',
  'castFor',
  'get',
]);

/** What binding and planning asked of the catalog, names that were absent too: a plan holds as long as the answers are the same. */
export class CatalogLookups {
  /** The catalog to bind against. */
  readonly catalog: CatalogSnapshot;
  readonly #lookups = new Map<string, Lookup>();
  #isOpen = true;
  /** Something was asked that cannot be asked again one by one. */
  #isWhole = false;

  constructor(catalog: CatalogSnapshot) {
    const methods = new Map<string, Method>();
    this.catalog = new Proxy(catalog, {
      get: (target, name) => {
        const value = Reflect.get(target, name, target) as unknown;
        if (typeof value !== 'function' || typeof name !== 'string') {
          if (name === 'version') this.#isWhole ||= this.#isOpen;
          return value;
        }
        let method = methods.get(name);
        if (method === undefined) {
          method = this.#recorded(target, name, value as Method);
          methods.set(name, method);
        }
        return method;
      },
    });
  }

  /** The plan is made: what is asked from now on is not its own. */
  close(): void {
    this.#isOpen = false;
  }

  /** An expression is evaluated while planning: unless it is immutable its value may come from anywhere in the catalog. */
  noteEvaluated(expr: BoundExpr): void {
    if (expr.type.name.startsWith('reg') || (expr.kind === 'call' && expr.volatility !== 'i'))
      this.#isWhole = true;
    for (const child of childrenOf(expr)) this.noteEvaluated(child);
  }

  /** Whether another state of the catalog gives the same answers. */
  holdIn(catalog: CatalogSnapshot): boolean {
    if (this.#isWhole) return false;
    for (const {method, args, answer} of this.#lookups.values())
      if (!isSame(answer, call(catalog, method, args))) return false;
    return true;
  }

  /** The same of functions and types alone; what cannot be asked again one by one is left out. */
  definitionsHoldIn(catalog: CatalogSnapshot): boolean {
    for (const {method, args, answer} of this.#lookups.values())
      if (definitions.has(method) && !isSame(answer, call(catalog, method, args))) return false;
    return true;
  }

  #recorded(catalog: CatalogSnapshot, method: string, body: Method): Method {
    const isRepeatable = repeatable.has(method);
    return (...args) => {
      const answer = body.apply(catalog, args as unknown[]);
      if (!this.#isOpen) return answer;
      if (isRepeatable) this.#lookups.set(`${method} ${args.join(' ')}`, {method, args, answer});
      else this.#isWhole = true;
      return answer;
    };
  }
}

function call(catalog: CatalogSnapshot, method: string, args: readonly unknown[]): unknown {
  const body = Reflect.get(catalog, method, catalog) as Method;
  return body.apply(catalog, args as unknown[]);
}

function isSame(before: unknown, now: unknown): boolean {
  if (before === now) return true;
  if (!Array.isArray(before) || !Array.isArray(now) || before.length !== now.length) return false;
  return before.every((item, at) => item === now[at]);
}
