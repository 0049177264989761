import type {AggregateCode, AggregateRun} from '../functions/contract.ts';
import type {AggregateCall} from '../sql/plan/plan.ts';
import type {Datum} from '../types/contract.ts';
import type {ExecEnv} from './environment.ts';
import type {RunContext} from './operator.ts';

/** The state of one group: `isSet` is false until a strict transition without initial value has seen a row. */
interface State {
  value: Datum;
  isSet: boolean;
}

/** What CREATE AGGREGATE made, as an aggregate of the library (PostgreSQL advance_transition_function, finalize_aggregate). */
export function userAggregateCode(
  user: NonNullable<AggregateCall['user']>,
  env: ExecEnv,
  run: () => RunContext,
): AggregateCode {
  const step = env.compiler.row([user.step]);
  const final = user.final === null ? null : env.compiler.row([user.final]);
  const made: AggregateRun = {
    fast: null,
    init: (): State => ({
      value: user.initial,
      isSet: user.initial !== null || !user.isStrict,
    }),
    step(given, args) {
      const state = given as State;
      if (user.isStrict) {
        if (args.includes(null)) return state;
        if (!state.isSet) {
          state.value = args[0]!;
          state.isSet = true;
          return state;
        }
        if (state.value === null) return state;
      }
      state.value = step(run(), [state.value, ...args])[0]!;
      return state;
    },
    final(given) {
      const {value} = given as State;
      if (final === null || (value === null && user.isFinalStrict))
        return final === null ? value : null;
      return final(run(), [value])[0]!;
    },
  };
  return {skipsNull: false, create: () => made};
}
