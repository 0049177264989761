import type pg from 'pg';
import type {ColumnDescriptor, Descriptor} from '../../src/catalog/descriptors.ts';

/** A row as the client gives it. */
type Row = Readonly<Record<string, unknown>>;

const plain = {owner: 10, acl: null, comment: null};

/** Reads the user-made objects of a real PostgreSQL database as descriptors, under its OIDs. */
export async function importDescriptors(client: pg.Client): Promise<Descriptor[]> {
  const reader = new Reader(client);
  await reader.prepare();
  return [
    ...(await reader.schemas()),
    ...(await reader.types()),
    ...(await reader.relations()),
    ...reader.sequences(),
    ...(await reader.indexes()),
    ...(await reader.constraints()),
    ...(await reader.functions()),
  ];
}

class Reader {
  readonly #client: pg.Client;
  #sequences: readonly Row[] = [];
  #comments: ReadonlyMap<string, string> = new Map();

  constructor(client: pg.Client) {
    this.#client = client;
  }

  async #query(sql: string): Promise<readonly Row[]> {
    return (await this.#client.query<Row>(sql)).rows;
  }

  async prepare(): Promise<void> {
    this.#sequences = await this.#query(
      `select s.*, c.relname, c.relnamespace::int8::int ns, seqrelid::int8::int o, seqtypid::int8::int ty,
         d.refobjid::int8::int t, d.refobjsubid a
       from pg_sequence s join pg_class c on c.oid = seqrelid
       left join pg_depend d on d.objid = seqrelid and d.classid = 1259 and d.refclassid = 1259`,
    );
    const comments = await this.#query(
      "select objoid::int8::int o, objsubid s, description d from pg_description where classoid = 'pg_class'::regclass and objoid >= 16384",
    );
    this.#comments = new Map(comments.map(row => [`${row['o']}/${row['s']}`, row['d'] as string]));
  }

  async schemas(): Promise<Descriptor[]> {
    const rows = await this.#query(
      'select oid::int8::int o, nspname from pg_namespace where oid >= 16384',
    );
    return rows.map(
      row => ({kind: 'schema', oid: row['o'], name: row['nspname'], ...plain}) as Descriptor,
    );
  }

  async types(): Promise<Descriptor[]> {
    const rows = await this.#query(
      `select *, oid::int8::int o, typnamespace::int8::int ns, typarray::int8::int ar, typbasetype::int8::int b, typrelid::int8::int rel
       from pg_type t where oid >= 16384 and (typtype in ('e', 'd') or typtype = 'c' and
         (select relkind from pg_class where oid = typrelid) = 'c')`,
    );
    const made: Descriptor[] = [];
    for (const row of rows) {
      const labels = await this.#query(
        `select oid::int8::int oid, enumlabel as label, enumsortorder as "sortOrder" from pg_enum where enumtypid = ${row['o']}`,
      );
      made.push({
        kind: 'type',
        oid: row['o'],
        name: row['typname'],
        ...plain,
        schema: row['ns'],
        typeKind: row['typtype'],
        arrayOid: row['ar'],
        labels,
        baseType: row['b'],
        baseTypmod: row['typtypmod'],
        isNotNull: row['typnotnull'],
        defaultText: row['typdefault'],
        columns: row['rel'] === 0 ? [] : await this.#columns(row['rel'] as number),
      } as unknown as Descriptor);
    }
    return made;
  }

  async relations(): Promise<Descriptor[]> {
    const rows = await this.#query(
      `select *, oid::int8::int o, relnamespace::int8::int ns, reltype::int8::int rt, pg_get_viewdef(oid) as def
       from pg_class where oid >= 16384 and relkind in ('r', 'v')`,
    );
    const made: Descriptor[] = [];
    for (const row of rows) {
      const shared = {
        oid: row['o'],
        name: row['relname'],
        ...plain,
        comment: this.#comments.get(`${row['o']}/0`) ?? null,
        schema: row['ns'],
        columns: await this.#columns(row['o'] as number),
        rowType: row['rt'],
        options: {},
      };
      const more =
        row['relkind'] === 'v'
          ? {kind: 'view', queryText: row['def']}
          : {
              kind: 'table',
              tableKind: 'shared',
              persistence: row['relpersistence'],
              schemaVersion: 1,
            };
      const rest = {ttlMs: 0, rowSecurity: false, forceRowSecurity: false};
      made.push({...shared, ...more, ...rest} as unknown as Descriptor);
    }
    return made;
  }

  async #columns(relation: number): Promise<ColumnDescriptor[]> {
    const rows = await this.#query(
      `select a.*, atttypid::int8::int ty, attcollation::int8::int coll, pg_get_expr(adbin, adrelid) def
       from pg_attribute a left join pg_attrdef on adrelid = attrelid and adnum = attnum
       where attrelid = ${relation} and attnum > 0 order by attnum`,
    );
    return rows.map(row => {
      const sequence = this.#sequences.find(
        each => each['t'] === relation && each['a'] === row['attnum'],
      );
      return {
        attnum: row['attnum'],
        name: row['attname'],
        typeOid: row['ty'],
        typmod: row['atttypmod'],
        isNotNull: row['attnotnull'],
        isDropped: row['attisdropped'],
        defaultText: row['def'],
        identity: row['attidentity'],
        generated: row['attgenerated'],
        sequence: sequence?.['o'] ?? 0,
        missingValue: null,
        collation: row['coll'],
        acl: null,
        comment: this.#comments.get(`${relation}/${row['attnum']}`) ?? null,
      } as ColumnDescriptor;
    });
  }

  sequences(): Descriptor[] {
    return this.#sequences.map(
      row =>
        ({
          kind: 'sequence',
          oid: row['o'],
          name: row['relname'],
          ...plain,
          schema: row['ns'],
          typeOid: row['ty'],
          start: BigInt(row['seqstart'] as string),
          increment: BigInt(row['seqincrement'] as string),
          min: BigInt(row['seqmin'] as string),
          max: BigInt(row['seqmax'] as string),
          cache: 1n,
          isCycled: row['seqcycle'],
          ownedByTable: row['t'] ?? 0,
          ownedByAttnum: row['a'] ?? 0,
          persistence: 'p',
        }) as unknown as Descriptor,
    );
  }

  async indexes(): Promise<Descriptor[]> {
    const rows = await this.#query(
      `select i.*, indexrelid::int8::int o, indrelid::int8::int t, c.relname, c.relnamespace::int8::int ns, indkey::int2[]::int[] k,
         indclass::oid[]::int8[]::int[] cl, indcollation::oid[]::int8[]::int[] co, indoption::int2[]::int[] op,
         pg_get_expr(indexprs, indrelid) ex, pg_get_expr(indpred, indrelid) pr,
         coalesce((select oid::int8::int from pg_constraint where conindid = indexrelid and contype in ('p', 'u')), 0) con
       from pg_index i join pg_class c on c.oid = indexrelid where indexrelid >= 16384 and c.relnamespace <> 99`,
    );
    return rows.map(row => {
      const attnums = row['k'] as number[];
      const keyCount = row['indnkeyatts'] as number;
      const keys = attnums.slice(0, keyCount).map((attnum, at) => ({
        attnum,
        expressionText: attnum === 0 ? row['ex'] : null,
        descending: ((row['op'] as number[])[at] ?? 0) % 2 === 1,
        nullsFirst: ((row['op'] as number[])[at] ?? 0) > 1,
        opclass: (row['cl'] as number[])[at],
        collation: (row['co'] as number[])[at],
      }));
      return {
        kind: 'index',
        oid: row['o'],
        name: row['relname'],
        ...plain,
        schema: row['ns'],
        table: row['t'],
        method: 'btree',
        keys,
        included: attnums.slice(keyCount),
        isUnique: row['indisunique'],
        isPrimary: row['indisprimary'],
        nullsNotDistinct: false,
        predicateText: row['pr'],
        options: [],
        constraint: row['con'],
      } as unknown as Descriptor;
    });
  }

  async constraints(): Promise<Descriptor[]> {
    const rows = await this.#query(
      `select *, oid::int8::int o, connamespace::int8::int ns, conrelid::int8::int t, contypid::int8::int d, conindid::int8::int ix,
         confrelid::int8::int ft, pg_get_expr(conbin, conrelid) ex from pg_constraint where oid >= 16384`,
    );
    return rows.map(
      row =>
        ({
          kind: 'constraint',
          oid: row['o'],
          name: row['conname'],
          ...plain,
          schema: row['ns'],
          table: row['t'],
          domain: row['d'],
          type: row['contype'],
          columns: row['conkey'] ?? [],
          isDeferrable: false,
          isDeferred: false,
          isValidated: true,
          expressionText: row['ex'],
          index: row['ix'],
          referencedTable: row['ft'],
          referencedColumns: row['confkey'] ?? [],
          onUpdate: row['confupdtype'],
          onDelete: row['confdeltype'],
          match: row['confmatchtype'],
        }) as unknown as Descriptor,
    );
  }

  async functions(): Promise<Descriptor[]> {
    const rows = await this.#query(
      `select *, oid::int8::int o, pronamespace::int8::int ns, proargtypes::oid[]::int8[]::int[] a, prorettype::int8::int r,
         pg_get_expr(proargdefaults, 0) def from pg_proc where oid >= 16384`,
    );
    return rows.map(
      row =>
        ({
          kind: 'function',
          oid: row['o'],
          name: row['proname'],
          ...plain,
          schema: row['ns'],
          language: 'sql',
          argTypes: row['a'],
          argNames: row['proargnames'] ?? [],
          returnType: row['r'],
          returnsSet: false,
          volatility: row['provolatile'],
          isStrict: false,
          isSecurityDefiner: false,
          body: row['prosrc'],
          functionKind: row['prokind'],
          defaultTexts: row['def'] === null ? [] : [row['def']],
        }) as unknown as Descriptor,
    );
  }
}
