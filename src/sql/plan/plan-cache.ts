import {PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import type {Datum, FormatSettings} from '../../types/contract.ts';
import type {LiteralSlot, LiteralToken, TokenKey} from '../contract.ts';
import {characterPosition} from '../parse/positions.ts';
import {scanKey} from '../parse/token-scan.ts';
import type {PlannedStatement} from './plan-statement.ts';

/** Under what a text means what it means. */
export interface PlanEnvironment<E = unknown> {
  /** Database, search_path, parameter types, planner settings, as one string. */
  readonly key: string;
  /** What plans under row-level security depend on beside: role and row_security. */
  readonly roleKey: string;
  /** The catalog snapshot. */
  readonly catalog: object;
  /** Whether a plan made over another snapshot would be the same over this one; absent: it would not. */
  isCurrent?(entry: E): boolean;
  readonly format: FormatSettings;
  estimateRows(table: Oid): number;
}

/** A kept plan with the slot values of the text that asked for it. */
export interface CachedPlan<E> {
  readonly entry: E;
  readonly slots: readonly Datum[];
}

/** A plan of one text shape: usable for texts whose pinned literals have these values. */
interface Variant<E> {
  catalog: object;
  readonly pinned: readonly {readonly literal: number; readonly value: string}[];
  readonly slots: readonly LiteralSlot[];
  readonly entry: E;
  readonly rows: readonly (readonly [Oid, number])[];
  hits: number;
}

const maxVariants = 8;
const entryBytes = 6 * 1024;
const checkEvery = 64;
const maxPerRole = 5000;

/** Plans by the tokens of their text with literals taken out (ENGINE.md 3.2); least recently used goes first. */
export class PlanCache<E> {
  readonly #maxBytes: number;
  readonly #variants = new Map<string, Variant<E>[]>();
  /** Keys of texts that are planned per role. */
  readonly #perRole = new Set<string>();
  #bytes = 0;
  /** How many texts were planned. */
  planned = 0;

  constructor(maxBytes = 32 * 1024 * 1024) {
    this.#maxBytes = maxBytes;
  }

  get size(): number {
    return this.#variants.size;
  }

  /** The plan kept for a text of one statement, or null. Raises the errors of reading its literals (22P02), at their positions. */
  find(text: string, environment: PlanEnvironment<E>): CachedPlan<E> | null {
    const scanned = scanKey(text);
    return this.#find(text, scanned, this.#keyOf(text, scanned, environment), environment);
  }

  /** As find, else plans: `plan` is given the text's literals (null = no slots), `make` turns the plan into what is kept. */
  get(
    text: string,
    environment: PlanEnvironment<E>,
    plan: (literals: readonly LiteralToken[] | null) => PlannedStatement,
    make: (planned: PlannedStatement) => E,
  ): CachedPlan<E> {
    const scanned = scanKey(text);
    const key = this.#keyOf(text, scanned, environment);
    const known = this.#find(text, scanned, key, environment);
    if (known !== null) return known;
    this.planned++;
    const planned = plan(scanned?.literals ?? null);
    const literals = scanned?.literals ?? [];
    const slots = planned.slots.map(
      (slot): LiteralSlot => ({
        literal: literals.findIndex(token =>
          slot.isNegated ? token.location > slot.location : token.location === slot.location,
        ),
        type: slot.type,
        typmod: slot.typmod,
        isNegated: slot.isNegated,
      }),
    );
    const used = new Set(slots.map(slot => slot.literal));
    const variant: Variant<E> = {
      catalog: environment.catalog,
      slots,
      entry: make(planned),
      hits: 0,
      pinned: literals.flatMap((token, literal) =>
        used.has(literal) ? [] : [{literal, value: token.value}],
      ),
      rows: planned.plan.tables.map(({oid}) => [oid, environment.estimateRows(oid)] as const),
    };
    const values = slotValues(text, literals, slots, environment.format);
    if (planned.isForOnce === true) return {entry: variant.entry, slots: values};
    this.#keep(
      planned.plan.dependsOnRole ? this.#roleKey(text, scanned, environment) : key,
      variant,
    );
    return {entry: variant.entry, slots: values};
  }

  #keyOf(text: string, scanned: TokenKey | null, environment: PlanEnvironment): string {
    const key = mapKey(text, scanned, environment);
    return this.#perRole.has(key) ? `${key}|${environment.roleKey}` : key;
  }

  /** The key of a text for this role alone, under which it is looked for from now on. */
  #roleKey(text: string, scanned: TokenKey | null, environment: PlanEnvironment): string {
    const key = mapKey(text, scanned, environment);
    if (this.#perRole.size >= maxPerRole) this.#perRole.clear();
    this.#perRole.add(key);
    return `${key}|${environment.roleKey}`;
  }

  clear(): void {
    this.#perRole.clear();
    this.#variants.clear();
    this.#bytes = 0;
  }

  #find(
    text: string,
    scanned: TokenKey | null,
    key: string,
    environment: PlanEnvironment<E>,
  ): CachedPlan<E> | null {
    const variants = this.#variants.get(key);
    if (variants === undefined) return null;
    const literals = scanned?.literals ?? [];
    for (let index = 0; index < variants.length; index++) {
      const variant = variants[index]!;
      if (
        !isCurrent(variant, environment) ||
        (++variant.hits % checkEvery === 0 && hasGrown(variant, environment))
      ) {
        variants.splice(index--, 1);
        continue;
      }
      if (!isPinnedSame(variant, literals)) continue;
      this.#variants.delete(key);
      this.#variants.set(key, variants);
      return {
        entry: variant.entry,
        slots: slotValues(text, literals, variant.slots, environment.format),
      };
    }
    return null;
  }

  #keep(key: string, variant: Variant<E>): void {
    const variants = this.#variants.get(key);
    if (variants === undefined) {
      this.#variants.set(key, [variant]);
      this.#bytes += key.length * 2 + entryBytes;
    } else {
      variants.unshift(variant);
      if (variants.length > maxVariants) variants.pop();
    }
    while (this.#bytes > this.#maxBytes) {
      const oldest = this.#variants.keys().next();
      if (oldest.done === true) break;
      this.#variants.delete(oldest.value);
      this.#bytes -= oldest.value.length * 2 + entryBytes;
    }
  }
}

