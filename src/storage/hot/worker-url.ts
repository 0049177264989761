/** The URL of a worker's module beside the caller's, as source (.ts) or as built (.js). */
export function workerUrl(name: string, base: string): URL {
  return new URL(`./${name}${base.endsWith('.ts') ? '.ts' : '.js'}`, base);
}
