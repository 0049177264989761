/** What keeps files and log entries that nothing in the data directory needs any more. */
export class Holds {
  #backups = 0;
  /** Seq up to which the change log is archived; null = no archive is kept. */
  archivedSeq: number | null;

  constructor(archivedSeq: number | null) {
    this.archivedSeq = archivedSeq;
  }

  /** Whether a backup is copying: no segment may be removed. */
  get isBackupRunning(): boolean {
    return this.#backups > 0;
  }

  /** Begins a backup window; call the result once to end it. */
  beginBackup(): () => void {
    this.#backups++;
    let isOver = false;
    return () => {
      if (!isOver) this.#backups--;
      isOver = true;
    };
  }

  /** Segments removed by commits up to this seq may be unlinked as far as backups and archive care. */
  get removableSeq(): number {
    if (this.#backups > 0) return -1;
    return this.archivedSeq ?? Infinity;
  }

  /** Log entries below this seq may be dropped as far as the archive cares. */
  get droppableSeq(): number {
    return this.archivedSeq === null ? Infinity : this.archivedSeq + 1;
  }
}
