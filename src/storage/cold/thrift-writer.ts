import {ByteWriter} from '../../common/byte-writer.ts';

/** Element and field types of Thrift's compact protocol that Parquet uses. */
export const ThriftType = {
  true: 1,
  false: 2,
  i16: 4,
  i32: 5,
  i64: 6,
  binary: 8,
  list: 9,
  struct: 12,
} as const;

/** Appends an unsigned LEB128 number (up to 2^53). */
export function writeVarint(out: ByteWriter, value: number): void {
  let rest = value;
  while (rest >= 128) {
    out.byte((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  out.byte(rest);
}

/** Writes Thrift compact structs: field ids ascending within a struct; `begin` and `end` frame list elements. */
export class ThriftWriter {
  readonly out: ByteWriter;
  readonly #outer: number[] = [];
  #last = 0;

  constructor(out = new ByteWriter(4096)) {
    this.out = out;
  }

  begin(): void {
    this.#outer.push(this.#last);
    this.#last = 0;
  }

  end(): void {
    this.out.byte(0);
    this.#last = this.#outer.pop() ?? 0;
  }

  struct(id: number): void {
    this.#header(id, ThriftType.struct);
    this.begin();
  }

  /** A struct without fields (a union's chosen variant). */
  empty(id: number): void {
    this.struct(id);
    this.end();
  }

  bool(id: number, value: boolean): void {
    this.#header(id, value ? ThriftType.true : ThriftType.false);
  }

  /** A signed 8-bit field. */
  i8(id: number, value: number): void {
    this.#header(id, 3);
    this.out.byte(value & 0xff);
  }

  i32(id: number, value: number): void {
    this.#header(id, ThriftType.i32);
    this.itemI32(value);
  }

  /** A 64-bit field; only for counts and offsets, which are not negative. */
  i64(id: number, value: number): void {
    this.#header(id, ThriftType.i64);
    this.itemI64(value);
  }

  binary(id: number, value: Uint8Array | string): void {
    this.#header(id, ThriftType.binary);
    this.itemBinary(value);
  }

  list(id: number, elementType: number, size: number): void {
    this.#header(id, ThriftType.list);
    if (size < 15) {
      this.out.byte((size << 4) | elementType);
    } else {
      this.out.byte(0xf0 | elementType);
      writeVarint(this.out, size);
    }
  }

  itemI32(value: number): void {
    writeVarint(this.out, ((value << 1) ^ (value >> 31)) >>> 0);
  }

  itemI64(value: number): void {
    writeVarint(this.out, value * 2);
  }

  itemBool(value: boolean): void {
    this.out.byte(value ? 1 : 2);
  }

  itemBinary(value: Uint8Array | string): void {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    writeVarint(this.out, bytes.length);
    this.out.bytes(bytes);
  }

  #header(id: number, type: number): void {
    const delta = id - this.#last;
    if (delta > 0 && delta < 16) {
      this.out.byte((delta << 4) | type);
    } else {
      this.out.byte(type);
      writeVarint(this.out, ((id << 1) ^ (id >> 31)) >>> 0);
    }
    this.#last = id;
  }
}
