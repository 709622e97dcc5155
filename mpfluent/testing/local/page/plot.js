// The plot of the rate: one bar a second, of the last minute.

import { svg } from "./dom.js";

const BARS = 60;
const WIDTH = 240,
  HEIGHT = 36;

/** Return a function that takes the rate of each second and its limit, and draws. */
export function plot(place) {
  const rates = new Array(BARS).fill(0);
  const area = svg("path", { class: "area" });
  const line = svg("path", { class: "line" });
  const limit = svg("line", { class: "limit", x1: 0, x2: WIDTH, y1: -1, y2: -1 });
  place.append(area, line, limit);
  return (rate, rateLimit) => {
    rates.push(rate);
    rates.shift();
    const top = Math.max(...rates, 1) * 1.15;
    const step = WIDTH / (BARS - 1);
    const y = (value) => HEIGHT - 1 - (value / top) * (HEIGHT - 2);
    const points = rates.map((value, index) => `${(index * step).toFixed(1)} ${y(value).toFixed(1)}`);
    line.setAttribute("d", `M${points.join("L")}`);
    area.setAttribute("d", `M0 ${HEIGHT}L${points.join("L")}L${WIDTH} ${HEIGHT}Z`);
    const at = rateLimit <= top ? y(rateLimit) : -1;
    limit.setAttribute("y1", at);
    limit.setAttribute("y2", at);
    place.setAttribute(
      "aria-label",
      `Batches a second in the last minute: now ${Math.round(rate)}, at most ${Math.round(Math.max(...rates))}`,
    );
  };
}
