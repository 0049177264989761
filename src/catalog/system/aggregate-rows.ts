import type {Row, SystemSource} from './source.ts';

/** pg_aggregate. */
export const pgAggregate: SystemSource = {
  all: context => [
    ...context.rows.all('pg_aggregate'),
    ...[...context.snapshot.userFunctions()].flatMap((fn): Row[] => {
      if (fn.aggregate === undefined) return [];
      const {transition, stateType, final, combine, initial, finalModify} = fn.aggregate;
      return [
        [
          ...[fn.oid, 'n', 0, transition, final, combine, 0, 0, 0, 0, 0],
          ...[false, false, finalModify, 'r', 0, stateType, 0, 0, 0, initial, null],
        ],
      ];
    }),
  ],
};