function mapKey(text: string, scanned: TokenKey | null, environment: PlanEnvironment): string {
  const {format} = environment;
  const settings = `${format.timeZone}|${format.dateStyle}${format.dateOrder}${format.intervalStyle}`;
  return `${environment.key}|${settings}|${scanned === null ? `=${text}` : `#${scanned.key}`}`;
}

function isPinnedSame(variant: Variant<unknown>, literals: readonly LiteralToken[]): boolean {
  for (const {literal, value} of variant.pinned)
    if (literals[literal]!.value !== value) return false;
  return true;
}

/** Found still right over a newer catalog, a plan counts as made over that one. */
function isCurrent<E>(variant: Variant<E>, environment: PlanEnvironment<E>): boolean {
  if (variant.catalog === environment.catalog) return true;
  if (environment.isCurrent?.(variant.entry) !== true) return false;
  variant.catalog = environment.catalog;
  return true;
}

/** A plan made for a small table is not kept when the table has become a large one, or the other way. */
function hasGrown(variant: Variant<unknown>, environment: PlanEnvironment): boolean {
  return variant.rows.some(([table, before]) => {
    const now = environment.estimateRows(table);
    return now > before * 10 + 1000 || before > now * 10 + 1000;
  });
}

const noSlots: readonly Datum[] = [];

/** Values of a text's literals for its plan's slots, each through the type's input function. */
export function slotValues(
  text: string,
  literals: readonly LiteralToken[],
  slots: readonly LiteralSlot[],
  format: FormatSettings,
): readonly Datum[] {
  if (slots.length === 0) return noSlots;
  const values: Datum[] = [];
  for (const slot of slots) values.push(slotValue(text, literals[slot.literal]!, slot, format));
  return values;
}

function slotValue(
  text: string,
  token: LiteralToken,
  slot: LiteralSlot,
  format: FormatSettings,
): Datum {
  if (token.kind === 'int4') return slot.isNegated ? -Number(token.value) : Number(token.value);
  if (token.kind === 'int8') return slot.isNegated ? -BigInt(token.value) : BigInt(token.value);
  try {
    return slot.type.input(slot.isNegated ? `-${token.value}` : token.value, slot.typmod, format);
  } catch (error) {
    if (error instanceof PgError)
      throw error.with({position: characterPosition(text, token.location)});
    throw error;
  }
}
