import type {FunctionRow} from '../../catalog/contract.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {Binding} from './binding.ts';

/** Binds a function's body with `args` standing for $1.. and for the parameter names. */
export function withSubstitutes<T>(
  binding: Binding,
  args: readonly BoundExpr[],
  names: readonly string[],
  work: () => T,
  scope: string | null = null,
): T {
  const {substitutes} = binding.parameters;
  const previousNames = binding.parameterNames;
  binding.parameters.substitutes = args;
  const previousScope = binding.parameterScope;
  binding.parameterNames = names;
  binding.parameterScope = scope;
  try {
    return work();
  } finally {
    binding.parameters.substitutes = substitutes;
    binding.parameterNames = previousNames;
    binding.parameterScope = previousScope;
  }
}

/** Names of a function's input parameters. */
export function parameterNamesOf(row: FunctionRow): readonly string[] {
  if (row.argModes === '') return row.argNames;
  return row.argNames.filter((_name, index) => 'ibv'.includes(row.argModes[index] ?? 'i'));
}
