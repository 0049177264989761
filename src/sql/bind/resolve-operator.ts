import type {OperatorRow} from '../../catalog/contract.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {TypeInstance} from '../../types/contract.ts';
import {lacksEquality, lacksOrder} from '../../types/orderless.ts';
import type {Binding} from './binding.ts';
import {baseType, isBinaryCoercible} from './coercion-path.ts';
import {errorType} from './display-type.ts';
import {matchingCandidates, selectCandidate} from './select-candidate.ts';
import {TypeOid} from './type-oids.ts';

interface OperatorCandidate {
  readonly argTypes: readonly Oid[];
  readonly row: OperatorRow;
}

/** The binary operator for two types (PostgreSQL oper(), chapter 10.2); raises 42883 or 42725. */
export function resolveBinaryOperator(
  binding: Binding,
  name: string,
  left: TypeInstance,
  right: TypeInstance,
  location: number,
  schema: string | null = null,
): OperatorRow {
  const found = findBinaryOperator(binding, name, left, right);
  if (found !== null && found !== 'ambiguous') return found;
  throw operatorError(
    binding,
    schema === null ? name : `${schema}.${name}`,
    [left, right],
    found === 'ambiguous',
    location,
  );
}

/** As resolveBinaryOperator; null when there is none. */
export function findBinaryOperator(
  binding: Binding,
  name: string,
  left: TypeInstance,
  right: TypeInstance,
): OperatorRow | 'ambiguous' | null {
  const rows = binding.context.catalog.builtin.operatorsByName(name).filter(row => row.left !== 0);
  const exact = exactBinary(binding, rows, left, right);
  if (exact !== null) return exact;
  const candidates = rows.map((row): OperatorCandidate => ({argTypes: [row.left, row.right], row}));
  return choose(binding, candidates, [left, right]);
}

/** The prefix operator for a type. */
export function resolvePrefixOperator(
  binding: Binding,
  name: string,
  operand: TypeInstance,
  location: number,
): OperatorRow {
  const rows = binding.context.catalog.builtin.operatorsByName(name).filter(row => row.left === 0);
  const exact =
    rows.find(row => row.right === operand.oid) ??
    rows.find(row => row.right === baseType(operand).oid);
  if (exact !== undefined) return exact;
  const found = choose(
    binding,
    rows.map((row): OperatorCandidate => ({argTypes: [row.right], row})),
    [operand],
  );
  if (found !== null && found !== 'ambiguous') return found;
  throw operatorError(binding, name, [operand], found === 'ambiguous', location);
}

function choose(
  binding: Binding,
  candidates: readonly OperatorCandidate[],
  types: readonly TypeInstance[],
): OperatorRow | 'ambiguous' | null {
  const usable = matchingCandidates(binding, candidates, types);
  if (usable.length === 0) return null;
  if (usable.length === 1) return usable[0]!.row;
  return selectCandidate(binding, types, usable)?.row ?? 'ambiguous';
}

/** An exact match; one unknown side is assumed to be of the other's type first (binary_oper_exact). */
function exactBinary(
  binding: Binding,
  rows: readonly OperatorRow[],
  left: TypeInstance,
  right: TypeInstance,
): OperatorRow | null {
  let leftOid = left.oid;
  let rightOid = right.oid;
  let wasUnknown = false;
  if (leftOid === TypeOid.unknown && rightOid !== TypeOid.unknown) {
    leftOid = rightOid;
    wasUnknown = true;
  } else if (rightOid === TypeOid.unknown && leftOid !== TypeOid.unknown) {
    rightOid = leftOid;
    wasUnknown = true;
  }
  const exact = rows.find(row => row.left === leftOid && row.right === rightOid);
  if (exact !== undefined) return exact;
  if (!wasUnknown) return null;
  const base = baseType(binding.type(leftOid)).oid;
  if (base === leftOid) return null;
  return rows.find(row => row.left === base && row.right === base) ?? null;
}

function operatorError(
  binding: Binding,
  name: string,
  types: readonly TypeInstance[],
  isAmbiguous: boolean,
  location: number,
): Error {
  const shown =
    types.length === 1
      ? `${name} ${errorType(types[0]!)}`
      : `${errorType(types[0]!)} ${name} ${errorType(types[1]!)}`;
  if (isAmbiguous) {
    return binding.error(SqlState.ambiguousFunction, `operator is not unique: ${shown}`, location, {
      hint: 'Could not choose a best candidate operator. You might need to add explicit type casts.',
    });
  }
  const hint =
    types.length === 1
      ? 'No operator matches the given name and argument type. You might need to add an explicit type cast.'
      : 'No operator matches the given name and argument types. You might need to add explicit type casts.';
  return binding.error(SqlState.undefinedFunction, `operator does not exist: ${shown}`, location, {
    hint,
  });
}

/** The default equality (or order) operator of a type: what GROUP BY, IN, DISTINCT and USING compare with. */
export function typeOperator(
  binding: Binding,
  name: '=' | '<' | '>',
  type: TypeInstance,
  location: number,
): OperatorRow {
  const found = findBinaryOperator(binding, name, type, type);
  const lacks = name === '=' ? lacksEquality : lacksOrder;
  if (
    found === null ||
    found === 'ambiguous' ||
    !isBinaryCoercible(binding, type, found.left) ||
    lacks(type)
  ) {
    const what = name === '=' ? 'an equality' : 'an ordering';
    throw binding.error(
      SqlState.undefinedFunction,
      `could not identify ${what} operator for type ${errorType(type)}`,
      location,
      {
        ...(name === '=' ? {} : {hint: 'Use an explicit ordering operator or modify the query.'}),
      },
    );
  }
  return found;
}
