import {
  meetingOfSegments,
  near,
  onSegment,
  type Point,
  samePoint,
  type Segment,
} from './geometry-plane.ts';

const {ge, gt, le, lt, zero} = near;
/** The point is on the edge. */
const ON_EDGE = Infinity;

/** How an edge crosses the ray from the origin to the right: 0, half (±1) or whole (±2) crossings. */
function crossing(x: number, y: number, beforeX: number, beforeY: number): number {
  if (zero(y)) {
    if (zero(x)) return ON_EDGE;
    if (gt(x, 0)) {
      if (zero(beforeY)) return gt(beforeX, 0) ? 0 : ON_EDGE;
      return lt(beforeY, 0) ? 1 : -1;
    }
    if (zero(beforeY)) return lt(beforeX, 0) ? 0 : ON_EDGE;
    return 0;
  }
  const side = gt(y, 0) ? 1 : -1;
  if (zero(beforeY)) return lt(beforeX, 0) ? 0 : side;
  if (side < 0 ? lt(beforeY, 0) : gt(beforeY, 0)) return 0;
  if (ge(x, 0) && gt(beforeX, 0)) return 2 * side;
  if (lt(x, 0) && le(beforeX, 0)) return 0;
  const turn = (x - beforeX) * y - (y - beforeY) * x;
  if (zero(turn)) return ON_EDGE;
  return (side < 0 ? lt(turn, 0) : gt(turn, 0)) ? 0 : 2 * side;
}

/** Whether a point is inside a polygon or on its edge. */
export function insidePolygon(p: Point, polygon: readonly Point[]): boolean {
  let total = 0;
  for (let at = 0; at < polygon.length; at++) {
    const before = polygon[at]!;
    const next = polygon[(at + 1) % polygon.length]!;
    const count = crossing(next[0] - p[0], next[1] - p[1], before[0] - p[0], before[1] - p[1]);
    if (count === ON_EDGE) return true;
    total += count;
  }
  return total !== 0;
}

/** Whether a segment is inside a polygon; edges before `start` are known not to cut it. */
function segmentInside(a: Point, b: Point, polygon: readonly Point[], start: number): boolean {
  const whole: Segment = [a, b];
  let isCut = false;
  for (let at = start; at < polygon.length; at++) {
    const edge: Segment = [polygon[at === 0 ? polygon.length - 1 : at - 1]!, polygon[at]!];
    if (onSegment(a, edge)) {
      if (onSegment(b, edge)) return true;
      if (!touchedInside(a, b, edge, polygon, at + 1)) return false;
    } else if (onSegment(b, edge)) {
      if (!touchedInside(b, a, edge, polygon, at + 1)) return false;
    } else {
      const met = meetingOfSegments(whole, edge);
      if (met === null) continue;
      isCut = true;
      if (!segmentInside(a, met, polygon, at + 1)) return false;
      if (!segmentInside(b, met, polygon, at + 1)) return false;
    }
  }
  return isCut || insidePolygon([(a[0] + b[0]) / 2, (a[1] + b[1]) / 2], polygon);
}

/** The same for a segment whose end `a` is on an edge. */
function touchedInside(
  a: Point,
  b: Point,
  edge: Segment,
  polygon: readonly Point[],
  start: number,
): boolean {
  const whole: Segment = [a, b];
  const candidates = samePoint(a, edge[0]) ? [edge[1]] : samePoint(a, edge[1]) ? [edge[0]] : edge;
  const end = candidates.find(p => onSegment(p, whole));
  return end === undefined || segmentInside(b, end, polygon, start);
}

/** Whether every edge of one polygon is inside another. */
export function polygonContains(outer: readonly Point[], inner: readonly Point[]): boolean {
  return inner.every((p, at) =>
    segmentInside(inner[at === 0 ? inner.length - 1 : at - 1]!, p, outer, 0),
  );
}
