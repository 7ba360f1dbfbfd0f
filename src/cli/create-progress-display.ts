import type { Output } from './output.js';
import { ProgressBars } from './progress-bars.js';
import type { ProgressDisplay } from './progress-display.js';
import { ProgressLines } from './progress-lines.js';

/** Live bars for a person who looks on, else plain lines. */
export function createProgressDisplay(output: Output): ProgressDisplay {
  const nowMs = () => performance.now();
  return output.isTerminal ? new ProgressBars(output, nowMs) : new ProgressLines(output, nowMs);
}
