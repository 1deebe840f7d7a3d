/** The latency chart: a line a format, from the 5th to the 95th percentile, with a mark at the median. */

import { timeWords, type Spread } from "./figures";
import { svg } from "./page";

const WIDTH = 860;
const LABELS = 92;
const VALUES = 84;
const ROW = 34;
const AXIS = 26;

/** Values of 1, 2 and 5 times powers of ten, a few of them below the largest. */
function ticks(largest: number): number[] {
  const rough = largest / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough)!;
  return Array.from({ length: Math.floor(largest / step) + 1 }, (_, number) => number * step);
}

export function latencyChart(rows: { name: string; spread: Spread }[]): SVGElement {
  const largest = Math.max(...rows.map(({ spread }) => spread.p95)) * 1.02;
  const height = rows.length * ROW + AXIS;
  const right = WIDTH - VALUES;
  const x = (us: number) => LABELS + ((right - LABELS) * us) / largest;
  const grid = ticks(largest).flatMap((us) => [
    svg("line", { class: "grid", x1: x(us), x2: x(us), y1: 0, y2: height - AXIS }),
    svg("text", { class: "tick", x: x(us), y: height - 8, "text-anchor": "middle" }, us === 0 ? "0" : timeWords(us)),
  ]);
  const lines = rows.flatMap(({ name, spread }, row) => {
    const y = row * ROW + ROW / 2;
    return [
      svg("text", { class: "name", x: LABELS - 14, y: y + 4, "text-anchor": "end" }, name),
      svg("rect", {
        class: "spread",
        x: x(spread.p5),
        y: y - 5,
        width: Math.max(2, x(spread.p95) - x(spread.p5)),
        height: 10,
        rx: 5,
      }),
      svg("circle", { class: "median", cx: x(spread.median), cy: y, r: 6 }),
      svg("text", { class: "value", x: WIDTH - VALUES + 14, y: y + 4 }, timeWords(spread.median)),
    ];
  });
  const words = rows.map(({ name, spread }) => `${name} ${timeWords(spread.median)}`).join(", ");
  const label = `Time of one call, median: ${words}`;
  return svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": label }, ...grid, ...lines);
}
