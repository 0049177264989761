import type {JoinType} from './plan/plan.ts';

/** Column texts of a join: a semi or anti join has the left side only. */
export function joinNames(
  type: JoinType,
  left: readonly string[],
  right: readonly string[],
): readonly string[] {
  return type === 'semi' || type === 'anti' ? left : [...left, ...right];
}

/** Left, Right, Full, Semi, Anti, Inner. */
export function joinTitle(type: JoinType): string {
  return type[0]!.toUpperCase() + type.slice(1);
}

/** What follows the operator name in the text format. */
export function joinSuffix(type: JoinType): string {
  return type === 'inner' ? '' : ` ${joinTitle(type)} Join`;
}
