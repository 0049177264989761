/** How long and how often a suite measures, and of how many rows: `--seconds`, `--rounds`, `--rows` (olap only). */
export interface SuiteOptions {
  readonly seconds: number;
  readonly rounds: number;
  readonly rows: number;
}
