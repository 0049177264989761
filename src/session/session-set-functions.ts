import type {SetFunctionCode} from '../functions/contract.ts';
import type {Datum} from '../types/contract.ts';
import {SessionEvalContext} from './eval-context.ts';

/** Set-returning functions about the session itself, by prosrc. */
export const SESSION_SET_FUNCTIONS: ReadonlyMap<string, SetFunctionCode> = new Map([
  [
    'pg_listening_channels',
    {
      create: () => (_args: readonly Datum[], context) => {
        const channels =
          context instanceof SessionEvalContext ? [...context.boundSession.listening] : [];
        return channels[Symbol.iterator]();
      },
    } satisfies SetFunctionCode,
  ],
]);
