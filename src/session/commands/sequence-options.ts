import type {DefElem, Node} from '@pgsql/types';
import type {SequenceDescriptor} from '../../catalog/descriptors.ts';
import {TypeOid} from '../../catalog/well-known.ts';
import {PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {SequenceState} from '../../storage/contract.ts';
import type {SessionContext} from '../session-context.ts';
import {constantText, defElems} from './ast-values.ts';
import {typeRef} from './definition-binding.ts';
import {errorAt} from './ddl.ts';

/** The settable part of a sequence. */
export type SequenceShape = Pick<
  SequenceDescriptor,
  'typeOid' | 'start' | 'increment' | 'min' | 'max' | 'cache' | 'isCycled'
>;

/** What a list of sequence options asks for. */
export interface SequenceChange {
  readonly shape: SequenceShape;
  /** RESTART [WITH n]: the next value, or null to go on. */
  readonly restart: bigint | null;
  /** OWNED BY: the names, or null when not given. */
  readonly ownedBy: readonly string[] | null;
  /** SEQUENCE NAME of an identity column. */
  readonly name: readonly string[] | null;
}

const RANGES: ReadonlyMap<Oid, readonly [min: bigint, max: bigint, name: string]> = new Map([
  [TypeOid.int2, [-32768n, 32767n, 'smallint']],
  [TypeOid.int4, [-2147483648n, 2147483647n, 'integer']],
  [TypeOid.int8, [-(2n ** 63n), 2n ** 63n - 1n, 'bigint']],
]);

function invalid(message: string): PgError {
  return new PgError(SqlState.invalidParameterValue, message);
}

/** Options of CREATE SEQUENCE (`before` null) or ALTER SEQUENCE, checked as PostgreSQL's init_params does. */
export function readSequenceOptions(
  session: SessionContext,
  nodes: readonly Node[] | undefined,
  from: {
    readonly before: SequenceShape | null;
    readonly type: Oid;
    readonly text: string;
    readonly isIdentity?: boolean;
  },
): SequenceChange {
  const {before, text} = from;
  const given = new Map<string, DefElem>();
  for (const option of defElems(nodes)) {
    const name = option.defname ?? '';
    if (given.has(name))
      throw errorAt(
        text,
        option.location,
        SqlState.syntaxError,
        'conflicting or redundant options',
      );
    given.set(name, option);
  }
  const typeOid = sequenceType(
    session,
    given.get('as'),
    before?.typeOid ?? from.type,
    text,
    from.isIdentity === true,
  );
  const number = (name: string): bigint | null => {
    const arg = given.get(name)?.arg;
    return arg === undefined ? null : BigInt(constantText(arg));
  };
  const increment = number('increment') ?? before?.increment ?? 1n;
  if (increment === 0n) throw invalid('INCREMENT must not be zero');
  const cycle = given.get('cycle');
  const isCycled =
    cycle === undefined ? (before?.isCycled ?? false) : constantText(cycle.arg) === 'true';
  const bounds = boundsOf(given, number, {before, typeOid, increment});
  const start = number('start') ?? before?.start ?? (increment > 0n ? bounds.min : bounds.max);
  checkWithin('START', start, bounds);
  const cache = number('cache') ?? before?.cache ?? 1n;
  if (cache <= 0n) throw invalid(`CACHE (${cache}) must be greater than zero`);
  const restart = given.has('restart') ? (number('restart') ?? start) : null;
  if (restart !== null) checkWithin('RESTART', restart, bounds);
  return {
    shape: {typeOid, start, increment, min: bounds.min, max: bounds.max, cache, isCycled},
    restart,
    ownedBy: namesOf(given.get('owned_by')),
    name: namesOf(given.get('sequence_name')),
  };
}

function namesOf(option: DefElem | undefined): readonly string[] | null {
  if (option?.arg === undefined || !('List' in option.arg)) return null;
  return (option.arg.List.items ?? []).map(constantText);
}

function sequenceType(
  session: SessionContext,
  option: DefElem | undefined,
  fallback: Oid,
  text: string,
  isIdentity: boolean,
): Oid {
  const type =
    option?.arg !== undefined && 'TypeName' in option.arg
      ? typeRef(session, option.arg.TypeName, text).type.oid
      : fallback;
  if (RANGES.has(type)) return type;
  throw invalid(
    isIdentity
      ? 'identity column type must be smallint, integer, or bigint'
      : 'sequence type must be smallint, integer, or bigint',
  );
}

function boundsOf(
  given: ReadonlyMap<string, DefElem>,
  number: (name: string) => bigint | null,
  from: {readonly before: SequenceShape | null; readonly typeOid: Oid; readonly increment: bigint},
): {readonly min: bigint; readonly max: bigint} {
  const {before, typeOid, increment} = from;
  const [low, high, name] = RANGES.get(typeOid)!;
  const old = before === null ? undefined : RANGES.get(before.typeOid);
  // A change of type moves bounds that were the old type's own.
  const isOther = before !== null && old !== undefined && typeOid !== before.typeOid;
  const movesMax = isOther && before.max === old[1];
  const movesMin = isOther && before.min === old[0];
  const keepMax = before !== null && !given.has('maxvalue') && !movesMax;
  const keepMin = before !== null && !given.has('minvalue') && !movesMin;
  const usualMax = increment > 0n || movesMax ? high : -1n;
  const usualMin = increment < 0n || movesMin ? low : 1n;
  const max = number('maxvalue') ?? (keepMax ? before.max : usualMax);
  const min = number('minvalue') ?? (keepMin ? before.min : usualMin);
  if (max > high || max < low)
    throw invalid(`MAXVALUE (${max}) is out of range for sequence data type ${name}`);
  if (min > high || min < low)
    throw invalid(`MINVALUE (${min}) is out of range for sequence data type ${name}`);
  if (min >= max) throw invalid(`MINVALUE (${min}) must be less than MAXVALUE (${max})`);
  return {min, max};
}

function checkWithin(
  what: string,
  value: bigint,
  bounds: {readonly min: bigint; readonly max: bigint},
): void {
  if (value < bounds.min)
    throw invalid(`${what} value (${value}) cannot be less than MINVALUE (${bounds.min})`);
  if (value > bounds.max)
    throw invalid(`${what} value (${value}) cannot be greater than MAXVALUE (${bounds.max})`);
}

/** Storage's state of a sequence that begins at a value. */
export function sequenceState(
  shape: SequenceShape,
  lastValue: bigint = shape.start,
  isCalled = false,
): SequenceState {
  const {increment, min, max, start, isCycled} = shape;
  return {increment, min, max, start, isCycled, lastValue, isCalled};
}
