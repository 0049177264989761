// Hot path: rows become columns here, one append per value.
import type {Datum, PhysicalKind, Value} from '../types/contract.ts';
import type {
  BoolVector,
  BoxedVector,
  Float64Vector,
  Int32Vector,
  Int64Vector,
  StringVector,
  Vector,
} from './vector.ts';

/**
 * Collects datums of one physical kind into a vector that grows from one row.
 * `vector` is one object for the builder's life, valid up to `length` rows; reset makes it empty and keeps its memory.
 */
export interface VectorBuilder {
  readonly vector: Vector;
  readonly length: number;
  append(datum: Datum): void;
  reset(): void;
  /** The rows so far as a vector of its own; the builder is empty afterwards. */
  take(): Vector;
}

/** A builder for vectors of a physical kind; text becomes JS strings. */
export function createVectorBuilder(physical: PhysicalKind): VectorBuilder {
  switch (physical) {
    case 'int32':
      return new Int32Builder();
    case 'float64':
      return new Float64Builder();
    case 'int64':
      return new Int64Builder();
    case 'bool':
      return new BoolBuilder();
    case 'text':
      return new StringBuilder();
    case 'boxed':
      return new BoxedBuilder();
  }
}

/** NULL flags of a growing vector; allocated at the first NULL, kept over resets. */
class NullFlags {
  #flags: Uint8Array | null = null;
  #isUsed = false;

