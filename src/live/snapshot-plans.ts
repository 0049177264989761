import type {Plan} from '../sql/plan/plan.ts';
import type {TableStorage} from '../storage/contract.ts';
import type {LiveShape} from './live-shape.ts';
import {snapshotPlan} from './snapshot-plan.ts';
import type {SharedOptions} from './subscription-types.ts';

interface MadePlan {
  readonly table: TableStorage;
  readonly key: string;
  readonly plan: Plan;
}

/** Plans of first rows, made once for all subscriptions of a shape: what runs them is kept with the plan. */
export class SnapshotPlans {
  readonly #made = new WeakMap<LiveShape, MadePlan[]>();

  /** `limit`: only so many rows, in the order of the query. */
  plan(
    options: Pick<SharedOptions<LiveShape>, 'shape' | 'codec' | 'catalog' | 'lastRows'>,
    table: TableStorage,
    limit: number | null = null,
  ): Plan {
    const {shape, codec, catalog, lastRows} = options;
    const key = `${codec.name} ${lastRows} ${limit}`;
    const made = this.#made.get(shape) ?? [];
    const known = made.find(each => each.table === table && each.key === key);
    if (known !== undefined) return known.plan;
    const projection = codec.projection(shape);
    const asked = {projection, table, types: catalog, lastRows};
    const plan = snapshotPlan(shape, limit === null ? asked : {...asked, limit});
    // Of other forms of the table none is opened any more.
    const kept = made.filter(each => each.table === table).slice(-16);
    this.#made.set(shape, [...kept, {table, key, plan}]);
    return plan;
  }
}
