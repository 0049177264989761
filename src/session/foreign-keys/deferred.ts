import type {ConstraintDescriptor} from '../../catalog/descriptors.ts';
import type {Oid} from '../../common/ids.ts';
import type {DeferrableKey, ReferencedKey, ReferencingKey} from './references.ts';

/** A check that waits for the end of the transaction, or for SET CONSTRAINTS ... IMMEDIATE. */
export type DeferredCheck =
  | {readonly kind: 'referencing'; readonly key: ReferencingKey}
  | {readonly kind: 'referenced'; readonly key: ReferencedKey}
  | {readonly kind: 'unique'; readonly key: DeferrableKey};

/** The constraint that a check is for. */
export function constraintOf(check: DeferredCheck): ConstraintDescriptor {
  return check.kind === 'unique' ? check.key.constraint : check.key.reference.constraint;
}

/** What ROLLBACK TO brings back. */
export interface DeferredMark {
  readonly checks: DeferredCheck[];
  readonly count: number;
  readonly all: boolean | null;
  readonly modes: ReadonlyMap<Oid, boolean>;
}

/** The deferred checks of a transaction, and what SET CONSTRAINTS said. */
export class DeferredChecks {
  #checks: DeferredCheck[] = [];
  #all: boolean | null = null;
  #modes: ReadonlyMap<Oid, boolean> = NO_MODES;

  get isEmpty(): boolean {
    return this.#checks.length === 0;
  }

  isDeferred(constraint: ConstraintDescriptor): boolean {
    if (!constraint.isDeferrable) return false;
    return this.#modes.get(constraint.oid) ?? this.#all ?? constraint.isDeferred;
  }

  add(check: DeferredCheck): void {
    this.#checks.push(check);
  }

  /** Notes that a unique key is to be checked; once is enough. */
  addUnique(key: DeferrableKey): void {
    const isKnown = this.#checks.some(
      check => check.kind === 'unique' && check.key.constraint.oid === key.constraint.oid,
    );
    if (!isKnown) this.add({kind: 'unique', key});
  }

  /** SET CONSTRAINTS ALL. */
  setAll(isDeferred: boolean): void {
    this.#all = isDeferred;
    this.#modes = NO_MODES;
  }

  /** SET CONSTRAINTS name. */
  set(constraint: Oid, isDeferred: boolean): void {
    this.#modes = new Map(this.#modes).set(constraint, isDeferred);
  }

  mark(): DeferredMark {
    return {checks: this.#checks, count: this.#checks.length, all: this.#all, modes: this.#modes};
  }

  rollbackTo(mark: DeferredMark): void {
    this.#checks = mark.checks;
    this.#checks.length = mark.count;
    this.#all = mark.all;
    this.#modes = mark.modes;
  }

  clear(): void {
    if (this.#checks.length > 0) this.#checks = [];
    this.#all = null;
    this.#modes = NO_MODES;
  }

  /** The checks that are due: all at commit, those no longer deferred after SET CONSTRAINTS. */
  due(isCommit: boolean): readonly DeferredCheck[] {
    return this.#checks.filter(check => isCommit || !this.isDeferred(constraintOf(check)));
  }

  /** Forgets checks that were done. */
  done(checks: readonly DeferredCheck[]): void {
    // The marks of savepoints keep the old list.
    const gone = new Set(checks);
    this.#checks = this.#checks.filter(check => !gone.has(check));
  }
}

const NO_MODES: ReadonlyMap<Oid, boolean> = new Map();
