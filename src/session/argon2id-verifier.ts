import {PgError} from '../common/errors.ts';
import {parseScramVerifier, saslPrep} from '../common/scram.ts';
import {SqlState} from '../common/sqlstate.ts';

/** Memory in KiB, rounds and lanes: the least that OWASP names. */
const cost = {memoryCost: 19_456, timeCost: 2, parallelism: 1};

/** The verifier of a password for login by HTTP, or by password over TLS: an argon2id hash. One that is given is kept. */
export async function argon2idVerifier(password: string): Promise<string> {
  if (password.startsWith('$argon2id$')) return password;
  if (parseScramVerifier(password) !== null) {
    throw new PgError(
      SqlState.invalidParameterValue,
      'a SCRAM verifier cannot become an argon2id hash',
    );
  }
  const {default: argon2} = await import('argon2');
  return argon2.hash(saslPrep(password), {type: argon2.argon2id, ...cost});
}
