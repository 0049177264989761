import type {Oid} from '../../common/ids.ts';
import type {PgError, PgErrorFields} from '../../common/errors.ts';
import {SqlState, type SqlStateCode} from '../../common/sqlstate.ts';
import type {BoundExpr, ParamExpr} from '../../expr/bound.ts';
import type {TypeInstance} from '../../types/contract.ts';
import {errorType} from './display-type.ts';
import {TypeOid} from './type-oids.ts';

const maxParameters = 65535;

/** What parameters need of the statement that is bound. */
export interface ParameterHost {
  readonly context: {readonly parameterTypes: readonly Oid[]};
  error(code: SqlStateCode, message: string, location: number, fields?: PgErrorFields): PgError;
  type(typeOid: Oid): TypeInstance;
}

/** Types of $1..$n: declared, or inferred by the first use that needs one (PostgreSQL parse_param.c). */
export class ParameterTypes {
  readonly #binding: ParameterHost;
  readonly #types: (TypeInstance | null)[] = [];
  /** References made before their type was known and not converted since. */
  readonly #open = new Set<ParamExpr>();
  /** Arguments that replace the parameters while a LANGUAGE sql function is bound in place. */
  substitutes: readonly BoundExpr[] | null = null;
  /** Simple protocol: there are none. */
  isForbidden = false;

  constructor(binding: ParameterHost) {
    this.#binding = binding;
    binding.context.parameterTypes.forEach((declared: Oid, index) => {
      this.#types[index] =
        declared === 0 || declared === TypeOid.unknown ? null : binding.type(declared);
    });
  }

  /** $number (1-based) as an expression; of type unknown while nothing is known. */
  reference(number: number, location: number): BoundExpr {
    if (this.substitutes !== null) {
      const substitute = this.substitutes[number - 1];
      if (substitute === undefined) throw this.#missing(number, location);
      return substitute;
    }
    if (this.isForbidden || number < 1 || number > maxParameters)
      throw this.#missing(number, location);
    while (this.#types.length < number) this.#types.push(null);
    const type = this.#types[number - 1] ?? this.#binding.type(TypeOid.unknown);
    const made: ParamExpr = {kind: 'param', type, typmod: -1, location, index: number - 1};
    if (type.oid === TypeOid.unknown) this.#open.add(made);
    return made;
  }

  #missing(number: number, location: number): Error {
    return this.#binding.error(
      SqlState.undefinedParameter,
      `there is no parameter $${number}`,
      location,
    );
  }

  /** Gives an undetermined parameter its type; a parameter that has another type already is an error. */
  resolve(param: ParamExpr, target: TypeInstance): ParamExpr {
    this.#open.delete(param);
    const known = this.#types[param.index] ?? null;
    if (known === null) this.#types[param.index] = target;
    else if (known.oid !== target.oid) {
      throw this.#binding.error(
        SqlState.ambiguousParameter,
        `inconsistent types deduced for parameter $${param.index + 1}`,
        param.location,
        {detail: `${errorType(known)} versus ${errorType(target)}`},
      );
    }
    return {...param, type: target};
  }

  /** The types at the end of binding; one that is still unknown is 42P18. */
  finish(): readonly TypeInstance[] {
    const types = this.#types.map((type, index) => {
      if (type !== null) return type;
      throw this.#binding.error(
        SqlState.indeterminateDatatype,
        `could not determine data type of parameter $${index + 1}`,
        -1,
      );
    });
    for (const param of this.#open) {
      throw this.#binding.error(
        SqlState.ambiguousParameter,
        `could not determine data type of parameter $${param.index + 1}`,
        param.location,
      );
    }
    return types;
  }

  get count(): number {
    return this.#types.length;
  }
}
