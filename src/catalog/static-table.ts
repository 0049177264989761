/** Undecoded values of a built-in row: the JSON array of one line of src/catalog/data. */
export type RawRow = readonly unknown[];

/** Built-in rows of one catalog as text, decoded line by line on demand. */
export class StaticTable {
  readonly lines: readonly string[];
  readonly #decoded: (RawRow | undefined)[];
  #byKey: Map<number, number[]> | undefined;
  #byName: Map<string, number[]> | undefined;

  constructor(text: string) {
    this.lines = text.length === 0 ? [] : text.split('\n');
    this.#decoded = new Array<RawRow | undefined>(this.lines.length);
  }

  /** The row at a position. */
  row(index: number): RawRow {
    return (this.#decoded[index] ??= JSON.parse(this.lines[index] ?? '[]') as RawRow);
  }

  /** All rows; decodes everything. */
  rows(): RawRow[] {
    return this.lines.map((_, index) => this.row(index));
  }

  /** Positions of the rows whose first column (an OID) has this value; no line is decoded. */
  byKey(key: number): readonly number[] {
    this.#byKey ??= group(this.lines, line => Number(line.slice(1, line.indexOf(','))));
    return this.#byKey.get(key) ?? none;
  }

  /** Positions of the rows whose second column (a name) has this value; no line is decoded. */
  byName(name: string): readonly number[] {
    this.#byName ??= group(this.lines, secondColumn);
    return this.#byName.get(name) ?? none;
  }
}

const none: readonly number[] = [];

function group<K>(lines: readonly string[], keyOf: (line: string) => K): Map<K, number[]> {
  const map = new Map<K, number[]>();
  for (let index = 0; index < lines.length; index++) {
    const key = keyOf(lines[index] ?? '');
    const found = map.get(key);
    if (found === undefined) map.set(key, [index]);
    else found.push(index);
  }
  return map;
}

/** The string in second place; names hold neither quotes nor backslashes. */
function secondColumn(line: string): string {
  const start = line.indexOf(',"') + 2;
  return line.slice(start, line.indexOf('"', start));
}
