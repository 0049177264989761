import type {HotStore} from '../hot/hot-store.ts';
import type {StorageLogger, StorageSettings} from '../settings.ts';
import type {SnapshotRegistry} from './snapshot.ts';

const LOOK_MS = 1000;

/** What the keeper looks at. */
export interface SnapshotKeeperOptions {
  readonly snapshots: SnapshotRegistry;
  readonly hot: HotStore;
  readonly settings: Pick<StorageSettings, 'snapshotKeepBytes' | 'snapshotMaxAgeMs'>;
  readonly logger: StorageLogger;
  /** Milliseconds of a clock that does not go back. */
  readonly now: () => number;
}

/**
 * Gives up old snapshots: an idle REPEATABLE READ transaction, or a portal that nobody reads on, keeps every row version that
 * others replace. Past a bound of bytes, or an age, the oldest snapshot is given up; who reads with it gets 72000. Nobody reads
 * with one in the turn of the look.
 */
export class SnapshotKeeper {
  readonly #options: SnapshotKeeperOptions;
  readonly #timer: NodeJS.Timeout;
  /** The oldest snapshot in use at the last look, and when it was first seen to be that. */
  #oldest = -1;
  #since = 0;

  constructor(options: SnapshotKeeperOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.look(), LOOK_MS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Looks once; more snapshots are given up by later looks. */
  look(): void {
    const {snapshots, hot, settings, logger, now} = this.#options;
    const oldest = snapshots.oldestHeld();
    if (oldest === null) {
      this.#oldest = -1;
      return;
    }
    if (oldest.number !== this.#oldest) {
      this.#oldest = oldest.number;
      this.#since = now();
    }
    const isOld = now() - this.#since > settings.snapshotMaxAgeMs;
    const bytes = hot.endedBytes(oldest.number);
    if (!isOld && bytes <= settings.snapshotKeepBytes) return;
    oldest.isGivenUp = true;
    const megabytes = (bytes / 1_048_576).toFixed(1);
    logger.warn(
      `a snapshot was given up: ${megabytes} MB of replaced row versions were kept for it and later ones`,
    );
  }
}
