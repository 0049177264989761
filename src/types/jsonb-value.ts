import type {Numeric} from './numeric-value.ts';

/** A jsonb tree. Object entries are unique and sorted by (key length in bytes, key bytes), as jsonb prints them. Immutable. */
export type JsonbNode = null | boolean | string | Numeric | readonly JsonbNode[] | JsonbObject;

/** A jsonb object: parallel arrays of keys and values in jsonb's order. */
export class JsonbObject {
  readonly keys: readonly string[];
  readonly values: readonly JsonbNode[];

  constructor(keys: readonly string[], values: readonly JsonbNode[]) {
    this.keys = keys;
    this.values = values;
  }
}

/** A jsonb value as a Datum: a box, so that JSON null is not SQL NULL. */
export class JsonbValue {
  readonly root: JsonbNode;

  constructor(root: JsonbNode) {
    this.root = root;
  }
}
