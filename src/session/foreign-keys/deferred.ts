import type {ConstraintDescriptor} from '../../catalog/descriptors.ts';
import type {Oid} from '../../common/ids.ts';
import type {WadiSession} from '../wadi-session.ts';
import {checkDeferredKey, checkReferencedKey, type ReferencedKey, type ReferencingKey} from './check-keys.ts';

/** A check that waits for the end of the transaction, or for SET CONSTRAINTS ... IMMEDIATE. */
export type DeferredCheck =
  | {readonly kind: 'referencing'; readonly key: ReferencingKey}
  | {readonly kind: 'referenced'; readonly key: ReferencedKey};

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

  /** Does the checks that are due: all at commit, those no longer deferred after SET CONSTRAINTS. */
  async run(session: WadiSession, isCommit: boolean): Promise<void> {
    const checks = this.#checks;
    const isDue = ({key}: DeferredCheck): boolean => isCommit || !this.isDeferred(key.reference.constraint);
    const due = checks.filter(isDue);
    if (due.length === 0) return;
    session.beginStatement(false);
    session.transaction.tx.advanceCommand();
    try {
      for (const check of due) {
        if (session.transaction.catalog.constraintByOid(check.key.reference.constraint.oid) === undefined) continue;
        if (check.kind === 'referencing') await checkDeferredKey(session, check.key);
        else await checkReferencedKey(session, check.key, true);
      }
    } finally {
      session.endStatement();
    }
    // The marks of savepoints keep the old list.
    this.#checks = checks.filter(check => !isDue(check));
  }
}

const NO_MODES: ReadonlyMap<Oid, boolean> = new Map();
