import type {CatalogSnapshot} from '../catalog/contract.ts';
import {buildOperator} from '../exec/build.ts';
import type {BoundExpr} from '../expr/bound.ts';
import type {Oid} from '../common/ids.ts';
import type {CatalogLookups} from '../sql/plan/catalog-lookups.ts';
import type {QueryPlan} from '../sql/plan/plan.ts';
import {bindTimeExpressions} from './bind-checks.ts';
import {ExecutionRun} from './run-context.ts';
import type {ResultShape} from './contract.ts';
import {shapeOf} from './result-shape.ts';
import type {Engine, PlanEntry, PlanInstance} from './session-context.ts';

/** What a plan was found by: it is right as long as that is the same. */
export interface PlanLookups {
  readonly catalog: CatalogLookups;
  readonly searchPath: readonly Oid[];
}

/** A plan with what is compiled beside it. Shared by all sessions; never changed after it is built. */
export class StoredPlan implements PlanEntry {
  readonly plan: QueryPlan;
  readonly shape: ResultShape | null;
  catalog: CatalogSnapshot;
  readonly #lookups: PlanLookups | null;
  /** Evaluated at Bind for their errors. */
  readonly bindChecks: readonly BoundExpr[];
  /** The role and row_security that it is for; null = any. */
  readonly roleKey: string | null;
  readonly isSecurityOff: boolean;
  readonly #free: PlanInstance[] = [];

  constructor(
    plan: QueryPlan,
    catalog: CatalogSnapshot,
    roleKey: string,
    isSecurityOff = false,
    lookups: PlanLookups | null = null,
  ) {
    this.#lookups = lookups;
    this.isSecurityOff = isSecurityOff;
    this.plan = plan;
    this.roleKey = plan.dependsOnRole ? roleKey : null;
    this.catalog = catalog;
    this.shape = plan.returnsRows ? shapeOf(plan.columns) : null;
    this.bindChecks = plan.parameterTypes.length === 0 ? [] : bindTimeExpressions(plan.root);
  }

  isCurrent(catalog: CatalogSnapshot, searchPath: () => readonly Oid[]): boolean {
    if (catalog === this.catalog) return true;
    const lookups = this.#lookups;
    if (lookups === null || !lookups.catalog.holdIn(catalog)) return false;
    const path = searchPath();
    if (path.length !== lookups.searchPath.length) return false;
    if (path.some((schema, at) => schema !== lookups.searchPath[at])) return false;
    this.catalog = catalog;
    return true;
  }

  definitionsHold(catalog: CatalogSnapshot): boolean {
    return this.#lookups !== null && this.#lookups.catalog.definitionsHoldIn(catalog);
  }

  /** A free instance, or a new one. */
  take(engine: Engine, isInstrumented: boolean): PlanInstance {
    const free = isInstrumented ? undefined : this.#free.pop();
    if (free !== undefined) return free;
    const operator = buildOperator(this.plan.root, {
      library: engine.library,
      types: this.catalog,
      factories: engine.factories,
      isInstrumented,
      injectsPauses: engine.injectsPauses,
    });
    return {operator, run: new ExecutionRun(this.plan.outerCount)};
  }

  /** Gives an instance back after its operator was closed. */
  give(instance: PlanInstance): void {
    if (this.#free.length < MAX_FREE) this.#free.push(instance);
  }
}

const MAX_FREE = 8;
