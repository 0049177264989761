// Hot path: keys that come as dictionary codes.
import type {DictVector, TextDictionary} from '../columns/vector.ts';
import type {KeysOfColumn} from './keys-of-column.ts';

/** A dictionary code that was not looked up yet. */
const UNKNOWN = -2;

/** The numbers that keys gave to the codes of one dictionary. */
export class CodeMemo {
  readonly #keys: Pick<KeysOfColumn, 'datum'>;
  #dictionary: TextDictionary | null = null;
  #numbers = new Int32Array(0);

  constructor(keys: Pick<KeysOfColumn, 'datum'>) {
    this.#keys = keys;
  }

  /** What was looked up does not hold any more. */
  forget(): void {
    this.#dictionary = null;
  }

  /** As `KeysOfColumn.assign`. */
  assign(
    {values: codes, dictionary, nulls}: DictVector,
    selection: Int32Array | null,
    count: number,
    groups: Int32Array,
    inserts: boolean,
  ): void {
    this.#prepare(dictionary);
    const numbers = this.#numbers;
    if (nulls === null && selection === null) {
      for (let i = 0; i < count; i++) {
        const group = numbers[codes[i]!]!;
        groups[i] = group === UNKNOWN ? this.#look(codes[i]!, dictionary, inserts) : group;
      }
      return;
    }
    for (let i = 0; i < count; i++) {
      const at = selection === null ? i : selection[i]!;
      if (nulls !== null && nulls[at] === 1) {
        groups[i] = this.#keys.datum(null, inserts);
        continue;
      }
      const code = codes[at]!;
      const group = numbers[code]!;
      groups[i] = group === UNKNOWN ? this.#look(code, dictionary, inserts) : group;
    }
  }

  #look(code: number, dictionary: TextDictionary, inserts: boolean): number {
    const group = this.#keys.datum(dictionary.get(code), inserts);
    this.#numbers[code] = group;
    return group;
  }

  #prepare(dictionary: TextDictionary): void {
    if (this.#dictionary === dictionary && this.#numbers.length >= dictionary.size) return;
    const numbers = new Int32Array(dictionary.size).fill(UNKNOWN);
    if (this.#dictionary === dictionary) numbers.set(this.#numbers);
    this.#dictionary = dictionary;
    this.#numbers = numbers;
  }
}
