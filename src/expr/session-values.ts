import type {EvalContext} from '../functions/contract.ts';
import type {Datum} from '../types/contract.ts';
import type {SessionValueExpr} from './bound.ts';
import {
  currentDate,
  currentTime,
  localTime,
  localTimestamp,
  roundMicros,
} from '../functions/session-clock.ts';

/** CURRENT_USER, CURRENT_DATE and their kin: read from the run, never kept in a plan. */
export function sessionValue(
  name: SessionValueExpr['name'],
  context: EvalContext,
  typmod: number,
): Datum {
  switch (name) {
    case 'current_user':
    case 'current_role':
      return context.session.currentUser();
    case 'session_user':
      return context.session.sessionUser();
    case 'current_catalog':
      return context.session.currentDatabase();
    case 'current_schema':
      return context.session.currentSchemas(false)[0] ?? null;
    case 'current_timestamp':
      return roundMicros(context.clock.transactionTimestamp(), typmod);
    case 'current_date':
      return currentDate(context);
    case 'current_time':
      return currentTime(context, typmod);
    case 'localtime':
      return localTime(context, typmod);
    case 'localtimestamp':
      return localTimestamp(context, typmod);
  }
}
