import type {EvalContext, FunctionCode} from './contract.ts';

/** Milliseconds from 1970-01-01 to 2000-01-01, the clock's epoch. */
const CLOCK_EPOCH_MS = 946_684_800_000n;
/** Milliseconds from 1970-01-01 to 2020-01-01, the epoch of snowflake ids. */
const SNOWFLAKE_EPOCH_MS = 1_577_836_800_000n;
const SEQUENCE_BITS = 12n;
const NODE_BITS = 10n;
const MAX_SEQUENCE = (1n << SEQUENCE_BITS) - 1n;
const RANDOM_BYTES = 10;
const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** snowflake_id, uuid_v7, ulid: each strictly increasing within the process, whatever the clock does. */
export function idFunctions(): Record<string, FunctionCode> {
  const snowflakes = new Snowflakes();
  const uuids = new TimedRandom();
  const ulids = new TimedRandom();
  return {
    snowflake_id: {fnCtx: (context: EvalContext) => snowflakes.next(nowMs(context))},
    uuid_v7: {fnCtx: (context: EvalContext) => uuidOf(uuids.next(context))},
    ulid: {fnCtx: (context: EvalContext) => ulidOf(ulids.next(context))},
  };
}

function nowMs(context: EvalContext): bigint {
  return context.clock.clockTimestamp() / 1000n + CLOCK_EPOCH_MS;
}

/** 41 bits of milliseconds, 10 of node (0), 12 of sequence. */
class Snowflakes {
  #ms = 0n;
  #sequence = 0n;

  next(now: bigint): bigint {
    if (now > this.#ms) {
      this.#ms = now;
      this.#sequence = 0n;
    } else if (this.#sequence < MAX_SEQUENCE) this.#sequence++;
    else {
      // More than 4096 in a millisecond: the next one is borrowed.
      this.#ms++;
      this.#sequence = 0n;
    }
    return ((this.#ms - SNOWFLAKE_EPOCH_MS) << (NODE_BITS + SEQUENCE_BITS)) | this.#sequence;
  }
}

/** A millisecond and 74 or 80 random bits; within a millisecond the random bits count up (RFC 9562 6.2, method 2). */
class TimedRandom {
  #ms = 0n;
  readonly #random = Buffer.alloc(RANDOM_BYTES);

  next(context: EvalContext): {readonly ms: bigint; readonly random: Buffer} {
    const now = nowMs(context);
    if (now > this.#ms) {
      this.#ms = now;
      this.#random.set(context.random.bytes(RANDOM_BYTES));
      // Room to count up, and bits that a version 7 uuid does not show.
      this.#random[0]! &= 0x01;
    } else if (!this.#increment()) this.#ms++;
    return {ms: this.#ms, random: this.#random};
  }

  #increment(): boolean {
    for (let i = RANDOM_BYTES - 1; i >= 0; i--) {
      this.#random[i] = (this.#random[i]! + 1) & 0xff;
      if (this.#random[i] !== 0) return i > 0 || this.#random[0]! < 0x04;
    }
    return false;
  }
}

/** 48 bits of time, version 7, 12 bits, variant, 62 bits. */
function uuidOf({ms, random}: {readonly ms: bigint; readonly random: Buffer}): string {
  const time = ms.toString(16).padStart(12, '0');
  // 74 bits: 12, then 62; they are the low ones, so that counting up is seen.
  const bits = (BigInt(`0x${random.toString('hex')}`) & ((1n << 74n) - 1n))
    .toString(2)
    .padStart(74, '0');
  const high = BigInt(`0b0111${bits.slice(0, 12)}`)
    .toString(16)
    .padStart(4, '0');
  const low = BigInt(`0b10${bits.slice(12)}`)
    .toString(16)
    .padStart(16, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-${high}-${low.slice(0, 4)}-${low.slice(4)}`;
}

/** 10 characters of time, 16 of randomness, in Crockford's base 32. */
function ulidOf({ms, random}: {readonly ms: bigint; readonly random: Buffer}): string {
  return base32(ms, 10) + base32(BigInt(`0x${random.toString('hex')}`), 16);
}

function base32(value: bigint, length: number): string {
  let text = '';
  let rest = value;
  for (let i = 0; i < length; i++) {
    text = CROCKFORD[Number(rest & 31n)]! + text;
    rest >>= 5n;
  }
  return text;
}
