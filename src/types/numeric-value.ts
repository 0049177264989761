/** Arbitrary-precision decimal: digits * 10^-scale, or a special. Immutable. `scale` >= 0 is PostgreSQL's display scale. */
export class Numeric {
  readonly kind: 'finite' | 'nan' | 'inf' | '-inf';
  readonly digits: bigint;
  readonly scale: number;

  constructor(kind: 'finite' | 'nan' | 'inf' | '-inf', digits: bigint, scale: number) {
    this.kind = kind;
    this.digits = digits;
    this.scale = scale;
  }

  /** A finite value. */
  static of(digits: bigint, scale: number): Numeric {
    return new Numeric('finite', digits, scale);
  }

  static readonly nan: Numeric = new Numeric('nan', 0n, 0);
  static readonly infinity: Numeric = new Numeric('inf', 0n, 0);
  static readonly minusInfinity: Numeric = new Numeric('-inf', 0n, 0);
}
