// Hot path: the first read of a segment parses with it before anything is compiled.
import {ThriftType} from './thrift-writer.ts';

const I8 = 3;

/** Reads Thrift compact structs in place: values by field, the rest is skipped without being made. Throws at bytes that are none. */
export class ThriftReader {
  readonly bytes: Buffer;
  at: number;
  /** Field that `next` has met. */
  id = 0;

  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  /** Moves to the next field of a struct and gives its type; 0 at the end. The caller has set `id` to 0 before the first. */
  next(): number {
    const head = this.byte();
    if (head === 0) return 0;
    const delta = head >> 4;
    this.id = delta === 0 ? this.i32() : this.id + delta;
    return head & 15;
  }

  byte(): number {
    const byte = this.bytes[this.at++];
    if (byte === undefined) throw new Error('the metadata is cut off');
    return byte;
  }

  /** An unsigned LEB128 number up to 2^53. */
  varint(): number {
    let byte = this.byte();
    if (byte < 128) return byte;
    let value = byte & 127;
    let unit = 128;
    do {
      byte = this.byte();
      value += (byte & 127) * unit;
      unit *= 128;
    } while (byte >= 128);
    return value;
  }

  i32(): number {
    const coded = this.varint();
    return coded % 2 === 0 ? coded / 2 : -(coded + 1) / 2;
  }

  /** A 64-bit number, which is a count or an offset. */
  i64(): number {
    return this.i32();
  }

  /** A view of the bytes. */
  binary(): Buffer {
    const length = this.varint();
    const from = this.at;
    this.at += length;
    if (this.at > this.bytes.length) throw new Error('the metadata is cut off');
    return this.bytes.subarray(from, this.at);
  }

  text(): string {
    return this.binary().toString('utf8');
  }

  /** The number of a list's elements, the first of which comes next. */
  list(): number {
    const head = this.byte();
    return head >> 4 === 15 ? this.varint() : head >> 4;
  }

  /** Reads past a value. */
  skip(type: number): void {
    switch (type) {
      case ThriftType.true:
      case ThriftType.false:
        return;
      case I8:
        this.at++;
        return;
      case ThriftType.i16:
      case ThriftType.i32:
      case ThriftType.i64:
        while (this.byte() >= 128);
        return;
      case ThriftType.binary:
        this.binary();
        return;
      case ThriftType.list:
        this.#skipList();
        return;
      case ThriftType.struct:
        this.skipStruct();
        return;
      default:
        throw new Error(`the metadata has a value of type ${type}`);
    }
  }

  skipStruct(): void {
    for (;;) {
      const head = this.byte();
      if (head === 0) return;
      if (head < 16) this.i32();
      this.skip(head & 15);
    }
  }

  #skipList(): void {
    const type = this.bytes[this.at]! & 15;
    const size = this.list();
    if (type === ThriftType.true || type === ThriftType.false) this.at += size;
    else for (let i = 0; i < size; i++) this.skip(type);
  }
}
