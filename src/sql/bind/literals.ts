import type {BoundExpr, ConstantExpr} from '../../expr/bound.ts';
import type {Datum} from '../../types/contract.ts';

/** Where a constant came from in the statement text. */
export interface LiteralOrigin {
  /** Byte offset of the literal token. */
  readonly location: number;
  readonly isNegated: boolean;
}

/**
 * Knows which constants are plain literals of the statement text. Whoever lets a literal's value decide something reads it through
 * `slotValue`, which pins it: the value then belongs to the plan's key (ENGINE.md 3.2).
 */
export class LiteralTracker {
  readonly #origins = new Map<ConstantExpr, LiteralOrigin>();
  readonly #pinned = new Set<number>();
  #suspended = 0;
  /** Byte offsets of the literals that may become slots. */
  places: ReadonlySet<number> = new Set();

  /** Text that is not the statement's (a view): its literals are constants. */
  suspend(): void {
    this.#suspended++;
  }

  resume(): void {
    this.#suspended--;
  }

  /** Marks a constant as read from the text. */
  track(constant: ConstantExpr, origin: LiteralOrigin): ConstantExpr {
    if (this.#suspended === 0 && this.places.has(origin.location))
      this.#origins.set(constant, origin);
    return constant;
  }

  /** Hands the origin of a literal to the constant that its type's input function made of it. */
  inherit(from: ConstantExpr, to: ConstantExpr): ConstantExpr {
    const origin = this.#origins.get(from);
    if (origin !== undefined) this.#origins.set(to, origin);
    return to;
  }

  originOf(constant: ConstantExpr): LiteralOrigin | undefined {
    return this.#origins.get(constant);
  }

  /** Reads a constant's value and pins its literal. */
  slotValue(constant: ConstantExpr): Datum {
    this.pin(constant);
    return constant.value;
  }

  pin(constant: ConstantExpr): void {
    const origin = this.#origins.get(constant);
    if (origin !== undefined) this.#pinned.add(origin.location);
  }

  /** Pins every literal in an expression. */
  pinAll(expr: BoundExpr, children: (expr: BoundExpr) => readonly BoundExpr[]): void {
    if (this.#origins.size === 0) return;
    if (expr.kind === 'constant') this.pin(expr);
    else for (const child of children(expr)) this.pinAll(child, children);
  }

  isPinned(location: number): boolean {
    return this.#pinned.has(location);
  }
}
