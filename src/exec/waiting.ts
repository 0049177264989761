import {featureNotSupported} from '../common/errors.ts';
import {WaitSignal} from '../common/wait-signal.ts';
import type {BoundExpr, CallExpr} from '../expr/bound.ts';
import {walkExpr} from '../expr/children.ts';
import type {FactoryCache} from '../expr/factory-cache.ts';
import type {EvalContext, FunctionCode, FunctionLibrary} from '../functions/contract.ts';
import type {Datum, TypeLookup} from '../types/contract.ts';
import {PlanCompiler} from './compiler.ts';
import type {RunContext} from './operator.ts';

/** prosrc of functions that may throw WaitSignal or answer a promise. */
const waitingSource =
  /^(sql_function|pg_sleep|pg_advisory_(xact_)?lock|system\.(flush|compact|(create|alter|drop|check)_storage|backup|fsck|check_table|archive|\w+_user_data)$)/;

/** Whether evaluating an expression may have to wait (ENGINE 1.2): it is then evaluated row by row. */
export function mayWait(expr: BoundExpr): boolean {
  let found = false;
  walkExpr(expr, node => {
    if (node.kind === 'call' && callWaits(node)) found = true;
  });
  return found;
}

/** Functions that lock the sequence they are given: the session has locked those that the plan names. */
const sequenceSource = /^(nextval_oid|setval3?_oid)$/;

function callWaits({source, args}: CallExpr): boolean {
  if (sequenceSource.test(source)) return args[0]?.kind !== 'constant';
  return waitingSource.test(source);
}

/**
 * Results of the volatile calls of one row, in the order in which they were made: when a call has to wait, the row is evaluated again later
 * and takes the earlier results from here, so that no call is made twice.
 */
export class Replay {
  #results: Datum[] = [];
  #at = 0;

  /** Forgets the row. */
  clear(): void {
    this.#results = [];
    this.#at = 0;
  }

  /** Evaluates a row; undefined when it waits for `run.pause` and is to be repeated. */
  attempt<T>(run: RunContext, evaluate: () => T): T | undefined {
    this.#at = 0;
    try {
      const value = evaluate();
      this.clear();
      return value;
    } catch (error) {
      if (!(error instanceof WaitSignal)) throw error;
      run.pause = error.promise;
      return undefined;
    }
  }

  /** As attempt, for work that may also stop by itself: false (pause set by the work, or by a waiting call) keeps the row's results. */
  attemptStep(run: RunContext, work: () => boolean): boolean {
    this.#at = 0;
    try {
      if (!work()) return false;
      this.clear();
      return true;
    } catch (error) {
      if (!(error instanceof WaitSignal)) throw error;
      run.pause = error.promise;
      return false;
    }
  }

  /** One volatile call: its remembered result, or the result of making it now. */
  call(make: () => Datum): Datum {
    if (this.#at < this.#results.length) return this.#results[this.#at++]!;
    const value: unknown = make();
    if (value instanceof Promise) {
      const settled = this.#settle(value);
      // A statement that ends before it waits leaves nobody to hear of a failure.
      settled.catch(() => {});
      throw new WaitSignal(settled);
    }
    this.#results.push(value as Datum);
    this.#at++;
    return value as Datum;
  }

  async #settle(promise: Promise<unknown>): Promise<void> {
    const results = this.#results;
    results.push((await promise) as Datum);
  }
}

/** The library with the volatile functions of some expressions going through a Replay. */
class ReplayLibrary implements FunctionLibrary {
  readonly #base: FunctionLibrary;
  readonly #volatile: ReadonlySet<string>;
  readonly #replay: Replay;

  constructor(base: FunctionLibrary, volatile: ReadonlySet<string>, replay: Replay) {
    this.#base = base;
    this.#volatile = volatile;
    this.#replay = replay;
  }

  scalar(source: string): FunctionCode | undefined {
    // Only here, where it can be waited for, does such a call run.
    const code = this.#base.scalar(source === 'sql_function' ? 'sql_function.run' : source);
    return code === undefined || !this.#volatile.has(source) ? code : replayed(code, this.#replay);
  }

  aggregate(source: string): ReturnType<FunctionLibrary['aggregate']> {
    return this.#base.aggregate(source);
  }

  setReturning(source: string): ReturnType<FunctionLibrary['setReturning']> {
    return this.#base.setReturning(source);
  }
}

type AnyFunction = (...args: unknown[]) => Datum;

function replayed(code: FunctionCode, replay: Replay): FunctionCode {
  if ('emit' in code) {
    return {
      emit: (...args) => `h.replayCall(() => (${code.emit(...args)}))`,
      helpers: {...code.helpers, replayCall: (make: () => Datum) => replay.call(make)},
    };
  }
  if ('fn' in code) return {fn: wrapped(code.fn as AnyFunction, replay)};
  if ('fnCtx' in code) return {fnCtx: wrapped(code.fnCtx as AnyFunction, replay)};
  return {fnTyped: types => wrapped(code.fnTyped(types) as AnyFunction, replay)};
}

function wrapped(call: AnyFunction, replay: Replay): (...args: (EvalContext | Datum)[]) => Datum {
  return (...args) => replay.call(() => call(...args));
}

/** Whether an expression calls a volatile function: evaluating it twice for one row would show. */
export function isVolatileExpr(expr: BoundExpr): boolean {
  let found = false;
  walkExpr(expr, node => {
    if (node.kind === 'call' && node.volatility === 'v') found = true;
  });
  return found;
}

/** What an operator that evaluates waiting calls uses. */
export interface WaitingCode {
  readonly compiler: PlanCompiler;
  readonly replay: Replay;
}

/** A compiler for expressions of which some may wait, with their Replay. */
export function waitingCode(
  exprs: readonly BoundExpr[],
  parts: {library: FunctionLibrary; types: TypeLookup; factories: FactoryCache},
): WaitingCode {
  const volatile = new Set<string>();
  for (const expr of exprs) {
    walkExpr(expr, node => {
      if (node.kind === 'call' && node.volatility === 'v') volatile.add(node.source);
      if (node.kind === 'call' && callWaits(node)) volatile.add(node.source);
    });
  }
  const replay = new Replay();
  return {
    compiler: new PlanCompiler(
      new ReplayLibrary(parts.library, volatile, replay),
      parts.types,
      parts.factories,
    ),
    replay,
  };
}

/** The next row of a set-returning function, in a place where nothing can be waited for. */
export function nextWithoutWait<T>(
  iterator: Iterator<T> | null | undefined,
): IteratorResult<T> | undefined {
  try {
    return iterator?.next();
  } catch (error) {
    throw error instanceof WaitSignal ? cannotWaitHere() : error;
  }
}

/** 0A000 for a place where a call that waits cannot be evaluated. */
export function cannotWaitHere(): Error {
  return featureNotSupported('a function that waits is not supported in this place');
}
