/**
 * DDL commits one at a time, from the check of names until the catalog is published: a commit may take more than one turn of the
 * event loop.
 */
export class CatalogTurns {
  #running: Promise<void> | null = null;

  /** Settles when the DDL commit under way is published or has failed; null when there is none. */
  get running(): Promise<void> | null {
    return this.#running;
  }

  /** Others wait until `commit` settles. */
  hold<T>(commit: Promise<T>): Promise<T> {
    const ended = (): void => {
      if (this.#running === running) this.#running = null;
    };
    const running = commit.then(ended, ended);
    this.#running = running;
    return commit;
  }
}
