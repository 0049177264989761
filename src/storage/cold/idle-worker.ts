import {Worker} from 'node:worker_threads';

const IDLE_MS = 20_000;
/** Values lie in buffers: room for young objects would only be memory kept. */
const YOUNG_MB = 8;

/** What becomes of a thread's messages, and of whoever waits for them when it dies. */
export interface IdleWorkerEvents<Reply> {
  answered(reply: Reply): void;
  died(cause: Error): void;
}

/** A worker thread that is started on first use, keeps the process running while it is at work, and ends when it was idle for a while. */
export class IdleWorker<Request, Reply> {
  readonly #url: URL;
  readonly #events: IdleWorkerEvents<Reply>;
  #worker: Worker | null = null;
  #idle: NodeJS.Timeout | null = null;

  constructor(url: URL, events: IdleWorkerEvents<Reply>) {
    this.#url = url;
    this.#events = events;
  }

  post(request: Request, transfer: ArrayBuffer[] = []): void {
    this.#stayAwake();
    this.#worker ??= this.#start();
    this.#worker.ref();
    this.#worker.postMessage(request, transfer);
  }

  /** Nothing is asked of it now. */
  rest(): void {
    this.#stayAwake();
    this.#worker?.unref();
    this.#idle = setTimeout(() => {
      this.close().catch(() => null);
    }, IDLE_MS);
    this.#idle.unref();
  }

  async close(): Promise<void> {
    this.#stayAwake();
    const worker = this.#worker;
    this.#worker = null;
    if (worker !== null) await worker.terminate();
  }

  #stayAwake(): void {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
  }

  #start(): Worker {
    const worker = new Worker(this.#url, {resourceLimits: {maxYoungGenerationSizeMb: YOUNG_MB}});
    worker.on('message', (reply: Reply) => this.#events.answered(reply));
    worker.on('error', error => this.#died(worker, error));
    worker.on('exit', () => this.#died(worker, new Error('the thread has ended')));
    return worker;
  }

  /** One that was closed and has a successor ends unheard. */
  #died(worker: Worker, cause: Error): void {
    if (this.#worker !== worker && this.#worker !== null) return;
    this.#worker = null;
    this.#events.died(cause);
  }
}