  /** Marks a row; `capacity` is that of the values. Returns the mask to hang into the vector. */
  mark(row: number, capacity: number): Uint8Array {
    let flags = this.#flags;
    if (flags === null) {
      flags = new Uint8Array(capacity);
    } else if (flags.length < capacity || !this.#isUsed) {
      if (flags.length < capacity) {
        const grown = new Uint8Array(capacity);
        if (this.#isUsed) grown.set(flags);
        flags = grown;
      } else {
        flags.fill(0);
      }
    }
    this.#flags = flags;
    this.#isUsed = true;
    flags[row] = 1;
    return flags;
  }

  /** The mask after the values grew; null when no row is NULL. */
  grow(capacity: number): Uint8Array | null {
    if (!this.#isUsed) return null;
    const flags = this.#flags!;
    if (flags.length >= capacity) return flags;
    const grown = new Uint8Array(capacity);
    grown.set(flags);
    this.#flags = grown;
    return grown;
  }

  reset(): void {
    this.#isUsed = false;
  }

  forget(): void {
    this.#isUsed = false;
    this.#flags = null;
  }
}

function nextCapacity(capacity: number): number {
  return capacity < 16 ? Math.max(1, capacity * 4) : capacity * 2;
}

class Int32Builder implements VectorBuilder {
  readonly #nulls = new NullFlags();
  vector: Int32Vector = {kind: 'int32', values: new Int32Array(1), nulls: null};
  length = 0;

  append(datum: Datum): void {
    const row = this.length++;
    const vector = this.vector;
    if (row === vector.values.length) {
      const grown = new Int32Array(nextCapacity(row));
      grown.set(vector.values);
      vector.values = grown;
      vector.nulls = this.#nulls.grow(grown.length);
    }
    if (datum === null) vector.nulls = this.#nulls.mark(row, vector.values.length);
    else vector.values[row] = datum as number;
  }

  reset(): void {
    this.length = 0;
    this.vector.nulls = null;
    this.#nulls.reset();
  }

  take(): Vector {
    const taken = this.vector;
    this.vector = {kind: 'int32', values: new Int32Array(1), nulls: null};
    this.length = 0;
    this.#nulls.forget();
    return taken;
  }
}

class Float64Builder implements VectorBuilder {
  readonly #nulls = new NullFlags();
  vector: Float64Vector = {kind: 'float64', values: new Float64Array(1), nulls: null};
  length = 0;

  append(datum: Datum): void {
    const row = this.length++;
    const vector = this.vector;
    if (row === vector.values.length) {
      const grown = new Float64Array(nextCapacity(row));
      grown.set(vector.values);
      vector.values = grown;
      vector.nulls = this.#nulls.grow(grown.length);
    }
    if (datum === null) vector.nulls = this.#nulls.mark(row, vector.values.length);
    else vector.values[row] = datum as number;
  }

  reset(): void {
    this.length = 0;
    this.vector.nulls = null;
    this.#nulls.reset();
  }

  take(): Vector {
    const taken = this.vector;
    this.vector = {kind: 'float64', values: new Float64Array(1), nulls: null};
    this.length = 0;
    this.#nulls.forget();
    return taken;
  }
}

class Int64Builder implements VectorBuilder {
  readonly #nulls = new NullFlags();
  vector: Int64Vector = {kind: 'int64', values: new BigInt64Array(1), nulls: null};
  length = 0;

  append(datum: Datum): void {
    const row = this.length++;
    const vector = this.vector;
    if (row === vector.values.length) {
      const grown = new BigInt64Array(nextCapacity(row));
      grown.set(vector.values);
      vector.values = grown;
      vector.nulls = this.#nulls.grow(grown.length);
    }
    if (datum === null) vector.nulls = this.#nulls.mark(row, vector.values.length);
    else vector.values[row] = datum as bigint;
  }

  reset(): void {
    this.length = 0;
    this.vector.nulls = null;
    this.#nulls.reset();
  }

  take(): Vector {
    const taken = this.vector;
    this.vector = {kind: 'int64', values: new BigInt64Array(1), nulls: null};
    this.length = 0;
    this.#nulls.forget();
    return taken;
  }
}

class BoolBuilder implements VectorBuilder {
  readonly #nulls = new NullFlags();
  vector: BoolVector = {kind: 'bool', values: new Uint8Array(1), nulls: null};
  length = 0;

  append(datum: Datum): void {
    const row = this.length++;
    const vector = this.vector;
    if (row === vector.values.length) {
      const grown = new Uint8Array(nextCapacity(row));
      grown.set(vector.values);
      vector.values = grown;
      vector.nulls = this.#nulls.grow(grown.length);
    }
    if (datum === null) vector.nulls = this.#nulls.mark(row, vector.values.length);
    else vector.values[row] = datum === true ? 1 : 0;
  }

  reset(): void {
    this.length = 0;
    this.vector.nulls = null;
    this.#nulls.reset();
  }

  take(): Vector {
    const taken = this.vector;
    this.vector = {kind: 'bool', values: new Uint8Array(1), nulls: null};
    this.length = 0;
    this.#nulls.forget();
    return taken;
  }
}

class StringBuilder implements VectorBuilder {
  readonly #nulls = new NullFlags();
  vector: StringVector = {kind: 'string', values: [], nulls: null};
  length = 0;

  append(datum: Datum): void {
    const row = this.length++;
    const vector = this.vector;
    if (datum === null) {
      vector.values[row] = '';
      vector.nulls = this.#nulls.mark(row, Math.max(16, nextCapacity(row)));
    } else {
      vector.values[row] = datum as string;
      if (vector.nulls !== null && row >= vector.nulls.length) {
        vector.nulls = this.#nulls.grow(nextCapacity(row));
      }
    }
  }

  reset(): void {
    this.length = 0;
    this.vector.nulls = null;
    this.#nulls.reset();
  }

  take(): Vector {
    const taken = this.vector;
    taken.values.length = this.length;
    this.vector = {kind: 'string', values: [], nulls: null};
    this.length = 0;
    this.#nulls.forget();
    return taken;
  }
}

class BoxedBuilder implements VectorBuilder {
  readonly #nulls = new NullFlags();
  vector: BoxedVector = {kind: 'boxed', values: [], nulls: null};
  length = 0;

  append(datum: Datum): void {
    const row = this.length++;
    const vector = this.vector;
    vector.values[row] = datum;
    if (datum === null) {
      vector.nulls = this.#nulls.mark(row, Math.max(16, nextCapacity(row)));
    } else if (vector.nulls !== null && row >= vector.nulls.length) {
      vector.nulls = this.#nulls.grow(nextCapacity(row));
    }
  }

  reset(): void {
    this.length = 0;
    this.vector.nulls = null;
    this.#nulls.reset();
  }

  take(): Vector {
    const taken = this.vector;
    taken.values.length = this.length;
    this.vector = {kind: 'boxed', values: [], nulls: null};
    this.length = 0;
    this.#nulls.forget();
    return taken;
  }
}

/** A vector of given datums. */
export function vectorOf(physical: PhysicalKind, datums: readonly Datum[]): Vector {
  const builder = createVectorBuilder(physical);
  for (const datum of datums) builder.append(datum);
  return builder.take();
}

/** The datum of a physical row (not a position in a selection). */
export function datumAt(vector: Vector, row: number): Datum {
  const {nulls} = vector;
  if (nulls !== null && nulls[row] === 1) return null;
  switch (vector.kind) {
    case 'int32':
    case 'float64':
    case 'int64':
      return vector.values[row] as Value;
    case 'bool':
      return vector.values[row] === 1;
    case 'dict':
      return vector.dictionary.get(vector.values[row]!);
    case 'utf8':
      return vector.bytes.utf8Slice(vector.offsets[row]!, vector.offsets[row + 1]!);
    case 'string':
    case 'boxed':
      return vector.values[row] ?? null;
  }
}
