import type {FunctionRow} from '../contract.ts';
import {wadiFunctions} from '../data/wadi-functions.ts';
import type {FunctionDescriptor} from '../descriptors.ts';
import {RoleOid} from '../well-known.ts';
import {
  aclDatum,
  arrayOrNull,
  asOid,
  vector,
  type Row,
  type SystemContext,
  type SystemSource,
} from './source.ts';

const LANGUAGE_INTERNAL = 12;
const LANGUAGE_SQL = 14;

/** pg_proc. */
export const pgProc: SystemSource = {
  all: context => [
    ...context.rows.all('pg_proc'),
    ...wadiFunctions.map(fn => ownRow(fn)),
    ...[...context.snapshot.userFunctions()].map(fn => userRow(context, fn)),
  ],
  by: {
    oid: (context, value) => {
      const key = asOid(value);
      const user = context.snapshot.get('function', key) as FunctionDescriptor | undefined;
      if (user !== undefined) return [userRow(context, user)];
      const own = wadiFunctions.filter(fn => fn.oid === key);
      return own.length > 0 ? own.map(fn => ownRow(fn)) : context.rows.byKey('pg_proc', key);
    },
    proname: (context, value) => [
      ...context.rows.byName('pg_proc', value),
      ...wadiFunctions.filter(fn => fn.name === value).map(fn => ownRow(fn)),
      ...[...context.snapshot.userFunctions()]
        .filter(fn => fn.name === value)
        .map(fn => userRow(context, fn)),
    ],
  },
};

function ownRow(fn: FunctionRow): Row {
  return row(fn, {
    owner: RoleOid.postgres,
    language: LANGUAGE_INTERNAL,
    source: fn.source,
    isDefiner: false,
    acl: null,
  });
}

function userRow(context: SystemContext, fn: FunctionDescriptor): Row {
  const {snapshot} = context;
  const [made = []] = context.memo.get(fn, 'pg_proc', [], () => {
    const shape = snapshot.functionByOid(fn.oid);
    if (shape === undefined) return [];
    const acl = aclDatum(fn.acl, snapshot);
    const language = fn.language === 'sql' ? LANGUAGE_SQL : LANGUAGE_INTERNAL;
    const more = {owner: fn.owner, language, source: fn.body, acl};
    return [row(shape, {...more, ...planning(fn), isDefiner: fn.isSecurityDefiner})];
  });
  return made;
}

function planning(fn: FunctionDescriptor): Partial<ProcFacts> {
  const {isLeakproof = false, parallel = 'u'} = fn;
  return {
    isLeakproof,
    parallel,
    ...(fn.cost === undefined ? {} : {cost: fn.cost}),
    ...(fn.rows === undefined ? {} : {rows: fn.rows}),
  };
}

/** What pg_proc has beyond a FunctionRow. */
interface ProcFacts {
  readonly owner: number;
  readonly language: number;
  readonly source: string;
  readonly isDefiner: boolean;
  readonly isLeakproof?: boolean;
  readonly parallel?: string;
  readonly cost?: number;
  readonly rows?: number;
  readonly acl: ReturnType<typeof aclDatum>;
}

function row(fn: FunctionRow, facts: ProcFacts): Row {
  const hasModes = fn.argModes !== '';
  const names = fn.argNames.some(name => name !== '') ? fn.argNames : [];
  return [
    ...[fn.oid, fn.name, fn.schema, facts.owner, facts.language],
    ...[facts.cost ?? (facts.language === LANGUAGE_SQL ? 100 : 1)],
    ...[facts.rows ?? (fn.returnsSet ? 1000 : 0), fn.variadic, 0],
    ...[fn.kind, facts.isDefiner, facts.isLeakproof ?? false, fn.isStrict, fn.returnsSet],
    ...[fn.volatility, facts.parallel ?? 'u'],
    ...[fn.argTypes.length, fn.defaultCount, fn.returnType],
    vector(fn.argTypes),
    hasModes ? arrayOrNull(fn.allArgTypes) : null,
    hasModes ? arrayOrNull([...fn.argModes]) : null,
    arrayOrNull(names),
    fn.defaultCount === 0 ? null : fn.defaultTexts.join(', '),
    ...[null, facts.source, null, null, null, facts.acl],
  ];
}
