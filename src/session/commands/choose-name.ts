import type {CatalogSnapshot} from '../../catalog/contract.ts';
import type {Oid} from '../../common/ids.ts';

const MAX_BYTES = 63;

/** `name1_name2_label`, the longer name shortened until it fits 63 bytes (PostgreSQL makeObjectName). */
export function makeObjectName(first: string, second: string | null, label: string): string {
  let overhead = label === '' ? 0 : Buffer.byteLength(label) + 1;
  let length1 = Buffer.byteLength(first);
  let length2 = 0;
  if (second !== null) {
    length2 = Buffer.byteLength(second);
    overhead++;
  }
  const available = MAX_BYTES - overhead;
  while (length1 + length2 > available) {
    if (length1 > length2) length1--;
    else length2--;
  }
  const parts = [clipBytes(first, length1)];
  if (second !== null) parts.push(clipBytes(second, length2));
  if (label !== '') parts.push(label);
  return parts.join('_');
}

/** At most so many bytes, whole characters. */
export function clipBytes(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  let used = 0;
  let clipped = '';
  for (const character of text) {
    used += Buffer.byteLength(character);
    if (used > bytes) break;
    clipped += character;
  }
  return clipped;
}

/** What a new name must not collide with, beside what is in the catalog. */
export interface NameChooser {
  readonly catalog: CatalogSnapshot;
  readonly schema: Oid;
  /** Names given to objects of the same statement. */
  readonly taken: Set<string>;
}

/** A free name for a relation: `t_a_seq`, `t_a_seq1` ... (PostgreSQL ChooseRelationName). */
export function chooseRelationName(
  chooser: NameChooser,
  names: readonly [string, string | null, string],
  isConstraint = false,
): string {
  const {catalog, schema, taken} = chooser;
  return choose(
    names,
    name => {
      if (taken.has(name) || catalog.relationByName(schema, name) !== undefined) return true;
      return isConstraint && constraintNames(catalog, schema).has(name);
    },
    taken,
  );
}

/** A free name for a constraint of the schema: `t_a_check` (PostgreSQL ChooseConstraintName). */
export function chooseConstraintName(
  chooser: NameChooser,
  names: readonly [string, string | null, string],
): string {
  const known = constraintNames(chooser.catalog, chooser.schema);
  return choose(names, name => chooser.taken.has(name) || known.has(name), chooser.taken);
}

function choose(
  names: readonly [string, string | null, string],
  isTaken: (name: string) => boolean,
  taken: Set<string>,
): string {
  const [first, second, label] = names;
  for (let pass = 0; ; pass++) {
    const name = makeObjectName(first, second, pass === 0 ? label : `${label}${pass}`);
    if (isTaken(name)) continue;
    taken.add(name);
    return name;
  }
}

function constraintNames(catalog: CatalogSnapshot, schema: Oid): ReadonlySet<string> {
  return catalog.memo(`choose-name.constraints:${schema}`, () => {
    const names = new Set<string>();
    for (const table of catalog.tables()) {
      if (table.schema === schema)
        for (const constraint of catalog.constraintsOf(table.oid)) names.add(constraint.name);
    }
    for (const type of catalog.userTypes()) {
      if (type.schema === schema)
        for (const constraint of catalog.constraintsOf(type.oid)) names.add(constraint.name);
    }
    return names;
  });
}

/** The columns' part of an index or foreign key name: joined by `_` (PostgreSQL ChooseIndexNameAddition). */
export function columnsPart(columns: readonly string[]): string {
  let text = '';
  for (const column of columns) {
    if (text !== '') text += '_';
    text += column;
    if (Buffer.byteLength(text) > MAX_BYTES) break;
  }
  return text;
}

/** Names of index columns; repeated ones get a number (PostgreSQL ChooseIndexColumnNames). */
export function indexColumnNames(wanted: readonly string[]): string[] {
  const names: string[] = [];
  for (const original of wanted) {
    let name = original;
    for (let i = 1; names.includes(name); i++) {
      const suffix = String(i);
      name = clipBytes(original, MAX_BYTES - suffix.length) + suffix;
    }
    names.push(name);
  }
  return names;
}
