import {PgError} from '../common/errors.ts';
import type {Oid} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {SequenceState} from './contract.ts';

const FIRST_RESERVE = 32;
const MAX_RESERVE = 8192;

/** A sequence in memory: what was handed out, and up to where a commit reserved values. */
interface Sequence {
  state: SequenceState;
  /** Values that a durable (or pending) commit allows to hand out from now on. */
  reserved: number;
  nextReserve: number;
  /** Created by a transaction that is still open: nothing is reserved, its commit stores the state. */
  isPending: boolean;
}

/** Commits a sequence's state; `failed` may be called before it returns, or later when commits are held. */
type Reserve = (oid: Oid, json: string, failed: (error: Error) => void) => void;

/**
 * Sequences hand out values from reservations: each reservation is a commit of its own, so that
 * after a crash no value comes twice.
 */
export class Sequences {
  readonly #sequences = new Map<number, Sequence>();
  readonly #reserve: Reserve;
  readonly #nameOf: (oid: Oid) => string;

  constructor(
    stored: Iterable<readonly [oid: number, json: string]>,
    reserve: Reserve,
    nameOf: (oid: Oid) => string,
  ) {
    for (const [oid, json] of stored) this.put(oid, parseState(json));
    this.#reserve = reserve;
    this.#nameOf = nameOf;
  }

  state(oid: Oid): SequenceState | undefined {
    return this.#sequences.get(oid)?.state;
  }

  put(oid: number, state: SequenceState, isPending = false): void {
    this.#sequences.set(oid, {state, reserved: 0, nextReserve: FIRST_RESERVE, isPending});
  }

  /** What the creating commit stores: the state with the first values reserved. */
  commitCreated(oid: number): string | null {
    const sequence = this.#sequences.get(oid);
    if (sequence === undefined) return null;
    sequence.isPending = false;
    if (!sequence.state.isCalled) return stateJson(sequence.state);
    sequence.reserved = FIRST_RESERVE;
    return stateJson(reservedState(sequence.state, FIRST_RESERVE + 1));
  }

  /** Exact states of sequences with values reserved and not handed out, for a clean close. */
  unused(): (readonly [oid: number, json: string])[] {
    return [...this.#sequences]
      .filter(([, s]) => s.reserved > 0)
      .map(([oid, s]) => [oid, stateJson(s.state)] as const);
  }

  remove(oid: number): void {
    this.#sequences.delete(oid);
  }

  next(oid: Oid): bigint {
    const sequence = this.#get(oid);
    const {state} = sequence;
    const value = state.isCalled ? this.#advance(oid, state) : state.lastValue;
    sequence.state = {...state, lastValue: value, isCalled: true};
    if (sequence.isPending) return value;
    if (sequence.reserved === 0) {
      sequence.reserved = sequence.nextReserve;
      sequence.nextReserve = Math.min(MAX_RESERVE, sequence.nextReserve * 2);
      this.#store(oid, sequence, state, reservedState(sequence.state, sequence.reserved));
    }
    sequence.reserved--;
    return value;
  }

  set(oid: Oid, value: bigint, isCalled: boolean): void {
    const sequence = this.#get(oid);
    const {state} = sequence;
    if (value < state.min || value > state.max) {
      throw new PgError(
        SqlState.numericValueOutOfRange,
        `setval: value ${value} is out of bounds for sequence "${this.#nameOf(oid)}" (${state.min}..${state.max})`,
      );
    }
    sequence.state = {...state, lastValue: value, isCalled};
    sequence.reserved = 0;
    if (!sequence.isPending) this.#store(oid, sequence, state, sequence.state);
  }

  /** Without its reservation no value is handed out: a restart would hand it out again. */
  #store(oid: Oid, sequence: Sequence, before: SequenceState, stored: SequenceState): void {
    let failure: Error | null = null;
    this.#reserve(oid, stateJson(stored), error => {
      failure = error;
      sequence.reserved = 0;
    });
    if (failure === null) return;
    sequence.state = before;
    throw failure as Error;
  }

  #get(oid: Oid): Sequence {
    const sequence = this.#sequences.get(oid);
    if (sequence === undefined)
      throw new PgError(SqlState.undefinedTable, `could not open relation with OID ${oid}`);
    return sequence;
  }

  #advance(oid: Oid, state: SequenceState): bigint {
    const next = state.lastValue + state.increment;
    if (next <= state.max && next >= state.min) return next;
    if (state.isCycled) return state.increment > 0n ? state.min : state.max;
    const bound =
      state.increment > 0n
        ? `maximum value of sequence "${this.#nameOf(oid)}" (${state.max})`
        : `minimum value of sequence "${this.#nameOf(oid)}" (${state.min})`;
    throw new PgError(SqlState.sequenceGeneratorLimitExceeded, `nextval: reached ${bound}`);
  }
}

/** The state that a restart begins from: as if all reserved values were handed out. */
function reservedState(state: SequenceState, ahead: number): SequenceState {
  let last = state.lastValue + state.increment * BigInt(ahead - 1);
  if (last > state.max) last = state.max;
  if (last < state.min) last = state.min;
  return {...state, lastValue: last, isCalled: true};
}

/** A sequence's state as stored. */
export function stateJson(state: SequenceState): string {
  return JSON.stringify({
    ...state,
    increment: `${state.increment}`,
    min: `${state.min}`,
    max: `${state.max}`,
    start: `${state.start}`,
    lastValue: `${state.lastValue}`,
  });
}

function parseState(json: string): SequenceState {
  const raw = JSON.parse(json) as Record<string, string> & {isCycled: boolean; isCalled: boolean};
  return {
    increment: BigInt(raw['increment']!),
    min: BigInt(raw['min']!),
    max: BigInt(raw['max']!),
    start: BigInt(raw['start']!),
    isCycled: raw.isCycled === true,
    lastValue: BigInt(raw['lastValue']!),
    isCalled: raw.isCalled === true,
  };
}
