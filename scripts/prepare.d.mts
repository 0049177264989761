/** The folder of the project. */
export const root: string;
/** Installs the exact versions of package-lock.json if they are missing or the lock file has changed. */
export function ensureInstalled(): void;
/** The pinned Node of node_modules. */
export function nodePath(): string;
/** Compiles src/ into dist/ unless dist/ was made from exactly these files; returns false if types are wrong. */
export function ensureBuilt(): boolean;
/** The same for the client library in sdk/. */
export function ensureSdkBuilt(): boolean;
