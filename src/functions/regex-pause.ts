import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {WaitSignal} from '../common/wait-signal.ts';
import type {EvalContext} from './contract.ts';
import type {Search} from './regex-engine/subject.ts';

/** How long searches may hold the process before others have their turn. */
const SLICE_MS = 10;
/** How long one may hold it where nobody can repeat the evaluation. */
const LIMIT_MS = 500;
/** Most results kept for the repetition; with more, searches no longer pause. */
const MOST_RESULTS = 10_000;

/** A search that was interrupted, or its result, until the evaluation that asked is complete. */
type Kept = {readonly search: Search<unknown>} | {readonly value: unknown};

/**
 * Runs searches in slices. One that takes long throws WaitSignal where the evaluation can be repeated: the repetition finds the search
 * where it stopped, and the results of slow searches made before it.
 */
export class SearchRunner {
  readonly #kept = new Map<string, Kept>();
  readonly #context: (() => EvalContext) | null;
  #evaluation = -1;

  constructor(context: (() => EvalContext) | null) {
    this.#context = context;
  }

  /** The result of a search; `key` names it, `detach` is told when it stops half-way. */
  run<T>(search: () => Search<T>, key: () => string, detach: () => void): T {
    if (this.#kept.size > 0) return this.#repeated(search, key, detach);
    const started = search();
    const first = started.next();
    return first.done === true ? first.value : this.#slow(started, key(), detach);
  }

  #repeated<T>(search: () => Search<T>, key: () => string, detach: () => void): T {
    const port = this.#context?.().repeat;
    if (port === undefined || port.evaluation !== this.#evaluation) {
      this.#kept.clear();
      return this.run(search, key, detach);
    }
    const name = key();
    const kept = this.#kept.get(name);
    if (kept !== undefined && 'value' in kept) return kept.value as T;
    if (kept !== undefined) return this.#slow(kept.search as Search<T>, name, detach);
    const started = search();
    const first = started.next();
    return first.done === true ? first.value : this.#slow(started, name, detach);
  }

  /** Goes on with a search that has used its first chance to pause. */
  #slow<T>(search: Search<T>, key: string, detach: () => void): T {
    const port = this.#context?.().repeat;
    const canPause = port?.isRepeatable === true && this.#kept.size < MOST_RESULTS;
    const begin = performance.now();
    for (;;) {
      const spent = performance.now() - begin;
      if (canPause && port.spentMs + spent > SLICE_MS) {
        port.spentMs = 0;
        this.#evaluation = port.evaluation;
        this.#kept.set(key, {search});
        detach();
        throw new WaitSignal(new Promise(resolve => setImmediate(resolve)));
      }
      if (!canPause && spent > LIMIT_MS) {
        detach();
        throw new PgError(
          SqlState.invalidRegularExpression,
          'regular expression failed: the search takes too long',
        );
      }
      const step = search.next();
      if (step.done !== true) continue;
      if (canPause) {
        port.spentMs += performance.now() - begin;
        if (port.evaluation !== this.#evaluation) this.#kept.clear();
        this.#evaluation = port.evaluation;
        this.#kept.set(key, {value: step.value});
      }
      return step.value;
    }
  }
}
