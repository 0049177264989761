import type {Datum} from '../../types/contract.ts';
import type {ExprRun} from '../../expr/run.ts';

/** Parameters and literals of a group when they are not one parameter alone. */
class ValueLists {
  readonly params: readonly Datum[];
  readonly slots: readonly Datum[];

  constructor(params: readonly Datum[], slots: readonly Datum[]) {
    this.params = params;
    this.slots = slots;
  }
}

/** Values of a group. Most have one parameter: then it is that, as two lists of each would be 150 bytes. */
export type GroupValues = Datum | ValueLists;

/** Packs the parameters and literals of a run. */
export function packValues({params, slots}: Pick<ExprRun, 'params' | 'slots'>): GroupValues {
  return params.length === 1 && slots.length === 0
    ? params[0]!
    : new ValueLists([...params], slots.length === 0 ? NONE : slots);
}

/** The lists again, new ones. */
export function unpackValues(values: GroupValues): Pick<ExprRun, 'params' | 'slots'> {
  if (values instanceof ValueLists) return {params: values.params, slots: values.slots};
  return {params: [values], slots: NONE};
}

/** What groups of a family are evaluated with, one after the other: the values of another group are put into it. */
export class ReusedRun implements ExprRun {
  params: readonly Datum[] = NONE;
  slots: readonly Datum[] = NONE;
  readonly outer: Datum[] = [];
  readonly context: ExprRun['context'];
  readonly #one: Datum[] = [null];

  constructor(context: ExprRun['context']) {
    this.context = context;
  }

  /** It is that of these values until the next call. */
  with(values: GroupValues): this {
    if (values instanceof ValueLists) {
      this.params = values.params;
      this.slots = values.slots;
    } else {
      this.#one[0] = values;
      this.params = this.#one;
      this.slots = NONE;
    }
    return this;
  }
}

const NONE: readonly Datum[] = [];
