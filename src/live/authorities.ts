import type {CatalogSnapshot} from '../catalog/contract.ts';
import type {Oid} from '../common/ids.ts';
import type {LiveAuthority, PlannedCursor} from './subscription-types.ts';

/** Subscriptions are looked at for so long, then others have their turn. */
const SLICE_MS = 4;
const CHECKED_AT_ONCE = 64;

/** What watching the catalog needs of the hub. */
export interface AuthorityHost {
  cursors(): IterableIterator<PlannedCursor>;
  /** A query means something else from now on. Called before it is planned anew. */
  meaningChanged(): void;
  /** Plans it anew and starts it over. Does not throw. */
  rebind(cursor: PlannedCursor): void;
}

/**
 * What changes of the catalog do to subscriptions. In the turn of the change every authority is asked, once for all its subscriptions,
 * and those that may not go on get nothing more; later turns end them or plan them anew, a slice at a time.
 */
export class Authorities {
  readonly #host: AuthorityHost;
  readonly #uses = new Map<LiveAuthority, number>();
  /** Why subscriptions of an authority end. */
  readonly #refusals = new WeakMap<LiveAuthority, unknown>();
  #sweep: IterableIterator<PlannedCursor> | null = null;
  #mustSweepAgain = false;

  constructor(host: AuthorityHost) {
    this.#host = host;
  }

  retain(authority: LiveAuthority): void {
    this.#uses.set(authority, (this.#uses.get(authority) ?? 0) + 1);
  }

  release(authority: LiveAuthority): void {
    const uses = this.#uses.get(authority) ?? 0;
    if (uses > 1) this.#uses.set(authority, uses - 1);
    else this.#uses.delete(authority);
  }

  changed(databaseOid: Oid, catalog: CatalogSnapshot): void {
    let isAnyStale = false;
    for (const authority of this.#uses.keys()) {
      if (authority.databaseOid !== databaseOid || authority.isStale) continue;
      try {
        authority.isStale = authority.check(catalog) === 'changed';
      } catch (error) {
        authority.isStale = true;
        this.#refusals.set(authority, error);
      }
      isAnyStale ||= authority.isStale;
    }
    if (!isAnyStale) return;
    this.#host.meaningChanged();
    if (this.#sweep !== null) this.#mustSweepAgain = true;
    else this.#begin();
  }

  #begin(): void {
    this.#mustSweepAgain = false;
    this.#sweep = this.#host.cursors();
    setImmediate(() => this.#slice());
  }

  #slice(): void {
    const until = performance.now() + SLICE_MS;
    for (let count = 1; ; count++) {
      const next = this.#sweep!.next();
      if (next.done === true) {
        this.#sweep = null;
        if (this.#mustSweepAgain) this.#begin();
        return;
      }
      const isDone = this.#visit(next.value);
      if ((isDone || count % CHECKED_AT_ONCE === 0) && performance.now() > until) break;
    }
    setImmediate(() => this.#slice());
  }

  /** Whether it was ended or planned anew. */
  #visit(cursor: PlannedCursor): boolean {
    const {authority} = cursor.options;
    if (!authority.isStale) return false;
    if (this.#refusals.has(authority)) cursor.fail(this.#refusals.get(authority));
    else this.#host.rebind(cursor);
    return true;
  }
}
