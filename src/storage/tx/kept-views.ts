import type {KeptView} from '../contract.ts';
import type {SnapshotValue} from './snapshot.ts';

/** A snapshot and a command id that a portal goes on reading with. */
export class StoredView implements KeptView {
  readonly snapshot: SnapshotValue;
  readonly commandId: number;
  readonly #views: Set<StoredView>;

  constructor(snapshot: SnapshotValue, commandId: number, views: Set<StoredView>) {
    snapshot.retain();
    views.add(this);
    this.snapshot = snapshot;
    this.commandId = commandId;
    this.#views = views;
  }

  release(): void {
    if (this.#views.delete(this)) this.snapshot.release();
  }
}

/** The views that a transaction keeps, and the one that its reads have now. */
export class KeptViews {
  readonly #views = new Set<StoredView>();
  current: StoredView | null = null;

  keep(snapshot: SnapshotValue, commandId: number): StoredView {
    return new StoredView(snapshot, commandId, this.#views);
  }

  /** Reads with a kept view from now on, or with none. */
  use(view: KeptView | null): void {
    this.current = view instanceof StoredView && this.#views.has(view) ? view : null;
  }

  /** The commands that kept views see up to. */
  get commandIds(): readonly number[] {
    return [...this.#views].map(({commandId}) => commandId);
  }

  releaseAll(): void {
    this.current = null;
    for (const view of this.#views) view.release();
  }
}
