import {oid, type Oid} from '../common/ids.ts';
import type {AggregateRow, BuiltinCatalog, CastRow, FunctionRow, OperatorRow} from './contract.ts';
import {wadiFunctions} from './data/wadi-functions.ts';
import {StaticData} from './static-data.ts';
import type {RawRow, StaticTable} from './static-table.ts';

const LANGUAGE_SQL = 14;

/** SQL-bodied functions over catalogs that the catalog layer answers itself, through CatalogPort. */
const direct: ReadonlyMap<number, string> = new Map([
  [1215, 'obj_description'],
  [1216, 'col_description'],
  [1348, 'obj_description'],
  [1993, 'shobj_description'],
  [2325, 'pg_relation_size'],
]);

/** BuiltinCatalog over the generated data; rows are decoded when first asked for. */
export class StaticBuiltinCatalog implements BuiltinCatalog {
  readonly data: StaticData;
  readonly #functions: StaticTable;
  readonly #operators: StaticTable;
  readonly #functionRows = new Map<number, FunctionRow>();
  readonly #functionsByName = new Map<string, readonly FunctionRow[]>();
  readonly #functionsBySchema = new Map<string, readonly FunctionRow[]>();
  readonly #operatorRows = new Map<number, OperatorRow>();
  readonly #operatorsByName = new Map<string, readonly OperatorRow[]>();
  readonly #aggregates = new Map<number, AggregateRow>();
  #casts: Map<number, CastRow[]> | undefined;

  constructor(data: StaticData = new StaticData()) {
    this.data = data;
    this.#functions = data.table('pg_proc');
    this.#operators = data.table('pg_operator');
  }

  functionsByName(name: string): readonly FunctionRow[] {
    let rows = this.#functionsByName.get(name);
    if (rows === undefined) {
      const own = wadiFunctions.filter(row => row.name === name);
      const found = this.#functions.byName(name);
      if (own.length === 0 && found.length === 0) return none;
      rows = [...found.map(index => this.#function(index)), ...own];
      this.#functionsByName.set(name, rows);
    }
    return rows;
  }

  /** Those of one schema; always the same array, so that a repeated lookup can be compared by identity. */
  functionsIn(schema: Oid, name: string): readonly FunctionRow[] {
    const all = this.functionsByName(name);
    if (all.every(row => row.schema === schema)) return all;
    const key = `${schema}.${name}`;
    let rows = this.#functionsBySchema.get(key);
    if (rows === undefined) {
      rows = all.filter(row => row.schema === schema);
      if (rows.length === 0) return none;
      this.#functionsBySchema.set(key, rows);
    }
    return rows;
  }

  functionByOid(functionOid: Oid): FunctionRow | undefined {
    const known = this.#functionRows.get(functionOid);
    if (known !== undefined) return known;
    const index = this.#functions.byKey(functionOid)[0];
    if (index !== undefined) return this.#function(index);
    return wadiFunctions.find(row => row.oid === functionOid);
  }

  operatorsByName(name: string): readonly OperatorRow[] {
    let rows = this.#operatorsByName.get(name);
    if (rows === undefined) {
      const found = this.#operators.byName(name);
      if (found.length === 0) return none;
      rows = found.map(index => this.#operator(index));
      this.#operatorsByName.set(name, rows);
    }
    return rows;
  }

  operatorByOid(operatorOid: Oid): OperatorRow | undefined {
    const index = this.#operators.byKey(operatorOid)[0];
    return index === undefined ? undefined : this.#operator(index);
  }

  castFor(source: Oid, target: Oid): CastRow | undefined {
    return this.castsFrom(source).find(row => row.target === target);
  }

  castsFrom(source: Oid): readonly CastRow[] {
    this.#casts ??= this.#loadCasts();
    return this.#casts.get(source) ?? none;
  }

  aggregate(functionOid: Oid): AggregateRow | undefined {
    const known = this.#aggregates.get(functionOid);
    if (known !== undefined) return known;
    const table = this.data.table('pg_aggregate');
    const index = table.byKey(functionOid)[0];
    if (index === undefined) return undefined;
    const raw = table.row(index);
    const row: AggregateRow = {
      function: functionOid,
      kind: raw[1] as AggregateRow['kind'],
      directArgs: raw[2] as number,
      sortOperator: raw[15] as Oid,
    };
    this.#aggregates.set(functionOid, row);
    return row;
  }

  #function(index: number): FunctionRow {
    const raw = this.#functions.row(index);
    const key = raw[0] as number;
    let row = this.#functionRows.get(key);
    if (row === undefined) {
      row = functionRow(raw);
      this.#functionRows.set(key, row);
    }
    return row;
  }

  #operator(index: number): OperatorRow {
    const raw = this.#operators.row(index);
    const key = raw[0] as number;
    let row = this.#operatorRows.get(key);
    if (row === undefined) {
      row = operatorRow(raw);
      this.#operatorRows.set(key, row);
    }
    return row;
  }

  #loadCasts(): Map<number, CastRow[]> {
    const casts = new Map<number, CastRow[]>();
    for (const raw of this.data.table('pg_cast').rows()) {
      const row: CastRow = {
        source: raw[1] as Oid,
        target: raw[2] as Oid,
        function: raw[3] as Oid,
        context: raw[4] as CastRow['context'],
        method: raw[5] as CastRow['method'],
      };
      const found = casts.get(row.source);
      if (found === undefined) casts.set(row.source, [row]);
      else found.push(row);
    }
    return casts;
  }
}

const none: readonly never[] = [];

/** A pg_proc line as the binder sees it. */
function functionRow(raw: RawRow): FunctionRow {
  const key = raw[0] as number;
  const defaults = (raw[23] as readonly string[] | null) ?? none;
  const isSql = raw[4] === LANGUAGE_SQL && !direct.has(key);
  return {
    oid: oid(key),
    name: raw[1] as string,
    schema: raw[2] as Oid,
    kind: raw[9] as FunctionRow['kind'],
    argTypes: raw[19] as readonly Oid[],
    variadic: raw[7] as Oid,
    argNames: (raw[22] as readonly string[] | null) ?? none,
    argModes: ((raw[21] as readonly string[] | null) ?? none).join(''),
    allArgTypes: (raw[20] as readonly Oid[] | null) ?? none,
    defaultCount: defaults.length,
    defaultTexts: defaults,
    returnType: raw[18] as Oid,
    returnsSet: raw[13] as boolean,
    isStrict: raw[12] as boolean,
    volatility: raw[14] as FunctionRow['volatility'],
    source: isSql ? '' : (direct.get(key) ?? (raw[25] as string)),
    sqlBody: isSql ? sqlBody(raw[25] as string, raw[27] as string | null) : null,
  };
}

/** The body as a query: `RETURN x` becomes `SELECT x`, BEGIN ATOMIC loses its frame. */
function sqlBody(source: string, parsed: string | null): string {
  if (parsed === null) return source;
  if (parsed.startsWith('RETURN ')) return `SELECT ${parsed.slice('RETURN '.length)}`;
  return parsed.replace(/^BEGIN ATOMIC\s*/, '').replace(/;\s*END$/, '');
}

function operatorRow(raw: RawRow): OperatorRow {
  return {
    oid: raw[0] as Oid,
    name: raw[1] as string,
    schema: raw[2] as Oid,
    left: raw[7] as Oid,
    right: raw[8] as Oid,
    result: raw[9] as Oid,
    function: raw[12] as Oid,
    commutator: raw[10] as Oid,
    negator: raw[11] as Oid,
    canHash: raw[6] as boolean,
    canMerge: raw[5] as boolean,
  };
}
