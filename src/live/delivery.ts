// Hot path: every commit that concerns a subscription.
import type {Seq} from '../common/ids.ts';
import type {Frame} from './frame.ts';
import type {Group} from './match/group.ts';

/** Members that get a frame between two looks at the clock. */
const AT_ONCE = 32;

/** What a group makes of the commit. */
interface Share {
  readonly group: Group;
  readonly frame: Frame | null;
  readonly error: unknown;
}

/** One commit on its way to all who are concerned: it may have 100,000 receivers, and others want their turn. */
export class Delivery {
  readonly seq: Seq;
  readonly #shares: Share[] = [];
  #shareAt = 0;
  /** The next member of the group; -1: none is left. */
  #memberAt = -1;

  /** All frames are taken before the first is given: giving may replay the log, which uses the same groups. */
  constructor(seq: Seq, groups: readonly Group[]) {
    this.seq = seq;
    for (let i = 0; i < groups.length; i++) {
      const group = groups[i]!;
      try {
        this.#shares.push({group, frame: group.take(seq), error: null});
      } catch (error) {
        this.#shares.push({group, frame: null, error});
      }
    }
    this.#begin();
  }

  #begin(): void {
    const share = this.#shares[this.#shareAt];
    this.#memberAt = share === undefined ? -1 : share.group.memberCount - 1;
  }

  /**
   * Gives it until a time; true when all have it. From the last member to the first: who leaves has his place taken by the last, and who
   * joins comes behind, where nobody is given this commit.
   */
  give(until: number): boolean {
    for (;;) {
      const share = this.#shares[this.#shareAt];
      if (share === undefined) return true;
      for (let count = 1; this.#memberAt >= 0; count++) {
        const {group, frame, error} = share;
        const at = this.#memberAt--;
        // Some have left.
        if (at >= group.memberCount) continue;
        if (frame === null) group.member(at).failAt(this.seq, error);
        else group.member(at).deliver(frame);
        if (count % AT_ONCE === 0 && performance.now() > until) return false;
      }
      this.#shareAt++;
      this.#begin();
    }
  }
}
