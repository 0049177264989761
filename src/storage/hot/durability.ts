import {closeSync, fdatasyncSync, openSync} from 'node:fs';
import {Worker} from 'node:worker_threads';
import {failpoint, injectFault} from '../failpoint.ts';
import type {StorageLogger} from '../settings.ts';
import type {Callers} from '../tx/callers.ts';
import type {SnapshotRegistry, SnapshotValue} from '../tx/snapshot.ts';
import {workerUrl} from './worker-url.ts';

const REQUESTED = 0;
const DONE = 1;
const STATE = 2;
const STOP = -1;

/** A sync on the main thread that took longer is followed by this many on the thread of its own. */
const SLOW_SYNC_MS = 2;
const SYNCS_AFTER_SLOW = 64;

/** So many syncs of a process are done in place before it starts the thread: a start has a few. */
const FIRST_SYNCS = 8;

const KEEP_ALIVE_MS = 1 << 30;

interface Waiting {
  readonly seq: number;
  readonly callback: () => void;
}

/**
 * Makes commits durable: a thread of its own runs fdatasync on the WAL file. What was written before
 * a sync began is durable when it returns;
 * one sync at a time, so that all commits of the time in between share the next one.
 */
export class Durability {
  readonly #slots: Int32Array;
  readonly #walPath: string;
  /** Started by the first sync that is not done in place: an idle server saves 11 MB. */
  #worker: Worker | null = null;
  /** Keeps the process running as long as no thread does: it must not end because it only waits for others, which do not. */
  readonly #alive = setInterval(() => {}, KEEP_ALIVE_MS);
  readonly #snapshots: SnapshotRegistry;
  readonly #logger: StorageLogger;
  readonly #callers: Callers;
  /** The WAL file, for syncs on this thread. */
  readonly #file: number;
  /** Called when the thread is free, before it is given the next sync. */
  onSynced: () => void = () => {};
  #generation = 0;
  #isSyncing = false;
  #syncs = 0;
  /** True while a lone session's sync waits for `hurry` or the end of the turn. */
  #isDeferred = false;
  #slowSyncs = 0;
  readonly #deferredSync = (): void => {
    if (!this.#isDeferred) return;
    if (this.#isFirst) {
      this.hurry();
      return;
    }
    this.#isDeferred = false;
    if (this.#newest !== null && !this.#isSyncing) this.#sync();
  };
  #newest: SnapshotValue | null = null;
  #durable: number;
  #waiting: Waiting[] = [];
  /** Called once no sync is under way or asked for. */
  #atRest: (() => void)[] = [];
  #waitingHead = 0;

  constructor(
    walPath: string,
    snapshots: SnapshotRegistry,
    callers: Callers,
    logger: StorageLogger,
  ) {
    this.#slots = new Int32Array(new SharedArrayBuffer(16));
    this.#snapshots = snapshots;
    this.#callers = callers;
    this.#logger = logger;
    this.#file = openSync(walPath, 'r+');
    this.#durable = snapshots.current.number;
    this.#walPath = walPath;
  }

  get durable(): number {
    return this.#durable;
  }

  /** Whether a sync is under way, so that what is committed now has to wait for the next one. */
  get isSyncing(): boolean {
    return this.#isSyncing;
  }

  /** Asks for everything up to a snapshot to become durable. */
  request(snapshot: SnapshotValue): void {
    if (this.#newest !== null) this.#newest.release();
    snapshot.retain();
    this.#newest = snapshot;
    if (this.#isSyncing || this.#isDeferred) return;
    if (this.#isFirst || (this.#callers.isLone && this.#slowSyncs === 0)) {
      this.#isDeferred = true;
      setImmediate(this.#deferredSync);
      return;
    }
    if (this.#slowSyncs > 0) this.#slowSyncs--;
    this.#sync();
  }

  /**
   * All that a lone session asked for is done, and it waits: syncs in place, which saves two wake-ups
   * of threads. Nothing when others are at work.
   */
  hurry(): void {
    if (!this.#isDeferred || this.#newest === null || this.#isSyncing) return;
    this.#isDeferred = false;
    const target = this.#newest;
    const isFirst = this.#isFirst;
    this.#newest = null;
    const begun = performance.now();
    try {
      failpoint('before-sync');
      injectFault('wal-sync');
      fdatasyncSync(this.#file);
      failpoint('after-sync');
    } catch {
      this.#fail('fdatasync failed');
    }
    if (!isFirst && performance.now() - begun > SLOW_SYNC_MS) this.#slowSyncs = SYNCS_AFTER_SLOW;
    this.#synced(target);
  }

  get #isFirst(): boolean {
    return this.#worker === null && this.#syncs < FIRST_SYNCS;
  }

  /** Calls back once a seq is durable: at once when it is, else in order of seq. */
  onDurable(seq: number, callback: () => void): void {
    if (seq <= this.#durable) {
      callback();
      return;
    }
    this.#waiting.push({seq, callback});
  }

  whenDurable(seq: number): Promise<void> | undefined {
    if (seq <= this.#durable) return undefined;
    return new Promise(resolve => this.onDurable(seq, resolve));
  }

  async close(): Promise<void> {
    while (this.#isSyncing || this.#isDeferred)
      await new Promise<void>(resolve => this.#atRest.push(resolve));
    clearInterval(this.#alive);
    const worker = this.#worker;
    if (worker !== null) {
      const exited = new Promise<void>(resolve => worker.once('exit', () => resolve()));
      Atomics.store(this.#slots, REQUESTED, STOP);
      Atomics.notify(this.#slots, REQUESTED);
      await exited;
    }
    closeSync(this.#file);
  }

  /** What is requested before the thread runs is the first that it finds. */
  #startWorker(): Worker {
    const worker = new Worker(workerUrl('durability-worker', import.meta.url), {
      workerData: {path: this.#walPath, shared: this.#slots.buffer},
      name: 'wadi-durability',
      // The thread only waits and syncs.
      resourceLimits: {
        maxYoungGenerationSizeMb: 1,
        maxOldGenerationSizeMb: 16,
        codeRangeSizeMb: 2,
        stackSizeMb: 1,
      },
    });
    clearInterval(this.#alive);
    worker.on('error', error => this.#fail(String(error)));
    return worker;
  }

  #sync(): void {
    this.#worker ??= this.#startWorker();
    const target = this.#newest!;
    this.#newest = null;
    this.#isSyncing = true;
    this.#generation = (this.#generation + 1) & 0x3fffffff;
    const generation = this.#generation;
    const before = Atomics.load(this.#slots, DONE);
    const waited = Atomics.waitAsync(this.#slots, DONE, before);
    Atomics.store(this.#slots, REQUESTED, generation);
    Atomics.notify(this.#slots, REQUESTED);
    if (waited.async) void waited.value.then(() => this.#synced(target));
    else this.#synced(target);
  }

  #synced(target: SnapshotValue): void {
    if (this.#slots[STATE] !== 0) this.#fail('fdatasync failed');
    this.#isSyncing = false;
    this.#syncs++;
    if (target.number > this.#durable) this.#durable = target.number;
    this.#snapshots.setDurable(target);
    this.onSynced();
    if (this.#newest !== null && !this.#isSyncing) this.#sync();
    const waiting = this.#waiting;
    while (this.#waitingHead < waiting.length && waiting[this.#waitingHead]!.seq <= this.#durable) {
      waiting[this.#waitingHead++]!.callback();
    }
    if (this.#waitingHead === waiting.length) {
      this.#waiting = [];
      this.#waitingHead = 0;
    } else if (this.#waitingHead > 4096) {
      this.#waiting = waiting.slice(this.#waitingHead);
      this.#waitingHead = 0;
    }
    if (this.#atRest.length > 0 && !this.#isSyncing && !this.#isDeferred) {
      for (const resolve of this.#atRest.splice(0)) resolve();
    }
  }

  /** What was acknowledged can no longer be promised: the process ends. */
  #fail(message: string): void {
    this.#logger.error(`cannot make commits durable: ${message}`);
    process.exit(1);
  }
}
