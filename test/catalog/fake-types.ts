import {oid} from '../../src/common/ids.ts';
import {StaticData} from '../../src/catalog/static-data.ts';
import type {TypeMakers, TypeSpec} from '../../src/catalog/type-makers.ts';
import type {TypeInstance} from '../../src/types/contract.ts';

/** Type makers that know only names and shapes, no codecs: for tests of the catalog's own bookkeeping. */
export function fakeMakers(): TypeMakers {
  const table = new StaticData().table('pg_type');
  const known = new Map<number, TypeInstance>();
  for (const row of table.rows()) {
    if (row[6] === 'c' || row[6] === 'd' || row[2] !== 11) continue;
    const spec = {oid: oid(row[0] as number), name: row[1] as string, arrayOid: oid(row[14] as number)};
    known.set(spec.oid, fake(spec, {kind: row[6] as TypeInstance['kind']}));
  }
  for (const row of table.rows()) {
    const element = known.get(row[13] as number);
    const type = known.get(row[0] as number);
    if (element !== undefined && type !== undefined) known.set(type.oid, {...type, element});
  }
  return {
    builtin: typeOid => known.get(typeOid),
    makeEnum: (spec, labels) => fake(spec, {kind: 'e', labels}),
    makeDomain: (spec, base, baseTypmod) => fake(spec, {kind: 'd', base, baseTypmod}),
    makeComposite: (spec, fields) => fake(spec, {kind: 'c', fields}),
    makeArray: (spec, element) => fake(spec, {kind: 'b', category: 'A', element}),
  };
}

function fake(spec: TypeSpec, more: Readonly<Record<string, unknown>>): TypeInstance {
  const base = {category: 'U', element: null, base: null, baseTypmod: -1, length: -1, delimiter: ','};
  return {...base, ...spec, ...more} as unknown as TypeInstance;
}
