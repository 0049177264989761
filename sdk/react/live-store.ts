import type {
  Client,
  LiveOptions,
  LiveQuery,
  LiveSource,
  LiveState,
  Param,
  Row,
  WadiError,
} from '../src/client.ts';

/** What a component shows of a live query; the same object until something has changed. */
export interface LiveView<T = Row> {
  readonly rows: readonly T[];
  readonly state: LiveState;
  readonly error: WadiError | null;
}

/** Before there is anything, and where nothing is ever live: rendering on a server. */
export const LOADING: LiveView<never> = {rows: [], state: 'loading', error: null};

/** How long an unused query stays open: components that come and go in one step need no new one. */
const lingerMs = 1_000;

interface Entry {
  readonly live: LiveQuery;
  readonly listeners: Set<() => void>;
  view: LiveView;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** Live queries of components: those that ask the same share one subscription. */
export class LiveStore {
  readonly client: Client;
  readonly #entries = new Map<string, Entry>();

  constructor(client: Client) {
    this.client = client;
  }

  /** What is known of a query now. */
  view(key: string): LiveView {
    return this.#entries.get(key)?.view ?? LOADING;
  }

  /** Opens a query, or joins one that is open; returns how to leave it. */
  join(
    key: string,
    source: LiveSource,
    args: readonly Param[],
    options: LiveOptions,
    listener: () => void,
  ): () => void {
    const known = this.#entries.get(key);
    // One that was refused or lost its rights is asked for anew by who comes next.
    const isUsable = known !== undefined && known.live.state !== 'closed';
    const entry = isUsable ? known : this.#open(key, source, args, options);
    clearTimeout(entry.timer);
    const own = (): void => listener();
    entry.listeners.add(own);
    return () => {
      entry.listeners.delete(own);
      if (entry.listeners.size > 0) return;
      clearTimeout(entry.timer);
      entry.timer = setTimeout(() => {
        entry.live.unsubscribe();
        this.#forget(key, entry);
      }, lingerMs);
    };
  }

  #open(key: string, source: LiveSource, args: readonly Param[], options: LiveOptions): Entry {
    const live = this.client.live(source, args, null, options);
    const entry: Entry = {live, listeners: new Set(), view: viewOf(live), timer: undefined};
    this.#entries.set(key, entry);
    live.subscribe(() => {
      entry.view = viewOf(live);
      for (const listener of [...entry.listeners]) listener();
    });
    return entry;
  }

  #forget(key: string, entry: Entry): void {
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
  }
}

function viewOf({rows, state, error}: LiveQuery): LiveView {
  return {rows, state, error};
}
