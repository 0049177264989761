import type {LoginRole} from '../../session/contract.ts';

/** The verifier of a role that may use it now; null when it has none or its time is over. */
export function currentVerifier(role: LoginRole | undefined): string | null {
  return role === undefined || isExpired(role.validUntil) ? null : role.password;
}

/** Whether VALID UNTIL is over. */
export function isExpired(validUntil: string | null): boolean {
  if (validUntil === null || validUntil === 'infinity') return false;
  if (validUntil === '-infinity') return true;
  const time = Date.parse(validUntil.replace(/([+-]\d\d)$/, '$1:00'));
  // What cannot be read lets nobody in.
  return Number.isNaN(time) || time <= Date.now();
}

/** Whether an address is of this machine. */
export function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address);
}
