// Hot path: reads the fields of every frontend message.
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';

const longName = 64;

/** Reads the fields of one message where it lies; one per connection, pointed at each message in turn. Short input raises 08P01. */
export class MessageCursor {
  buffer: Buffer = Buffer.alloc(0);
  at = 0;
  end = 0;
  #lastName = '';

  /** Points at a message body. */
  reset(buffer: Buffer, start: number, end: number): void {
    this.buffer = buffer;
    this.at = start;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.at;
  }

  byte(): number {
    return this.buffer[this.#take(1)]!;
  }

  uint16(): number {
    const at = this.#take(2);
    return (this.buffer[at]! << 8) | this.buffer[at + 1]!;
  }

  int16(): number {
    return (this.uint16() << 16) >> 16;
  }

  int32(): number {
    const at = this.#take(4);
    const b = this.buffer;
    return (b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!;
  }

  uint32(): number {
    return this.int32() >>> 0;
  }

  /** Steps over `size` bytes and returns where they start. */
  skip(size: number): number {
    return this.#take(size);
  }

  /** A zero-terminated text. */
  cstring(): string {
    const at = this.at;
    const zero = this.buffer.indexOf(0, at);
    if (zero === -1 || zero >= this.end) throw invalidString();
    this.at = zero + 1;
    return decodeText(this.buffer, at, zero);
  }

  /** A zero-terminated name; the same name as last time is not decoded again. */
  name(): string {
    const {buffer, at} = this;
    if (at < this.end && buffer[at] === 0) {
      this.at = at + 1;
      return '';
    }
    const last = this.#lastName;
    const size = last.length;
    if (at + size < this.end && buffer[at + size] === 0) {
      let i = 0;
      while (i < size && buffer[at + i] === last.charCodeAt(i)) i++;
      if (i === size) {
        this.at = at + size + 1;
        return last;
      }
    }
    const name = this.cstring();
    if (name.length < longName && name.length === this.at - 1 - at) this.#lastName = name;
    return name;
  }

  /** Raises 08P01 when bytes are left. */
  finish(): void {
    if (this.at !== this.end) {
      throw new PgError(SqlState.protocolViolation, 'invalid message format');
    }
  }

  #take(size: number): number {
    const at = this.at;
    if (size < 0 || at + size > this.end) throw insufficientData();
    this.at = at + size;
    return at;
  }
}

/** Decodes UTF-8 and raises 22021 with the first offending bytes when it is not valid. */
export function decodeText(buffer: Buffer, start: number, end: number): string {
  const text = buffer.utf8Slice(start, end);
  // In a one-byte string V8 answers this without looking.
  if (text.includes('\ufffd')) requireValidUtf8(buffer, start, end);
  return text;
}

function requireValidUtf8(buffer: Buffer, start: number, end: number): void {
  for (let at = start; at < end; ) {
    const size = sequenceLength(buffer, at, end);
    if (size > 0) {
      at += size;
      continue;
    }
    const bytes: string[] = [];
    const claimed = Math.min(claimedLength(buffer[at]!), end - at);
    for (let i = 0; i < claimed; i++)
      bytes.push(`0x${buffer[at + i]!.toString(16).padStart(2, '0')}`);
    throw new PgError(
      SqlState.characterNotInRepertoire,
      `invalid byte sequence for encoding "UTF8": ${bytes.join(' ')}`,
    );
  }
}

function claimedLength(lead: number): number {
  if (lead < 0x80) return 1;
  if ((lead & 0xe0) === 0xc0) return 2;
  if ((lead & 0xf0) === 0xe0) return 3;
  return (lead & 0xf8) === 0xf0 ? 4 : 1;
}

function sequenceLength(buffer: Buffer, at: number, end: number): number {
  const lead = buffer[at]!;
  if (lead < 0x80) return 1;
  const size = claimedLength(lead);
  if (size === 1 || at + size > end || lead < 0xc2 || lead > 0xf4) return 0;
  for (let i = 1; i < size; i++) {
    if ((buffer[at + i]! & 0xc0) !== 0x80) return 0;
  }
  const second = buffer[at + 1]!;
  if (lead === 0xe0 && second < 0xa0) return 0;
  if (lead === 0xed && second > 0x9f) return 0;
  if (lead === 0xf0 && second < 0x90) return 0;
  if (lead === 0xf4 && second > 0x8f) return 0;
  return size;
}

function insufficientData(): PgError {
  return new PgError(SqlState.protocolViolation, 'insufficient data left in message');
}

function invalidString(): PgError {
  return new PgError(SqlState.protocolViolation, 'invalid string in message');
}
