import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {RowCheck} from '../sql/plan/plan.ts';
import type {TableStorage} from '../storage/contract.ts';
import type {Datum} from '../types/contract.ts';
import {readRow} from './column-store.ts';
import type {CompiledRow} from './compiler.ts';
import type {ExecEnv} from './environment.ts';
import type {Operator, RunContext} from './operator.ts';
import {END, PAUSE} from './operator.ts';

/** A policy: its condition over the row, or the operators of one with subqueries. */
interface Policy {
  readonly check: RowCheck;
  readonly condition: CompiledRow | null;
  readonly query: Operator | null;
}

/**
 * Row-level security policies over the rows that a statement writes. Anything but true is 42501. A policy with subqueries may pause;
 * the same call is then repeated and goes on where it was.
 */
export class RowPolicies {
  readonly #policies: readonly Policy[];
  readonly #row: 'new' | 'existing' | 'target';
  readonly #values: Datum[] = [];
  /** The policy under way, and whether its operators are open. */
  #at = 0;
  #isOpen = false;

  /** `row`: one that is written, or one that is there, as ON CONFLICT DO UPDATE (existing) and MERGE (target) meet it. */
  constructor(
    checks: readonly RowCheck[],
    env: ExecEnv,
    row: 'new' | 'existing' | 'target' = 'new',
  ) {
    this.#row = row;
    this.#policies = checks
      .filter(check => check.isPolicy === true)
      .map((check): Policy => {
        const query = check.query ?? null;
        return {
          check,
          condition: query === null ? env.compiler.row([check.condition]) : null,
          query: query === null ? null : env.build(query.plan),
        };
      });
  }

  get isEmpty(): boolean {
    return this.#policies.length === 0;
  }

  /** Throws 42501 when the row violates a policy; false = paused. */
  verify(run: RunContext, table: TableStorage, row: readonly Datum[]): boolean {
    while (this.#at < this.#policies.length) {
      const policy = this.#policies[this.#at]!;
      const result =
        policy.condition === null ? this.#ask(run, policy, row) : policy.condition(run, row)[0]!;
      if (result === PAUSE) return false;
      if (result !== true) throw this.#violation(policy.check, table);
      this.#at++;
    }
    this.#at = 0;
    return true;
  }

  #ask(run: RunContext, policy: Policy, row: readonly Datum[]): Datum | typeof PAUSE {
    const operator = policy.query!;
    for (const {slot, position} of policy.check.query!.bindings) run.outer[slot] = row[position]!;
    if (!this.#isOpen) {
      operator.open(run);
      this.#isOpen = true;
    }
    const batch = operator.next(1);
    if (batch === PAUSE) return PAUSE;
    let value: Datum = null;
    if (batch !== END && batch.count > 0) {
      readRow(batch, 0, this.#values);
      value = this.#values[0]!;
    }
    operator.close();
    this.#isOpen = false;
    return value;
  }

  #violation({name, isView}: RowCheck, table: TableStorage): PgError {
    if (isView === true)
      return new PgError(
        SqlState.objectNotInPrerequisiteState,
        `conflicting row is not visible through view "${name}"`,
      );
    const policy = name === '' ? '' : ` "${name}"`;
    const using = this.#row === 'new' ? '' : ' (USING expression)';
    const what = this.#row === 'target' ? 'target' : 'new';
    return new PgError(
      SqlState.insufficientPrivilege,
      `${what} row violates row-level security policy${policy}${using} for table "${table.name}"`,
    );
  }

  /** Forgets what was under way. */
  reset(): void {
    if (this.#isOpen) this.#policies[this.#at]!.query!.close();
    this.#at = 0;
    this.#isOpen = false;
  }
}
