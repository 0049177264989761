import {randomBytes} from 'node:crypto';
import {closeSync, fsyncSync, mkdirSync, openSync, rmSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import {injectFault, writableBytes} from '../../failpoint.ts';
import {fileError} from '../file-errors.ts';

/** As the files of the executor's sorts: what a crash leaves of them is removed at the next start. */
const PREFIX = 'spill-';

/** A name for a temporary file. */
export function scratchPath(directory: string): string {
  mkdirSync(directory, {recursive: true});
  return join(directory, `${PREFIX}${randomBytes(8).toString('hex')}`);
}

/** A file that a merge writes, created by its first bytes. */
export class MergeFile {
  readonly path: string;
  #file: number | null = null;

  constructor(path: string) {
    this.path = path;
  }

  write(parts: readonly Uint8Array[]): void {
    this.#file ??= this.#attempt('create', () => openSync(this.path, 'wx'));
    const file = this.#file;
    this.#attempt('write', () => {
      for (const part of parts) writeFully(file, part);
    });
  }

  /** The content is durable afterwards. */
  sync(): void {
    const file = this.#file;
    if (file === null) return;
    this.#attempt('sync', () => {
      injectFault('segment-sync');
      fsyncSync(file);
    });
  }

  close(): void {
    const file = this.#file;
    this.#file = null;
    if (file !== null) closeSync(file);
  }

  /** Closes and removes it, if it is there. */
  drop(): void {
    const isMine = this.#file !== null;
    this.close();
    if (isMine) rmSync(this.path, {force: true});
  }

  #attempt<T>(what: 'create' | 'write' | 'sync', run: () => T): T {
    try {
      return run();
    } catch (error) {
      throw fileError(what, this.path, error as NodeJS.ErrnoException);
    }
  }
}

function writeFully(file: number, bytes: Uint8Array): void {
  let at = 0;
  while (at < bytes.length) at += writeSync(file, bytes, at, writableBytes(bytes.length - at));
}
