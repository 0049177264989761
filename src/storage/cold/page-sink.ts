import {crc32} from 'node:zlib';

/** Takes the bytes of a file in order; knows the offset and the checksum so far. */
export class PageSink {
  readonly #flush: (parts: readonly Uint8Array[]) => void;
  #parts: Uint8Array[] = [];
  #held = 0;
  offset = 0;
  checksum = 0;

  /** `flush` gets parts to be written one after another, about a megabyte at a time. */
  constructor(flush: (parts: readonly Uint8Array[]) => void) {
    this.#flush = flush;
  }

  /** Keeps the bytes: the caller must not change them afterwards. */
  write(bytes: Uint8Array): void {
    this.checksum = crc32(bytes, this.checksum);
    this.offset += bytes.length;
    this.#parts.push(bytes);
    this.#held += bytes.length;
    if (this.#held > 1 << 20) this.flush();
  }

  flush(): void {
    if (this.#parts.length > 0) this.#flush(this.#parts);
    this.#parts = [];
    this.#held = 0;
  }
}
