import {statSync} from 'node:fs';
import {Worker} from 'node:worker_threads';
import type {StorageLogger, StorageSettings} from '../settings.ts';
import {workerUrl} from './worker-url.ts';

/** Frames that a pass may leave for the last pass, during which commits wait. */
const LAST_PASS_FRAMES = 512;
/** Rough WAL bytes of a group, and of each row in it. */
const GROUP_BYTES = 16_384;
const ROW_BYTES = 600;

interface PassResult {
  readonly log: number;
  readonly checkpointed: number;
  readonly error: string | null;
}

/**
 * Copies the WAL into the database in a worker: PASSIVE passes until little is left, then one pass
 * while commits wait, after which the WAL starts over.
 * No reader holds SQLite open (reads come from images), so that a last pass always completes.
 */
export class Checkpointer {
  readonly #path: string;
  readonly #settings: StorageSettings;
  readonly #logger: StorageLogger;
  readonly #hold: (isHeld: boolean) => void;
  #worker: Worker | null = null;
  #isRunning = false;
  #isHolding = false;
  #written = 0;
  #exited: Promise<void> = Promise.resolve();
  #idle: (() => void) | null = null;

  constructor(
    path: string,
    settings: StorageSettings,
    logger: StorageLogger,
    hold: (isHeld: boolean) => void,
  ) {
    this.#path = path;
    this.#settings = settings;
    this.#logger = logger;
    this.#hold = hold;
  }

  /**
   * Counts what a group wrote, and starts a pass when the WAL should be large. A WAL that started over
   * keeps its file size, so the size alone says nothing.
   */
  afterGroup(rows: number): void {
    this.#written += GROUP_BYTES + rows * ROW_BYTES;
    if (this.#isRunning || this.#written < this.#settings.checkpointBytes) return;
    this.#written = 0;
    this.#start();
  }

  /** Ends the worker; the last connection's close checkpoints what is left. */
  async close(): Promise<void> {
    if (this.#isRunning) await new Promise<void>(resolve => (this.#idle = resolve));
    if (this.#worker === null) return;
    this.#worker.postMessage('close');
    await this.#exited;
  }

  #start(): void {
    this.#isRunning = true;
    if (this.#worker === null) {
      const worker = new Worker(workerUrl('checkpoint-worker', import.meta.url), {
        workerData: {path: this.#path},
        name: 'wadi-checkpoint',
      });
      this.#exited = new Promise(resolve => worker.once('exit', () => resolve()));
      worker.on('message', (result: PassResult) => this.#passed(result));
      worker.on('error', error => {
        this.#logger.error(`checkpoint worker failed: ${String(error)}`);
        this.#worker = null;
        this.#finish();
      });
      worker.unref();
      this.#worker = worker;
    }
    if (this.#walBytes() > this.#settings.walThrottleBytes) this.#holdCommits();
    this.#worker.postMessage('pass');
  }

  #passed(result: PassResult): void {
    if (result.error !== null) this.#logger.warn(`checkpoint: ${result.error}`);
    const left = result.log - result.checkpointed;
    const wasLast = this.#isHolding;
    if (result.error !== null || wasLast) {
      this.#finish();
      return;
    }
    // Frames written during the pass are not in its count: the next pass is short, and the last one runs
    // while commits wait.
    if (left <= LAST_PASS_FRAMES) this.#holdCommits();
    this.#worker?.postMessage('pass');
  }

  #holdCommits(): void {
    if (this.#isHolding) return;
    this.#isHolding = true;
    this.#hold(true);
  }

  #finish(): void {
    this.#isRunning = false;
    if (this.#isHolding) {
      this.#isHolding = false;
      this.#hold(false);
    }
    this.#idle?.();
    this.#idle = null;
  }

  #walBytes(): number {
    try {
      return statSync(`${this.#path}-wal`).size;
    } catch {
      return 0;
    }
  }
}
