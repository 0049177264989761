import {IntSet} from '../../common/int-set.ts';
import {locationOf, type MovedPlaces, positionOf, segmentOf} from '../manifest.ts';

/** Where rows lie that a transaction changed: in the image, in a committed segment, in a segment of its own. */
export type BaseKind = 'hot' | 'cold' | 'own';

/** A row, and where it lies: in the image (-1 = it does not), or in a segment. */
interface RowPlace {
  readonly rid: number;
  readonly position: number;
  readonly location: number;
}

/** What the rows of one group have in common. */
export interface HiddenKind {
  readonly owner: number;
  readonly base: BaseKind;
  /** Deleted; else their new versions lie in pending segments. */
  readonly isDelete: boolean;
}

/**
 * Rows that a transaction deleted or replaced, a bit each instead of a `Change`. As of a pending segment, all or none of them are
 * changed for any command that reads: savepoints, TRUNCATEs and views never lie between two of them.
 */
export class HiddenRows implements HiddenKind {
  readonly owner: number;
  readonly base: BaseKind;
  readonly isDelete: boolean;
  /** Commands that changed them. */
  firstCmin: number;
  cmin: number;
  readonly rids = new IntSet();
  /** Positions in the image. */
  readonly hot = new IntSet();
  /** Positions by segment. */
  readonly cold = new Map<number, IntSet>();

  constructor({owner, base, isDelete}: HiddenKind, cmin: number) {
    this.owner = owner;
    this.base = base;
    this.isDelete = isDelete;
    this.firstCmin = this.cmin = cmin;
  }

  isOf({owner, base, isDelete}: HiddenKind): boolean {
    return this.owner === owner && this.base === base && this.isDelete === isDelete;
  }

  add({rid, position, location}: RowPlace): void {
    this.rids.add(rid);
    if (this.base === 'hot') this.hot.add(position);
    else this.#addPlace(location);
  }

  /** Follows cold rows that compaction moved: old location -> new location. */
  relocate(places: MovedPlaces): void {
    if (this.base !== 'cold') return;
    const moved: number[] = [];
    for (const [segment, positions] of this.cold) {
      const before = moved.length;
      for (const position of positions.values()) {
        const place = places.get(locationOf(segment, position));
        if (place !== undefined) moved.push(locationOf(segment, position), place);
      }
      if ((moved.length - before) / 2 === positions.size) this.cold.delete(segment);
      else for (let i = before; i < moved.length; i += 2) positions.delete(positionOf(moved[i]!));
    }
    for (let i = 1; i < moved.length; i += 2) this.#addPlace(moved[i]!);
  }

  #addPlace(location: number): void {
    const segment = segmentOf(location);
    let positions = this.cold.get(segment);
    if (positions === undefined) this.cold.set(segment, (positions = new IntSet()));
    positions.add(positionOf(location));
  }
}
