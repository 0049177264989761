/** time with time zone: microseconds since midnight and seconds WEST of UTC, as PostgreSQL stores it. */
export class TimeTz {
  readonly micros: bigint;
  readonly zoneSeconds: number;

  constructor(micros: bigint, zoneSeconds: number) {
    this.micros = micros;
    this.zoneSeconds = zoneSeconds;
  }
}
