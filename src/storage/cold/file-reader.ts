import {closeSync, fstatSync, openSync, readSync} from 'node:fs';
import {corrupt, unreadable} from './file-errors.ts';

const MAX_OPEN = 256;

/** Segments of which only blocks are here. */
export interface BlockSource {
  /** Whether a path is read through it now. */
  serves(path: string): boolean;
  size(path: string): number;
  read(path: string, offset: number, length: number): Buffer;
}

/** Reads ranges of segment files; keeps the most recently used files open. */
export class FileReader {
  readonly #files = new Map<string, {readonly file: number; readonly size: number}>();
  readonly #locate: (path: string) => string;
  readonly #blocks: BlockSource | null;
  #scratch: Buffer = Buffer.allocUnsafeSlow(64 * 1024);

  /** `locate`: the file of this machine that a segment's path means. */
  constructor(locate: (path: string) => string = path => path, blocks: BlockSource | null = null) {
    this.#locate = locate;
    this.#blocks = blocks;
  }

  /** Bytes of the file now. */
  size(path: string): number {
    if (this.#blocks?.serves(path) === true) return this.#blocks.size(path);
    return this.#open(path).size;
  }

  /** The bytes of a range; valid until the next read. */
  read(path: string, offset: number, length: number): Buffer {
    if (this.#blocks?.serves(path) === true) return this.#blocks.read(path, offset, length);
    const {file, size} = this.#open(path);
    if (offset < 0 || length < 0 || offset + length > size) {
      throw corrupt(path, `it ends at byte ${size}, but ${length} bytes at ${offset} are wanted`);
    }
    if (this.#scratch.length < length) {
      this.#scratch = Buffer.allocUnsafeSlow(Math.max(length, this.#scratch.length * 2));
    }
    try {
      let at = 0;
      while (at < length) {
        const count = readSync(file, this.#scratch, at, length - at, offset + at);
        if (count === 0) throw corrupt(path, `it ends before byte ${offset + length}`);
        at += count;
      }
    } catch (error) {
      throw unreadable(path, error);
    }
    return this.#scratch.subarray(0, length);
  }

  forget(path: string): void {
    this.forgetFile(this.#locate(path));
  }

  /** Closes a file by the name that `locate` gave. */
  forgetFile(local: string): void {
    const open = this.#files.get(local);
    if (open === undefined) return;
    this.#files.delete(local);
    closeSync(open.file);
  }

  close(): void {
    for (const local of [...this.#files.keys()]) this.forgetFile(local);
  }

  #open(path: string): {readonly file: number; readonly size: number} {
    const local = this.#locate(path);
    const known = this.#files.get(local);
    if (known !== undefined) return known;
    try {
      const file = openSync(local, 'r');
      const opened = {file, size: fstatSync(file).size};
      this.#files.set(local, opened);
      if (this.#files.size > MAX_OPEN) {
        for (const oldest of this.#files.keys()) {
          this.forgetFile(oldest);
          break;
        }
      }
      return opened;
    } catch (error) {
      throw unreadable(path, error);
    }
  }
}
