import type {Oid} from '../../common/ids.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {Binding} from './binding.ts';
import {baseType, canCoerce} from './coercion-path.ts';
import {TypeOid} from './type-oids.ts';

/** A function or operator that may be meant, with the argument types that the call would have. */
export interface Candidate {
  readonly argTypes: readonly Oid[];
}

/** The candidates whose arguments can all be reached by implicit conversion. */
export function matchingCandidates<T extends Candidate>(
  binding: Binding,
  candidates: readonly T[],
  actual: readonly TypeInstance[],
): T[] {
  return candidates.filter(candidate => canCoerce(binding, actual, candidate.argTypes));
}

/**
 * Picks the best of several usable candidates, null when the choice is ambiguous (PostgreSQL
 * func_select_candidate, chapter 10.3 step 4).
 */
export function selectCandidate<T extends Candidate>(
  binding: Binding,
  actual: readonly TypeInstance[],
  candidates: readonly T[],
): T | null {
  const types = actual.map(type => (type.oid === TypeOid.unknown ? type : baseType(type)));
  const unknownCount = types.filter(type => type.oid === TypeOid.unknown).length;
  let rest = keepBest(candidates, candidate =>
    countWhere(
      types,
      (type, index) => type.oid !== TypeOid.unknown && candidate.argTypes[index] === type.oid,
    ),
  );
  if (rest.length === 1) return rest[0]!;
  rest = keepBest(rest, candidate =>
    countWhere(types, (type, index) => {
      if (type.oid === TypeOid.unknown) return false;
      const declared = candidate.argTypes[index]!;
      return declared === type.oid || isPreferred(binding, type.category, declared);
    }),
  );
  if (rest.length === 1) return rest[0]!;
  if (unknownCount === 0) return null;
  const resolved = resolveUnknowns(binding, types, rest);
  if (resolved.length === 1) return resolved[0]!;
  return assumeKnownType(binding, types, resolved);
}

function keepBest<T>(candidates: readonly T[], score: (candidate: T) => number): readonly T[] {
  let best = -1;
  let kept: T[] = [];
  for (const candidate of candidates) {
    const value = score(candidate);
    if (value > best) {
      best = value;
      kept = [candidate];
    } else if (value === best) kept.push(candidate);
  }
  return kept;
}

function countWhere<T>(items: readonly T[], test: (item: T, index: number) => boolean): number {
  let count = 0;
  items.forEach((item, index) => {
    if (test(item, index)) count++;
  });
  return count;
}

function category(binding: Binding, type: Oid): string {
  return binding.context.catalog.typeByOid(type)?.category ?? 'X';
}

function isPreferred(binding: Binding, wanted: string, type: Oid): boolean {
  const instance = binding.context.catalog.typeByOid(type);
  return (
    instance !== undefined &&
    instance.isPreferred &&
    (instance.category === wanted || wanted === '')
  );
}

function resolveUnknowns<T extends Candidate>(
  binding: Binding,
  types: readonly TypeInstance[],
  candidates: readonly T[],
): readonly T[] {
  const slots: ({category: string; hasPreferred: boolean} | null)[] = [];
  for (let index = 0; index < types.length; index++) {
    if (types[index]!.oid !== TypeOid.unknown) {
      slots.push(null);
      continue;
    }
    let chosen = '';
    let hasPreferred = false;
    let isConflict = false;
    for (const candidate of candidates) {
      const declared = candidate.argTypes[index]!;
      const current = category(binding, declared);
      const preferred = isPreferred(binding, current, declared);
      if (chosen === '') {
        chosen = current;
        hasPreferred = preferred;
      } else if (current === chosen) hasPreferred ||= preferred;
      else if (current === 'S') {
        chosen = current;
        hasPreferred = preferred;
      } else if (chosen !== 'S') isConflict = true;
    }
    if (isConflict && chosen !== 'S') return candidates;
    slots.push({category: chosen, hasPreferred});
  }
  const kept = candidates.filter(candidate =>
    slots.every((slot, index) => {
      if (slot === null) return true;
      const declared = candidate.argTypes[index]!;
      if (category(binding, declared) !== slot.category) return false;
      return !slot.hasPreferred || isPreferred(binding, slot.category, declared);
    }),
  );
  return kept.length > 0 ? kept : candidates;
}

function assumeKnownType<T extends Candidate>(
  binding: Binding,
  types: readonly TypeInstance[],
  candidates: readonly T[],
): T | null {
  const known = types.filter(type => type.oid !== TypeOid.unknown);
  const first = known[0];
  if (first === undefined || known.some(type => type.oid !== first.oid)) return null;
  const usable = candidates.filter(candidate =>
    canCoerce(
      binding,
      types.map(() => first),
      candidate.argTypes,
    ),
  );
  return usable.length === 1 ? usable[0]! : null;
}
